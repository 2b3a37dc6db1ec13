"""The compiled fold over accounts: what a lead's colleagues did, never the lead itself.

An account's touchpoints are walked once, in time order, for the snapshots of all its leads: what all did, less the lead's own
part. Cost grows with touchpoints plus snapshots, however many leads share an account. What occurred before a snapshot but was
recorded only later (pending) is taken off one by one: there is little of it at any moment.
"""

import numpy as np

from features.kernels.account_lists import active_visible, first_from, first_own, list_own, list_pending, sort_by_time
from features.kernels.compiled import before, compiled, entry, pasted, window_start
from features.kernels.sections import code
from features.kernels.selection import common_bits
from features.kernels.structs_account import AccountScratch, AccountTouchpoints, OwnPositions, Pending
from features.kernels.structs_fold import Moments
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

_ACTIVE_LEADS = code("active_leads")
_COUNT = code("count")
_DAYS_SINCE_LAST = code("days_since_last")
_DECAYED_COUNT = code("decayed_count")

_BY_TOUCHPOINT, _BY_MOMENT, _BY_LEAD = 13, 3, 3  # rows of scratch


@compiled
def _write_selector(k, leads, touchpoints, moments, lead_of, own, late, plan, scratch, out):  # type: ignore[no-untyped-def]
    """Write the features of selector `k` of all the account's snapshots; tell whether `late` had room for what is pending."""
    features, sections, start = plan.features, plan.sections, scratch.start
    when, who, recorded_at, n = touchpoints.when, touchpoints.lead, touchpoints.recorded_at, touchpoints.n
    end = scratch.by_moment[0]
    hi = 0
    for c in range(moments.n):
        while hi < n and before(when[hi], moments.at[c]):
            hi += 1
        end[c] = hi
    for w in range(len(plan.windows)):
        pointers(when, plan.windows[w], moments, end, start[w])
    list_own(touchpoints, leads, own, scratch.by_lead[1])
    list_pending(touchpoints, moments, end, scratch.by_touchpoint[0], late)
    if late.begin[moments.n] > len(late.position):
        return False

    for f in range(sections[k, _COUNT], sections[k, _COUNT + 1]):
        column, lo = features[f, 0], start[features[f, 1]]
        for c in range(moments.n):
            me = lead_of[c]
            count = end[c] - lo[c] - (first_own(own, me, end[c]) - first_own(own, me, lo[c]))
            for q in range(late.begin[c], late.begin[c + 1]):
                count -= late.position[q] >= lo[c] and who[late.position[q]] != me
            out[moments.row[c], column] = count
    for f in range(sections[k, _DAYS_SINCE_LAST], sections[k, _DAYS_SINCE_LAST + 1]):
        column, lo = features[f, 0], start[len(plan.windows) - 1]
        other = scratch.by_touchpoint[0]  # the newest one before that is another lead's
        for j in range(n):
            other[j] = -1 if j == 0 else (j - 1 if who[j - 1] != who[j] else other[j - 1])
        for c in range(moments.n):
            j = end[c] - 1
            while j >= lo[c] and (who[j] == lead_of[c] or not before(recorded_at[j], moments.at[c])):
                j = other[j] if who[j] == lead_of[c] else j - 1
            if j >= lo[c]:
                out[moments.row[c], column] = float(moments.at[c] - when[j]) / float(DAY)
    for f in range(sections[k, _DECAYED_COUNT], sections[k, _DECAYED_COUNT + 1]):
        h = features[f, 1]
        _write_decayed(
            touchpoints,
            moments,
            lead_of,
            end,
            plan.half_lives[h],
            plan.reach[h],
            own,
            late,
            scratch,
            features[f, 0],
            out,
        )
    if sections[k, _ACTIVE_LEADS] < sections[k, _ACTIVE_LEADS + 1]:
        previous, following, every = scratch.by_touchpoint[0], scratch.by_touchpoint[1], scratch.by_touchpoint[2]
        active, newest, seen_at = scratch.by_moment[1], scratch.by_lead[1], scratch.by_lead[2]
        for j in range(n):
            every[j] = j
        for i in range(leads):
            newest[i] = -1
        code_links(every, n, who, newest, previous, following)
        for f in range(sections[k, _ACTIVE_LEADS], sections[k, _ACTIVE_LEADS + 1]):
            column, lo = features[f, 0], start[features[f, 1]]
            distinct(previous, following, lo, end, moments.n, active)
            for i in range(leads):
                seen_at[i] = -1
            for c in range(moments.n):
                me = lead_of[c]
                q = first_own(own, me, end[c])
                count = active[c] - (q > own.begin[me] and own.position[q - 1] >= lo[c])
                for q in range(late.begin[c], late.begin[c + 1]):
                    j = late.position[q]
                    if j < lo[c] or who[j] == me or seen_at[who[j]] == c:
                        continue
                    seen_at[who[j]] = c
                    count -= not active_visible(own, who[j], lo[c], end[c], recorded_at, moments.at[c])
                out[moments.row[c], column] = count
    return True


@pasted
def _write_decayed(  # type: ignore[no-untyped-def]
    touchpoints, moments, lead_of, end, half, reach, own, late, scratch, column, out
):  # fmt: skip
    when, who, n = touchpoints.when, touchpoints.lead, touchpoints.n
    mantissa, slot = scratch.by_touchpoint[0], scratch.by_touchpoint[1]
    factor, block = scratch.factor, scratch.by_moment[1]
    decay_terms(when, n, half, mantissa, slot)
    decay_bases(moments, half, factor, block)
    ring, others = scratch.rings[0], scratch.rings[1]
    for s in range(SLOTS):
        ring[s] = 0
    first, hi = 0, 0
    for c in range(moments.n):
        while hi < end[c]:
            ring[slot[hi]] += mantissa[hi]
            hi += 1
        oldest = window_start(moments.at[c], reach)
        while first < hi and before(when[first], oldest):
            ring[slot[first]] -= mantissa[first]
            first += 1
        for s in range(SLOTS):
            others[s] = ring[s]
        me, count = lead_of[c], hi - first
        q = first_own(own, me, first)
        while q < own.begin[me + 1] and own.position[q] < hi:
            others[slot[own.position[q]]] -= mantissa[own.position[q]]
            count -= 1
            q += 1
        for q in range(late.begin[c], late.begin[c + 1]):
            j = late.position[q]
            if j >= first and who[j] != me:
                others[slot[j]] -= mantissa[j]
                count -= 1
        if count > 0:
            out[moments.row[c], column] = decayed_value(others, block[c], factor[c])


@compiled
def _fold_until_full(  # type: ignore[no-untyped-def]
    account_from, account_until, account_offsets, members, offsets, columns, role, role_known_at, selectors, snapshots,
    plan, scratch, late, out,
):  # fmt: skip
    """Fold accounts up to the first one whose pending touchpoints find no room in `late`; return it, or `account_until`."""
    masks, starts = selectors.masks, selectors.starts
    t, recorded, lead_of = scratch.by_touchpoint[4], scratch.by_touchpoint[5], scratch.by_touchpoint[6]
    with_role, by_time, mask = scratch.by_touchpoint[7], scratch.by_touchpoint[8], scratch.mask
    when, who, when_known = scratch.by_touchpoint[9], scratch.by_touchpoint[10], scratch.by_touchpoint[11]
    number, own = scratch.by_moment[2], OwnPositions(scratch.by_touchpoint[12], scratch.by_lead[0])
    # the role's table gives a missing role the bits of the selectors that do not ask for one
    no_role = masks[starts[5] - 1, 0]
    for a in range(account_from, account_until):
        first, end = snapshots.offsets[a], snapshots.offsets[a + 1]
        begin, leads, n_moments = account_offsets[a], account_offsets[a + 1] - account_offsets[a], end - first
        if n_moments == 0 or leads < 2:
            continue
        oldest = window_start(snapshots.at[first], plan.windows[len(plan.windows) - 1])
        n = 0
        for m in range(begin, begin + leads):
            lead = members[m]
            of_role = masks[starts[5] + role[lead], 0]
            for i in range(offsets[lead], offsets[lead + 1]):
                occurred_at, recorded_at = columns.occurred_at[i], columns.recorded_at[i]
                if before(occurred_at, oldest) or not before(occurred_at, snapshots.at[end - 1]):
                    continue
                bits = common_bits(columns, i, selectors, 0) & of_role
                if bits != np.uint64(0):
                    t[n], recorded[n], lead_of[n], mask[n] = occurred_at, recorded_at, m - begin, bits
                    with_role[n] = max(recorded_at, role_known_at[lead])
                    n += 1
        if n == 0:
            continue
        sort_by_time(n, t, by_time, scratch.by_touchpoint[0])
        for c in range(n_moments):
            # members ascend, so a lead's number in the account is found by halving
            number[c] = first_from(members, begin, begin + leads, snapshots.lead[first + c]) - begin
        moments = Moments(snapshots.at[first:end], snapshots.row[first:end], n_moments)
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
                touchpoints = AccountTouchpoints(when, when_known, who, count)
                if not _write_selector(k, leads, touchpoints, moments, number, own, late, plan, scratch, out):
                    scratch.needed[0] = late.begin[n_moments]
                    return a
    return account_until


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
    most, most_moments, most_leads = 0, 0, 0
    for a in range(account_from, account_until):
        moments = snapshots.offsets[a + 1] - snapshots.offsets[a]
        if moments > 0:
            touchpoints = 0
            for m in range(account_offsets[a], account_offsets[a + 1]):
                touchpoints += offsets[members[m] + 1] - offsets[members[m]]
            most, most_moments = max(most, touchpoints), max(most_moments, moments)
            most_leads = max(most_leads, account_offsets[a + 1] - account_offsets[a])
    scratch = AccountScratch(
        np.empty((_BY_TOUCHPOINT, most), np.int64), np.empty((_BY_MOMENT, most_moments), np.int64),
        np.empty((_BY_LEAD, most_leads + 1), np.int64), np.empty(most, np.uint64), np.empty(most_moments, np.float64),
        np.empty((len(plan.windows), most_moments), np.int64), np.empty((2, SLOTS), np.int64), np.empty(1, np.int64),
    )  # fmt: skip
    late = Pending(np.empty(256, np.int64), np.empty(most_moments + 1, np.int64))
    account = account_from
    while account < account_until:
        account = _fold_until_full(
            account, account_until, account_offsets, members, offsets, columns, role, role_known_at, selectors, snapshots,
            plan, scratch, late, out,
        )  # fmt: skip
        if account < account_until:
            late = Pending(np.empty(2 * scratch.needed[0], np.int64), late.begin)
