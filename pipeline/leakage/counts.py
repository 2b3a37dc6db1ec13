"""What the leakage audit counts in tables that may be larger than memory, and the reading of any delimited file."""

from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import DataError
from pipeline.tables.duckdb import SqlError, connect, text_literal

__all__ = ["NEVER", "count_touchpoints", "first_touchpoints", "read_delimited", "visible_touchpoints"]

NEVER = np.iinfo(np.int64).max
"""The first touchpoint of a lead that has none."""

FIELDS = ("kind", "channel")
JUST_BEFORE_DAYS = 1
BEFORE_DAYS = 28

COUNTS = """
WITH qualified AS (
    SELECT lead_id, min(occurred_at) AS qualified_at
    FROM read_parquet({stages})
    WHERE stage = 'sales_qualified'
    GROUP BY lead_id
),
placed AS (
    SELECT t.{field} AS value, t.lead_id, q.qualified_at IS NOT NULL AS is_qualified,
           epoch_us(t.occurred_at) - epoch_us(q.qualified_at) AS after_us,
           t.occurred_at >= e.exported_at OR coalesce(t.recorded_at, t.occurred_at) >= e.exported_at AS in_future
    FROM read_parquet({touchpoints}) AS t
    LEFT JOIN qualified AS q USING (lead_id)
    CROSS JOIN read_parquet({export}) AS e
    WHERE t.{field} IS NOT NULL
)
SELECT '{field}' AS field, value, count(*) AS touchpoints, count(DISTINCT lead_id) AS leads,
       count(*) FILTER (WHERE is_qualified AND after_us >= 0) AS after_outcome,
       count(*) FILTER (WHERE after_us >= -{just} AND after_us < 0) AS just_before,
       count(*) FILTER (WHERE after_us >= -{before} AND after_us < -{just}) AS before,
       count(*) FILTER (WHERE in_future) AS in_future
FROM placed GROUP BY value ORDER BY value
"""

VISIBLE = """
SELECT s.row, t.{field} AS value, count(*) AS touchpoints
FROM snapshots AS s
JOIN read_parquet({touchpoints}) AS t ON t.lead_id = s.lead_id AND t.occurred_at < s.snapshot_at
    AND t.occurred_at >= s.snapshot_at - to_days({days}) AND coalesce(t.recorded_at, t.occurred_at) < s.snapshot_at
WHERE t.{field} IS NOT NULL
GROUP BY ALL ORDER BY ALL
"""


def count_touchpoints(canonical: Path) -> pd.DataFrame:
    """Count touchpoints by how they lie to their lead's first qualification; one row per kind and per channel.

    Returns
    -------
    DataFrame
        field (kind or channel), value, touchpoints, leads, after_outcome (at or after the qualification), just_before (within
        the last day before it), before (1 to 28 days before it), in_future (at or after the export).
    """
    day = 86_400_000_000
    with connect() as connection:
        frames = [
            connection.sql(
                COUNTS.format(
                    field=field,
                    just=JUST_BEFORE_DAYS * day,
                    before=BEFORE_DAYS * day,
                    **{
                        name: text_literal(canonical / f"{file}.parquet")
                        for name, file in (
                            ("stages", "stage_changes"),
                            ("touchpoints", "touchpoints"),
                            ("export", "export"),
                        )
                    },
                )
            ).df()
            for field in FIELDS
        ]
    counts: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return counts


def first_touchpoints(canonical: Path) -> tuple[np.ndarray, np.ndarray]:
    """Give when each lead was created, and the moment of its first touchpoint.

    Returns
    -------
    tuple of ndarray of int64 [leads]
        Both in microseconds UTC; `NEVER` where a lead has no touchpoint.
    """
    query = """
        SELECT epoch_us(l.created_at) AS created, coalesce(f.first, {never}) AS first
        FROM read_parquet({leads}) AS l
        LEFT JOIN (SELECT lead_id, epoch_us(min(occurred_at)) AS first FROM read_parquet({touchpoints}) GROUP BY lead_id) AS f
        USING (lead_id)
    """
    files = {name: text_literal(canonical / f"{name}.parquet") for name in ("leads", "touchpoints")}
    with connect() as connection:
        columns = connection.sql(query.format(never=NEVER, **files)).fetchnumpy()
    return columns["created"].astype(np.int64), columns["first"].astype(np.int64)


def visible_touchpoints(canonical: Path, snapshots: pd.DataFrame, observation_days: int) -> pd.DataFrame:
    """Count what each snapshot sees of its own lead, in [snapshot_at - observation_days, snapshot_at).

    Parameters
    ----------
    canonical : Path
        Folder of the canonical tables.
    snapshots : DataFrame
        lead_id, snapshot_at.
    observation_days : int
        How far back a snapshot looks.

    Returns
    -------
    DataFrame
        field, row (position in `snapshots`), value, touchpoints; nothing for what a snapshot does not see.
    """
    rows = snapshots[["lead_id", "snapshot_at"]].astype({"lead_id": object}).assign(row=range(len(snapshots)))
    with connect() as connection:
        connection.register("snapshots", rows)
        frames = [
            connection.sql(
                VISIBLE.format(
                    field=field, touchpoints=text_literal(canonical / "touchpoints.parquet"), days=int(observation_days)
                )
            )
            .df()
            .assign(field=field)
            for field in FIELDS
        ]
    seen: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return seen


def read_delimited(path: Path, separator: str) -> pd.DataFrame:
    """Read a delimited file with a header as text, empty fields missing; rows in the order of the file.

    Raises
    ------
    DataError
        If the file is missing or DuckDB can't read it.
    """
    if not path.is_file():
        raise DataError(f"--table: {path} is not a file. Name a delimited text file with a header line.")
    query = (
        f"SELECT * FROM read_csv({text_literal(path)}, header = true, all_varchar = true, strict_mode = true, "
        f"delim = {text_literal(separator)}, quote = '\"', escape = '\"', comment = '', skip = 0)"
    )
    with connect() as connection:
        try:
            frame: pd.DataFrame = connection.sql(query).df()
        except SqlError as error:
            raise DataError(
                f"{path}: DuckDB could not read it with the separator {separator!r}: {str(error).splitlines()[0]} "
                "Name the right one with --separator."
            ) from error
    return frame.mask(frame == "")
