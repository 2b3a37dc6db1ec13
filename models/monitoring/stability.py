"""Whether one population looks like another: the population stability index of a column."""

import numpy as np

from models.monitoring.reference import fit_bins

__all__ = ["expected_psi", "population_stability", "stability_index"]


def stability_index(reference: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum (p - q) ln(p / q) over bins: the population stability index, a symmetric Kullback-Leibler divergence.

    Conventions of credit scoring (Lewis 1994; Siddiqi 2006, "Credit Risk Scorecards"): below 0.1 stable, above 0.25 changed.
    Half a row is added per bin, spread evenly on the reference and like the reference on the other side, so that a bin that is
    empty on one side adds much, but not infinitely much. One that is empty on both adds nothing.

    Parameters
    ----------
    reference : ndarray [bins]
        Rows per bin.
    counts : ndarray [..., bins]
        Rows, or weights, per bin.

    Returns
    -------
    ndarray [...]

    Examples
    --------
    >>> round(float(stability_index(np.array([500, 500]), np.array([50.0, 50.0]))), 6)
    0.0
    >>> round(float(stability_index(np.array([500, 500]), np.array([80.0, 20.0]))), 2)
    0.41
    """
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    extra = 0.5 * len(reference)
    q = (counts + extra * p) / (counts.sum(axis=-1, keepdims=True) + extra)
    return np.asarray(np.where((reference > 0) | (counts > 0), (q - p) * np.log(q / p), 0.0).sum(axis=-1))


def expected_psi(bins: int, reference_rows: float, rows: float) -> float:
    """Give the index to expect of independent rows without any drift: (bins - 1) (1/n + 1/m).

    Without drift n m / (n + m) times the index is about chi-squared with bins - 1 degrees of freedom (Yurdakul 2018,
    "Statistical Properties of Population Stability Index", Western Michigan University).

    Examples
    --------
    >>> expected_psi(10, 10_000, 100)  # a small month looks almost unstable by chance
    0.0909
    """
    return round((bins - 1) * (1.0 / reference_rows + 1.0 / rows), 12)


def population_stability(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Compare how a column's values are distributed in two sets of rows.

    Bins are tenths of `before`; a value that fills more has its own, and so have missing values.

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
    bins = fit_bins(before)
    counts = np.bincount(bins.codes(after), minlength=len(bins.counts))
    used = int(((bins.counts + counts) > 0).sum())
    return {
        "psi": float(stability_index(bins.counts, counts)),
        "chance": expected_psi(used, len(before), len(after)),
    }
