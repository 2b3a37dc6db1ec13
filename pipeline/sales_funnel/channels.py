"""What channels contribute along paths: Markov removal effect, first, last and linear rule, with intervals. None is causal."""

from dataclasses import dataclass

import numpy as np

from features.timeline import DAY_US
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths, parts_of_looks

__all__ = ["RULES", "ChannelShares", "channel_shares", "removal_effects"]

RULES = ("markov", "first", "last", "linear")
BLOCKS = 500
"""Accounts are dealt into so many blocks at random, and blocks are resampled: sums per block are all that is kept."""


@dataclass(frozen=True, eq=False)
class ChannelShares:
    """Shares of the conversions by rule.

    Attributes
    ----------
    channels : tuple of str
        Those on at least one path.
    share : dict of str to ndarray of float64 [channels]
        By rule; each sums to 1.
    low, high : dict of str to ndarray of float64 [channels]
        95 % intervals.
    removal : ndarray of float64 [channels]
        Removal effects before they are scaled to sum to 1: the share of conversions that the chain loses without the channel.
    on_path : ndarray of float64 [channels]
        Share of the converted paths that the channel is on.
    paths, conversions : int
    """

    channels: tuple[str, ...]
    share: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    removal: np.ndarray
    on_path: np.ndarray
    paths: int
    conversions: int


def channel_shares(
    paths: JourneyPaths, mqls: FirstMqls, path_days: int, delay_days: int, resamples: int, seed: int
) -> ChannelShares | None:
    """Measure what channels contribute to qualified leads; None: there is no channel, or no path converts.

    A path begins with a lead's first touchpoint and ends with sales' first contact, at the latest after `path_days`. It
    converts if the lead is sales-qualified within `path_days` of its begin. Only paths that began so long before the export
    count. Repeated visits over one channel are one step.

    Parameters
    ----------
    paths, mqls
        Of the same tables; leads that never became MQL have paths, too.
    path_days, delay_days : int
        A path's length, and by how much outcomes are recorded late at most.
    resamples, seed : int
    """
    begin, end, converts, old_enough = _ends(paths, mqls, path_days, delay_days)
    random = np.random.default_rng(seed)
    block = random.integers(0, BLOCKS, int(paths.group[-1]) + 1)[paths.group]
    steps = [
        _sums(*_steps(paths, part, begin, end, old_enough), converts, block, len(paths.channels))
        for part in parts_of_looks(paths, np.arange(len(paths)))
    ]
    sums = {name: np.sum([some[name] for some in steps], axis=0) for name in steps[0]}
    if not sums["converted"].sum():
        return None
    used = np.flatnonzero(sums["steps"].sum(axis=(0, 1))[: len(paths.channels)])
    names = tuple(paths.channels[code] for code in used)
    states = np.append(used, len(paths.channels) + np.arange(3))  # and start, conversion, none
    found = int(sums["steps"][:, len(paths.channels)].sum())
    sums |= {rule: sums[rule][:, used] for rule in ("first", "last", "linear", "on_path")}
    sums["steps"] = sums["steps"][:, states[:, None], states]
    weights = random.multinomial(BLOCKS, np.full(BLOCKS, 1.0 / BLOCKS), size=resamples)
    value = {rule: _share(sums, np.ones(BLOCKS), rule) for rule in RULES}
    drawn = {rule: np.array([_share(sums, weight, rule) for weight in weights]) for rule in RULES}
    on_path = sums["on_path"].sum(axis=0) / max(sums["converted"].sum(), 1.0)
    return ChannelShares(
        names,
        value,
        {rule: np.quantile(rows, 0.025, axis=0) for rule, rows in drawn.items()},
        {rule: np.quantile(rows, 0.975, axis=0) for rule, rows in drawn.items()},
        removal_effects(sums["steps"].sum(axis=0)),
        on_path,
        found,
        int(sums["converted"].sum()),
    )


def _ends(
    paths: JourneyPaths, mqls: FirstMqls, path_days: int, delay_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give each lead's path: begin, end, whether it converts, whether that is known by now."""
    begin = np.full(len(paths), NEVER)
    some = np.diff(paths.offsets) > 0
    begin[some] = paths.occurred_at[paths.offsets[:-1][some]]
    contact, qualified = np.full(len(paths), NEVER), np.full(len(paths), NEVER)
    contact[mqls.lead], qualified[mqls.lead] = mqls.contact_at, mqls.qualified_at
    latest = np.where(some, begin + path_days * DAY_US, NEVER)
    known = some & (latest + delay_days * DAY_US <= mqls.exported_at)
    return begin, np.minimum(contact, latest), qualified < latest, known


def _steps(
    paths: JourneyPaths, part: slice, begin: np.ndarray, end: np.ndarray, old_enough: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the steps of some leads' paths: lead and channel of each, in the order of leads and of time."""
    rows = slice(paths.offsets[part.start], paths.offsets[part.stop])
    lead = np.repeat(np.arange(part.start, part.stop), np.diff(paths.offsets[part.start : part.stop + 1]))
    channel, at = paths.channel[rows].astype(np.int64), paths.occurred_at[rows]
    counts = (channel >= 0) & old_enough[lead] & (at < end[lead]) & (at >= begin[lead])
    lead, channel = lead[counts], channel[counts]
    fresh = np.ones(len(lead), dtype=np.bool_)
    fresh[1:] = (lead[1:] != lead[:-1]) | (channel[1:] != channel[:-1])
    return lead[fresh], channel[fresh]


def _sums(
    lead: np.ndarray, channel: np.ndarray, converts: np.ndarray, block: np.ndarray, number: int
) -> dict[str, np.ndarray]:
    """Sum per block: steps between states, and what each rule credits."""
    begins = np.flatnonzero(np.diff(lead, prepend=-1))
    ends = np.append(begins[1:], len(lead))[: len(begins)] - 1
    won = converts[lead[ends]]
    start, conversion, nothing = number, number + 1, number + 2
    within = np.flatnonzero(lead[1:] == lead[:-1])
    origin = np.concatenate((np.full(len(begins), start), channel[within], channel[ends]))
    target = np.concatenate((channel[begins], channel[within + 1], np.where(won, conversion, nothing)))
    whose = block[np.concatenate((lead[begins], lead[within], lead[ends]))]
    states = number + 3
    steps = np.bincount((whose * states + origin) * states + target, minlength=BLOCKS * states**2)

    def credit(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
        cell = block[lead[rows]] * number + channel[rows]
        return np.bincount(cell, weights=weight, minlength=BLOCKS * number).reshape(BLOCKS, number)

    length = np.repeat(ends - begins + 1, ends - begins + 1)
    of_won = np.flatnonzero(np.repeat(won, ends - begins + 1))
    first_of_pair = np.unique(lead[of_won] * number + channel[of_won], return_index=True)[1]
    return {
        "steps": steps.reshape(BLOCKS, states, states).astype(np.float64),
        "first": credit(begins[won], np.ones(int(won.sum()))),
        "last": credit(ends[won], np.ones(int(won.sum()))),
        "linear": credit(of_won, 1.0 / length[of_won]),
        "on_path": credit(of_won[first_of_pair], np.ones(len(first_of_pair))),
        "converted": np.bincount(block[lead[ends]], weights=won, minlength=BLOCKS),
    }


def _share(sums: dict[str, np.ndarray], weight: np.ndarray, rule: str) -> np.ndarray:
    is_chain = rule == "markov"
    credit = removal_effects(np.tensordot(weight, sums["steps"], axes=1)) if is_chain else weight @ sums[rule]
    total = credit.sum()
    return np.asarray(credit / total if total > 0 else np.zeros_like(credit))


def removal_effects(steps: np.ndarray) -> np.ndarray:
    """Give each channel's removal effect in a first-order Markov chain (Anderl et al. 2016).

    The share of the conversions that are lost when every step into the channel ends without one: 1 - P(conversion without it) /
    P(conversion).

    Parameters
    ----------
    steps : ndarray of float64 [channels + 3, channels + 3]
        How often each state followed each: channels, then start, conversion, none.

    Returns
    -------
    ndarray of float64 [channels]

    Examples
    --------
    Of four paths A-B, A-B, A, B all but the last convert:

    >>> steps = np.zeros((5, 5))
    >>> steps[2, :2] = 3, 1
    >>> steps[0, 1], steps[0, 3], steps[1, 3], steps[1, 4] = 2, 1, 2, 1
    >>> removal_effects(steps).round(3).tolist()
    [0.778, 0.667]
    """
    number = len(steps) - 3
    total = steps.sum(axis=1, keepdims=True)
    chance = np.divide(steps, total, out=np.zeros_like(steps), where=total > 0)
    between, start, won = chance[:number, :number], chance[number, :number], chance[:number, number + 1]
    # P(conversion) from the start; without a channel its row and column are gone.
    reached = _reach(between, won)
    whole = float(start @ reached)
    effects = np.zeros(number)
    for channel in range(number):
        others = np.arange(number) != channel
        left = _reach(between[np.ix_(others, others)], won[others])
        effects[channel] = 1.0 - float(start[others] @ left) / whole if whole > 0 else 0.0
    return effects


def _reach(between: np.ndarray, won: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.solve(np.eye(len(won)) - between, won))
