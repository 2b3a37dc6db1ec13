"""Each lead's first MQL moment and what came of it: first contact, qualification, purchase; where moments are missing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.timeline import to_micros
from pipeline.population.micros import micros
from pipeline.population.outcomes import period_outcomes
from pipeline.population.queue import first_contacts
from pipeline.sales_funnel.journey_paths import JourneyPaths
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

__all__ = ["NEVER", "BoughtBy", "FirstMqls", "read_first_mqls"]

BoughtBy = Literal["customer", "order", "sales_qualified"]

NEVER = 2**62
"""Later than every moment."""


@dataclass(frozen=True, eq=False)
class FirstMqls:
    """One row per lead that became MQL, at its first MQL moment; all moments in UTC microseconds, `NEVER` where there is none.

    Attributes
    ----------
    lead : ndarray of int64 [rows]
        Position in `JourneyPaths`, ascending.
    mql_at, ended_at : ndarray of int64 [rows]
        Of the first risk period.
    contact_at : ndarray of int64 [rows]
        Sales' first contact: the hand-over's, sales' first touchpoint, `sal`, or the period's end, whichever comes first.
    qualified_at, rejected_at : ndarray of int64 [rows]
        Sales' verdict on that period.
    bought_at : ndarray of int64 [rows]
        The purchase, see `bought_by`.
    bought_by : {"customer", "order", "sales_qualified"}
        What counts as the purchase: stage `customer`; without such a stage the account's first order from the qualification
        on; without orders the qualification itself.
    exported_at : int
        Nothing is known at or after it.
    """

    lead: np.ndarray
    mql_at: np.ndarray
    ended_at: np.ndarray
    contact_at: np.ndarray
    qualified_at: np.ndarray
    rejected_at: np.ndarray
    bought_at: np.ndarray
    bought_by: BoughtBy
    exported_at: int

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.lead)

    @property
    def is_open(self) -> np.ndarray:
        """Whether nothing has ended the period by the export: bool [rows]."""
        return np.asarray(self.ended_at == NEVER)

    def take(self, rows: np.ndarray | slice) -> "FirstMqls":
        """Pick rows by position, mask or range."""
        columns = ("lead", "mql_at", "ended_at", "contact_at", "qualified_at", "rejected_at", "bought_at")
        picked: dict[str, Any] = {name: getattr(self, name)[rows] for name in columns}
        return replace(self, **picked)


def read_first_mqls(canonical: Path, risk_periods: Path, paths: JourneyPaths) -> FirstMqls:
    """Read them from canonical tables and the table of risk periods (risk set `mql`).

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; stage_changes, handovers and orders may be absent.
    risk_periods : Path
        As the stage `snapshots` writes them.
    paths : JourneyPaths
        Of the same tables.
    """
    periods = read_table(risk_periods, "risk_periods").to_pandas()
    periods = periods[periods["risk_period"] == 0].reset_index(drop=True)
    position = pd.Index(paths.lead_ids).get_indexer(pd.Index(periods["lead_id"].astype(object)))
    periods = periods.iloc[np.argsort(position, kind="stable")].reset_index(drop=True)
    lead = np.sort(position)
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes")
    changes = changes.select(["lead_id", "stage", "occurred_at"]).to_pandas()
    mql, ended = micros(periods["started_at"]), micros(periods["ended_at"], NEVER)
    contact = np.minimum(ended, _after(_first_sales_touchpoints(paths, lead, mql), mql))
    contact = np.minimum(contact, _stage_after(changes, "sal", periods["lead_id"], mql))
    path = canonical / "handovers.parquet"
    if path.exists():
        handovers = read_table(path, "handovers").to_pandas()
        contact = np.minimum(contact, micros(first_contacts(periods, handovers), NEVER))
    qualified = micros(period_outcomes(periods, periods), NEVER)
    bought, bought_by = _purchases(canonical, changes, periods, mql, qualified)
    return FirstMqls(
        lead=lead,
        mql_at=mql,
        ended_at=ended,
        contact_at=np.maximum(contact, mql).astype(np.int64),
        qualified_at=qualified.astype(np.int64),
        rejected_at=np.where((periods["ended_by"] == "disqualified").to_numpy(), ended, NEVER).astype(np.int64),
        bought_at=bought.astype(np.int64),
        bought_by=bought_by,
        exported_at=to_micros(read_export(canonical).exported_at.to_pydatetime()),
    )


def _after(moments: np.ndarray, mql: np.ndarray) -> np.ndarray:
    return np.where(moments >= mql, moments, NEVER)


def _first_sales_touchpoints(paths: JourneyPaths, lead: np.ndarray, mql: np.ndarray) -> np.ndarray:
    """Give sales' first touchpoint at or after each MQL moment."""
    row_of = np.full(len(paths), -1)
    row_of[lead] = np.arange(len(lead))
    row = row_of[paths.sales_lead]
    later = row >= 0
    later[later] = paths.sales_at[later] >= mql[row[later]]
    first = np.full(len(lead), NEVER)
    np.minimum.at(first, row[later], paths.sales_at[later])
    return first


def _stage_after(changes: pd.DataFrame, stage: str, lead_ids: pd.Series, since: np.ndarray) -> np.ndarray:
    """Give each lead's first change to a stage at or after a moment."""
    reached = changes[changes["stage"] == stage]
    row = pd.Index(lead_ids.astype(object)).get_indexer(pd.Index(reached["lead_id"].astype(object)))
    at = micros(reached["occurred_at"])
    counts = (row >= 0) & (at >= since[np.maximum(row, 0)]) if len(since) else np.zeros(len(row), dtype=np.bool_)
    first = np.full(len(since), NEVER)
    np.minimum.at(first, row[counts], at[counts])
    return first


def _purchases(
    canonical: Path, changes: pd.DataFrame, periods: pd.DataFrame, mql: np.ndarray, qualified: np.ndarray
) -> tuple[np.ndarray, BoughtBy]:
    if (changes["stage"] == "customer").any():
        return _stage_after(changes, "customer", periods["lead_id"], mql), "customer"
    path = canonical / "orders.parquet"
    orders = read_table(path, "orders").to_pandas() if path.exists() else pd.DataFrame()
    if not len(orders):
        return qualified, "sales_qualified"
    won = np.flatnonzero(qualified < NEVER)
    looks = periods.iloc[won][["account_id"]].astype({"account_id": object}).reset_index()
    looks["since"] = qualified[won]
    right = orders[["account_id"]].astype({"account_id": object}).assign(at=micros(orders["ordered_at"]))
    merged = pd.merge_asof(
        looks.sort_values("since"),
        right.sort_values("at"),
        left_on="since",
        right_on="at",
        by="account_id",
        direction="forward",
    )
    bought = np.full(len(periods), NEVER)
    found = merged[merged["at"].notna()]
    bought[found["index"].to_numpy()] = found["at"].to_numpy().astype(np.int64)
    return bought, "order"
