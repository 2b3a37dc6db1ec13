"""All figures on one page that answers the pointer and needs no network: it holds plotly.js. The only importer of plotly."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from pipeline.pages.chart import GREY, INK, PALE, Chart, Panel, Series
from pipeline.pages.charts import FIGURES, chart
from pipeline.pages.html import LANGUAGES, STYLE

__all__ = ["interactive_figure", "interactive_page"]

FONT = "Inter, Segoe UI, Helvetica Neue, Arial, Liberation Sans, sans-serif"
PIXELS = 100  # per inch of the chart
CORNERS = {"upper left": (0.01, 0.99), "upper right": (0.99, 0.99), "lower right": (0.99, 0.01)}
OWN_STYLE = """
.languages button { padding: 3px 14px; border: 1px solid var(--line); border-radius: 14px; cursor: pointer;
  color: var(--soft); font: inherit; font-size: 13px; background: #fff; }
.languages button[aria-pressed=true] { background: var(--blue); border-color: var(--blue); color: #fff; }
.chart { margin: 0 0 26px; }
"""
# Drawn in the chosen language only, since a hidden figure has no width to fit.
SCRIPT = """
const pages = JSON.parse(document.getElementById("charts").textContent);
function show(language) {
  const page = pages[language];
  document.documentElement.lang = language;
  document.querySelector("h1").textContent = page.title;
  document.querySelector(".lead").textContent = page.lead;
  document.querySelectorAll(".languages button").forEach(
    (button) => button.setAttribute("aria-pressed", String(button.value === language)));
  page.charts.forEach((figure, place) => Plotly.react(
    document.getElementById("chart-" + place), figure.data, figure.layout,
    { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] }));
}
document.querySelectorAll(".languages button").forEach(
  (button) => button.addEventListener("click", () => show(button.value)));
show(document.documentElement.lang);
"""


def interactive_figure(shown: Chart, language: str) -> go.Figure:
    """Turn a chart into a plotly figure.

    Parameters
    ----------
    shown : Chart
        As `pipeline.pages.charts.chart` makes it.
    language : {"en", "de"}
        How numbers are written.
    """
    count = len(shown.panels)
    figure = make_subplots(
        rows=1,
        cols=count,
        shared_yaxes=bool(shown.panels[0].y_ticks),
        horizontal_spacing=0.04 if shown.panels[0].y_ticks else 0.08,
        subplot_titles=[panel.title for panel in shown.panels] if count > 1 else None,
    )
    for column, panel in enumerate(shown.panels, start=1):
        for series in panel.series:
            figure.add_trace(_trace(series, panel, column), row=1, col=column)
        if panel.rule is not None:
            figure.add_vline(panel.rule, line={"color": GREY, "width": 1, "dash": "dash"}, row=1, col=column)
        figure.update_xaxes(_axis(panel.x_label, panel.x_format, panel.x_range, panel.x_ticks), row=1, col=column)
        figure.update_yaxes(_axis(panel.y_label, panel.y_format, panel.y_range, panel.y_ticks), row=1, col=column)
        if panel.y_ticks:
            figure.update_yaxes(range=[len(panel.y_ticks) - 0.4, -0.6], showgrid=False, row=1, col=column)
        figure.update_layout({f"legend{'' if column == 1 else column}": _legend(figure, panel, column)})
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_layout(
        title={"text": f"<b>{escape(shown.title)}</b>", "x": 0.0, "xref": "paper", "font": {"size": 17, "color": INK}},
        font={"family": FONT, "size": 12, "color": INK},
        plot_bgcolor="white",
        paper_bgcolor="white",
        barmode="overlay",
        hovermode="closest",
        separators=".," if language == "en" else ",.",
        height=int(PIXELS * shown.height) + 40,
        margin={"l": 60, "r": 16, "t": 78 if count > 1 else 54, "b": 48},
    )
    return figure


def _legend(figure: go.Figure, panel: Panel, column: int) -> dict[str, Any]:
    if not panel.legend:
        return {"visible": False}
    x, y = CORNERS[panel.legend]
    suffix = "" if column == 1 else str(column)
    across, down = figure.layout[f"xaxis{suffix}"].domain, figure.layout[f"yaxis{suffix}"].domain
    return {
        "x": across[0] + x * (across[1] - across[0]),
        "y": down[0] + y * (down[1] - down[0]),
        "xanchor": "left" if x < 0.5 else "right",
        "yanchor": "bottom" if y < 0.5 else "top",
        "bgcolor": "rgba(255,255,255,0.7)",
        "traceorder": "reversed",
    }


def _axis(label: str, how: str, ends: tuple[float, float] | None, names: Sequence[str]) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": label}, "gridcolor": PALE, "zeroline": False, "linecolor": "#aab4bd"}
    axis |= {"automargin": True, "showline": True}
    if how == "percent":
        axis["tickformat"] = ".0%"
    elif how == "points":
        axis["tickformat"] = "+.0%"
    if ends:
        axis["range"] = list(ends)
    if names:
        shown = [f"<b>{escape(name[1:])}</b>" if name.startswith("*") else escape(name) for name in names]
        axis |= {"tickmode": "array", "tickvals": list(range(len(names)))}
        axis["ticktext"] = [name.replace("\n", "<br>") for name in shown]
    return axis


def _trace(series: Series, panel: Panel, column: int) -> Any:
    common: dict[str, Any] = {
        "name": series.name,
        "showlegend": bool(series.name and panel.legend),
        "legend": "legend" if column == 1 else f"legend{column}",
    }
    value = {"percent": ":.1%", "points": ":+.1%"}
    x, y = (f"%{{{axis}{value.get(how, ':.3~f')}}}" for axis, how in (("x", panel.x_format), ("y", panel.y_format)))
    named = bool(series.hover)
    if named:
        common |= {"text": [escape(text) for text in series.hover]}
    if series.kind == "columns":
        return go.Bar(
            x=[start + series.width / 2 for start in series.x],
            y=list(series.y),
            width=series.width,
            marker={"color": series.colour, "line": {"color": "white", "width": 0.6}},
            opacity=series.alpha,
            hovertemplate=f"{x}: {y}",
            **common,
        )
    if series.kind == "bars":
        shown = "%{text}<br>" if named else ""
        return go.Bar(
            x=list(series.x),
            y=list(series.y),
            width=0.68,
            orientation="h",
            marker={"color": series.colour},
            textposition="none",
            hovertemplate=f"{shown}{x}<extra></extra>",
            **common,
        )
    mode = {"line": "lines", "points": "lines+markers" if series.joined else "markers"}[series.kind]
    return go.Scatter(
        x=list(series.x),
        y=list(series.y),
        mode=mode,
        line={"color": series.colour, "width": series.width, "dash": "dash" if series.dashed else "solid"},
        marker={
            "size": 8,
            "color": "white" if series.hollow else series.colour,
            "line": {"color": series.colour, "width": 1.6},
        },
        **_error(series),
        hovertemplate=_hover(series, x, y),
        **common,
    )


def _hover(series: Series, x: str, y: str) -> str:
    if not series.hover:
        return f"{x}, {y}"
    # A forest's hover text holds its figure and interval already; a month's has its height to add.
    return "%{text}<extra></extra>" if series.sideways else f"%{{text}}<br>{y}<extra></extra>"


def _error(series: Series) -> dict[str, Any]:
    if not series.low:
        return {}
    middle = series.x if series.sideways else series.y
    found = list(zip(middle, series.low, series.high, strict=True))
    return {
        "error_x" if series.sideways else "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [0.0 if high is None else max(high - value, 0.0) for value, _, high in found],
            "arrayminus": [0.0 if low is None else max(value - low, 0.0) for value, low, _ in found],
            "color": f"rgba{(*(int(series.colour[i : i + 2], 16) for i in (1, 3, 5)), 0.47)}",
            "thickness": 2.4,
            "width": 0,
        }
    }


def interactive_page(
    plots: Mapping[str, Sequence[Mapping[str, Any]]],
    title: Mapping[str, str],
    lead: Mapping[str, str],
    target: str = "sales_qualified",
    language: str = "en",
) -> str:
    """Write every figure that has rows on one self-contained HTML page, in the language that the reader picks.

    Parameters
    ----------
    plots : mapping of str to list of rows
        As `pipeline.pages.charts.read_plots` returns them.
    title, lead : mapping of language to str
        Heading and the sentence below it; text.
    target : str
        A key of `pipeline.pages.target_words.WORDS`.
    language : {"en", "de"}
        Shown first.
    """
    names = [name for name in FIGURES if plots.get(name)]
    pages = {
        code: {
            "title": title[code],
            "lead": lead[code],
            "charts": [
                json.loads(interactive_figure(chart(name, plots[name], code, target), code).to_json()) for name in names
            ],
        }
        for code in LANGUAGES
    }
    for page in pages.values():
        for figure in page["charts"]:
            figure["layout"].pop("template", None)  # plotly's own look, some thousand characters per figure
    data = json.dumps(pages, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    buttons = "".join(f'<button type="button" value="{code}">{name}</button>' for code, name in LANGUAGES.items())
    places = "".join(f'<div class="chart" id="chart-{place}"></div>' for place in range(len(names)))
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title[language])}</title><style>{STYLE}{OWN_STYLE}</style></head>\n"
        f'<body><div class="sheet"><div class="languages">{buttons}</div><h1></h1><p class="lead"></p>{places}</div>\n'
        f'<script type="application/json" id="charts">{data}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>{SCRIPT}</script></body></html>\n"
    )
