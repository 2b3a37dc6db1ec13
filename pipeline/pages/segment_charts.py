"""The figures by month and by segment."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.quality.segment_report import ALL
from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.pages.chart import BLUE, RED, Chart, Panel, Rows, Series, Tongue
from pipeline.pages.html import number, percent

__all__ = ["by_month", "by_segment", "calibration_by_segment"]

ROW_HEIGHT = 0.21
ORANGE = "#d1652a"


def _of(rows: Iterable[Mapping[str, Any]], key: str) -> list[float]:
    return [float(row[key]) for row in rows]


def _hover(row: Mapping[str, Any], tongue: Tongue) -> str:
    name = value_words(row["value"], tongue.language)
    rows, positives = (number(row[key], 0, tongue.language) for key in ("rows", "positives"))
    return f"{name}: " + tongue.say(f"{rows} rows, {positives} positive", f"{rows} Zeilen, {positives} positive")


def by_month(rows: Rows, tongue: Tongue) -> Chart:
    """Draw AUC, and predicted beside observed, month by month of the snapshot."""
    at = list(range(len(rows)))
    months = [str(row["value"]) for row in rows]
    hover = [_hover(row, tongue) for row in rows]
    auc = Series(
        "points",
        at,
        _of(rows, "auc"),
        low=[row["auc_low"] for row in rows],
        high=[row["auc_high"] for row in rows],
        joined=True,
        hover=hover,
    )
    observed = Series(
        "points",
        at,
        _of(rows, "observed"),
        tongue.say("observed rate, 95 % interval", "beobachtete Quote, 95-%-Intervall"),
        ORANGE,
        low=[row["observed_low"] for row in rows],
        high=[row["observed_high"] for row in rows],
        joined=True,
        hover=hover,
    )
    predicted = Series(
        "points",
        at,
        _of(rows, "mean_probability"),
        tongue.say("mean probability", "mittlere Wahrscheinlichkeit"),
        joined=True,
        hollow=True,
        hover=hover,
    )
    ends = (-0.5, max(len(rows), 1) - 0.5)
    highest = max([0.05, *(float(row[key] or 0.0) for row in rows for key in ("observed_high", "mean_probability"))])
    panels = [
        Panel([auc], title="AUC", x_ticks=months, x_range=ends, y_format="number", x_format="none"),
        Panel(
            [observed, predicted],
            title=tongue.say("Predicted and observed", "Vorhergesagt und beobachtet"),
            x_ticks=months,
            x_range=ends,
            y_range=(0.0, 1.35 * highest),
            x_format="none",
            legend="upper right",
        ),
    ]
    return Chart(tongue.say("Month by month", "Monat für Monat"), panels, width=10.0, height=3.9)


def _lines(rows: Rows, tongue: Tongue) -> tuple[list[str], list[tuple[int, Mapping[str, Any]]]]:
    """Lay segments out one below the other: names, headings among them, and each row with its place."""
    names: list[str] = []
    placed: list[tuple[int, Mapping[str, Any]]] = []
    for dimension, found in itertools.groupby(rows, key=lambda row: str(row["dimension"])):
        if dimension != ALL:
            title = dimension_words(dimension, tongue.language)
            names.append(f"*{title[0].upper()}{title[1:]}")
        for row in found:
            placed.append((len(names), row))
            own = value_words(row["value"], tongue.language)
            own = tongue.say("all {rows}", "alle {rows}") if dimension == ALL else own
            names.append(f"{own} ({number(row['rows'], 0, tongue.language)})")
    return names, placed


def _forest(placed: Sequence[tuple[int, Mapping[str, Any]]], metric: str, digits: int, tongue: Tongue) -> list[Series]:
    """Draw one metric with its intervals; segments that are apart after correction in red."""
    series = []
    for flagged, colour in ((False, BLUE), (True, RED)):
        chosen = [(place, row) for place, row in placed if row["flagged"] is flagged and row[metric] is not None]
        if not chosen:
            continue
        found = [row for _, row in chosen]
        series.append(
            Series(
                "points",
                _of(found, metric),
                [place for place, _ in chosen],
                colour=colour,
                low=[row[f"{metric}_low"] for row in found],
                high=[row[f"{metric}_high"] for row in found],
                sideways=True,
                hover=[
                    f"{_hover(row, tongue)}; {number(row[metric], digits, tongue.language)} "
                    f"({number(row[f'{metric}_low'], digits, tongue.language)} – "
                    f"{number(row[f'{metric}_high'], digits, tongue.language)})"
                    for row in found
                ],
            )
        )
    return series


def _overall(rows: Rows, metric: str) -> float | None:
    return next((float(row[metric]) for row in rows if row["dimension"] == ALL and row[metric] is not None), None)


def by_segment(rows: Rows, tongue: Tongue) -> Chart:
    """Draw AUC and lift of every measured segment with their intervals; the line is that of all rows."""
    names, placed = _lines(rows, tongue)
    plain = [(place, {**row, "flagged": False}) for place, row in placed]  # the flag is about calibration alone
    panels = [
        Panel(
            _forest(plain, metric, digits, tongue),
            title=title,
            x_format="number",
            y_format="none",
            y_ticks=names,
            rule=_overall(rows, metric),
        )
        for metric, digits, title in (
            ("auc", 3, "AUC"),
            ("lift_at_capacity", 2, tongue.say("Lift at capacity", "Lift bei Kapazität")),
        )
    ]
    title = tongue.say("By segment, 95 % intervals", "Nach Segmenten, 95-%-Intervalle")
    return Chart(title, panels, 1.4 + ROW_HEIGHT * len(names), 10.0)


def calibration_by_segment(rows: Rows, tongue: Tongue) -> Chart:
    """Draw the observed rate of every measured segment beside the mean probability, and the gap between them."""
    names, placed = _lines(rows, tongue)
    found = [row for _, row in placed]
    places = [place for place, _ in placed]
    hover = [
        f"{_hover(row, tongue)}; {percent(row['mean_probability'], tongue.language)} → "
        f"{percent(row['observed'], tongue.language)}"
        for row in found
    ]
    observed = Series(
        "points",
        _of(found, "observed"),
        places,
        tongue.say("observed, 95 % interval", "beobachtet, 95-%-Intervall"),
        ORANGE,
        low=[row["observed_low"] for row in found],
        high=[row["observed_high"] for row in found],
        sideways=True,
        hover=hover,
    )
    predicted = Series(
        "points",
        _of(found, "mean_probability"),
        places,
        tongue.say("mean probability", "mittlere Wahrscheinlichkeit"),
        hollow=True,
        hover=hover,
    )
    rates = Panel(
        [observed, predicted],
        title=tongue.say("Predicted and observed", "Vorhergesagt und beobachtet"),
        y_format="none",
        y_ticks=names,
        legend="upper right",
    )
    gaps = Panel(
        _forest(placed, "calibration_gap", 3, tongue),
        title=tongue.say(
            "Predicted less observed; red: beyond chance", "Vorhergesagt minus beobachtet; rot: mehr als Zufall"
        ),
        x_format="points",
        y_format="none",
        y_ticks=names,
        rule=0.0,
    )
    title = tongue.say("Calibration by segment", "Kalibrierung nach Segmenten")
    return Chart(title, [rates, gaps], 1.4 + ROW_HEIGHT * len(names), 10.0)
