"""What became of MQLs: over time, for which reasons, by month, and at what cost."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.timeline import DAY_US
from models.analyses.funnel import Cost, Incidence, Month
from models.quality.cumulative_incidence import cumulative_incidence
from pipeline.population.micros import micros
from pipeline.sales_funnel.estimates import rate
from pipeline.sales_funnel.funnel_counts import Horizon
from pipeline.tables.parquet import read_table

__all__ = ["costs", "incidences", "months", "read_costs", "read_rejections"]

QUALIFIED, REJECTED, EXPIRED = range(3)
CAUSE = {"sales_qualified": QUALIFIED, "customer": QUALIFIED, "disqualified": REJECTED, "recycled": REJECTED}
STEP_DAYS, NEVER_DAYS = 5, 180
LARGEST = 6


def incidences(
    periods: pd.DataFrame, campaign: pd.Series, expire_days: int | None, exported_at: pd.Timestamp, least: int
) -> tuple[Incidence, ...]:
    """Estimate how MQLs end over time, in all and by the largest campaigns.

    Parameters
    ----------
    periods : DataFrame
        First risk period of each lead.
    campaign : Series
        Row for row.
    expire_days : int or None
        After so many days without an end a lead has expired.
    exported_at : Timestamp
        Nothing at or after it is known.
    least : int
        Campaigns with fewer leads are not shown.
    """
    begin = micros(periods["started_at"])
    export = int(exported_at.value // 1000)
    last = expire_days or NEVER_DAYS
    ended = periods["ended_at"].notna().to_numpy()
    end = np.where(ended, micros(periods["ended_at"]), export)
    days = (np.minimum(end, export) - begin) / DAY_US
    cause = periods["ended_by"].map(CAUSE).to_numpy(dtype=np.float64, na_value=-1.0)
    cause = np.where(ended & np.isfinite(cause), cause, -1.0).astype(np.int64)
    over = days >= last
    days, cause = np.where(over, last, days), np.where(over, EXPIRED if expire_days else -1, cause)
    at = np.arange(0, last + 1, STEP_DAYS)
    counts = campaign.value_counts()
    shown: list[str | None] = [None, *(str(name) for name, count in counts.head(LARGEST).items() if count >= least)]
    result = []
    for name in shown:
        rows = np.ones(len(days), dtype=bool) if name is None else (campaign == name).to_numpy()
        curves = cumulative_incidence(days[rows], cause[rows], 3, at.astype(np.float64))
        result.append(
            Incidence(
                campaign=name,
                leads=int(rows.sum()),
                days=tuple(int(day) for day in at),
                sales_qualified=tuple(curves[QUALIFIED].tolist()),
                rejected=tuple(curves[REJECTED].tolist()),
                expired=tuple(curves[EXPIRED].tolist()),
            )
        )
    return tuple(result)


def read_rejections(canonical: Path) -> pd.DataFrame:
    """Read lead_id and reason (missing: none entered) of each time that sales disqualified a lead or gave it back."""
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes")
    rejected = pc.is_in(changes["stage"], pa.array(["disqualified", "recycled"]))
    found: pd.DataFrame = changes.select(["lead_id", "reason"]).filter(rejected).to_pandas().astype(object)
    return found


def months(rows: pd.DataFrame, horizon: Horizon, spent: pd.DataFrame | None, most: int) -> tuple[Month, ...]:
    """Give the newest months: leads by creation, MQLs and their rate by the MQL moment.

    Parameters
    ----------
    rows : DataFrame
        As `lead_steps` gives them.
    horizon : Horizon
    spent : DataFrame or None
        As `read_costs` gives it.
    most : int
        Months.
    """
    mql_month = rows["mql"].dt.strftime("%Y-%m")
    names = sorted({*rows["month"].dropna(), *mql_month.dropna()})[-most:]
    leads, mqls = rows["month"].value_counts(), mql_month.value_counts()
    known = rows["mql"] <= horizon.matured_before
    won = known & (rows["sales_qualified"] < rows["mql"] + horizon.window)
    of, count = mql_month[known].value_counts(), mql_month[won].value_counts()
    costs_of = None if spent is None else spent.groupby("month")["amount"].sum()
    return tuple(
        Month(
            month=name,
            leads=int(leads.get(name, 0)),
            mql=int(mqls.get(name, 0)),
            mql_to_qualified=rate(int(count.get(name, 0)), int(of.get(name, 0))),
            spent=None if costs_of is None else float(costs_of.get(name, 0.0)),
        )
        for name in names
    )


def read_costs(canonical: Path) -> pd.DataFrame | None:
    """Read campaign, month (YYYY-MM) and amount; None: no costs are given."""
    path = canonical / "campaign_costs.parquet"
    if not path.exists():
        return None
    table = read_table(path, "campaign_costs").to_pandas()
    return table.assign(month=table["spent_at"].dt.strftime("%Y-%m")) if len(table) else None


def costs(rows: pd.DataFrame, spent: pd.DataFrame | None, most: int) -> tuple[Cost, ...]:
    """Give what each campaign cost per MQL and per sales-qualified lead, the dearest first; those without costs last.

    Parameters
    ----------
    rows : DataFrame
        As `lead_steps` gives them.
    spent : DataFrame or None
        As `read_costs` gives it; None: nothing is shown.
    most : int
        Campaigns.
    """
    if spent is None:
        return ()
    amount = spent.groupby("campaign")["amount"].sum()
    mqls, qualified = (rows.loc[rows[step].notna(), "campaign"].value_counts() for step in ("mql", "sales_qualified"))
    names = [*amount.sort_values(ascending=False).index, *(name for name in mqls.index if name not in amount.index)]
    result = []
    for name in names[:most]:
        paid = float(amount[name]) if name in amount.index else None
        made, won = int(mqls.get(name, 0)), int(qualified.get(name, 0))
        result.append(
            Cost(
                campaign=str(name),
                spent=paid,
                mql=made,
                sales_qualified=won,
                per_mql=paid / made if paid is not None and made else None,
                per_qualified=paid / won if paid is not None and won else None,
            )
        )
    return tuple(result)
