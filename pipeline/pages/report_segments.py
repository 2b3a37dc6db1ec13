"""The parts of the pages that show the test by segment: sentences, tables, figures. English and German."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.pages.html import figure, interval, number, percent, table
from pipeline.pages.pictures import picture_png
from pipeline.pages.report_parts import Trained, say

__all__ = ["points", "segment_figures", "segment_tables", "segments_text", "too_few_text"]

Cell = Mapping[str, Any]
SHOWN = 5  # values with too few positives that are named; the others are counted


def points(metric: Mapping[str, float | None], language: str) -> str:
    """Write a difference of probabilities in percentage points with its interval; HTML.

    Examples
    --------
    >>> points({"value": 0.0981, "low": 0.04, "high": 0.153}, "de")
    '+9,8<br><small>+4,0 bis +15,3</small>'
    """

    def one(value: float | None) -> str:
        return "–" if value is None else ("+" if value >= 0 else "") + number(100 * value, 1, language)

    if metric["low"] is None:
        return one(metric["value"])
    between = say(language, "to", "bis")
    return f"{one(metric['value'])}<br><small>{one(metric['low'])} {between} {one(metric['high'])}</small>"


def segments_text(trained: Trained, language: str) -> str:
    """Say how many segments were looked at and in which ones the probability is off; HTML."""
    found = trained.segments or {}
    compared, apart, flagged = (int(found[key]) for key in ("compared", "apart", "flagged"))
    if not compared:
        few = say(
            language,
            f"No segment has {found['min_positives']} positives and as many negatives, so none was measured.",
            f"Kein Segment hat {found['min_positives']} positive und ebenso viele negative Fälle; keines wurde "
            "gemessen.",
        )
        return f"<p>{few}</p>"
    text = say(
        language,
        f"{compared} segments have enough positives to be measured. In {apart} of them the mean probability lies "
        f"apart from the observed rate by its own 95 % interval; about {number(0.05 * compared, 0, language)} would "
        f"by chance. After Holm's correction for looking so often, "
        f"{flagged or 'none'} {'remain' if flagged > 1 else 'remains'}.",
        f"{compared} Segmente haben genug positive Fälle, um gemessen zu werden. In {apart} davon weicht die mittlere "
        "Wahrscheinlichkeit nach dem eigenen 95-%-Intervall von der beobachteten Quote ab; etwa "
        f"{number(0.05 * compared, 0, language)} wären es durch Zufall. Nach Holms Korrektur für so viele Vergleiche "
        f"{'bleiben' if flagged > 1 else 'bleibt'} {flagged or 'keines'}.",
    )
    named = [
        f"<li>{escape(dimension_words(dimension, language))} <b>{escape(value_words(cell['value'], language))}</b>: "
        + say(language, "predicted", "vorhergesagt")
        + f" {percent(cell['mean_probability']['value'], language)}, "
        + say(language, "observed", "beobachtet")
        + f" {percent(cell['base_rate'], language)}</li>"
        for dimension, cells in found["by"].items()
        for cell in cells
        if cell["measured"] and cell["flagged"]
    ]
    return f"<p>{text}</p>" + (f"<ul>{''.join(named)}</ul>" if named else "")


def segment_figures(trained: Trained, names: Sequence[str], language: str) -> str:
    """Draw the figures of segments that have rows; HTML."""
    captions = {
        "by_month": say(
            language,
            "AUC, and predicted beside observed, by month of the snapshot.",
            "AUC sowie Vorhergesagtes neben Beobachtetem, nach Monat des Snapshots.",
        ),
        "by_segment": say(
            language,
            "How well leads are told apart within each segment. The dashed line is that of all rows; in brackets, "
            "rows.",
            "Wie gut innerhalb jedes Segments unterschieden wird. Gestrichelt: alle Zeilen; in Klammern die Zeilen.",
        ),
        "calibration_by_segment": say(
            language,
            "Whether the probability is right within each segment. In brackets, rows; differences in percentage "
            "points.",
            "Ob die Wahrscheinlichkeit innerhalb jedes Segments stimmt. In Klammern die Zeilen; Differenzen in "
            "Prozentpunkten.",
        ),
    }
    return "".join(
        figure(picture_png(trained, name, language), captions[name], captions[name], full=True)
        for name in names
        if trained.plots.get(name)
    )


def too_few_text(cells: Sequence[Cell], min_positives: int, language: str) -> str:
    """Name the values that were counted and not measured; HTML, empty where there is none."""
    few = [cell for cell in cells if not cell["measured"]]
    if not few:
        return ""
    named = [
        f"{escape(value_words(cell['value'], language))} ({number(cell['positives'], 0, language)} "
        f"{say(language, 'of', 'von')} {number(cell['rows'], 0, language)})"
        for cell in few[:SHOWN]
    ]
    if len(few) > SHOWN:
        rows, positives = (number(sum(cell[key] for cell in few[SHOWN:]), 0, language) for key in ("rows", "positives"))
        more = len(few) - SHOWN
        named.append(say(language, f"{more} more ({positives} of {rows})", f"{more} weitere ({positives} von {rows})"))
    start = say(
        language,
        f"Too few to measure (fewer than {min_positives} positives or negatives; positives of rows):",
        f"Zu wenige zum Messen (weniger als {min_positives} positive oder negative Fälle; positive von Zeilen):",
    )
    return f"<p><small>{start} {', '.join(named)}.</small></p>"


def segment_tables(trained: Trained, language: str) -> str:
    """Lay out every dimension with all its figures and intervals; HTML."""
    found = trained.segments or {}
    head = say(
        language,
        "|rows|positives|observed|mean probability|difference in points|AUC|log loss|lift at capacity",
        "|Zeilen|positive|beobachtet|mittlere Wahrscheinlichkeit|Differenz in Punkten|AUC|Log-Loss|Lift bei Kapazität",
    ).split("|")
    parts = []
    for dimension, cells in found["by"].items():
        title = dimension_words(dimension, language)
        rows = [_row(cell, language) for cell in cells if cell["measured"]]
        parts.append(f"<h3>{escape(title[0].upper() + title[1:])}</h3>")
        if rows:
            parts.append(table(["", *head[1:]], rows))
        parts.append(too_few_text(cells, found["min_positives"], language))
    return "".join(parts)


def _row(cell: Cell, language: str) -> list[str]:
    def measured(metric: str, digits: int) -> str:
        below = interval(cell[metric], digits, language)
        return number(cell[metric]["value"], digits, language) + (f"<br><small>{below}</small>" if below else "")

    gap = points(cell["calibration_gap"], language)
    return [
        escape(value_words(cell["value"], language)),
        number(cell["rows"], 0, language),
        number(cell["positives"], 0, language),
        percent(cell["base_rate"], language),
        percent(cell["mean_probability"]["value"], language),
        f"<b>{gap}</b>" if cell["flagged"] else gap,
        measured("auc", 3),
        measured("log_loss", 3),
        measured("lift_at_capacity", 2),
    ]
