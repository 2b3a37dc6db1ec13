"""The touchpoints that leads would make on their own: sessions of a marked point process over their phases."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pipeline.simulator import behaviour, world
from pipeline.simulator.clocks import BoolArray, FloatArray, IntArray, WeekClock
from pipeline.simulator.phases import GONE, PhasePaths
from pipeline.simulator.population import Population, draw_from

__all__ = ["DAY_SECONDS", "Codes", "Touchpoints", "draw_touchpoints"]

Codes = npt.NDArray[np.int8]
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Touchpoints:
    """Touchpoints of one chunk, one element per touchpoint.

    Attributes
    ----------
    lead : int64[m]
        Lead, 0-based in the chunk.
    occurred, recorded : int64[m]
        Seconds since the start; recorded is not before occurred.
    kind, channel, asset, campaign : int8[m]
        Codes into the world's tables; -1: missing.
    keep : float32[m]
        Uniform in [0, 1): after a change of heart a touchpoint happens only when it is below the lead's interest.
    """

    lead: IntArray
    occurred: IntArray
    recorded: IntArray
    kind: Codes
    channel: Codes
    asset: Codes
    campaign: Codes
    keep: npt.NDArray[np.float32]

    def take(self, which: IntArray | BoolArray) -> "Touchpoints":
        """Pick touchpoints by index or mask."""
        return Touchpoints(*(getattr(self, column.name)[which] for column in fields(self)))

    @staticmethod
    def concatenate(parts: "list[Touchpoints]") -> "Touchpoints":
        """Put touchpoints one after another."""
        return Touchpoints(
            *(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Touchpoints))
        )

    def __len__(self) -> int:
        """Count the touchpoints."""
        return len(self.lead)


def draw_touchpoints(
    rng: np.random.Generator, people: Population, paths: PhasePaths, days: int, clock: WeekClock
) -> Touchpoints:
    """Draw one chunk's touchpoints over [0, days), in no particular order.

    Parameters
    ----------
    rng : Generator
        The chunk's own.
    people, paths
        The chunk's leads and their phases.
    days : int
        Length of the history.
    clock : WeekClock
        When leads are busy.
    """
    lead, phase, day = _sessions(rng, people, paths, days, clock)
    group = people.type[lead] * behaviour.PHASES_WITH_TOUCHPOINTS + phase
    mix = behaviour.primary_mix()
    primary = draw_from(rng, mix, group + np.where(_fair_season(day), len(mix) // 2, 0))
    # Who did not subscribe gets a mail only now and then.
    wanted = (primary > behaviour.LAST_MAIL) | people.newsletter[lead] | (rng.random(len(lead)) < 0.15)
    lead, group, day, primary = lead[wanted], group[wanted], day[wanted], primary[wanted]
    keep = rng.random(len(lead)).astype(np.float32)
    channel = _channel(rng, primary)
    pages = behaviour.page_mix()
    seconds = np.floor(day * DAY_SECONDS).astype(np.int64)
    campaign = _campaign(rng, primary, channel)
    opened = Touchpoints(
        lead=lead,
        occurred=seconds,
        recorded=seconds,
        kind=behaviour.KIND_OF[primary].astype(np.int8),
        channel=channel,
        asset=_asset(rng, primary, pages, group),
        campaign=campaign,
        keep=keep,
    )
    more = rng.poisson(behaviour.EXTRA_VIEWS[primary])
    of = np.repeat(np.arange(len(lead)), more)
    viewed = seconds[of] + _since_first(rng.exponential(100.0, len(of)) + 5.0, more)
    views = Touchpoints(
        lead=lead[of],
        occurred=viewed,
        recorded=viewed,
        kind=np.full(len(of), world.code(world.KINDS, "page_view"), np.int8),
        channel=channel[of],
        asset=draw_from(rng, pages, group[of]).astype(np.int8),
        campaign=campaign[of],
        keep=keep[of],
    )
    everything = Touchpoints.concatenate([_first(people), opened, views])
    return everything.take(everything.occurred < days * DAY_SECONDS)


def _sessions(
    rng: np.random.Generator, people: Population, paths: PhasePaths, days: int, clock: WeekClock
) -> tuple[IntArray, IntArray, FloatArray]:
    """Draw sessions: lead, phase and day of each, by a Poisson process in the leads' clock, thinned by the season."""
    begin = np.minimum(paths.begin, days)
    begin[:, -1] = np.where(paths.phase[:, -1] == GONE, days, begin[:, -1])
    own = clock.own(begin)
    width = np.diff(own, axis=1)
    rate = behaviour.RATE[people.type[:, None], paths.phase] * people.activity[:, None]
    count = rng.poisson(rate * width / 24.0).ravel()
    row = np.repeat(np.arange(count.size), count)
    day = clock.calendar(own[:, :-1].ravel()[row] + rng.random(len(row)) * width.ravel()[row])
    kept = rng.random(len(row)) < behaviour.season(day)
    return (row // paths.phase.shape[1])[kept], paths.phase.ravel()[row][kept], day[kept]


def _fair_season(day: FloatArray) -> BoolArray:
    result: BoolArray = np.abs((day - 100.0) % 182.5 - 20.0) < 12.0
    return result


def _since_first(steps: FloatArray, counts: IntArray) -> IntArray:
    """Cumulate steps within each run of `counts` elements."""
    total = np.concatenate(([0.0], np.cumsum(steps)))
    start = np.cumsum(counts) - counts
    result: IntArray = np.floor(total[1:] - np.repeat(total[start], counts)).astype(np.int64)
    return result


def _channel(rng: np.random.Generator, primary: IntArray) -> Codes:
    channels, shares = behaviour.SESSION_CHANNELS
    channel = channels[rng.choice(len(channels), size=len(primary), p=shares)]
    fixed = behaviour.FIXED_CHANNEL[primary]
    return np.where(fixed >= 0, fixed, channel).astype(np.int8)


def _campaign(rng: np.random.Generator, primary: IntArray, channel: Codes) -> Codes:
    """Marketing labels its mails and most of its advertisements; everything else has no campaign."""
    campaign = np.full(len(primary), -1, dtype=np.int8)
    campaign[primary <= behaviour.LAST_MAIL] = world.code(world.CAMPAIGNS, "newsletter")
    campaign[channel == world.code(world.CHANNELS, "display")] = world.code(world.CAMPAIGNS, "display_retargeting")
    searched = (channel == world.code(world.CHANNELS, "paid_search")) & (rng.random(len(primary)) < 0.7)
    campaign[searched] = world.code(world.CAMPAIGNS, "search_brand")
    return campaign


def _asset(rng: np.random.Generator, primary: IntArray, pages: FloatArray, group: IntArray) -> Codes:
    chance = rng.random(len(primary))
    asset = np.where(
        chance < behaviour.FIRST_ASSET_SHARE[primary],
        behaviour.PRIMARY_ASSETS[primary, 0],
        behaviour.PRIMARY_ASSETS[primary, 1],
    )
    view = np.flatnonzero(primary == behaviour.PRIMARY.index("page_view"))
    asset[view] = draw_from(rng, pages, group[view])
    result: Codes = asset.astype(np.int8)
    return result


def _first(people: Population) -> Touchpoints:
    """Make the touchpoint by which each lead became known; it belongs to the campaign that drew it."""
    seconds = np.floor(people.created * DAY_SECONDS).astype(np.int64)
    return Touchpoints(
        lead=np.arange(people.leads),
        occurred=seconds,
        recorded=seconds,
        kind=world.CAMPAIGN_KIND[people.campaign],
        channel=world.CAMPAIGN_CHANNEL[people.campaign],
        asset=world.CAMPAIGN_ASSET[people.campaign],
        campaign=people.campaign.astype(np.int8),
        keep=np.zeros(people.leads, np.float32),
    )
