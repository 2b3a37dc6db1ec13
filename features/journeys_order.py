"""The total order of touchpoints: by values alone, whatever order they came in."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from features.errors import JourneyError
from features.kernels import order as kernel
from features.kernels.structs import Columns
from features.threads import run_in_ranges
from features.vocabulary import CODED_FIELDS

__all__ = ["MAX_ROWS", "Arranged", "Coded", "Membership", "Rows", "arrange"]

MAX_ROWS = 2**31 - 1


class Coded(NamedTuple):
    """A text column as codes into its values, which stand in the order of their UTF-8 bytes; -1 is missing."""

    codes: np.ndarray
    values: tuple[str, ...]


class Rows(NamedTuple):
    """Touchpoints before sorting, one row each.

    `coded` has the columns of `CODED_FIELDS`. `rank_ids` ranks the touchpoint_ids of the given rows by their UTF-8 bytes, -1 if
    missing. It is asked for ties only: ids are long, distinct, and seldom needed.
    """

    lead: np.ndarray
    occurred_at: np.ndarray
    recorded_at: np.ndarray
    coded: Mapping[str, Coded]
    value: np.ndarray
    by: np.ndarray
    rank_ids: Callable[[np.ndarray], np.ndarray]


class Membership(NamedTuple):
    """The account and the role of each lead, one entry per lead; see `Journeys`."""

    account: np.ndarray
    account_ids: tuple[str, ...]
    role: Coded
    role_known_at: np.ndarray


class Arranged(NamedTuple):
    """Rows in the order of journeys; the columns are fresh, writable and contiguous: kernels are compiled for that one layout.

    Attributes
    ----------
    offsets : ndarray of int64 [leads + 1]
        Range of each lead.
    columns : Columns
    late : ndarray of bool [leads]
        The lead has a touchpoint that was recorded after it occurred.
    """

    offsets: np.ndarray
    columns: Columns
    late: np.ndarray


_TYPES = (np.int64, np.int64, *[np.int32] * len(CODED_FIELDS), np.int8, np.int64)  # of `Columns`
_COMPARED = (
    "occurred_at",
    "recorded_at",
    "kind",
    "channel",
    "asset",
    "value",
)  # by the kernel; what is left comes after the ids
_LAST = tuple(name for name in Columns._fields if name not in _COMPARED)
_PACKED = 8  # columns of a packed row: one cache line
_BLOCK = 16_384


def arrange(rows: Rows, leads: int) -> Arranged:
    """Sort rows by lead and then in the total order: by values alone, whatever order they came in; see `Journeys`.

    Parameters
    ----------
    rows : Rows
        In any order; those that stand by lead already are copied in their order.
    leads : int
        How many leads there are.

    Raises
    ------
    JourneyError
        If there are more rows than one set of journeys can hold.
    """
    n = len(rows.lead)
    if n > MAX_ROWS:
        raise JourneyError(
            f"{n:,} touchpoints at once; one set of journeys holds {MAX_ROWS:,}. Hand in fewer leads at a time.",
            field="touchpoints",
        )
    coded = [rows.coded[name].codes for name in CODED_FIELDS]
    given = Columns._make([rows.occurred_at, rows.recorded_at, *coded, rows.by, rows.value])
    columns = Columns(*(np.require(column, kind, "C") for column, kind in zip(given, _TYPES, strict=True)))
    arranged = Columns(*(np.empty(n, kind) for kind in _TYPES))
    offsets, order = np.empty(leads + 1, np.int64), np.empty(n, np.int32)
    late, tied = np.empty(leads, np.bool_), np.empty(n, np.bool_)
    by_lead = kernel.deal_rows(np.require(rows.lead, np.int32, "C"), offsets, order)
    packed = np.empty((0 if by_lead else n, _PACKED), np.int64)
    if not by_lead:
        blocks = -(-n // _BLOCK)
        run_in_ranges(
            lambda begin, end: kernel.pack_rows(begin * _BLOCK, min(end * _BLOCK, n), columns, packed),
            blocks,
            lambda: np.ones(blocks),
            n,
        )
    ties: list[int] = []
    run_in_ranges(
        lambda begin, end: ties.append(
            kernel.arrange_rows(begin, end, offsets, order, packed, columns, arranged, late, tied)
        ),
        leads,
        lambda: np.asarray(np.diff(offsets)),
        n,
    )
    if any(ties):
        _break_ties(rows, offsets, order, tied, arranged)
    return Arranged(offsets, arranged, late)


def _break_ties(rows: Rows, offsets: np.ndarray, order: np.ndarray, tied: np.ndarray, arranged: Columns) -> None:
    """Order rows that are equal up to `value` by touchpoint_id and what is left; only the latter can still differ."""
    slots = np.flatnonzero(tied)
    new = np.ones(len(slots), dtype=np.bool_)
    new[1:] = slots[1:] != slots[:-1] + 1
    for column in (getattr(arranged, name) for name in _COMPARED):
        new[1:] |= column[slots[1:]] != column[slots[:-1]]
    new[1:] |= np.searchsorted(offsets, slots[1:], side="right") != np.searchsorted(offsets, slots[:-1], side="right")
    run = np.cumsum(new)
    last = [getattr(arranged, name)[slots] for name in _LAST]
    differs = ~new & np.append(False, np.any([values[1:] != values[:-1] for values in last], axis=0))
    # ids are long and distinct: they are compared in runs only where their order can be seen
    is_needed = np.isin(run, run[differs])
    if not is_needed.any():
        return
    slots, run, last = slots[is_needed], run[is_needed], [values[is_needed] for values in last]
    within = np.lexsort((*reversed(last), rows.rank_ids(order[slots].astype(np.int64)), run))
    for name, values in zip(_LAST, last, strict=True):
        getattr(arranged, name)[slots] = values[within]
