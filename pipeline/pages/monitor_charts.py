"""Figures of the monitor: live calibration, lift, volumes and drift by month."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from models.presentation.catalogues import words
from models.presentation.chart import BLUE, GREY, LIGHT, ORANGE, Chart, Panel, Series
from models.presentation.numbers import bounds, month, number, percent

__all__ = ["MONITOR_FIGURES", "monitor_chart"]

FEATURES = 12
LINE, AROUND = 34.0, 60.0  # pixels of a row of the heat map, and of what is around it
NEWEST = 8  # months that a heat map has room for
Result = Mapping[str, Any]


def _months(result: Result, language: str) -> tuple[list[str], tuple[float, float]]:
    names = [month(item["month"], language) for item in result["months"]]
    return names, (-0.6, max(len(names), 1) - 0.4)


def _ends(metric: Mapping[str, Any], scale: float = 1.0) -> tuple[float | None, float | None]:
    return tuple(None if metric[end] is None else metric[end] * scale for end in ("low", "high"))  # type: ignore[return-value]


def _calibration(result: Result, language: str) -> Chart:
    say = words(language)
    names, ends = _months(result, language)
    at = [
        place
        for place, item in enumerate(result["months"])
        if item["ratio"] is not None and item["mean_probability"] is not None and item["ratio"]["value"] is not None
    ]
    months = [result["months"][place] for place in at]
    means = [float(item["mean_probability"]) for item in months]
    spans = [_ends(item["ratio"], mean) for item, mean in zip(months, means, strict=True)]
    seen = [item["ratio"]["value"] * mean for item, mean in zip(months, means, strict=True)]
    observed = Series(
        "points",
        [place + 0.12 for place in at],
        seen,
        say.gettext("observed, 95% interval"),
        low=[low for low, _ in spans],
        high=[high for _, high in spans],
        hover=[f"{names[place]}: {percent(value, language)}" for place, value in zip(at, seen, strict=True)],
    )
    predicted = Series(
        "points",
        [place - 0.12 for place in at],
        means,
        say.gettext("predicted on average"),
        ORANGE,
        shape="diamond",
        hover=[f"{names[place]}: {percent(value, language)}" for place, value in zip(at, means, strict=True)],
    )
    top = max([0.05, *means, *(high for _, high in spans if high is not None), *seen])
    panel = Panel([predicted, observed], x_ticks=names, x_range=ends, x_format="none", y_range=(0.0, 1.06 * top))
    return Chart(say.gettext("Predicted and observed"), [panel])


def _lift(result: Result, language: str) -> Chart:
    say = words(language)
    names, ends = _months(result, language)
    promise, series = result["promise"], []
    top = 1.2
    if promise is not None and promise["lift_at_capacity"]["low"] is not None:
        lift = promise["lift_at_capacity"]
        text = say.gettext("promised, 95% interval")
        series.append(Series("band", [], [], text, ORANGE, low=[lift["low"]], high=[lift["high"]], alpha=0.2))
        series.append(Series("line", list(ends), [lift["value"]] * 2, colour=ORANGE, width=1.4))
        top = max(top, lift["high"])
    without = say.gettext("without an order")
    series.append(Series("line", list(ends), [1.0, 1.0], without, GREY, 1.0, dashed=True))
    at = [
        place
        for place, item in enumerate(result["months"])
        if item["lift_at_capacity"] is not None and item["lift_at_capacity"]["value"] is not None
    ]
    lifts = [result["months"][place]["lift_at_capacity"] for place in at]
    series.append(
        Series(
            "points",
            at,
            [item["value"] for item in lifts],
            say.gettext("live, 95% interval"),
            low=[item["low"] for item in lifts],
            high=[item["high"] for item in lifts],
            hover=[
                f"{names[place]}: {number(item['value'], 2, language)} ({bounds(item['low'], item['high'], 2, language)})"
                for place, item in zip(at, lifts, strict=True)
            ],
        )
    )
    top = max([top, *(value for item in lifts for value in (item["value"], item["high"]) if value is not None)])
    panel = Panel(series, x_ticks=names, x_range=ends, x_format="none", y_format="number", y_range=(0.0, 1.06 * top))
    return Chart(say.gettext("Lift at capacity"), [panel])


def _volume(result: Result, language: str) -> Chart:
    say = words(language)
    names, ends = _months(result, language)
    places = [place - 0.31 for place in range(len(names))]
    known = [float(item["matured"]) for item in result["months"]]
    every = [float(item["rows"]) for item in result["months"]]

    def hover(values: list[float]) -> list[str]:
        return [f"{name}: {number(value, 0, language)}" for name, value in zip(names, values, strict=True)]

    open_ = [rows - matured for rows, matured in zip(every, known, strict=True)]
    series = [
        Series("columns", places, known, say.gettext("outcome known"), BLUE, 0.62, hover=hover(known)),
        Series("columns", places, every, say.gettext("not yet known"), LIGHT, 0.62, base=known, hover=hover(open_)),
    ]
    panel = Panel(
        series,
        x_ticks=names,
        x_range=ends,
        x_format="none",
        y_format="number",
        y_range=(0.0, 1.06 * max([1.0, *every])),
    )
    return Chart(say.gettext("Leads scored, and outcomes known"), [panel])


def _drift(result: Result, language: str) -> Chart:
    say = words(language)
    scored = [item for item in result["months"] if "score" in item][-NEWEST:]
    months = [item["month"] for item in scored]
    rows = [(say.gettext("the probability itself"), [item["score"]["value"] for item in scored])]
    for feature in [item for item in result["features"] if item["decides"]][:FEATURES]:
        text = feature["text"].get(language, feature["text"]["en"])
        rows.append((text, [feature["months"][name]["value"] for name in months]))
    values = [max(value, 0.0) for _, of_row in rows for value in of_row]  # below 0 is chance
    places = [(x, y) for y, (_, of_row) in enumerate(rows) for x, _ in enumerate(of_row)]
    cells = Series(
        "cells",
        [x for x, _ in places],
        [y for _, y in places],
        values=values,
        top=2.0 * result["params"]["psi_alarm"],
        hover=[number(value, 2, language) for value in values],
    )
    panel = Panel(
        [cells],
        x_ticks=[month(name, language) for name in months],
        x_range=(-0.5, max(len(months), 1) - 0.5),
        x_format="none",
        y_format="none",
        y_ticks=["\n".join(textwrap.wrap(name, 32, max_lines=2, placeholder=" …")) for name, _ in rows],
        height=AROUND + LINE * len(rows),
    )
    return Chart(say.gettext("Drift of what matters (PSI)"), [panel])


MONITOR_FIGURES: dict[str, Callable[[Result, str], Chart]] = {
    "calibration": _calibration,
    "lift": _lift,
    "volume": _volume,
    "drift": _drift,
}


def monitor_chart(name: str, result: Result, language: str = "en") -> Chart:
    """Say what a figure shows.

    Parameters
    ----------
    name : str
        A key of `MONITOR_FIGURES`.
    result : mapping
        As `pipeline.monitoring.assessment.assess` returns it.
    language : str
        Of titles and axes.
    """
    return MONITOR_FIGURES[name](result, language)
