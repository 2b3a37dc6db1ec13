"""Axes, scales and legends of a Vega-Lite specification."""

import json
from collections.abc import Sequence
from typing import Any

from models.presentation.chart import Panel, Series

__all__ = ["SIZE", "axis", "colour"]

SIZE = 13
FIGURES: dict[str, dict[str, Any]] = {
    "percent": {"format": ".1~%"},
    "number": {"format": ",~g"},
    "none": {"labels": False},
    "points": {"labelExpr": "abs(datum.value) < 1e-9 ? '0' : format(100 * datum.value, '+~g')"},
}


def axis(panel: Panel, which: str) -> dict[str, Any]:
    """Give the encoding of positions along an axis, ``x`` or ``y``, with its scale and how it is labelled."""
    along_x = which == "x"
    label, how, ends, names = (
        (panel.x_label, panel.x_format, panel.x_range, panel.x_ticks)
        if along_x
        else (panel.y_label, panel.y_format, panel.y_range, panel.y_ticks)
    )
    made: dict[str, Any] = {"title": label or None}
    scale: dict[str, Any] = {"zero": False, "nice": ends is None}
    if ends:
        scale["domain"] = list(ends)
    if panel.x_log if along_x else panel.y_log:
        scale |= {"type": "log", "nice": False}
        power = "log(datum.value) / LN10"
        whole = f"abs({power} - round({power})) < 1e-6 ? format(datum.value, ',.12~g') : ''"
        made |= {"labelExpr": whole, "tickCount": 6}
    elif names:
        made |= _names(names, along_x)
        if not along_x:
            scale |= {"domain": [len(names) - 0.4, -0.6], "nice": False}
    else:
        made |= {"tickCount": 5, **FIGURES[how]}
    return {"field": which, "type": "quantitative", "axis": made, "scale": scale}


def _names(names: Sequence[str], along_x: bool) -> dict[str, Any]:
    shown = [name.removeprefix("*").split("\n") if "\n" in name else name.removeprefix("*") for name in names]
    headings = [place for place, name in enumerate(names) if name.startswith("*")]
    bold = {"condition": {"test": f"indexof({headings}, datum.value) >= 0", "value": "bold"}, "value": "normal"}
    axis: dict[str, Any] = {
        "values": list(range(len(names))),
        "labelExpr": f"{json.dumps(shown, ensure_ascii=False)}[datum.value]",
    }
    axis |= {"labelFontWeight": bold, "grid": False, "labelOverlap": False, "labelLineHeight": SIZE + 2}
    if along_x and len(names) > 6:
        axis |= {"labelAngle": -45}
    return axis


def colour(series: Series, panel: Panel) -> dict[str, Any]:
    """Give the encoding of a series' colour: of its name in the legend that its panel shares, or plain."""
    if not series.name:
        return {"value": series.colour}
    named = {one.name: one.colour for one in reversed(panel.series) if one.name}
    kind = next(one.kind for one in reversed(panel.series) if one.name)
    symbol = {"line": "stroke", "points": "circle"}.get(kind, "square")
    columns = 1 if panel.y_ticks or max(len(name) for name in named) >= 30 else 2
    scale = {"domain": list(named), "range": list(named.values())}
    return {
        "field": "n",
        "type": "nominal",
        "scale": scale,
        "legend": {"symbolType": symbol, "columns": columns, "title": None},
    }
