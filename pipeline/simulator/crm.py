"""The CRM export of one chunk: accounts, leads, stage changes, hand-overs, attribute changes and orders, as text."""

import numpy as np
import pyarrow as pa

from pipeline.simulator import world
from pipeline.simulator.arrow import identifiers, iso, named
from pipeline.simulator.chunks import Chunk, Setting, Story, remaining, stream
from pipeline.simulator.clocks import BoolArray, IntArray
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.outcomes import RECYCLED, SALES_QUALIFIED
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["accounts_and_changes", "handovers", "leads"]

MISSING_ROLE, MISSING_INDUSTRY = 0.18, 0.08
MOVED_SHARE, RESIZED_SHARE = 0.15, 0.20


def exported_accounts(chunk: Chunk) -> BoolArray:
    """Tell which accounts the CRM knows: those with a lead that it could assign."""
    known = np.zeros(chunk.people.accounts, dtype=bool)
    known[chunk.people.account[chunk.people.known_account]] = True
    return known


def account_ids(setting: Setting, chunk: Chunk) -> pa.Array:
    """Ids of the chunk's accounts; a chunk never has more accounts than leads, so leads' numbers serve."""
    return identifiers("A-", np.arange(chunk.people.accounts) + chunk.offset)


def accounts_and_changes(setting: Setting, chunk: Chunk, start: int) -> tuple[pa.Table, pa.Table]:
    """Make the account rows, and the changes of accounts' and leads' overwritten attributes.

    Returns
    -------
    tuple of Table, Table
        accounts.csv: one row per account, with current values. attribute_changes.csv: one row per (lead or account,
        attribute, change), the first value included.
    """
    people = chunk.people
    rng = stream(setting.seed, "tables", chunk.number, 1)
    ids = account_ids(setting, chunk)
    entered = -rng.integers(30, 700, people.accounts) * DAY_SECONDS
    resized = rng.random(people.accounts) < RESIZED_SHARE
    when = rng.integers(0, setting.export, people.accounts)
    later = np.maximum(np.round(people.employees * np.exp(rng.normal(0.05, 0.25, people.accounts))), 1.0)
    current = np.where(resized, later, people.employees).astype(np.int64)
    industry_missing = rng.random(people.accounts) < MISSING_INDUSTRY
    region, region_later, moved, moved_at, created = _regions(setting, chunk)

    known = np.flatnonzero(exported_accounts(chunk))
    again = known[resized[known]]
    moving = np.flatnonzero(moved)
    employees = np.concatenate((people.employees[known], later[again])).astype(np.int64)
    regions = np.concatenate((region, region_later[moving]))
    everyone = identifiers("L-", np.concatenate((np.arange(people.leads), moving)) + chunk.offset)
    occurred = np.concatenate((entered[known], when[again], created, moved_at[moving]))
    absent = pa.nulls(len(employees), pa.string()), pa.nulls(len(regions), pa.string())
    changes = pa.table(
        {
            "account_id": pa.concat_arrays([ids.take(pa.array(np.concatenate((known, again)))), absent[1]]),
            "lead_id": pa.concat_arrays([absent[0], everyone]),
            "attribute": pa.array(["employees"] * len(employees) + ["owner_region"] * len(regions)),
            "value": pa.concat_arrays(
                [pa.array(employees).cast(pa.string()), named(regions, world.REGIONS).cast(pa.string())]
            ),
            "occurred_at": iso(occurred, start),
            "recorded_at": iso(occurred, start),
        }
    )
    accounts = pa.table(
        {
            "account_id": ids,
            "industry": named(people.industry, world.INDUSTRIES, industry_missing),
            "employees": current,
            "country": named(people.country, world.COUNTRIES),
            "revenue_band": named(people.revenue_band, world.REVENUE_BANDS),
            "existing_customer": people.customer,
        }
    )
    return accounts.take(pa.array(known)), changes


def leads(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Make leads.csv: one row per lead, as the CRM shows it at the export."""
    people = chunk.people
    rng = stream(setting.seed, "tables", chunk.number, 2)
    region, region_later, moved, _, created = _regions(setting, chunk)
    account = account_ids(setting, chunk).take(pa.array(people.account, mask=~people.known_account))
    rating = np.full(people.leads, -1)
    for story in stories:
        entered = story.endings.at < setting.export
        ending = story.endings.ending[entered]
        # Sales rates after the fact: what it already knows.
        better = np.select((ending == SALES_QUALIFIED, ending == RECYCLED), (0, 1), 2)
        rating[story.lead[entered]] = np.where(rng.random(len(better)) < 0.12, rng.integers(0, 3, len(better)), better)
    return pa.table(
        {
            "lead_id": identifiers("L-", np.arange(people.leads) + chunk.offset),
            "account_id": account,
            "created_at": iso(created, start),
            "role": named(people.role, world.ROLES, rng.random(people.leads) < MISSING_ROLE),
            "seniority": named(people.seniority, world.SENIORITIES, rng.random(people.leads) < MISSING_ROLE),
            "free_mail": people.free_mail,
            "newsletter": people.newsletter,
            "source_campaign": named(people.campaign, world.CAMPAIGNS),
            "mql_campaign": named(_mql_campaign(setting, chunk, stories), world.CAMPAIGNS),
            "owner_region": named(np.where(moved, region_later, region), world.REGIONS),
            "sales_rating": named(rating, ("hot", "warm", "cold")),
        }
    )


def handovers(setting: Setting, stories: tuple[Story, ...], start: int, offset: int) -> pa.Table:
    """Make handovers.csv: one row per period that reached sales before the export; calls after it are missing."""
    parts = []
    for number, story in enumerate(stories):
        done = np.flatnonzero(story.periods.handed_over < setting.export)
        periods = story.periods.take(done)
        called = np.where(periods.contacted < setting.export, periods.contacted, NEVER)
        parts.append(
            pa.table(
                {
                    "lead_id": identifiers("L-", story.lead[done] + offset),
                    "queued_at": iso(periods.mql, start),
                    "handed_over_at": iso(periods.handed_over, start),
                    "first_contact_at": iso(called, start),
                    "owner": owner_names(number, periods.owner),
                }
            )
        )
    return pa.concat_tables(parts)


def owner_names(number: int, owner: IntArray) -> pa.Array:
    """Names of salespeople: the desk, and a number."""
    return identifiers(f"{TEAMS[number]}-", owner, bits=8)


def team_names(setting: Setting, number: int, owner: IntArray) -> pa.Array:
    """Names of the salespeople's teams: the desk, and where it has several of the first calls a number from 1."""
    teams = setting.handover.teams if number == 0 else 1
    names = [TEAMS[number]] if teams == 1 else [f"{TEAMS[number]}_{team + 1}" for team in range(teams)]
    return pa.array(names).take(pa.array(owner % teams))


TEAMS = ("new_business", "nurture_desk")


def _mql_campaign(setting: Setting, chunk: Chunk, stories: tuple[Story, ...]) -> IntArray:
    """Find the last campaign that touched each lead before its first MQL; -1 without an MQL."""
    first = stories[0]
    mql = np.full(chunk.people.leads, -1)
    mql[first.lead] = first.periods.mql
    touchpoints = remaining(setting, chunk, stories).touchpoints
    counts = (touchpoints.campaign >= 0) & (touchpoints.recorded < mql[touchpoints.lead])
    result = np.where(mql >= 0, chunk.people.campaign, -1)
    # Of several assignments to one lead the last stays: the touchpoints are sorted by when they were recorded.
    result[touchpoints.lead[counts]] = touchpoints.campaign[counts]
    return result


def _regions(setting: Setting, chunk: Chunk) -> tuple[IntArray, IntArray, BoolArray, IntArray, IntArray]:
    """Which sales region each lead belongs to at first and later, whether and when it moves, and when it was created."""
    size = chunk.people.leads
    rng = stream(setting.seed, "tables", chunk.number, 3)
    first = rng.integers(0, len(world.REGIONS), size)
    second = (first + rng.integers(1, len(world.REGIONS), size)) % len(world.REGIONS)
    created = np.floor(chunk.people.created * DAY_SECONDS).astype(np.int64)
    moved_at = created + 1 + np.floor(rng.random(size) * (setting.export - created - 2)).astype(np.int64)
    moved = (rng.random(size) < MOVED_SHARE) & (moved_at > created) & (moved_at < setting.export)
    return first, second, moved, moved_at, created
