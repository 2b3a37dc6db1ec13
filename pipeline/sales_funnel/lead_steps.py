"""One row per lead: what drew it, where it is from, who works it, and when it first reached each step of the funnel."""

from pathlib import Path

import pandas as pd

from pipeline.sales_funnel.first_touches import FirstTouches
from pipeline.tables.parquet import read_table

__all__ = ["STEPS", "lead_steps"]

STEPS = ("mql", "sal", "sales_qualified", "customer")


def lead_steps(canonical: Path, touches: FirstTouches, country: str) -> pd.DataFrame:
    """Put the rows together.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    touches : FirstTouches
        Row for row with the table of leads.
    country : str
        The attribute of leads or accounts that names the country; absent: nobody's is known.

    Returns
    -------
    DataFrame
        lead_id, created_at, campaign, channel, asset, country, month (of creation, YYYY-MM), team, person (missing: not known),
        and per step of `STEPS` the moment at which it was first reached (missing: not yet).
    """
    leads = read_table(canonical / "leads.parquet", "leads").to_pandas()
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes")
    changes = changes.select(["lead_id", "stage", "team", "owner", "occurred_at"]).to_pandas()
    rows: pd.DataFrame = leads[["lead_id", "created_at"]].copy()
    for name in ("campaign", "channel", "asset"):
        rows[name] = getattr(touches, name)
    rows["country"] = _country(canonical, leads, country)
    rows["month"] = rows["created_at"].dt.strftime("%Y-%m")
    index = pd.Index(leads["lead_id"].astype(object))
    changes["lead_id"] = changes["lead_id"].astype(object)
    for step in STEPS:
        first = changes[changes["stage"] == step].groupby("lead_id")["occurred_at"].min()
        rows[step] = pd.to_datetime(first.reindex(index).to_numpy(), utc=True)
    named = changes[changes["team"].notna() | changes["owner"].notna()].sort_values("occurred_at", kind="stable")
    first_named = named.drop_duplicates("lead_id").set_index("lead_id").reindex(index)
    rows["team"] = first_named["team"].astype(object).to_numpy()
    rows["person"] = first_named["owner"].astype(object).to_numpy()
    return rows


def _country(canonical: Path, leads: pd.DataFrame, name: str) -> pd.Series:
    """Give each lead's country, as the CRM has it now: of the lead, else of its account."""
    if name in leads:
        return leads[name].astype(object)
    path = canonical / "accounts.parquet"
    accounts = read_table(path, "accounts").to_pandas() if path.exists() else pd.DataFrame()
    if name not in accounts:
        return pd.Series(None, leads.index, dtype=object)
    of_account = accounts.set_index("account_id")[name].astype(object)
    found: pd.Series = leads["account_id"].map(of_account)
    return found
