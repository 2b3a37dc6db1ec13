"""Whether one population looks like another: the population stability index of a column."""

from typing import Literal

import numpy as np

__all__ = ["population_stability"]

BINS = 10
FEW = 12


def population_stability(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Compare how a column's values are distributed in two sets of rows.

    The index is the sum of (p - q) ln(p / q) over bins (Siddiqi 2006, "Credit Risk Scorecards"): tenths of `before`, or its
    values where there are few, and one bin for missing values. Half a row is added to each bin. Without any change
    n m / (n + m) times the index is about chi-squared with bins - 1 degrees of freedom (Yurdakul 2018), so chance alone gives
    (bins - 1) (1 / n + 1 / m).

    Parameters
    ----------
    before, after : ndarray of float
        One value per row; NaN is missing.

    Returns
    -------
    dict
        ``psi``, and ``chance``, what to expect of it without any change; NaN where a side has no rows.

    Examples
    --------
    >>> same = population_stability(np.arange(1000.0), np.arange(1000.0))
    >>> round(same["psi"], 6), round(same["chance"], 6)
    (0.0, 0.018)
    >>> population_stability(np.zeros(100), np.ones(100))["psi"] > 0.25
    True
    """
    if not len(before) or not len(after):
        return {"psi": float("nan"), "chance": float("nan")}
    known = np.unique(before[np.isfinite(before)])
    cuts = (
        known if len(known) <= FEW else np.unique(np.quantile(before[np.isfinite(before)], np.arange(1, BINS) / BINS))
    )
    side: Literal["left", "right"] = "left" if len(known) <= FEW else "right"

    def shares(values: np.ndarray) -> np.ndarray:
        code = np.where(np.isfinite(values), np.searchsorted(cuts, values, side=side), len(cuts) + 1)
        return np.bincount(code, minlength=len(cuts) + 2).astype(np.float64)

    one, two = shares(before), shares(after)
    used = (one + two) > 0
    p, q = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in (one, two))
    return {
        "psi": float(((p - q) * np.log(p / q)).sum()),
        "chance": float((used.sum() - 1) * (1.0 / len(before) + 1.0 / len(after))),
    }
