"""Lists over the touchpoints of one account: in time order, by lead, and those not recorded yet."""

from features.kernels.compiled import before, compiled, pasted

__all__ = ["active_visible", "first_from", "first_own", "list_own", "list_pending", "sort_by_time"]


@compiled
def first_from(ascending, begin, end, bound):  # type: ignore[no-untyped-def]
    """Find the first entry of ``ascending[begin:end]`` that is not below a bound; `end` if there is none."""
    while begin < end:
        middle = (begin + end) >> 1
        if ascending[middle] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@compiled
def first_own(own, lead, position):  # type: ignore[no-untyped-def]
    """Find where, in ``own.position``, the first of a lead's positions stands that is not below `position`."""
    return first_from(own.position, own.begin[lead], own.begin[lead + 1], position)


@pasted
def sort_by_time(n, t, order, other):  # type: ignore[no-untyped-def]
    """Fill `order` with the positions of ``t[:n]`` in time order, equal ones as they came; `other` is scratch."""
    for j in range(n):
        order[j] = j
    width = 1
    while width < n:
        for begin in range(0, n, 2 * width):
            middle, end = min(begin + width, n), min(begin + 2 * width, n)
            left, right = begin, middle
            for j in range(begin, end):
                if right == end or (left < middle and t[order[left]] <= t[order[right]]):
                    other[j] = order[left]
                    left += 1
                else:
                    other[j] = order[right]
                    right += 1
        for j in range(n):
            order[j] = other[j]
        width *= 2


@pasted
def list_own(touchpoints, leads, own, place):  # type: ignore[no-untyped-def]
    """List each lead's positions, in time order; `place` is scratch."""
    for i in range(leads + 1):
        own.begin[i] = 0
    for j in range(touchpoints.n):
        own.begin[touchpoints.lead[j] + 1] += 1
    for i in range(leads):
        own.begin[i + 1] += own.begin[i]
        place[i] = own.begin[i]
    for j in range(touchpoints.n):
        own.position[place[touchpoints.lead[j]]] = j
        place[touchpoints.lead[j]] += 1


@pasted
def list_pending(touchpoints, moments, end, open_positions, late):  # type: ignore[no-untyped-def]
    """List, per moment, the positions that occurred before it and were not recorded by then.

    What finds no room in ``late.position`` is counted only. `open_positions` is scratch.
    """
    recorded_at = touchpoints.recorded_at
    open_now, hi, total = 0, 0, 0
    late.begin[0] = 0
    for c in range(moments.n):
        while hi < end[c]:
            if not before(recorded_at[hi], moments.at[c]):
                open_positions[open_now] = hi
                open_now += 1
            hi += 1
        kept = 0
        for q in range(open_now):
            if not before(recorded_at[open_positions[q]], moments.at[c]):
                open_positions[kept] = open_positions[q]
                if total < len(late.position):
                    late.position[total] = open_positions[q]
                kept += 1
                total += 1
        open_now = kept
        late.begin[c + 1] = total


@compiled
def active_visible(own, lead, lo, hi, recorded_at, moment):  # type: ignore[no-untyped-def]
    """Tell whether a lead has a touchpoint in positions [lo, hi) that the moment knows of."""
    q = first_own(own, lead, hi) - 1
    while q >= own.begin[lead] and own.position[q] >= lo:
        if before(recorded_at[own.position[q]], moment):
            return True
        q -= 1
    return False
