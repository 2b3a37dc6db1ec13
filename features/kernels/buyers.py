"""Counting what the journeys of labelled rows hold, for the buyer profile."""

import numpy as np

from features.kernels.compiled import before, entry, window_start

__all__ = ["count_journeys"]


@entry
def count_journeys(  # type: ignore[no-untyped-def]
    offsets, journey, masks, starts, kind_of, channel_of, state_of, rows, observation, bounds, counts
):  # fmt: skip
    """Add to `counts`, row by row, the states, steps and gaps that a snapshot sees; see `features.buyer_profile.Counts`.

    Rows of one lead overlap, and each is walked anew: this happens once per training, and needs no windows.
    """
    occurred_at, recorded_at, kind, channel, asset, campaign, by, _value = journey
    lead, at, outcome, weight, fold = rows
    journeys, presence, mix, transition, pace = counts
    seen = np.full(presence.shape[2], -1, np.int64)
    for r in range(len(lead)):
        f, y, w = fold[r], outcome[r], weight[r]
        oldest = window_start(at[r], observation)
        previous, previous_at = -1, np.int64(0)
        journeys[f, y] += w
        for i in range(offsets[lead[r]], offsets[lead[r] + 1]):
            if before(occurred_at[i], oldest):
                continue
            if not before(occurred_at[i], at[r]):
                break
            bits = (
                masks[starts[0] + kind[i], 0]
                & masks[starts[1] + channel[i], 0]
                & masks[starts[2] + asset[i], 0]
                & masks[starts[3] + campaign[i], 0]
                & masks[starts[4] + by[i], 0]
            )
            if bits & np.uint64(1) == np.uint64(0) or not before(recorded_at[i], at[r]):
                continue
            state = state_of[kind_of[kind[i]], channel_of[channel[i]]]
            mix[f, y, state] += w
            transition[f, y, previous + 1, state] += w
            if previous >= 0:
                pace[f, y, np.searchsorted(bounds, occurred_at[i] - previous_at, side="right")] += w
            if seen[state] != r:
                seen[state] = r
                presence[f, y, state] += w
            previous, previous_at = state, occurred_at[i]
