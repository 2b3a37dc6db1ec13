"""The rhythm of one list of touchpoints: visits, gaps, pauses, busy days, trend, hours of the week."""

import numpy as np

from features.kernels.compiled import before, compiled, window_start
from features.kernels.sections import (
    ACCELERATION,
    BUSIEST_DAY,
    DAYS_SINCE_RETURN,
    GAP_RATIO,
    LONGEST_GAP,
    MEAN_GAP,
    PAUSES,
    RETURNS,
    TREND,
    VISITS,
    WEEKEND_SHARE,
    WORKING_HOURS_SHARE,
)
from features.kernels.windows import DAY, largest, pointers

__all__ = ["local_hours", "write_rhythm"]

_HOUR = DAY // 24
_WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-01 was a Thursday


@compiled
def local_hours(t, n, zone_from, zone_offset, work, working, weekend):  # type: ignore[no-untyped-def]
    """Tell of each touchpoint whether it fell into working hours (Monday to Friday) and on a weekend, by the local clock.

    `zone_from` and `zone_offset` give the zone's offsets from UTC, `work` the hours from and until, all in microseconds.
    """
    if n == 0:
        return
    z = max(np.searchsorted(zone_from, t[0], side="right") - 1, 0)
    for i in range(n):
        while z + 1 < len(zone_from) and not before(t[i], zone_from[z + 1]):
            z += 1
        in_week = (t[i] + zone_offset[z] - _MONDAY) % _WEEK
        weekend[i] = in_week >= 5 * DAY
        in_day = in_week % DAY
        working[i] = not weekend[i] and work[0] <= in_day and in_day < work[1]


@compiled
def _wanted(sections, k, first, last):  # type: ignore[no-untyped-def]
    return sections[k, first] < sections[k, last + 1]


@compiled
def write_rhythm(k, n, chosen, when, hours, moments, rows, n_moments, ends, starts, plan, rules, work, out):  # type: ignore[no-untyped-def]
    """Write a selector's features of rhythm.

    `starts[w]` holds the first touchpoint of window w per moment; `rules` the longest silence within a visit and the shortest
    of a pause, in microseconds; `work` is scratch.
    """
    windows, features, sections = plan
    session, pause = rules
    if _wanted(sections, k, VISITS, DAYS_SINCE_RETURN):
        _write_gaps(k, n, when, moments, rows, n_moments, ends, starts, features, sections, session, pause, work, out)
    if _wanted(sections, k, BUSIEST_DAY, BUSIEST_DAY):
        _write_busiest_day(k, n, when, rows, n_moments, ends, starts, features, sections, work, out)
    for operation, parts in ((TREND, 4), (ACCELERATION, 2)):
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, w = features[f, 0], features[f, 1]
            recent = work[0]
            pointers(when, windows[w] // parts, moments, n_moments, ends, recent)
            for c in range(n_moments):
                late, early = ends[c] - recent[c], recent[c] - starts[w][c]
                if operation == ACCELERATION:
                    out[rows[c], column] = float(late - early) / (0.5 * (float(windows[w]) / float(DAY)))
                elif late + early > 0:
                    out[rows[c], column] = float(3 * late) / float(3 * late + early)
    working, weekend = hours
    for operation, flag in ((WORKING_HOURS_SHARE, working), (WEEKEND_SHARE, weekend)):
        if not _wanted(sections, k, operation, operation):
            continue
        sums = work[0]
        sums[0] = 0
        for j in range(n):
            sums[j + 1] = sums[j] + flag[chosen[j]]
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            for c in range(n_moments):
                if lo[c] < ends[c]:
                    out[rows[c], column] = float(sums[ends[c]] - sums[lo[c]]) / float(ends[c] - lo[c])


@compiled
def _write_gaps(  # type: ignore[no-untyped-def]
    k, n, when, moments, rows, n_moments, ends, starts, features, sections, session, pause, work, out
):  # fmt: skip
    gap, visit, begun, long, back, best, queue = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    # Up to and with touchpoint j: visits begun after the first, the newest begin, pauses, the newest return.
    gap[0], visit[0], begun[0], long[0], back[0] = 0, 0, 0, 0, -1
    for j in range(1, n):
        gap[j] = when[j] - when[j - 1]
        new, away = gap[j] > session, gap[j] > pause
        visit[j], begun[j] = visit[j - 1] + new, j if new else begun[j - 1]
        long[j], back[j] = long[j - 1] + away, j if away else back[j - 1]
    for f in range(sections[k, VISITS], sections[k, VISITS + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c]:
                out[rows[c], column] = 1 + visit[ends[c] - 1] - visit[lo[c]]
    for operation in (MEAN_GAP, GAP_RATIO):
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            for c in range(n_moments):
                newest = ends[c] - 1
                if newest < lo[c] or visit[newest] == visit[lo[c]]:
                    continue
                gaps = float(visit[newest] - visit[lo[c]])
                usual = float(when[begun[newest]] - when[lo[c]]) / gaps
                if operation == MEAN_GAP:
                    out[rows[c], column] = usual / float(DAY)
                else:
                    out[rows[c], column] = float(moments[c] - when[newest]) / usual
    for f in range(sections[k, LONGEST_GAP], sections[k, LONGEST_GAP + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        # a gap lies between two touchpoints of the window, so its first touchpoint brings none
        inside = work[7]
        for c in range(n_moments):
            inside[c] = lo[c] + 1
        largest(gap, inside, ends, n_moments, queue, best)
        for c in range(n_moments):
            if best[c] >= 0:
                out[rows[c], column] = float(best[c]) / float(DAY)
    for f in range(sections[k, PAUSES], sections[k, PAUSES + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c]:
                newest = ends[c] - 1
                still = before(when[newest], window_start(moments[c], pause))
                out[rows[c], column] = long[newest] - long[lo[c]] + still
    for f in range(sections[k, RETURNS], sections[k, RETURNS + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c]:
                out[rows[c], column] = long[ends[c] - 1] - long[lo[c]]
    for f in range(sections[k, DAYS_SINCE_RETURN], sections[k, DAYS_SINCE_RETURN + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c] and back[ends[c] - 1] > lo[c]:
                out[rows[c], column] = float(moments[c] - when[back[ends[c] - 1]]) / float(DAY)


@compiled
def _write_busiest_day(k, n, when, rows, n_moments, ends, starts, features, sections, work, out):  # type: ignore[no-untyped-def]
    # Runs of touchpoints on one UTC calendar day: the window may cut its first day, the snapshot its last.
    run, begin, size, queue, best, inner_from, inner_until = (
        work[0],
        work[1],
        work[2],
        work[3],
        work[4],
        work[5],
        work[6],
    )
    runs = 0
    day_end = np.int64(0)
    for j in range(n):
        if runs == 0 or not before(when[j], day_end):
            day_end = (when[j] // DAY + 1) * DAY
            begin[runs] = j
            size[runs] = 0
            runs += 1
        size[runs - 1] += 1
        run[j] = runs - 1
    for f in range(sections[k, BUSIEST_DAY], sections[k, BUSIEST_DAY + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c]:
                inner_from[c], inner_until[c] = run[lo[c]] + 1, run[ends[c] - 1]
            else:
                # nothing inside, but both bounds only grow
                inner_from[c] = inner_until[c] = run[ends[c] - 1] if ends[c] > 0 else 0
        largest(size, inner_from, inner_until, n_moments, queue, best)
        for c in range(n_moments):
            if lo[c] < ends[c]:
                first = min(begin[run[lo[c]]] + size[run[lo[c]]], ends[c]) - lo[c]
                last = ends[c] - max(begin[run[ends[c] - 1]], lo[c])
                out[rows[c], column] = max(best[c], max(first, last))
