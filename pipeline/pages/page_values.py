"""What every page of a trained model hands to its template."""

from typing import Any

from models.presentation.catalogues import words
from models.presentation.numbers import number, percent, points
from models.presentation.purge_words import purge_sentence
from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.pages.metric_words import headline_tiles, metric_cell, metrics_table
from pipeline.pages.trained import Trained, verdict_sentence

__all__ = ["model_values", "points_cell"]

FEW_POSITIVES = 100


def points_cell(metric: dict[str, Any], language: str) -> tuple[str, str]:
    """Write a difference of probabilities in percentage points, its interval below.

    Examples
    --------
    >>> points_cell({"value": 0.0981, "low": 0.04, "high": 0.153}, "de")
    ('+9,8', '+4,0 bis +15,3')
    """
    if metric["low"] is None:
        return points(metric["value"], language), ""
    to = words(language).pgettext("range", "to")
    return points(
        metric["value"], language
    ), f"{points(metric['low'], language)} {to} {points(metric['high'], language)}"


def model_values(trained: Trained, language: str) -> dict[str, Any]:
    """Give the values that the templates of the report and of the model card share."""
    return {
        "trained": trained,
        "result": trained.result,
        "meta": trained.metadata,
        "segments": trained.segments,
        "target": trained.words.spoken(language),
        "tiles": headline_tiles(trained.result, language),
        "verdict": verdict_sentence(trained.result, language),
        "verdict_is_good": (trained.result.get("verdict") or {}).get("code") == "forward_signal",
        "purge": purge_sentence(trained.metadata)[language],
        "few_positives": trained.result["positives"] < FEW_POSITIVES,
        "picture": lambda name: trained.picture(name, language),
        "metrics_table": lambda result: metrics_table(result, language),
        "metric_cell": lambda metric, digits: metric_cell(metric, digits, language),
        "points_cell": lambda metric: points_cell(metric, language),
        "dimension": lambda name: dimension_words(name, language),
        "value_name": lambda value: value_words(value, language),
        "few_named": lambda cells: _few_named(cells, language),
        "number": lambda value, digits=0: number(value, digits, language),
        "percent": lambda share, digits=1: percent(share, language, digits),
    }


NAMED = 5  # values with too few positives that are named; the others are counted


def _few_named(cells: list[dict[str, Any]], language: str) -> str:
    """Name the values that were counted and not measured; empty where there is none."""
    say = words(language)
    few = [cell for cell in cells if not cell["measured"]]
    named = [
        say.gettext(
            "{name} ({positives} of {rows})",
            name=value_words(cell["value"], language),
            positives=number(cell["positives"], 0, language),
            rows=number(cell["rows"], 0, language),
        )
        for cell in few[:NAMED]
    ]
    if len(few) > NAMED:
        rows, positives = (number(sum(cell[key] for cell in few[NAMED:]), 0, language) for key in ("rows", "positives"))
        count = len(few) - NAMED
        named.append(say.gettext("{count} more ({positives} of {rows})", count=count, positives=positives, rows=rows))
    return ", ".join(named)
