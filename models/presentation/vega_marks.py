"""The marks of a Vega-Lite specification: a series as layers, each with its rows."""

from collections.abc import Callable
from typing import Any

from models.presentation.chart import HEAT, INK, Panel, Series
from models.presentation.numbers import number, percent, points
from models.presentation.vega_axes import SIZE, axis, colour

__all__ = ["PAPER", "Layer", "layers"]

PAPER = "#ffffff"
ENDS = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
Layer = dict[str, Any]


def layers(series: Series, panel: Panel, language: str, interactive: bool) -> list[Layer]:
    """Give the layers of a series, those behind first."""
    if not series.x and series.kind != "band":
        return []
    rows = _rows(series, panel, language, interactive)
    encoding: dict[str, Any] = {"x": axis(panel, "x"), "y": axis(panel, "y"), "color": colour(series, panel)}
    if interactive and series.kind != "text":
        encoding["tooltip"] = {"field": "t"}

    def layer(mark: dict[str, Any], **more: Any) -> Layer:
        return {"data": {"values": rows}, "mark": {"clip": True, **mark}, "encoding": encoding | more}

    order = {"field": "i", "type": "quantitative"}
    line: dict[str, Any] = {"type": "line", "strokeWidth": series.width} | (
        {"strokeDash": [5, 4]} if series.dashed else {}
    )
    if series.kind == "line":
        return [layer(line, order=order)]
    if series.kind in ("columns", "bars"):
        edge = {"stroke": PAPER, "strokeWidth": 0.6} if series.kind == "columns" else {}
        return [layer({"type": "bar", "opacity": series.alpha, **edge}, **ENDS), *_whiskers(series, layer, INK)]
    if series.kind == "band":
        return [layer({"type": "rect", "opacity": series.alpha}, **ENDS)]
    if series.kind == "cells":
        return _cells(series, layer)
    if series.kind == "text":
        weight = "bold" if series.bold else "normal"
        mark = {"type": "text", "align": "left", "dx": 5, "fontSize": SIZE, "fontWeight": weight, "clip": False}
        return [layer(mark, text={"field": "s"}, color={"value": INK})]
    drawn = _whiskers(series, layer, None)
    if series.joined:
        drawn.append(layer(line, order=order))
    inside = {"fill": PAPER} if series.hollow else {}
    mark = {
        "type": "point",
        "filled": not series.hollow,
        "size": 46,
        "opacity": 1,
        "shape": series.shape,
        "strokeWidth": 1.8,
    }
    return [*drawn, layer(mark | inside)]


def _cells(series: Series, layer: Callable[..., Layer]) -> list[Layer]:
    scale = {"domain": [0, series.top / 2, series.top], "range": list(HEAT), "clamp": True, "interpolate": "rgb"}
    heat = {"field": "v", "type": "quantitative", "scale": scale, "legend": None}
    light = {"test": f"datum.v > {0.7 * series.top}", "value": "#fefefe"}
    ink = {"condition": light, "value": "#1f2a33"}  # on the cell's colour, which is the same on a dark screen
    written = layer({"type": "text", "fontSize": SIZE - 1}, text={"field": "s"}, color=ink)
    for along in ("x", "y"):
        written["encoding"][along] = {**written["encoding"][along], "field": f"{along}m"}
    return [layer({"type": "rect"}, color=heat, **ENDS), written]


def _whiskers(series: Series, layer: Callable[..., Layer], colour: str | None) -> list[Layer]:
    if not series.low:
        return []
    along, across = ("x", "x2") if series.sideways else ("y", "y2")
    made = layer({"type": "rule", "strokeWidth": 1.4 if colour else 2.4, "opacity": 1.0 if colour else 0.5})
    made["data"] = {"values": [row | {along: row["lo"]} for row in made["data"]["values"] if row["lo"] is not None]}
    made["encoding"] = made["encoding"] | {across: {"field": "hi"}} | ({"color": {"value": colour}} if colour else {})
    if not made["data"]["values"]:
        return []
    if series.kind == "bars":
        made["encoding"]["y"] = {**made["encoding"]["y"], "field": "ym"}
    return [made]


def _rows(series: Series, panel: Panel, language: str, interactive: bool) -> list[dict[str, Any]]:
    if series.kind == "band":
        low, high = panel.x_range or (-0.5, len(panel.x_ticks) - 0.5)
        ends = {"x": low, "x2": high, "y": series.low[0], "y2": series.high[0]}
        return [ends | ({"n": series.name} if series.name else {}) | ({"t": series.name} if interactive else {})]
    rows = []
    for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        base = series.base if isinstance(series.base, int | float) else series.base[i]
        row: dict[str, Any] = {"x": x, "y": y}
        if series.kind == "columns":
            row |= {"x2": x + series.width, "y2": base}
        elif series.kind == "bars":
            row |= {"x2": base, "y": y - 0.34, "y2": y + 0.34, "ym": y}
        elif series.kind == "cells":
            row |= {
                "x": x - 0.49,
                "x2": x + 0.49,
                "y": y - 0.48,
                "y2": y + 0.48,
                "xm": x,
                "ym": y,
                "v": series.values[i],
            }
        elif series.kind in ("line", "points"):
            row["i"] = i
        if series.kind in ("cells", "text"):
            row["s"] = series.hover[i]
        if series.low:
            row |= {"lo": series.low[i], "hi": series.high[i]}
        if series.name:
            row["n"] = series.name
        if interactive:
            row["t"] = _told(series, panel, i, language)
        rows.append(row)
    return rows


def _told(series: Series, panel: Panel, at: int, language: str) -> str:
    if series.hover:
        return series.hover[at]
    middle = series.width / 2 if series.kind == "columns" else 0.0
    x = (
        panel.x_ticks[round(series.x[at])]
        if panel.x_ticks
        else _figure(series.x[at] + middle, panel.x_format, language)
    )
    y = "" if panel.y_ticks else _figure(series.y[at], panel.y_format, language)
    return f"{series.name}: {x}; {y}".removeprefix(": ").removesuffix("; ")


def _figure(value: float, how: str, language: str) -> str:
    if how == "percent":
        return percent(value, language)
    return points(value, language) if how == "points" else number(value, 2, language)
