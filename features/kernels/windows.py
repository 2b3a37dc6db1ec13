"""Sliding windows over one list of touchpoints: pointers, decayed, distinct and largest values.

Everything that is carried along is an integer, so no result depends on the path that led to it.

A decayed count adds ``2 ** (-age / half_life)`` in fixed point: ``occurred_at / half_life`` is cut into a block of 16
half-lives, a shift within the block, and a mantissa of 25 bits (rounded once, from the touchpoint's own time). A block's sum is
an exact integer; the snapshot's time enters last, in one multiplication. Touchpoints older than 32 half-lives weigh less than
2 ** -32 and count as zero, so three blocks hold all that is seen.
"""

import math

import numpy as np

from features.kernels.compiled import before, compiled, window_start
from features.timeline import DAY_US

__all__ = [
    "BIT_OF",
    "DAY",
    "DE_BRUIJN",
    "HALF_LIVES_SEEN",
    "SLOTS",
    "code_links",
    "day_links",
    "decay_bases",
    "decay_terms",
    "decayed",
    "decayed_value",
    "distinct",
    "largest",
    "pointers",
    "weighted_distinct",
]

_BLOCK_BITS = 4
_BLOCK = 1 << _BLOCK_BITS
HALF_LIVES_SEEN = 32
SLOTS = 4  # three blocks are in use at a time; a power of two makes the ring cheap
_MANTISSA = 2.0**24
_BLOCK_DOWN = 2.0**-_BLOCK
_STEP = math.log(2.0) / 256.0
_POWERS = np.array([2.0 ** (step / 256.0) for step in range(257)])  # one more: rounding may reach the end
DAY = DAY_US

DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
BIT_OF = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    BIT_OF[((0x03F79D71B4CB0A89 << _bit) & (2**64 - 1)) >> 58] = _bit


@compiled
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


@compiled
def _power(rest, length):  # type: ignore[no-untyped-def]
    """Compute ``2 ** (rest / length)`` for 0 <= rest < length: a table of 256 steps and a cubic, good to 2 ** -40.

    Plain multiplications and additions, so that every machine gets the same bits; `exp2` of the C library promises none.
    """
    x = float(rest) * (256.0 / float(length))
    step = np.int64(x)
    y = (x - float(step)) * _STEP
    return _POWERS[step] * (1.0 + y * (1.0 + y * (0.5 + y * (1.0 / 6.0))))


@compiled
def decay_terms(t, n, half, mantissa, slot):  # type: ignore[no-untyped-def]
    """Give each touchpoint's weight in its block, and the block's place in the ring."""
    for i in range(n):
        whole, rest = _split(t[i], half)
        mantissa[i] = np.int64(np.rint(_power(rest, half) * _MANTISSA)) << (whole & (_BLOCK - 1))
        slot[i] = (whole >> _BLOCK_BITS) & (SLOTS - 1)


@compiled
def decay_bases(moments, half, factor, block):  # type: ignore[no-untyped-def]
    """Give each moment's factor for sums in its own block, and that block's number."""
    for c in range(moments.n):
        whole, rest = _split(moments.at[c], half)
        factor[c] = 1.0 / (_power(rest, half) * _MANTISSA * float(1 << (whole & (_BLOCK - 1))))
        block[c] = whole >> _BLOCK_BITS


@compiled
def decayed_value(ring, block, factor):  # type: ignore[no-untyped-def]
    """Weigh the ring's blocks as seen from a moment in `block`."""
    total = 0.0
    for back in range(2, -1, -1):
        total = total * _BLOCK_DOWN + float(ring[(block - back) & (SLOTS - 1)])
    return total * factor


@compiled
def decayed(selected, moments, end, decay, h, reach, ring, column, out):  # type: ignore[no-untyped-def]
    """Write one decayed count, with half-life `h`; `reach` is how far back it looks."""
    position, when = selected.position, selected.when
    mantissa, slot, factor, block = decay.mantissa[h], decay.slot[h], decay.factor[h], decay.block[h]
    # Blocks far apart may share a place of the ring for a while: integers come out as exactly as they went in.
    for s in range(SLOTS):
        ring[s] = 0
    lo = 0
    start = window_start(moments.at[0], reach)
    while lo < end[moments.n - 1] and before(when[lo], start):
        lo += 1
    hi = lo
    for c in range(moments.n):
        while hi < end[c]:
            ring[slot[position[hi]]] += mantissa[position[hi]]
            hi += 1
        start = window_start(moments.at[c], reach)
        while lo < hi and before(when[lo], start):
            ring[slot[position[lo]]] -= mantissa[position[lo]]
            lo += 1
        if lo < hi:
            out[moments.row[c], column] = decayed_value(ring, block[c], factor[c])


@compiled
def pointers(when, length, moments, end, pointer):  # type: ignore[no-untyped-def]
    """Find the first touchpoint of each moment's window; ``end[c]`` is one past its last."""
    lo = 0
    for c in range(moments.n):
        start = window_start(moments.at[c], length)
        while lo < end[c] and before(when[lo], start):
            lo += 1
        pointer[c] = lo


@compiled
def day_links(when, n, previous, following):  # type: ignore[no-untyped-def]
    """Link each touchpoint with the one before and after it on the same UTC calendar day; -1 and n: there is none."""
    day_end = np.int64(0)
    for j in range(n):
        if j > 0 and before(when[j], day_end):
            previous[j], following[j - 1] = j - 1, j
        else:
            previous[j] = -1
            day_end = (when[j] // DAY + 1) * DAY
        following[j] = n


@compiled
def code_links(position, n, codes, newest, previous, following):  # type: ignore[no-untyped-def]
    """Link each touchpoint with the one before and after it of the same code; a missing code is never counted.

    `newest` holds -1 for every code, before and after.
    """
    for j in range(n):
        code = codes[position[j]]
        if code < 0:
            previous[j], following[j] = n, -1
            continue
        previous[j], following[j] = newest[code], n
        if newest[code] >= 0:
            following[newest[code]] = j
        newest[code] = j
    for j in range(n):
        if codes[position[j]] >= 0:
            newest[codes[position[j]]] = -1


@compiled
def distinct(previous, following, starts, ends, n_moments, count):  # type: ignore[no-untyped-def]
    """Count, per moment, the different values in its window: a touchpoint counts while it is the newest of its value."""
    lo, hi, current = 0, 0, 0
    for c in range(n_moments):
        while hi < ends[c]:
            current += previous[hi] < lo
            hi += 1
        while lo < starts[c]:
            current -= following[lo] >= hi
            lo += 1
        count[c] = current


@compiled
def weighted_distinct(previous, following, weight, starts, ends, n_moments, total):  # type: ignore[no-untyped-def]
    """Add, per moment, the weights of the different values in its window; `weight` is that of each touchpoint's value."""
    lo, hi, current = 0, 0, 0
    for c in range(n_moments):
        while hi < ends[c]:
            if previous[hi] < lo:
                current += weight[hi]
            hi += 1
        while lo < starts[c]:
            if following[lo] >= hi:
                current -= weight[lo]
            lo += 1
        total[c] = current


@compiled
def largest(values, starts, ends, n_moments, queue, out):  # type: ignore[no-untyped-def]
    """Give, per moment, the largest of ``values[starts[c]:ends[c]]``, -1 where that is empty; both bounds only grow.

    `queue` holds positions of falling values, newest last: one that is not larger than a newer one can never be the answer.
    """
    head, tail, hi = 0, 0, 0
    for c in range(n_moments):
        if hi < starts[c]:
            hi, head, tail = starts[c], 0, 0
        while hi < ends[c]:
            while tail > head and values[queue[tail - 1]] <= values[hi]:
                tail -= 1
            queue[tail] = hi
            tail += 1
            hi += 1
        while head < tail and queue[head] < starts[c]:
            head += 1
        out[c] = values[queue[head]] if head < tail else -1
