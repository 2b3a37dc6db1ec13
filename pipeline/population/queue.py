"""The queue between marketing and sales: which risk period a hand-over belongs to, and the looks at who waits in it."""

import numpy as np
import pandas as pd

from features.timeline import DAY_US, to_micros
from pipeline.population.micros import micros

__all__ = ["WEEK_DAYS", "first_contacts", "first_handovers", "queue_looks"]

WEEK_DAYS = 7


def first_contacts(periods: pd.DataFrame, handovers: pd.DataFrame) -> pd.Series:
    """Give each risk period the moment of its first contact by sales (missing: none is known).

    A hand-over belongs to the lead's last period that had begun when the lead was queued. Of several contacts the first counts.

    Parameters
    ----------
    periods : DataFrame
        As returned by `risk_set.risk_periods`.
    handovers : DataFrame
        lead_id, queued_at, first_contact_at, as the canonical table has them.

    Returns
    -------
    Series of datetime64[us, UTC]
        In the order of `periods`.
    """
    return _first_of_period(periods, handovers, "first_contact_at")


def first_handovers(periods: pd.DataFrame, handovers: pd.DataFrame) -> pd.Series:
    """Give each risk period the moment at which it was handed over to sales (missing: it was not); see `first_contacts`."""
    return _first_of_period(periods, handovers, "handed_over_at")


def _first_of_period(periods: pd.DataFrame, handovers: pd.DataFrame, column: str) -> pd.Series:
    contacts = handovers[handovers[column].notna()]
    keys = ["lead_id", "risk_period"]
    order = periods[[*keys, "started_at"]].astype({"lead_id": object})
    placed = pd.merge_asof(
        contacts[["lead_id", "queued_at", column]].astype({"lead_id": object}).sort_values("queued_at"),
        order.sort_values("started_at"),
        left_on="queued_at",
        right_on="started_at",
        by="lead_id",
    )
    first = placed.dropna(subset=["risk_period"]).groupby(keys, as_index=False)[column].min()
    first["risk_period"] = first["risk_period"].astype("int32")
    merged = order[keys].merge(first, on=keys, how="left")
    result: pd.Series = merged[column].astype("datetime64[us, UTC]").set_axis(periods.index)
    return result


def queue_looks(periods: pd.DataFrame, contacts: pd.Series, exported_at: pd.Timestamp, queue_days: int) -> pd.DataFrame:
    """Lay looks over the time that leads wait for a first contact: at the MQL moment and every 7 days.

    Parameters
    ----------
    periods : DataFrame
        As returned by `risk_set.risk_periods`.
    contacts : Series
        As returned by `first_contacts`.
    exported_at : Timestamp
        Looks lie before it.
    queue_days : int
        Nobody is looked at longer.

    Returns
    -------
    DataFrame
        lead_id, account_id, risk_period, snapshot_at, week (0-based), period (position in `periods`); by period and week. A
        look lies at or before the period's end and its first contact.
    """
    start = micros(periods["started_at"]).astype(np.int64)
    last = np.full(len(periods), to_micros(exported_at.to_pydatetime()) - 1, dtype=np.int64)
    for moments in (periods["ended_at"], contacts):
        last = np.minimum(last, micros(moments.astype("datetime64[us, UTC]"), float(2**62)).astype(np.int64))
    step = WEEK_DAYS * DAY_US
    count = np.clip((last - start) // step + 1, 0, queue_days // WEEK_DAYS + 1)
    period = np.repeat(np.arange(len(periods)), count)
    week = np.arange(len(period)) - np.repeat(np.cumsum(count) - count, count)
    looks = periods.iloc[period][["lead_id", "account_id", "risk_period"]].reset_index(drop=True)
    at = pd.to_datetime(pd.Series(start[period] + week * step), unit="us", utc=True).astype("datetime64[us, UTC]")
    return looks.assign(snapshot_at=at, week=week, period=period)
