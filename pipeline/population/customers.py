"""Customers at risk of buying again: their periods, and the moments at which they are looked at."""

import numpy as np
import pandas as pd

from models.answers.risk_set import (
    customer_since,
    is_customer,
)
from pipeline.population.micros import from_micros, micros

__all__ = ["customer_periods", "customer_snapshots"]


def customer_periods(leads: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Find since when each lead is an existing customer's; one row per lead of an account with orders.

    Parameters
    ----------
    leads : DataFrame
        Columns lead_id, account_id, created_at (datetime64[us, UTC]).
    orders : DataFrame
        Columns account_id, ordered_at (datetime64[us, UTC]).

    Returns
    -------
    DataFrame
        As `mql_periods`, sorted by lead_id: one period that never ends. `started_at` is the moment of the account's first
        order, or of the lead's creation where that is later, for nobody knew the lead before. The lead is at risk after it,
        not at it.
    """
    first = orders.astype({"account_id": object}).groupby("account_id", as_index=False)["ordered_at"].min()
    known = leads[["lead_id", "account_id", "created_at"]].astype({"account_id": object}).merge(first, on="account_id")
    known = known.sort_values("lead_id", ignore_index=True)
    since = customer_since(micros(known["ordered_at"]), micros(known["created_at"]))
    return pd.DataFrame(
        {
            "lead_id": known["lead_id"],
            "risk_period": np.zeros(len(known), dtype=np.int32),
            "started_at": from_micros(since),
            "ended_at": pd.Series(pd.NaT, known.index, dtype="datetime64[us, UTC]"),
            "ended_by": pd.Series(None, known.index, dtype=object),
        }
    )


def customer_snapshots(periods: pd.DataFrame, exported_at: pd.Timestamp) -> pd.DataFrame:
    """Look at existing customers at the first moment of each month; one row per (lead, month).

    Parameters
    ----------
    periods : DataFrame
        As returned by `customer_periods`.
    exported_at : Timestamp
        The moment of the export.

    Returns
    -------
    DataFrame
        As `mql_snapshots`; every month is a risk period of its own and a headline row. A lead appears from the first
        month that begins after its account's first order and after its own creation.
    """
    if periods.empty:
        return pd.DataFrame(
            {
                "lead_id": pd.Series(dtype=object),
                "snapshot_at": pd.Series(dtype="datetime64[us, UTC]"),
                "risk_period": pd.Series(dtype="int32"),
                "is_headline": pd.Series(dtype=bool),
            }
        )
    begin = periods["started_at"].min().normalize()
    months = pd.date_range(begin, exported_at, freq="MS", unit="us", inclusive="left")
    moments = pd.DataFrame({"snapshot_at": months.astype("datetime64[us, UTC]")})
    cross = periods[["lead_id", "started_at"]].merge(moments, how="cross")
    known_by_then = is_customer(micros(cross["snapshot_at"]), micros(cross["started_at"]))
    cross = cross[known_by_then].sort_values(["lead_id", "snapshot_at"], ignore_index=True)
    return pd.DataFrame(
        {
            "lead_id": cross["lead_id"],
            "snapshot_at": cross["snapshot_at"],
            "risk_period": cross.groupby("lead_id").cumcount().astype("int32"),
            "is_headline": True,
        }
    )
