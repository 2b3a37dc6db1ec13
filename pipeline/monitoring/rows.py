"""Logged scores beside what became of their leads: one row per lead and risk period, labelled as training rows are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import DataError
from features.records import MQL
from models.answers.risk_set import CUSTOMERS, NEVER, RiskSet, at_risk, is_customer
from models.fitting.row_weights import row_groups
from models.monitoring.live_quality import months_of
from models.monitoring.score_log import KEY, pseudonym
from models.monitoring.score_log_reader import ScoreLog
from pipeline.params import LabelsParams
from pipeline.population.micros import micros
from pipeline.population.outcomes import label_snapshots, period_outcomes, purchase_outcomes
from pipeline.population.own_influence import left_out as uncalled
from pipeline.population.own_influence import read_influence
from pipeline.population.risk_set import risk_periods
from pipeline.tables.export import Export
from pipeline.tables.merged_leads import merged_ids
from pipeline.tables.parquet import read_table

__all__ = ["Monitored", "monitored_rows"]


@dataclass(frozen=True, eq=False)
class Monitored:
    """What of a log can be judged.

    Attributes
    ----------
    rows : DataFrame
        One per lead and risk period: lead_id, account_id, snapshot_at, month, group, probability, label (Int8; missing:
        immature), matured, warnings; in the order of snapshot_at.
    matrix : ndarray of float32 [rows, features]
        Row for row.
    left_out : dict of str to int
        Logged scores that are no such row, by reason: ``not_scored``, ``not_in_tables``, ``after_export``, ``not_at_risk``,
        ``began_before`` (the risk period began before the log), ``later`` (the same risk period was scored before),
        ``used_in_training``.
    """

    rows: pd.DataFrame
    matrix: np.ndarray
    left_out: dict[str, int]


def monitored_rows(
    log: ScoreLog,
    canonical: Path,
    export: Export,
    metadata: Mapping[str, Any],
    expire_days: int | None,
    key: str = "",
) -> Monitored:
    """Pick the first score of each lead in each risk period, and label it.

    A lead is at risk as in training: from its MQL, until the period ends or expires; of existing customers every calendar month
    is a risk period. Leads that were open already when the log began are left out: they are seen late, and those that are still
    open by then are not like new ones. Leads that are scored every minute so count no more than others, and a row is looked at
    about as early as the headline rows of the training.

    Parameters
    ----------
    log : ScoreLog
        Of one model.
    canonical : Path
        Folder of canonical tables.
    export : Export
        Their moment.
    metadata : mapping
        Of the model: risk set, label definition, the newest row that it learned from.
    expire_days : int or None
        After how many days the model's risk periods are left; None: never.
    key : str
        Of the log's pseudonyms, where it has any.

    Raises
    ------
    DataError
        If the log holds pseudonyms and there is no key.
    """
    left_out: dict[str, int] = {}
    rows = log.rows.assign(position=np.arange(len(log.rows)))

    def keep(mask: pd.Series, reason: str) -> None:
        nonlocal rows
        if not mask.all():
            left_out[reason] = int((~mask).sum())
        rows = rows[mask.to_numpy(dtype=bool)]

    keep(rows["probability"].notna(), "not_scored")
    leads = read_table(canonical / "leads.parquet", "leads").select(["lead_id", "account_id"]).to_pandas()
    rows = rows.assign(lead_id=_real_ids(rows, leads["lead_id"], merged_ids(canonical), key))
    keep(rows["lead_id"].notna(), "not_in_tables")
    keep(rows["snapshot_at"] < export.exported_at, "after_export")
    keep(rows["snapshot_at"] > pd.Timestamp(metadata["data_used_until"]), "used_in_training")
    rows = rows.merge(leads, on="lead_id", how="left")
    customers = metadata.get("risk_set") == CUSTOMERS
    periods = risk_periods(canonical, RiskSet(CUSTOMERS if customers else MQL, expire_days))
    labels = LabelsParams(
        label_days=metadata["label_days"],
        recording_delay_days=metadata["recording_delay_days"],
        purchase=metadata.get("purchase", "again"),
    )
    if customers:
        orders = read_table(canonical / "orders.parquet", "orders").to_pandas()
        since = periods.set_index("lead_id")["started_at"]
        begun = micros(rows["lead_id"].map(since), NEVER)
        keep(pd.Series(is_customer(micros(rows["snapshot_at"]), begun), rows.index), "not_at_risk")
        rows = rows.assign(risk_period=months_of(rows["snapshot_at"]))
    else:
        begin = rows["snapshot_at"].min()
        period, started_at = _period(rows, periods, expire_days)
        rows = rows.assign(risk_period=period, started_at=started_at)
        keep(rows["risk_period"] >= 0, "not_at_risk")
        keep(rows["started_at"] >= begin, "began_before")
        influence = read_influence(canonical)
        if influence is not None:
            keep(pd.Series(~uncalled(rows, periods, *influence), rows.index), "uncalled")
    keep(~rows.duplicated(["lead_id", "risk_period"], keep="first"), "later")
    rows = rows.reset_index(drop=True)
    outcome = purchase_outcomes(rows, orders, labels) if customers else period_outcomes(rows, periods)
    labelled = label_snapshots(rows, outcome, labels, export.exported_at, ordinal=False)
    found = rows.assign(
        label=labelled["label"],
        matured=labelled["matured"],
        month=months_of(rows["snapshot_at"]),
        group=row_groups(rows),
    )
    columns = ["lead_id", "account_id", "snapshot_at", "month", "group", "probability", "label", "matured", "warnings"]
    return Monitored(found[columns], log.matrix[rows["position"].to_numpy()], left_out)


def _real_ids(rows: pd.DataFrame, lead_ids: pd.Series, merged: Mapping[str, str], key: str) -> pd.Series:
    """Find the lead behind each logged id, also one that was merged into another since; missing: the tables don't know it."""
    known = {lead_id: lead_id for lead_id in lead_ids} | dict(merged)
    plain = rows["lead_id"].map(known)
    if not rows["keyed"].any():
        return plain
    if not key:
        raise DataError(
            f"the score log holds pseudonyms ({int(rows['keyed'].sum()):,} rows), and {KEY} is not set, so no outcome can be "
            "found. Set it to the key that the service has."
        )
    behind = {pseudonym(key, logged): lead_id for logged, lead_id in known.items()}
    found = rows["lead_id"].map(behind)
    if not found[rows["keyed"].to_numpy(dtype=bool)].notna().any():
        raise DataError(
            f"no pseudonym of the score log fits a lead of the tables: {KEY} is not the key that the service had."
        )
    return found.where(rows["keyed"].to_numpy(dtype=bool), plain)


def _period(rows: pd.DataFrame, periods: pd.DataFrame, expire_days: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Give each row its risk period, or -1 for none, and when that began; a change at the snapshot is not visible to it yet."""
    left = rows[["lead_id", "snapshot_at"]].assign(row=np.arange(len(rows)))
    merged = pd.merge_asof(
        left.astype({"lead_id": object}).sort_values("snapshot_at"),
        periods.astype({"lead_id": object}).sort_values("started_at"),
        left_on="snapshot_at",
        right_on="started_at",
        by="lead_id",
    ).sort_values("row")
    started, ended = micros(merged["started_at"], NEVER), micros(merged["ended_at"], NEVER)
    inside = at_risk(micros(merged["snapshot_at"]), started, ended, RiskSet(MQL, expire_days).expire_us)
    period = np.where(inside, merged["risk_period"].fillna(-1), -1).astype(np.int32)
    return period, merged["started_at"].array
