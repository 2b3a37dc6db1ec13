"""The whole world, chunk by chunk, into raw files and truth tables in bounded memory."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.simulator import crm, orders, stages, truth, web, world
from pipeline.simulator.chunks import Chunk, Setting, Story, build_chunk, first_mqls, later_mqls, retell, stream
from pipeline.simulator.handovers import NEVER, Periods, hand_over
from pipeline.simulator.urgency import urgency

__all__ = ["Counts", "Schedule", "chunk_tables", "schedule_all", "write_world"]

Advance = Callable[[str, int, int], None]
DAYS_PER_MONTH = 30.4375
CSV_TABLES = ("accounts", "leads", "stage_changes", "handovers", "attribute_changes", "orders")
TRUTH_TABLES = ("snapshot_truth", "contact_truth", "lead_truth", "handling_truth")


@dataclass(frozen=True)
class Schedule:
    """All periods of all chunks, one element per round; each round sorted by lead."""

    rounds: tuple[Periods, ...]

    def of(self, chunk: Chunk, number: int) -> Periods:
        """Pick one chunk's periods of one round."""
        periods = self.rounds[number]
        low, high = np.searchsorted(periods.lead, (chunk.offset, chunk.offset + chunk.people.leads))
        return periods.take(slice(int(low), int(high)))


@dataclass(frozen=True)
class Counts:
    """What was written."""

    leads: int
    touchpoints: int
    mqls: int
    requalified: int


def schedule_all(setting: Setting, numbers: list[int], advance: Advance) -> Schedule:
    """Work out both rounds of MQLs and their hand-overs.

    Parameters
    ----------
    setting : Setting
    numbers : list of int
        All chunks, in any order: the schedule does not depend on it.
    advance : callable
        Told (what is being done, steps done, steps in all).
    """
    found: list[tuple[np.ndarray, ...]] = []
    for done, number in enumerate(numbers):
        chunk = build_chunk(setting, number)
        lead, mql = first_mqls(setting, chunk)
        nothing = np.zeros(len(lead), np.int64)
        found.append((lead + chunk.offset, mql, nothing, nothing + NEVER, urgency(setting, chunk, lead, mql)))
        advance("leads become MQL", done + 1, len(numbers))
    first = Schedule((_team(setting, 0, found),))
    found = []
    for done, number in enumerate(numbers):
        chunk = build_chunk(setting, number)
        lead, mql, pushes, pushed_at = later_mqls(setting, chunk, retell(setting, chunk, first.of(chunk, 0), 0))
        found.append((lead + chunk.offset, mql, pushes, pushed_at, urgency(setting, chunk, lead, mql)))
        advance("sales calls, recycled leads return", done + 1, len(numbers))
    return Schedule((*first.rounds, _team(setting, 1, found)))


def _team(setting: Setting, number: int, found: list[tuple[np.ndarray, ...]]) -> Periods:
    lead, mql, pushes, pushed_at, first = (np.concatenate(column) for column in zip(*found, strict=True))
    rng = stream(setting.seed, "team", number)
    periods = hand_over(rng, lead, mql, pushes, setting.days, setting.clocks.office, setting.handover, pushed_at, first)
    return periods.take(np.argsort(periods.lead, kind="stable"))


def chunk_tables(setting: Setting, schedule: Schedule, number: int, start: int) -> dict[str, pa.Table]:
    """Make all rows of one chunk: a pure function of the setting, the schedule and the chunk's number.

    Returns
    -------
    dict of Table
        The tables of the export and of the truth, by name.
    """
    chunk = build_chunk(setting, number)
    stories: tuple[Story, ...] = tuple(
        retell(setting, chunk, schedule.of(chunk, round_), round_) for round_ in range(len(schedule.rounds))
    )
    accounts, changes = crm.accounts_and_changes(setting, chunk, start)
    return {
        "accounts": accounts,
        "leads": crm.leads(setting, chunk, stories, start),
        "stage_changes": stages.stage_changes(setting, chunk, stories, start),
        "handovers": crm.handovers(setting, stories, start, chunk.offset),
        "attribute_changes": changes,
        "orders": orders.orders(setting, chunk, stories, start),
        "touchpoints": web.tracking_rows(setting, chunk, stories, start),
        "snapshot_truth": truth.snapshot_truth(setting, chunk, stories, start),
        "contact_truth": truth.call_truth(setting, chunk, stories),
        "lead_truth": truth.lead_truth(setting, chunk, stories, start),
        "handling_truth": truth.handling_truth(
            setting, chunk, stories[0], truth.reference_handling(schedule.rounds[0], setting.handover.teams)
        ),
    }


def write_world(setting: Setting, start: dt.date, raw: Path, truth_dir: Path, advance: Advance) -> Counts:
    """Simulate the world and write its files; former files in the two folders are replaced.

    Parameters
    ----------
    setting : Setting
    start : date
        Day 0, 00:00 UTC.
    raw, truth_dir : Path
        Folders of the export and of the truth tables.
    advance : callable
        Told (what is being done, steps done, steps in all).

    Returns
    -------
    Counts
    """
    for folder in (raw, truth_dir):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    (raw / "touchpoints").mkdir()
    origin = int(dt.datetime.combine(start, dt.time(), dt.UTC).timestamp())
    numbers = list(range(setting.chunks))
    schedule = schedule_all(setting, numbers, advance)
    touchpoints = 0
    with ExitStack() as stack:
        writers: dict[str, pa_csv.CSVWriter | pq.ParquetWriter] = {}
        for done, tables in enumerate(_all_tables(setting, schedule, numbers, origin)):
            rows = tables.pop("touchpoints")
            touchpoints += rows.num_rows
            pq.write_table(rows, raw / "touchpoints" / f"part-{done:05d}.parquet", compression="zstd")
            for name, table in tables.items():
                if name not in writers:
                    writers[name] = stack.enter_context(_writer(name, table.schema, raw, truth_dir))
                writers[name].write_table(table)
            advance("writing the export", done + 1, len(numbers))
    export = pa.table({"exported_at": [f"{start + dt.timedelta(days=setting.days)}T00:00:00Z"], "clock": ["real"]})
    pa_csv.write_csv(export, raw / "export.csv", _CSV)
    pa_csv.write_csv(campaign_costs(setting, start), raw / "campaign_costs.csv", _CSV)
    first, later = schedule.rounds
    return Counts(leads=setting.leads, touchpoints=touchpoints, mqls=len(first.lead), requalified=len(later.lead))


def campaign_costs(setting: Setting, start: dt.date) -> pa.Table:
    """Make campaign_costs.csv: what each campaign cost in each month, of those that cost anything.

    Returns
    -------
    Table
        campaign, spent_at (a day of the month), amount in EUR: the price of a lead times the leads that are planned for.
    """
    days = np.arange(0.0, setting.days, DAYS_PER_MONTH)
    mix = world.campaign_mix(days, setting.days)
    planned = setting.leads * mix / mix.sum() * np.array(world.CAMPAIGN_PRICE)
    month, campaign = np.nonzero(planned)
    return pa.table(
        {
            "campaign": pa.array(world.CAMPAIGNS).take(pa.array(campaign)),
            "spent_at": [f"{start + dt.timedelta(days=float(days[place]))}T00:00:00Z" for place in month],
            "amount": np.round(planned[month, campaign], 2),
        }
    )


_CSV = pa_csv.WriteOptions(quoting_style="needed")


def _all_tables(setting: Setting, schedule: Schedule, numbers: list[int], start: int) -> Iterator[dict[str, pa.Table]]:
    for number in numbers:
        yield chunk_tables(setting, schedule, number, start)


def _writer(name: str, schema: pa.Schema, raw: Path, truth_dir: Path) -> pa_csv.CSVWriter | pq.ParquetWriter:
    if name in TRUTH_TABLES:
        return pq.ParquetWriter(truth_dir / f"{name}.parquet", schema, compression="zstd")
    return pa_csv.CSVWriter(raw / f"{name}.csv", schema, write_options=_CSV)
