"""The newest days' lists: every lead at risk at a midnight, looked at then. What tiers and a share of capacity are cut on.

Lists change as a history grows (leads that nobody closes stay on them), so the newest are the most like the next; a week holds
each weekday once. Features are computed for these moments, too: a lead looks hotter in its snapshot than some days later.
"""

import numpy as np
import pandas as pd

from features.timeline import DAY_US, to_micros
from models.answers.risk_set import CUSTOMERS, NEVER, RiskSet, at_risk, is_customer
from pipeline.population.micros import micros

__all__ = ["newest_lists"]

WEEK = 7
ENOUGH = 100  # leads: fewer say little of what the best tenth is, so older weeks join them
MOST = 5_000  # rows: beyond them a week's older lists say nothing new


def newest_lists(periods: pd.DataFrame, risk_set: RiskSet, exported_at: pd.Timestamp) -> pd.DataFrame:
    """List who is at risk at each midnight (UTC) of the last week up to the export; one row per (lead, midnight).

    Where fewer than 100 leads stand on these lists, those of 2, 4, 8, ... weeks are taken, back to the first period at most.
    Where the week's lists have more than 5,000 rows, only so many of the newest are taken as have no more, one at least.

    Parameters
    ----------
    periods : DataFrame
        As `pipeline.population.risk_set.risk_periods` gives them; times are times, not an order.
    risk_set : RiskSet
        Whose population.
    exported_at : Timestamp
        UTC.

    Returns
    -------
    DataFrame
        lead_id, account_id (missing: the lead has none), snapshot_at (datetime64[us, UTC]), in the order of (snapshot_at,
        lead_id). Empty: no midnight of the history has a lead at risk.

    Examples
    --------
    >>> day = pd.to_datetime(["2026-01-01 12:00", "2026-01-03 12:00"], utc=True).astype("datetime64[us, UTC]")
    >>> periods = pd.DataFrame({"lead_id": ["L", "M"], "account_id": None, "started_at": day, "ended_at": [day[1], pd.NaT]})
    >>> lists = newest_lists(periods, RiskSet("mql", 90), pd.Timestamp("2026-01-05T08:00Z"))
    >>> [f"{row.lead_id} {row.snapshot_at:%d}" for row in lists.itertuples()]
    ['L 02', 'L 03', 'M 04', 'M 05']
    """
    started, ended = micros(periods["started_at"]), micros(periods["ended_at"], NEVER)
    newest = to_micros(exported_at.to_pydatetime()) // DAY_US
    weeks = 1
    while True:
        midnights = np.arange(newest - weeks * WEEK + 1, newest + 1) * DAY_US
        at, start, end = midnights[:, None], started[None, :], ended[None, :]
        on_list = is_customer(at, start) if risk_set.name == CUSTOMERS else at_risk(at, start, end, risk_set.expire_us)
        rows_since = np.cumsum(on_list.sum(axis=1)[::-1])[::-1]
        day, row = np.nonzero(on_list & ((rows_since <= MOST) | (midnights == midnights[-1]))[:, None])
        rows = periods[["lead_id", "account_id"]].iloc[row].reset_index(drop=True)
        if rows["lead_id"].nunique() >= ENOUGH or not len(started) or midnights[0] <= started.min():
            moments = pd.Series(pd.to_datetime(midnights[day], unit="us", utc=True)).astype("datetime64[us, UTC]")
            lists = rows.assign(snapshot_at=moments).drop_duplicates(["lead_id", "snapshot_at"])
            return lists.sort_values(["snapshot_at", "lead_id"], ignore_index=True)
        weeks *= 2
