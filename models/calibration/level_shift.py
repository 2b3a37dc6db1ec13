"""How much the level of probabilities moves from one month to the next, beyond chance: what no calibration can know ahead."""

import numpy as np
from scipy.special import expit

__all__ = ["level_shift", "month_blocks"]

FEW = 5  # positives, and negatives, that a month must have to tell its level
BLOCKS = 10


def month_blocks(at: np.ndarray, ordinal: bool) -> np.ndarray:
    """Name the block of time of each row: its calendar month (UTC), or a tenth of the rows where times are only an order.

    Parameters
    ----------
    at : ndarray of datetime64
        Moments, in UTC.
    ordinal : bool
        Times are only an order.

    Returns
    -------
    ndarray of int64
    """
    if not ordinal:
        return np.asarray(at.astype("datetime64[M]").astype(np.int64))
    rank = np.argsort(np.argsort(at, kind="stable"), kind="stable")
    return np.asarray(rank * BLOCKS // max(len(at), 1))


def level_shift(
    log_odds: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    blocks: np.ndarray,
    about_zero: bool = False,
) -> float:
    """Estimate by how much a block's log-odds lie off the calibrated ones, as a standard deviation between blocks.

    Each block gets the constant that makes its mean probability its observed rate, with a variance that takes rows of one
    group together; what these constants differ by beyond those variances is the shift between blocks (DerSimonian and Laird,
    Meta-analysis in clinical trials, 1986).

    Parameters
    ----------
    log_odds : ndarray of float64
        Calibrated, of rows that the trees had not seen.
    labels, weights : ndarray
        0 or 1, and positive.
    groups : ndarray of int64
        Rows of one group depend on one another.
    blocks : ndarray of int64
        As `month_blocks` names them.
    about_zero : bool
        No level was fitted to these rows: the blocks' constants are measured from 0 and not from their mean.

    Returns
    -------
    float
        At least 0, in log-odds; 0 too where fewer than two blocks have enough rows of each class to tell.

    Examples
    --------
    >>> y = np.tile([1.0, 0.0, 0.0, 0.0], 200)
    >>> level_shift(np.full(800, np.log(1 / 3)), y, np.ones(800), np.arange(800), np.arange(800) // 200)
    0.0
    """
    shifts, variances = [], []
    for block in np.unique(blocks):
        rows = blocks == block
        y, w = labels[rows], weights[rows]
        if min((y == 1).sum(), (y == 0).sum()) < FEW:
            continue
        shift = _constant(log_odds[rows], y, w)
        p = expit(log_odds[rows] + shift)
        _, member = np.unique(groups[rows], return_inverse=True)
        score = np.bincount(member, weights=w * (y - p))
        shifts.append(shift)
        variances.append(float((score**2).sum() / (w @ (p * (1.0 - p))) ** 2))
    if len(shifts) < 2:
        return 0.0
    delta, weight = np.array(shifts), 1.0 / np.array(variances)
    if about_zero:
        return float(np.sqrt(max((weight @ delta**2 - len(delta)) / weight.sum(), 0.0)))
    mean = weight @ delta / weight.sum()
    excess = weight @ (delta - mean) ** 2 - (len(delta) - 1)
    return float(np.sqrt(max(excess / (weight.sum() - weight @ weight / weight.sum()), 0.0)))


def _constant(z: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Find the constant that makes the mean probability the observed rate, by Newton's method."""
    shift = 0.0
    for _ in range(50):
        p = expit(z + shift)
        step = float(w @ (y - p)) / max(float(w @ (p * (1.0 - p))), 1e-12)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-10:
            break
    return shift
