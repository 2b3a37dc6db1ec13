"""Writing what the CRM says of leads and accounts: who belongs where, attributes with their history, orders."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from serving.contract.event_rows import LeadRow
from serving.store import schema
from serving.store.records import ConflictError, key_of
from serving.store.writing import chunks, insert, lock_leads, mark

__all__ = ["put_leads"]

_Change = dict[str, Any]


def put_leads(connection: sa.Connection, rows: Sequence[LeadRow], now: int) -> int:
    """Write leads. Attributes keep their history: a value counts from when it became so and was recorded.

    Without an `occurred_at`, a value that is the newest already is nothing new, and another one holds from `now` on.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    rows : sequence of LeadRow
        In the order in which they apply.
    now : int
        UTC microseconds; stands in for a missing `occurred_at` and `recorded_at`.

    Returns
    -------
    int
        How many said something new.

    Raises
    ------
    ConflictError
        An attribute is there with another value of the very same moments.
    """
    lead_ids = sorted({row.lead_id for row in rows})
    lock_leads(connection, lead_ids, now)
    people, history = _people(connection, lead_ids), _history(connection, rows)
    changed: set[str] = set()
    changes: list[_Change] = []
    new = 0
    for position, row in enumerate(rows):
        news = _put_lead(connection, row, people[row.lead_id], now)
        for entity, entity_id, attributes in _entities(row):
            for name, value in attributes.items():
                former = history.setdefault((entity, entity_id, name), [])
                change = _change(entity, entity_id, name, value, row, former, now, position)
                if change is not None:
                    former.append(change)
                    changes.append(change)
                    news = True
        news |= _add_orders(connection, row)
        if news:
            new += 1
            changed.add(row.lead_id)
    for chunk in chunks(changes):
        connection.execute(sa.insert(schema.attribute_changes), chunk)
    mark(connection, sorted(changed), now)
    return new


def _entities(row: LeadRow) -> list[tuple[str, str, Mapping[str, Any]]]:
    of_account = [("account", row.account_id, row.account_attributes)] if row.account_id is not None else []
    return [("lead", row.lead_id, row.attributes), *of_account]


def _people(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    table = schema.leads
    people: dict[str, dict[str, Any]] = {}
    for chunk in chunks(lead_ids):
        for row in connection.execute(sa.select(table).where(table.c.lead_id.in_(chunk))).mappings():
            people[row["lead_id"]] = dict(row)
    return people


def _put_lead(connection: sa.Connection, row: LeadRow, stored: dict[str, Any], now: int) -> bool:
    """Write account and creation, unless newer ones are stored; `stored` is brought up to date."""
    sent = {"account_id": row.account_id, "created_at": row.created_at}
    as_of = now if row.occurred_at is None else row.occurred_at
    is_first = stored["changed_at"] is None
    late = not is_first and as_of < stored["changed_at"]
    # What is not known yet is taken from a late message, too
    news: dict[str, Any] = {
        name: value
        for name, value in sent.items()
        if value is not None and value != stored[name] and not (late and stored[name] is not None)
    }
    if not news and not is_first:
        return False
    stored |= {**news, "changed_at": stored["changed_at"] if late else as_of}
    values = {name: stored[name] for name in (*news, "changed_at")}
    connection.execute(sa.update(schema.leads).where(schema.leads.c.lead_id == row.lead_id).values(**values))
    return True


def _history(connection: sa.Connection, rows: Sequence[LeadRow]) -> dict[tuple[str, str, str], list[_Change]]:
    table = schema.attribute_changes
    wanted = sorted({entity_id for row in rows for _, entity_id, attributes in _entities(row) if attributes})
    history: dict[tuple[str, str, str], list[_Change]] = {}
    for chunk in chunks(wanted):
        query = sa.select(table).where(table.c.entity_id.in_(chunk))
        for item in connection.execute(query).mappings():
            history.setdefault((item["entity"], item["entity_id"], item["attribute"]), []).append(dict(item))
    return history


def _change(
    entity: str, entity_id: str, name: str, value: Any, row: LeadRow, former: list[_Change], now: int, position: int
) -> _Change | None:
    """Give the row to write, or None where the value says nothing new."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    moments = (row.occurred_at, row.recorded_at)
    same_moment = former if row.occurred_at is None else [one for one in former if one["occurred_at"] == moments[0]]
    newest = max(same_moment, key=lambda one: (one["occurred_at"], one["recorded_at"]), default=None)
    if newest is not None and newest["value"] == text:
        return None
    recorded_at = now if row.recorded_at is None else row.recorded_at
    occurred_at = recorded_at if row.occurred_at is None else row.occurred_at
    if any((one["occurred_at"], one["recorded_at"]) == (occurred_at, recorded_at) for one in former):
        raise ConflictError(position, "occurred_at")
    return {
        "change_key": key_of(entity, entity_id, name, occurred_at, recorded_at),
        "entity": entity,
        "entity_id": entity_id,
        "attribute": name,
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "value": text,
    }


def _add_orders(connection: sa.Connection, row: LeadRow) -> bool:
    """Write orders; equal ones of one message are several, and the same message again changes nothing."""
    if not row.orders:
        return False
    seen: dict[Any, int] = {}
    rows = []
    for order in row.orders:
        seen[order] = seen.get(order, -1) + 1
        rows.append({"account_id": row.account_id, "order_key": key_of(*order, seen[order]), **order._asdict()})
    table = schema.orders
    before = sa.select(sa.func.count()).select_from(table).where(table.c.account_id == row.account_id)
    count = connection.execute(before).scalar_one()
    for chunk in chunks(rows):
        connection.execute(insert(connection, table).on_conflict_do_nothing(), chunk)
    return bool(connection.execute(before).scalar_one() != count)
