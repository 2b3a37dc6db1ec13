"""How good a score is: values, their 95 % intervals, and paired differences between two scores on the same rows.

Every metric takes row weights (None: all 1) and treats rows with equal scores as one block, so the order of rows changes
nothing. Resampling needs no sorting: a resample is only another set of weights.
"""

from typing import Any

import numpy as np

from features.errors import ParameterError
from models.params import EvaluateParams
from models.quality.bootstrap import check_rows, interval, resample_weights
from models.quality.curves import gain_points, pr_points, reliability_points, roc_points
from models.quality.metric_kernels import Ranked, bin_noise, calibration_metrics, probabilities_only, row_log_loss

__all__ = [
    "METRICS",
    "auc",
    "average_precision",
    "brier",
    "ece",
    "evaluate",
    "gain_points",
    "level_error",
    "lift_at_capacity",
    "log_loss",
    "paired_auc_gain",
    "paired_log_loss_gain",
    "pr_points",
    "precision_at_capacity",
    "reliability_points",
    "roc_points",
]

RAISED_BY_NOISE = ("ece_with_noise",)
METRICS = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
    "ece_with_noise",
    "precision_at_capacity",
    "lift_at_capacity",
)
DEFAULTS = EvaluateParams()


def _ranking(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None, rows: int, name: str) -> float:
    y, s, w = check_rows(labels, scores, weights)
    return float(Ranked.of(y, s).metrics(w[None, :], _share(rows, len(y)))[name][0])


def _share(capacity_rows: int, rows: int) -> float:
    if not 1 <= capacity_rows <= rows:
        raise ParameterError(
            f"capacity is {capacity_rows} rows of {rows}; allowed is 1 to {rows}. See `capacity` in params.yaml"
        )
    return capacity_rows / rows


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Chance that a random positive row scores higher than a random negative one; an equal score counts one half.

    Parameters
    ----------
    labels : ndarray
        0 or 1, one per row.
    scores : ndarray of float
        Higher means likelier.
    weights : ndarray of float, optional
        Positive.

    Returns
    -------
    float
        In [0, 1]; NaN with one class.

    Examples
    --------
    >>> auc(np.array([1, 0, 0]), np.array([0.7, 0.7, 0.1]))
    0.75
    """
    return _ranking(labels, scores, weights, 1, "auc")


def average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Precision averaged over the positives, in steps, without interpolation; NaN without positives.

    Examples
    --------
    >>> average_precision(np.array([1, 0, 1]), np.array([0.9, 0.5, 0.1]))
    0.8333333333333333
    """
    return _ranking(labels, scores, weights, 1, "average_precision")


def precision_at_capacity(
    labels: np.ndarray, scores: np.ndarray, capacity_rows: int, weights: np.ndarray | None = None
) -> float:
    """Share of positives among the rows that sales can work, best first.

    A block of equal scores that capacity cuts counts in expectation over its orders. With weights, capacity is the same
    share of the weight as it is of the rows.

    Examples
    --------
    >>> precision_at_capacity(np.array([1, 0, 0]), np.array([0.5, 0.5, 0.1]), 1)
    0.5
    """
    return _ranking(labels, scores, weights, capacity_rows, "precision_at_capacity")


def lift_at_capacity(
    labels: np.ndarray, scores: np.ndarray, capacity_rows: int, weights: np.ndarray | None = None
) -> float:
    """Precision at capacity over the base rate; NaN without positives.

    Examples
    --------
    >>> lift_at_capacity(np.array([1, 0, 0, 0]), np.array([0.9, 0.5, 0.4, 0.1]), 2)
    2.0
    """
    return _ranking(labels, scores, weights, capacity_rows, "lift_at_capacity")


def log_loss(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean of -ln of the probability given to what happened, in nats; probabilities are clipped 1e-15 away from 0 and 1."""
    y, p, w = check_rows(labels, probabilities, weights)
    return float(w @ row_log_loss(y, p) / w.sum())


def brier(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean squared difference between probability and label, in [0, 1]."""
    y, p, w = check_rows(labels, probabilities, weights)
    return float(w @ (probabilities_only(p) - y) ** 2 / w.sum())


def ece(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None, bins: int = 10) -> float:
    """Average the calibration error over equal-mass bins (ECE): |mean probability - observed rate|, in [0, 1].

    Rows of equal probability are never parted, so a bin may be heavier than another. It is never negative and therefore
    above 0 for a perfect probability too, the more so the fewer rows there are: `evaluate` gives it as ``ece_with_noise``, and
    as ``ece`` what is left when the variance that chance gives each bin's gap is taken off the gap's square.

    Examples
    --------
    >>> ece(np.array([0, 1]), np.array([0.25, 0.75]), bins=2)
    0.25
    """
    y, p, w = check_rows(labels, probabilities, weights)
    return float(calibration_metrics(y, probabilities_only(p), w, w[None, :], bins)["ece_with_noise"][0])


def level_error(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean probability minus observed rate: by how much all probabilities together are too high, or too low where negative.

    By the triangle inequality the calibration error is never smaller than its size, however the bins are cut. It says nothing
    of the cause: the base rate may have moved since training, or the calibration may be bad.

    Examples
    --------
    >>> level_error(np.array([0, 0, 1, 0]), np.array([0.5, 0.5, 0.5, 0.5]))
    0.25
    """
    y, p, w = check_rows(labels, probabilities, weights)
    return float(w @ (probabilities_only(p) - y) / w.sum())


def evaluate(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None,
    capacity_rows: int,
    params: EvaluateParams,
    is_probability: bool = True,
) -> dict[str, dict[str, float | None] | None]:
    """Measure a score, with 95 % bootstrap intervals over groups.

    Parameters
    ----------
    labels : ndarray
        0 or 1, one per row.
    scores : ndarray of float
        Probabilities, or with ``is_probability=False`` any score where higher means likelier.
    groups : ndarray
        Account or lead of each row; resamples take whole groups.
    weights : ndarray of float or None
        Positive; None weighs all rows 1.
    capacity_rows : int
        Rows that sales can work, in 1..rows.
    params : EvaluateParams
        Resamples, bins and seed.
    is_probability : bool
        False leaves log_loss, brier and the calibration errors None.

    Returns
    -------
    dict
        Per name of `METRICS`: ``value``, ``low``, ``high`` (None where undefined), or None where the score can't have it.

    Raises
    ------
    DataError, ParameterError
        Labels, scores, weights or capacity out of range.
    """
    y, s, w = check_rows(labels, scores, weights)
    share = _share(capacity_rows, len(y))
    ranked = Ranked.of(y, s)

    noise = bin_noise(y, probabilities_only(s), w, groups, params.ece_bins) if is_probability else np.zeros(0)

    def measure(block: np.ndarray, draws: int) -> dict[str, np.ndarray]:
        measured = ranked.metrics(block, share)
        if is_probability:
            measured |= calibration_metrics(y, s, w, block, params.ece_bins, draws * noise)
        return measured

    values = measure(w[None, :], 1)
    # A resample was drawn twice, so its gaps carry that noise twice
    blocks = [measure(block, 2) for block in resample_weights(groups, w, params.bootstrap, params.seed)]
    return {
        name: interval(
            values[name][0], np.concatenate([block[name] for block in blocks]), reflected=name in RAISED_BY_NOISE
        )
        if name in values
        else None
        for name in METRICS
    }


def paired_log_loss_gain(
    labels: np.ndarray,
    probabilities: np.ndarray,
    others: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
    params: EvaluateParams = DEFAULTS,
) -> dict[str, float | None]:
    """Log loss of `others` minus that of `probabilities` on the same rows, with its 95 % interval; above 0 is a gain.

    Both are measured on the same resamples, so what is hard for both cancels out.

    Returns
    -------
    dict
        ``value``, ``low``, ``high`` in nats per row.
    """
    y, p, w = check_rows(labels, probabilities, weights)
    _, q, _ = check_rows(labels, others, weights)
    gain = row_log_loss(y, q) - row_log_loss(y, p)
    blocks = [block @ gain / block.sum(axis=1) for block in resample_weights(groups, w, params.bootstrap, params.seed)]
    return interval(float(w @ gain / w.sum()), np.concatenate(blocks))


def paired_auc_gain(
    labels: np.ndarray,
    scores: np.ndarray,
    others: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
    params: EvaluateParams = DEFAULTS,
) -> dict[str, float | None]:
    """AUC of `scores` minus that of `others` on the same rows, with its 95 % interval; for scores that are no probability.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``; None where the AUC is undefined.
    """
    y, s, w = check_rows(labels, scores, weights)
    _, t, _ = check_rows(labels, others, weights)
    ranked, ranked_others = Ranked.of(y, s), Ranked.of(y, t)

    def gain(block: np.ndarray) -> np.ndarray:
        return np.asarray(ranked.metrics(block, 1.0)["auc"] - ranked_others.metrics(block, 1.0)["auc"])

    blocks: list[Any] = [gain(block) for block in resample_weights(groups, w, params.bootstrap, params.seed)]
    return interval(float(gain(w[None, :])[0]), np.concatenate(blocks))
