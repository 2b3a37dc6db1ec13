"""The picture of the curves against training size: one row of panels per set, log loss and AUC."""

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.models.learning_curve import CURVE
from pipeline.pages.chart import INK, PALE
from pipeline.pages.charts import COLOURS

__all__ = ["picture_png"]

_MEASURES = {"log_loss": "log loss (less is better)", "auc": "AUC (more is better)"}
_DODGE = {"product": 1.0, "logistic_regression": 1.045, "odoo_formula": 0.957}


def picture_png(curves: dict[str, list[dict[str, Any]]]) -> bytes:
    """Draw the curves; the same figures give the same bytes.

    Returns
    -------
    bytes
        A PNG.
    """
    figure = Figure(figsize=(10.2, 3.1 * len(curves) + 0.6), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(curves), len(_MEASURES), squeeze=False)
    for row, (name, points) in enumerate(curves.items()):
        for column, (metric, words) in enumerate(_MEASURES.items()):
            _panel(panels[row, column], [point for point in points if "product" in point], metric)
            panels[row, column].set_title(f"{name}: {words}", loc="left", fontsize=9.5, color=INK, pad=8)
    panels[0, 0].legend(frameon=False, fontsize=9, labelcolor=INK)
    for ax in panels[-1]:
        ax.set_xlabel("positive leads in training", fontsize=9, color=INK)
    figure.suptitle(
        "What is learned from how many positives, with 95 % intervals over the test's accounts",
        x=0.01,
        ha="left",
        fontsize=11.5,
        fontweight="bold",
        color=INK,
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(ax: Axes, points: list[dict[str, Any]], metric: str) -> None:
    for name, words in CURVE.items():
        x = [point["positives"] * _DODGE[name] for point in points]
        found = [point[name][metric] for point in points]
        y = [one["value"] for one in found]
        spread = [[one["value"] - one["low"] for one in found], [one["high"] - one["value"] for one in found]]
        ax.errorbar(
            x,
            y,
            yerr=spread,
            label=words,
            color=COLOURS[name],
            linewidth=2.4 if name == "product" else 1.5,
            elinewidth=1.0,
            marker="o",
            markersize=4,
            zorder=3 if name == "product" else 2,
        )
    ax.set_xscale("log")
    ax.set_xticks([point["positives"] for point in points])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#aab4bd")
    ax.tick_params(colors=INK, labelsize=8.5, length=0, which="both")
