"""The funnel and the ledger: from canonical tables and risk periods to their figures."""

from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd

from features.params import FeaturesParams
from models.analyses.funnel import Dimension, Funnel
from pipeline.params import FunnelParams, LabelsParams, SnapshotsParams
from pipeline.sales_funnel.first_touches import first_touches
from pipeline.sales_funnel.funnel_counts import Horizon, count_reasons, count_steps, cut_by
from pipeline.sales_funnel.gaps import keep_ledger
from pipeline.sales_funnel.handled_leads import handled_leads
from pipeline.sales_funnel.lead_steps import lead_steps
from pipeline.sales_funnel.mql_endings import costs, incidences, months, read_costs, read_rejections
from pipeline.sales_funnel.visitors import count_visitors
from pipeline.tables.export import Export
from pipeline.tables.parquet import read_table

__all__ = ["FunnelSetting", "analyse_funnel", "cost_remarks"]

MOST_MONTHS = 36
MOST_REASONS = 30


class FunnelSetting(NamedTuple):
    """The parameter sections that the funnel takes."""

    funnel: FunnelParams
    features: FeaturesParams
    labels: LabelsParams
    snapshots: SnapshotsParams


def analyse_funnel(
    canonical: Path, periods: pd.DataFrame, export: Export, source: str, setting: FunnelSetting
) -> Funnel:
    """Work out the funnel and the ledger.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        Risk periods of MQLs.
    export : Export
        When nothing more was known.
    source : str
        Name of the source.
    setting : FunnelSetting
        Parameters.
    """
    params, labels = setting.funnel, setting.labels
    exported_at = pd.Timestamp(export.exported_at)
    window = pd.Timedelta(days=labels.label_days)
    horizon = Horizon(window, exported_at - window - pd.Timedelta(days=labels.recording_delay_days))
    leads = read_table(canonical / "leads.parquet", "leads").select(["lead_id"]).to_pandas()
    touches = first_touches(canonical, leads["lead_id"])
    rows = lead_steps(canonical, touches, params.country)
    first = periods[periods["risk_period"] == 0]
    campaign_of = rows.set_index("lead_id")["campaign"]
    spent = read_costs(canonical)
    ledger = keep_ledger(handled_leads(canonical, periods, touches, labels, setting.features, exported_at), params)
    visitors, rejections = count_visitors(canonical, horizon), read_rejections(canonical)
    cuts = []
    for dimension in get_args(Dimension):
        if dimension == "person" and not params.by_person:
            continue
        least = params.min_person_leads if dimension == "person" else 0
        most = MOST_MONTHS if dimension == "month" else params.most_groups
        came = None if visitors is None else visitors.by.get(dimension)
        cut = cut_by(rows, dimension, horizon, most, least, came, rejections)
        if cut is not None:
            cuts.append(cut)
    everybody = np.zeros(len(rows), dtype=np.int64)
    return Funnel(
        source=source,
        exported_at=exported_at.to_pydatetime(),
        label_days=labels.label_days,
        expire_days=setting.snapshots.expire_days,
        total=count_steps(rows, everybody, 1, horizon, None if visitors is None else [visitors.total])[0],
        by=tuple(cuts),
        incidence=incidences(
            first,
            first["lead_id"].map(campaign_of).reset_index(drop=True),
            setting.snapshots.expire_days,
            exported_at,
            params.min_leads,
        ),
        reasons=count_reasons(rejections, MOST_REASONS),
        months=months(rows, horizon, spent, MOST_MONTHS),
        costs=costs(rows, spent, params.most_groups),
        reference_rate=params.reference,
        reference_days=ledger.reference_days,
        gaps=ledger.gaps,
        teams=ledger.teams,
        persons=ledger.persons,
        min_leads=params.min_leads,
    )


def cost_remarks(content: Funnel) -> list[str]:
    """Say which campaigns lack costs, and which costs lack leads."""
    if not content.costs:
        return ["funnel: no costs are given; cost per MQL needs the table campaign_costs (campaign, spent_at, amount)"]
    without = [cost.campaign for cost in content.costs if cost.spent is None]
    nobody = [cost.campaign for cost in content.costs if cost.spent is not None and not cost.mql]
    lines = []
    if without:
        lines.append(f"funnel: no costs are given for {', '.join(without)}; they have no cost per MQL")
    if nobody:
        lines.append(
            f"funnel: campaign_costs names {', '.join(nobody)}, which drew no MQL; compare the names with touchpoints.campaign"
        )
    return lines
