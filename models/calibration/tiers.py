"""Tiers A to D: cut-offs fitted once on the newest lists, then compared with one probability at a time."""

import numpy as np
import numpy.typing as npt

from features.errors import DataError
from models.params import TiersParams

__all__ = ["TIERS", "fit_cutoffs", "tier"]

TIERS = ("A", "B", "C", "D")


def fit_cutoffs(probabilities: np.ndarray, params: TiersParams) -> dict[str, float]:
    """Find the probabilities above which tiers begin, so that each takes about its share of a day's list, best first.

    A cut-off lies half-way between two neighbouring probabilities, so that rounding a probability to float32 does not
    move it into another tier. Rows of equal probability are never parted: tiers down to this one take the block if that brings
    them together nearer to their shares. So a share is kept as near as equal probabilities allow, and of rows that are all
    alike one tier takes all.

    Parameters
    ----------
    probabilities : ndarray of float64
        Calibrated, in [0, 1], of the rows of the newest lists (`pipeline.population.lists`); a lead stands on each day's.
    params : TiersParams
        Shares of A, B and C.

    Returns
    -------
    dict
        ``A`` >= ``B`` >= ``C``, each in [0, 1]; 1 where a tier and all above it stay empty.

    Raises
    ------
    DataError
        There is no row.

    Examples
    --------
    >>> p = np.array([0.1, 0.2, 0.3, 0.4])
    >>> cutoffs = fit_cutoffs(p, TiersParams(A=0.25, B=0.25, C=0.25))
    >>> {name: round(value, 3) for name, value in cutoffs.items()}
    {'A': 0.35, 'B': 0.25, 'C': 0.15}
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not len(p) or not np.isfinite(p).all():
        raise DataError(
            f"tiers: {len(p)} rows, {int((~np.isfinite(p)).sum())} of them without a probability; "
            "cut-offs need at least one row and a probability in each. Use a longer history"
        )
    values, counts = np.unique(-p, return_counts=True)
    shares = np.append(0.0, np.cumsum(counts) / len(p))
    values = -values
    edges = np.concatenate([[1.0], (values[:-1] + values[1:]) / 2.0, [0.0]])
    targets = np.cumsum([params.A, params.B, params.C])
    return {
        name: float(edges[int(np.argmin(np.abs(shares - target)))])
        for name, target in zip(TIERS[:3], targets, strict=True)
    }


def tier(probabilities: npt.ArrayLike, cutoffs: dict[str, float]) -> np.ndarray:
    """Name the tier of each probability; the lower bound of a tier belongs to it.

    Parameters
    ----------
    probabilities : array-like of float
        In [0, 1].
    cutoffs : dict
        From `fit_cutoffs`.

    Returns
    -------
    ndarray of str, of the same shape
        ``A`` to ``D``.

    Examples
    --------
    >>> tier([0.5, 0.49], {"A": 0.5, "B": 0.3, "C": 0.1}).tolist()
    ['A', 'B']
    """
    p = np.asarray(probabilities, dtype=np.float64)
    below = np.sum([p < cutoffs[name] for name in TIERS[:3]], axis=0)
    return np.asarray(np.array(TIERS)[below])
