"""Which kinds and channels of touchpoints were seen, and by how many leads."""

from pathlib import Path

import pandas as pd

from pipeline.tables.duckdb import connect

__all__ = ["seen_values"]

_COLUMNS = ["level", "kind", "channel", "leads", "all_leads"]


def seen_values(canonical: Path, snapshots: pd.DataFrame, observation_days: int) -> pd.DataFrame:
    """Count the leads that each kind, each channel and each pair of them was seen of.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; touchpoints may be absent.
    snapshots : DataFrame
        lead_id, snapshot_at. A touchpoint is seen when it lies in ``[snapshot_at - observation_days, snapshot_at)`` and was
        recorded before ``snapshot_at``, of the lead's last snapshot or, for its beginning, of its first.
    observation_days : int
        How far back a snapshot looks, in days.

    Returns
    -------
    DataFrame
        level ("kind", "channel" or "pair"), kind, channel (missing where not of the level, or not known), leads (those that
        caused such a touchpoint themselves), all_leads (those that have one, by whomever); sorted.
    """
    path = canonical / "touchpoints.parquet"
    if not path.exists() or snapshots.empty:
        return pd.DataFrame({name: pd.Series(dtype=object if name in _COLUMNS[:3] else "int64") for name in _COLUMNS})
    with connect() as connection:
        connection.register("snapshots", snapshots[["lead_id", "snapshot_at"]])
        rows = connection.execute(
            """
            WITH looked_at AS (
                SELECT lead_id, min(snapshot_at) - to_days(?::INTEGER) AS since, max(snapshot_at) AS until
                FROM snapshots GROUP BY ALL
            ),
            seen AS (
                SELECT DISTINCT lead_id, kind, channel, coalesce(t."by", 'lead') = 'lead' AS own
                FROM read_parquet(?) t JOIN looked_at USING (lead_id)
                WHERE occurred_at >= since AND occurred_at < until AND coalesce(recorded_at, occurred_at) < until
            )
            SELECT CASE GROUPING_ID(kind, channel) WHEN 0 THEN 'pair' WHEN 1 THEN 'kind' ELSE 'channel' END AS level,
                   kind, channel,
                   count(DISTINCT lead_id) FILTER (WHERE own) AS leads, count(DISTINCT lead_id) AS all_leads
            FROM seen
            GROUP BY GROUPING SETS ((kind, channel), (kind), (channel))
            ORDER BY level, kind NULLS FIRST, channel NULLS FIRST
            """,
            [observation_days, str(path)],
        ).fetchall()
    return pd.DataFrame(rows, columns=_COLUMNS, dtype=object).astype({"leads": "int64", "all_leads": "int64"})
