"""Erasing a lead from the store: rows in all tables, their traces in SQLite's pages and write-ahead log, and what is left."""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from serving.store import schema
from serving.store.connect import Store
from serving.store.writing import chunks

__all__ = ["all_ids", "erase_leads", "holds", "note_erasure", "persons", "scrub"]

OF_LEADS = tuple(table for table in reversed(schema.metadata.sorted_tables) if "lead_id" in table.c)
"""All tables with rows of leads; `erased_leads` holds no lead's id. Visits and attribute changes are found by other columns."""


def all_ids(connection: sa.Connection, lead_id: str) -> list[str]:
    """List the ids of a person: the lead's, and those of all leads that it was merged with."""
    return persons(connection, [lead_id])[lead_id]


def persons(connection: sa.Connection, lead_ids: Iterable[str]) -> dict[str, list[str]]:
    """Give, by each id of persons, all ids of its person, sorted: of leads that were merged, directly or by others."""
    table, found = schema.merged_leads, {lead_id: {lead_id} for lead_id in lead_ids}
    unseen = set(found)
    while unseen:
        pairs = {
            (row.lead_id, row.merged_into)
            for chunk in chunks(sorted(unseen))
            for row in connection.execute(
                sa.select(table).where(sa.or_(table.c.lead_id.in_(chunk), table.c.merged_into.in_(chunk)))
            )
        }
        unseen = {name for pair in pairs for name in pair} - found.keys()
        for pair in pairs:
            one, other = (found.setdefault(name, {name}) for name in pair)
            if one is not other:
                one |= other
                found.update(dict.fromkeys(other, one))
    return {lead_id: sorted(ids) for lead_id, ids in found.items()}


def erase_leads(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, int]:
    """Delete all rows of leads, and the visits of the visitors that they were identified as.

    What belongs to an account (its attributes and orders) stays.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    lead_ids : sequence of str
        All ids of the persons.

    Returns
    -------
    dict of str to int
        Rows by table; tables without any are left out.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros
    counts: dict[str, int] = {}
    identities, visits, changes = schema.identities, schema.visits, schema.attribute_changes
    for chunk in chunks(lead_ids):
        of_these = sa.select(identities.c.visitor_id).where(identities.c.lead_id.in_(chunk))
        of_others = sa.select(identities.c.visitor_id).where(identities.c.lead_id.not_in(lead_ids))  # a shared device
        _delete(connection, visits, visits.c.visitor_id.in_(of_these) & visits.c.visitor_id.not_in(of_others), counts)
        _delete(
            connection,
            schema.names,
            schema.names.c.pseudonym.in_(of_these) & schema.names.c.pseudonym.not_in(of_others),
            counts,
        )
        _delete(connection, schema.names, schema.names.c.pseudonym.in_(chunk), counts)
        _delete(connection, changes, (changes.c.entity == "lead") & changes.c.entity_id.in_(chunk), counts)
        for table in OF_LEADS:
            condition: Any = table.c.lead_id.in_(chunk)
            if table is schema.merged_leads:
                condition |= table.c.merged_into.in_(chunk)
            _delete(connection, table, condition, counts)
    return {name: rows for name, rows in counts.items() if rows}


def _delete(connection: sa.Connection, table: sa.Table, condition: Any, counts: dict[str, int]) -> None:
    counts[table.name] = counts.get(table.name, 0) + int(connection.execute(sa.delete(table).where(condition)).rowcount)


def note_erasure(connection: sa.Connection, hashes: dict[str, str], receipt: str, now: int) -> tuple[str, int]:
    """Remember by a keyed hash that a lead was erased; one that was erased before keeps its receipt.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    hashes : dict of str to str
        From each suppression key's id, the newest first, to the hash of the lead's id.
    receipt : str
        What names the erasure.
    now : int
        UTC microseconds.

    Returns
    -------
    receipt : str
    erased_at : int
        UTC microseconds.
    """
    table = schema.erased_leads
    former = connection.execute(
        sa.select(table.c.receipt, table.c.erased_at).where(table.c.lead_hash.in_([*hashes.values()]))
    ).first()
    if former is not None:
        return str(former.receipt), int(former.erased_at)
    key_id, lead_hash = next(iter(hashes.items()))
    row = {"lead_hash": lead_hash, "key_id": key_id, "receipt": receipt, "erased_at": now}
    connection.execute(sa.insert(table).values(**row))
    return receipt, now


def holds(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, int]:
    """Count, by table, the rows in which any column is one of the ids, or a text that holds one; the proof of absence.

    Every table but `erased_leads` is searched as a whole, so a table that is added is searched, too.
    """
    found: dict[str, int] = {}
    for table in schema.metadata.sorted_tables:
        if table is schema.erased_leads:
            continue
        texts = [column for column in table.columns if isinstance(column.type, sa.Text)]
        holding = [column == lead_id for column in texts for lead_id in lead_ids]
        holding += [
            column.contains(f'"{lead_id}"', autoescape=True)
            for column in texts
            if column.name in ("body", "details", "decision")
            for lead_id in lead_ids
        ]
        if holding:
            rows = connection.execute(
                sa.select(sa.func.count()).select_from(table).where(sa.or_(*holding))
            ).scalar_one()
            found |= {table.name: int(rows)} if rows else {}
    return found


def scrub(store: Store) -> str | None:
    """Take deleted rows out of what lies on the disk beside the tables: SQLite's write-ahead log, PostgreSQL's dead rows.

    Returns
    -------
    str or None
        What is left to do, and how; None: nothing.
    """
    engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
    if not store.is_sqlite:
        with contextlib.closing(engine.connect()) as connection:
            names = ", ".join(table.name for table in schema.metadata.sorted_tables)
            connection.exec_driver_sql(f"VACUUM {names}")
        return "archives of PostgreSQL's write-ahead log and base backups: let them expire, or take new ones"
    raw = store.engine.raw_connection()
    try:
        # Outside of a transaction; it waits for other writers as long as a write does
        [(busy, _, _)] = raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # type: ignore[union-attr]
    finally:
        raw.close()
    if busy:
        return "the write-ahead log of the store is being read: send the erasure again in a minute"
    return None
