"""A figure as a Vega-Lite specification, the grammar of DVC's plots too: for files, and for pages that answer the pointer."""

from typing import Any

from features.wording.numbers import percent, written
from models.presentation.chart import GREY, INK, PALE, Chart, Panel
from models.presentation.vega_axes import SIZE, axis
from models.presentation.vega_marks import PAPER, Layer, layers

__all__ = ["WIDTH", "chart_spec", "number_format", "panel_spec"]

WIDTH = 430
"""Pixels of a panel: so that its letters can be read on a telephone, where it is shown at eight tenths."""
FONT = "Inter, Segoe UI, Helvetica Neue, Arial, Liberation Sans, sans-serif"
AXIS = "#aab4bd"
SPEC = "https://vega.github.io/schema/vega-lite/v5.json"


def number_format(language: str) -> dict[str, Any]:
    """Say how a language writes numbers, as Vega's ``formatLocale`` takes it."""
    probe = written("1,000.5", language)
    sign = percent(0.0, language, 0)[1:]
    return {"decimal": probe[-2], "thousands": probe[1:-5], "grouping": [3], "currency": ["", ""], "percent": sign}


def chart_spec(chart: Chart, language: str, background: str | None = PAPER) -> dict[str, Any]:
    """Make one specification of a whole figure, its panels side by side, two in a row."""
    panels = [_view(panel, language, interactive=False) | {"title": _title(panel.title)} for panel in chart.panels]
    body: dict[str, Any] = panels[0] if len(panels) == 1 else {"concat": panels, "columns": 2, "spacing": 24}
    if len(panels) > 1:
        body["resolve"] = {"scale": {"color": "independent"}, "legend": {"color": "independent"}}
    title = {"text": chart.title, "anchor": "start", "fontSize": 17, "color": INK, "offset": 12}
    if len(panels) == 1:
        return _whole(body | {"title": title, "width": WIDTH - 60, "height": chart.panels[0].height - 50}, background)
    for made, panel in zip(panels, chart.panels, strict=True):
        made |= {"width": WIDTH - 60, "height": panel.height - 50}
    return _whole(body | {"title": title}, background)


def panel_spec(panel: Panel, language: str, *, interactive: bool = False) -> dict[str, Any]:
    """Make the specification of one panel that is `WIDTH` pixels wide, letters and all, without a title.

    Parameters
    ----------
    panel : Panel
    language : str
        How numbers are written.
    interactive : bool
        Whether marks tell their values, the legend picks a series, and axes can be dragged and zoomed; then it is as wide as
        its place.
    """
    view = _view(panel, language, interactive)
    view |= {"height": panel.height, "autosize": {"type": "fit", "contains": "padding"}}
    return _whole(view | {"width": "container" if interactive else WIDTH}, None)


def _whole(body: dict[str, Any], background: str | None) -> dict[str, Any]:
    axes = {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": SIZE,
        "titleFontSize": SIZE,
        "titleFontWeight": "normal",
    }
    axes |= {
        "gridColor": PALE,
        "domainColor": AXIS,
        "ticks": False,
        "labelPadding": 6,
        "titlePadding": 8,
        "labelLimit": 260,
    }
    legend = {
        "orient": "top",
        "title": None,
        "labelFontSize": SIZE,
        "labelColor": INK,
        "labelLimit": 380,
        "symbolSize": 90,
    }
    config = {
        "font": FONT,
        "aria": False,  # the image has a text of its own
        "view": {"stroke": None},
        "axis": axes | {"titleLimit": 400},
        "legend": legend
        | {"columnPadding": 14, "rowPadding": 3, "offset": 8, "symbolStrokeWidth": 2.5, "symbolOpacity": 1},
        "title": {"fontSize": SIZE + 1, "anchor": "start", "color": INK},
    }
    return {"$schema": SPEC, "background": background, "padding": 2, **body, "config": config}


def _title(text: str) -> dict[str, Any] | None:
    return {"text": text, "fontWeight": "normal"} if text else None


def _view(panel: Panel, language: str, interactive: bool) -> dict[str, Any]:
    stacked: list[Layer] = []
    for series in panel.series:
        stacked += layers(series, panel, language, interactive)
    if panel.rule is not None:
        line = {"type": "rule", "color": GREY, "strokeDash": [4, 3]}
        stacked.insert(0, {"data": {"values": [{"x": panel.rule}]}, "mark": line, "encoding": {"x": axis(panel, "x")}})
    if interactive:
        _answers(stacked)
    return {"layer": stacked}


def _answers(stacked: list[Layer]) -> None:
    named = next((layer for layer in stacked if "n" in layer["data"]["values"][0]), None)
    drag = {"name": "drag", "select": "interval", "bind": "scales"}
    stacked[-1]["params"] = [drag]
    if named is not None:
        pick = {"name": "pick", "select": {"type": "point", "fields": ["n"]}, "bind": "legend"}
        named["params"] = [*named.get("params", []), pick]
        for layer in stacked:
            if "n" in layer["data"]["values"][0]:
                shown = layer["mark"].pop("opacity", 1.0)
                layer["encoding"]["opacity"] = {"condition": {"param": "pick", "value": shown}, "value": 0.05}
