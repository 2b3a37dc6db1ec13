"""Writing rows of leads, such as touchpoints. Each function is a part of a transaction, and writes all or raises."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from serving.contract.event_rows import ChangeRow, TouchpointRow
from serving.store import schema
from serving.store.records import ConflictError, change_key, key_of, touchpoint_keys

__all__ = [
    "add_rows",
    "add_stage_changes",
    "add_touchpoints",
    "change_columns",
    "chunks",
    "insert",
    "insert_new",
    "last_write",
    "lock_leads",
    "lock_stored_leads",
    "mark",
    "read_rows",
]

AT_ONCE = 500


def add_touchpoints(
    connection: sa.Connection, rows: Sequence[TouchpointRow], now: int, positions: Sequence[int] | None = None
) -> int:
    """Write touchpoints, in any order of time; those already there change nothing.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    rows : sequence of TouchpointRow
        Of any leads, known or not.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.
    positions : sequence of int, optional
        Of `rows` in the body, for messages.

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
    return len(insert_new(connection, schema.touchpoints, "touchpoint_key", wanted, now, "touchpoint_id", positions))


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
    wanted = [{"lead_id": row.lead_id, "change_key": change_key(row), **change_columns(row)} for row in rows]
    return len(insert_new(connection, schema.stage_changes, "change_key", wanted, now, None))


def add_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], now: int) -> int:
    """Write rows of any table of leads that says in its `info` what makes two of them the same.

    What was missing may be sent later; what is there stays.

    Parameters
    ----------
    connection, now
        As for `add_touchpoints`.
    table : Table
        With a key of `lead_id` and `event_key`.
    rows : sequence of mapping
        Columns to values.

    Returns
    -------
    int
        How many said something new.

    Raises
    ------
    ConflictError
        Another value of a column is there.
    """
    same = table.info["same"]
    wanted = [{**row, "event_key": key_of(*(row[name] for name in same))} for row in rows]
    lock_leads(connection, sorted({row["lead_id"] for row in wanted}), now)
    there = {name: dict(row) for name, row in read_rows(connection, table, "event_key", wanted).items()}
    news: dict[int, str] = {}
    changed: dict[tuple[str, str], bool] = {}
    for position, row in enumerate(wanted):
        name = (row["lead_id"], row["event_key"])
        former = there.get(name)
        if former is None:
            there[name] = {**row, "recorded_at": now if row["recorded_at"] is None else row["recorded_at"]}
            changed[name], news[position] = True, row["lead_id"]
            continue
        for column, value in row.items():
            if value is None or value == former[column]:
                continue
            if former[column] is not None:
                raise ConflictError(position, column)
            former[column] = value
            changed.setdefault(name, False)
            news[position] = row["lead_id"]
    for name, is_new in changed.items():
        if is_new:
            connection.execute(sa.insert(table), there[name])
        else:
            found = sa.and_(table.c.lead_id == name[0], table.c.event_key == name[1])
            connection.execute(sa.update(table).where(found).values(**there[name]))
    mark(connection, sorted(set(news.values())), now)
    return len(news)


def change_columns(row: ChangeRow) -> dict[str, Any]:
    """Give the columns of a stage change, without whose it is."""
    return {**row.change._asdict(), "reason": row.reason, "owner": row.owner, "team": row.team}


def insert_new(
    connection: sa.Connection,
    table: sa.Table,
    key: str,
    wanted: Sequence[Mapping[str, Any]],
    now: int,
    id_name: str | None,
    positions: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Insert what is not there, and compare what is.

    Parameters
    ----------
    connection, now
        As for `add_touchpoints`.
    table : Table
        Of leads.
    key : str
        Its second key column, beside `lead_id`.
    wanted : sequence of mapping
        Columns to values.
    id_name : str or None
        The column with the caller's id, for messages; None: equal keys are equal rows.
    positions : sequence of int, optional
        Of `wanted` in the body, for messages.

    Returns
    -------
    list of dict
        The rows that are new.

    Raises
    ------
    ConflictError
        The same key is there with other content, in the table or in `wanted`.
    """
    lock_leads(connection, sorted({row["lead_id"] for row in wanted}), now)
    there = read_rows(connection, table, key, wanted)
    new: dict[tuple[str, str], dict[str, Any]] = {}
    for position, row in zip(range(len(wanted)) if positions is None else positions, wanted, strict=True):
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
    return list(new.values())


def read_rows(
    connection: sa.Connection, table: sa.Table, key: str, wanted: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], Mapping[Any, Any]]:
    """Read the rows that have the keys of `wanted`, by lead and key."""
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
        lock_stored_leads(connection, chunk)


def lock_stored_leads(connection: sa.Connection, lead_ids: Sequence[str]) -> None:
    """Keep other writers of these leads out, as far as they are stored; SQLite has one writer at a time anyway."""
    for chunk in chunks(lead_ids):
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
