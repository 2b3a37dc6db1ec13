"""Whether the store takes a write at this moment: really tried, and nothing is left of it."""

import sqlalchemy as sa

from serving.store import schema
from serving.store.connect import Store

__all__ = ["try_read", "try_write"]


def try_write(store: Store) -> None:
    """Write and commit what is there already.

    SQLite: the header's ``user_version`` gets its own value, which is a page in the log and so needs the lock, the right and
    the room to write; an UPDATE to the same content would write nothing. PostgreSQL: the version of the tables is updated to
    itself, and the tables that are written to are asked for the lock that writing takes.

    Parameters
    ----------
    store : Store
        Opened.

    Raises
    ------
    StoreUnavailableError
        It is locked, full, read-only, not migrated or gone.
    """
    with store.write() as connection:
        if store.is_sqlite:
            version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
            connection.exec_driver_sql(f"PRAGMA user_version = {version}")
            return
        tables = ", ".join(f'"{table.name}"' for table in schema.metadata.sorted_tables)
        connection.exec_driver_sql(f"LOCK TABLE {tables} IN ROW EXCLUSIVE MODE")
        connection.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))


def try_read(store: Store) -> None:
    """Read.

    Parameters
    ----------
    store : Store
        Opened.

    Raises
    ------
    StoreUnavailableError
        It does not answer.
    """
    with store.read() as connection:
        connection.execute(sa.select(schema.leads.c.lead_id).limit(1)).first()
