"""Bringing touchpoints into the order of journeys: by lead, then by time, then by all that tells them apart.

Leads are numbered, so rows are dealt out to them in one pass. The rows of a lead are merged in time order; other columns are
looked at only where two rows share an instant. What is equal up to `value` is reported and left to the caller, which alone can
compare touchpoint_ids.
"""

import numpy as np

from features.kernels.compiled import compiled, entry

__all__ = ["arrange_rows", "deal_rows", "pack_rows"]

_RUN = 16  # so many rows are sorted by insertion


@entry(seconds=1)
def deal_rows(lead, offsets, order):  # type: ignore[no-untyped-def]
    """Fill `offsets` [leads + 1] with each lead's range, and `order` [rows] with the rows of each lead as they came.

    Returns
    -------
    bool
        The rows stood by lead already; then `order` is left as it was.
    """
    offsets[:] = 0
    together = True
    previous = lead[0] if len(lead) else lead.dtype.type(0)
    for i in range(len(lead)):
        offsets[lead[i] + 1] += 1
        together = together and lead[i] >= previous
        previous = lead[i]
    for k in range(len(offsets) - 1):
        offsets[k + 1] += offsets[k]
    if together:
        return True
    slot = offsets[:-1].copy()
    for i in range(len(lead)):
        order[slot[lead[i]]] = i
        slot[lead[i]] += 1
    return False


@entry(seconds=1)
def pack_rows(begin, end, columns, packed):  # type: ignore[no-untyped-def]
    """Write the rows ``begin:end`` as whole rows, so that one that stands elsewhere is read from memory once, not eight times.

    Parameters
    ----------
    begin, end : int
        Rows.
    columns : Columns
        As they were given.
    packed : ndarray of int64 [rows, 6]
        occurred_at, recorded_at, value, kind and channel, asset and campaign, by.
    """
    for i in range(begin, end):
        packed[i, 0] = columns.occurred_at[i]
        packed[i, 1] = columns.recorded_at[i]
        packed[i, 2] = columns.value[i]
        packed[i, 3] = (np.int64(columns.kind[i]) << 32) | (np.int64(columns.channel[i]) & 0xFFFFFFFF)
        packed[i, 4] = (np.int64(columns.asset[i]) << 32) | (np.int64(columns.campaign[i]) & 0xFFFFFFFF)
        packed[i, 5] = columns.by[i]


@compiled
def _compare(a, b, columns):  # type: ignore[no-untyped-def]
    """Compare two rows of one instant by recorded_at, kind, channel, asset and value: -1, 0 or 1."""
    recorded, kind, channel = columns.recorded_at, columns.kind, columns.channel
    asset, value = columns.asset, columns.value
    if recorded[a] != recorded[b]:
        return -1 if recorded[a] < recorded[b] else 1
    if kind[a] != kind[b]:
        return -1 if kind[a] < kind[b] else 1
    if channel[a] != channel[b]:
        return -1 if channel[a] < channel[b] else 1
    if asset[a] != asset[b]:
        return -1 if asset[a] < asset[b] else 1
    if value[a] != value[b]:
        return -1 if value[a] < value[b] else 1
    return 0


@compiled
def _sort_lead(n, t, row, other_t, other_row, columns):  # type: ignore[no-untyped-def]
    """Sort a lead's `n` rows, equal ones as they came: short runs by insertion, then merged, from `t`, `row` and back."""
    for begin in range(0, n, _RUN):
        for j in range(begin + 1, min(begin + _RUN, n)):
            moment, moved = t[j], row[j]
            k = j - 1
            while k >= begin and (t[k] > moment or (t[k] == moment and _compare(moved, row[k], columns) < 0)):
                t[k + 1], row[k + 1] = t[k], row[k]
                k -= 1
            t[k + 1], row[k + 1] = moment, moved
    width = _RUN
    while width < n:
        for begin in range(0, n, 2 * width):
            middle, end = min(begin + width, n), min(begin + 2 * width, n)
            left, right = begin, middle
            for j in range(begin, end):
                if right == end or (
                    left < middle
                    and (t[left] < t[right] or (t[left] == t[right] and _compare(row[right], row[left], columns) >= 0))
                ):
                    other_t[j], other_row[j] = t[left], row[left]
                    left += 1
                else:
                    other_t[j], other_row[j] = t[right], row[right]
                    right += 1
        for j in range(n):
            t[j], row[j] = other_t[j], other_row[j]
        width *= 2


@entry(seconds=2)
def arrange_rows(  # type: ignore[no-untyped-def]
    lead_from, lead_until, offsets, order, packed, columns, arranged, late, tied
):  # fmt: skip
    """Write the rows of the leads ``lead_from:lead_until`` in order.

    Parameters
    ----------
    lead_from, lead_until : int
        Leads to write.
    offsets, order : ndarray
        As `deal_rows` fills them; afterwards `order` holds the row that stands in each slot.
    packed : ndarray of int64
        As `pack_rows` writes it; empty where the rows stood by lead, and `order` is not filled.
    columns, arranged : Columns
        As given, and to be written.
    late : ndarray of bool [leads]
        To be written: a row was recorded after it occurred.
    tied : ndarray of bool [rows]
        To be written: the row equals its neighbour up to `value`.

    Returns
    -------
    int
        How many rows are tied to the one before.
    """
    most = 0
    for i in range(lead_from, lead_until):
        most = max(most, offsets[i + 1] - offsets[i])
    t, other_t = np.empty(most, np.int64), np.empty(most, np.int64)
    row, other_row = np.empty(most, np.int32), np.empty(most, np.int32)
    ties = 0
    dealt = len(packed) > 0
    for i in range(lead_from, lead_until):
        begin, n = offsets[i], offsets[i + 1] - offsets[i]
        ascending = True
        for j in range(n):
            row[j] = order[begin + j] if dealt else begin + j
            t[j] = packed[row[j], 0] if dealt else columns.occurred_at[begin + j]
            ascending = ascending and (j == 0 or t[j - 1] < t[j])
        if not ascending:
            _sort_lead(n, t, row, other_t, other_row, columns)
        late[i] = False
        for j in range(n):
            here, slot = row[j], begin + j
            order[slot] = here
            arranged.occurred_at[slot] = t[j]
            if dealt:
                arranged.recorded_at[slot], arranged.value[slot] = packed[here, 1], packed[here, 2]
                arranged.kind[slot], arranged.channel[slot] = packed[here, 3] >> 32, np.int32(packed[here, 3])
                arranged.asset[slot], arranged.campaign[slot] = packed[here, 4] >> 32, np.int32(packed[here, 4])
                arranged.by[slot] = packed[here, 5]
            else:
                arranged.recorded_at[slot], arranged.value[slot] = columns.recorded_at[here], columns.value[here]
                arranged.kind[slot], arranged.channel[slot] = columns.kind[here], columns.channel[here]
                arranged.asset[slot], arranged.campaign[slot] = columns.asset[here], columns.campaign[here]
                arranged.by[slot] = columns.by[here]
            late[i] = late[i] or arranged.recorded_at[slot] > t[j]
            tied[slot] = False
            if j > 0 and t[j - 1] == t[j] and _compare(row[j - 1], here, columns) == 0:
                tied[slot - 1] = True
                tied[slot] = True
                ties += 1
    return ties
