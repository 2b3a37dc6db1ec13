"""Which touchpoints a selector picks: what the masks of their fields have in common."""

import numpy as np

from features.kernels.compiled import before, compiled, pasted
from features.kernels.structs_fold import Selected
from features.kernels.windows import BIT_OF, DE_BRUIJN

__all__ = ["common_bits", "gather", "list_members", "select"]


@compiled
def common_bits(columns, i, selectors, word):  # type: ignore[no-untyped-def]
    """Give one word of the set of selectors that pick touchpoint `i` by kind, channel, asset, campaign and who caused it."""
    masks, starts = selectors.masks, selectors.starts
    return (
        masks[starts[0] + columns.kind[i], word]
        & masks[starts[1] + columns.channel[i], word]
        & masks[starts[2] + columns.asset[i], word]
        & masks[starts[3] + columns.campaign[i], word]
        & masks[starts[4] + columns.by[i], word]
    )


@compiled
def gather(begin, end, oldest, newest, columns, selectors, picked, count):  # type: ignore[no-untyped-def]
    """Copy what some selector picks in [oldest, newest), with its set of selectors; return how many.

    `begin` and `end` are the lead's range in `columns`; `count` is filled with how many each selector picks.
    """
    for k in range(len(count)):
        count[k] = 0
    n = 0
    for i in range(begin, end):
        if before(columns.occurred_at[i], oldest):
            continue
        if not before(columns.occurred_at[i], newest):
            break
        is_picked = False
        for word in range(selectors.masks.shape[1]):
            bits = common_bits(columns, i, selectors, word)
            picked.mask[n, word] = bits
            is_picked = is_picked or bits != np.uint64(0)
            while bits != np.uint64(0):
                rest = bits & (bits - np.uint64(1))
                count[word * 64 + BIT_OF[((bits ^ rest) * DE_BRUIJN) >> np.uint64(58)]] += 1
                bits = rest
        if is_picked:
            picked.occurred_at[n], picked.recorded_at[n] = columns.occurred_at[i], columns.recorded_at[i]
            picked.kind[n], picked.channel[n] = columns.kind[i], columns.channel[i]
            picked.asset[n], picked.value[n] = columns.asset[i], columns.value[i]
            n += 1
    return n


@pasted
def list_members(n, mask, members):  # type: ignore[no-untyped-def]
    """List each selector's touchpoints, in time order: those of selector k end up in ``begin[k]:begin[k + 1]``."""
    count, begin = members.counts, members.begin
    begin[0] = 0
    for k in range(len(count)):
        begin[k + 1] = begin[k] + count[k]
        count[k] = begin[k]
    for i in range(n):
        for word in range(mask.shape[1]):
            bits = mask[i, word]
            while bits != np.uint64(0):
                rest = bits & (bits - np.uint64(1))
                k = word * 64 + BIT_OF[((bits ^ rest) * DE_BRUIJN) >> np.uint64(58)]
                members.position[count[k]] = i
                count[k] += 1
                bits = rest


@pasted
def select(k, picked, members, limit, room):  # type: ignore[no-untyped-def]
    """List what selector `k` picks of the touchpoints that were recorded before `limit`; `room` holds the list."""
    n = 0
    for q in range(members.begin[k], members.begin[k + 1]):
        i = members.position[q]
        if before(picked.recorded_at[i], limit):
            room.position[n], room.when[n] = i, picked.occurred_at[i]
            n += 1
    return Selected(room.position, room.when, n)
