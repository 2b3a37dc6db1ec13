"""What the product's own advice did to what can be learned: leads that nobody called because of it are no plain negatives."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.population.queue import first_contacts
from pipeline.tables.parquet import read_table

__all__ = ["HELD_BACK", "advised_periods", "left_out", "never_contacted_shares", "read_influence"]

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


def read_influence(canonical: Path) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Read the canonical tables handovers and advices; None: the source tells nothing of one of them."""
    if not all((canonical / f"{name}.parquet").exists() for name in ("handovers", "advices")):
        return None
    handovers, advices = (
        read_table(canonical / f"{name}.parquet", name).to_pandas() for name in ("handovers", "advices")
    )
    return handovers, advices


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


def left_out(
    snapshots: pd.DataFrame, periods: pd.DataFrame, handovers: pd.DataFrame, advices: pd.DataFrame
) -> np.ndarray:
    """Tell which snapshots say nothing of what a call would have brought, as the advice was to call nobody.

    It is the advice at the snapshot that decides, and not whether the lead was ever called: whoever is called later was so
    because it rose, and what is chosen by its future tells too high a level (ADR 37).

    Parameters
    ----------
    snapshots : DataFrame
        lead_id, risk_period, snapshot_at.
    periods : DataFrame
        As returned by `risk_set.risk_periods`.
    handovers, advices : DataFrame
        The canonical tables.

    Returns
    -------
    ndarray of bool [snapshots]
        The newest advice in [start of the period, snapshot_at + 1 day] was one of `HELD_BACK`, and sales had not spoken with
        the lead before snapshot_at + 7 days. The day is for a new lead, which gets its first advice after its first snapshot.
    """
    keys = ["lead_id", "risk_period"]
    types: Any = {"lead_id": object, "risk_period": "int64"}
    facts = periods[[*keys, "started_at"]].assign(contact=first_contacts(periods, handovers)).astype(types)
    rows = snapshots[[*keys, "snapshot_at"]].astype(types).merge(facts, on=keys, how="left")
    rows = rows.assign(row=np.arange(len(rows)), seen_at=rows["snapshot_at"] + pd.Timedelta(1, unit="D"))
    shown = advices[["lead_id", "advised_at", "advice"]].astype({"lead_id": object}).sort_values("advised_at")
    rows = pd.merge_asof(
        rows.sort_values("seen_at"), shown, left_on="seen_at", right_on="advised_at", by="lead_id"
    ).sort_values("row")
    held_back = rows["advice"].isin(HELD_BACK) & (rows["advised_at"] >= rows["started_at"])
    called = rows["contact"] < rows["snapshot_at"] + pd.Timedelta(7, unit="D")
    return np.asarray((held_back & ~called).to_numpy(dtype=bool))
