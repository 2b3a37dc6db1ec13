"""The compiled fold: each lead's touchpoints and snapshots are walked together, once. The only importer of numba.

Everything that is carried along is an integer, so no result depends on the path that led to it:

- counts and sums in a window are differences of two prefixes, one ending at the snapshot, one at the window's start;
- a distinct count is raised by a touchpoint whose previous equal one lies before the window's start, and lowered when a
  touchpoint leaves whose next equal one is not there yet;
- a decayed count adds ``2 ** (-age / half_life)`` in fixed point: ``t / half_life`` is cut into a block of 16 half-lives, a
  shift within the block, and a mantissa of 25 bits (rounded once, from the touchpoint's own time). A block's sum is an exact
  integer; the snapshot's own time enters last, in one multiplication. Touchpoints older than 32 half-lives weigh less than
  2 ** -32 and count as zero, so three blocks hold all that is seen.

A snapshot that has a touchpoint pending (it occurred before, but was recorded only later) is folded on its own, by the same
function over just the touchpoints that it sees. The others share one walk.
"""

import numba
import numpy as np

from features import timeline

__all__ = [
    "BLOCK",
    "COUNT",
    "DAYS_SINCE_FIRST",
    "DAYS_SINCE_LAST",
    "DECAYED_COUNT",
    "DISTINCT",
    "HALF_LIVES_SEEN",
    "SUM_VALUE",
    "fold",
]

COUNT, DECAYED_COUNT, DAYS_SINCE_LAST, DAYS_SINCE_FIRST, DISTINCT, SUM_VALUE = range(6)
"""Sections of the feature table, in this order."""

DAY, CHANNEL, ASSET = range(3)
"""Fields of a distinct count."""

BLOCK = 16
HALF_LIVES_SEEN = 32
_SLOTS = HALF_LIVES_SEEN // BLOCK + 1
_MANTISSA = 2.0**24
_BLOCK_DOWN = 2.0**-BLOCK
_DAY_US = timeline.DAY_US
_NEVER = -(2**62)

_WORD_BITS = 64
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _BIT_OF[((0x03F79D71B4CB0A89 << _bit) & (2**64 - 1)) >> 58] = _bit

# one definition of the rule, compiled
_before = numba.njit(inline="always")(timeline.before)
_window_start = numba.njit(inline="always")(timeline.window_start)


@numba.njit(cache=True, nogil=True, fastmath=False)
def _walk(  # type: ignore[no-untyped-def]
    rows,
    n,
    chosen,
    n_chosen,
    snapshot_at,
    snapshot_row,
    t,
    channel,
    asset,
    value,
    id_begin,
    ids,
    mantissa,
    slot,
    windows,
    observation_us,
    half_lives,
    decay_us,
    pairs,
    pair_begin,
    pair_ids,
    sum_slot,
    features,
    sections,
    state,
    out,
):
    """Fold the touchpoints `rows[:n]` into the features of the snapshots `chosen[:n_chosen]`, both in time order."""
    n_windows, n_halves, n_pairs = len(windows), len(half_lives), len(pairs)
    (
        count_hi,
        count_lo,
        sum_hi,
        sum_lo,
        last,
        blocks,
        distinct,
        lo,
        decay_lo,
        first,
        previous,
        following,
        last_day,
        last_channel,
        last_asset,
        base,
    ) = state
    count_hi[:] = 0
    count_lo[:] = 0
    sum_hi[:] = 0
    sum_lo[:] = 0
    last[:] = _NEVER
    blocks[:] = 0
    distinct[:] = 0

    # touchpoints before every window play no part
    begin = 0
    if n_chosen > 0:
        oldest = _window_start(snapshot_at[chosen[0]], observation_us)
        while begin < n and _before(t[rows[begin]], oldest):
            begin += 1
    lo[:] = begin
    decay_lo[:] = begin
    first[:] = begin

    if n_pairs > 0:
        last_day[:] = -1
        for j in range(begin, n):
            i = rows[j]
            for e in range(id_begin[i], id_begin[i + 1]):
                for q in range(pair_begin[ids[e]], pair_begin[ids[e] + 1]):
                    p = pair_ids[q]
                    following[p, j] = n
                    field = pairs[p, 1]
                    if field == DAY:
                        before_it = last_day[p]
                        if before_it >= 0 and t[rows[before_it]] // _DAY_US != t[i] // _DAY_US:
                            before_it = -1
                        last_day[p] = j
                    elif field == CHANNEL:
                        before_it = last_channel[p, channel[i] + 1]
                        last_channel[p, channel[i] + 1] = j
                        if channel[i] < 0:
                            before_it = n  # missing: never counted
                    else:
                        before_it = last_asset[p, asset[i] + 1]
                        last_asset[p, asset[i] + 1] = j
                        if asset[i] < 0:
                            before_it = n
                    previous[p, j] = before_it
                    if before_it == n:
                        following[p, j] = -1
                    elif before_it >= 0:
                        following[p, before_it] = j
        # leave the scratch tables as they were found
        for j in range(begin, n):
            i = rows[j]
            for p in range(n_pairs):
                if pairs[p, 1] == CHANNEL:
                    last_channel[p, channel[i] + 1] = -1
                elif pairs[p, 1] == ASSET:
                    last_asset[p, asset[i] + 1] = -1

    hi = begin
    for c in range(n_chosen):
        s = snapshot_at[chosen[c]]
        while hi < n and _before(t[rows[hi]], s):
            i = rows[hi]
            # Expire first: whatever a snapshot after t[i] can't see leaves its block before the block is used again.
            for h in range(n_halves):
                oldest = _window_start(t[i] + 1, decay_us[h])
                while decay_lo[h] < hi and _before(t[rows[decay_lo[h]]], oldest):
                    k = rows[decay_lo[h]]
                    for e in range(id_begin[k], id_begin[k + 1]):
                        blocks[ids[e], h, slot[h, k]] -= mantissa[h, k]
                    decay_lo[h] += 1
            for e in range(id_begin[i], id_begin[i + 1]):
                selector = ids[e]
                count_hi[selector] += 1
                last[selector] = t[i]
                for h in range(n_halves):
                    blocks[selector, h, slot[h, i]] += mantissa[h, i]
                if sum_slot[selector] >= 0:
                    sum_hi[sum_slot[selector]] += value[i]
                for q in range(pair_begin[selector], pair_begin[selector + 1]):
                    p = pair_ids[q]
                    for w in range(n_windows):
                        if previous[p, hi] < lo[w]:
                            distinct[p, w] += 1
            hi += 1
        for w in range(n_windows):
            start = _window_start(s, windows[w])
            while lo[w] < hi and _before(t[rows[lo[w]]], start):
                i = rows[lo[w]]
                for e in range(id_begin[i], id_begin[i + 1]):
                    selector = ids[e]
                    count_lo[w, selector] += 1
                    if sum_slot[selector] >= 0:
                        sum_lo[w, sum_slot[selector]] += value[i]
                    for q in range(pair_begin[selector], pair_begin[selector + 1]):
                        p = pair_ids[q]
                        if following[p, lo[w]] >= hi:
                            distinct[p, w] -= 1
                lo[w] += 1
        for h in range(n_halves):
            start = _window_start(s, decay_us[h])
            while decay_lo[h] < hi and _before(t[rows[decay_lo[h]]], start):
                i = rows[decay_lo[h]]
                for e in range(id_begin[i], id_begin[i + 1]):
                    blocks[ids[e], h, slot[h, i]] -= mantissa[h, i]
                decay_lo[h] += 1
            half = half_lives[h]
            base[h] = np.exp2(-(float((s // half) % BLOCK) + float(s % half) / float(half))) / _MANTISSA

        row = snapshot_row[chosen[c]]
        seen_from = _window_start(s, observation_us)
        for f in range(sections[COUNT], sections[COUNT + 1]):
            out[row, features[f, 0]] = count_hi[features[f, 1]] - count_lo[features[f, 2], features[f, 1]]
        for f in range(sections[DECAYED_COUNT], sections[DECAYED_COUNT + 1]):
            selector, h = features[f, 1], features[f, 2]
            newest = (s // half_lives[h]) // BLOCK
            total = 0.0
            for back in range(_SLOTS - 1, -1, -1):
                total = total * _BLOCK_DOWN + float(blocks[selector, h, (newest - back) % _SLOTS])
            out[row, features[f, 0]] = total * base[h]
        for f in range(sections[DAYS_SINCE_LAST], sections[DAYS_SINCE_LAST + 1]):
            moment = last[features[f, 1]]
            if _before(moment, seen_from):
                out[row, features[f, 0]] = np.nan
            else:
                out[row, features[f, 0]] = float(s - moment) / float(_DAY_US)
        for f in range(sections[DAYS_SINCE_FIRST], sections[DAYS_SINCE_FIRST + 1]):
            k = f - sections[DAYS_SINCE_FIRST]
            selector = features[f, 1]
            j = first[k]
            while j < hi:
                i = rows[j]
                if not _before(t[i], seen_from):
                    picked = False
                    for e in range(id_begin[i], id_begin[i + 1]):
                        picked = picked or ids[e] == selector
                    if picked:
                        break
                j += 1
            first[k] = j
            out[row, features[f, 0]] = float(s - t[rows[j]]) / float(_DAY_US) if j < hi else np.nan
        for f in range(sections[DISTINCT], sections[DISTINCT + 1]):
            out[row, features[f, 0]] = distinct[features[f, 1], features[f, 2]]
        for f in range(sections[SUM_VALUE], sections[SUM_VALUE + 1]):
            q, w = features[f, 1], features[f, 2]
            out[row, features[f, 0]] = float(sum_hi[q] - sum_lo[w, q]) / 1e6


@numba.njit(cache=True, nogil=True, fastmath=False)
def fold(  # type: ignore[no-untyped-def]
    lead_from,
    lead_until,
    offsets,
    occurred_at,
    recorded_at,
    kind,
    channel,
    asset,
    campaign,
    by,
    value,
    sizes,
    masks,
    starts,
    snapshot_offsets,
    snapshot_at,
    snapshot_row,
    windows,
    observation_us,
    half_lives,
    decay_us,
    pairs,
    pair_begin,
    pair_ids,
    sum_slot,
    features,
    sections,
    out,
):
    """Fill the rows of `out` that belong to the snapshots of the leads ``lead_from:lead_until``; one row per snapshot.

    Parameters
    ----------
    lead_from, lead_until : int
        Leads to fold.
    offsets, occurred_at, recorded_at, kind, channel, asset, campaign, by, value
        Arrays of `Journeys`.
    sizes : tuple of int
        Number of channels and assets in the vocabulary.
    masks, starts
        Arrays of `SelectorTables`.
    snapshot_offsets : ndarray of int64 [leads + 1]
        Ranges of each lead's snapshots in the two arrays that follow, in time order.
    snapshot_at, snapshot_row : ndarray of int64
        Moment, and row of `out`.
    windows, half_lives, decay_us : ndarray of int64
        Microseconds; `decay_us` is how far back a decayed count looks.
    observation_us : int
        Microseconds.
    pairs : ndarray of int64 [pairs, 2]
        Distinct counts: selector, field.
    pair_begin, pair_ids
        The pairs of each selector.
    sum_slot : ndarray of int64 [selectors]
        Where a selector's sum is kept, -1 for none.
    features : ndarray of int64 [features, 3]
        Column, then selector or pair or sum slot, then window or half-life; by section.
    sections : ndarray of int64 [7]
        Where each operation's section of `features` begins.
    out : ndarray of float32 [snapshots, columns]
        Written in place.
    """
    n_selectors, n_words = len(sum_slot), masks.shape[1]
    n_windows, n_halves, n_pairs = len(windows), len(half_lives), len(pairs)
    most, most_snapshots = 0, 0
    for lead in range(lead_from, lead_until):
        most_snapshots = max(most_snapshots, snapshot_offsets[lead + 1] - snapshot_offsets[lead])
        if snapshot_offsets[lead + 1] > snapshot_offsets[lead]:
            most = max(most, offsets[lead + 1] - offsets[lead])
    sums = 0
    for selector in range(n_selectors):
        sums = max(sums, sum_slot[selector] + 1)
    n_first = sections[DAYS_SINCE_FIRST + 1] - sections[DAYS_SINCE_FIRST]
    state = (
        np.empty(n_selectors, np.int64),
        np.empty((n_windows, n_selectors), np.int64),
        np.empty(sums, np.int64),
        np.empty((n_windows, sums), np.int64),
        np.empty(n_selectors, np.int64),
        np.empty((n_selectors, n_halves, _SLOTS), np.int64),
        np.empty((n_pairs, n_windows), np.int64),
        np.empty(n_windows, np.int64),
        np.empty(n_halves, np.int64),
        np.empty(n_first, np.int64),
        np.empty((n_pairs, most), np.int64),
        np.empty((n_pairs, most), np.int64),
        np.empty(n_pairs, np.int64),
        np.full((n_pairs, sizes[0] + 1), -1, np.int64),
        np.full((n_pairs, sizes[1] + 1), -1, np.int64),
        np.empty(n_halves, np.float64),
    )
    t, known = np.empty(most, np.int64), np.empty(most, np.int64)
    channels, assets, values = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int64)
    id_begin = np.zeros(most + 1, np.int64)
    ids = np.empty(4 * most + n_selectors, np.int64)
    mantissa, slot = np.empty((n_halves, most), np.int64), np.empty((n_halves, most), np.int64)
    everything, seen = np.arange(most), np.empty(most, np.int64)
    together, alone = np.empty(most_snapshots, np.int64), np.empty(1, np.int64)

    for lead in range(lead_from, lead_until):
        if snapshot_offsets[lead + 1] == snapshot_offsets[lead]:
            continue
        # 1. gather the touchpoints that some selector picks, with their selectors and decay terms
        n, n_ids, latest = 0, 0, np.int64(_NEVER)
        for i in range(offsets[lead], offsets[lead + 1]):
            if n_ids + n_selectors > len(ids):
                larger = np.empty(2 * len(ids), np.int64)
                larger[:n_ids] = ids[:n_ids]
                ids = larger
            begin = n_ids
            for word in range(n_words):
                mask = (
                    masks[starts[0] + kind[i], word]
                    & masks[starts[1] + channel[i], word]
                    & masks[starts[2] + asset[i], word]
                    & masks[starts[3] + campaign[i], word]
                    & masks[starts[4] + by[i], word]
                )
                while mask != np.uint64(0):
                    rest = mask & (mask - np.uint64(1))
                    ids[n_ids] = word * _WORD_BITS + _BIT_OF[((mask ^ rest) * _DE_BRUIJN) >> np.uint64(58)]
                    n_ids += 1
                    mask = rest
            if n_ids == begin:
                continue
            t[n], known[n] = occurred_at[i], recorded_at[i]
            channels[n], assets[n], values[n] = channel[i], asset[i], value[i]
            for h in range(n_halves):
                whole, part = t[n] // half_lives[h], t[n] % half_lives[h]
                term = np.int64(np.rint(np.exp2(float(part) / float(half_lives[h])) * _MANTISSA))
                mantissa[h, n] = term << (whole % BLOCK)
                slot[h, n] = (whole // BLOCK) % _SLOTS
            n += 1
            id_begin[n] = n_ids

        # 2. fold snapshots with a pending touchpoint alone, over what they see; the others together
        n_together, j = 0, 0
        for c in range(snapshot_offsets[lead], snapshot_offsets[lead + 1]):
            s = snapshot_at[c]
            while j < n and _before(t[j], s):
                latest = max(latest, known[j])
                j += 1
            if j == 0 or _before(latest, s):
                together[n_together] = c
                n_together += 1
                continue
            n_seen, seen_from = 0, _window_start(s, observation_us)
            for k in range(j):
                if _before(known[k], s) and not _before(t[k], seen_from):
                    seen[n_seen] = k
                    n_seen += 1
            alone[0] = c
            _walk(
                seen, n_seen, alone, 1, snapshot_at, snapshot_row, t, channels, assets, values, id_begin, ids, mantissa, slot,
                windows, observation_us, half_lives, decay_us, pairs, pair_begin, pair_ids, sum_slot, features, sections, state,
                out,
            )  # fmt: skip
        if n_together > 0:
            _walk(
                everything, n, together, n_together, snapshot_at, snapshot_row, t, channels, assets, values, id_begin, ids,
                mantissa, slot, windows, observation_us, half_lives, decay_us, pairs, pair_begin, pair_ids, sum_slot, features,
                sections, state, out,
            )  # fmt: skip
