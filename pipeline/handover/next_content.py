"""What leads looked at next before they were qualified, by what they had looked at last: a description for marketing."""

from pathlib import Path

import pandas as pd

from models.timing.model import MOST_ASSETS, MOST_NEXT
from pipeline.tables.duckdb import connect, text_literal

__all__ = ["next_content"]

FEWEST_LEADS = 10
"""Of fewer leads nothing is said: it would be chance, and could be somebody's journey."""


def next_content(canonical: Path, periods: pd.DataFrame, until: pd.Timestamp) -> dict[str, tuple[str, ...]]:
    """Count, over leads that were qualified, which asset followed which.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        Risk periods, as `risk_set.risk_periods` gives them.
    until : Timestamp
        Only what was qualified before counts.

    Returns
    -------
    dict of str to tuple of str
        Asset to at most three others that at least ten of these leads looked at next, in [first touchpoint, qualification):
        those first that they looked at most often compared with all leads, as everybody comes by the home page. Of the assets
        that most of them looked at.
    """
    won = periods[(periods["ended_by"] == "sales_qualified") & (periods["ended_at"] < until)]
    if won.empty or not (canonical / "touchpoints.parquet").exists():
        return {}
    with connect() as connection:
        connection.register("won", won[["lead_id", "ended_at"]].astype({"lead_id": object}))
        rows = connection.execute(
            f"""WITH seen AS (
                SELECT DISTINCT t.lead_id, t.occurred_at, t.asset, coalesce(t.occurred_at < w.ended_at, false) AS won
                FROM read_parquet({text_literal(canonical / "touchpoints.parquet")}) t
                LEFT JOIN (SELECT lead_id, max(ended_at) AS ended_at FROM won GROUP BY 1) w ON t.lead_id = w.lead_id
                WHERE t.asset IS NOT NULL AND coalesce(t."by", 'lead') = 'lead'
                    AND t.occurred_at < {text_literal(until.isoformat())}::TIMESTAMPTZ
            ),
            steps AS (
                SELECT lead_id, asset, won, lead(asset) OVER (PARTITION BY lead_id ORDER BY occurred_at, asset) AS following
                FROM seen
            ),
            counted AS (
                SELECT asset, following, count(DISTINCT lead_id) FILTER (won) AS leads, count(DISTINCT lead_id) AS everybody
                FROM steps WHERE following IS NOT NULL AND following <> asset GROUP BY ALL
            )
            SELECT asset, following, leads FROM counted
            WHERE leads >= {FEWEST_LEADS} ORDER BY asset, leads / everybody DESC, leads DESC, following"""
        ).fetchall()
    most: dict[str, int] = {}
    found: dict[str, list[str]] = {}
    for asset, following, leads in rows:
        most[asset] = most.get(asset, 0) + leads
        if len(found.setdefault(asset, [])) < MOST_NEXT:
            found[asset].append(following)
    kept = sorted(sorted(found), key=lambda asset: -most[asset])[:MOST_ASSETS]
    return {asset: tuple(found[asset]) for asset in sorted(kept)}
