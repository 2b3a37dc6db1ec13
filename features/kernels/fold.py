"""The compiled fold over journeys.

For each lead and selector, the selected touchpoints and the snapshots are walked together, in time order: a pointer at the
snapshot and one at each window's start only move forward, so cost grows with touchpoints plus snapshots, not with their
product. Everything that is carried along is an integer, so no result depends on the path that led to it:

- a count is the distance of two pointers; sums, visits, pauses, switches, likeness are differences of two prefix sums at them;
- a distinct count is raised by a touchpoint whose previous equal one lies before the window's start, and lowered when a
  touchpoint leaves whose next equal one is not there yet;
- a longest gap or busiest day comes from a queue of the window's falling values;
- a decayed count is a sum in fixed point (see `windows`).

A snapshot with a pending touchpoint (it occurred before, but was recorded only later) is folded on its own, by the same code
over just the touchpoints that it sees.
"""

import numpy as np

from features.kernels.compiled import before, compiled, entry, pasted, window_start
from features.kernels.path import content_levels, profile_states, write_likeness, write_path
from features.kernels.rhythm import local_hours, write_rhythm
from features.kernels.sections import CONTENT, COUNTS, LIKENESS, LOCAL_HOURS, PATH, RHYTHM, code
from features.kernels.selection import gather, list_members, select
from features.kernels.structs_fold import Decay, Members, Moments, Picked, Scratch, Selected, Spans
from features.kernels.windows import (
    DAY,
    SLOTS,
    code_links,
    day_links,
    decay_bases,
    decay_terms,
    decayed,
    distinct,
    pointers,
)

__all__ = ["fold"]

_COUNT = code("count")
_DAYS_SINCE_FIRST = code("days_since_first")
_DAYS_SINCE_LAST = code("days_since_last")
_DECAYED_COUNT = code("decayed_count")
_DISTINCT_ASSETS = code("distinct_assets")
_DISTINCT_CHANNELS = code("distinct_channels")
_DISTINCT_DAYS = code("distinct_days")
_SUM_VALUE = code("sum_value")

_WORK = 9  # scratch rows of touchpoints or moments
_NEVER = np.int64(-(2**63))
_FOREVER = np.int64(2**62)


@compiled
def _write_counts(k, selected, spans, picked, moments, plan, decay, scratch, out):  # type: ignore[no-untyped-def]
    """Write the counts, sums, recencies, decayed and distinct counts of selector `k`."""
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    position, when, n, n_moments = selected.position, selected.when, selected.n, moments.n
    work, seen = scratch.work, spans.seen
    for f in range(sections[k, _COUNT], sections[k, _COUNT + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            out[row[c], column] = end[c] - start[c]
    if sections[k, _SUM_VALUE] < sections[k, _SUM_VALUE + 1]:
        sums = work[0]
        sums[0] = 0
        for j in range(n):
            sums[j + 1] = sums[j] + picked.value[position[j]]
        for f in range(sections[k, _SUM_VALUE], sections[k, _SUM_VALUE + 1]):
            column, start = features[f, 0], spans.start[features[f, 1]]
            for c in range(n_moments):
                out[row[c], column] = float(sums[end[c]] - sums[start[c]]) / 1e6
    for f in range(sections[k, _DAYS_SINCE_LAST], sections[k, _DAYS_SINCE_LAST + 1]):
        for c in range(n_moments):
            if seen[c] < end[c]:
                out[row[c], features[f, 0]] = float(moments.at[c] - when[end[c] - 1]) / float(DAY)
    for f in range(sections[k, _DAYS_SINCE_FIRST], sections[k, _DAYS_SINCE_FIRST + 1]):
        for c in range(n_moments):
            if seen[c] < end[c]:
                out[row[c], features[f, 0]] = float(moments.at[c] - when[seen[c]]) / float(DAY)
    for f in range(sections[k, _DECAYED_COUNT], sections[k, _DECAYED_COUNT + 1]):
        h = features[f, 1]
        decayed(selected, moments, end, decay, h, plan.reach[h], scratch.ring, features[f, 0], out)
    for operation in (_DISTINCT_DAYS, _DISTINCT_CHANNELS, _DISTINCT_ASSETS):
        if sections[k, operation] == sections[k, operation + 1]:
            continue
        previous, following, count = work[0], work[1], work[2]
        if operation == _DISTINCT_DAYS:
            day_links(when, n, previous, following)
        else:
            codes = picked.channel if operation == _DISTINCT_CHANNELS else picked.asset
            code_links(position, n, codes, scratch.newest, previous, following)
        for f in range(sections[k, operation], sections[k, operation + 1]):
            distinct(previous, following, spans.start[features[f, 1]], end, n_moments, count)
            for c in range(n_moments):
                out[row[c], features[f, 0]] = count[c]


@pasted
def _fold_moments(  # type: ignore[no-untyped-def]
    moments, limit, picked, members, decay, plan, lookups, room, spans, firsts, scratch, out
):  # fmt: skip
    """Write all features of one lead at the given moments, from the touchpoints that were recorded before `limit`."""
    pairs, end, seen = lookups.pairs, spans.end, spans.seen
    for h in range(len(plan.half_lives)):
        decay_bases(moments, plan.half_lives[h], decay.factor[h], decay.block[h])
    if len(pairs) > 0:
        for k in range(len(firsts)):
            for c in range(moments.n):
                firsts[k, c] = _NEVER
    for k in range(len(plan.sections)):
        selected = select(k, picked, members, limit, room)
        if selected.n == 0:
            continue
        hi = 0
        for c in range(moments.n):
            while hi < selected.n and before(selected.when[hi], moments.at[c]):
                hi += 1
            end[c] = hi
        for w in range(len(plan.windows)):
            pointers(selected.when, plan.windows[w], moments, end, spans.start[w])
        asked = plan.asked[k]
        if asked & COUNTS:
            _write_counts(k, selected, spans, picked, moments, plan, decay, scratch, out)
        if asked & RHYTHM:
            write_rhythm(k, selected, spans, picked, moments, plan, lookups.rules, scratch.work, out)
        if asked & PATH:
            write_path(k, selected, spans, picked, moments, plan, lookups.category, scratch.work, out)
        if asked & LIKENESS:
            write_likeness(k, selected, spans, picked, moments, plan, lookups.ratios, scratch, out)
        if len(pairs) > 0:
            for c in range(moments.n):
                if seen[c] < end[c]:
                    firsts[k, c] = selected.when[seen[c]]
    for p in range(len(pairs)):
        first, second = firsts[pairs[p, 1]], firsts[pairs[p, 2]]
        for c in range(moments.n):
            if first[c] != _NEVER and second[c] != _NEVER:
                out[moments.row[c], pairs[p, 0]] = float(second[c] - first[c]) / float(DAY)


@pasted
def _derive(n, any_asked, picked, members, decay, plan, lookups):  # type: ignore[no-untyped-def]
    """Fill in what is derived from each of a lead's `n` touchpoints, as far as some selector asks for it."""
    list_members(n, picked.mask, members)
    for h in range(len(plan.half_lives)):
        decay_terms(picked.occurred_at, n, plan.half_lives[h], decay.mantissa[h], decay.slot[h])
    if any_asked & LOCAL_HOURS:
        local_hours(picked, n, lookups.zone)
    if any_asked & CONTENT:
        content_levels(picked, n, lookups.content)
    if any_asked & LIKENESS:
        profile_states(picked, n, lookups.states)


@pasted
def _fold_lead(  # type: ignore[no-untyped-def]
    first, end, n, snapshots, picked, members, decay, plan, lookups, rooms, spans, firsts, scratch, out
):  # fmt: skip
    """Write the rows of one lead, whose snapshots are ``first:end`` and whose touchpoints are the first `n` of `picked`.

    Snapshots at which all that had occurred was also recorded go together; the pending ones follow one by one.
    """
    selected, together, pending = rooms
    at, row = together.at, together.row
    n_together, n_pending, j = 0, 0, 0
    latest = picked.recorded_at[0]
    for c in range(first, end):
        while j < n and before(picked.occurred_at[j], snapshots.at[c]):
            latest = max(latest, picked.recorded_at[j])
            j += 1
        if j == 0 or before(latest, snapshots.at[c]):
            at[n_together], row[n_together] = snapshots.at[c], snapshots.row[c]
            n_together += 1
        else:
            pending[n_pending] = c
            n_pending += 1
    moments, limit = Moments(at, row, n_together), _FOREVER
    for g in range(n_pending + 1):
        if g > 0:
            at[0], row[0] = snapshots.at[pending[g - 1]], snapshots.row[pending[g - 1]]
            moments, limit = Moments(at, row, 1), at[0]
        if moments.n > 0:
            _fold_moments(moments, limit, picked, members, decay, plan, lookups, selected, spans, firsts, scratch, out)


@compiled
def _fold_leads(  # type: ignore[no-untyped-def]
    lead_from, lead_until, offsets, columns, selectors, snapshots, picked, members, decay, plan, lookups, rooms, spans, firsts,
    scratch, any_asked, empty, out,
):  # fmt: skip
    """Fold leads up to the first one whose touchpoints need more room in `members`; return that lead, or `lead_until`."""
    for i in range(lead_from, lead_until):
        first, end = snapshots.offsets[i], snapshots.offsets[i + 1]
        if first == end:
            continue
        for c in range(first, end):
            for column in range(len(empty)):
                out[snapshots.row[c], column] = empty[column]
        oldest = window_start(snapshots.at[first], plan.windows[len(plan.windows) - 1])
        n = gather(
            offsets[i], offsets[i + 1], oldest, snapshots.at[end - 1], columns, selectors, picked, members.counts
        )
        if n == 0:
            continue
        needed = 0
        for k in range(len(members.counts)):
            needed += members.counts[k]
        if needed > len(members.position):
            return i
        _derive(n, any_asked, picked, members, decay, plan, lookups)
        _fold_lead(first, end, n, snapshots, picked, members, decay, plan, lookups, rooms, spans, firsts, scratch, out)
    return lead_until


@entry(seconds=20)
def fold(lead_from, lead_until, offsets, columns, selectors, snapshots, plan, lookups, empty, out):  # type: ignore[no-untyped-def]
    """Fill the rows of `out` that belong to the snapshots of the leads ``lead_from:lead_until``; one row per snapshot.

    Parameters
    ----------
    lead_from, lead_until : int
        Leads to fold.
    offsets : ndarray of int64 [leads + 1]
        Of `Journeys`.
    columns : Columns
        The touchpoints.
    selectors : SelectorMasks
        Which selectors pick what.
    snapshots : Snapshots
        What to look at.
    plan : Plan
        What to write where.
    lookups : Lookups
        What single operations need.
    empty : ndarray of float32 [columns]
        The row of a lead without touchpoints; its length says how many columns are to be filled with it.
    out : ndarray of float32 [snapshots, at least columns]
        Written in place.
    """
    most, most_moments = 0, 0
    for i in range(lead_from, lead_until):
        if snapshots.offsets[i + 1] > snapshots.offsets[i]:
            most = max(most, offsets[i + 1] - offsets[i])
            most_moments = max(most_moments, snapshots.offsets[i + 1] - snapshots.offsets[i])
    codes = lookups.states.state_of.max() + 1
    if most > 0:
        for i in range(offsets[lead_from], offsets[lead_until]):
            codes = max(codes, max(columns.channel[i], columns.asset[i]) + 1)
    any_asked = np.int64(0)  # a mere 0 would be compiled as a constant first, and all that takes it twice
    for k in range(len(plan.asked)):
        any_asked |= plan.asked[k]
    n_selectors, halves = len(plan.sections), len(plan.half_lives)
    picked = Picked(
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32), np.empty(most, np.int32),
        np.empty(most, np.int32), np.empty(most, np.int64), np.empty((most, selectors.masks.shape[1]), np.uint64),
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.bool_), np.empty(most, np.bool_),
    )  # fmt: skip
    members = Members(
        np.empty(n_selectors, np.int64), np.empty(n_selectors + 1, np.int64), np.empty(4 * most, np.int64)
    )
    decay = Decay(
        np.empty((halves, most), np.int64), np.empty((halves, most), np.int64),
        np.empty((halves, most_moments), np.float64), np.empty((halves, most_moments), np.int64),
    )  # fmt: skip
    rooms = (
        Selected(np.empty(most, np.int64), np.empty(most, np.int64), 0),
        Moments(np.empty(most_moments, np.int64), np.empty(most_moments, np.int64), 0),
        np.empty(most_moments, np.int64),
    )
    start = np.empty((len(plan.windows), most_moments), np.int64)
    spans = Spans(start, np.empty(most_moments, np.int64), start[len(plan.windows) - 1])
    firsts = np.empty((n_selectors, most_moments), np.int64)
    scratch = Scratch(
        np.empty((_WORK, max(most, most_moments) + 1), np.int64),
        np.full(codes, -1, np.int64),
        np.empty(SLOTS, np.int64),
    )
    lead = lead_from
    while lead < lead_until:
        lead = _fold_leads(
            lead, lead_until, offsets, columns, selectors, snapshots, picked, members, decay, plan, lookups, rooms, spans,
            firsts, scratch, any_asked, empty, out,
        )  # fmt: skip
        if lead < lead_until:
            needed = 0
            for k in range(n_selectors):
                needed += members.counts[k]
            members = Members(members.counts, members.begin, np.empty(2 * needed, np.int64))
