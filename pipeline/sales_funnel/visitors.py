"""Visitors at the top of the funnel: how many there were, by what drew them, and how many turned out to be leads."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from models.analyses.funnel import Dimension
from pipeline.sales_funnel.funnel_counts import Horizon, VisitorCount
from pipeline.tables.duckdb import connect, text_literal

__all__ = ["Visitors", "count_visitors"]

DRAWN_BY: tuple[Dimension, ...] = ("campaign", "channel", "asset")


class Visitors(NamedTuple):
    """Counts of visitors.

    Attributes
    ----------
    total : VisitorCount
        All of them.
    by : dict of Dimension to dict of str to VisitorCount
        By campaign, channel and asset of the first touchpoint that names a campaign, as a lead's are, and by month of the first
        visit. None: not known.
    """

    total: VisitorCount
    by: dict[Dimension, dict[str | None, VisitorCount]]


def count_visitors(canonical: Path, horizon: Horizon) -> Visitors | None:
    """Count known and unknown visitors.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    horizon : Horizon
        A visitor counts as a lead if identified in [first visit, first visit + window).

    Returns
    -------
    Visitors or None
        None: the data know no visitors. Without the table of identities nobody knows which of them are leads.
    """
    touchpoints, identities = canonical / "touchpoints.parquet", canonical / "identities.parquet"
    names = pq.read_schema(touchpoints).names if touchpoints.exists() else []
    identified = identities.exists()
    if "visitor_id" not in names and not identified:
        return None
    wanted = ("visitor_id", "occurred_at", "kind", *DRAWN_BY)
    columns = ", ".join(name if name in names else f"NULL AS {name}" for name in wanted)
    seen = f"SELECT {columns} FROM read_parquet({text_literal(touchpoints)}) WHERE visitor_id IS NOT NULL"
    if "visitor_id" not in names:
        seen = (
            "SELECT NULL::VARCHAR AS visitor_id, NULL::TIMESTAMPTZ AS occurred_at, NULL AS kind, NULL::VARCHAR AS campaign, "
            "NULL::VARCHAR AS channel, NULL::VARCHAR AS asset WHERE false"
        )
    known = "SELECT NULL::VARCHAR AS visitor_id, NULL::TIMESTAMPTZ AS identified_at WHERE false"
    if identified:
        known = f"SELECT visitor_id, identified_at FROM read_parquet({text_literal(identities)}) WHERE visitor_id IS NOT NULL"
    matured_before = f"{text_literal(horizon.matured_before.isoformat())}::TIMESTAMPTZ"
    is_known = f"first_at <= {matured_before}"
    window = f"to_microseconds({horizon.window // pd.Timedelta(microseconds=1)})"
    became = f"{is_known} AND identified_at < first_at + {window}"
    counts = f"count(*), count(*) FILTER ({became}), count(*) FILTER ({is_known})"
    with connect() as connection:
        connection.execute(f"CREATE TEMP VIEW seen AS {seen}")
        connection.execute(f"CREATE TEMP VIEW known AS {known}")
        connection.execute(
            """CREATE TEMP TABLE visitors AS
            SELECT visitor_id, coalesce(first_at, identified_at) AS first_at, identified_at, campaign, channel, asset
            FROM (SELECT visitor_id, min(occurred_at) AS first_at FROM seen GROUP BY 1)
            FULL JOIN (SELECT visitor_id, min(identified_at) AS identified_at FROM known GROUP BY 1) USING (visitor_id)
            LEFT JOIN (
                SELECT * EXCLUDE (kind, occurred_at) FROM seen WHERE campaign IS NOT NULL
                QUALIFY row_number() OVER (PARTITION BY visitor_id ORDER BY occurred_at, kind, channel, asset, campaign) = 1
            ) USING (visitor_id)"""
        )

        def counted(value: str) -> dict[str | None, VisitorCount]:
            rows = connection.execute(f"SELECT {value} AS value, {counts} FROM visitors GROUP BY 1").fetchall()
            return {name: VisitorCount(every, won if identified else None, of) for name, every, won, of in rows}

        total = counted("NULL")
        if not total:
            return None
        by: dict[Dimension, dict[str | None, VisitorCount]] = {name: counted(name) for name in DRAWN_BY}
        return Visitors(total[None], {**by, "month": counted("strftime(first_at, '%Y-%m')")})
