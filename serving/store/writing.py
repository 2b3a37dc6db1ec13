"""Writing touchpoints, stage changes and verdicts. Each function is one part of a transaction, and writes all or raises."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from serving.store import schema
from serving.store.records import (
    ChangeRow,
    ConflictError,
    OutcomeRow,
    TouchpointRow,
    change_key,
    key_of,
    touchpoint_keys,
)

__all__ = [
    "add_outcomes",
    "add_stage_changes",
    "add_touchpoints",
    "chunks",
    "insert",
    "last_write",
    "lock_leads",
    "mark",
]

AT_ONCE = 500


def add_touchpoints(connection: sa.Connection, rows: Sequence[TouchpointRow], now: int) -> int:
    """Write touchpoints, in any order of time; those already there change nothing.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    rows : sequence of TouchpointRow
        Of any leads, known or not.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.

    Returns
    -------
    int
        How many are new.

    Raises
    ------
    ConflictError
        An id of the same lead is there with other content, in the store or in `rows`.
    """
    wanted = []
    for row, key in zip(rows, touchpoint_keys(rows), strict=True):
        wanted.append({"lead_id": row.lead_id, "touchpoint_key": key, **row.touchpoint._asdict()})
    return _add(connection, schema.touchpoints, "touchpoint_key", wanted, now, "touchpoint_id")


def add_stage_changes(connection: sa.Connection, rows: Sequence[ChangeRow], now: int) -> int:
    """Write stage changes; equal ones change nothing.

    Parameters
    ----------
    connection, now
        As for `add_touchpoints`.
    rows : sequence of ChangeRow
        Of any leads, known or not.

    Returns
    -------
    int
        How many are new.
    """
    wanted = [{"lead_id": row.lead_id, "change_key": change_key(row), **_flat(row)} for row in rows]
    return _add(connection, schema.stage_changes, "change_key", wanted, now, None)


def add_outcomes(connection: sa.Connection, rows: Sequence[OutcomeRow], now: int) -> int:
    """Write verdicts of sales, each as a stage change, too.

    Parameters
    ----------
    connection, now
        As for `add_touchpoints`.
    rows : sequence of OutcomeRow
        Of any leads, known or not.

    Returns
    -------
    int
        How many are new.

    Raises
    ------
    ConflictError
        An outcome_id of the same lead is there with other content.
    """
    wanted = []
    for outcome_id, row in rows:
        flat = _flat(row)
        content = {"outcome": flat.pop("stage"), **flat}
        key = key_of("id", outcome_id) if outcome_id is not None else key_of("content", change_key(row))
        wanted.append({"lead_id": row.lead_id, "outcome_key": key, "outcome_id": outcome_id, **content})
    new = _add(connection, schema.outcomes, "outcome_key", wanted, now, "outcome_id")
    add_stage_changes(connection, [row for _, row in rows], now)
    return new


def _flat(row: ChangeRow) -> dict[str, Any]:
    return {**row.change._asdict(), "reason": row.reason, "owner": row.owner, "team": row.team}


def _add(
    connection: sa.Connection, table: sa.Table, key: str, wanted: list[dict[str, Any]], now: int, id_name: str | None
) -> int:
    """Insert what is not there; compare what is."""
    lead_ids = sorted({row["lead_id"] for row in wanted})
    lock_leads(connection, lead_ids, now)
    there = _read(connection, table, key, wanted)
    new: dict[tuple[str, str], dict[str, Any]] = {}
    for position, row in enumerate(wanted):
        name = (row["lead_id"], row[key])
        former = there.get(name) or new.get(name)
        if former is None:
            new[name] = {**row, "recorded_at": now if row["recorded_at"] is None else row["recorded_at"]}
        elif id_name is not None and not _same(row, former):
            raise ConflictError(position, id_name)
    if new:
        for chunk in chunks(list(new.values())):
            connection.execute(sa.insert(table), chunk)
        mark(connection, sorted({lead_id for lead_id, _ in new}), now)
    return len(new)


def _read(
    connection: sa.Connection, table: sa.Table, key: str, wanted: list[dict[str, Any]]
) -> dict[tuple[str, str], Mapping[Any, Any]]:
    rows: dict[tuple[str, str], Mapping[Any, Any]] = {}
    for chunk in chunks(sorted({(row["lead_id"], row[key]) for row in wanted})):
        # The pairs of both lists are more than those asked for, and found by the index
        query = sa.select(table).where(
            table.c.lead_id.in_({lead_id for lead_id, _ in chunk}), table.c[key].in_({name for _, name in chunk})
        )
        for row in connection.execute(query).mappings():
            rows[row["lead_id"], row[key]] = row
    return rows


def _same(row: Mapping[str, Any], former: Mapping[Any, Any]) -> bool:
    """Compare content; a `recorded_at` that was not sent is not part of it."""
    return all(former[name] == value for name, value in row.items() if not (name == "recorded_at" and value is None))


def last_write(connection: sa.Connection, lead_ids: Sequence[str], account_ids: Sequence[str] = ()) -> int | None:
    """Give the moment of the last write to any of these leads or accounts; None: there was none.

    Where a clock steps back, or another machine's is behind, an event that comes later must still be recorded later.
    """
    table, moments = schema.leads, list[int | None]()
    for column, ids in ((table.c.lead_id, lead_ids), (table.c.account_id, account_ids)):
        for chunk in chunks(ids):
            moments.append(
                connection.execute(sa.select(sa.func.max(table.c.touched_at)).where(column.in_(chunk))).scalar()
            )
    return max((moment for moment in moments if moment is not None), default=None)


def lock_leads(connection: sa.Connection, lead_ids: Sequence[str], now: int) -> None:
    """Make the rows of leads where there are none, and keep other writers of these leads out until the transaction ends."""
    for chunk in chunks(lead_ids):
        rows = [{"lead_id": lead_id, "touched_at": now} for lead_id in chunk]
        connection.execute(insert(connection, schema.leads).on_conflict_do_nothing(), rows)
        # SQLite has one writer at a time anyway
        query = sa.select(schema.leads.c.lead_id).where(schema.leads.c.lead_id.in_(chunk))
        connection.execute(query.order_by(schema.leads.c.lead_id).with_for_update())


def mark(connection: sa.Connection, lead_ids: Iterable[str], now: int) -> None:
    """Note that leads were written, and queue them for scoring; in the same transaction, so that none is forgotten."""
    for chunk in chunks(list(lead_ids)):
        table = schema.leads
        later = sa.case((table.c.touched_at < now, now), else_=table.c.touched_at)
        connection.execute(sa.update(table).where(table.c.lead_id.in_(chunk)).values(touched_at=later))
        queue = insert(connection, schema.rescore)
        again = {"asked": schema.rescore.c.asked + 1, "due_at": queue.excluded.due_at}
        again |= {"attempts": 0, "given_up": 0, "retry_at": 0}
        statement = queue.on_conflict_do_update(index_elements=["lead_id"], set_=again)
        connection.execute(statement, [{"lead_id": lead_id, "asked": 1, "due_at": now} for lead_id in chunk])


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """Begin an INSERT with an ``ON CONFLICT`` clause, which both databases take in one syntax."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a list so that its parts fit into one statement."""
    for begin in range(0, len(items), AT_ONCE):
        yield items[begin : begin + AT_ONCE]
