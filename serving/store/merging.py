"""Leads that became part of another one: what was and will be sent of them is copied to the lead that remains."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from serving.store import schema
from serving.store.records import ConflictError, after_last, key_of
from serving.store.writing import chunks, insert, last_write, lock_leads, lock_stored_leads, mark

__all__ = ["add_merges", "begin_write", "carry_over", "is_merged", "merged_into", "remaining"]


def add_merges(connection: sa.Connection, rows: Sequence[Mapping[str, Any]], now: int) -> int:
    """Merge leads; `carry_over` does the rest.

    Raises
    ------
    ConflictError
        The lead was merged into another one before, or the one that remains was merged into it.
    """
    new = 0
    for position, row in enumerate(rows):
        lock_leads(connection, sorted({row["lead_id"], row["merged_into"]}), now)
        former = merged_into(connection, row["lead_id"])
        if former == row["merged_into"]:
            continue
        if former is not None or row["lead_id"] in remaining(connection, row["merged_into"]):
            raise ConflictError(position, "merged_into")
        moment = now if row["recorded_at"] is None else row["recorded_at"]
        connection.execute(sa.insert(schema.merged_leads), {**row, "recorded_at": moment})
        new += 1
    return new


def merged_into(connection: sa.Connection, lead_id: str) -> str | None:
    """Name the lead that a lead was merged into; None: it is one itself."""
    table = schema.merged_leads
    return connection.execute(sa.select(table.c.merged_into).where(table.c.lead_id == lead_id)).scalar()


def remaining(connection: sa.Connection, lead_id: str) -> list[str]:
    """List the leads that a lead became part of, one after another."""
    chain: list[str] = []
    while (lead := merged_into(connection, lead_id)) is not None:
        chain.append(lead)
        lead_id = lead
    return chain


def is_merged(lead_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Select leads that became part of another one."""
    return sa.exists().where(schema.merged_leads.c.lead_id == lead_id)


def begin_write(
    connection: sa.Connection,
    lead_ids: Sequence[str],
    account_ids: Sequence[str],
    visitor_ids: Sequence[str],
    now: int,
) -> int:
    """Lock all leads that a write may reach, in one order, so that two writers don't wait for each other.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.run` that has written nothing yet.
    lead_ids, account_ids, visitor_ids : sequence of str
        Whom the write names; the leads that visitors turned out to be, and those that leads became part of, are found here.
    now : int
        UTC microseconds.

    Returns
    -------
    int
        The moment of this write: now, or just after the last write of these leads and accounts.
    """
    identities, merged, reached = schema.identities, schema.merged_leads, {*lead_ids}
    for chunk in chunks(visitor_ids):
        query = sa.select(identities.c.lead_id).where(identities.c.visitor_id.in_(chunk))
        reached |= {*connection.execute(query).scalars()}
    pending = sorted(reached)
    while pending:
        into = set[str]()
        for chunk in chunks(pending):
            into |= {*connection.execute(sa.select(merged.c.merged_into).where(merged.c.lead_id.in_(chunk))).scalars()}
        pending = sorted(into - reached)
        reached |= into
    lock_stored_leads(connection, sorted(reached))
    moment = after_last(now, last_write(connection, lead_ids, account_ids))
    lock_leads(connection, sorted(reached), moment)
    return moment


def carry_over(connection: sa.Connection, lead_ids: Sequence[str], now: int) -> None:
    """Copy what is stored of merged leads to those that remain, as far as it is not there; to be called after each write.

    A merged lead has no decision of its own any more, is not scored, and leaves the list of open leads.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    lead_ids : sequence of str
        Leads that were written.
    now : int
        UTC microseconds.
    """
    table = schema.merged_leads
    pending = list(lead_ids)
    while pending:
        pairs = [
            (row.lead_id, row.merged_into)
            for chunk in chunks(pending)
            for row in connection.execute(sa.select(table).where(table.c.lead_id.in_(chunk)))
        ]
        for lead_id, remains in pairs:
            lock_leads(connection, [remains], now)
            _copy_rows(connection, schema.touchpoints, lead_id, remains)
            _copy_rows(connection, schema.stage_changes, lead_id, remains)
            _copy_attributes(connection, lead_id, remains)
            for own_rows in (
                schema.rescore,
                schema.decisions,
                schema.open_leads,
                schema.open_lead_details,
                schema.qualified_leads,
            ):
                connection.execute(sa.delete(own_rows).where(own_rows.c.lead_id == lead_id))
            mark(connection, [remains], now)
        pending = [remains for _, remains in pairs]


def _copy_rows(connection: sa.Connection, table: sa.Table, lead_id: str, remains: str) -> None:
    values = {"lead_id": sa.literal(remains), "merged_from": sa.literal(lead_id)}
    columns = [values.get(column.name, column) for column in table.columns]
    rows = sa.select(*columns).where(table.c.lead_id == lead_id)
    names = [column.name for column in table.columns]
    connection.execute(insert(connection, table).from_select(names, rows).on_conflict_do_nothing())


def _copy_attributes(connection: sa.Connection, lead_id: str, remains: str) -> None:
    table = schema.attribute_changes
    query = sa.select(table).where(table.c.entity == "lead", table.c.entity_id == lead_id)
    copies = []
    for row in connection.execute(query).mappings():
        key = key_of("lead", remains, row["attribute"], row["occurred_at"], row["recorded_at"])
        copies.append({**row, "change_key": key, "entity_id": remains, "merged_from": lead_id})
    for chunk in chunks(copies):
        connection.execute(insert(connection, table).on_conflict_do_nothing(), chunk)
