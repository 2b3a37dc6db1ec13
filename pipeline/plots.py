"""Figures of the rows that the DVC plots show, as PNG, in English and German."""

import io
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from features.errors import DataError
from pipeline.target_words import WORDS as TARGETS
from pipeline.target_words import TargetWords

__all__ = ["FIGURES", "MODEL_WORDS", "figure_png", "read_plots"]

Rows = Sequence[Mapping[str, Any]]

MODEL_WORDS: dict[str, dict[str, str]] = {
    "product": {"en": "product", "de": "Produkt"},
    "base_rate": {"en": "base rate", "de": "Grundrate"},
    "logistic_regression": {"en": "logistic regression", "de": "Logistische Regression"},
    "points": {"en": "points table", "de": "Punktetabelle"},
    "odoo_formula": {"en": "naive Bayes (Odoo)", "de": "Naive Bayes (Odoo)"},
    "untuned_lightgbm": {"en": "untuned LightGBM", "de": "LightGBM ohne Abstimmung"},
    "rfm": {"en": "recency, frequency, value (RFM)", "de": "Aktualität, Häufigkeit, Wert (RFM)"},
}
COLOURS = {
    "product": "#0b5fa5",
    "logistic_regression": "#d1652a",
    "points": "#8a6fb0",
    "odoo_formula": "#4f9a6a",
    "untuned_lightgbm": "#9aa3ad",
    "rfm": "#b08a2e",
    "base_rate": "#c9ced4",
}
INK, PALE = "#22303c", "#dfe5ea"
WORDS = {
    "roc": {"en": "ROC", "de": "ROC"},
    "pr": {"en": "Precision and recall", "de": "Trefferquote und Abdeckung"},
    "gain": {"en": "Gain", "de": "Gewinnkurve"},
    "reliability": {"en": "Calibration", "de": "Kalibrierung"},
    "score_distribution": {"en": "Probabilities given", "de": "Vergebene Wahrscheinlichkeiten"},
    "feature_importance": {"en": "What the model uses most", "de": "Was das Modell am meisten nutzt"},
    "fpr": {"en": "share of the others contacted", "de": "Anteil der Übrigen kontaktiert"},
    "tpr": {"en": "share of {positives} found", "de": "Anteil {positives} gefunden"},
    "precision": {"en": "precision", "de": "Trefferquote"},
    "worked": {"en": "share of {rows} worked, best first", "de": "bearbeiteter Anteil der {rows}, beste zuerst"},
    "predicted": {"en": "predicted probability", "de": "vorhergesagte Wahrscheinlichkeit"},
    "observed": {"en": "observed rate", "de": "beobachtete Quote"},
    "share": {"en": "share of the group", "de": "Anteil der Gruppe"},
    "gain_share": {"en": "share of the total split gain", "de": "Anteil am gesamten Split-Gewinn"},
    "chance": {"en": "by chance", "de": "zufällig"},
    "perfect": {"en": "perfect", "de": "ideal"},
    "interval": {"en": "tenth of the {rows}, 95 % interval", "de": "Zehntel der {rows}, 95-%-Intervall"},
}


class _Tongue(NamedTuple):
    """In what words a figure speaks."""

    language: str
    target: TargetWords


def _word(key: str, tongue: _Tongue) -> str:
    german = tongue.language == "de"
    return WORDS[key][tongue.language].format(
        rows=tongue.target.rows[german], positives=tongue.target.positives[german]
    )


def _percent(axis: Any) -> None:
    axis.set_major_formatter(PercentFormatter(1.0))


def _curves(ax: Axes, rows: Rows, x: str, y: str, tongue: _Tongue) -> None:
    models = list(dict.fromkeys(str(row["model"]) for row in rows))
    for model in sorted(models, key=lambda name: name == "product"):  # the product is drawn last, on top
        points = [(row[x], row[y]) for row in rows if row["model"] == model]
        ax.plot(
            [point[0] for point in points],
            [point[1] for point in points],
            color=COLOURS.get(model, "#777777"),
            linewidth=2.6 if model == "product" else 1.3,
            label=MODEL_WORDS.get(model, {}).get(tongue.language, model.replace("_", " ")),
        )
    _percent(ax.xaxis)
    _percent(ax.yaxis)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)


def _diagonal(ax: Axes, text: str, end: float = 1.0) -> None:
    ax.plot([0, end], [0, end], color="#8b97a2", linewidth=1, linestyle=(0, (4, 3)), label=text, zorder=1)


def _legend(ax: Axes, place: Literal["upper left", "upper right", "lower right"]) -> None:
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], loc=place, frameon=False, fontsize=8.5)


def _roc(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    _diagonal(ax, _word("chance", tongue))
    _curves(ax, rows, "false_positive_rate", "true_positive_rate", tongue)
    ax.set_xlabel(_word("fpr", tongue))
    ax.set_ylabel(_word("tpr", tongue))
    _legend(ax, "lower right")


def _pr(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    _curves(ax, rows, "recall", "precision", tongue)
    ax.set_xlabel(_word("tpr", tongue))
    ax.set_ylabel(_word("precision", tongue))
    _legend(ax, "upper right")


def _gain(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    _diagonal(ax, _word("chance", tongue))
    _curves(ax, rows, "share", "gain", tongue)
    ax.set_xlabel(_word("worked", tongue))
    ax.set_ylabel(_word("tpr", tongue))
    _legend(ax, "lower right")


def _reliability(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    x = [float(row["probability"]) for row in rows]
    y = [float(row["observed"]) for row in rows]
    down = [value - float(row["low"]) for value, row in zip(y, rows, strict=True)]
    up = [float(row["high"]) - value for value, row in zip(y, rows, strict=True)]
    end = min(1.0, 1.08 * max([0.05, *x, *(float(row["high"]) for row in rows)]))
    _diagonal(ax, _word("perfect", tongue), end)
    ax.errorbar(
        x,
        y,
        yerr=[[max(value, 0.0) for value in down], [max(value, 0.0) for value in up]],
        fmt="o-",
        color=COLOURS["product"],
        ecolor="#86b3d9",
        elinewidth=2,
        markersize=5.5,
        linewidth=1.4,
        label=_word("interval", tongue),
    )
    _percent(ax.xaxis)
    _percent(ax.yaxis)
    ax.set_xlim(0, end)
    ax.set_ylim(0, end)
    ax.set_xlabel(_word("predicted", tongue))
    ax.set_ylabel(_word("observed", tongue))
    _legend(ax, "upper left")


def _distribution(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    starts = sorted({float(row["probability"]) for row in rows})
    width = starts[1] - starts[0] if len(starts) > 1 else 1.0
    top = max([start for start in starts if any(r["probability"] == start and r["share"] > 0 for r in rows)] or [1.0])
    for words, colour in ((tongue.target.no, "#b4bcc4"), (tongue.target.yes, COLOURS["product"])):
        chosen = [row for row in rows if row["label"] == words[0]]
        ax.bar(
            [float(row["probability"]) for row in chosen],
            [float(row["share"]) for row in chosen],
            width=width,
            align="edge",
            color=colour,
            alpha=0.62,
            edgecolor="white",
            linewidth=0.6,
            label=words[tongue.language == "de"],
        )
    _percent(ax.xaxis)
    _percent(ax.yaxis)
    ax.set_xlim(0, min(1.0, top + 2 * width))
    ax.set_xlabel(_word("predicted", tongue))
    ax.set_ylabel(_word("share", tongue))
    _legend(ax, "upper right")


def _wrapped(name: str) -> str:
    return "\n".join(textwrap.wrap(name, 42, break_long_words=False))


def _importance(ax: Axes, rows: Rows, tongue: _Tongue) -> None:
    shown = [row for row in rows if row["gain"] > 0][:10][::-1]
    total = sum(float(row["gain"]) for row in rows) or 1.0
    names = [str(row.get(f"text_{tongue.language}") or row["feature"]) for row in shown]
    ax.barh(range(len(shown)), [float(row["gain"]) / total for row in shown], color=COLOURS["product"], height=0.68)
    ax.set_yticks(range(len(shown)), [_wrapped(name) for name in names], fontsize=7.4)
    ax.set_ylim(-0.6, max(len(shown), 1) - 0.4)
    _percent(ax.xaxis)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(_word("gain_share", tongue))


FIGURES: dict[str, Callable[[Axes, Rows, _Tongue], None]] = {
    "roc": _roc,
    "pr": _pr,
    "gain": _gain,
    "reliability": _reliability,
    "score_distribution": _distribution,
    "feature_importance": _importance,
}


def figure_png(name: str, rows: Rows, language: str = "en", target: str = "sales_qualified") -> bytes:
    """Draw one figure; the same rows give the same bytes.

    Parameters
    ----------
    name : str
        A key of `FIGURES`.
    rows : sequence of mappings
        One per point, as `pipeline.evaluate.plot_rows` makes them; curves of several models have a `model` field.
        Features may carry `text_en` and `text_de`, plain words for their names.
    language : {"en", "de"}
        Of titles and axes.
    target : str
        A key of `pipeline.target_words.WORDS`.

    Returns
    -------
    bytes
        A PNG of about 1000 x 680 pixels.
    """
    figure = Figure(figsize=(6.4, 4.4), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    ax.grid(color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#aab4bd")
    ax.tick_params(colors=INK, labelsize=9, length=0)
    tongue = _Tongue(language, TARGETS[target])
    FIGURES[name](ax, rows, tongue)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    ax.set_title(_word(name, tongue), loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def read_plots(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the rows behind every figure.

    Parameters
    ----------
    folder : Path
        Where `evaluate` wrote one JSON file per plot.

    Raises
    ------
    DataError
        If a file is missing or is not a list of rows.
    """
    plots: dict[str, list[dict[str, Any]]] = {}
    for name in FIGURES:
        path = folder / f"{name}.json"
        if not path.exists():
            raise DataError(f"{path}: no such file. Run `dvc repro evaluate`.")
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise DataError(f"{path}: expected a list of rows, got {type(rows).__name__}. Run `dvc repro evaluate`.")
        plots[name] = rows
    return plots
