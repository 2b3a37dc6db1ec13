"""Counting what the journeys of labelled rows hold, for the buyer profile."""

import numpy as np

from features.kernels.compiled import before, entry, window_start
from features.kernels.selection import common_bits

__all__ = ["count_journeys"]


@entry(seconds=2)
def count_journeys(offsets, columns, selectors, states, rows, observation, bounds, counts):  # type: ignore[no-untyped-def]
    """Add to `counts`, row by row, the states, steps and gaps that a snapshot sees; see `features.buyer_profile.Counts`.

    Rows of one lead overlap, and each is walked anew: this happens once per training, and needs no windows.

    Parameters
    ----------
    offsets : ndarray of int64 [leads + 1]
        Of `Journeys`.
    columns : Columns
        The touchpoints.
    selectors : SelectorMasks
        The first one says which touchpoints count.
    states : ProfileStates
        Which state a touchpoint is in.
    rows : LabelledRows
        Training rows.
    observation : int
        How far back a snapshot looks, in microseconds.
    bounds : ndarray of int64
        Of gaps, in microseconds.
    counts : Observed
        Added to in place.
    """
    seen = np.full(counts.presence.shape[2], -1, np.int64)
    for r in range(len(rows.lead)):
        lead, at, f, y, w = rows.lead[r], rows.at[r], rows.fold[r], rows.outcome[r], rows.weight[r]
        oldest = window_start(at, observation)
        previous, previous_at = -1, np.int64(0)
        counts.journeys[f, y] += w
        for i in range(offsets[lead], offsets[lead + 1]):
            occurred_at = columns.occurred_at[i]
            if before(occurred_at, oldest):
                continue
            if not before(occurred_at, at):
                break
            picks = common_bits(columns, i, selectors, 0) & np.uint64(1) != np.uint64(0)
            if not picks or not before(columns.recorded_at[i], at):
                continue
            state = states.state_of[states.kind_of[columns.kind[i]], states.channel_of[columns.channel[i]]]
            counts.mix[f, y, state] += w
            counts.transition[f, y, previous + 1, state] += w
            if previous >= 0:
                counts.pace[f, y, np.searchsorted(bounds, occurred_at - previous_at, side="right")] += w
            if seen[state] != r:
                seen[state] = r
                counts.presence[f, y, state] += w
            previous, previous_at = state, occurred_at
