"""Touchpoints of visitors: stored as they came, and copied to the lead that a visitor turned out to be.

What a visitor did is seen from the identification on. Of a visitor who was identified more than once, a visit belongs to
the last lead identified before it; what was before the first identification, to that one. Ingest joins them by the same rule.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from serving.contract.event_rows import VisitRow
from serving.store import schema
from serving.store.records import ConflictError, key_of, touchpoint_keys
from serving.store.writing import add_rows, chunks, insert, lock_leads, mark

__all__ = ["add_identities", "add_visits", "identified_at"]

_ALWAYS, _NEVER = -(2**62), 2**62


def identified_at(identity: Mapping[Any, Any]) -> int:
    """Give the moment from which an identification counts: once it happened and was known."""
    return int(max(identity["identified_at"], identity["recorded_at"]))


def add_visits(connection: sa.Connection, rows: Sequence[VisitRow], now: int, positions: Sequence[int]) -> int:
    """Write touchpoints of visitors; see `serving.store.writing.add_touchpoints`."""
    wanted: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for position, row, key in zip(positions, rows, touchpoint_keys(rows), strict=True):
        content = {"visitor_id": row.visitor_id, "touchpoint_key": key, **row.touchpoint._asdict()}
        former = wanted.setdefault((row.visitor_id, key), (position, content))
        if former[1] != content:
            raise ConflictError(position, "touchpoint_id")
    there = _visits(connection, sorted({visitor_id for visitor_id, _ in wanted}))
    new = []
    for name, (position, content) in wanted.items():
        stored = there.get(name)
        if stored is None:
            new.append({**content, "recorded_at": now if content["recorded_at"] is None else content["recorded_at"]})
        elif any(
            stored[column] != value for column, value in content.items() if value is not None or column != "recorded_at"
        ):
            raise ConflictError(position, "touchpoint_id")
    for chunk in chunks(new):
        connection.execute(insert(connection, schema.visits).on_conflict_do_nothing(), chunk)
    _copy(connection, new, now)
    return len(new)


def add_identities(connection: sa.Connection, rows: Sequence[Mapping[str, Any]], now: int) -> int:
    """Write identifications, and give visits to the leads that they name."""
    new = add_rows(connection, schema.identities, rows, now)
    if new:
        visitors = sorted({row["visitor_id"] for row in rows})
        copies = schema.touchpoints
        # Locked first, so that none of them is withdrawn between being read and being copied
        visits = list(_visits(connection, visitors, lock=True).values())
        for chunk in chunks(visitors):
            connection.execute(sa.delete(copies).where(copies.c.visitor_id.in_(chunk)))
        _copy(connection, visits, now)
    return new


def _visits(
    connection: sa.Connection, visitors: Sequence[str], *, lock: bool = False
) -> dict[tuple[str, str], Mapping[Any, Any]]:
    table = schema.visits
    query = sa.select(table).order_by(table.c.visitor_id, table.c.touchpoint_key)
    query = query.with_for_update() if lock else query
    return {
        (row["visitor_id"], row["touchpoint_key"]): row
        for chunk in chunks(visitors)
        for row in connection.execute(query.where(table.c.visitor_id.in_(chunk))).mappings()
    }


def _copy(connection: sa.Connection, visits: Sequence[Mapping[Any, Any]], now: int) -> None:
    """Give visits to the leads that their visitors are."""
    periods = _periods(connection, sorted({visit["visitor_id"] for visit in visits}))
    copies = []
    for visit in visits:
        for lead_id, begin, end, since in periods.get(visit["visitor_id"], ()):
            if begin <= visit["occurred_at"] < end:
                key = key_of("visit", visit["visitor_id"], visit["touchpoint_key"])
                moment = max(visit["recorded_at"], since)
                copies.append({**visit, "lead_id": lead_id, "touchpoint_key": key, "recorded_at": moment})
    leads = sorted({copy["lead_id"] for copy in copies})
    lock_leads(connection, leads, now)
    for chunk in chunks(copies):
        connection.execute(insert(connection, schema.touchpoints).on_conflict_do_nothing(), chunk)
    mark(connection, leads, now)


def _periods(connection: sa.Connection, visitors: Sequence[str]) -> dict[str, list[tuple[str, int, int, int]]]:
    """Give, per visitor, whose the visits in ``[begin, end)`` are, and since when that is known."""
    table = schema.identities
    by_visitor: dict[str, list[tuple[int, str]]] = {}
    for chunk in chunks(visitors):
        for row in connection.execute(sa.select(table).where(table.c.visitor_id.in_(chunk))).mappings():
            by_visitor.setdefault(row["visitor_id"], []).append((identified_at(row), row["lead_id"]))
    return {visitor_id: list(_in_turn(sorted(named))) for visitor_id, named in by_visitor.items()}


def _in_turn(named: Sequence[tuple[int, str]]) -> list[tuple[str, int, int, int]]:
    begins = [_ALWAYS, *(moment for moment, _ in named[1:]), _NEVER]
    return [
        (lead_id, begin, end, since) for (since, lead_id), (begin, end) in zip(named, pairwise(begins), strict=True)
    ]
