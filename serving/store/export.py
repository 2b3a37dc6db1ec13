"""Reading whole tables of the store, in batches and in a fixed order, for the next ingest."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from serving.store import schema

__all__ = ["account_ids", "rows_of"]

ROWS_AT_ONCE = 50_000


def rows_of(connection: sa.Connection, table: str) -> Iterator[Sequence[Any]]:
    """Give the rows of a table in batches, sorted by its key.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    table : str
        Its name in `serving.store.schema`.
    """
    selected_table = schema.metadata.tables[table]
    query = sa.select(selected_table).order_by(*selected_table.primary_key.columns)
    yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query).mappings().partitions()


def account_ids(connection: sa.Connection) -> list[str]:
    """List every account that anything is known of."""
    changes = schema.attribute_changes
    queries = [
        sa.select(schema.leads.c.account_id).where(schema.leads.c.account_id.is_not(None)),
        sa.select(changes.c.entity_id).where(changes.c.entity == "account"),
        sa.select(schema.orders.c.account_id),
    ]
    return sorted(connection.execute(sa.union(*queries)).scalars())
