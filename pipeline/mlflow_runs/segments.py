"""Segments in the words of a tracker: metrics that the pages draw side by side, a table, a sentence."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.quality.segments import SEGMENT_METRICS
from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.mlflow_runs.markdown import table

__all__ = ["segment_metrics", "segments_description", "segments_sentence"]

Cells = Sequence[Mapping[str, Any]]
SIGNS = (("≥ ", "from "), (" – < ", " to below "), ("< ", "below "))
NAMED = 4  # segments that the sentence names


def _metric_name(value: str | None) -> str:
    """Spell a segment with the characters that MLflow takes in a metric's name."""
    text = value_words(value, "en")
    for sign, word in SIGNS:
        text = text.replace(sign, word)
    return re.sub(r"[^\w\- :]", "_", text)


def segment_metrics(cells: Cells) -> dict[str, float]:
    """Give the metrics of one dimension as `<metric>/<segment>`; segments with too few positives have none.

    Examples
    --------
    >>> one = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> cell = {"value": "≥ 377", "measured": True, "base_rate": 0.2, "rows": 10, **dict.fromkeys(SEGMENT_METRICS, one)}
    >>> list(segment_metrics([cell]).items())[:2]
    [('rows/from 377', 10.0), ('base_rate/from 377', 0.2)]
    >>> segment_metrics([{"value": "x", "measured": False}])
    {}
    """
    found: dict[str, float] = {}
    taken: set[str] = set()
    for cell in cells:
        if not cell["measured"]:
            continue
        name = _metric_name(cell["value"])
        while name in taken:  # two values that differ in signs only
            name += "_"
        taken.add(name)
        found |= {f"rows/{name}": float(cell["rows"]), f"base_rate/{name}": float(cell["base_rate"])}
        found |= {
            f"{metric}/{name}": float(cell[metric]["value"])
            for metric in SEGMENT_METRICS
            if cell[metric]["value"] is not None
        }
    return found


def segments_description(dimension: str, cells: Cells, min_positives: int) -> str:
    """Describe one dimension in Markdown: every segment with its intervals; what has too few positives is said."""
    head = ("segment", "rows", "positives", "AUC", "log loss", "lift at capacity", "predicted less observed", "")
    rows: list[tuple[str, ...]] = []
    for cell in cells:
        name = value_words(cell["value"], "en").replace("|", "/")
        counts = (name, f"{cell['rows']:,}", f"{cell['positives']:,}")
        if not cell["measured"]:
            rows.append((*counts, "too few", "", "", "", ""))
            continue
        figures = [
            _cell(cell[metric], digits, sign)
            for metric, digits, sign in (
                ("auc", 3, ""),
                ("log_loss", 3, ""),
                ("lift_at_capacity", 2, ""),
                ("calibration_gap", 3, "+"),
            )
        ]
        rows.append((*counts, *figures, "**beyond chance**" if cell["flagged"] else ""))
    start = (
        f"The test {'month by month' if dimension == 'month' else 'by ' + dimension_words(dimension, 'en')}; 95 % intervals "
        "in brackets. A gap marked **beyond chance** is one that remains after correcting for the number of segments."
    )
    if any(not cell["measured"] for cell in cells):
        start += f" Too few: fewer than {min_positives} positives or negatives."
    return "\n".join([start, "", *table(head, rows)])


def _cell(metric: Mapping[str, float | None], digits: int, sign: str) -> str:
    if metric["value"] is None:
        return "-"
    ends = "" if metric["low"] is None else f" ({metric['low']:{sign}.{digits}f}..{metric['high']:{sign}.{digits}f})"
    return f"{metric['value']:{sign}.{digits}f}{ends}"


def segments_sentence(segments: Mapping[str, Any]) -> str:
    """Say in one Markdown line in which segments the probability is off by more than chance."""
    flagged = [
        (dimension, cell)
        for dimension, cells in segments["by"].items()
        for cell in cells
        if cell["measured"] and cell["flagged"]
    ]
    if not segments["compared"]:
        return (
            f"**Segments:** none has {segments['min_positives']} positives and as many negatives, so none was measured."
        )
    start = f"**Segments:** calibration is off by more than chance in {len(flagged)} of {segments['compared']}"
    if not flagged:
        return f"{start} (Holm's correction at the 5 % level)."
    flagged.sort(key=lambda item: -abs(item[1]["calibration_gap"]["value"]))
    names = [
        f"{dimension_words(dimension, 'en')} {value_words(cell['value'], 'en')} "
        f"({100 * cell['calibration_gap']['value']:+.1f} points)"
        for dimension, cell in flagged[:NAMED]
    ]
    more = f", and {len(flagged) - NAMED} more" if len(flagged) > NAMED else ""
    return f"{start} (Holm's correction at the 5 % level): {', '.join(names)}{more}."
