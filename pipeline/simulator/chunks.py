"""One chunk of leads as a pure function of the seed and the chunk's number; the rounds of MQL, hand-over and ending.

Chunks never look at one another. What they share is the queue to sales, which is worked out over all of them at once, in
time order, between two rounds; a chunk is then drawn again from its seed instead of being kept in memory.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.simulator.clocks import BoolArray, Clocks, IntArray
from pipeline.simulator.dirt import soil
from pipeline.simulator.handovers import NEVER, HandoverRules, Periods
from pipeline.simulator.marketing import Ledger, PointsTable, keep_ledger
from pipeline.simulator.outcomes import DISQUALIFIED, RECYCLED, SALES_QUALIFIED, Endings, end_periods
from pipeline.simulator.personas import draw_personas, plant_behaviour, plant_people
from pipeline.simulator.phases import PhasePaths, draw_phases
from pipeline.simulator.population import CampaignRules, Population, populate
from pipeline.simulator.touchpoints import DAY_SECONDS, Touchpoints, draw_touchpoints

__all__ = [
    "Chunk",
    "Setting",
    "Story",
    "build_chunk",
    "first_mqls",
    "later_mqls",
    "remaining",
    "retell",
    "stream",
]

# What is left of a lead's interest after an ending, as the share of its touchpoints that still happen.
INTEREST_PUSHED, INTEREST_RECYCLED, INTEREST_DISQUALIFIED, INTEREST_QUALIFIED = 0.5, 0.85, 0.35, 0.9

_STREAMS = ("people", "phases", "touchpoints", "dirt", "mql", "endings", "tables", "team", "orders", "personas")


@dataclass(frozen=True)
class Setting:
    """What all chunks share.

    Attributes
    ----------
    seed : int
    leads : int
        In the whole world.
    days : int
        Length of the history; the export is at its end.
    clocks : Clocks
    points : PointsTable
    leads_per_chunk : int
        Part of the world's definition: another number draws another world.
    handover : HandoverRules
        How sales treats the queue.
    campaigns : CampaignRules
        Whom campaigns draw.
    personas : float
        How closely leads follow planted personas, from 0 (nobody has one) to 1.
    """

    seed: int
    leads: int
    days: int
    clocks: Clocks
    points: PointsTable
    leads_per_chunk: int = 5000
    handover: HandoverRules = field(default_factory=HandoverRules)
    campaigns: CampaignRules = field(default_factory=CampaignRules)
    personas: float = 0.0

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.leads // self.leads_per_chunk)

    @property
    def export(self) -> int:
        """Seconds from the start to the export."""
        return self.days * DAY_SECONDS


def stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Make the random numbers of one purpose, independent of every other's and of the order of use."""
    return np.random.default_rng([seed, _STREAMS.index(purpose), *numbers])


@dataclass(frozen=True)
class Chunk:
    """One chunk before sales comes in.

    Attributes
    ----------
    number, offset : int
        The chunk's number, and its first lead's number over all chunks.
    people, paths
        The leads and their phases.
    touchpoints : Touchpoints
        What the leads would do if nobody called, sorted by lead and then by when it was recorded.
    points : int64[m]
        Thousandths of points of each touchpoint.
    persona : int64[n] or None
        Each lead's planted persona; None: nobody has one.
    """

    number: int
    offset: int
    people: Population
    paths: PhasePaths
    touchpoints: Touchpoints
    points: IntArray
    persona: IntArray | None = None


@dataclass(frozen=True)
class Story:
    """One round of periods of one chunk: the leads (0-based in the chunk), their periods, and how these end."""

    lead: IntArray
    periods: Periods
    endings: Endings


def build_chunk(setting: Setting, number: int) -> Chunk:
    """Draw a chunk from its seed."""
    offset = number * setting.leads_per_chunk
    leads = min(setting.leads_per_chunk, setting.leads - offset)
    clock = setting.clocks.lead
    people = populate(stream(setting.seed, "people", number), leads, setting.days, clock, setting.campaigns)
    own, persona = stream(setting.seed, "personas", number), None
    if setting.personas:
        persona = draw_personas(own, leads)
        people = plant_people(own, people, persona, setting.personas)
    paths = draw_phases(stream(setting.seed, "phases", number), people, setting.days)
    drawn = draw_touchpoints(stream(setting.seed, "touchpoints", number), people, paths, setting.days, clock)
    if persona is not None:
        drawn = plant_behaviour(own, people, persona, drawn, setting.personas)
    touchpoints = soil(stream(setting.seed, "dirt", number), drawn)
    # A touchpoint that is recorded after the export is not in it.
    touchpoints = touchpoints.take(touchpoints.recorded < setting.export)
    touchpoints = touchpoints.take(np.lexsort((touchpoints.occurred, touchpoints.recorded, touchpoints.lead)))
    return Chunk(
        number=number,
        offset=offset,
        people=people,
        paths=paths,
        touchpoints=touchpoints,
        points=setting.points.of(touchpoints),
        persona=persona,
    )


def first_mqls(setting: Setting, chunk: Chunk) -> tuple[IntArray, IntArray]:
    """Find the leads that become MQL, and when: some minutes after the deciding touchpoint is recorded.

    Returns
    -------
    tuple of int64[k], int64[k]
        Lead, 0-based in the chunk, ascending; seconds since the start, before the export.
    """
    everyone = np.arange(chunk.people.leads)
    return _mqls(setting, chunk, 0, _ledger(setting, chunk, chunk.points), everyone, np.full(len(everyone), -1))


def later_mqls(setting: Setting, chunk: Chunk, before: Story) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Find the recycled leads that gather enough points once more; counting starts afresh at the recycling.

    Returns
    -------
    tuple of int64[k], int64[k], int64[k], int64[k]
        Lead and seconds as in `first_mqls`, and `pushes` and `pushed_at` as in `Periods`.
    """
    recycled = np.flatnonzero((before.endings.ending == RECYCLED) & (before.endings.at < setting.export))
    points = np.where(_happens(setting, chunk, (before,)), chunk.points, 0)
    ledger = _ledger(setting, chunk, points)
    lead, mql = _mqls(setting, chunk, 1, ledger, before.lead[recycled], before.endings.at[recycled])
    pushes = np.zeros(chunk.people.leads, np.int64)
    pushes[before.lead] = before.periods.pushes + before.endings.pushed
    pushed_at = np.full(chunk.people.leads, NEVER)
    if setting.handover.push_at_call:
        pushed_at[before.lead] = np.where(before.endings.too_early, before.periods.contacted, before.periods.pushed_at)
    return lead, mql, pushes[lead], pushed_at[lead]


def retell(setting: Setting, chunk: Chunk, periods: Periods, number: int) -> Story:
    """Draw how the chunk's periods of one round end."""
    lead = periods.lead - chunk.offset
    rng = stream(setting.seed, "endings", chunk.number, number)
    return Story(lead, periods, end_periods(rng, chunk.people, chunk.paths, periods, lead, setting.clocks.office))


def remaining(setting: Setting, chunk: Chunk, stories: tuple[Story, ...]) -> Chunk:
    """Leave out the touchpoints that no longer happen, because interest fell after an ending or a too early call."""
    happens = _happens(setting, chunk, stories)
    return replace(chunk, touchpoints=chunk.touchpoints.take(happens), points=chunk.points[happens])


def _ledger(setting: Setting, chunk: Chunk, points: IntArray) -> Ledger:
    return keep_ledger(chunk.touchpoints, points, chunk.people.leads, setting.points)


def _mqls(
    setting: Setting, chunk: Chunk, number: int, ledger: Ledger, leads: IntArray, after: IntArray
) -> tuple[IntArray, IntArray]:
    made, recorded = ledger.crossings(leads, after)
    # One number per lead, whoever makes it, so that a lead's minutes do not depend on the others.
    minutes = stream(setting.seed, "mql", chunk.number, number).integers(120, 900, chunk.people.leads)
    mql = recorded + minutes[leads[made]]
    known = mql < setting.export
    return leads[made][known], mql[known]


def _happens(setting: Setting, chunk: Chunk, stories: tuple[Story, ...]) -> BoolArray:
    touchpoints = chunk.touchpoints
    result = np.ones(len(touchpoints), dtype=bool)
    for story in stories:
        interest = np.ones(chunk.people.leads)
        since = np.full(chunk.people.leads, NEVER)
        ending = story.endings.ending
        interest[story.lead] = np.select(
            (ending == SALES_QUALIFIED, ending == DISQUALIFIED, ending == RECYCLED),
            (
                INTEREST_QUALIFIED,
                INTEREST_DISQUALIFIED,
                np.where(story.endings.pushed, INTEREST_PUSHED, INTEREST_RECYCLED),
            ),
            1.0,
        )
        since[story.lead] = story.endings.at
        result &= (touchpoints.occurred <= since[touchpoints.lead]) | (touchpoints.keep < interest[touchpoints.lead])
        if setting.handover.push_at_call:
            # Whether the call came too early hangs on readiness alone, so that nothing before the ending tells what it will be.
            called = np.full(chunk.people.leads, NEVER)
            called[story.lead] = np.where(story.endings.too_early, story.periods.contacted, NEVER)
            result &= (touchpoints.occurred <= called[touchpoints.lead]) | (touchpoints.keep < INTEREST_PUSHED)
    return result
