"""What commands print of an evaluation: the table of metrics, and a sentence each on calibration, intervals and signal."""

from typing import Any

from rich.table import Table

from models.presentation.metric_names import COMPARED, metric_name

__all__ = ["calibration_note", "coverage_note", "metrics_table", "signal_note", "unseen_note"]


def metrics_table(result: dict[str, Any], title: str | None = None) -> Table:
    """Lay out the metrics of `evaluate.json`; one row per model, each cell a value with its 95 % interval.

    Parameters
    ----------
    result : dict
        As `models.quality.evaluation.evaluate_rows` returns it.
    title : str, optional
        Above the table; default: rows, base rate and capacity.
    """
    table = Table(
        title=title
        or f"test: {result['rows']:,} rows, base rate {result['base_rate']:.1%}, capacity {result['capacity']:,} rows"
    )
    table.add_column("model")
    for metric in COMPARED:
        table.add_column(metric_name(metric), justify="right")
    for name, metrics in {"product": result["product"], **result["baselines"]}.items():
        if metrics is not None:
            table.add_row(
                name.replace("_", " "),
                *(_cell(metrics[metric]) for metric in COMPARED),
                style="bold" if name == "product" else "",
            )
    return table


def calibration_note(result: dict[str, Any]) -> str:
    """Say how large the calibration error is, with and without bin noise, that of the level, and both slices' base rates."""
    product = result["product"]
    error = product["ece"]
    ends = "" if error["low"] is None else f" ({error['low']:.3f}..{error['high']:.3f})"
    return (
        f"calibration error {error['value']:.3f}{ends} beyond bin noise, {product['ece_with_noise']['value']:.3f} with it; "
        f"level error {result['level_error']:+.3f} (mean prediction minus observed rate); "
        f"base rate {result['train_base_rate']:.1%} in training, {result['base_rate']:.1%} in the test"
    )


def coverage_note(result: dict[str, Any]) -> str:
    """Say how often the observed rate of leads with like probabilities lies in their interval."""
    found = result["interval_coverage"]
    return (
        f"intervals: in {found['share']:.0%} of {found['groups']} groups by probability the observed rate lies within "
        f"(promised {found['nominal']:.0%}); mean width {found['width']:.3f}"
    ) + (f". {said}" if (said := found.get("sentence", {}).get("en")) else "")


def signal_note(verdict: dict[str, Any]) -> str:
    """Say whether there is a signal, and what random folds would have promised where there is none."""
    text = str(verdict["sentence"]["en"])
    folds = verdict["random_folds"]
    if verdict["code"] in ("no_forward_signal", "weak_signal") and folds is not None:
        text += f" Random folds before the test would have promised an AUC of {folds['value']:.3f}."
    beside = [verdict.get(name, {}).get("en") for name in ("ladder", "purge")]
    return " ".join([text, *(said for said in beside if said)])


def unseen_note(unseen: dict[str, Any]) -> str:
    """Say how good the product is on accounts that no training row holds."""
    counts = f"on accounts unseen in training ({unseen['rows']:,} rows, {unseen['positives']:,} positives)"
    if unseen["product"] is None:
        return f"{counts}: too few to measure"
    auc = unseen["product"]["auc"]
    return f"{counts}: AUC {auc['value']:.3f} ({auc['low']:.3f}..{auc['high']:.3f})"


def _cell(metric: dict[str, float | None] | None) -> str:
    if metric is None or metric["value"] is None:
        return "-"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f}\n[dim]{metric['low']:.3f}..{metric['high']:.3f}[/dim]"
