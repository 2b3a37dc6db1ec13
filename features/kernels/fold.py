"""The compiled fold over journeys.

For each lead and selector, the selected touchpoints and the snapshots are walked together, in time order: a pointer at the
snapshot and one at each window's start only move forward, so cost grows with touchpoints plus snapshots, not with their
product. Everything that is carried along is an integer, so no result depends on the path that led to it:

- a count is the distance of two pointers, a sum the difference of two prefix sums at them;
- a distinct count is raised by a touchpoint whose previous equal one lies before the window's start, and lowered when a
  touchpoint leaves whose next equal one is not there yet;
- a decayed count adds ``2 ** (-age / half_life)`` in fixed point: ``occurred_at / half_life`` is cut into a block of 16
  half-lives, a shift within the block, and a mantissa of 25 bits (rounded once, from the touchpoint's own time). A block's
  sum is an exact integer; the snapshot's time enters last, in one multiplication. Touchpoints older than 32 half-lives
  weigh less than 2 ** -32 and count as zero, so three blocks hold all that is seen.

A snapshot with a pending touchpoint (it occurred before, but was recorded only later) is folded on its own, by the same code
over just the touchpoints that it sees.
"""

import math

import numpy as np

from features import timeline
from features.kernels.compiled import before as _before
from features.kernels.compiled import compiled as _compiled
from features.kernels.compiled import entry as _entry
from features.kernels.compiled import window_start as _window_start

__all__ = ["HALF_LIVES_SEEN", "OPERATIONS", "fold"]

OPERATIONS = (
    "count",
    "sum_value",
    "days_since_last",
    "days_since_first",
    "decayed_count",
    "distinct_days",
    "distinct_channels",
    "distinct_assets",
)
"""Sections of a selector's features, in this order."""

_COUNT, _SUM, _LAST, _FIRST, _DECAYED, _DAYS, _CHANNELS, _ASSETS, _END = range(9)

_BLOCK_BITS = 4
_BLOCK = 1 << _BLOCK_BITS
HALF_LIVES_SEEN = 32
_SLOTS = 4  # three blocks are in use at a time; a power of two makes the ring cheap
_MANTISSA = 2.0**24
_BLOCK_DOWN = 2.0**-_BLOCK
_STEP = math.log(2.0) / 256.0
_POWERS = np.array([2.0 ** (step / 256.0) for step in range(257)])  # one more: rounding may reach the end
_DAY_US = timeline.DAY_US

_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _BIT_OF[((0x03F79D71B4CB0A89 << _bit) & (2**64 - 1)) >> 58] = _bit


@_compiled
def _split(moment, length):  # type: ignore[no-untyped-def]
    """Divide a moment by a length: whole part (rounded down) and remainder; exact, without the slow integer division."""
    whole = np.int64(float(moment) * (1.0 / float(length)))
    rest = moment - whole * length
    while rest < 0:
        whole -= 1
        rest += length
    while rest >= length:
        whole += 1
        rest -= length
    return whole, rest


@_compiled
def _power(rest, length):  # type: ignore[no-untyped-def]
    """Compute ``2 ** (rest / length)`` for 0 <= rest < length: a table of 256 steps and a cubic, good to 2 ** -40.

    Plain multiplications and additions, so that every machine gets the same bits; `exp2` of the C library promises none.
    """
    x = float(rest) * (256.0 / float(length))
    step = np.int64(x)
    y = (x - float(step)) * _STEP
    return _POWERS[step] * (1.0 + y * (1.0 + y * (0.5 + y * (1.0 / 6.0))))


@_compiled
def _decay_terms(t, n, half, mantissa, slot):  # type: ignore[no-untyped-def]
    """Give each touchpoint's weight in its block, and the block's place in the ring."""
    for i in range(n):
        whole, rest = _split(t[i], half)
        mantissa[i] = np.int64(np.rint(_power(rest, half) * _MANTISSA)) << (whole & (_BLOCK - 1))
        slot[i] = (whole >> _BLOCK_BITS) & (_SLOTS - 1)


@_compiled
def _pointers(when, n, length, moments, n_moments, ends, pointer):  # type: ignore[no-untyped-def]
    """Find each window's first touchpoint; ``ends[c]`` is one past its last."""
    lo = 0
    for c in range(n_moments):
        start = _window_start(moments[c], length)
        while lo < ends[c] and _before(when[lo], start):
            lo += 1
        pointer[c] = lo


@_compiled
def _decay_bases(moments, n_moments, half, factor, newest):  # type: ignore[no-untyped-def]
    """Give each moment's factor for sums in its own block, and that block's number."""
    for c in range(n_moments):
        whole, rest = _split(moments[c], half)
        factor[c] = 1.0 / (_power(rest, half) * _MANTISSA * float(1 << (whole & (_BLOCK - 1))))
        newest[c] = whole >> _BLOCK_BITS


@_compiled
def _decayed(chosen, when, reach, terms, moments, rows, n_moments, ends, ring, column, out):  # type: ignore[no-untyped-def]
    """Write one decayed count; `reach` is how far back it looks, `chosen` the positions of its terms."""
    mantissa, slot, factor, newest = terms
    # Blocks far apart may share a place of the ring for a while: integers come out as exactly as they went in.
    ring[:] = 0
    lo = 0
    start = _window_start(moments[0], reach)
    while lo < ends[n_moments - 1] and _before(when[lo], start):
        lo += 1
    hi = lo
    for c in range(n_moments):
        while hi < ends[c]:
            ring[slot[chosen[hi]]] += mantissa[chosen[hi]]
            hi += 1
        start = _window_start(moments[c], reach)
        while lo < hi and _before(when[lo], start):
            ring[slot[chosen[lo]]] -= mantissa[chosen[lo]]
            lo += 1
        if lo < hi:
            total = 0.0
            for back in range(2, -1, -1):
                total = total * _BLOCK_DOWN + float(ring[(newest[c] - back) & (_SLOTS - 1)])
            out[rows[c], column] = total * factor[c]


@_compiled
def _day_links(when, n, previous, following):  # type: ignore[no-untyped-def]
    """Link each touchpoint with the one before and after it on the same UTC calendar day; -1 and n: there is none."""
    day_end = np.int64(0)
    for j in range(n):
        if j > 0 and _before(when[j], day_end):
            previous[j], following[j - 1] = j - 1, j
        else:
            previous[j] = -1
            day_end = (when[j] // _DAY_US + 1) * _DAY_US
        following[j] = n


@_compiled
def _code_links(chosen, n, codes, newest, previous, following):  # type: ignore[no-untyped-def]
    """Link each touchpoint with the one before and after it of the same code; a missing code is never counted.

    `newest` holds -1 for every code, before and after.
    """
    for j in range(n):
        code = codes[chosen[j]]
        if code < 0:
            previous[j], following[j] = n, -1
            continue
        previous[j], following[j] = newest[code], n
        if newest[code] >= 0:
            following[newest[code]] = j
        newest[code] = j
    for j in range(n):
        if codes[chosen[j]] >= 0:
            newest[codes[chosen[j]]] = -1


@_compiled
def _distinct(previous, following, starts, ends, rows, n_moments, column, out):  # type: ignore[no-untyped-def]
    """Write one distinct count."""
    lo, hi, count = 0, 0, 0
    for c in range(n_moments):
        while hi < ends[c]:
            count += previous[hi] < lo
            hi += 1
        while lo < starts[c]:
            count -= following[lo] >= hi
            lo += 1
        out[rows[c], column] = count


@_compiled
def _gather(begin, end, oldest, newest, journey, masks, starts, lead):  # type: ignore[no-untyped-def]
    """Copy what some selector picks in [oldest, newest), with its set of selectors; return how many."""
    occurred_at, recorded_at, kind, channel, asset, campaign, by, value = journey
    t, known, channels, assets, values, mask, counts = lead
    counts[:] = 0
    n = 0
    for i in range(begin, end):
        if _before(occurred_at[i], oldest):
            continue
        if not _before(occurred_at[i], newest):
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
                counts[word * 64 + _BIT_OF[((bits ^ rest) * _DE_BRUIJN) >> np.uint64(58)]] += 1
                bits = rest
        if picked:
            t[n], known[n] = occurred_at[i], recorded_at[i]
            channels[n], assets[n], values[n] = channel[i], asset[i], value[i]
            n += 1
    return n


@_compiled
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
                k = word * 64 + _BIT_OF[((bits ^ rest) * _DE_BRUIJN) >> np.uint64(58)]
                members[counts[k]] = i
                counts[k] += 1
                bits = rest


@_compiled
def _fold_moments(moments, rows, n_moments, limit, n_selectors, begins, members, lead, terms, scratch, plan, out):  # type: ignore[no-untyped-def]
    """Write all features of one lead at the given moments, from the touchpoints that were recorded before `limit`."""
    t, known, channels, assets, values, _mask, _counts = lead
    mantissa, slot, factor, newest_block = terms
    chosen, when, previous, following, sums, ends, pointers, newest, ring = scratch
    windows, half_lives, reach, features, sections = plan
    for h in range(len(half_lives)):
        _decay_bases(moments, n_moments, half_lives[h], factor[h], newest_block[h])
    for k in range(n_selectors):
        n = 0
        for q in range(begins[k], begins[k + 1]):
            if _before(known[members[q]], limit):
                chosen[n] = members[q]
                when[n] = t[members[q]]
                n += 1
        if n == 0:
            continue
        hi = 0
        for c in range(n_moments):
            while hi < n and _before(when[hi], moments[c]):
                hi += 1
            ends[c] = hi
        for w in range(len(windows)):
            _pointers(when, n, windows[w], moments, n_moments, ends, pointers[w])
        seen = pointers[len(windows) - 1]

        for f in range(sections[k, _COUNT], sections[k, _SUM]):
            column, lo = features[f, 0], pointers[features[f, 1]]
            for c in range(n_moments):
                out[rows[c], column] = ends[c] - lo[c]
        if sections[k, _SUM] < sections[k, _LAST]:
            for j in range(n):
                sums[j + 1] = sums[j] + values[chosen[j]]
        for f in range(sections[k, _SUM], sections[k, _LAST]):
            column, lo = features[f, 0], pointers[features[f, 1]]
            for c in range(n_moments):
                out[rows[c], column] = float(sums[ends[c]] - sums[lo[c]]) / 1e6
        for f in range(sections[k, _LAST], sections[k, _FIRST]):
            for c in range(n_moments):
                if seen[c] < ends[c]:
                    out[rows[c], features[f, 0]] = float(moments[c] - when[ends[c] - 1]) / float(_DAY_US)
        for f in range(sections[k, _FIRST], sections[k, _DECAYED]):
            for c in range(n_moments):
                if seen[c] < ends[c]:
                    out[rows[c], features[f, 0]] = float(moments[c] - when[seen[c]]) / float(_DAY_US)
        for f in range(sections[k, _DECAYED], sections[k, _DAYS]):
            h = features[f, 1]
            own = mantissa[h], slot[h], factor[h], newest_block[h]
            _decayed(chosen, when, reach[h], own, moments, rows, n_moments, ends, ring, features[f, 0], out)
        for operation in range(_DAYS, _END):
            if sections[k, operation] == sections[k, operation + 1]:
                continue
            if operation == _DAYS:
                _day_links(when, n, previous, following)
            else:
                _code_links(chosen, n, channels if operation == _CHANNELS else assets, newest, previous, following)
            for f in range(sections[k, operation], sections[k, operation + 1]):
                _distinct(previous, following, pointers[features[f, 1]], ends, rows, n_moments, features[f, 0], out)


@_entry
def fold(  # type: ignore[no-untyped-def]
    lead_from, lead_until, offsets, journey, masks, starts, snapshot_offsets, snapshot_at, snapshot_row, plan, empty, out
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
        sections [selectors, 9]: where each operation's features begin.
    empty : ndarray of float32 [columns]
        The row of a lead without touchpoints.
    out : ndarray of float32 [snapshots, at least columns]
        Written in place.
    """
    windows, half_lives, _reach, _features, sections = plan
    _occurred_at, _recorded, _kind, channel, asset, _campaign, _by, _value = journey
    most, most_moments = 0, 0
    for i in range(lead_from, lead_until):
        if snapshot_offsets[i + 1] > snapshot_offsets[i]:
            most = max(most, offsets[i + 1] - offsets[i])
            most_moments = max(most_moments, snapshot_offsets[i + 1] - snapshot_offsets[i])
    codes = 0
    if most > 0:
        for i in range(offsets[lead_from], offsets[lead_until]):
            codes = max(codes, max(channel[i], asset[i]) + 1)
    n_selectors = len(sections)
    counts, begins = np.empty(n_selectors, np.int64), np.empty(n_selectors + 1, np.int64)
    t, known = np.empty(most, np.int64), np.empty(most, np.int64)
    lead = (
        t, known, np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int64),
        np.empty((most, masks.shape[1]), np.uint64), counts,
    )  # fmt: skip
    mask = lead[5]
    halves = len(half_lives)
    terms = (
        np.empty((halves, most), np.int64), np.empty((halves, most), np.int64),
        np.empty((halves, most_moments), np.float64), np.empty((halves, most_moments), np.int64),
    )  # fmt: skip
    members = np.empty(4 * most, np.int64)
    scratch = (
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.zeros(most + 1, np.int64), np.empty(most_moments, np.int64), np.empty((len(windows), most_moments), np.int64),
        np.full(codes, -1, np.int64), np.empty(_SLOTS, np.int64),
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
        oldest = _window_start(snapshot_at[first], windows[len(windows) - 1])
        n = _gather(offsets[i], offsets[i + 1], oldest, snapshot_at[end - 1], journey, masks, starts, lead)
        if n == 0:
            continue
        if counts.sum() > len(members):
            members = np.empty(2 * counts.sum(), np.int64)
        _list_members(n, mask, counts, begins, members)
        for h in range(halves):
            _decay_terms(t, n, half_lives[h], terms[0][h], terms[1][h])

        # Snapshots at which all that had occurred was also recorded go together; the pending ones follow one by one.
        n_together, n_pending, j = 0, 0, 0
        latest = known[0]
        for c in range(first, end):
            while j < n and _before(t[j], snapshot_at[c]):
                latest = max(latest, known[j])
                j += 1
            if j == 0 or _before(latest, snapshot_at[c]):
                moments[n_together], rows[n_together] = snapshot_at[c], snapshot_row[c]
                n_together += 1
            else:
                pending[n_pending] = c
                n_pending += 1
        n_moments, limit = n_together, np.int64(2**62)
        for g in range(n_pending + 1):
            if g > 0:
                moments[0], rows[0] = snapshot_at[pending[g - 1]], snapshot_row[pending[g - 1]]
                n_moments, limit = 1, moments[0]
            if n_moments > 0:
                _fold_moments(
                    moments, rows, n_moments, limit, n_selectors, begins, members, lead, terms, scratch, plan, out
                )
