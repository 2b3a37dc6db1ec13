"""What really drove the outcomes, for judging only: no stage reads it, and nothing of it is ever a feature."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipeline.simulator import world
from pipeline.simulator.arrow import identifiers, named, timestamps
from pipeline.simulator.chunks import Chunk, Setting, Story
from pipeline.simulator.clocks import IntArray
from pipeline.simulator.handovers import NEVER, Periods
from pipeline.simulator.outcomes import ENDINGS, REASONS, chances, probability_within
from pipeline.simulator.personas import PERSONAS
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = [
    "CALL_DAYS",
    "WINDOWS_DAYS",
    "Handling",
    "call_truth",
    "handling_truth",
    "lead_truth",
    "reference_handling",
    "snapshot_truth",
]

SNAPSHOT_EVERY_DAYS, EXPIRE_DAYS = 7, 120
WINDOWS_DAYS = (30, 60, 90)
CALL_DAYS = 90
NAMES = tuple(persona.name for persona in PERSONAS)


def snapshot_truth(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Give the true probability of qualification at the MQL moment and every 7 days while the period is open.

    Returns
    -------
    Table
        lead_id, snapshot_at, risk_period, true_probability_<30|60|90>d: of `sales_qualified` in
        [snapshot_at, snapshot_at + so many days), given everything but the outcome's own draws. One row per snapshot.
    """
    parts = []
    for number, story in enumerate(stories):
        mql = story.periods.mql
        step = SNAPSHOT_EVERY_DAYS * DAY_SECONDS
        last = np.minimum(np.minimum(story.endings.at, setting.export - 1), mql + EXPIRE_DAYS * DAY_SECONDS - 1)
        count = np.maximum((last - mql) // step + 1, 0)
        row = np.repeat(np.arange(len(mql)), count)
        snapshot = mql[row] + (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)) * step
        endings = story.endings.take(row)
        contacted = story.periods.contacted[row]
        columns = {
            f"true_probability_{days}d": probability_within(
                contacted, endings, snapshot, float(days), setting.clocks.office
            )
            for days in WINDOWS_DAYS
        }
        parts.append(
            pa.table(
                {
                    "lead_id": identifiers("L-", story.lead[row] + chunk.offset),
                    "snapshot_at": timestamps(snapshot, start),
                    "risk_period": pa.array(np.full(len(row), number, np.int32)),
                    **columns,
                }
            )
        )
    return pa.concat_tables(parts)


def call_truth(setting: Setting, chunk: Chunk, stories: tuple[Story, ...]) -> pa.Table:
    """Give the outcome that a first call on any day after the MQL would have had, with the same salesperson and luck.

    Returns
    -------
    Table
        lead_id, risk_period, contact_day (0..90, from the MQL), probability_if_contacted (that such a first call leads to
        `sales_qualified` in the end), outcome_if_contacted (drawn once per period), pushed_if_contacted (it would have been
        too early). One row per (period, day).
    """
    parts = []
    for number, story in enumerate(stories):
        size = len(story.lead)
        row = np.repeat(np.arange(size), CALL_DAYS + 1)
        day = np.tile(np.arange(CALL_DAYS + 1), size)
        at = chances(
            chunk.people,
            chunk.paths,
            story.lead[row],
            story.periods.mql[row] / DAY_SECONDS + day,
            story.periods.skill[row],
            story.periods.pushes[row],
            story.periods.pushed_at[row],
        )
        won = story.endings.chance[row] < at.qualified
        parts.append(
            pa.table(
                {
                    "lead_id": identifiers("L-", story.lead[row] + chunk.offset),
                    "risk_period": pa.array(np.full(len(row), number, np.int8)),
                    "contact_day": pa.array(day.astype(np.int8)),
                    "probability_if_contacted": at.qualified.astype(np.float32),
                    "outcome_if_contacted": won,
                    "pushed_if_contacted": ~won & at.too_early,
                }
            )
        )
    return pa.concat_tables(parts)


@dataclass(frozen=True)
class Handling:
    """One way to handle every lead: days from the MQL to the first call, and the salesperson's skill in log-odds."""

    days: float
    skill: float


def reference_handling(periods: Periods, teams: int) -> Handling:
    """Give the company's reference: the median delay, and the mean skill of the team in the middle (of two, their mean).

    Parameters
    ----------
    periods : Periods
        First round, of the whole world.
    teams : int
        Salespeople are dealt to them by turns.
    """
    called = periods.contacted < NEVER
    if not called.any():
        return Handling(0.0, 0.0)
    delay = (periods.contacted - periods.mql)[called] / DAY_SECONDS
    of_team = [periods.skill[periods.owner % teams == team] for team in range(teams)]
    return Handling(float(np.median(delay)), float(np.median([skill.mean() for skill in of_team if len(skill)])))


def handling_truth(setting: Setting, chunk: Chunk, story: Story, handling: Handling) -> pa.Table:
    """Give each first MQL's true probability if it were handled as the reference is, and as it was handled.

    Returns
    -------
    Table
        lead_id, true_probability_at_reference_<30|60|90>d, true_probability_as_handled_<30|60|90>d: of `sales_qualified` within
        so many days of the MQL moment. One row per lead that became MQL.
    """
    mql = story.periods.mql
    at = chances(
        chunk.people,
        chunk.paths,
        story.lead,
        mql / DAY_SECONDS + handling.days,
        np.full(len(mql), handling.skill),
        story.periods.pushes,
        story.periods.pushed_at,
    )
    call = mql + round(handling.days * DAY_SECONDS)
    at_reference = replace(story.endings, qualified=at.qualified)
    office = setting.clocks.office
    return pa.table(
        {
            "lead_id": identifiers("L-", story.lead + chunk.offset),
            **{
                f"true_probability_at_reference_{days}d": probability_within(
                    call, at_reference, mql, float(days), office
                )
                for days in WINDOWS_DAYS
            },
            **{
                f"true_probability_as_handled_{days}d": probability_within(
                    story.periods.contacted, story.endings, mql, float(days), office
                )
                for days in WINDOWS_DAYS
            },
        }
    )


def lead_truth(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Give each lead's latent traits, and per period what really happened.

    Returns
    -------
    Table
        One row per (lead, risk period), and one for each lead that never became MQL (risk_period and what follows missing):
        lead_id, type, fit, need, budget, decision_power, persona (only where some are planted), risk_period,
        mql_at, readiness_at_mql, first_contact_at (also when
        after the export), ending (the drawn one, also when after the export), reason (the true one; sales may have entered
        another), pushes_before, pushed.
    """
    people = chunk.people
    parts = []
    without = np.setdiff1d(np.arange(people.leads), stories[0].lead)
    for number, story in (*enumerate(stories), (-1, None)):
        lead = without if story is None else story.lead
        size = len(lead)
        account = people.account[lead]
        table = {
            "lead_id": identifiers("L-", lead + chunk.offset),
            "type": named(people.type[lead], world.TYPES).cast(pa.string()),
            "fit": people.fit[account],
            "need": people.need[lead],
            "budget": people.budget[account],
            "decision_power": people.power[lead],
        }
        if chunk.persona is not None:
            table["persona"] = named(chunk.persona[lead], NAMES).cast(pa.string())
        if story is None:
            never = np.full(size, NEVER)
            table |= _periods(never, never, np.full(size, -1), np.full(size, -1), start)
            table |= {name: pa.nulls(size, type_) for name, type_ in _ONLY_MQL}
        else:
            periods, endings = story.periods, story.endings
            at = chances(
                people,
                chunk.paths,
                lead,
                periods.mql / DAY_SECONDS,
                periods.skill,
                periods.pushes,
                periods.pushed_at,
            )
            table |= _periods(periods.mql, periods.contacted, endings.ending, endings.reason, start)
            table |= {
                "risk_period": pa.array(np.full(size, number, np.int32)),
                "readiness_at_mql": at.readiness,
                "pushes_before": periods.pushes,
                "pushed": endings.pushed,
            }
        parts.append(pa.table(table))
    return pa.concat_tables(parts)


_ONLY_MQL = (
    ("risk_period", pa.int32()),
    ("readiness_at_mql", pa.float64()),
    ("pushes_before", pa.int64()),
    ("pushed", pa.bool_()),
)


def _periods(mql: IntArray, contacted: IntArray, ending: IntArray, reason: IntArray, start: int) -> dict[str, pa.Array]:
    return {
        "mql_at": timestamps(mql, start),
        "first_contact_at": timestamps(contacted, start),
        "ending": named(ending, ENDINGS).cast(pa.string()),
        "reason": named(reason, REASONS).cast(pa.string()),
    }
