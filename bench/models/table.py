"""From scores to one table: metrics with intervals per set and contender, the paired deficit and its verdict."""

from typing import Any

import numpy as np
from rich.table import Table

from bench.models.contenders import CONTENDERS, NOT_PROBABILITIES
from models.params import EvaluateParams
from models.quality.metrics import evaluate, paired_log_loss_gain

__all__ = ["METRICS", "TOLERANCE", "contenders_row", "judge_set", "markdown", "rich_table", "verdict"]

METRICS = {
    "auc": "AUC",
    "average_precision": "AP",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "lift_at_capacity": "lift",
}
TOLERANCE = 0.01


def judge_set(
    labels: np.ndarray, groups: np.ndarray, capacity: int, params: EvaluateParams, scores: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Measure all contenders on the same rows, and the product's log loss less that of the best other one, paired.

    Returns
    -------
    dict
        rows, positives, capacity; ``metrics``: contender to `models.quality.metrics.evaluate`; ``deficit``: against,
        value, low, high in nats per row (above 0: the product is worse).
    """
    metrics = {
        name: evaluate(labels, score, groups, None, capacity, params, is_probability=name not in NOT_PROBABILITIES)
        for name, score in scores.items()
    }
    others = [name for name in scores if name != "product" and name not in NOT_PROBABILITIES]
    best = min(others, key=lambda name: metrics[name]["log_loss"]["value"])
    gain = paired_log_loss_gain(labels, scores["product"], scores[best], groups, None, params)
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "capacity": capacity,
        "metrics": metrics,
        "deficit": {"against": best, "value": -gain["value"], "low": -gain["high"], "high": -gain["low"]},
    }


def contenders_row(result: dict[str, Any]) -> dict[str, Any]:
    """Take from a judged set what its row of the documents' table says."""
    metrics = {
        contender: {
            name: found[name]["value"]
            for name in ("log_loss", "auc")
            if found[name] is not None and found[name]["value"] is not None
        }
        for contender, found in result["metrics"].items()
    }
    return {"metrics": metrics, "deficit": result["deficit"]}


def verdict(deficit: dict[str, Any]) -> str:
    """Say whether the product is within the tolerance of the best contender, as far as the rows can tell.

    Examples
    --------
    >>> verdict({"high": 0.01}), verdict({"high": 0.0101})
    ('within 0.01', 'undecided')
    """
    return f"within {TOLERANCE}" if deficit["high"] <= TOLERANCE else "undecided"


def _cell(metric: dict[str, float | None] | None) -> tuple[str, str]:
    if metric is None or metric["value"] is None:
        return "-", ""
    low, high = metric["low"], metric["high"]
    return f"{metric['value']:.3f}", "" if low is None or high is None else f"{low:.3f}..{high:.3f}"


def _deficit(result: dict[str, Any]) -> tuple[str, str]:
    found = result["deficit"]
    words = f"{found['value']:+.4f} to {CONTENDERS[found['against']]}"
    return words, f"{found['low']:+.4f}..{found['high']:+.4f}: {verdict(found)}"


def rich_table(results: dict[str, dict[str, Any]], seconds: float) -> Table:
    """Lay out all sets; one row per set and contender."""
    table = Table(title=f"test rows in the order of time, {seconds:g} s for each contender, 95 % intervals")
    for title in ("set", "contender", *METRICS.values(), "product's log loss less the best other's"):
        table.add_column(title, justify="left" if title in ("set", "contender") else "right")
    for name, result in results.items():
        for contender, metrics in result["metrics"].items():
            first = contender == "product"
            cells = [_cell(metrics[metric]) for metric in METRICS]
            words = f"{name}\n[dim]{result['rows']:,} rows, {result['positives']:,} positive[/dim]" if first else ""
            last = "\n".join(_deficit(result)) if first else ""
            table.add_row(
                words,
                CONTENDERS[contender],
                *(f"{value}\n[dim]{spread}[/dim]" for value, spread in cells),
                last,
                style="bold" if first else "",
                end_section=contender == list(result["metrics"])[-1],
            )
    return table


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """Write the same table for a page: intervals in small print, the verdict in the product's row."""
    head = ["set (test rows, positives)", "contender", *METRICS.values(), "product's log loss less the best other's"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, result in results.items():
        for contender, metrics in result["metrics"].items():
            first = contender == "product"
            cells = [_cell(metrics[metric]) for metric in METRICS]
            row = [
                f"{name} ({result['rows']:,}, {result['positives']:,})" if first else "",
                f"**{CONTENDERS[contender]}**" if first else CONTENDERS[contender],
                *(f"{value}<br><sub>{spread}</sub>" if spread else value for value, spread in cells),
                "<br>".join(_deficit(result)) if first else "",
            ]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)
