"""What every figure of a trained model shows: its titles, axes, colours and points; `models.presentation` draws it."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.presentation.catalogues import words
from models.presentation.chart import BLUE, GREEN, GREY, LIGHT, ORANGE, Chart, Panel, Series
from models.presentation.model_names import model_name
from pipeline.pages.segment_charts import by_month, by_segment, calibration_by_segment
from pipeline.pages.target_words import WORDS, TargetWords

__all__ = ["COLOURS", "FIGURES", "chart", "read_plots"]

Rows = Sequence[Mapping[str, Any]]
COLOURS = {
    "product": BLUE,
    "logistic_regression": ORANGE,
    "points": "#8a6fb0",
    "odoo_formula": GREEN,
    "untuned_lightgbm": "#9aa3ad",
    "rfm": "#b08a2e",
    "base_rate": "#c9ced4",
}
BAR = 40.0  # pixels that a bar with its two lines of words takes


def _curves(rows: Rows, x: str, y: str, language: str) -> list[Series]:
    names = list(dict.fromkeys(str(row["model"]) for row in rows))
    return [
        Series(
            "line",
            [float(row[x]) for row in rows if row["model"] == name],
            [float(row[y]) for row in rows if row["model"] == name],
            model_name(name, language),
            COLOURS.get(name, "#777777"),
            2.8 if name == "product" else 1.4,
        )
        for name in sorted(names, key=lambda name: name == "product")  # the product is drawn last, on top
    ]


def _diagonal(text: str, end: float = 1.0) -> Series:
    return Series("line", [0.0, end], [0.0, end], text, GREY, 1.0, dashed=True)


def _roc(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    panel = Panel(
        [
            _diagonal(say.gettext("by chance")),
            *_curves(rows, "false_positive_rate", "true_positive_rate", language),
        ],
        say.gettext("share of the others contacted"),
        say.gettext("share of {positives} found", positives=target.positives),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.02),
    )
    return Chart(say.gettext("ROC"), [panel])


def _pr(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    # The first few of the list make precision jump up to 1, and would flatten the rest of the picture.
    settled = [row for row in rows if row["recall"] >= 0.02]
    curves = _curves(settled or rows, "recall", "precision", language)
    highest = max([0.05, *(value for series in curves for value in series.y)])
    panel = Panel(
        curves,
        say.gettext("share of {positives} found", positives=target.positives),
        say.gettext("precision"),
        x_range=(0.0, 1.0),
        y_range=(0.0, min(1.02, 1.06 * highest)),
    )
    return Chart(say.gettext("Precision and recall"), [panel])


def _gain(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    panel = Panel(
        [_diagonal(say.gettext("by chance")), *_curves(rows, "share", "gain", language)],
        say.gettext("share of {rows} worked, best first", rows=target.rows),
        say.gettext("share of {positives} found", positives=target.positives),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.02),
    )
    return Chart(say.gettext("Gain"), [panel])


def _lift(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    chance = Series("line", [0.0, 1.0], [1.0, 1.0], say.gettext("by chance"), GREY, 1.0, dashed=True)
    # The first rows of the list are few: their lift jumps, and would flatten the rest of the picture.
    curves = _curves([row for row in rows if row["share"] >= 0.01], "share", "lift", language)
    highest = max([1.0, *(value for series in curves for value in series.y)])
    panel = Panel(
        [chance, *curves],
        say.gettext("share of {rows} worked, best first", rows=target.rows),
        say.gettext("times the base rate"),
        y_format="number",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.06 * highest),
    )
    return Chart(say.gettext("Lift"), [panel])


def _reliability(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    end = min(1.0, 1.08 * max([0.05, *(float(row[key]) for row in rows for key in ("probability", "high"))]))
    points = Series(
        "points",
        [float(row["probability"]) for row in rows],
        [float(row["observed"]) for row in rows],
        say.gettext("tenth of the {rows}, 95% interval", rows=target.rows),
        low=[float(row["low"]) for row in rows],
        high=[float(row["high"]) for row in rows],
        joined=True,
    )
    panel = Panel(
        [_diagonal(say.gettext("perfect"), end), points],
        say.gettext("predicted probability"),
        say.gettext("observed rate"),
        x_range=(0.0, end),
        y_range=(0.0, end),
    )
    return Chart(say.gettext("Calibration"), [panel])


def _distribution(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    starts = sorted({float(row["probability"]) for row in rows})
    width = starts[1] - starts[0] if len(starts) > 1 else 1.0
    top = max([start for start in starts if any(r["probability"] == start and r["share"] > 0 for r in rows)] or [1.0])
    series = []
    for label, colour in ((target.no, LIGHT), (target.yes, BLUE)):
        of_class = [row for row in rows if row["label"] == label]
        series.append(
            Series(
                "columns",
                [float(row["probability"]) for row in of_class],
                [float(row["share"]) for row in of_class],
                say.say(label),
                colour,
                width,
                alpha=0.62,
            )
        )
    panel = Panel(
        series,
        say.gettext("predicted probability"),
        say.gettext("share of the group"),
        x_range=(0.0, min(1.0, top + 2 * width)),
    )
    return Chart(say.gettext("Probabilities given"), [panel])


def _importance(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    shown = [row for row in rows if row["gain"] > 0][:10]
    total = sum(float(row["gain"]) for row in rows) or 1.0
    names = [str(row.get(f"text_{language}") or row.get("text_en") or row["feature"]) for row in shown]
    shares = [float(row["gain"]) / total for row in shown]
    panel = Panel(
        [Series("bars", shares, range(len(shown)), hover=names)],
        say.gettext("share of the prediction"),
        y_format="none",
        x_range=(0.0, 1.05 * max(shares, default=1.0)),
        y_ticks=["\n".join(textwrap.wrap(name, 36, max_lines=2, placeholder=" …")) for name in names],
        height=80.0 + BAR * len(shown),
    )
    return Chart(say.gettext("What the model uses most"), [panel])


def _timing(rows: Rows, language: str, target: TargetWords) -> Chart:
    say = words(language)
    names = {"hold": say.gettext("the advice was to wait"), "now": say.gettext("the advice was to call")}
    series = [
        Series(
            "line",
            [float(row["week"]) for row in rows if row["advice"] == advice],
            [float(row["chance"]) for row in rows if row["advice"] == advice],
            name,
            BLUE if advice == "hold" else ORANGE,
            2.8,
        )
        for advice, name in names.items()
    ]
    highest = max([0.05, *(value for one in series for value in one.y)])
    panel = Panel(
        series,
        say.gettext("weeks in the queue without a call"),
        say.gettext("chance of a first call"),
        x_ticks=[str(week) for week in range(1 + max((int(row["week"]) for row in rows), default=0))],
        y_range=(0.0, min(1.02, 1.15 * highest)),
    )
    return Chart(say.gettext("When to call: the chance of a first call"), [panel])


FIGURES: dict[str, Callable[[Rows, str, TargetWords], Chart]] = {
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
    "timing": _timing,
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
        Features may carry `text_<language>`, plain words for their names.
    language : str
        Of titles and axes.
    target : str
        A key of `pipeline.pages.target_words.WORDS`.
    """
    spoken = (
        WORDS[target] if name == "score_distribution" else WORDS[target].spoken(language)
    )  # its rows name the classes
    return FIGURES[name](rows, language, spoken)


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
        stage = "segments" if file.startswith("by_") else "timing" if file == "timing" else "evaluate"
        path = folder / f"{file}.json"
        if not path.exists():
            raise DataError(f"{path}: no such file. Run `dvc repro {stage}`.")
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise DataError(f"{path}: expected a list of rows, got {type(rows).__name__}. Run `dvc repro {stage}`.")
        plots[name] = rows
    return plots
