"""DuckDB: one aggregate with conditions over the join of snapshots and touchpoints.

Conditions are written as ``count_if`` and ``CASE``, which take less than half of the time of ``FILTER`` clauses.
Distinct counts come from a first aggregate per value (how long ago was its latest touchpoint?), which takes a third of the time
of ``count(DISTINCT ...) FILTER (...)`` once per window. Decayed counts are sums of ``exp``.
"""

import math
from pathlib import Path
from typing import NamedTuple

import duckdb

from bench.peers.definition import (
    DAY_US,
    FEATURES,
    HALF_LIVES,
    LATEST_OF,
    OBSERVATION_DAYS,
    SELECTORS,
    WINDOWS,
    Selector,
)

__all__ = ["compute", "end_to_end", "load", "prepare"]

CHUNK_ROWS = 400_000
"""Snapshots at a time: 116 states per group would not fit in memory for millions of groups."""


class Loaded(NamedTuple):
    """A connection whose tables are ``touchpoints`` and ``snapshots``, and in how many parts these are computed."""

    connection: duckdb.DuckDBPyConnection
    parts: int


def prepare(_folder: Path) -> None:
    """Nothing to do."""


def _rule(selector: Selector) -> str:
    parts = []
    for column, values in (("kind", selector.kinds), ("channel", selector.channels)):
        if values:
            parts.append(f"{column} IN ({', '.join(repr(value) for value in values)})")
    if selector.asset_prefix:
        parts.append(f"starts_with(asset, '{selector.asset_prefix}')")
    # a missing value never fits
    return f"coalesce({' AND '.join(parts)}, false)" if parts else "true"


def _condition(selector: str, days: int = 0) -> str:
    parts = [] if selector == "all" else [f"is_{selector}"]
    if days not in (0, OBSERVATION_DAYS):
        parts.append(f"in_{days}")
    return " AND ".join(parts) or "true"


def _plain(operation: str, selector: str, days: int) -> str:
    if operation == "count":
        return f"count_if({_condition(selector, days)})"
    if operation == "sum_value":
        return f"coalesce(sum(CASE WHEN {_condition(selector, days)} THEN value END), 0)"
    if operation == "decayed_count":
        return f"sum(CASE WHEN {_condition(selector)} THEN weight_{days} ELSE 0 END)"
    extreme = "min" if operation == "days_since_last" else "max"
    return f"{extreme}(CASE WHEN {_condition(selector)} THEN age END) / {float(DAY_US)}"


def _distinct(operation: str) -> str:
    """Write the aggregate over the values of one field."""
    field = LATEST_OF[operation]
    mine = [feature for feature in FEATURES if feature.operation == operation]
    selectors = dict.fromkeys(feature.selector for feature in mine)
    latest = ", ".join(f"min(CASE WHEN {_condition(name)} THEN age END) AS latest_{name}" for name in selectors)
    counts = ", ".join(f"count_if(latest_{f.selector} <= {f.days * DAY_US})::FLOAT AS {f.name}" for f in mine)
    return f"""
        SELECT row_id, {counts}
        FROM (SELECT row_id, {field}, {latest} FROM seen WHERE {field} IS NOT NULL GROUP BY row_id, {field})
        GROUP BY row_id"""


def _query(part: int = 0) -> str:
    """Write the whole query; `part` is a range of leads."""
    rules = ", ".join(f"{_rule(selector)} AS is_{name}" for name, selector in SELECTORS.items() if name != "all")
    weights = ", ".join(f"exp(age * {-math.log(2) / (days * DAY_US)!r}) AS weight_{days}" for days in HALF_LIVES)
    # a window's start is included
    windows = ", ".join(f"age <= {days * DAY_US} AS in_{days}" for days in WINDOWS[:-1])
    plain = ", ".join(
        f"({_plain(f.operation, f.selector, f.days)})::FLOAT AS {f.name}"
        for f in FEATURES
        if f.operation not in LATEST_OF
    )
    columns = ", ".join(
        f.name if f.operation.startswith("days_since") else f"coalesce({f.name}, 0) AS {f.name}" for f in FEATURES
    )
    joins = "\n".join(f"LEFT JOIN ({_distinct(operation)}) {operation} USING (row_id)" for operation in LATEST_OF)
    return f"""
    WITH chosen AS (
        SELECT lead_id, snapshot_at, row_id, epoch_us(snapshot_at) AS moment FROM snapshots WHERE part = {part}
    ), known AS (
        SELECT lead_id, epoch_us(occurred_at) AS occurred, epoch_us(greatest(occurred_at, recorded_at)) AS known_at,
            channel, asset, value, epoch_us(occurred_at) // {DAY_US} AS day, {rules}
        FROM touchpoints SEMI JOIN chosen USING (lead_id)
    ), seen AS (
        SELECT *, {windows}, {weights} FROM (
            SELECT row_id, moment - occurred AS age, known.* EXCLUDE (lead_id)
            FROM chosen JOIN known USING (lead_id)
            WHERE known_at < moment AND occurred >= moment - {OBSERVATION_DAYS * DAY_US})
    ), plain AS (SELECT row_id, {plain} FROM seen GROUP BY row_id)
    SELECT lead_id, snapshot_at, {columns}
    FROM chosen LEFT JOIN plain USING (row_id)
    {joins}"""


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files into tables in memory, sorted by lead, which makes the join's and the groups' memory local."""
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"CREATE TABLE touchpoints AS FROM '{touchpoints}' ORDER BY lead_id")
    rows = connection.sql(f"SELECT count(*) FROM '{snapshots}'").fetchall()[0][0]
    parts = max(1, round(rows / CHUNK_ROWS))
    connection.execute(f"""
        CREATE TABLE snapshots AS
        SELECT *, row_number() OVER (ORDER BY lead_id)::INTEGER AS row_id, ntile({parts}) OVER (ORDER BY lead_id) - 1 AS part
        FROM '{snapshots}'""")
    return Loaded(connection, parts)


def compute(loaded: Loaded) -> duckdb.DuckDBPyConnection:
    """Compute all features into the table ``result``, by ranges of leads where there are many snapshots."""
    connection, parts = loaded
    connection.execute(f"CREATE OR REPLACE TABLE result AS {_query()}")
    for part in range(1, parts):
        connection.execute(f"INSERT INTO result {_query(part)}")
    return connection


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    loaded = load(touchpoints, snapshots)
    if loaded.parts == 1:
        loaded.connection.execute(f"COPY ({_query()}) TO '{out}' (FORMAT parquet)")
    else:
        compute(loaded).execute(f"COPY result TO '{out}' (FORMAT parquet)")
