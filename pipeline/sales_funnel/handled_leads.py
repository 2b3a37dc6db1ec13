"""First MQLs with a known outcome: by which campaign, handled by whom and how fast, and what was known of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.params import FeaturesParams
from features.timeline import DAY_US
from models.quality.reference_handling import Handled
from pipeline.params import LabelsParams
from pipeline.population.micros import micros
from pipeline.population.queue import first_contacts
from pipeline.sales_funnel.first_touches import FirstTouches
from pipeline.sales_funnel.handed_over import labelled_looks
from pipeline.sales_funnel.quality_columns import quality_columns
from pipeline.tables.parquet import read_table

__all__ = ["HandledLeads", "handled_leads"]


class HandledLeads(NamedTuple):
    """Leads and the names behind their codes.

    Attributes
    ----------
    handled : Handled
    looks : DataFrame
        Row for row: lead_id, snapshot_at.
    campaigns, teams, persons : list of str
        Names in the order of the codes.
    person : ndarray of int64 [leads]
        Code; -1: not known.
    """

    handled: Handled
    looks: pd.DataFrame
    campaigns: list[str]
    teams: list[str]
    persons: list[str]
    person: np.ndarray


def handled_leads(
    canonical: Path,
    periods: pd.DataFrame,
    touches: FirstTouches,
    labels: LabelsParams,
    features: FeaturesParams,
    exported_at: pd.Timestamp,
) -> HandledLeads:
    """Put them together.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        Risk periods of MQLs; the first of each lead counts.
    touches : FirstTouches
        Of the leads among others.
    labels, features
        Sections of the same names.
    exported_at : Timestamp
        Nothing at or after it is known.
    """
    first = periods[periods["risk_period"] == 0].reset_index(drop=True)
    looks = labelled_looks(first, first["started_at"], labels, exported_at)
    known = looks["label"].notna()
    contact = _first_contacts(canonical, first)
    by_whom = _owners(canonical, first)
    looked = (first["started_at"] < exported_at).to_numpy()
    rows = np.flatnonzero(looked)[known.to_numpy()]
    looks = looks[known].reset_index(drop=True)
    touches = touches.of(looks["lead_id"])
    campaign, campaigns = pd.factorize(touches.campaign, sort=True)
    team, teams = pd.factorize(by_whom["team"].iloc[rows], sort=True)
    person, persons = pd.factorize(by_whom["owner"].iloc[rows], sort=True)
    days = (micros(contact.iloc[rows]) - micros(first["started_at"].iloc[rows])) / DAY_US
    is_contacted = contact.iloc[rows].notna().to_numpy()
    handled = Handled(
        quality=quality_columns(canonical, looks, touches, campaigns, features),
        log_days=np.where(is_contacted, np.log1p(np.maximum(days, 0.0)), np.nan),
        team=team.astype(np.int64),
        campaign=campaign.astype(np.int64),
        month=pd.factorize(looks["snapshot_at"].dt.strftime("%Y-%m"), sort=True)[0].astype(np.int64),
        account=pd.factorize(looks["group"])[0].astype(np.int64),
        outcome=looks["label"].to_numpy(dtype=np.float64),
    )
    names = [[str(name) for name in of] for of in (campaigns, teams, persons)]
    return HandledLeads(
        handled, looks[["lead_id", "snapshot_at"]], names[0], names[1], names[2], person=person.astype(np.int64)
    )


def _first_contacts(canonical: Path, periods: pd.DataFrame) -> pd.Series:
    """Give the first contact of each period: of the table of hand-overs, else the stage `sal`."""
    path = canonical / "handovers.parquet"
    if path.exists():
        found = first_contacts(periods, read_table(path, "handovers").to_pandas())
        if found.notna().any():
            return found
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes")
    changes = changes.select(["lead_id", "stage", "occurred_at"]).to_pandas()
    accepted = changes[changes["stage"] == "sal"]
    moments = accepted[["lead_id"]].assign(queued_at=accepted["occurred_at"], first_contact_at=accepted["occurred_at"])
    return first_contacts(periods, moments)


def _owners(canonical: Path, periods: pd.DataFrame) -> pd.DataFrame:
    """Give team and owner of each period: those of its first stage change that names any; row for row."""
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes")
    changes = changes.select(["lead_id", "team", "owner", "occurred_at"]).to_pandas()
    named = changes[changes["team"].notna() | changes["owner"].notna()]
    merged = named[["lead_id", "team", "owner", "occurred_at"]].merge(
        periods[["lead_id", "started_at", "ended_at"]], on="lead_id"
    )
    inside = (merged["occurred_at"] >= merged["started_at"]) & ~(merged["occurred_at"] > merged["ended_at"])
    first = merged[inside].sort_values("occurred_at", kind="stable").drop_duplicates("lead_id").set_index("lead_id")
    found: pd.DataFrame = first[["team", "owner"]].astype(object).reindex(periods["lead_id"]).reset_index(drop=True)
    return found
