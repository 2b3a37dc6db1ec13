"""What the product's own advice did to what can be learned: leads that nobody called because of it are no plain negatives."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.population.queue import first_contacts
from pipeline.tables.parquet import read_table

__all__ = ["HELD_BACK", "advised_periods", "left_out", "never_contacted_shares", "read_advised"]

HELD_BACK = ("later", "wait_until")
"""Advice that keeps sales from calling."""
NONE = "none"


def advised_periods(periods: pd.DataFrame, handovers: pd.DataFrame, advices: pd.DataFrame) -> pd.DataFrame:
    """Say of each risk period what was advised of it last, and whether sales ever spoke with the lead.

    Parameters
    ----------
    periods : DataFrame
        As returned by `risk_set.risk_periods`.
    handovers, advices : DataFrame
        The canonical tables.

    Returns
    -------
    DataFrame
        Row for row with `periods`: lead_id, risk_period, advice (``none``: none was shown in [start, end) of the period), tier
        (``none`` likewise), contacted, because_of_advice: never contacted, not qualified, and the last advice was one of
        `HELD_BACK`.
    """
    keys = ["lead_id", "risk_period"]
    order = periods[[*keys, "started_at", "ended_at"]].astype({"lead_id": object})
    shown = advices[["lead_id", "advised_at", "advice", "tier"]].astype({"lead_id": object}).sort_values("advised_at")
    placed = pd.merge_asof(
        shown,
        order.sort_values("started_at"),
        left_on="advised_at",
        right_on="started_at",
        by="lead_id",
    ).dropna(subset=["risk_period"])
    placed = placed[~(placed["ended_at"] <= placed["advised_at"])]
    last = placed.groupby(keys, as_index=False)[["advice", "tier"]].last()
    last["risk_period"] = last["risk_period"].astype(order["risk_period"].dtype)
    found = order[keys].merge(last, on=keys, how="left")
    found["advice"], found["tier"] = found["advice"].fillna(NONE), found["tier"].fillna(NONE)
    contact = first_contacts(periods, handovers)
    found["contacted"] = (contact.notna() & ~(periods["ended_at"] < contact)).to_numpy()
    won = (periods["ended_by"] == "sales_qualified").to_numpy()
    found["because_of_advice"] = found["advice"].isin(HELD_BACK) & ~found["contacted"] & ~won
    return found


def read_advised(canonical: Path, periods: pd.DataFrame) -> pd.DataFrame | None:
    """Read what `advised_periods` gives of canonical tables; None: they tell of no hand-overs, or of no advice."""
    if not all((canonical / f"{name}.parquet").exists() for name in ("handovers", "advices")):
        return None
    handovers, advices = (
        read_table(canonical / f"{name}.parquet", name).to_pandas() for name in ("handovers", "advices")
    )
    return advised_periods(periods, handovers, advices)


def never_contacted_shares(advised: pd.DataFrame) -> list[dict[str, Any]]:
    """Count risk periods by advice and tier, and the share of them in which sales never spoke with the lead.

    Parameters
    ----------
    advised : DataFrame
        As `advised_periods` gives it.

    Returns
    -------
    list of dict
        advice, tier, leads, never_contacted (share), in alphabetical order.
    """
    grouped = advised.assign(never=~advised["contacted"]).groupby(["advice", "tier"], as_index=False)
    table = grouped.agg(leads=("never", "size"), never_contacted=("never", "mean"))
    return [
        {"advice": str(advice), "tier": str(tier), "leads": int(leads), "never_contacted": float(never)}
        for advice, tier, leads, never in zip(*(table[name].tolist() for name in table.columns), strict=True)
    ]


def left_out(snapshots: pd.DataFrame, advised: pd.DataFrame) -> np.ndarray:
    """Tell which snapshots are of risk periods in which nobody called because of the advice.

    Parameters
    ----------
    snapshots : DataFrame
        lead_id, risk_period.
    advised : DataFrame
        As `advised_periods` gives it.

    Returns
    -------
    ndarray of bool [snapshots]
    """
    keys = ["lead_id", "risk_period"]
    own = advised[[*keys, "because_of_advice"]].astype({"lead_id": object, "risk_period": "int64"})
    rows = snapshots[keys].astype({"lead_id": object, "risk_period": "int64"}).merge(own, on=keys, how="left")
    return np.asarray(rows["because_of_advice"].fillna(False).to_numpy(dtype=bool))
