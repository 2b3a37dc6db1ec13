"""What every figure shows, in English and German: its titles, axes, colours and points; `plots` and `interactive` draw it."""

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.quality.model_words import MODEL_WORDS
from pipeline.pages.chart import BLUE, GREY, Chart, Panel, Rows, Series, Tongue
from pipeline.pages.segment_charts import by_month, by_segment, calibration_by_segment
from pipeline.pages.target_words import WORDS as TARGETS

__all__ = ["COLOURS", "FIGURES", "chart", "read_plots", "with_words"]

COLOURS = {
    "product": BLUE,
    "logistic_regression": "#d1652a",
    "points": "#8a6fb0",
    "odoo_formula": "#4f9a6a",
    "untuned_lightgbm": "#9aa3ad",
    "rfm": "#b08a2e",
    "base_rate": "#c9ced4",
}
FOUND = ("share of {positives} found", "Anteil {positives} gefunden")
WORKED = ("share of {rows} worked, best first", "bearbeiteter Anteil der {rows}, beste zuerst")
CHANCE = ("by chance", "zufällig")


def _curves(rows: Rows, x: str, y: str, tongue: Tongue) -> list[Series]:
    models = list(dict.fromkeys(str(row["model"]) for row in rows))
    return [
        Series(
            "line",
            [float(row[x]) for row in rows if row["model"] == model],
            [float(row[y]) for row in rows if row["model"] == model],
            MODEL_WORDS.get(model, {}).get(tongue.language, model.replace("_", " ")),
            COLOURS.get(model, "#777777"),
            2.6 if model == "product" else 1.3,
        )
        for model in sorted(models, key=lambda name: name == "product")  # the product is drawn last, on top
    ]


def _diagonal(text: str, end: float = 1.0) -> Series:
    return Series("line", [0.0, end], [0.0, end], text, GREY, 1.0, dashed=True)


def _roc(rows: Rows, tongue: Tongue) -> Chart:
    panel = Panel(
        [_diagonal(tongue.say(*CHANCE)), *_curves(rows, "false_positive_rate", "true_positive_rate", tongue)],
        tongue.say("share of the others contacted", "Anteil der Übrigen kontaktiert"),
        tongue.say(*FOUND),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.02),
        legend="lower right",
    )
    return Chart("ROC", [panel])


def _pr(rows: Rows, tongue: Tongue) -> Chart:
    panel = Panel(
        _curves(rows, "recall", "precision", tongue),
        tongue.say(*FOUND),
        tongue.say("precision", "Trefferquote"),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.02),
        legend="upper right",
    )
    return Chart(tongue.say("Precision and recall", "Trefferquote und Abdeckung"), [panel])


def _gain(rows: Rows, tongue: Tongue) -> Chart:
    panel = Panel(
        [_diagonal(tongue.say(*CHANCE)), *_curves(rows, "share", "gain", tongue)],
        tongue.say(*WORKED),
        tongue.say(*FOUND),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.02),
        legend="lower right",
    )
    return Chart(tongue.say("Gain", "Gewinnkurve"), [panel])


def _lift(rows: Rows, tongue: Tongue) -> Chart:
    chance = Series("line", [0.0, 1.0], [1.0, 1.0], tongue.say(*CHANCE), GREY, 1.0, dashed=True)
    # The first rows of the list are few: their lift jumps, and would flatten the rest of the picture.
    shown = [row for row in rows if row["share"] >= 0.01]
    curves = _curves(shown, "share", "lift", tongue)
    highest = max([1.0, *(value for series in curves for value in series.y)])
    panel = Panel(
        [chance, *curves],
        tongue.say(*WORKED),
        tongue.say("times the base rate", "Vielfaches der Grundrate"),
        y_format="number",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.06 * highest),
        legend="upper right",
    )
    return Chart(tongue.say("Lift", "Lift"), [panel])


def _reliability(rows: Rows, tongue: Tongue) -> Chart:
    end = min(1.0, 1.08 * max([0.05, *(float(row[key]) for row in rows for key in ("probability", "high"))]))
    points = Series(
        "points",
        [float(row["probability"]) for row in rows],
        [float(row["observed"]) for row in rows],
        tongue.say("tenth of the {rows}, 95 % interval", "Zehntel der {rows}, 95-%-Intervall"),
        low=[float(row["low"]) for row in rows],
        high=[float(row["high"]) for row in rows],
        joined=True,
    )
    panel = Panel(
        [_diagonal(tongue.say("perfect", "ideal"), end), points],
        tongue.say("predicted probability", "vorhergesagte Wahrscheinlichkeit"),
        tongue.say("observed rate", "beobachtete Quote"),
        x_range=(0.0, end),
        y_range=(0.0, end),
        legend="upper left",
    )
    return Chart(tongue.say("Calibration", "Kalibrierung"), [panel])


def _distribution(rows: Rows, tongue: Tongue) -> Chart:
    starts = sorted({float(row["probability"]) for row in rows})
    width = starts[1] - starts[0] if len(starts) > 1 else 1.0
    top = max([start for start in starts if any(r["probability"] == start and r["share"] > 0 for r in rows)] or [1.0])
    series = []
    for words, colour in ((tongue.target.no, "#b4bcc4"), (tongue.target.yes, BLUE)):
        chosen = [row for row in rows if row["label"] == words[0]]
        series.append(
            Series(
                "columns",
                [float(row["probability"]) for row in chosen],
                [float(row["share"]) for row in chosen],
                words[tongue.language == "de"],
                colour,
                width,
                alpha=0.62,
            )
        )
    panel = Panel(
        series,
        tongue.say("predicted probability", "vorhergesagte Wahrscheinlichkeit"),
        tongue.say("share of the group", "Anteil der Gruppe"),
        x_range=(0.0, min(1.0, top + 2 * width)),
        legend="upper right",
    )
    return Chart(tongue.say("Probabilities given", "Vergebene Wahrscheinlichkeiten"), [panel])


def _importance(rows: Rows, tongue: Tongue) -> Chart:
    shown = [row for row in rows if row["gain"] > 0][:10]
    total = sum(float(row["gain"]) for row in rows) or 1.0
    names = [str(row.get(f"text_{tongue.language}") or row["feature"]) for row in shown]
    panel = Panel(
        [Series("bars", [float(row["gain"]) / total for row in shown], range(len(shown)), hover=names)],
        tongue.say("share of the total split gain", "Anteil am gesamten Split-Gewinn"),
        y_format="none",
        y_ticks=["\n".join(textwrap.wrap(name, 42, break_long_words=False)) for name in names],
    )
    return Chart(tongue.say("What the model uses most", "Was das Modell am meisten nutzt"), [panel])


FIGURES: dict[str, Callable[[Rows, Tongue], Chart]] = {
    "roc": _roc,
    "pr": _pr,
    "gain": _gain,
    "lift": _lift,
    "reliability": _reliability,
    "score_distribution": _distribution,
    "feature_importance": _importance,
    "by_month": by_month,
    "by_segment": by_segment,
    "calibration_by_segment": calibration_by_segment,
}
SAME_ROWS = {"lift": "gain", "calibration_by_segment": "by_segment"}  # two figures of the same rows


def chart(name: str, rows: Rows, language: str = "en", target: str = "sales_qualified") -> Chart:
    """Say what a figure shows.

    Parameters
    ----------
    name : str
        A key of `FIGURES`.
    rows : sequence of mappings
        One per point, as the stages `evaluate` and `segments` write them; curves of several models have a `model` field.
        Features may carry `text_en` and `text_de`, plain words for their names.
    language : {"en", "de"}
        Of titles and axes.
    target : str
        A key of `pipeline.pages.target_words.WORDS`.
    """
    return FIGURES[name](rows, Tongue(language, TARGETS[target]))


def with_words(rows: Rows, words: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Add plain words to rows that name a feature."""
    return [{**row, **words.get(str(row["feature"]), {})} for row in rows]


def read_plots(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the rows behind every figure.

    Parameters
    ----------
    folder : Path
        Where `evaluate` and `segments` wrote one JSON file per set of rows.

    Raises
    ------
    DataError
        If a file is missing or is not a list of rows.
    """
    plots: dict[str, list[dict[str, Any]]] = {}
    for name in FIGURES:
        file = SAME_ROWS.get(name, name)
        stage = "segments" if file.startswith("by_") else "evaluate"
        path = folder / f"{file}.json"
        if not path.exists():
            raise DataError(f"{path}: no such file. Run `dvc repro {stage}`.")
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise DataError(f"{path}: expected a list of rows, got {type(rows).__name__}. Run `dvc repro {stage}`.")
        plots[name] = rows
    return plots
