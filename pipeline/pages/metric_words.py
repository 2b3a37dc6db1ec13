"""Metrics as pages lay them out: names, digits, and a table of the product beside its baselines."""

from collections.abc import Mapping
from typing import Any

from models.presentation.catalogues import words
from models.presentation.metric_names import DIGITS, HEADLINE, metric_name
from models.presentation.model_names import model_name
from models.presentation.numbers import MISSING, interval, number

__all__ = ["headline_tiles", "metric_cell", "metrics_table"]

Cell = str | tuple[str, str]


def metric_cell(metric: Mapping[str, Any] | None, digits: int, language: str) -> Cell:
    """Write a metric with its interval below it."""
    if not metric:
        return MISSING
    return number(metric["value"], digits, language), interval(metric, digits, language)


def metrics_table(result: Mapping[str, Any], language: str) -> tuple[list[str], list[list[Cell]]]:
    """Lay out every metric of the product (first) and of each measured baseline: heading and rows."""
    say = words(language)
    head = [say.gettext("model"), *(metric_name(metric, language) for metric in DIGITS)]
    measured = {"product": result["product"], **result["baselines"]}
    rows = [
        [
            model_name(name, language),
            *(metric_cell(metrics.get(metric), digits, language) for metric, digits in DIGITS.items()),
        ]
        for name, metrics in measured.items()
        if metrics is not None
    ]
    return head, rows


def headline_tiles(result: Mapping[str, Any], language: str) -> list[tuple[str, str, list[str]]]:
    """Give the four figures that people ask for first, each with its interval and the best baseline."""
    say = words(language)
    tiles = []
    for metric in HEADLINE:
        digits = DIGITS[metric]
        of_product = result["product"][metric]
        note = [interval(of_product, digits, language)]
        beside = {
            name: values[metric]["value"]
            for name, values in result["baselines"].items()
            if values and values.get(metric) and values[metric]["value"] is not None and name != "base_rate"
        }
        if metric == "ece":
            level = number(result.get("level_error"), digits, language)
            note.append(say.gettext("level error {level}", level=level))
        elif beside:
            best = max(beside, key=lambda name: beside[name])
            note.append(f"{model_name(best, language)}: {number(beside[best], digits, language)}")
        tiles.append((metric_name(metric, language), number(of_product["value"], digits, language), note))
    return tiles
