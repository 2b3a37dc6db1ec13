"""The paired difference of two models' log loss on the same rows, with its standard error over groups."""

import numpy as np
from scipy.special import log_expit

__all__ = ["mean_loss", "paired_gain", "row_loss"]


def mean_loss(log_odds: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Give the weighted log loss of log-odds, in nats."""
    return float(weights @ row_loss(log_odds, labels) / weights.sum())


def paired_gain(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray
) -> tuple[float, float]:
    """Give by how much the second's mean loss is smaller than the first's, and the standard error over groups.

    Parameters
    ----------
    first, second : ndarray of float64
        Log-odds.
    labels, weights : ndarray
        0 or 1, and positive.
    groups : ndarray
        Rows of one group depend on one another.

    Examples
    --------
    >>> y = np.array([1.0, 0.0])
    >>> gain, error = paired_gain(np.zeros(2), np.zeros(2), y, np.ones(2), np.arange(2))
    >>> gain, error
    (0.0, 0.0)
    """
    difference = row_loss(first, labels) - row_loss(second, labels)
    mean = float(weights @ difference / weights.sum())
    _, codes = np.unique(groups.astype(str), return_inverse=True)
    by_group = np.bincount(codes, weights=weights * (difference - mean))
    return mean, float(np.sqrt((by_group**2).sum()) / weights.sum())


def row_loss(log_odds: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each row's log loss, in nats; labels are 0 or 1."""
    return np.asarray(-(labels * log_expit(log_odds) + (1.0 - labels) * log_expit(-log_odds)))
