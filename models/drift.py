"""Have rows changed since the training? Population stability and distances of probabilities, with intervals."""

from dataclasses import dataclass

import numpy as np

from models.bootstrap import resample_weights
from models.reference import QUANTILES, Bins, Reference

__all__ = ["Drift", "expected_psi", "feature_drift", "population_stability", "score_drift", "score_shift"]

COVERAGE = 0.95
COLUMNS_AT_ONCE = 24


@dataclass(frozen=True)
class Drift:
    """Population stability of one column.

    Attributes
    ----------
    psi : float
        As counted; with few rows it is above 0 even where nothing changed.
    value : float
        Less what chance alone adds; 0 is the expectation without drift, so it may be negative.
    low, high : float
        95 % interval of `value`, over groups of rows.
    """

    psi: float
    value: float
    low: float
    high: float


def population_stability(reference: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum (p - q) ln(p / q) over bins: the population stability index, a symmetric Kullback-Leibler divergence.

    Conventions of credit scoring (Lewis 1994; Siddiqi 2006, "Credit Risk Scorecards"): below 0.1 stable, above 0.25 changed.
    Half a row is added to each bin of the reference, and one row with the reference's shares to the other side: a bin that is
    empty on both sides then adds nothing, and one that was empty before and is not now adds much, but not infinitely much.

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
    >>> float(population_stability(np.array([500, 500]), np.array([50.0, 50.0])))
    0.0
    >>> round(float(population_stability(np.array([500, 500]), np.array([80.0, 20.0]))), 2)
    0.4
    """
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    q = (counts + p) / (counts.sum(axis=-1, keepdims=True) + 1.0)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


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


def _drift(reference: np.ndarray, counts: np.ndarray, resampled: np.ndarray) -> Drift:
    """Take off what chance adds: the reference's part by its formula, that of the rows by how much resampling adds again.

    Rows of one account move together, so the formula for independent rows would take off too little.
    """
    psi = float(population_stability(reference, counts))
    drawn = population_stability(reference, resampled)
    filled = int((reference > 0).sum())
    chance = max(filled - 1, 0) / max(int(reference.sum()), 1)
    added = float(drawn.mean()) - psi
    low, high = np.quantile(drawn - 2.0 * added - chance, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Drift(psi, psi - added - chance, float(low), float(high))


def feature_drift(
    reference: tuple[Bins, ...], matrix: np.ndarray, groups: np.ndarray, resamples: int, seed: int
) -> list[Drift]:
    """Measure the drift of every feature; one entry per column.

    Parameters
    ----------
    reference : tuple of Bins
        One per column.
    matrix : ndarray of float32 [rows, features]
        At least one row.
    groups : ndarray
        Account or lead of each row; resamples take whole groups.
    resamples, seed : int
        Of the bootstrap.
    """
    weights = np.concatenate(list(resample_weights(groups, np.ones(len(matrix)), resamples, seed))).astype(np.float32)
    found = []
    for begin in range(0, len(reference), COLUMNS_AT_ONCE):
        block = reference[begin : begin + COLUMNS_AT_ONCE]
        starts = np.cumsum([0, *(len(bins.counts) for bins in block)])
        flags = np.zeros((len(matrix), starts[-1]), dtype=np.float32)
        rows = np.arange(len(matrix))
        for offset, (bins, start) in enumerate(zip(block, starts, strict=False)):
            flags[rows, start + bins.codes(matrix[:, begin + offset])] = 1.0
        drawn, counted = (weights @ flags).astype(np.float64), flags.sum(axis=0, dtype=np.float64)
        for bins, start in zip(block, starts, strict=False):
            part = slice(start, start + len(bins.counts))
            found.append(_drift(bins.counts, counted[part], drawn[:, part]))
    return found


def score_drift(reference: Reference, probability: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> Drift:
    """Measure the drift of the probabilities, like that of a feature."""
    column = np.asarray(probability, dtype=np.float32)[:, None]
    return feature_drift((reference.probability,), column, groups, resamples, seed)[0]


def score_shift(reference: Reference, probability: np.ndarray) -> tuple[float, float]:
    """Say how far probabilities moved: the difference of the means, and the Wasserstein-1 distance, in units of probability.

    The distance is the mean gap between equal quantiles of both; it is at least the size of the difference of the means.

    Examples
    --------
    >>> before = np.linspace(0.1, 0.3, 2000)
    >>> from models.reference import fit_reference
    >>> reference = fit_reference(np.zeros((1, 0), np.float32), before, [], [])
    >>> [round(x, 3) for x in score_shift(reference, before + 0.05)]
    [0.05, 0.05]
    """
    grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
    gap = np.quantile(np.asarray(probability, dtype=np.float64), grid) - reference.quantiles
    return float(gap.mean()), float(np.abs(gap).mean())
