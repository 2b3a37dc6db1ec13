"""The path through channels and content, and how like the buyers' it is: sums over one list of touchpoints."""

import numpy as np

from features.kernels.compiled import compiled
from features.kernels.sections import (
    CHANNEL_SWITCHES,
    DEEPEST_CONTENT,
    FIRST_CHANNEL,
    LAST_CHANNEL,
    MEAN_CONTENT,
    MEAN_MIX_LIKENESS,
    MEAN_PACE_LIKENESS,
    MEAN_TRANSITION_LIKENESS,
    MIX_LIKENESS,
    PROGRESS,
    STEP_BACKS,
    TRANSITION_LIKENESS,
)
from features.kernels.windows import code_links, weighted_distinct

__all__ = ["content_levels", "profile_states", "write_likeness", "write_path"]

_AWARENESS, _DECISION = 1, 3
_MICRO = 1e6  # likeness is kept in millionths of a nat


@compiled
def content_levels(n, mask, content, level):  # type: ignore[no-untyped-def]
    """Give each touchpoint's depth of content: 3 decision, 2 consideration, 1 awareness, 0 none; the deepest counts.

    `content` [3, words] holds the selectors of awareness, consideration and decision as bits.
    """
    for i in range(n):
        level[i] = 0
        for depth in range(3, 0, -1):
            for word in range(mask.shape[1]):
                if mask[i, word] & content[depth - 1, word] != np.uint64(0):
                    level[i] = depth
            if level[i] > 0:
                break


@compiled
def profile_states(n, kinds, channels, kind_of, channel_of, state_of, state):  # type: ignore[no-untyped-def]
    """Give each touchpoint's state in the buyer profile, from its kind and channel; the last row of a table is `missing`."""
    for i in range(n):
        state[i] = state_of[kind_of[kinds[i]], channel_of[channels[i]]]


@compiled
def write_path(k, n, chosen, channels, level, rows, n_moments, ends, starts, seen, category, plan, work, out):  # type: ignore[no-untyped-def]
    """Write a selector's features of path; `seen` is where the observation starts, `category` a channel's code as a feature."""
    _windows, features, sections = plan
    if sections[k, CHANNEL_SWITCHES] < sections[k, LAST_CHANNEL + 1]:
        switches, known, following = work[0], work[1], work[2]
        # Up to and with touchpoint j: switches between known channels, the newest known one; and the next from j on.
        count, last = 0, -1
        for j in range(n):
            if channels[chosen[j]] >= 0:
                count += last >= 0 and channels[chosen[last]] != channels[chosen[j]]
                last = j
            switches[j], known[j] = count, last
        last = n
        for j in range(n - 1, -1, -1):
            last = j if channels[chosen[j]] >= 0 else last
            following[j] = last
        for f in range(sections[k, CHANNEL_SWITCHES], sections[k, CHANNEL_SWITCHES + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            for c in range(n_moments):
                if lo[c] < ends[c] and following[lo[c]] < ends[c]:
                    out[rows[c], column] = switches[ends[c] - 1] - switches[following[lo[c]]]
        for operation in (FIRST_CHANNEL, LAST_CHANNEL):
            for f in range(sections[k, operation], sections[k, operation + 1]):
                for c in range(n_moments):
                    if seen[c] < ends[c] and following[seen[c]] < ends[c]:
                        j = following[seen[c]] if operation == FIRST_CHANNEL else known[ends[c] - 1]
                        out[rows[c], features[f, 0]] = category[channels[chosen[j]]]
    if sections[k, DEEPEST_CONTENT] < sections[k, STEP_BACKS + 1]:
        _write_content(k, n, chosen, level, rows, n_moments, ends, starts, features, sections, work, out)


@compiled
def _write_content(k, n, chosen, level, rows, n_moments, ends, starts, features, sections, work, out):  # type: ignore[no-untyped-def]
    newest, total, count, back, following = work[0:3], work[3], work[4], work[5], work[6]
    # Up to and with touchpoint j: the newest of each level, their sum, how many, steps back; and the next one from j on.
    total[0], count[0], back[0] = 0, 0, 0
    previous = 0
    for j in range(n):
        depth = level[chosen[j]]
        for other in range(3):
            newest[other, j] = j if depth == other + 1 else newest[other, j - 1] if j > 0 else -1
        total[j + 1], count[j + 1] = total[j] + depth, count[j] + (depth > 0)
        back[j + 1] = back[j] + (depth == _AWARENESS and previous == _DECISION)
        previous = depth if depth > 0 else previous
    nearest = n
    for j in range(n - 1, -1, -1):
        nearest = j if level[chosen[j]] > 0 else nearest
        following[j] = nearest
    for f in range(sections[k, DEEPEST_CONTENT], sections[k, DEEPEST_CONTENT + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if lo[c] < ends[c]:
                for depth in range(3, 0, -1):
                    if newest[depth - 1, ends[c] - 1] >= lo[c]:
                        out[rows[c], column] = depth
                        break
    for f in range(sections[k, MEAN_CONTENT], sections[k, MEAN_CONTENT + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            if count[ends[c]] > count[lo[c]]:
                out[rows[c], column] = float(total[ends[c]] - total[lo[c]]) / float(count[ends[c]] - count[lo[c]])
    for f in range(sections[k, STEP_BACKS], sections[k, STEP_BACKS + 1]):
        column, lo = features[f, 0], starts[features[f, 1]]
        for c in range(n_moments):
            # the first content of the window has nothing before it to step back from
            if lo[c] < ends[c] and following[lo[c]] < ends[c]:
                out[rows[c], column] = back[ends[c]] - back[following[lo[c]] + 1]


@compiled
def write_likeness(  # type: ignore[no-untyped-def]
    k, n, chosen, when, state, rows, n_moments, ends, starts, seen, profile, plan, newest, work, out
):  # fmt: skip
    """Write a selector's log-likelihood ratios against the buyer profile, and how much of a buyer's path is done.

    `profile` holds, in micro-nats, each state's ratio, each transition's (row 0: into the first touchpoint) and each gap's, the
    gaps' bounds in microseconds, and each state's weight in `progress` with their sum.
    """
    _windows, features, sections = plan
    if sections[k, TRANSITION_LIKENESS] == sections[k, PROGRESS + 1]:
        return
    mix_of, transition_of, pace_of, pace_bounds, weight_of, whole = profile
    mix, transition, pace = work[0], work[1], work[2]
    mix[0], transition[0], pace[0] = 0, 0, 0
    for j in range(n):
        now = state[chosen[j]]
        mix[j + 1] = mix[j] + mix_of[now]
        if j > 0:
            transition[j] = transition[j - 1] + transition_of[state[chosen[j - 1]] + 1, now]
            pace[j] = pace[j - 1] + pace_of[np.searchsorted(pace_bounds, when[j] - when[j - 1], side="right")]
    for operation in range(TRANSITION_LIKENESS, MEAN_PACE_LIKENESS + 1):
        is_mean = operation in (MEAN_TRANSITION_LIKENESS, MEAN_MIX_LIKENESS, MEAN_PACE_LIKENESS)
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, lo = features[f, 0], starts[features[f, 1]]
            for c in range(n_moments):
                first, last = lo[c], ends[c] - 1
                if first > last:
                    continue
                terms = last - first + 1
                if operation in (TRANSITION_LIKENESS, MEAN_TRANSITION_LIKENESS):
                    total = transition[last] - transition[first] + transition_of[0, state[chosen[first]]]
                elif operation in (MIX_LIKENESS, MEAN_MIX_LIKENESS):
                    total = mix[last + 1] - mix[first]
                else:
                    total = pace[last] - pace[first]
                    terms -= 1
                if not is_mean:
                    out[rows[c], column] = float(total) / _MICRO
                elif terms > 0:
                    out[rows[c], column] = float(total) / (_MICRO * float(terms))
    for f in range(sections[k, PROGRESS], sections[k, PROGRESS + 1]):
        previous, following, weight, done = work[3], work[4], work[5], work[6]
        code_links(chosen, n, state, newest, previous, following)
        for j in range(n):
            weight[j] = weight_of[state[chosen[j]]]
        weighted_distinct(previous, following, weight, seen, ends, n_moments, done)
        for c in range(n_moments):
            if seen[c] < ends[c] and whole > 0:
                out[rows[c], features[f, 0]] = float(done[c]) / float(whole)
