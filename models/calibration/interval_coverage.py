"""Coverage of the intervals: judged by groups of rows with like probabilities, where outcomes can be counted."""

from typing import Any

import numpy as np
from scipy.special import ndtri

from features.errors import DataError

__all__ = ["covered_means", "covered_rates", "score_groups"]

SMALLEST = 20  # rows of a group


def score_groups(probabilities: np.ndarray, count: int = 50) -> np.ndarray:
    """Assign each row to a group: ranges of the probability with equally many rows.

    Parameters
    ----------
    probabilities : ndarray of float
        One per row.
    count : int
        Groups wanted; there are fewer where groups would have less than 20 rows.

    Returns
    -------
    ndarray of int64
        0 to the number of groups - 1, rising with the probability.

    Raises
    ------
    DataError
        There is no row.

    Examples
    --------
    >>> score_groups(np.linspace(0.0, 1.0, 40)).tolist() == [0] * 20 + [1] * 20
    True
    """
    rows = len(probabilities)
    if not rows:
        raise DataError("interval coverage: there is no row. Check the slice 'test'")
    groups = max(1, min(count, rows // SMALLEST))
    rank = np.argsort(np.argsort(probabilities, kind="stable"), kind="stable")
    return np.asarray(rank * groups // rows)


def _means(groups: np.ndarray, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    rows = np.bincount(groups)
    return tuple(np.bincount(groups, weights=value) / rows for value in values)


def covered_means(
    probabilities: np.ndarray, low: np.ndarray, high: np.ndarray, targets: np.ndarray, count: int = 50
) -> float:
    """Give the share of score groups whose mean interval contains the mean of what it should hold.

    Parameters
    ----------
    probabilities, low, high, targets : ndarray of float
        One per row; targets are probabilities that are known because the data are simulated.
    count : int
        Groups.
    """
    below, above, held = _means(score_groups(probabilities, count), low, high, targets)
    return float(((below <= held) & (held <= above)).mean())


def covered_rates(
    labels: np.ndarray, probabilities: np.ndarray, low: np.ndarray, high: np.ndarray, nominal: float, count: int = 50
) -> dict[str, Any]:
    """Give the share of score groups whose mean interval, widened by the noise of counting, contains their observed rate.

    The ends' distances from the mean probability and the binomial distance of a rate of so many rows are independent and add
    in squares.

    Parameters
    ----------
    labels : ndarray
        0 or 1.
    probabilities, low, high : ndarray of float
        One per row.
    nominal : float
        Coverage that the intervals promise, in (0, 1).
    count : int
        Groups.

    Returns
    -------
    dict
        ``share``, ``nominal``, ``groups``, ``width`` (mean width of a row's interval).
    """
    groups = score_groups(probabilities, count)
    rate, centre, below, above = _means(groups, np.asarray(labels, dtype=np.float64), probabilities, low, high)
    noise = float(ndtri((1.0 + nominal) / 2.0)) * np.sqrt(centre * (1.0 - centre) / np.bincount(groups))
    inside = (rate >= centre - np.hypot(centre - below, noise)) & (rate <= centre + np.hypot(above - centre, noise))
    return {
        "share": float(inside.mean()),
        "nominal": nominal,
        "groups": int(groups.max()) + 1,
        "width": float(np.mean(high - low)),
    }
