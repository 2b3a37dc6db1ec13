"""The folds of training: one list for early stopping, calibration, tuning and the weights of the ladder.

Folds follow one another in time (`models.fitting.splits.time_folds`). Where the label window of an account's fit row still runs
when the account is validated, the fit would be told part of the answer: such accounts are kept out of the fit of the fold that
validates them, whole. Where most accounts are such, a fold is cut into parts by account, so that every part is fitted on
the accounts of the others.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.fitting.splits import linked_groups, time_folds
from models.fitting.time_cuts import DAY_US, NEVER, micros
from models.params import SplitParams

__all__ = ["PARTS", "Fold", "account_folds", "keep_apart", "split_by_account", "training_folds"]

Fold = tuple[np.ndarray, np.ndarray]
"""Positions of the rows to fit on, and of those to validate."""

PARTS = 3
"""Into how many parts by account a fold is cut where most of its accounts come back."""

SEED = 20_011
FEW = 1.0 / PARTS  # of the fit rows: so many may be left out of one fold without cutting it into parts


def training_folds(
    frame: pd.DataFrame, split: SplitParams, label_days: int, recording_delay_days: int, ordinal: bool
) -> list[Fold]:
    """Cut the training part into folds for cross-fitting.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id, snapshot_at; the rows of the training part, in any order.
    split : SplitParams
        `cross_fit_folds` and the purge, as the stage `split` resolved them.
    label_days, recording_delay_days : int
        Days until a label is known.
    ordinal : bool
        Times are only an order; nothing is purged.

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
        Earliest fold first; no row is validated twice.

    Raises
    ------
    DataError
        The rows are too few, or too short a history, for so many folds.
    """
    groups = linked_groups(frame)
    if split.cross_fit_by == "account":
        return account_folds(groups, split.cross_fit_folds)
    folds = time_folds(
        frame["snapshot_at"],
        split.cross_fit_folds,
        label_days,
        recording_delay_days,
        split.label_purge and split.cross_fit_purge,
        "ordinal" if ordinal else "real",
    )
    gap = NEVER if ordinal else (label_days + recording_delay_days) * DAY_US
    return keep_apart(folds, micros(frame["snapshot_at"]), groups, gap)


def keep_apart(folds: Sequence[Fold], at: np.ndarray, groups: np.ndarray, gap: int) -> list[Fold]:
    """Keep accounts whose label windows overlap between fit and validation out of the fit of the fold that validates them.

    Parameters
    ----------
    folds : sequence of Fold
        In the order of time.
    at : ndarray of int64
        Moment of each row, microseconds.
    groups : ndarray of int64
        Account (and lead) of each row, as `models.fitting.splits.linked_groups` numbers them.
    gap : int
        Microseconds from a snapshot to the moment when its label is known.

    Returns
    -------
    list of Fold
        A fold without overlap is returned as it is.

    Examples
    --------
    Account 0 is seen on day 0 and on day 3; with labels of 2 days the first is known by then, with labels of 5 it is not.

    >>> at = np.array([0, 1, 3, 3]) * DAY_US
    >>> fold = [(np.array([0, 1]), np.array([2, 3]))]
    >>> account = np.array([0, 1, 0, 2])
    >>> [fit.tolist() for fit, _ in keep_apart(fold, at, account, 2 * DAY_US)]
    [[0, 1]]
    >>> [fit.tolist() for fit, _ in keep_apart(fold, at, account, 5 * DAY_US)]
    [[0, 1], [1]]
    """
    apart = []
    for fit, valid in folds:
        start = int(at[valid].min())
        running = groups[fit][at[fit] > start - gap] if gap < NEVER else groups[fit]
        overlapping = np.intersect1d(running, groups[valid])
        if not len(overlapping):
            apart.append((fit, valid))
            continue
        few = np.isin(groups[fit], overlapping).mean() <= FEW
        part = np.zeros(int(groups.max()) + 1, dtype=np.int64) if few else _parts(groups, PARTS)
        for number in np.unique(part[groups[valid]]):
            validated = valid[part[groups[valid]] == number]
            left_out = overlapping[part[overlapping] == number]
            kept = fit[~np.isin(groups[fit], left_out)]
            if len(kept):
                apart.append((kept, validated))
    return apart


def split_by_account(folds: Sequence[Fold], groups: np.ndarray) -> list[Fold]:
    """Cut every fold into parts by account, each fitted on the accounts of the others alone.

    Parameters
    ----------
    folds : sequence of Fold
        In the order of time.
    groups : ndarray of int64
        Account of each row.
    """
    part = _parts(groups, PARTS)[groups]
    cut = [
        (fit[~np.isin(groups[fit], groups[valid[part[valid] == number]])], valid[part[valid] == number])
        for fit, valid in folds
        for number in range(PARTS)
    ]
    return [(fit, valid) for fit, valid in cut if len(fit) and len(valid)]


def account_folds(groups: np.ndarray, n_folds: int) -> list[Fold]:
    """Cut rows into folds by account alone, where a history has too few moments to be cut by time.

    Examples
    --------
    >>> [(len(fit), len(valid)) for fit, valid in account_folds(np.array([0, 0, 1, 2]), 3)]
    [(2, 2), (3, 1), (3, 1)]
    """
    part = _parts(groups, n_folds)[groups]
    folds = [(np.flatnonzero(part != number), np.flatnonzero(part == number)) for number in range(n_folds)]
    return sorted((fold for fold in folds if len(fold[0]) and len(fold[1])), key=lambda fold: int(fold[1][0]))


def _parts(groups: np.ndarray, n_parts: int) -> np.ndarray:
    """Assign each group to a part, about as many groups to each; by chance, which the groups' order does not touch."""
    count = int(groups.max()) + 1
    return np.random.default_rng(SEED).permutation(count) % n_parts
