"""Which snapshots train, stop, calibrate and test: slices in the order of time, and folds for cross-fitting.

A slice owns the snapshots in ``[its start, the start of the next slice)``. With `split.label_purge`, a snapshot before the
test is kept only if its label was known when the next slice began:
``snapshot_at + label_days + recording_delay_days <= next start``.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from features.errors import DataError, ParameterError
from models.fitting.time_cuts import DAY_US, NEVER, ceil_day, floor_day, inner_cuts, known, micros, midnight, outer_cut
from models.params import SplitParams

__all__ = [
    "DROPPED",
    "FITTED",
    "SLICES",
    "Slices",
    "assign_slices",
    "cut_slices",
    "describe_slices",
    "linked_groups",
    "time_folds",
]

FITTED = ("train", "early_stopping", "calibration")
SLICES = (*FITTED, "test")
DROPPED = "dropped"
COLUMNS = ("lead_id", "account_id", "snapshot_at", "is_headline", "label", "matured")


@dataclass(frozen=True, eq=False)
class Slices:
    """The slice of every row, and why a row has none.

    Attributes
    ----------
    slice : Series of str
        One of `SLICES` or ``dropped``; the index of the frame.
    reason : Series of str
        Why a row is dropped (``immature``, ``before_train_from``, ``after_test_until``, ``straddles``, ``label_purge``);
        empty for a row that is kept.
    """

    slice: pd.Series
    reason: pd.Series


def assign_slices(
    frame: pd.DataFrame, params: SplitParams, label_days: int, recording_delay_days: int, clock: str
) -> Slices:
    """Give every snapshot its slice; one entry per row of `frame`, in its order.

    The test starts at `split.test_from`, or where `split.test_share` of the matured headline rows lie after it. What lies
    before is cut into train, early stopping and calibration, whose shares are shares of the headline rows that the purge
    leaves. Cuts fall on whole UTC days, except for an ordinal clock, which has none and is not purged either.

    In mode ``grouped`` a lead, and all leads of an account, have one slice: that of their first headline snapshot. Their
    rows in later slices are dropped (``straddles``). Choosing the slice of the last one instead would move exactly the
    leads that stay open longest, which are mostly those that never qualify, into the test. The choice has a bias of its
    own: the test holds only leads and accounts that are new after the cut, so it says nothing about later leads of
    accounts that were known before.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id (may be missing), snapshot_at (datetime64, UTC), is_headline (bool), label (0, 1 or missing:
        immature), matured (bool).
    params : SplitParams
        The `split` section.
    label_days, recording_delay_days : int
        Days until a label is known.
    clock : str
        ``real``, or ``ordinal`` where times are only an order.

    Raises
    ------
    ParameterError
        The dates of the section contradict each other.
    DataError
        A column is missing, or a slice is empty or holds one class only.
    """
    slices, names = cut_slices(frame, params, label_days, recording_delay_days, clock)
    _check_slices(frame, slices, names, params)
    return slices


def cut_slices(
    frame: pd.DataFrame, params: SplitParams, label_days: int, recording_delay_days: int, clock: str
) -> tuple[Slices, tuple[str, ...]]:
    """Cut as `assign_slices` does, whatever the slices then hold; also name the slices that should hold rows.

    Raises
    ------
    ParameterError
        The dates of the section contradict each other.
    DataError
        A column is missing, or no row is a matured headline row.
    """
    _check(frame, params)
    real = clock != "ordinal"
    at = micros(frame["snapshot_at"])
    headline = frame["is_headline"].to_numpy(dtype=bool)
    purge = (label_days + recording_delay_days) * DAY_US if params.label_purge and real else 0
    reason = np.full(len(frame), "", dtype=object)
    matured = frame["matured"].to_numpy(dtype=bool) & frame["label"].notna().to_numpy()
    reason[~matured] = "immature"
    if params.train_from is not None:
        reason[(reason == "") & (at < midnight(params.train_from))] = "before_train_from"
    if params.test_until is not None:
        reason[(reason == "") & (at >= midnight(params.test_until))] = "after_test_until"
    usable = reason == ""
    moments = np.sort(at[usable & headline])
    if not len(moments):
        raise DataError(
            f"split: none of {len(frame):,} snapshots is a matured headline row between train_from and test_until "
            f"({int((reason == 'immature').sum()):,} are immature). Use a longer export, or a smaller labels.label_days"
        )
    test = midnight(params.test_from) if params.test_from else outer_cut(moments, params.test_share, real)
    groups = linked_groups(frame) if params.mode == "grouped" else None
    owner = at if groups is None else _first_headline(groups, at, headline, usable)
    if params.cross_fit_folds:
        names: tuple[str, ...] = ("train", "test")
        starts = np.array([test])
    else:
        first = np.sort(at[usable & headline & (owner == at)])
        names = SLICES
        cuts = inner_cuts(first[first < test], test, purge, params.early_stopping_share, params.calibration_share, real)
        starts = np.array([*cuts, test])
    position = np.searchsorted(starts, at, side="right")
    reason[usable & (position != np.searchsorted(starts, owner, side="right"))] = "straddles"
    next_start = np.append(starts, NEVER)[position]
    reason[(reason == "") & (next_start != NEVER) & (at > next_start - purge)] = "label_purge"
    names_of_rows = np.where(reason == "", np.array(names, dtype=object)[position], DROPPED)
    slices = Slices(
        pd.Series(names_of_rows, index=frame.index, dtype=object), pd.Series(reason, index=frame.index, dtype=object)
    )
    return slices, names


def describe_slices(frame: pd.DataFrame, slices: Slices) -> dict[str, Any]:
    """Count what each slice holds and why rows were dropped, for the model card.

    Returns
    -------
    dict
        ``slices``: name to rows, headline, positives, first, last (ISO 8601, or None when empty); ``dropped``: reason to rows.
    """
    label = pd.to_numeric(frame["label"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    described = {}
    for name in SLICES:
        rows = (slices.slice == name).to_numpy()
        at = frame["snapshot_at"][rows]
        described[name] = {
            "rows": int(rows.sum()),
            "headline": int(frame["is_headline"][rows].sum()),
            "positives": int((label[rows] == 1).sum()),
            "first": at.min().isoformat() if rows.any() else None,
            "last": at.max().isoformat() if rows.any() else None,
        }
    dropped = slices.reason[slices.slice == DROPPED].value_counts().sort_index()
    return {"slices": described, "dropped": {str(reason): int(rows) for reason, rows in dropped.items()}}


def time_folds(
    snapshot_at: pd.Series, n_folds: int, label_days: int, recording_delay_days: int, purge: bool, clock: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut rows into expanding folds in time: every fold is fitted on what was known before its validation rows began.

    The first block is never validated. It is as long as it must be for one in ``n_folds + 1`` of the rows to have known
    labels when the first validation begins; the rest is cut into `n_folds` blocks of about equal size.

    Parameters
    ----------
    snapshot_at : Series of datetime64, UTC
        One per row, in any order.
    n_folds : int
        At least 1.
    label_days, recording_delay_days, purge, clock
        As in `assign_slices`.

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
        Positions of the fit rows and of the validation rows, earliest fold first. Validation rows are disjoint.

    Raises
    ------
    DataError
        There are too few rows, or too short a history, for so many folds.

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2024-01-01", periods=6, tz="UTC"))
    >>> [(len(fit), valid.tolist()) for fit, valid in time_folds(days, 2, 1, 0, True, "real")]
    [(2, [2, 3]), (4, [4, 5])]
    """
    at = micros(snapshot_at)
    real = clock != "ordinal"
    gap = (label_days + recording_delay_days) * DAY_US if purge and real else 0
    moments = np.sort(at)
    first = len(at) // (n_folds + 1)
    if first:
        start = ceil_day(int(moments[first - 1]) + gap, real) if real else int(moments[first])
        if real and not gap and start == moments[0]:
            start += DAY_US  # all of the first block at one midnight: it is what is fitted on
        rest = moments[moments >= start]
        picks = [len(rest) * k // n_folds for k in range(n_folds)]
        starts = np.unique([start, *(floor_day(int(rest[k]), real) for k in picks[1:])]) if len(rest) else np.array([])
        if len(starts) == n_folds:
            bounds = [*(int(s) for s in starts), NEVER]
            folds = [
                (np.flatnonzero(known(at, low, gap)), np.flatnonzero((at >= low) & (at < high)))
                for low, high in itertools.pairwise(bounds)
            ]
            if all(len(fit) and len(valid) for fit, valid in folds):
                return folds
    raise DataError(
        f"split.cross_fit_folds = {n_folds}: {len(at):,} training rows cannot be cut into {n_folds} folds in time when "
        f"labels take {gap // DAY_US} days to be known. Set split.cross_fit_folds, cross_fit_purge and cross_fit_by to auto, "
        "so that the stage `split` chooses folds that fit, or use a longer history"
    )


def _check(frame: pd.DataFrame, params: SplitParams) -> None:
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise DataError(f"split: columns {missing} are missing; got {list(frame.columns)}. Hand in {list(COLUMNS)}")
    dates = [(name, getattr(params, name)) for name in ("train_from", "test_from", "test_until")]
    given = [(name, date) for name, date in dates if date is not None]
    for (before, low), (after, high) in itertools.pairwise(given):
        if low >= high:
            raise ParameterError(f"split.{before} is {low}, not before split.{after} ({high}). Change one of them")


def linked_groups(frame: pd.DataFrame) -> np.ndarray:
    """Assign a number to each group: leads that share an account, directly or through another lead, are one group.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id (may be missing).

    Returns
    -------
    ndarray of int, one per row
    """
    lead, _ = pd.factorize(frame["lead_id"])
    account, accounts = pd.factorize(frame["account_id"])  # a missing account is -1
    has = account >= 0
    size = int(lead.max()) + 1 + len(accounts)
    edges = (np.ones(has.sum()), (lead[has], account[has] + int(lead.max()) + 1))
    _, component = connected_components(coo_matrix(edges, shape=(size, size)), directed=False)
    return np.asarray(component[lead])


def _first_headline(groups: np.ndarray, at: np.ndarray, headline: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Find, per row, the first usable headline moment of its group, or its first usable moment if it has no headline."""
    count = int(groups.max()) + 1
    first, any_first = np.full(count, NEVER), np.full(count, NEVER)
    np.minimum.at(first, groups[usable & headline], at[usable & headline])
    np.minimum.at(any_first, groups[usable], at[usable])
    first = np.where(first == NEVER, any_first, first)[groups]
    return np.asarray(np.where(first == NEVER, at, first))


def _check_slices(frame: pd.DataFrame, slices: Slices, names: Sequence[str], params: SplitParams) -> None:
    described = describe_slices(frame, slices)
    counts = ", ".join(
        f"{name} {described['slices'][name]['rows']:,} ({described['slices'][name]['positives']:,} positive)"
        for name in names
    )
    for name in names:
        counted = described["slices"][name]
        if 0 < counted["positives"] < counted["rows"]:
            continue
        problem = (
            "is empty"
            if not counted["rows"]
            else "holds positives only"
            if counted["positives"]
            else "holds no positive"
        )
        dropped = ", ".join(f"{rows:,} {reason}" for reason, rows in described["dropped"].items()) or "none"
        step = "move split.test_from or test_share" if name in ("train", "test") else "enlarge its share"
        folds = "" if params.cross_fit_folds else ", set split.cross_fit_folds (two slices instead of four)"
        time = (
            ", set split.mode to time (leads and accounts may straddle)" if "straddles" in described["dropped"] else ""
        )
        raise DataError(
            f"split: slice '{name}' {problem}; rows: {counts}; dropped: {dropped}. "
            f"Use a longer history, {step}{folds}{time} or a smaller labels.label_days"
        )
