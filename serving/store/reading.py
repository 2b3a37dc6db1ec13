"""A lead as the store knows it, as the same `LeadRequest` that its whole journey in ``POST /score`` becomes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from features.catalog import Catalog
from features.journeys import LeadJourney, OrderRecord, StageChangeRecord, TouchpointRecord
from features.timeline import before
from models.requests import LeadRequest
from serving.store import schema
from serving.store.records import after_last
from serving.store.writing import chunks

__all__ = ["account_members", "read_lead"]

TOUCHPOINT = [schema.touchpoints.c[name] for name in TouchpointRecord._fields]
CHANGE = [schema.stage_changes.c[name] for name in StageChangeRecord._fields]
ORDER = [schema.orders.c[name] for name in OrderRecord._fields]


def read_lead(
    connection: sa.Connection, lead_id: str, catalog: Catalog, now: int, snapshot_at: int | None = None
) -> LeadRequest | None:
    """Read all that is known of a lead, and where the model looks at them of its colleagues and its account's orders.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    lead_id : str
        The lead.
    catalog : Catalog
        Says what the model looks at.
    now : int
        UTC microseconds. Without a `snapshot_at` the lead is looked at now, but never before its last write: clocks of two
        machines differ, and what was acknowledged is seen.
    snapshot_at : int, optional
        UTC microseconds.

    Returns
    -------
    LeadRequest or None
        None: nothing is known of this lead.
    """
    table = schema.leads
    known = connection.execute(sa.select(table).where(table.c.lead_id == lead_id)).mappings().one_or_none()
    if known is None:
        return None
    at = after_last(now, known["touched_at"]) if snapshot_at is None else snapshot_at
    account_id, groups = known["account_id"], catalog.params.groups
    own = _attributes(connection, "lead", [lead_id], at)
    of_account = {} if account_id is None else _attributes(connection, "account", [account_id], at)
    journey = _journeys(connection, [lead_id]).get(lead_id, LeadJourney(lead_id))
    return LeadRequest(
        journey._replace(created_at=known["created_at"]),
        at,
        own.get(lead_id, {}),
        of_account.get(account_id, {}),
        _colleagues(connection, lead_id, account_id, catalog, at) if "account" in groups else (),
        _orders(connection, account_id) if "orders" in groups else (),
    )


def account_members(connection: sa.Connection, lead_id: str) -> list[str]:
    """List the other leads of a lead's account."""
    table, mine = schema.leads, schema.leads.alias("mine")
    query = (
        sa.select(table.c.lead_id)
        .join(mine, table.c.account_id == mine.c.account_id)
        .where(mine.c.lead_id == lead_id, table.c.lead_id != lead_id)
    )
    return list(connection.execute(query.order_by(table.c.lead_id)).scalars())


def _journeys(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, LeadJourney]:
    """Read the journeys of those leads that have one."""
    touchpoints: dict[str, list[TouchpointRecord]] = {}
    changes: dict[str, list[StageChangeRecord]] = {}
    for ids in chunks(lead_ids):
        column = schema.touchpoints.c.lead_id
        for who, *values in connection.execute(sa.select(column, *TOUCHPOINT).where(column.in_(ids))):
            touchpoints.setdefault(who, []).append(TouchpointRecord(*values))
        column = schema.stage_changes.c.lead_id
        for who, *values in connection.execute(sa.select(column, *CHANGE).where(column.in_(ids))):
            changes.setdefault(who, []).append(StageChangeRecord(*values))
    return {
        who: LeadJourney(who, touchpoints.get(who, []), changes.get(who, []))
        for who in dict.fromkeys([*touchpoints, *changes])
    }


def _colleagues(
    connection: sa.Connection, lead_id: str, account_id: str | None, catalog: Catalog, at: int
) -> list[LeadJourney]:
    if account_id is None:
        return []
    others = account_members(connection, lead_id)
    journeys = list(_journeys(connection, others).values())
    role = catalog.role_attribute
    if role is None:
        return journeys
    known = _attributes(connection, "lead", others, at, first=True)
    # As in a request, a role comes with touchpoints
    return [
        journey._replace(role=known.get(journey.lead_id, {}).get(role)) if journey.touchpoints else journey
        for journey in journeys
    ]


def _orders(connection: sa.Connection, account_id: str | None) -> list[OrderRecord]:
    if account_id is None:
        return []
    query = sa.select(*ORDER).where(schema.orders.c.account_id == account_id)
    return [OrderRecord(*values) for values in connection.execute(query)]


def _attributes(
    connection: sa.Connection, entity: str, ids: Sequence[str], at: int, *, first: bool = False
) -> dict[str, dict[str, Any]]:
    """Give attributes as they were known: of the values visible then, the one that occurred last, or `first` was known."""
    table = schema.attribute_changes
    query = sa.select(table).where(table.c.entity == entity)
    rows: list[Mapping[Any, Any]] = []
    for some in chunks(ids):
        rows += connection.execute(query.where(table.c.entity_id.in_(some))).mappings()
    chosen: dict[tuple[str, str], Mapping[Any, Any]] = {}
    for row in sorted(rows, key=_visible_from if first else _moments):
        if before(max(row["occurred_at"], row["recorded_at"]), at):
            name = (row["entity_id"], row["attribute"])
            chosen[name] = chosen.get(name, row) if first else row
    found: dict[str, dict[str, Any]] = {}
    for row in chosen.values():
        found.setdefault(row["entity_id"], {})[row["attribute"]] = json.loads(row["value"])
    return found


def _moments(row: Mapping[Any, Any]) -> tuple[int, int]:
    return row["occurred_at"], row["recorded_at"]


def _visible_from(row: Mapping[Any, Any]) -> tuple[int, int]:
    return max(row["occurred_at"], row["recorded_at"]), row["occurred_at"]
