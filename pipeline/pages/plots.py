"""Figures as PNG."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pipeline.pages.chart import GREY, INK, PALE, Chart, Panel, Rows, Series
from pipeline.pages.charts import chart

__all__ = ["figure_png"]

MARKER = 5.0


def figure_png(name: str, rows: Rows, language: str = "en", target: str = "sales_qualified") -> bytes:
    """Draw one figure; the same rows give the same bytes.

    Parameters
    ----------
    name, rows, language, target
        As for `pipeline.pages.charts.chart`.

    Returns
    -------
    bytes
        A PNG of about 1000 x 680 pixels, of several panels 1550 pixels wide.
    """
    shown = chart(name, rows, language, target)
    figure = Figure(figsize=(shown.width, shown.height), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    count = len(shown.panels)
    axes = figure.subplots(1, count, sharey=bool(shown.panels[0].y_ticks), squeeze=False)[0]
    for ax, panel in zip(axes, shown.panels, strict=True):
        _draw(ax, panel, language)
    _titles(figure, axes, shown)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _titles(figure: Figure, axes: Sequence[Axes], shown: Chart) -> None:
    if len(shown.panels) == 1:
        axes[0].set_title(shown.title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
        return
    figure.suptitle(shown.title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    for ax, panel in zip(axes, shown.panels, strict=True):
        ax.set_title(panel.title, loc="left", fontsize=9.5, color=INK)


def _draw(ax: Axes, panel: Panel, language: str) -> None:
    ax.grid(color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#aab4bd")
    ax.tick_params(colors=INK, labelsize=9, length=0)
    for series in panel.series:
        _series(ax, series)
    if panel.rule is not None:
        ax.axvline(panel.rule, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    point = "." if language == "en" else ","
    for axis, how in ((ax.xaxis, panel.x_format), (ax.yaxis, panel.y_format)):
        if how == "percent":
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %".replace(".", point)))
        elif how == "points":
            axis.set_major_formatter(
                FuncFormatter(lambda value, _: f"{100 * value:+.0f}" if abs(value) > 1e-9 else "0")
            )
        elif how == "number":
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}".replace(".", point)))
    if panel.x_range:
        ax.set_xlim(*panel.x_range)
    if panel.y_range:
        ax.set_ylim(*panel.y_range)
    if panel.x_ticks:
        _names(ax.xaxis, panel.x_ticks)
    if panel.y_ticks:
        ax.set_ylim(len(panel.y_ticks) - 0.4, -0.6)
        _names(ax.yaxis, panel.y_ticks)
        ax.grid(axis="y", visible=False)
    ax.set_xlabel(panel.x_label, color=INK)
    ax.set_ylabel(panel.y_label, color=INK)
    if panel.legend:
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], loc=panel.legend, frameon=False, fontsize=8.5)


def _names(axis: Any, names: Sequence[str]) -> None:
    axis.set_ticks(range(len(names)), [name.removeprefix("*") for name in names], fontsize=7.4)
    for tick, name in zip(axis.get_major_ticks(len(names)), names, strict=True):
        tick.label1.set_fontweight("bold" if name.startswith("*") else "normal")


def _series(ax: Axes, series: Series) -> None:
    label = series.name or "_nolegend_"
    if series.kind == "line":
        style: Any = (0, (4, 3)) if series.dashed else "-"
        ax.plot(series.x, series.y, color=series.colour, linewidth=series.width, linestyle=style, label=label)
    elif series.kind == "columns":
        ax.bar(
            series.x,
            series.y,
            width=series.width,
            align="edge",
            color=series.colour,
            alpha=series.alpha,
            edgecolor="white",
            linewidth=0.6,
            label=label,
        )
    elif series.kind == "bars":
        ax.barh(series.y, series.x, color=series.colour, height=0.68, label=label)
    else:
        middle = series.x if series.sideways else series.y
        ends = [
            (0.0 if low is None else max(value - low, 0.0), 0.0 if high is None else max(high - value, 0.0))
            for value, low, high in zip(middle, series.low, series.high, strict=False)
        ]
        error = [[down for down, _ in ends], [up for _, up in ends]] if ends else None
        ax.errorbar(
            series.x,
            series.y,
            xerr=error if series.sideways else None,
            yerr=None if series.sideways else error,
            fmt="o-" if series.joined else "o",
            color=series.colour,
            ecolor=f"{series.colour}77",
            elinewidth=2,
            markersize=MARKER,
            markerfacecolor="white" if series.hollow else series.colour,
            linewidth=series.width,
            label=label,
        )
