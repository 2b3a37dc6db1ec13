"""The tracking export: the touchpoints that happened, the calls by sales, and the rows that a real export gets wrong."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.simulator import world
from pipeline.simulator.arrow import identifiers, named, timestamps
from pipeline.simulator.chunks import Chunk, Setting, Story, remaining, stream
from pipeline.simulator.clocks import OFFICE_DAY
from pipeline.simulator.dirt import BAD_SHARE, duplicates
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.touchpoints import DAY_SECONDS, Touchpoints

__all__ = ["tracking_rows"]

CALL_EVERY_DAYS, CALLS_FOR_DAYS = 6.0, 24.0  # office days
TOUCHPOINTS_PER_CHUNK = 2**24
"""Room for touchpoint ids in one chunk."""


def tracking_rows(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Make one chunk's rows of the tracking export.

    Parameters
    ----------
    setting, chunk, stories
        The chunk with all rounds of its periods.
    start : int
        The simulation's start in seconds since 1970.

    Returns
    -------
    Table
        touchpoint_id, lead_id, occurred_at, recorded_at, kind, channel, asset, campaign, by; one row per touchpoint, a few
        of them twice and a few that can't be true.
    """
    rng = stream(setting.seed, "tables", chunk.number, 0)
    own = remaining(setting, chunk, stories).touchpoints
    calls = _calls(setting, rng, stories)
    calls = calls.take(calls.occurred < setting.export)
    rows = Touchpoints.concatenate([own, calls])
    size = len(rows)
    # Nothing of an id may tell in which order the touchpoints were drawn.
    number = chunk.number * TOUCHPOINTS_PER_CHUNK + rng.permutation(size)
    occurred = rows.occurred.copy()
    lead = identifiers("L-", rows.lead + chunk.offset)
    table = pa.table(
        {
            "touchpoint_id": identifiers("T-", number, bits=40),
            "lead_id": lead.dictionary_encode(),
            "occurred_at": timestamps(occurred, start),
            "recorded_at": timestamps(rows.recorded, start),
            "kind": named(rows.kind, world.KINDS),
            "channel": named(rows.channel, world.CHANNELS),
            "asset": named(rows.asset, world.ASSETS),
            "campaign": named(rows.campaign, world.CAMPAIGNS),
            "by": named((np.arange(size) >= len(own)).astype(np.int8), ("lead", "sales")),
        }
    )
    table = _as_text(table)
    return pa.concat_tables(
        [table, table.take(pa.array(duplicates(rng, size))), _impossible(rng, table, setting, start)]
    )


def _as_text(table: pa.Table) -> pa.Table:
    for index, name in enumerate(table.column_names):
        if pa.types.is_dictionary(table.schema.field(index).type):
            table = table.set_column(index, name, pc.cast(table.column(index), pa.string()))
    return table.combine_chunks()


def _calls(setting: Setting, rng: np.random.Generator, stories: tuple[Story, ...]) -> Touchpoints:
    """Draw the first call of each period and further ones until it ends; their pace tells nothing of how it will end."""
    office = setting.clocks.office
    parts = []
    for story in stories:
        called = np.flatnonzero(story.periods.contacted < setting.export)
        first = story.periods.contacted[called]
        until = np.minimum(story.endings.at[called], setting.export)
        # Drawn for the whole time and cut at the ending, so that the calls before it are the same whatever it is.
        of = np.repeat(np.arange(len(called)), rng.poisson(CALLS_FOR_DAYS / CALL_EVERY_DAYS, len(called)))
        later = office.own(first / DAY_SECONDS)[of] + rng.random(len(of)) * CALLS_FOR_DAYS * OFFICE_DAY
        again = np.floor(office.calendar(later) * DAY_SECONDS).astype(np.int64)
        of, again = of[again < until[of]], again[again < until[of]]
        occurred = np.concatenate((first, again))
        lead = np.concatenate((story.lead[called], story.lead[called][of]))
        parts.append(_call(lead, occurred))
    return Touchpoints.concatenate(parts) if parts else _call(np.zeros(0, np.int64), np.zeros(0, np.int64))


def _call(lead: np.ndarray, occurred: np.ndarray) -> Touchpoints:
    size = len(lead)
    missing = np.full(size, -1, np.int8)
    return Touchpoints(
        lead=lead,
        occurred=occurred,
        recorded=occurred,
        kind=np.full(size, world.code(world.KINDS, "call"), np.int8),
        channel=np.full(size, world.code(world.CHANNELS, "phone"), np.int8),
        asset=missing,
        campaign=missing,
        keep=np.zeros(size, np.float32),
    )


def _impossible(rng: np.random.Generator, table: pa.Table, setting: Setting, start: int) -> pa.Table:
    """Copy some rows and spoil them: an unknown lead, a moment after the export, or no moment at all."""
    chosen = duplicates(rng, table.num_rows, BAD_SHARE)
    size = len(chosen)
    rows = table.take(pa.array(chosen))
    flaw = rng.integers(0, 3, size)
    ids = pc.binary_join_element_wise(rows["touchpoint_id"], "X", "")
    unknown = identifiers("L-", rng.integers(2**31, 2**32, size) + setting.leads)
    lead = pc.if_else(pa.array(flaw == 0), pc.binary_join_element_wise("X", unknown, ""), rows["lead_id"])
    later = setting.export + rng.integers(3600, 40 * DAY_SECONDS, size)
    future = timestamps(np.where(flaw == 2, NEVER, later), start)
    moment = pc.if_else(pa.array(flaw == 0), rows["occurred_at"], future)
    recorded = pc.if_else(pa.array(flaw == 1), future, rows["recorded_at"])
    for name, column in (("touchpoint_id", ids), ("lead_id", lead), ("occurred_at", moment), ("recorded_at", recorded)):
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows.cast(table.schema)
