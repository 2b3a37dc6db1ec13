"""A lead read from the store, as the same `LeadRequest` that its whole journey in ``POST /score`` becomes.

Events are stored as they came. Here they become what the current model takes: a value that it can't read counts as unknown,
and the request's notes say so. No accepted event makes a later read fail.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from features.catalog import Catalog
from features.errors import JourneyError
from features.journeys import Journeys, LeadJourney, OrderRecord
from features.timeline import DAY_US, before, window_start
from models.answers.requests import LeadRequest, Note
from serving.store import schema
from serving.store.merging import is_merged
from serving.store.newest import own_changes, own_touchpoints, read_orders, rows_of_leads
from serving.store.records import after_last
from serving.store.writing import chunks

__all__ = ["MAX_COLLEAGUES", "account_members", "read_lead", "read_leads"]

MAX_COLLEAGUES = 1_000
"""Most leads of an account that are read, those written last: an account that stands for a mail provider has any number."""

_SURELY_SUMMED = 9e12
"""A sum of values or amounts up to here fits, however it is rounded; beyond, `Journeys` is asked."""


def read_lead(
    connection: sa.Connection, lead_id: str, catalog: Catalog, now: int, snapshot_at: int | None = None
) -> LeadRequest | None:
    """Read what a snapshot sees of a lead, and, where the model uses them, of its colleagues and its account's orders.

    Touchpoints and orders are read from the observation window; where more are there than a request may hold, the newest. So
    are the stage changes of colleagues. Of the lead's own touchpoints and stage changes some that are still to come are read,
    too, for the warning that they were ignored.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    lead_id : str
        The lead.
    catalog : Catalog
        What the model uses, and the types of its attributes.
    now : int
        UTC microseconds. Without a `snapshot_at` the snapshot is taken now, but never before its last write: clocks of two
        machines differ, and what was acknowledged is seen.
    snapshot_at : int, optional
        UTC microseconds.

    Returns
    -------
    LeadRequest or None
        With notes of what was left out or counts as unknown. None: nothing is known of this lead, or it is part of another one.
    """
    table = schema.leads
    here = sa.select(table).where(table.c.lead_id == lead_id, ~is_merged(table.c.lead_id))
    lead_row = connection.execute(here).mappings().one_or_none()
    if lead_row is None:
        return None
    at = after_last(now, lead_row["touched_at"]) if snapshot_at is None else snapshot_at
    begin = window_start(at, catalog.params.observation_days * DAY_US)
    account_id, groups = lead_row["account_id"], catalog.params.groups
    notes: list[Note] = []
    of_lead = _attributes(connection, "lead", [lead_id], at)
    of_account = {} if account_id is None else _attributes(connection, "account", [account_id], at)
    touchpoints, changes = own_touchpoints(connection, lead_id, begin, at), own_changes(connection, lead_id, at)
    _note_cut(notes, touchpoints.cut, "touchpoints", len(touchpoints.rows))
    _note_cut(notes, changes.cut, "stage_changes", len(changes.rows))
    journey = LeadJourney(lead_id, touchpoints.rows, changes.rows, lead_row["created_at"])
    colleagues: Sequence[LeadJourney] = ()
    orders: Sequence[OrderRecord] = ()
    if account_id is not None and "account" in groups:
        colleagues = _colleagues(connection, lead_id, catalog, begin, at, notes)
    if account_id is not None and "orders" in groups:
        bought = read_orders(connection, account_id, begin, at)
        _note_cut(notes, bought.cut, "account.orders", len(bought.rows))
        orders = _summed_orders(bought.rows, notes)
    return LeadRequest(
        _summed(journey, "touchpoints.value", notes),
        at,
        of_lead.get(lead_id, {}),
        of_account.get(account_id, {}),
        [_summed(colleague, "account.touchpoints.value", notes) for colleague in colleagues],
        orders,
        notes=notes,
        touchpoint_ids=touchpoints.keys,
    )


def read_leads(
    connection: sa.Connection, lead_ids: Sequence[str], catalog: Catalog, now: int, snapshot_at: int | None = None
) -> tuple[dict[str, LeadRequest], dict[str, str]]:
    """Read leads, each on its own: one that can't be read is no obstacle to the others.

    Parameters
    ----------
    connection, catalog, now, snapshot_at
        As for `read_lead`.
    lead_ids : sequence of str
        The leads.

    Returns
    -------
    leads : dict of str to LeadRequest
        Those of which anything is known.
    failed : dict of str to str
        Those that can't be read, to the type of what was raised; never its message, which may be personal.

    Raises
    ------
    DBAPIError
        It is the store that fails, not a lead.
    """
    leads, failed = {}, {}
    for lead_id in lead_ids:
        try:
            lead = read_lead(connection, lead_id, catalog, now, snapshot_at)
        except sa.exc.DBAPIError:
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, the other leads are read
            failed[lead_id] = type(error).__name__
            continue
        if lead is not None:
            leads[lead_id] = lead
    return leads, failed


def account_members(connection: sa.Connection, lead_id: str, most: int = MAX_COLLEAGUES) -> list[str]:
    """List the other leads of a lead's account, those written last first, at most so many."""
    table, this_lead = schema.leads, schema.leads.alias("mine")
    query = (
        sa.select(table.c.lead_id)
        .join(this_lead, table.c.account_id == this_lead.c.account_id)
        .where(this_lead.c.lead_id == lead_id, table.c.lead_id != lead_id, ~is_merged(table.c.lead_id))
    )
    return list(connection.execute(query.order_by(table.c.touched_at.desc(), table.c.lead_id).limit(most)).scalars())


def _note_cut(notes: list[Note], cut: bool, field: str, count: int) -> None:
    if cut:
        notes.append(Note("touchpoints_cut", field, f"{count:,}"))


def _colleagues(
    connection: sa.Connection, lead_id: str, catalog: Catalog, begin: int, at: int, notes: list[Note]
) -> list[LeadJourney]:
    others = account_members(connection, lead_id, MAX_COLLEAGUES + 1)
    _note_cut(notes, len(others) > MAX_COLLEAGUES, "account", MAX_COLLEAGUES)
    del others[MAX_COLLEAGUES:]
    touchpoints, cut = rows_of_leads(connection, schema.touchpoints, others, begin, at)
    _note_cut(notes, cut, "account.touchpoints", sum(map(len, touchpoints.values())))
    changes, cut = rows_of_leads(connection, schema.stage_changes, others, begin, at)
    _note_cut(notes, cut, "account.stage_changes", sum(map(len, changes.values())))
    who = list(dict.fromkeys([*touchpoints, *changes]))
    name = catalog.role_attribute
    roles: dict[str, Any] = {}
    if name is not None:
        role_values = _attributes(connection, "lead", who, at, first=name)
        roles = {lead: values[name] for lead, values in role_values.items()}
    if any(role is not None and not isinstance(role, str) for role in roles.values()):
        notes.append(Note("attribute_type", "account.touchpoints.role", f"{name}: category"))
    roles = {lead: role for lead, role in roles.items() if isinstance(role, str) and role}
    return [LeadJourney(lead, touchpoints.get(lead, []), changes.get(lead, []), role=roles.get(lead)) for lead in who]


def _summed(journey: LeadJourney, field: str, notes: list[Note]) -> LeadJourney:
    """Leave the values out where they can't be summed."""
    if sum(abs(item.value) for item in journey.touchpoints if item.value) <= _SURELY_SUMMED:
        return journey
    try:
        Journeys.from_records([journey])
    except JourneyError:
        notes.append(Note("values_too_large", field, f"{len(journey.touchpoints):,}"))
        return journey._replace(touchpoints=[item._replace(value=None) for item in journey.touchpoints])
    return journey


def _summed_orders(orders: Sequence[OrderRecord], notes: list[Note]) -> Sequence[OrderRecord]:
    if sum(abs(item.amount) for item in orders if item.amount) <= _SURELY_SUMMED:
        return orders
    try:
        Journeys.from_records([LeadJourney("", account_id="")], {"": orders})
    except JourneyError:
        notes.append(Note("values_too_large", "account.orders.amount", f"{len(orders):,}"))
        return [item._replace(amount=None) for item in orders]
    return orders


def _attributes(
    connection: sa.Connection, entity: str, ids: Sequence[str], at: int, *, first: str | None = None
) -> dict[str, dict[str, Any]]:
    """Give attributes as they were known: of the values visible then, the one that occurred last.

    With `first`, only the attribute of that name is read, and the value that was known first.
    """
    table = schema.attribute_changes
    query = sa.select(table).where(table.c.entity == entity)
    query = query if first is None else query.where(table.c.attribute == first)
    rows: list[Mapping[Any, Any]] = []
    for chunk in chunks(ids):
        rows += connection.execute(query.where(table.c.entity_id.in_(chunk))).mappings()
    newest: dict[tuple[str, str], Mapping[Any, Any]] = {}
    for row in sorted(rows, key=_moments if first is None else _visible_from):
        if before(max(row["occurred_at"], row["recorded_at"]), at):
            name = (row["entity_id"], row["attribute"])
            newest[name] = row if first is None else newest.get(name, row)
    by_entity: dict[str, dict[str, Any]] = {}
    for row in newest.values():
        by_entity.setdefault(row["entity_id"], {})[row["attribute"]] = json.loads(row["value"])
    return by_entity


def _moments(row: Mapping[Any, Any]) -> tuple[int, int]:
    return row["occurred_at"], row["recorded_at"]


def _visible_from(row: Mapping[Any, Any]) -> tuple[int, int, int]:
    return max(row["occurred_at"], row["recorded_at"]), row["occurred_at"], row["recorded_at"]
