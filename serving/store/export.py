"""Reading whole tables of the store, in batches and in a fixed order, for the next ingest."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from serving.contract.model_names import DEFAULT_MODEL
from serving.store import schema
from serving.store.merging import is_merged

__all__ = ["account_ids", "columns_of", "plain_tables", "rows_of"]

ROWS_AT_ONCE = 50_000


def rows_of(connection: sa.Connection, table: str, model: str = DEFAULT_MODEL) -> Iterator[Sequence[Any]]:
    """Give the rows of a table in batches, sorted by its key: what was sent, but for what is known to have been a mistake.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    table : str
        Its name in `serving.store.schema`.
    model : str
        Whose rows, of a table with rows per model.
    """
    selected_table = schema.metadata.tables[table]
    query = sa.select(selected_table).order_by(*selected_table.primary_key.columns)
    for name in ("retracted_at", "merged_from"):  # a mistake; a copy of what is exported where it was sent
        if name in selected_table.c:
            query = query.where(selected_table.c[name].is_(None))
    if "model" in selected_table.c:
        query = query.where(selected_table.c.model == model)
    if selected_table is schema.touchpoints:  # a copy of a visit
        query = query.where(selected_table.c.visitor_id.is_(None))
    if selected_table is schema.leads:
        query = query.where(~is_merged(selected_table.c.lead_id))
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


def plain_tables() -> list[str]:
    """List the tables of event kinds that are written without code of their own."""
    return sorted(table.name for table in schema.metadata.sorted_tables if "same" in table.info)


def columns_of(table: str) -> list[tuple[str, pa.DataType]]:
    """List a table's columns with their types in a Parquet file; its whole numbers are moments, in UTC microseconds."""
    kinds = {sa.Text: pa.string(), sa.BigInteger: pa.timestamp("us", tz="UTC"), sa.Double: pa.float64()}
    return [(column.name, kinds[type(column.type)]) for column in schema.metadata.tables[table].columns]
