"""The figures by month and by segment."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.presentation.catalogues import words
from models.presentation.chart import BLUE, ORANGE, RED, Chart, Panel, Series
from models.presentation.numbers import bounds, month, number, percent
from models.quality.segment_report import ALL
from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.pages.target_words import TargetWords

__all__ = ["by_month", "by_segment", "calibration_by_segment"]

Rows = Sequence[Mapping[str, Any]]
ROW, AROUND = 23.0, 90.0  # pixels of a segment's line, and of axis, legend and margins


def _of(rows: Iterable[Mapping[str, Any]], key: str) -> list[float]:
    return [float(row[key]) for row in rows]


def _hover(row: Mapping[str, Any], language: str) -> str:
    rows, positives = (number(row[key], 0, language) for key in ("rows", "positives"))
    name = month(row["value"], language) if row["dimension"] == "month" else value_words(row["value"], language)
    return words(language).gettext(
        "{name}: {rows} rows, {positives} positive", name=name, rows=rows, positives=positives
    )


def by_month(rows: Rows, language: str, target: TargetWords) -> Chart:
    """Draw AUC, and predicted beside observed, month by month of the snapshot."""
    say = words(language)
    at = list(range(len(rows)))
    months = [month(str(row["value"]), language) for row in rows]
    known = [place for place in at if rows[place]["auc"] is not None]
    auc = Series(
        "points",
        known,
        _of((rows[place] for place in known), "auc"),
        low=[rows[place]["auc_low"] for place in known],
        high=[rows[place]["auc_high"] for place in known],
        joined=True,
        hover=[f"{_hover(rows[place], language)}; AUC {number(rows[place]['auc'], 3, language)}" for place in known],
    )
    hover = [_hover(row, language) for row in rows]
    observed = Series(
        "points",
        at,
        _of(rows, "observed"),
        say.gettext("observed rate, 95% interval"),
        ORANGE,
        low=[row["observed_low"] for row in rows],
        high=[row["observed_high"] for row in rows],
        joined=True,
        hover=[f"{text}; {percent(row['observed'], language)}" for text, row in zip(hover, rows, strict=True)],
    )
    predicted = Series(
        "points",
        at,
        _of(rows, "mean_probability"),
        say.gettext("mean probability"),
        joined=True,
        hollow=True,
        hover=[f"{text}; {percent(row['mean_probability'], language)}" for text, row in zip(hover, rows, strict=True)],
    )
    ends = (-0.5, max(len(rows), 1) - 0.5)
    highest = max([0.05, *(float(row[key] or 0.0) for row in rows for key in ("observed_high", "mean_probability"))])
    panels = [
        Panel([auc], title=say.gettext("AUC"), x_ticks=months, x_range=ends, y_format="number", x_format="none"),
        Panel(
            [observed, predicted],
            title=say.gettext("Predicted and observed"),
            x_ticks=months,
            x_range=ends,
            y_range=(0.0, 1.06 * highest),
            x_format="none",
        ),
    ]
    return Chart(say.gettext("Month by month"), panels)


def _lines(rows: Rows, language: str, target: TargetWords) -> tuple[list[str], list[tuple[int, Mapping[str, Any]]]]:
    """Lay segments out one below the other: names, headings among them, and each row with its place."""
    names: list[str] = []
    placed: list[tuple[int, Mapping[str, Any]]] = []
    for dimension, of_dimension in itertools.groupby(rows, key=lambda row: str(row["dimension"])):
        if dimension != ALL:
            title = dimension_words(dimension, language)
            names.append(f"*{title[0].upper()}{title[1:]}")
        for row in of_dimension:
            placed.append((len(names), row))
            every = words(language).gettext("all {rows}", rows=target.rows)
            name = every if dimension == ALL else value_words(row["value"], language)
            names.append(f"{name} ({number(row['rows'], 0, language)})")
    return names, placed


def _forest(placed: Sequence[tuple[int, Mapping[str, Any]]], metric: str, digits: int, language: str) -> list[Series]:
    """Draw one metric with its intervals; segments that are apart after correction in red."""
    series = []
    for flagged, colour in ((False, BLUE), (True, RED)):
        drawn = [(place, row) for place, row in placed if row["flagged"] is flagged and row[metric] is not None]
        if not drawn:
            continue
        of_metric = [row for _, row in drawn]
        series.append(
            Series(
                "points",
                _of(of_metric, metric),
                [place for place, _ in drawn],
                colour=colour,
                low=[row[f"{metric}_low"] for row in of_metric],
                high=[row[f"{metric}_high"] for row in of_metric],
                sideways=True,
                hover=[
                    f"{_hover(row, language)}; {number(row[metric], digits, language)} "
                    f"({bounds(row[f'{metric}_low'], row[f'{metric}_high'], digits, language)})"
                    for row in of_metric
                ],
            )
        )
    return series


def _overall(rows: Rows, metric: str) -> float | None:
    return next((float(row[metric]) for row in rows if row["dimension"] == ALL and row[metric] is not None), None)


def by_segment(rows: Rows, language: str, target: TargetWords) -> Chart:
    """Draw AUC and lift of every measured segment with their intervals; the line is that of all rows."""
    say = words(language)
    names, placed = _lines(rows, language, target)
    plain = [(place, {**row, "flagged": False}) for place, row in placed]  # the flag is about calibration alone
    panels = [
        Panel(
            _forest(plain, metric, digits, language),
            title=title,
            x_format="number",
            y_format="none",
            y_ticks=names,
            rule=_overall(rows, metric),
            height=AROUND + ROW * len(names),
        )
        for metric, digits, title in (
            ("auc", 3, say.gettext("AUC")),
            ("lift_at_capacity", 2, say.gettext("Lift at capacity")),
        )
    ]
    return Chart(say.gettext("By segment, 95% intervals"), panels)


def calibration_by_segment(rows: Rows, language: str, target: TargetWords) -> Chart:
    """Draw the observed rate of every measured segment beside the mean probability, and the gap between them."""
    say = words(language)
    names, placed = _lines(rows, language, target)
    of_place = [row for _, row in placed]
    places = [place for place, _ in placed]
    hover = [
        f"{_hover(row, language)}; {percent(row['mean_probability'], language)} → {percent(row['observed'], language)}"
        for row in of_place
    ]
    observed = Series(
        "points",
        _of(of_place, "observed"),
        places,
        say.gettext("observed, 95% interval"),
        ORANGE,
        low=[row["observed_low"] for row in of_place],
        high=[row["observed_high"] for row in of_place],
        sideways=True,
        hover=hover,
    )
    predicted = Series(
        "points",
        _of(of_place, "mean_probability"),
        places,
        say.gettext("mean probability"),
        hollow=True,
        hover=hover,
    )
    height = AROUND + ROW * len(names)
    rates = Panel(
        [observed, predicted],
        title=say.gettext("Predicted and observed"),
        y_format="none",
        y_ticks=names,
        height=height,
    )
    gaps = Panel(
        _forest(placed, "calibration_gap", 3, language),
        say.gettext("percentage points"),
        title=say.gettext("Predicted less observed; red: beyond chance"),
        x_format="points",
        y_format="none",
        y_ticks=names,
        rule=0.0,
        height=height,
    )
    return Chart(say.gettext("Calibration by segment"), [rates, gaps])
