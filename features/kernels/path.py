"""The path through channels and content, and how like the buyers' it is: sums over one list of touchpoints."""

import numpy as np

from features.kernels.compiled import compiled
from features.kernels.sections import CHANNEL_PATH, CONTENT, code
from features.kernels.windows import code_links, weighted_distinct

__all__ = ["content_levels", "profile_states", "write_likeness", "write_path"]

_CHANNEL_SWITCHES = code("channel_switches")
_DEEPEST_CONTENT = code("deepest_content")
_FIRST_CHANNEL = code("first_channel")
_LAST_CHANNEL = code("last_channel")
_MEAN_CONTENT = code("mean_content")
_MEAN_MIX_LIKENESS = code("mean_mix_likeness")
_MEAN_PACE_LIKENESS = code("mean_pace_likeness")
_MEAN_TRANSITION_LIKENESS = code("mean_transition_likeness")
_MIX_LIKENESS = code("mix_likeness")
_PACE_LIKENESS = code("pace_likeness")
_PROGRESS = code("progress")
_STEP_BACKS = code("step_backs")
_TRANSITION_LIKENESS = code("transition_likeness")

_AWARENESS, _DECISION = 1, 3
_MICRO = 1e6  # likeness is kept in millionths of a nat


@compiled
def content_levels(picked, n, content):  # type: ignore[no-untyped-def]
    """Give each of `n` touchpoints its depth of content: 3 decision, 2 consideration, 1 awareness, 0 none; the deepest counts.

    `content` [3, words] holds the selectors of awareness, consideration and decision as bits.
    """
    mask, level = picked.mask, picked.level
    for i in range(n):
        level[i] = 0
        for depth in range(3, 0, -1):
            for word in range(mask.shape[1]):
                if mask[i, word] & content[depth - 1, word] != np.uint64(0):
                    level[i] = depth
            if level[i] > 0:
                break


@compiled
def profile_states(picked, n, states):  # type: ignore[no-untyped-def]
    """Give each of `n` touchpoints its state in the buyer profile, from its kind and channel."""
    for i in range(n):
        picked.state[i] = states.state_of[states.kind_of[picked.kind[i]], states.channel_of[picked.channel[i]]]


@compiled
def write_path(k, selected, spans, picked, moments, plan, category, work, out):  # type: ignore[no-untyped-def]
    """Write the features of path of selector `k`; `category` is each channel's code as a feature, `work` scratch."""
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    position, channel, seen, n = selected.position, picked.channel, spans.seen, selected.n
    if plan.asked[k] & CHANNEL_PATH:
        switches, newest_known, following = work[0], work[1], work[2]
        # Up to and with touchpoint j: switches between known channels, the newest known one; and the next from j on.
        count, last = 0, -1
        for j in range(n):
            if channel[position[j]] >= 0:
                count += last >= 0 and channel[position[last]] != channel[position[j]]
                last = j
            switches[j], newest_known[j] = count, last
        last = n
        for j in range(n - 1, -1, -1):
            last = j if channel[position[j]] >= 0 else last
            following[j] = last
        for f in range(sections[k, _CHANNEL_SWITCHES], sections[k, _CHANNEL_SWITCHES + 1]):
            column, start = features[f, 0], spans.start[features[f, 1]]
            for c in range(moments.n):
                if start[c] < end[c] and following[start[c]] < end[c]:
                    out[row[c], column] = switches[end[c] - 1] - switches[following[start[c]]]
        for operation in (_FIRST_CHANNEL, _LAST_CHANNEL):
            for f in range(sections[k, operation], sections[k, operation + 1]):
                for c in range(moments.n):
                    if seen[c] < end[c] and following[seen[c]] < end[c]:
                        j = following[seen[c]] if operation == _FIRST_CHANNEL else newest_known[end[c] - 1]
                        out[row[c], features[f, 0]] = category[channel[position[j]]]
    if plan.asked[k] & CONTENT:
        _write_content(k, selected, spans, picked, moments, plan, work, out)


@compiled
def _write_content(k, selected, spans, picked, moments, plan, work, out):  # type: ignore[no-untyped-def]
    features, sections, end, row = plan.features, plan.sections, spans.end, moments.row
    level, position, n, n_moments = picked.level, selected.position, selected.n, moments.n
    newest, total, count, back, following = work[0:3], work[3], work[4], work[5], work[6]
    # Up to and with touchpoint j: the newest of each level, their sum, how many, steps back; and the next one from j on.
    total[0], count[0], back[0] = 0, 0, 0
    previous = 0
    for j in range(n):
        depth = level[position[j]]
        for other in range(3):
            newest[other, j] = j if depth == other + 1 else newest[other, j - 1] if j > 0 else -1
        total[j + 1], count[j + 1] = total[j] + depth, count[j] + (depth > 0)
        back[j + 1] = back[j] + (depth == _AWARENESS and previous == _DECISION)
        previous = depth if depth > 0 else previous
    nearest = n
    for j in range(n - 1, -1, -1):
        nearest = j if level[position[j]] > 0 else nearest
        following[j] = nearest
    for f in range(sections[k, _DEEPEST_CONTENT], sections[k, _DEEPEST_CONTENT + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if start[c] < end[c]:
                for depth in range(3, 0, -1):
                    if newest[depth - 1, end[c] - 1] >= start[c]:
                        out[row[c], column] = depth
                        break
    for f in range(sections[k, _MEAN_CONTENT], sections[k, _MEAN_CONTENT + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            if count[end[c]] > count[start[c]]:
                depths, contents = total[end[c]] - total[start[c]], count[end[c]] - count[start[c]]
                out[row[c], column] = float(depths) / float(contents)
    for f in range(sections[k, _STEP_BACKS], sections[k, _STEP_BACKS + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(n_moments):
            # the first content of the window has nothing before it to step back from
            if start[c] < end[c] and following[start[c]] < end[c]:
                out[row[c], column] = back[end[c]] - back[following[start[c]] + 1]


@compiled
def write_likeness(k, selected, spans, picked, moments, plan, ratios, scratch, out):  # type: ignore[no-untyped-def]
    """Write the log-likelihood ratios of selector `k` against the buyer profile, and how much of a buyer's path is done."""
    features, sections, end, row, work = plan.features, plan.sections, spans.end, moments.row, scratch.work
    state, position, when, n = picked.state, selected.position, selected.when, selected.n
    mix, transition, pace = work[0], work[1], work[2]
    mix[0], transition[0], pace[0] = 0, 0, 0
    for j in range(n):
        now = state[position[j]]
        mix[j + 1] = mix[j] + ratios.mix[now]
        if j > 0:
            transition[j] = transition[j - 1] + ratios.transition[state[position[j - 1]] + 1, now]
            gap = np.searchsorted(ratios.pace_bounds, when[j] - when[j - 1], side="right")
            pace[j] = pace[j - 1] + ratios.pace[gap]
    for operation, is_mean in (
        (_TRANSITION_LIKENESS, False),
        (_MEAN_TRANSITION_LIKENESS, True),
        (_MIX_LIKENESS, False),
        (_MEAN_MIX_LIKENESS, True),
        (_PACE_LIKENESS, False),
        (_MEAN_PACE_LIKENESS, True),
    ):
        for f in range(sections[k, operation], sections[k, operation + 1]):
            column, start = features[f, 0], spans.start[features[f, 1]]
            for c in range(moments.n):
                first, last = start[c], end[c] - 1
                if first > last:
                    continue
                terms = last - first + 1
                if operation in (_TRANSITION_LIKENESS, _MEAN_TRANSITION_LIKENESS):
                    total = transition[last] - transition[first] + ratios.transition[0, state[position[first]]]
                elif operation in (_MIX_LIKENESS, _MEAN_MIX_LIKENESS):
                    total = mix[last + 1] - mix[first]
                else:
                    total = pace[last] - pace[first]
                    terms -= 1
                if not is_mean:
                    out[row[c], column] = float(total) / _MICRO
                elif terms > 0:
                    out[row[c], column] = float(total) / (_MICRO * float(terms))
    for f in range(sections[k, _PROGRESS], sections[k, _PROGRESS + 1]):
        previous, following, weight, done = work[3], work[4], work[5], work[6]
        code_links(position, n, state, scratch.newest, previous, following)
        for j in range(n):
            weight[j] = ratios.milestone[state[position[j]]]
        weighted_distinct(previous, following, weight, spans.seen, end, moments.n, done)
        for c in range(moments.n):
            if spans.seen[c] < end[c] and ratios.whole > 0:
                out[row[c], features[f, 0]] = float(done[c]) / float(ratios.whole)
