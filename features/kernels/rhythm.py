"""The rhythm of one list of touchpoints: visits, gaps, pauses, busy days, trend, hours of the week."""

import numpy as np

from features.kernels.compiled import before, compiled, window_start
from features.kernels.sections import GAPS, code
from features.kernels.windows import DAY, largest, pointers

__all__ = ["local_hours", "write_rhythm"]

_ACCELERATION = code("acceleration")
_BUSIEST_DAY = code("busiest_day")
_DAYS_SINCE_RETURN = code("days_since_return")
_GAP_RATIO = code("gap_ratio")
_LONGEST_GAP = code("longest_gap")
_MEAN_GAP = code("mean_gap")
_PAUSES = code("pauses")
_RETURNS = code("returns")
_TREND = code("trend")
_VISITS = code("visits")
_WEEKEND_SHARE = code("weekend_share")
_WORKING_HOURS_SHARE = code("working_hours_share")

_HOUR = DAY // 24
_WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-01 was a Thursday


@compiled
def local_hours(picked, n, zone):  # type: ignore[no-untyped-def]
    """Tell of each of `n` touchpoints whether it fell into working hours (Monday to Friday) and on a weekend, local time."""
    if n == 0:
        return
    t = picked.occurred_at
    z = max(np.searchsorted(zone.changes_at, t[0], side="right") - 1, 0)
    for i in range(n):
        while z + 1 < len(zone.changes_at) and not before(t[i], zone.changes_at[z + 1]):
            z += 1
        in_week = (t[i] + zone.offset[z] - _MONDAY) % _WEEK
        picked.weekend[i] = in_week >= 5 * DAY
        in_day = in_week % DAY
        picked.working[i] = not picked.weekend[i] and zone.work[0] <= in_day and in_day < zone.work[1]


@compiled
def write_rhythm(k, selected, spans, picked, moments, plan, rules, work, out):  # type: ignore[no-untyped-def]
    """Write the features of rhythm of selector `k`; `work` is scratch."""
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    if plan.asked[k] & GAPS:
        _write_gaps(k, selected, spans, moments, plan, rules, work, out)
    if sections[k, _BUSIEST_DAY] < sections[k, _BUSIEST_DAY + 1]:
        _write_busiest_day(k, selected, spans, moments, plan, work, out)
    for operation, parts in ((_TREND, 4), (_ACCELERATION, 2)):
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, w = features[f, 0], features[f, 1]
            recent, length = work[0], plan.windows[w]
            pointers(selected.when, length // parts, moments, end, recent)
            for c in range(moments.n):
                late, early = end[c] - recent[c], recent[c] - spans.start[w, c]
                if operation == _ACCELERATION:
                    out[row[c], column] = float(late - early) / (0.5 * (float(length) / float(DAY)))
                elif late + early > 0:
                    out[row[c], column] = float(3 * late) / float(3 * late + early)
    for operation, flag in ((_WORKING_HOURS_SHARE, picked.working), (_WEEKEND_SHARE, picked.weekend)):
        if sections[k, operation] == sections[k, operation + 1]:
            continue
        sums = work[0]
        sums[0] = 0
        for j in range(selected.n):
            sums[j + 1] = sums[j] + flag[selected.position[j]]
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, start = features[f, 0], spans.start[features[f, 1]]
            for c in range(moments.n):
                if start[c] < end[c]:
                    out[row[c], column] = float(sums[end[c]] - sums[start[c]]) / float(end[c] - start[c])


@compiled
def _write_gaps(k, selected, spans, moments, plan, rules, work, out):  # type: ignore[no-untyped-def]
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    when, at, n_moments = selected.when, moments.at, moments.n
    gap, visit, begun, long, back, best, queue = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    # Up to and with touchpoint j: visits begun after the first, the newest begin, pauses, the newest return.
    gap[0], visit[0], begun[0], long[0], back[0] = 0, 0, 0, 0, -1
    for j in range(1, selected.n):
        gap[j] = when[j] - when[j - 1]
        new, away = gap[j] > rules.session, gap[j] > rules.pause
        visit[j], begun[j] = visit[j - 1] + new, j if new else begun[j - 1]
        long[j], back[j] = long[j - 1] + away, j if away else back[j - 1]
    for f in range(sections[k, _VISITS], sections[k, _VISITS + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c]:
                out[row[c], column] = 1 + visit[end[c] - 1] - visit[start[c]]
    for operation in (_MEAN_GAP, _GAP_RATIO):
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, start = features[f, 0], spans.start[features[f, 1]]
            for c in range(n_moments):
                newest = end[c] - 1
                if newest < start[c] or visit[newest] == visit[start[c]]:
                    continue
                gaps = float(visit[newest] - visit[start[c]])
                usual = float(when[begun[newest]] - when[start[c]]) / gaps
                if operation == _MEAN_GAP:
                    out[row[c], column] = usual / float(DAY)
                else:
                    out[row[c], column] = float(at[c] - when[newest]) / usual
    for f in range(sections[k, _LONGEST_GAP], sections[k, _LONGEST_GAP + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        # a gap lies between two touchpoints of the window, so its first touchpoint brings none
        inside = work[7]
        for c in range(n_moments):
            inside[c] = start[c] + 1
        largest(gap, inside, end, n_moments, queue, best)
        for c in range(n_moments):
            if best[c] >= 0:
                out[row[c], column] = float(best[c]) / float(DAY)
    for f in range(sections[k, _PAUSES], sections[k, _PAUSES + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c]:
                newest = end[c] - 1
                still = before(when[newest], window_start(at[c], rules.pause))
                out[row[c], column] = long[newest] - long[start[c]] + still
    for f in range(sections[k, _RETURNS], sections[k, _RETURNS + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c]:
                out[row[c], column] = long[end[c] - 1] - long[start[c]]
    for f in range(sections[k, _DAYS_SINCE_RETURN], sections[k, _DAYS_SINCE_RETURN + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c] and back[end[c] - 1] > start[c]:
                out[row[c], column] = float(at[c] - when[back[end[c] - 1]]) / float(DAY)


@compiled
def _write_busiest_day(k, selected, spans, moments, plan, work, out):  # type: ignore[no-untyped-def]
    # Runs of touchpoints on one UTC calendar day: the window may cut its first day, the snapshot its last.
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    when, n_moments = selected.when, moments.n
    run, begin, size, queue, best = work[0], work[1], work[2], work[3], work[4]
    inner_from, inner_until = work[5], work[6]
    runs = 0
    day_end = np.int64(0)
    for j in range(selected.n):
        if runs == 0 or not before(when[j], day_end):
            day_end = (when[j] // DAY + 1) * DAY
            begin[runs] = j
            size[runs] = 0
            runs += 1
        size[runs - 1] += 1
        run[j] = runs - 1
    for f in range(sections[k, _BUSIEST_DAY], sections[k, _BUSIEST_DAY + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c]:
                inner_from[c], inner_until[c] = run[start[c]] + 1, run[end[c] - 1]
            else:
                # nothing inside, but both bounds only grow
                inner_from[c] = inner_until[c] = run[end[c] - 1] if end[c] > 0 else 0
        largest(size, inner_from, inner_until, n_moments, queue, best)
        for c in range(n_moments):
            if start[c] < end[c]:
                first = min(begin[run[start[c]]] + size[run[start[c]]], end[c]) - start[c]
                last = end[c] - max(begin[run[end[c] - 1]], start[c])
                out[row[c], column] = max(best[c], max(first, last))
