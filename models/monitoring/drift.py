"""Have rows changed since the training? Population stability and distances of probabilities, with intervals."""

from dataclasses import dataclass

import numpy as np

from models.monitoring.reference import QUANTILES, Bins, Reference
from models.monitoring.stability import stability_index
from models.quality.bootstrap import resample_weights

__all__ = ["Drift", "feature_drift", "score_drift", "score_shift"]

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


def _drift(reference: np.ndarray, counts: np.ndarray, resampled: np.ndarray) -> Drift:
    """Take off what chance adds: the reference's part by its formula, that of the rows by how much resampling adds again.

    Rows of one account move together, so the formula for independent rows would take off too little.
    """
    psi = float(stability_index(reference, counts))
    drawn = stability_index(reference, resampled)
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
    drifts = []
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
            drifts.append(_drift(bins.counts, counted[part], drawn[:, part]))
    return drifts


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
    >>> from models.monitoring.reference import fit_reference
    >>> reference = fit_reference(np.zeros((1, 0), np.float32), before, [], [])
    >>> [round(x, 3) for x in score_shift(reference, before + 0.05)]
    [0.05, 0.05]
    """
    grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
    gap = np.quantile(np.asarray(probability, dtype=np.float64), grid) - reference.quantiles
    return float(gap.mean()), float(np.abs(gap).mean())
