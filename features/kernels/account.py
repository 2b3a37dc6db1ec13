"""The compiled fold over accounts: what a lead's colleagues did, never the lead itself.

An account's touchpoints are walked once, in time order, for the snapshots of all its leads: what all did, less the lead's own
part. Cost grows with touchpoints plus snapshots, however many leads share an account. What occurred before a snapshot but was
recorded only later (pending) is taken off one by one: there is little of it at any moment.
"""

import numpy as np

from features.kernels.compiled import before, compiled, compiled_making_arrays, entry, window_start
from features.kernels.sections import (
    ACCOUNT_ACTIVE_LEADS,
    ACCOUNT_COUNT,
    ACCOUNT_DAYS_SINCE_LAST,
    ACCOUNT_DECAYED_COUNT,
)
from features.kernels.windows import (
    DAY,
    SLOTS,
    code_links,
    decay_bases,
    decay_terms,
    decayed_value,
    distinct,
    pointers,
)

__all__ = ["fold_accounts"]


@compiled
def _first_own(own, begin, end, position):  # type: ignore[no-untyped-def]
    """Find the first of a lead's positions ``own[begin:end]`` that is not below `position`."""
    while begin < end:
        middle = (begin + end) >> 1
        if own[middle] < position:
            begin = middle + 1
        else:
            end = middle
    return begin


@compiled
def _list_own(who, n, leads, own_from, own, place):  # type: ignore[no-untyped-def]
    """List each lead's positions, in time order: those of lead i end up in ``own[own_from[i]:own_from[i + 1]]``."""
    own_from[: leads + 1] = 0
    for j in range(n):
        own_from[who[j] + 1] += 1
    for i in range(leads):
        own_from[i + 1] += own_from[i]
        place[i] = own_from[i]
    for j in range(n):
        own[place[who[j]]] = j
        place[who[j]] += 1


@compiled
def _bits(journey, i, masks, starts, role):  # type: ignore[no-untyped-def]
    return (
        masks[starts[0] + journey[2][i], 0]
        & masks[starts[1] + journey[3][i], 0]
        & masks[starts[2] + journey[4][i], 0]
        & masks[starts[3] + journey[5][i], 0]
        & masks[starts[4] + journey[6][i], 0]
        & masks[starts[5] + role, 0]
    )


@compiled
def _active_visible(own, own_from, lead, lo, hi, known, moment):  # type: ignore[no-untyped-def]
    """Tell whether a lead has a touchpoint in positions [lo, hi) that the moment knows of."""
    q = _first_own(own, own_from[lead], own_from[lead + 1], hi) - 1
    while q >= own_from[lead] and own[q] >= lo:
        if before(known[own[q]], moment):
            return True
        q -= 1
    return False


@compiled_making_arrays
def _write_selector(k, n, leads, when, who, known, moments, rows, mover, n_moments, plan, scratch, out):  # type: ignore[no-untyped-def]
    """Write one selector's features of all the account's snapshots; `mover` is each snapshot's own lead."""
    windows, half_lives, reach, features, sections = plan
    order, previous, following, other, own, own_from, place, newest, late, seen_at, ends, starts, active = scratch
    for c in range(n_moments):
        hi = ends[c - 1] if c > 0 else 0
        while hi < n and before(when[hi], moments[c]):
            hi += 1
        ends[c] = hi
    for w in range(len(windows)):
        pointers(when, windows[w], moments, n_moments, ends, starts[w])
    _list_own(who, n, leads, own_from, own, place)
    for j in range(n):
        order[j] = j
        other[j] = -1 if j == 0 else (j - 1 if who[j - 1] != who[j] else other[j - 1])
    # Per snapshot, what is pending: late[late_from[c]:late_from[c + 1]]
    late_list, late_from = _pending(n, when, known, moments, n_moments, ends, late)

    for f in range(sections[k, ACCOUNT_COUNT], sections[k, ACCOUNT_COUNT + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            me = mover[c]
            mine = _first_own(own, own_from[me], own_from[me + 1], ends[c])
            mine -= _first_own(own, own_from[me], own_from[me + 1], lo[c])
            count = ends[c] - lo[c] - mine
            for q in range(late_from[c], late_from[c + 1]):
                count -= late_list[q] >= lo[c] and who[late_list[q]] != me
            out[rows[c], column] = count
    for f in range(sections[k, ACCOUNT_DAYS_SINCE_LAST], sections[k, ACCOUNT_DAYS_SINCE_LAST + 1]):
        lo = starts[len(windows) - 1]
        for c in range(n_moments):
            j = ends[c] - 1
            while j >= lo[c] and (who[j] == mover[c] or not before(known[j], moments[c])):
                j = other[j] if who[j] == mover[c] else j - 1
            if j >= lo[c]:
                out[rows[c], features[f, 0]] = float(moments[c] - when[j]) / float(DAY)
    for f in range(sections[k, ACCOUNT_DECAYED_COUNT], sections[k, ACCOUNT_DECAYED_COUNT + 1]):
        h = features[f, 1]
        _write_decayed(
            n, when, who, moments, rows, mover, n_moments, ends, half_lives[h], reach[h], own, own_from, late_list,
            late_from, features[f, 0], out,
        )  # fmt: skip
    if sections[k, ACCOUNT_ACTIVE_LEADS] < sections[k, ACCOUNT_ACTIVE_LEADS + 1]:
        code_links(order, n, who, newest, previous, following)
        for f in range(sections[k, ACCOUNT_ACTIVE_LEADS], sections[k, ACCOUNT_ACTIVE_LEADS + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            distinct(previous, following, lo, ends, n_moments, active)
            seen_at[:leads] = -1
            for c in range(n_moments):
                me = mover[c]
                q = _first_own(own, own_from[me], own_from[me + 1], ends[c])
                count = active[c] - (q > own_from[me] and own[q - 1] >= lo[c])
                for q in range(late_from[c], late_from[c + 1]):
                    lead = who[late_list[q]]
                    if late_list[q] < lo[c] or lead == me or seen_at[lead] == c:
                        continue
                    seen_at[lead] = c
                    count -= not _active_visible(own, own_from, lead, lo[c], ends[c], known, moments[c])
                out[rows[c], column] = count


@compiled_making_arrays
def _pending(n, when, known, moments, n_moments, ends, late):  # type: ignore[no-untyped-def]
    """List, per moment, the positions that occurred before it and were not recorded by then."""
    late_from = np.zeros(n_moments + 1, np.int64)
    listed = np.empty(16, np.int64)
    open_now, hi, total = 0, 0, 0
    for c in range(n_moments):
        while hi < ends[c]:
            if not before(known[hi], moments[c]):
                late[open_now] = hi
                open_now += 1
            hi += 1
        kept = 0
        for q in range(open_now):
            if not before(known[late[q]], moments[c]):
                late[kept] = late[q]
                kept += 1
        open_now = kept
        if total + kept > len(listed):
            longer = np.empty(2 * (total + kept), np.int64)
            longer[:total] = listed[:total]
            listed = longer
        listed[total : total + kept] = late[:kept]
        total += kept
        late_from[c + 1] = total
    return listed, late_from


@compiled_making_arrays
def _write_decayed(  # type: ignore[no-untyped-def]
    n, when, who, moments, rows, mover, n_moments, ends, half, reach, own, own_from, late_list, late_from, column, out
):  # fmt: skip
    mantissa, slot = np.empty(n, np.int64), np.empty(n, np.int64)
    factor, newest = np.empty(n_moments, np.float64), np.empty(n_moments, np.int64)
    decay_terms(when, n, half, mantissa, slot)
    decay_bases(moments, n_moments, half, factor, newest)
    ring, others = np.zeros(SLOTS, np.int64), np.zeros(SLOTS, np.int64)
    lo, hi = 0, 0
    for c in range(n_moments):
        while hi < ends[c]:
            ring[slot[hi]] += mantissa[hi]
            hi += 1
        start = window_start(moments[c], reach)
        while lo < hi and before(when[lo], start):
            ring[slot[lo]] -= mantissa[lo]
            lo += 1
        others[:] = ring
        me, count = mover[c], hi - lo
        q = _first_own(own, own_from[me], own_from[me + 1], lo)
        while q < own_from[me + 1] and own[q] < hi:
            others[slot[own[q]]] -= mantissa[own[q]]
            count -= 1
            q += 1
        for q in range(late_from[c], late_from[c + 1]):
            j = late_list[q]
            if j >= lo and who[j] != me:
                others[slot[j]] -= mantissa[j]
                count -= 1
        if count > 0:
            out[rows[c], column] = decayed_value(others, newest[c], factor[c])


@entry
def fold_accounts(  # type: ignore[no-untyped-def]
    account_from, account_until, account_offsets, members, offsets, journey, role, role_known_at, masks, starts,
    snapshot_offsets, snapshot_at, snapshot_row, snapshot_lead, plan, out,
):  # fmt: skip
    """Fill the account's columns of the snapshots of the accounts ``account_from:account_until``; one row per snapshot.

    Parameters
    ----------
    account_from, account_until : int
        Accounts to fold.
    account_offsets : ndarray of int64 [accounts + 1]
        Ranges of each account's leads in `members`.
    members : ndarray of int64
        Positions of leads.
    offsets, journey : ndarray, tuple of ndarray
        As for `fold`.
    role, role_known_at : ndarray [leads]
        Of `Journeys`.
    masks, starts : ndarray
        Selectors' bits, in one word; a sixth table follows those of `SelectorTables`, for the role (row 0: missing).
    snapshot_offsets : ndarray of int64 [accounts + 1]
        Ranges of each account's snapshots in the three arrays that follow, in time order.
    snapshot_at, snapshot_row, snapshot_lead : ndarray of int64
        Moment, row of `out`, and position of the lead that is looked at.
    plan : tuple of ndarray of int64
        As for `fold`, with the sections of `ACCOUNT_OPERATIONS`.
    out : ndarray of float32 [snapshots, at least columns]
        Written in place where there is something to count; the rest keeps what is there.
    """
    windows, sections = plan[0], plan[4]
    n_selectors = len(sections)
    for a in range(account_from, account_until):
        first, end = snapshot_offsets[a], snapshot_offsets[a + 1]
        leads, n_moments = account_offsets[a + 1] - account_offsets[a], end - first
        if n_moments == 0 or leads < 2:
            continue
        oldest = window_start(snapshot_at[first], windows[len(windows) - 1])
        most = 0
        for m in range(account_offsets[a], account_offsets[a + 1]):
            most += offsets[members[m] + 1] - offsets[members[m]]
        t, known, lead_of = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
        mask, with_role = np.empty(most, np.uint64), np.empty(most, np.int64)
        n = 0
        for m in range(account_offsets[a], account_offsets[a + 1]):
            lead = members[m]
            for i in range(offsets[lead], offsets[lead + 1]):
                if before(journey[0][i], oldest) or not before(journey[0][i], snapshot_at[end - 1]):
                    continue
                bits = _bits(journey, i, masks, starts, role[lead])
                if bits != np.uint64(0):
                    t[n], known[n], lead_of[n], mask[n] = journey[0][i], journey[1][i], m - account_offsets[a], bits
                    with_role[n] = max(journey[1][i], role_known_at[lead])
                    n += 1
        if n == 0:
            continue
        by_time = np.argsort(t[:n], kind="mergesort")
        mover = np.empty(n_moments, np.int64)
        local = np.empty(leads, np.int64)
        for m in range(leads):
            local[m] = members[account_offsets[a] + m]
        for c in range(n_moments):
            # members ascend, so a lead's number in the account is found by halving
            mover[c] = np.searchsorted(local, snapshot_lead[first + c])
        when, who, when_known = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        scratch = (
            np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
            np.empty(n, np.int64), np.empty(leads + 1, np.int64), np.empty(leads, np.int64),
            np.full(leads, -1, np.int64), np.empty(n, np.int64), np.empty(leads, np.int64),
            np.empty(n_moments, np.int64), np.empty((len(windows), n_moments), np.int64), np.empty(n_moments, np.int64),
        )  # fmt: skip
        moments, rows = snapshot_at[first:end], snapshot_row[first:end]
        # the role's table gives a missing role the bits of the selectors that do not ask for one
        no_role = masks[starts[5] - 1, 0]
        for k in range(n_selectors):
            bit = np.uint64(1) << np.uint64(k)
            asks_role = no_role & bit == np.uint64(0)
            chosen = 0
            for q in range(n):
                i = by_time[q]
                if mask[i] & bit != np.uint64(0):
                    when[chosen], who[chosen] = t[i], lead_of[i]
                    when_known[chosen] = with_role[i] if asks_role else known[i]
                    chosen += 1
            if chosen > 0:
                _write_selector(
                    k, chosen, leads, when, who, when_known, moments, rows, mover, n_moments, plan, scratch, out
                )
