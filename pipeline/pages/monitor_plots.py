"""Figures of the monitor: live calibration, lift, volumes and drift by month, as PNG, in English and German."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

__all__ = ["MONITOR_FIGURES", "monitor_png"]

INK, PALE, BLUE, ORANGE, GREY = "#22303c", "#dfe5ea", "#0b5fa5", "#d1652a", "#c3ccd4"
HEAT = LinearSegmentedColormap.from_list("drift", ["#f4f7f9", "#f3c58d", "#c9431f"])
FEATURES = 12
WIDEST = 64
WORDS = {
    "calibration": {"en": "Predicted and observed", "de": "Vorhergesagt und eingetreten"},
    "lift": {"en": "Lift at capacity", "de": "Lift bei Kapazität"},
    "volume": {"en": "Leads scored, and outcomes known", "de": "Bewertete Leads und bekannte Ausgänge"},
    "drift": {"en": "Drift of what matters (PSI)", "de": "Verschiebung dessen, was zählt (PSI)"},
    "predicted": {"en": "predicted on average", "de": "im Mittel vorhergesagt"},
    "observed": {"en": "observed, 95 % interval", "de": "eingetreten, 95-%-Intervall"},
    "live": {"en": "live, 95 % interval", "de": "im Betrieb, 95-%-Intervall"},
    "promised": {"en": "promised, 95 % interval", "de": "versprochen, 95-%-Intervall"},
    "chance": {"en": "without an order", "de": "ohne Reihenfolge"},
    "known": {"en": "outcome known", "de": "Ausgang bekannt"},
    "not_yet": {"en": "not yet known", "de": "noch nicht bekannt"},
    "probability": {"en": "the probability itself", "de": "die Wahrscheinlichkeit selbst"},
}


def _months(ax: Axes, names: Sequence[str]) -> None:
    ax.set_xticks(
        range(len(names)), names, rotation=45 if len(names) > 6 else 0, ha="right" if len(names) > 6 else "center"
    )
    ax.set_xlim(-0.6, len(names) - 0.4)


def _span(ax: Axes, at: float, metric: Mapping[str, Any], colour: str, label: str | None, scale: float = 1.0) -> None:
    if metric["value"] is None:
        return
    if metric["low"] is not None:
        ax.plot([at, at], [metric["low"] * scale, metric["high"] * scale], color=colour, linewidth=2.2, alpha=0.45)
    ax.plot([at], [metric["value"] * scale], "o", color=colour, markersize=6, label=label)


def _calibration(ax: Axes, result: Mapping[str, Any], language: str) -> None:
    months = result["months"]
    first = True
    for at, month in enumerate(months):
        if month["ratio"] is None or month["mean_probability"] is None:
            continue
        predicted, observed = (WORDS[key][language] if first else None for key in ("predicted", "observed"))
        ax.plot([at - 0.12], [month["mean_probability"]], "D", color=ORANGE, markersize=6, label=predicted)
        _span(ax, at + 0.12, month["ratio"], BLUE, observed, month["mean_probability"])
        first = False
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylim(bottom=0)
    _months(ax, [month["month"] for month in months])


def _lift(ax: Axes, result: Mapping[str, Any], language: str) -> None:
    months, promise = result["months"], result["promise"]
    if promise is not None and promise["lift_at_capacity"]["low"] is not None:
        lift = promise["lift_at_capacity"]
        ax.axhspan(lift["low"], lift["high"], color=ORANGE, alpha=0.16, linewidth=0, label=WORDS["promised"][language])
        ax.axhline(lift["value"], color=ORANGE, linewidth=1.3)
    ax.axhline(1.0, color="#8b97a2", linewidth=1, linestyle=(0, (4, 3)), label=WORDS["chance"][language])
    first = True
    for at, month in enumerate(months):
        if month["lift_at_capacity"] is None:
            continue
        _span(ax, at, month["lift_at_capacity"], BLUE, WORDS["live"][language] if first else None)
        first = False
    ax.set_ylim(bottom=0)
    _months(ax, [month["month"] for month in months])


def _volume(ax: Axes, result: Mapping[str, Any], language: str) -> None:
    months = result["months"]
    known = [month["matured"] for month in months]
    open_ = [month["rows"] - month["matured"] for month in months]
    ax.bar(range(len(months)), known, color=BLUE, width=0.62, label=WORDS["known"][language])
    ax.bar(range(len(months)), open_, bottom=known, color=GREY, width=0.62, label=WORDS["not_yet"][language])
    _months(ax, [month["month"] for month in months])


def _drift(ax: Axes, result: Mapping[str, Any], language: str) -> None:
    months = [month["month"] for month in result["months"] if "score" in month]
    rows = [(WORDS["probability"][language], [m["score"]["value"] for m in result["months"] if "score" in m])]
    for feature in [item for item in result["features"] if item["decides"]][:FEATURES]:
        text = feature["text"][language]
        short = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
        rows.append((short, [feature["months"][month]["value"] for month in months]))
    limit = result["params"]["psi_alarm"]
    values = [[max(value, 0.0) for value in row] for _, row in rows]  # below 0 is chance
    ax.imshow(values, cmap=HEAT, vmin=0.0, vmax=2.0 * limit, aspect="auto")
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            text = f"{value:.2f}" if language == "en" else f"{value:.2f}".replace(".", ",")
            ax.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if value > 1.4 * limit else INK)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.grid(visible=False)
    _months(ax, months)
    ax.set_xlim(-0.5, len(months) - 0.5)


MONITOR_FIGURES = {"calibration": _calibration, "lift": _lift, "volume": _volume, "drift": _drift}


def monitor_png(name: str, result: Mapping[str, Any], language: str = "en") -> bytes:
    """Draw one figure; the same result gives the same bytes.

    Parameters
    ----------
    name : str
        A key of `MONITOR_FIGURES`.
    result : mapping
        As `pipeline.monitoring.assessment.assess` returns it.
    language : {"en", "de"}
        Of titles and axes.

    Returns
    -------
    bytes
        A PNG.
    """
    wide = name == "drift"
    height = 1.6 + 0.3 * (1 + min(FEATURES, sum(item["decides"] for item in result["features"]))) if wide else 4.2
    figure = Figure(figsize=(11.2 if wide else 6.4, height), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    ax.grid(color=PALE, linewidth=0.8, axis="y")
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#aab4bd")
    ax.tick_params(colors=INK, labelsize=9, length=0)
    MONITOR_FIGURES[name](ax, result, language)
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        figure.legend(loc="outside lower left", ncols=len(handles), frameon=False, fontsize=8.5)
    ax.set_title(WORDS[name][language], loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
