"""The lists of open leads, one per model: a row per lead, kept up to date with each score, and read by pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa

from serving.contract.model_names import DEFAULT_MODEL
from serving.store import schema
from serving.store.writing import chunks, insert

__all__ = [
    "ORDERS",
    "ListFilter",
    "ListPage",
    "OpenLead",
    "Shown",
    "accounts_of",
    "count_open_leads",
    "drop_open_leads",
    "list_open_leads",
    "listed_ids",
    "newest_owners",
    "open_lead",
    "owners",
    "put_open_leads",
]

Shown = Literal["to_call", "held", "accepted", "all"]
MOST_OWNERS = 200

_TABLE = schema.open_leads
ORDERS: Mapping[str, tuple[sa.ColumnElement[Any], ...]] = {
    "probability": (_TABLE.c.rank, _TABLE.c.lead_id),
    "risen": (_TABLE.c.difference.desc(), _TABLE.c.lead_id.desc()),
    "fallen": (_TABLE.c.difference, _TABLE.c.lead_id),
    "newest_touchpoint": (_TABLE.c.last_touchpoint_at.desc(), _TABLE.c.lead_id.desc()),
    "oldest_touchpoint": (_TABLE.c.last_touchpoint_at, _TABLE.c.lead_id),
}
"""By what a list may be ordered; each is an index."""


class OpenLead(NamedTuple):
    """One open lead, as it was scored last.

    Attributes
    ----------
    lead_id : str
    account_id, owner : str or None
    stage : str or None
        The newest stage that says where it stands with sales: ``mql`` or ``sal``.
    probability, low, high : float or None
        None: not scored.
    tier, not_scored : str or None
    within_capacity : bool or None
        None: no cut-off is known, or it is not scored.
    advice : str or None
        Of `models.answers.advice`; None: it is not scored.
    chance_now : float or None
        Of a first contact now; None: nothing can be told of it.
    probability_before : float or None
        A week before `snapshot_at`.
    last_touchpoint_at : int or None
        UTC microseconds.
    last_touchpoint : str or None
        What it was.
    snapshot_at : int
        UTC microseconds.
    details : mapping
        JSON values: ``reasons``, ``change``, ``decision``, ``warnings``, and of a model of customers ``orders``.
    model : str
        That scored it.
    """

    lead_id: str
    account_id: str | None
    owner: str | None
    stage: str | None
    probability: float | None
    low: float | None
    high: float | None
    tier: str | None
    not_scored: str | None
    within_capacity: bool | None
    advice: str | None
    chance_now: float | None
    probability_before: float | None
    last_touchpoint_at: int | None
    last_touchpoint: str | None
    snapshot_at: int
    details: Mapping[str, Any]
    model: str = DEFAULT_MODEL


@dataclass(frozen=True)
class ListFilter:
    """Which open leads, and in which order.

    Attributes
    ----------
    shown : str
        ``to_call``: those to be called now; where nothing can be told of when, those within capacity, or where no cut-off is
        known all that are scored. ``held``: marketing speaks with them next. ``accepted``: sales took them over. ``all``.
    tier, owner : str or None
        Only these; None: any. An empty `owner`: those without one.
    search : str
        In lead, account or owner, whatever the case; empty: no search.
    order : str
        One of `ORDERS`.
    model : str
        Whose list.
    """

    shown: Shown = "to_call"
    tier: str | None = None
    owner: str | None = None
    search: str = ""
    order: str = "probability"
    model: str = DEFAULT_MODEL


class ListPage(NamedTuple):
    """A part of the list, and how many leads the filter lets through."""

    leads: list[OpenLead]
    total: int


def put_open_leads(connection: sa.Connection, leads: Sequence[OpenLead]) -> None:
    """Write leads into the list, or bring them up to date there; what was scored for a later moment stays.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    leads : sequence of OpenLead
        Each once.
    """
    for chunk in chunks(sorted(leads, key=lambda lead: lead.lead_id)):
        _put(connection, _TABLE, [_row(lead) for lead in chunk])
        details = [
            {
                "lead_id": lead.lead_id,
                "model": lead.model,
                "snapshot_at": lead.snapshot_at,
                "details": json.dumps(lead.details),
            }
            for lead in chunk
        ]
        _put(connection, schema.open_lead_details, details)


def _put(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    statement = insert(connection, table)
    news = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    is_newer = statement.excluded.snapshot_at >= table.c.snapshot_at
    connection.execute(
        statement.on_conflict_do_update(index_elements=["lead_id", "model"], set_=news, where=is_newer), rows
    )


def listed_ids(connection: sa.Connection) -> list[str]:
    """List the ids of all open leads, of all models."""
    return list(connection.execute(sa.select(_TABLE.c.lead_id).distinct()).scalars())


def drop_open_leads(connection: sa.Connection, lead_ids: Sequence[str], model: str | None = None) -> None:
    """Take leads off a model's list: they are closed, or outside its population. None: off all lists."""
    for chunk in chunks(sorted(lead_ids)):
        for table in (_TABLE, schema.open_lead_details):
            statement = sa.delete(table).where(table.c.lead_id.in_(chunk))
            connection.execute(statement if model is None else statement.where(table.c.model == model))


def _row(lead: OpenLead) -> dict[str, Any]:
    before, now = lead.probability_before, lead.probability
    row = {name: value for name, value in lead._asdict().items() if name in _TABLE.c}
    return {
        **row,
        "rank": 1.0 if now is None else -now,
        "within_capacity": None if lead.within_capacity is None else int(lead.within_capacity),
        "difference": 0.0 if before is None or now is None else now - before,
        "last_touchpoint_at": lead.last_touchpoint_at or 0,
        "searched": _folded("\n".join(filter(None, (lead.lead_id, lead.account_id, lead.owner)))),
    }


def list_open_leads(connection: sa.Connection, wanted: ListFilter, first: int, most: int) -> ListPage:
    """Read a part of the list.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    wanted : ListFilter
    first, most : int
        0-based position of the first one, and how many at most.
    """
    [total] = _counted(connection, wanted)
    keys = sa.select(_TABLE.c.lead_id).where(*_where(wanted)).order_by(*ORDERS[wanted.order]).offset(first).limit(most)
    lead_ids = list(connection.execute(keys).scalars())
    rows = {lead.lead_id: lead for chunk in chunks(lead_ids) for lead in _read(connection, wanted.model, chunk)}
    return ListPage([rows[lead_id] for lead_id in lead_ids], total)


def open_lead(connection: sa.Connection, lead_id: str, model: str = DEFAULT_MODEL) -> OpenLead | None:
    """Read one lead of a model's list; None: it is not on it."""
    return next(iter(_read(connection, model, [lead_id])), None)


def count_open_leads(connection: sa.Connection, model: str = DEFAULT_MODEL) -> dict[str, int]:
    """Count a model's list by what is shown of it."""
    shown: tuple[Shown, ...] = get_args(Shown)
    return dict(zip(shown, _counted(connection, *(ListFilter(name, model=model) for name in shown)), strict=True))


def _counted(connection: sa.Connection, *filters: ListFilter) -> list[int]:
    """Count the leads of each filter in one pass over the table; lookups by an index take SQLite nine times as long."""
    counts = [sa.func.count().filter(sa.true(), *_where(wanted)) for wanted in filters]
    return [int(count) for count in connection.execute(sa.select(*counts).select_from(_TABLE)).one()]


def owners(connection: sa.Connection, model: str = DEFAULT_MODEL) -> list[str]:
    """List who owns open leads of a model's list, at most so many that a person can choose from; in alphabetical order."""
    query = (
        sa.select(_TABLE.c.owner)
        .where(_TABLE.c.owner.is_not(None), _TABLE.c.model == model)
        .distinct()
        .limit(MOST_OWNERS)
    )
    return sorted(connection.execute(query).scalars(), key=str.casefold)


def newest_owners(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, str]:
    """Give the owner in the newest stage change of each lead that names one."""
    table, people = schema.stage_changes, dict[str, str]()
    for chunk in chunks(lead_ids):
        query = sa.select(table.c.lead_id, table.c.owner).where(table.c.lead_id.in_(chunk), table.c.owner.is_not(None))
        query = query.where(table.c.retracted_at.is_(None))
        for lead_id, owner in connection.execute(query.order_by(table.c.occurred_at, table.c.recorded_at)):
            people[lead_id] = owner
    return people


def accounts_of(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, str]:
    """Give the account of each lead that has one."""
    table, accounts = schema.leads, dict[str, str]()
    for chunk in chunks(lead_ids):
        query = sa.select(table.c.lead_id, table.c.account_id).where(table.c.lead_id.in_(chunk))
        accounts |= {
            row.lead_id: row.account_id for row in connection.execute(query.where(table.c.account_id.is_not(None)))
        }
    return accounts


def _where(wanted: ListFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [_TABLE.c.model == wanted.model]
    if wanted.shown == "to_call":
        # What a filter leaves out by capacity lies behind the cut-off, so the index by rank finds the first ones at once
        by_capacity = sa.and_(
            sa.func.coalesce(_TABLE.c.advice, "unknown").in_(("unknown", "too_little_data")),
            _TABLE.c.within_capacity.is_distinct_from(0),
        )
        conditions += [_TABLE.c.rank <= 0.0, sa.or_(_TABLE.c.advice == "hand_over_now", by_capacity)]
    elif wanted.shown == "held":
        conditions.append(_TABLE.c.advice == "wait_until")
    elif wanted.shown == "accepted":
        conditions.append(_TABLE.c.stage == "sal")
    if wanted.tier is not None:
        conditions.append(_TABLE.c.tier == wanted.tier)
    if wanted.owner is not None:
        conditions.append(_TABLE.c.owner == wanted.owner if wanted.owner else _TABLE.c.owner.is_(None))
    if wanted.search:
        conditions.append(_TABLE.c.searched.contains(_folded(wanted.search), autoescape=True))
    return conditions


def _folded(text: str) -> str:
    return text.casefold()


def _read(connection: sa.Connection, model: str, lead_ids: Sequence[str]) -> list[OpenLead]:
    details = schema.open_lead_details
    is_same = sa.and_(details.c.lead_id == _TABLE.c.lead_id, details.c.model == _TABLE.c.model)
    query = sa.select(_TABLE, details.c.details).join(details, is_same).where(_TABLE.c.model == model)
    leads = []
    for row in connection.execute(query.where(_TABLE.c.lead_id.in_(lead_ids))).mappings():
        values: dict[str, Any] = {name: row.get(name) for name in OpenLead._fields}
        content = json.loads(row["details"])
        capacity = row["within_capacity"]
        values |= {
            "details": content,
            "within_capacity": None if capacity is None else bool(capacity),
            "probability_before": content.get("probability_before"),
            "last_touchpoint_at": row["last_touchpoint_at"] or None,
        }
        leads.append(OpenLead(**values))
    return leads
