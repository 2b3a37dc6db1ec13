"""Touchpoints whose consent was withdrawn after they were stored: they leave the store, with all copies of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from features.journeys import TouchpointRecord
from serving.contract.event_rows import TouchpointRow, VisitRow
from serving.store import schema
from serving.store.erasing import persons
from serving.store.merging import is_merged
from serving.store.records import key_of
from serving.store.writing import chunks, mark

__all__ = ["holders", "withdraw"]

CONTENT = tuple(name for name in TouchpointRecord._fields if name not in ("recorded_at", "touchpoint_id"))
"""What makes a touchpoint that is sent without an id the same as a stored one; that one may have been given an id by ingest."""

Sent = tuple[str, TouchpointRecord]
Same = tuple[Any, ...]


def holders(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow]) -> list[str]:
    """List the leads that hold touchpoints, to be locked before they are deleted; a lead that is not stored stays unknown."""
    people = _people(connection, rows)
    return sorted({row.lead_id for row, _ in [*_own(connection, rows, people), *_copies(connection, rows)]})


def withdraw(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow], now: int) -> int:
    """Delete touchpoints, and queue the leads that held them for scoring.

    A touchpoint with an id is known by it; one without, by its content, whatever id the stored one has: all with that content
    go. It goes from all leads that were merged with the one that is named, and with a visit go its copies.

    Visits are deleted before their copies are looked for, and `serving.store.visits.add_identities` locks visits before it
    copies them. So on PostgreSQL either it waits and finds no visit to copy, or this waits and then finds the copy.

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
    touchpoints, visits = schema.touchpoints, schema.visits
    people = _people(connection, rows)
    seen = list(_stored(connection, visits, visits.c.visitor_id, _sent(rows, VisitRow), _key))
    _delete(connection, visits, visits.c.visitor_id, {(row.visitor_id, row.touchpoint_key) for row, _ in seen})
    own, copies = list(_own(connection, rows, people)), list(_copies(connection, rows))
    held = {(row.lead_id, row.touchpoint_key) for row, _ in [*own, *copies]}
    _delete(connection, touchpoints, touchpoints.c.lead_id, held)
    for chunk in chunks(sorted({lead_id for lead_id, _ in held})):
        remain = sa.select(schema.leads.c.lead_id).where(
            schema.leads.c.lead_id.in_(chunk), ~is_merged(schema.leads.c.lead_id)
        )
        mark(connection, connection.execute(remain).scalars().all(), now)
    # A lead's copies of merged leads have one key, and count once
    of_leads = {(people[row.lead_id][0], row.touchpoint_key, same) for row, same in own}
    of_visitors = {(row.visitor_id, row.touchpoint_key, same) for row, same in seen}
    leads = [(people[lead_id][0], item) for lead_id, item in _sent(rows, TouchpointRow)]
    return _both(of_leads, leads) + _both(of_visitors, _sent(rows, VisitRow))


def _both(stored: Iterable[tuple[str, str, Same]], sent: Iterable[Sent]) -> int:
    """Count what was sent and stored: of equal ones as many as there were on both sides."""
    there = Counter((whose, same) for whose, _, same in stored)
    return (there & Counter((whose, _same(item)) for whose, item in sent)).total()


def _own(
    connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow], people: dict[str, list[str]]
) -> Iterator[tuple[Any, Same]]:
    """Find the touchpoints of leads, at all leads that they were merged with."""
    table = schema.touchpoints
    sent = [(one, item) for lead_id, item in _sent(rows, TouchpointRow) for one in people[lead_id]]
    return _stored(connection, table, table.c.lead_id, sent, _key, table.c.visitor_id.is_(None))


def _copies(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow]) -> Iterator[tuple[Any, Same]]:
    """Find the copies of visits."""
    table = schema.touchpoints

    def key(visitor_id: str, touchpoint_id: str) -> str:
        return key_of("visit", visitor_id, _key(visitor_id, touchpoint_id))

    return _stored(connection, table, table.c.visitor_id, _sent(rows, VisitRow), key)


def _stored(
    connection: sa.Connection,
    table: sa.Table,
    whose: sa.Column[Any],
    sent: Sequence[Sent],
    key: Callable[[str, str], str],
    *conditions: Any,
) -> Iterator[tuple[Any, Same]]:
    """Give the rows of a table that are what was sent, and as what; `key` names those with an id."""
    wanted = {(owner, _same(item)) for owner, item in sent}
    keys = {(owner, key(owner, item.touchpoint_id)) for owner, item in sent if item.touchpoint_id is not None}
    moments = {(owner, item.occurred_at) for owner, item in sent if item.touchpoint_id is None}
    for column, pairs in ((table.c.touchpoint_key, keys), (table.c.occurred_at, moments)):
        for chunk in chunks(sorted(pairs)):
            query = sa.select(table).where(sa.tuple_(whose, column).in_(chunk), *conditions)
            for row in connection.execute(query):
                for same in (("id", row.touchpoint_id), tuple(getattr(row, name) for name in CONTENT)):
                    if (getattr(row, whose.name), same) in wanted:
                        yield row, same


def _delete(connection: sa.Connection, table: sa.Table, whose: sa.Column[Any], pairs: set[tuple[str, str]]) -> None:
    if pairs and connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros
    for chunk in chunks(sorted(pairs)):
        connection.execute(sa.delete(table).where(sa.tuple_(whose, table.c.touchpoint_key).in_(chunk)))


def _people(connection: sa.Connection, rows: Sequence[TouchpointRow | VisitRow]) -> dict[str, list[str]]:
    return persons(connection, {lead_id for lead_id, _ in _sent(rows, TouchpointRow)})


def _sent(rows: Sequence[TouchpointRow | VisitRow], kind: type[TouchpointRow] | type[VisitRow]) -> list[Sent]:
    """Give whose each touchpoint of leads, or of visitors, is."""
    return [(row[0], row.touchpoint) for row in rows if isinstance(row, kind)]


def _key(_: str, touchpoint_id: str) -> str:
    return key_of("id", touchpoint_id)


def _same(item: TouchpointRecord) -> Same:
    """Say what it is known by."""
    if item.touchpoint_id is not None:
        return "id", item.touchpoint_id
    return tuple(getattr(item, name) for name in CONTENT)
