"""The picture of what was measured: seconds on a logarithmic scale, one panel per setting and measure."""

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.peers.rounds import CONTENDERS, EXTRAPOLATED
from pipeline.pages.chart import INK, PALE
from pipeline.pages.charts import COLOURS

__all__ = ["picture_png"]

_SETTINGS = {"one": "1 snapshot per lead", "weekly": "26 weekly snapshots per lead"}
_MEASURES = {"end_to_end": "End to end, Parquet to Parquet", "compute": "In memory, data loaded"}
_PEER, _LIMIT = "#9aa3ad", "#dfe5ea"


def picture_png(figures: dict[str, Any]) -> bytes:
    """Draw the figures of `bench.feature_peers`; the same figures give the same bytes.

    Returns
    -------
    bytes
        A PNG.
    """
    settings = figures["settings"]
    figure = Figure(figsize=(10.2, 2.9 * len(settings) + 0.7), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(settings), len(_MEASURES), squeeze=False)
    for row, (setting, measured) in enumerate(settings.items()):
        for column, (measure, words) in enumerate(_MEASURES.items()):
            _panel(panels[row, column], measured["summary"], measure)
            size = f"{measured['touchpoints'] / 1e6:g} M touchpoints"
            title = f"{words}\n{_SETTINGS[setting]}, {size}"
            panels[row, column].set_title(title, loc="left", fontsize=9, color=INK, pad=8)
    any_setting = next(iter(settings.values()))
    figure.suptitle(
        f"{any_setting['features']} features, {any_setting['processors']} processors: seconds, and times the engine's "
        "(* extrapolated)",
        x=0.01,
        ha="left",
        fontsize=11.5,
        fontweight="bold",
        color=INK,
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _panel(ax: Axes, table: dict[str, dict[str, float]], measure: str) -> None:
    rows = sorted(((row[measure], name) for name, row in table.items() if measure in row), reverse=True)
    for place, (seconds, name) in enumerate(rows):
        colour = {"engine": COLOURS["product"], "limit": _LIMIT}.get(name, _PEER)
        hatch = "////" if name == EXTRAPOLATED else None
        ax.barh(place, seconds, color=colour, height=0.66, hatch=hatch, edgecolor="white", linewidth=0)
        ratio = "" if name == "engine" else f"   ({_number(table[name][f'{measure}_ratio'])}×)"
        ax.annotate(
            f"{_number(seconds)} s{ratio}",
            (seconds, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
            fontweight="bold" if name == "engine" else "normal",
        )
    titles = [CONTENDERS[name].title + ("*" if name == EXTRAPOLATED else "") for _, name in rows]
    ax.set_yticks(range(len(rows)), titles)
    ax.set_xscale("log")
    low, high = min(seconds for seconds, _ in rows), max(seconds for seconds, _ in rows)
    ax.set_xlim(low / 3, high * (high / low * 3) ** 0.3)  # room for the words
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="x", color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color("#aab4bd")
    ax.tick_params(colors=INK, labelsize=9, length=0, which="both")


def _number(value: float) -> str:
    """Write two figures that count.

    Examples
    --------
    >>> _number(0.346), _number(4.21), _number(38.4), _number(5170.0)
    ('0.35', '4.2', '38', '5,170')
    """
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"
