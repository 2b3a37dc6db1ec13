"""Touchpoints whose consent was withdrawn after they were stored: they leave the store, with all copies of them."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from serving.contract.event_rows import TouchpointRow, VisitRow
from serving.store import schema
from serving.store.erasing import all_ids
from serving.store.merging import is_merged
from serving.store.records import key_of, touchpoint_keys
from serving.store.writing import chunks, mark

__all__ = ["holders", "withdraw"]


def holders(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow]) -> list[str]:
    """List the leads that hold touchpoints, to be locked before they are deleted; a lead that is not stored stays unknown."""
    table = schema.touchpoints
    return sorted(
        {
            lead_id
            for condition in _of_leads(connection, rows)
            for lead_id in connection.execute(sa.select(table.c.lead_id).where(condition)).scalars()
        }
    )


def withdraw(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow], now: int) -> int:
    """Delete touchpoints, and queue the leads that held them for scoring.

    What is the same touchpoint is known as when it is sent twice: by its id, or without one by its content. It goes from all
    leads that were merged with the one that is named, and with a visit go its copies.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    rows : sequence of TouchpointRow or VisitRow
        As they were sent again, without consent; those that are not stored change nothing.
    now : int
        UTC microseconds.

    Returns
    -------
    int
        How many of `rows` were stored.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros
    touchpoints, visits = schema.touchpoints, schema.visits
    gone, changed = set[tuple[str, str]](), set[str]()
    for condition in _of_leads(connection, rows):
        deleted = sa.delete(touchpoints).where(condition)
        for row in connection.execute(deleted.returning(touchpoints.c.lead_id, touchpoints.c.touchpoint_key)):
            gone.add(("lead", row.touchpoint_key))
            changed.add(row.lead_id)
    for visitor_id, key in _keys(rows, VisitRow):
        is_it = (visits.c.visitor_id == visitor_id) & (visits.c.touchpoint_key == key)
        if connection.execute(sa.delete(visits).where(is_it)).rowcount:
            gone.add(("visitor", key))
            gone.discard(("lead", key_of("visit", visitor_id, key)))
    for chunk in chunks(sorted(changed)):
        remain = sa.select(schema.leads.c.lead_id).where(
            schema.leads.c.lead_id.in_(chunk), ~is_merged(schema.leads.c.lead_id)
        )
        mark(connection, connection.execute(remain).scalars().all(), now)
    return len(gone)


def _of_leads(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow]) -> Iterable[sa.ColumnElement[bool]]:
    """Select, one after another, what leads hold of these touchpoints."""
    table = schema.touchpoints
    ids = dict[str, list[str]]()
    for lead_id, key in _keys(rows, TouchpointRow):
        if lead_id not in ids:
            ids[lead_id] = all_ids(connection, lead_id)
        yield table.c.lead_id.in_(ids[lead_id]) & (table.c.touchpoint_key == key)
    for visitor_id, key in _keys(rows, VisitRow):
        yield (table.c.visitor_id == visitor_id) & (table.c.touchpoint_key == key_of("visit", visitor_id, key))


def _keys(rows: Sequence[TouchpointRow | VisitRow], kind: type[Any]) -> list[tuple[str, str]]:
    """Give whose each touchpoint of leads, or of visitors, is, and its key."""
    of_kind = [row for row in rows if isinstance(row, kind)]
    return [
        (row.lead_id if isinstance(row, TouchpointRow) else row.visitor_id, key)
        for row, key in zip(of_kind, touchpoint_keys(of_kind), strict=True)
    ]
