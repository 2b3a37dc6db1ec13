"""Stage changes of one chunk, with the rows that a CRM gets wrong."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.simulator.arrow import identifiers, iso, named
from pipeline.simulator.chunks import Chunk, Setting, Story, stream
from pipeline.simulator.clocks import OFFICE_DAY, IntArray
from pipeline.simulator.crm import owner_names, team_names
from pipeline.simulator.dirt import BAD_SHARE, duplicates
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.outcomes import ENDINGS, OPEN, REASONS, SALES_QUALIFIED
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["purchases", "stage_changes"]

ENTERED_WITHIN_HOURS = 36
"""Sales enters an ending at most so late."""


def stage_changes(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Make stage_changes.csv: one row per transition that the CRM knows at the export."""
    rng = stream(setting.seed, "tables", chunk.number, 4)
    created = np.floor(chunk.people.created * DAY_SECONDS).astype(np.int64)
    everyone = np.arange(chunk.people.leads)
    nothing = np.full(len(everyone), -1)
    parts = [_changes(chunk, everyone, "inquiry", created, created, nothing, None, None, start)]
    for number, story in enumerate(stories):
        periods, endings = story.periods, story.endings
        owner, team = owner_names(number, periods.owner), team_names(setting, number, periods.owner)
        nothing = np.full(len(story.lead), -1)
        parts.append(_changes(chunk, story.lead, "mql", periods.mql, periods.mql, nothing, None, None, start))
        parts.append(
            _changes(chunk, story.lead, "sal", periods.contacted, periods.contacted, nothing, owner, team, start)
        )
        delay = rng.integers(60, ENTERED_WITHIN_HOURS * 3600, len(story.lead))
        for ending in range(OPEN + 1, len(ENDINGS)):
            when = np.where(endings.ending == ending, endings.at, NEVER)
            parts.append(
                _changes(
                    chunk,
                    story.lead,
                    ENDINGS[ending],
                    when,
                    np.where(when < NEVER, when + delay, NEVER),
                    endings.entered_reason,
                    owner,
                    team,
                    start,
                )
            )
        bought = purchases(setting, chunk, story, number)
        parts.append(_changes(chunk, story.lead, "customer", bought, bought, nothing, owner, team, start))
    # Only what was recorded before the export is in it.
    recorded = np.concatenate([seconds for _, seconds in parts])
    table = pa.concat_tables([rows for rows, _ in parts]).take(pa.array(np.flatnonzero(recorded < setting.export)))
    return pa.concat_tables([table, _spoiled(rng, table)])


def purchases(setting: Setting, chunk: Chunk, story: Story, number: int) -> IntArray:
    """Seconds at which each qualified lead becomes a customer; NEVER: it does not."""
    rng = stream(setting.seed, "tables", chunk.number, 5, number)
    people = chunk.people
    account = people.account[story.lead]
    odds = -0.1 + 0.4 * people.fit[account] + 0.35 * people.budget[account]
    buys = rng.random(len(story.lead)) < 1.0 / (1.0 + np.exp(-odds))
    buys &= story.endings.ending == SALES_QUALIFIED
    office = setting.clocks.office
    delay = 25.0 * OFFICE_DAY * rng.exponential(1.0, len(buys)) ** (1.0 / 1.5)
    qualified = np.where(buys, story.endings.at, 0) / DAY_SECONDS
    bought = np.ceil(office.calendar(office.own(qualified) + delay) * DAY_SECONDS).astype(np.int64)
    return np.where(buys, bought, NEVER)


def _changes(
    chunk: Chunk,
    lead: IntArray,
    stage: str,
    occurred: IntArray,
    recorded: IntArray,
    reason: IntArray,
    owner: pa.Array | None,
    team: pa.Array | None,
    start: int,
) -> tuple[pa.Table, IntArray]:
    happened = np.flatnonzero(occurred < NEVER)
    size = len(happened)
    table = pa.table(
        {
            "lead_id": identifiers("L-", lead[happened] + chunk.offset),
            "stage": pa.array([stage] * size, pa.string()),
            "occurred_at": iso(occurred[happened], start),
            "recorded_at": iso(recorded[happened], start),
            "reason": named(reason[happened], REASONS).cast(pa.string()),
            "owner": pa.nulls(size, pa.string()) if owner is None else owner.take(pa.array(happened)),
            "team": pa.nulls(size, pa.string()) if team is None else team.take(pa.array(happened)),
        }
    )
    return table, recorded[happened]


def _spoiled(rng: np.random.Generator, table: pa.Table) -> pa.Table:
    """Copy some rows and spoil them: a date that can't be read, or a lead that nobody knows."""
    rows = table.take(pa.array(duplicates(rng, table.num_rows, BAD_SHARE)))
    unreadable = pa.array(rng.random(rows.num_rows) < 0.5)
    moment = pc.if_else(unreadable, "2024-13-45T99:00:00Z", rows["occurred_at"])
    lead = pc.if_else(unreadable, rows["lead_id"], pc.binary_join_element_wise("X", rows["lead_id"], ""))
    return rows.set_column(2, "occurred_at", moment).set_column(0, "lead_id", lead)
