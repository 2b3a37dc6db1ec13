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
from features.kernels.structs import AccountMoments, AccountTouchpoints, OwnPositions, Pending
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
def _first_own(own_positions, lead, position):  # type: ignore[no-untyped-def]
    """Find where, in ``own.position``, the first of a lead's positions stands that is not below `position`."""
    begin, end = own_positions.begin[lead], own_positions.begin[lead + 1]
    while begin < end:
        middle = (begin + end) >> 1
        if own_positions.position[middle] < position:
            begin = middle + 1
        else:
            end = middle
    return begin


@compiled_making_arrays
def _list_own(touchpoints, leads):  # type: ignore[no-untyped-def]
    """List each lead's positions, in time order."""
    position, begin = np.empty(touchpoints.n, np.int64), np.zeros(leads + 1, np.int64)
    for j in range(touchpoints.n):
        begin[touchpoints.lead[j] + 1] += 1
    for i in range(leads):
        begin[i + 1] += begin[i]
    place = begin[:leads].copy()
    for j in range(touchpoints.n):
        position[place[touchpoints.lead[j]]] = j
        place[touchpoints.lead[j]] += 1
    return OwnPositions(position, begin)


@compiled
def _bits(columns, i, selectors, role):  # type: ignore[no-untyped-def]
    masks, starts = selectors.masks, selectors.starts
    return (
        masks[starts[0] + columns.kind[i], 0]
        & masks[starts[1] + columns.channel[i], 0]
        & masks[starts[2] + columns.asset[i], 0]
        & masks[starts[3] + columns.campaign[i], 0]
        & masks[starts[4] + columns.by[i], 0]
        & masks[starts[5] + role, 0]
    )


@compiled
def _active_visible(own_positions, lead, lo, hi, recorded_at, moment):  # type: ignore[no-untyped-def]
    """Tell whether a lead has a touchpoint in positions [lo, hi) that the moment knows of."""
    q = _first_own(own_positions, lead, hi) - 1
    while q >= own_positions.begin[lead] and own_positions.position[q] >= lo:
        if before(recorded_at[own_positions.position[q]], moment):
            return True
        q -= 1
    return False


@compiled_making_arrays
def _write_selector(k, leads, touchpoints, moments, plan, out):  # type: ignore[no-untyped-def]
    """Write the features of selector `k` of all the account's snapshots."""
    features, sections = plan.features, plan.sections
    when, who, recorded_at, n = touchpoints.when, touchpoints.lead, touchpoints.recorded_at, touchpoints.n
    end, start = np.empty(moments.n, np.int64), np.empty((len(plan.windows), moments.n), np.int64)
    hi = 0
    for c in range(moments.n):
        while hi < n and before(when[hi], moments.at[c]):
            hi += 1
        end[c] = hi
    for w in range(len(plan.windows)):
        pointers(when, plan.windows[w], moments, end, start[w])
    own_positions, late = _list_own(touchpoints, leads), _pending(touchpoints, moments, end)

    for f in range(sections[k, ACCOUNT_COUNT], sections[k, ACCOUNT_COUNT + 1]):
        column, lo = features[f, 0], start[features[f, 1]]
        for c in range(moments.n):
            me = moments.lead[c]
            count = end[c] - lo[c] - (_first_own(own_positions, me, end[c]) - _first_own(own_positions, me, lo[c]))
            for q in range(late.begin[c], late.begin[c + 1]):
                count -= late.position[q] >= lo[c] and who[late.position[q]] != me
            out[moments.row[c], column] = count
    for f in range(sections[k, ACCOUNT_DAYS_SINCE_LAST], sections[k, ACCOUNT_DAYS_SINCE_LAST + 1]):
        _write_days_since_last(touchpoints, moments, start[len(plan.windows) - 1], end, features[f, 0], out)
    for f in range(sections[k, ACCOUNT_DECAYED_COUNT], sections[k, ACCOUNT_DECAYED_COUNT + 1]):
        h = features[f, 1]
        _write_decayed(
            touchpoints, moments, end, plan.half_lives[h], plan.reach[h], own_positions, late, features[f, 0], out
        )
    if sections[k, ACCOUNT_ACTIVE_LEADS] < sections[k, ACCOUNT_ACTIVE_LEADS + 1]:
        previous, following = np.empty(n, np.int64), np.empty(n, np.int64)
        code_links(np.arange(n), n, who, np.full(leads, -1, np.int64), previous, following)
        active, seen_at = np.empty(moments.n, np.int64), np.empty(leads, np.int64)
        for f in range(sections[k, ACCOUNT_ACTIVE_LEADS], sections[k, ACCOUNT_ACTIVE_LEADS + 1]):
            column, lo = features[f, 0], start[features[f, 1]]
            distinct(previous, following, lo, end, moments.n, active)
            seen_at[:] = -1
            for c in range(moments.n):
                me = moments.lead[c]
                q = _first_own(own_positions, me, end[c])
                count = active[c] - (q > own_positions.begin[me] and own_positions.position[q - 1] >= lo[c])
                for q in range(late.begin[c], late.begin[c + 1]):
                    j = late.position[q]
                    if j < lo[c] or who[j] == me or seen_at[who[j]] == c:
                        continue
                    seen_at[who[j]] = c
                    count -= not _active_visible(own_positions, who[j], lo[c], end[c], recorded_at, moments.at[c])
                out[moments.row[c], column] = count


@compiled_making_arrays
def _write_days_since_last(touchpoints, moments, start, end, column, out):  # type: ignore[no-untyped-def]
    who, n = touchpoints.lead, touchpoints.n
    other = np.empty(n, np.int64)  # the newest one before that is another lead's
    for j in range(n):
        other[j] = -1 if j == 0 else (j - 1 if who[j - 1] != who[j] else other[j - 1])
    for c in range(moments.n):
        j = end[c] - 1
        while j >= start[c] and (who[j] == moments.lead[c] or not before(touchpoints.recorded_at[j], moments.at[c])):
            j = other[j] if who[j] == moments.lead[c] else j - 1
        if j >= start[c]:
            out[moments.row[c], column] = float(moments.at[c] - touchpoints.when[j]) / float(DAY)


@compiled_making_arrays
def _pending(touchpoints, moments, end):  # type: ignore[no-untyped-def]
    """List, per moment, the positions that occurred before it and were not recorded by then."""
    recorded_at = touchpoints.recorded_at
    late, begin = np.empty(touchpoints.n, np.int64), np.zeros(moments.n + 1, np.int64)
    listed = np.empty(16, np.int64)
    open_now, hi, total = 0, 0, 0
    for c in range(moments.n):
        while hi < end[c]:
            if not before(recorded_at[hi], moments.at[c]):
                late[open_now] = hi
                open_now += 1
            hi += 1
        kept = 0
        for q in range(open_now):
            if not before(recorded_at[late[q]], moments.at[c]):
                late[kept] = late[q]
                kept += 1
        open_now = kept
        if total + kept > len(listed):
            longer = np.empty(2 * (total + kept), np.int64)
            longer[:total] = listed[:total]
            listed = longer
        listed[total : total + kept] = late[:kept]
        total += kept
        begin[c + 1] = total
    return Pending(listed, begin)


@compiled_making_arrays
def _write_decayed(touchpoints, moments, end, half, reach, own_positions, late, column, out):  # type: ignore[no-untyped-def]
    when, who, n = touchpoints.when, touchpoints.lead, touchpoints.n
    mantissa, slot = np.empty(n, np.int64), np.empty(n, np.int64)
    factor, block = np.empty(moments.n, np.float64), np.empty(moments.n, np.int64)
    decay_terms(when, n, half, mantissa, slot)
    decay_bases(moments, half, factor, block)
    ring, others = np.zeros(SLOTS, np.int64), np.zeros(SLOTS, np.int64)
    lo, hi = 0, 0
    for c in range(moments.n):
        while hi < end[c]:
            ring[slot[hi]] += mantissa[hi]
            hi += 1
        start = window_start(moments.at[c], reach)
        while lo < hi and before(when[lo], start):
            ring[slot[lo]] -= mantissa[lo]
            lo += 1
        others[:] = ring
        me, count = moments.lead[c], hi - lo
        q = _first_own(own_positions, me, lo)
        while q < own_positions.begin[me + 1] and own_positions.position[q] < hi:
            others[slot[own_positions.position[q]]] -= mantissa[own_positions.position[q]]
            count -= 1
            q += 1
        for q in range(late.begin[c], late.begin[c + 1]):
            j = late.position[q]
            if j >= lo and who[j] != me:
                others[slot[j]] -= mantissa[j]
                count -= 1
        if count > 0:
            out[moments.row[c], column] = decayed_value(others, block[c], factor[c])


@entry(seconds=10)
def fold_accounts(  # type: ignore[no-untyped-def]
    account_from, account_until, account_offsets, members, offsets, columns, role, role_known_at, selectors, snapshots,
    plan, out,
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
    offsets : ndarray of int64 [leads + 1]
        Of `Journeys`.
    columns : Columns
        The touchpoints.
    role, role_known_at : ndarray [leads]
        Of `Journeys`.
    selectors : SelectorMasks
        In one word; a sixth table is for the role (row 0: missing).
    snapshots : AccountSnapshots
        What to look at.
    plan : Plan
        With the sections of `ACCOUNT_OPERATIONS`.
    out : ndarray of float32 [snapshots, at least columns]
        Written in place where there is something to count; the rest keeps what is there.
    """
    masks, starts = selectors.masks, selectors.starts
    for a in range(account_from, account_until):
        first, end = snapshots.offsets[a], snapshots.offsets[a + 1]
        leads, n_moments = account_offsets[a + 1] - account_offsets[a], end - first
        if n_moments == 0 or leads < 2:
            continue
        oldest = window_start(snapshots.at[first], plan.windows[len(plan.windows) - 1])
        most = 0
        for m in range(account_offsets[a], account_offsets[a + 1]):
            most += offsets[members[m] + 1] - offsets[members[m]]
        t, recorded, lead_of = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
        mask, with_role = np.empty(most, np.uint64), np.empty(most, np.int64)
        n = 0
        for m in range(account_offsets[a], account_offsets[a + 1]):
            lead = members[m]
            for i in range(offsets[lead], offsets[lead + 1]):
                occurred_at, recorded_at = columns.occurred_at[i], columns.recorded_at[i]
                if before(occurred_at, oldest) or not before(occurred_at, snapshots.at[end - 1]):
                    continue
                bits = _bits(columns, i, selectors, role[lead])
                if bits != np.uint64(0):
                    t[n], recorded[n], lead_of[n], mask[n] = occurred_at, recorded_at, m - account_offsets[a], bits
                    with_role[n] = max(recorded_at, role_known_at[lead])
                    n += 1
        if n == 0:
            continue
        by_time = np.argsort(t[:n], kind="mergesort")
        number = np.empty(n_moments, np.int64)
        local = np.empty(leads, np.int64)
        for m in range(leads):
            local[m] = members[account_offsets[a] + m]
        for c in range(n_moments):
            # members ascend, so a lead's number in the account is found by halving
            number[c] = np.searchsorted(local, snapshots.lead[first + c])
        moments = AccountMoments(snapshots.at[first:end], snapshots.row[first:end], number, n_moments)
        when, who, when_known = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        # the role's table gives a missing role the bits of the selectors that do not ask for one
        no_role = masks[starts[5] - 1, 0]
        for k in range(len(plan.sections)):
            bit = np.uint64(1) << np.uint64(k)
            asks_role = no_role & bit == np.uint64(0)
            count = 0
            for q in range(n):
                i = by_time[q]
                if mask[i] & bit != np.uint64(0):
                    when[count], who[count] = t[i], lead_of[i]
                    when_known[count] = with_role[i] if asks_role else recorded[i]
                    count += 1
            if count > 0:
                _write_selector(k, leads, AccountTouchpoints(when, when_known, who, count), moments, plan, out)
