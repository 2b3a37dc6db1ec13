"""Taking out of the store what is past its retention."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from features.timeline import DAY_US
from serving.store import schema
from serving.store.erasing import erase_leads

__all__ = ["RetentionDays", "purge"]

RetentionDays = Callable[[str, str], int | None]
"""Takes a section of a purpose registry (`attributes`, `touchpoint_kinds`, `tables`) and a name; gives days, or None: kept."""

# The tables of the store that each table of the registry speaks of, and their moments. Verdicts are stage changes, too.
TABLES: Mapping[str, tuple[tuple[sa.Table, str], ...]] = {
    "stage_changes": (
        (schema.stage_changes, "occurred_at"),
        (schema.outcomes, "occurred_at"),
        (schema.retractions, "recorded_at"),
    ),
    "handovers": ((schema.handovers, "handed_over_at"),),
    "orders": ((schema.orders, "ordered_at"),),
    "identities": ((schema.identities, "identified_at"),),
}


def _replaced_at() -> sa.ScalarSelect[int]:
    """Select when the next value of the same attribute came; NULL: it holds. What holds of an account is no old value."""
    changes, later = schema.attribute_changes, schema.attribute_changes.alias("later")
    same = [later.c[name] == changes.c[name] for name in ("entity", "entity_id", "attribute")]
    found = sa.select(sa.func.min(later.c.occurred_at)).where(*same, later.c.occurred_at > changes.c.occurred_at)
    return found.correlate(changes).scalar_subquery()


def purge(connection: sa.Connection, retention: RetentionDays, now: int) -> dict[str, int]:
    """Delete rows that are older than their retention, and all rows of leads that were created too long ago.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    retention : callable
        See `RetentionDays`.
    now : int
        UTC microseconds.

    Returns
    -------
    dict of str to int
        Rows by table; tables without any are left out.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    counts: dict[str, int] = {}

    def delete(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> None:
        rows = int(connection.execute(sa.delete(table).where(*conditions)).rowcount)
        counts[table.name] = counts.get(table.name, 0) + rows

    for table in (schema.touchpoints, schema.visits):
        for kind in connection.execute(sa.select(table.c.kind).distinct()).scalars().all():
            days = retention("touchpoint_kinds", kind)
            if days is not None:
                delete(table, table.c.kind == kind, table.c.occurred_at < now - days * DAY_US)
    changes = schema.attribute_changes
    for entity, attribute in connection.execute(sa.select(changes.c.entity, changes.c.attribute).distinct()).all():
        days = retention("attributes", f"{entity}.{attribute}")
        if days is not None:
            is_it = (changes.c.entity == entity) & (changes.c.attribute == attribute)
            age = changes.c.occurred_at if entity == "lead" else _replaced_at()
            delete(changes, is_it, age < now - days * DAY_US)
    days = retention("tables", "leads")
    if days is not None:
        too_old = schema.leads.c.created_at < now - days * DAY_US
        gone = connection.execute(sa.select(schema.leads.c.lead_id).where(too_old)).scalars().all()
        for name, rows in erase_leads(connection, gone).items():
            counts[name] = counts.get(name, 0) + rows
    for name, tables in TABLES.items():
        days = retention("tables", name)
        for table, moment in tables if days is not None else ():
            delete(table, table.c[moment] < now - (days or 0) * DAY_US)
    return {name: rows for name, rows in counts.items() if rows}
