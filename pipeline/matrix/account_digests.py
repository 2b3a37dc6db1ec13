"""A digest per account of all that its features are made from, whatever order its rows stand in."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tables.duckdb import connect, text_literal

__all__ = ["DIGESTS_BY", "account_digests"]

DIGESTS_BY = f"duckdb {duckdb.__version__}"
"""Another version may hash in another way."""

# how a row finds its account (or its lead, where that has none); {l} is the lead's row
KEYS = {
    "leads": "coalesce(t.account_id, t.lead_id)",
    "touchpoints": "coalesce(l.account_id, t.lead_id)",
    "stage_changes": "coalesce(l.account_id, t.lead_id)",
    "accounts": "t.account_id",
    "orders": "t.account_id",
    "attribute_changes": "coalesce(l.account_id, t.lead_id, t.account_id)",
}


def account_digests(canonical: Path) -> pa.Table:
    """Digest the canonical tables that features look at; one row per account, or lead without one.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; all but leads may be absent.

    Returns
    -------
    Table
        key (account_id, or lead_id), ascending, and digest (text); two are equal when the same rows are there, in any order.
    """
    parts = []
    for name, key in KEYS.items():
        path = canonical / f"{name}.parquet"
        if not path.exists():
            continue
        columns = ", ".join(f't."{column}"' for column in pq.read_schema(path).names)
        source = f"read_parquet({text_literal(path)}) t"
        if "l." in key:
            source += f" LEFT JOIN read_parquet({text_literal(canonical / 'leads.parquet')}) l ON t.lead_id = l.lead_id"
        parts.append(f"SELECT {key} AS key, hash('{name}', {columns}) AS row FROM {source}")
    # the sum of hashes does not depend on the order of the rows, and two equal rows do not cancel out
    query = (
        f"SELECT key, sum(row::HUGEINT)::VARCHAR || '/' || count(*) AS digest FROM ({' UNION ALL '.join(parts)}) "
        "WHERE key IS NOT NULL GROUP BY key ORDER BY key"
    )
    with connect() as connection:
        return connection.sql(query).to_arrow_table()
