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

from features.kernels.compiled import before, compiled, entry, window_start
from features.kernels.path import content_levels, profile_states, write_likeness, write_path
from features.kernels.rhythm import local_hours, write_rhythm
from features.kernels.sections import (
    CHANNEL_SWITCHES,
    COUNT,
    DAYS_SINCE_FIRST,
    DAYS_SINCE_LAST,
    DECAYED_COUNT,
    DISTINCT_ASSETS,
    DISTINCT_CHANNELS,
    DISTINCT_DAYS,
    PROGRESS,
    SUM_VALUE,
    TRANSITION_LIKENESS,
    VISITS,
    WEEKEND_SHARE,
    WORKING_HOURS_SHARE,
)
from features.kernels.windows import (
    BIT_OF,
    DAY,
    DE_BRUIJN,
    SLOTS,
    code_links,
    day_links,
    decay_bases,
    decay_terms,
    decayed,
    distinct,
    pointers,
)

__all__ = ["fold", "gather"]

_WORK = 9  # scratch rows of touchpoints or moments
_NEVER = np.int64(-(2**63))
_FOREVER = np.int64(2**62)


@compiled
def gather(begin, end, oldest, newest, journey, masks, starts, touchpoints):  # type: ignore[no-untyped-def]
    """Copy what some selector picks in [oldest, newest), with its set of selectors; return how many."""
    occurred_at, recorded_at, kind, channel, asset, campaign, by, value = journey
    t, known, kinds, channels, assets, values, mask, counts = touchpoints
    counts[:] = 0
    n = 0
    for i in range(begin, end):
        if before(occurred_at[i], oldest):
            continue
        if not before(occurred_at[i], newest):
            break
        picked = False
        for word in range(masks.shape[1]):
            bits = (
                masks[starts[0] + kind[i], word]
                & masks[starts[1] + channel[i], word]
                & masks[starts[2] + asset[i], word]
                & masks[starts[3] + campaign[i], word]
                & masks[starts[4] + by[i], word]
            )
            mask[n, word] = bits
            picked = picked or bits != np.uint64(0)
            while bits != np.uint64(0):
                rest = bits & (bits - np.uint64(1))
                counts[word * 64 + BIT_OF[((bits ^ rest) * DE_BRUIJN) >> np.uint64(58)]] += 1
                bits = rest
        if picked:
            t[n], known[n] = occurred_at[i], recorded_at[i]
            kinds[n], channels[n], assets[n], values[n] = kind[i], channel[i], asset[i], value[i]
            n += 1
    return n


@compiled
def _list_members(n, mask, counts, begins, members):  # type: ignore[no-untyped-def]
    """List each selector's touchpoints, in time order: those of selector k end up in ``begins[k]:begins[k + 1]``."""
    begins[0] = 0
    for k in range(len(counts)):
        begins[k + 1] = begins[k] + counts[k]
        counts[k] = begins[k]
    for i in range(n):
        for word in range(mask.shape[1]):
            bits = mask[i, word]
            while bits != np.uint64(0):
                rest = bits & (bits - np.uint64(1))
                k = word * 64 + BIT_OF[((bits ^ rest) * DE_BRUIJN) >> np.uint64(58)]
                members[counts[k]] = i
                counts[k] += 1
                bits = rest


@compiled
def _write_engagement(  # type: ignore[no-untyped-def]
    k, n, chosen, when, touchpoints, moments, rows, n_moments, ends, starts, plan, terms, scratch, out
):
    """Write a selector's counts, sums, recencies, decayed and distinct counts."""
    channels, assets, values = touchpoints[3], touchpoints[4], touchpoints[5]
    windows, _half_lives, reach, features, sections = plan
    mantissa, slot, factor, newest_block = terms
    work, newest, ring = scratch
    seen = starts[len(windows) - 1]
    for f in range(sections[k, COUNT], sections[k, COUNT + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            out[rows[c], column] = ends[c] - lo[c]
    if sections[k, SUM_VALUE] < sections[k, SUM_VALUE + 1]:
        sums = work[0]
        sums[0] = 0
        for j in range(n):
            sums[j + 1] = sums[j] + values[chosen[j]]
        for f in range(sections[k, SUM_VALUE], sections[k, SUM_VALUE + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            for c in range(n_moments):
                out[rows[c], column] = float(sums[ends[c]] - sums[lo[c]]) / 1e6
    for f in range(sections[k, DAYS_SINCE_LAST], sections[k, DAYS_SINCE_LAST + 1]):
        for c in range(n_moments):
            if seen[c] < ends[c]:
                out[rows[c], features[f, 0]] = float(moments[c] - when[ends[c] - 1]) / float(DAY)
    for f in range(sections[k, DAYS_SINCE_FIRST], sections[k, DAYS_SINCE_FIRST + 1]):
        for c in range(n_moments):
            if seen[c] < ends[c]:
                out[rows[c], features[f, 0]] = float(moments[c] - when[seen[c]]) / float(DAY)
    for f in range(sections[k, DECAYED_COUNT], sections[k, DECAYED_COUNT + 1]):
        h = features[f, 1]
        own = mantissa[h], slot[h], factor[h], newest_block[h]
        decayed(chosen, when, reach[h], own, moments, rows, n_moments, ends, ring, features[f, 0], out)
    for operation in range(DISTINCT_DAYS, DISTINCT_ASSETS + 1):
        if sections[k, operation] == sections[k, operation + 1]:
            continue
        previous, following, count = work[0], work[1], work[2]
        if operation == DISTINCT_DAYS:
            day_links(when, n, previous, following)
        else:
            codes = channels if operation == DISTINCT_CHANNELS else assets
            code_links(chosen, n, codes, newest, previous, following)
        for f in range(sections[k, operation], sections[k, operation + 1]):
            distinct(previous, following, starts[features[f, 1]], ends, n_moments, count)
            for c in range(n_moments):
                out[rows[c], features[f, 0]] = count[c]


@compiled
def _fold_moments(  # type: ignore[no-untyped-def]
    moments, rows, n_moments, limit, begins, members, touchpoints, derived, terms, scratch, plan, more, out
):  # fmt: skip
    """Write all features of one lead at the given moments, from the touchpoints that were recorded before `limit`."""
    t, known, channels = touchpoints[0], touchpoints[1], touchpoints[3]
    level, state, working, weekend = derived
    chosen, when, ends, starts, work, newest, ring, firsts = scratch
    windows, half_lives, _reach, features, sections = plan
    rules, _zone, category, _content, profile, pairs = more
    short = windows, features, sections
    for h in range(len(half_lives)):
        decay_bases(moments, n_moments, half_lives[h], terms[2][h], terms[3][h])
    if len(pairs) > 0:
        firsts[:, :n_moments] = _NEVER
    for k in range(len(sections)):
        n = 0
        for q in range(begins[k], begins[k + 1]):
            if before(known[members[q]], limit):
                chosen[n] = members[q]
                when[n] = t[members[q]]
                n += 1
        if n == 0:
            continue
        hi = 0
        for c in range(n_moments):
            while hi < n and before(when[hi], moments[c]):
                hi += 1
            ends[c] = hi
        for w in range(len(windows)):
            pointers(when, windows[w], moments, n_moments, ends, starts[w])
        seen = starts[len(windows) - 1]
        if sections[k, COUNT] < sections[k, SUM_VALUE + 1]:
            own = work, newest, ring
            _write_engagement(
                k, n, chosen, when, touchpoints, moments, rows, n_moments, ends, starts, plan, terms, own, out
            )
        if sections[k, VISITS] < sections[k, WEEKEND_SHARE + 1]:
            hours = working, weekend
            write_rhythm(k, n, chosen, when, hours, moments, rows, n_moments, ends, starts, short, rules, work, out)
        if sections[k, CHANNEL_SWITCHES] < sections[k, TRANSITION_LIKENESS]:
            write_path(k, n, chosen, channels, level, rows, n_moments, ends, starts, seen, category, short, work, out)
        if sections[k, TRANSITION_LIKENESS] < sections[k, PROGRESS + 1]:
            write_likeness(
                k, n, chosen, when, state, rows, n_moments, ends, starts, seen, profile[3:], short, newest, work, out
            )
        if len(pairs) > 0:
            for c in range(n_moments):
                if seen[c] < ends[c]:
                    firsts[k, c] = when[seen[c]]
    for p in range(len(pairs)):
        first, second = firsts[pairs[p, 1]], firsts[pairs[p, 2]]
        for c in range(n_moments):
            if first[c] != _NEVER and second[c] != _NEVER:
                out[rows[c], pairs[p, 0]] = float(second[c] - first[c]) / float(DAY)


@compiled
def _any_section(sections, first, last):  # type: ignore[no-untyped-def]
    # numba compiles no generator
    for k in range(len(sections)):  # noqa: SIM110
        if sections[k, first] < sections[k, last + 1]:
            return True
    return False


@entry
def fold(  # type: ignore[no-untyped-def]
    lead_from, lead_until, offsets, journey, masks, starts, snapshot_offsets, snapshot_at, snapshot_row, plan, more, empty, out
):  # fmt: skip
    """Fill the rows of `out` that belong to the snapshots of the leads ``lead_from:lead_until``; one row per snapshot.

    Parameters
    ----------
    lead_from, lead_until : int
        Leads to fold.
    offsets : ndarray of int64 [leads + 1]
        Of `Journeys`.
    journey : tuple of ndarray
        occurred_at, recorded_at, kind, channel, asset, campaign, by, value of `Journeys`.
    masks, starts : ndarray
        Of `SelectorTables`.
    snapshot_offsets : ndarray of int64 [leads + 1]
        Ranges of each lead's snapshots in the two arrays that follow, in time order.
    snapshot_at, snapshot_row : ndarray of int64
        Moment, and row of `out`.
    plan : tuple of ndarray of int64
        windows and half-lives and how far back each decayed count looks, in microseconds (the longest window, which is all
        that is seen, last); features [features, 2]: column, index of window or half-life, by selector and operation;
        sections [selectors, operations + 1]: where each operation's features begin.
    more : tuple
        What single operations need: see `features.plan.Lookups`.
    empty : ndarray of float32 [columns]
        The row of a lead without touchpoints; its length says how many columns are to be filled with it.
    out : ndarray of float32 [snapshots, at least columns]
        Written in place.
    """
    windows, half_lives, _reach, _features, sections = plan
    _rules, zone, _category, content, profile, _pairs = more
    most, most_moments = 0, 0
    for i in range(lead_from, lead_until):
        if snapshot_offsets[i + 1] > snapshot_offsets[i]:
            most = max(most, offsets[i + 1] - offsets[i])
            most_moments = max(most_moments, snapshot_offsets[i + 1] - snapshot_offsets[i])
    channel, asset = journey[3], journey[4]
    kind_of, channel_of, state_of = profile[0], profile[1], profile[2]
    codes = state_of.max() + 1
    if most > 0:
        for i in range(offsets[lead_from], offsets[lead_until]):
            codes = max(codes, max(channel[i], asset[i]) + 1)
    n_selectors, halves = len(sections), len(half_lives)
    needs_hours = _any_section(sections, WORKING_HOURS_SHARE, WEEKEND_SHARE)
    needs_level = _any_section(sections, CHANNEL_SWITCHES, TRANSITION_LIKENESS - 1)
    needs_state = _any_section(sections, TRANSITION_LIKENESS, PROGRESS)
    counts, begins = np.empty(n_selectors, np.int64), np.empty(n_selectors + 1, np.int64)
    mask = np.empty((most, masks.shape[1]), np.uint64)
    t, known = np.empty(most, np.int64), np.empty(most, np.int64)
    kinds, channels = np.empty(most, np.int32), np.empty(most, np.int32)
    touchpoints = t, known, kinds, channels, np.empty(most, np.int32), np.empty(most, np.int64), mask, counts
    level, state = np.empty(most, np.int64), np.empty(most, np.int64)
    working, weekend = np.empty(most, np.bool_), np.empty(most, np.bool_)
    derived = level, state, working, weekend
    terms = (
        np.empty((halves, most), np.int64), np.empty((halves, most), np.int64),
        np.empty((halves, most_moments), np.float64), np.empty((halves, most_moments), np.int64),
    )  # fmt: skip
    members = np.empty(4 * most, np.int64)
    scratch = (
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most_moments, np.int64),
        np.empty((len(windows), most_moments), np.int64), np.empty((_WORK, max(most, most_moments) + 1), np.int64),
        np.full(codes, -1, np.int64), np.empty(SLOTS, np.int64), np.empty((n_selectors, most_moments), np.int64),
    )  # fmt: skip
    moments, rows = np.empty(most_moments, np.int64), np.empty(most_moments, np.int64)
    pending = np.empty(most_moments, np.int64)

    for i in range(lead_from, lead_until):
        first, end = snapshot_offsets[i], snapshot_offsets[i + 1]
        if first == end:
            continue
        for c in range(first, end):
            for column in range(len(empty)):
                out[snapshot_row[c], column] = empty[column]
        oldest = window_start(snapshot_at[first], windows[len(windows) - 1])
        n = gather(offsets[i], offsets[i + 1], oldest, snapshot_at[end - 1], journey, masks, starts, touchpoints)
        if n == 0:
            continue
        if counts.sum() > len(members):
            members = np.empty(2 * counts.sum(), np.int64)
        _list_members(n, mask, counts, begins, members)
        for h in range(halves):
            decay_terms(t, n, half_lives[h], terms[0][h], terms[1][h])
        if needs_hours:
            local_hours(t, n, zone[0], zone[1], zone[2], working, weekend)
        if needs_level:
            content_levels(n, mask, content, level)
        if needs_state:
            profile_states(n, kinds, channels, kind_of, channel_of, state_of, state)

        # Snapshots at which all that had occurred was also recorded go together; the pending ones follow one by one.
        n_together, n_pending, j = 0, 0, 0
        latest = known[0]
        for c in range(first, end):
            while j < n and before(t[j], snapshot_at[c]):
                latest = max(latest, known[j])
                j += 1
            if j == 0 or before(latest, snapshot_at[c]):
                moments[n_together], rows[n_together] = snapshot_at[c], snapshot_row[c]
                n_together += 1
            else:
                pending[n_pending] = c
                n_pending += 1
        n_moments, limit = n_together, _FOREVER
        for g in range(n_pending + 1):
            if g > 0:
                moments[0], rows[0] = snapshot_at[pending[g - 1]], snapshot_row[pending[g - 1]]
                n_moments, limit = 1, moments[0]
            if n_moments > 0:
                _fold_moments(
                    moments,
                    rows,
                    n_moments,
                    limit,
                    begins,
                    members,
                    touchpoints,
                    derived,
                    terms,
                    scratch,
                    plan,
                    more,
                    out,
                )
