"""The cluster bootstrap: how often each row counts in each resample of the groups, and percentile intervals."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.errors import DataError

__all__ = ["check_rows", "interval", "resample_weights"]

BLOCK = 2_000_000
COVERAGE = 0.95
ENOUGH = 0.5


def resample_weights(groups: np.ndarray, weights: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw whole groups with replacement; yield the weight of every row in each resample, in blocks.

    Rows of one account or lead depend on one another, so a resample takes all of them or none (Davison and Hinkley 1997,
    section 3.8).

    Parameters
    ----------
    groups : ndarray
        One name per row.
    weights : ndarray of float64
        One per row.
    resamples, seed : int
        Number of resamples; the same seed and groups give the same resamples.

    Yields
    ------
    ndarray of float64 [resamples of the block, rows]
    """
    codes, names = pd.factorize(np.asarray(groups), sort=True)  # sorted: the order of rows changes nothing
    random = np.random.default_rng(seed)
    step = max(1, BLOCK // max(len(codes), 1))
    for begin in range(0, resamples, step):
        size = min(step, resamples - begin)
        drawn = random.integers(0, len(names), size=(size, len(names)))
        drawn += np.arange(size)[:, None] * len(names)
        counts = np.bincount(drawn.ravel(), minlength=size * len(names)).reshape(size, len(names))
        yield counts[:, codes] * weights


def interval(
    value: float, resampled: np.ndarray, coverage: float = COVERAGE, reflected: bool = False
) -> dict[str, float | None]:
    """Make a value with its percentile interval.

    A metric that noise can only raise, such as a calibration error, is higher in resamples than it is: its interval is
    reflected about the value (the basic bootstrap, Davison and Hinkley 1997, 5.2) and cut off at 0.

    Resamples in which the metric is undefined (one class only) are skipped; with more than half of them undefined there
    is no interval.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``; None where undefined.

    Examples
    --------
    >>> interval(0.5, np.array([0.4, 0.5, 0.6]))["value"]
    0.5
    >>> interval(float("nan"), np.array([np.nan]))
    {'value': None, 'low': None, 'high': None}
    """
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    if not len(defined) or len(defined) < ENOUGH * len(resampled):
        return {"value": float(value), "low": None, "high": None}
    low, high = np.quantile(defined, [(1.0 - coverage) / 2.0, (1.0 + coverage) / 2.0])
    if reflected:
        low, high = max(2.0 * value - high, 0.0), max(2.0 * value - low, value)
    return {"value": float(value), "low": float(low), "high": float(high)}


def check_rows(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check labels, scores and weights of the same rows and return them as float64.

    Raises
    ------
    DataError
        Lengths differ, there is no row, a label is not 0 or 1, a score is not finite, or a weight is not positive.
    """
    y = np.asarray(labels, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(y) or not len(y) == len(s) == len(w):
        raise DataError(
            f"metrics: {len(y)} labels, {len(s)} scores, {len(w)} weights; hand in one of each per row, not 0"
        )
    for name, wrong, allowed in (
        ("label", ~np.isin(y, (0.0, 1.0)), "0 or 1"),
        ("score", ~np.isfinite(s), "a finite number"),
        ("weight", ~(np.isfinite(w) & (w > 0)), "a positive number"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            got = {"label": y, "score": s, "weight": w}[name][row]
            raise DataError(
                f"metrics: {name} of row {row} is {got}; allowed is {allowed}. Drop or repair such rows first "
                f"({int(wrong.sum())} of {len(y)})"
            )
    return y, s, w
