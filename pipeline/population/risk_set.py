"""Who is at risk, and the moments at which they are looked at: the rule of `models.answers.risk_set`, for tables.

Risk set `mql`: a lead is looked at when it becomes an MQL and then every ``every_days`` while at risk. Risk set `customers`:
every lead at risk at the first moment of each calendar month (UTC).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features.timeline import DAY_US, to_micros
from models.answers.risk_set import (
    CUSTOMERS,
    ENDS,
    NEVER,
    STARTS,
    RiskSet,
    at_risk,
    in_order,
    is_customer,
    periods_of,
)
from pipeline.params import SnapshotsParams
from pipeline.population.customers import customer_periods
from pipeline.population.micros import from_micros, micros
from pipeline.tables.export import read_export
from pipeline.tables.parquet import check_table, read_table

__all__ = [
    "leads_at_risk",
    "mql_periods",
    "mql_snapshots",
    "outside_cut_months",
    "risk_periods",
]


def mql_periods(stage_changes: pd.DataFrame, expire_days: int | None) -> pd.DataFrame:
    """Cut each lead's stage changes into risk periods by `models.answers.risk_set.periods_of`; one row per (lead, risk period).

    Parameters
    ----------
    stage_changes : DataFrame
        Columns lead_id, stage, occurred_at and optionally recorded_at (datetime64[us, UTC]; missing: when it occurred).
    expire_days : int or None
        Days after which a period that nothing ended is no longer looked at; None: never.

    Returns
    -------
    DataFrame
        lead_id, risk_period (int32, 0-based per lead), started_at, ended_at (missing: still open), ended_by (stage,
        or `mql` when a new period took over, missing: open). Sorted by lead_id, risk_period.

    Examples
    --------
    >>> when = pd.to_datetime(["2026-01-01", "2026-01-03", "2026-02-01"], utc=True)
    >>> changes = pd.DataFrame({"lead_id": "L", "stage": ["mql", "recycled", "mql"], "occurred_at": when})
    >>> mql_periods(changes, None)[["risk_period", "ended_by"]].values.tolist()
    [[0, 'recycled'], [1, None]]
    >>> at_once = changes.assign(occurred_at=when[0], recorded_at=when[[0, 2, 1]])  # back to MQL, and only then recycled
    >>> mql_periods(at_once, None)["ended_by"].tolist()
    ['recycled']
    """
    relevant = stage_changes[stage_changes["stage"].isin((STARTS, *ENDS))]
    times = micros(relevant["occurred_at"])
    recorded = times
    if "recorded_at" in relevant:
        recorded = micros(relevant["recorded_at"].fillna(relevant["occurred_at"]))
    order = in_order(relevant["lead_id"].astype(str), times, recorded, relevant["stage"].astype(str))
    relevant = relevant.iloc[order]
    leads, stages = (relevant[name].astype(object).tolist() for name in ("lead_id", "stage"))
    expire_us = None if expire_days is None else expire_days * DAY_US
    rows = [
        (lead, number, started_at, None if ended_at == NEVER else ended_at, ended_by)
        for lead, number, started_at, ended_at, ended_by in periods_of(
            leads, stages, times[order].tolist(), recorded[order].tolist(), expire_us
        )
    ]
    frame = pd.DataFrame(rows, columns=["lead_id", "risk_period", "started_at", "ended_at", "ended_by"], dtype=object)
    frame["risk_period"] = frame["risk_period"].astype("int32")
    for column in ("started_at", "ended_at"):
        frame[column] = pd.to_datetime(frame[column].astype("Int64"), unit="us", utc=True).astype("datetime64[us, UTC]")
    return frame


def mql_snapshots(
    periods: pd.DataFrame, params: SnapshotsParams, exported_at: pd.Timestamp, *, ordinal: bool = False
) -> pd.DataFrame:
    """Lay snapshots over risk periods; one row per (lead, snapshot).

    Snapshot k of a period lies at ``started_at + k * every_days``, as long as the period's end is not before it (a stage
    change at the snapshot is not yet visible at it), it is younger than ``expire_days`` and before the export.

    Parameters
    ----------
    periods : DataFrame
        As returned by `mql_periods`.
    params : SnapshotsParams
        Uses every_days and expire_days.
    exported_at : Timestamp
        The moment of the export; nothing is known at or after it.
    ordinal : bool
        Times are only an order: just the MQL moment is looked at.

    Returns
    -------
    DataFrame
        lead_id, snapshot_at, risk_period, is_headline (the MQL moment), sorted by lead_id, snapshot_at.
    """
    start = micros(periods["started_at"])
    export = to_micros(exported_at.to_pydatetime())
    last = np.full(len(periods), export - 1, dtype=np.int64)
    ended = periods["ended_at"].notna().to_numpy()
    last[ended] = np.minimum(last[ended], micros(periods.loc[ended, "ended_at"]))
    if params.expire_days is not None:
        last = np.minimum(last, start + params.expire_days * DAY_US - 1)
    # The next period's first snapshot belongs to the next period.
    taken_over = (periods["ended_by"] == STARTS).to_numpy()
    last[taken_over] = np.minimum(last[taken_over], micros(periods.loc[taken_over, "ended_at"]) - 1)
    if params.every_days is None or ordinal:
        count = (last >= start).astype(np.int64)
        step = 0
    else:
        step = params.every_days * DAY_US
        count = np.maximum((last - start) // step + 1, 0)
    row = np.repeat(np.arange(len(periods)), count)
    k = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    frame = pd.DataFrame(
        {
            "lead_id": periods["lead_id"].to_numpy()[row],
            "snapshot_at": from_micros(start[row] + k * step),
            "risk_period": periods["risk_period"].to_numpy()[row],
            "is_headline": k == 0,
        }
    )
    # A period that ends and another that begins at one instant would look twice at the same moment: keep the newer.
    frame = frame.drop_duplicates(["lead_id", "snapshot_at"], keep="last")
    return frame.sort_values(["lead_id", "snapshot_at"], ignore_index=True)


def risk_periods(canonical: Path, risk_set: RiskSet) -> pd.DataFrame:
    """Work out the risk periods of a folder of canonical tables; one row per (lead, risk period).

    The stage `snapshots` writes them down, for the stages after it. The commands `score` and `monitor` work them out anew: they
    take any folder of canonical tables, also one for which no stage ran. A table written for an earlier export would
    silently miss the newest leads, and a model's own `expire_days` may differ from the stage's.

    Raises
    ------
    DataError
        If a canonical table is missing or breaks the contract.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables: leads, and stage_changes or, with the risk set `customers`, orders.
    risk_set : RiskSet
        Whose population.

    Returns
    -------
    DataFrame
        `mql_periods` or `customer_periods`, with account_id (missing: the lead has none); as the table `risk_periods` is read.
    """
    columns = ["lead_id", "account_id", "created_at"]
    leads = read_table(canonical / "leads.parquet", "leads").select(columns).to_pandas()
    if risk_set.name == CUSTOMERS:
        periods = customer_periods(leads, read_table(canonical / "orders.parquet", "orders").to_pandas())
    else:
        changes = read_table(canonical / "stage_changes.parquet", "stage_changes").to_pandas()
        periods = mql_periods(changes, risk_set.expire_days)
    periods = periods.merge(leads[["lead_id", "account_id"]], on="lead_id", how="left")
    table = pa.Table.from_pandas(periods, preserve_index=False)
    frame: pd.DataFrame = check_table(table, "risk_periods", f"risk periods of {canonical}").to_pandas()
    return frame


def outside_cut_months(periods: pd.DataFrame, canonical: Path) -> pd.DataFrame:
    """Leave out risk periods that began in a month of which ingest could not place too many outcomes.

    Nobody of such a month is learned from, those still open included: the ones left would be a choice by outcome. Open ones are
    scored all the same.

    Parameters
    ----------
    periods : DataFrame
        As returned by `risk_periods`.
    canonical : Path
        Folder of canonical tables; without `unplaced_outcomes` no month is cut.
    """
    path = canonical / "unplaced_outcomes.parquet"
    if not path.exists():
        return periods
    months = read_table(path, "unplaced_outcomes").to_pandas()
    cut = months.loc[months["cut"], "month"]
    began = periods["started_at"].dt.tz_convert("UTC").dt.strftime("%Y-%m")
    kept: pd.DataFrame = periods[~began.isin(cut.dt.strftime("%Y-%m"))].reset_index(drop=True)
    return kept


def leads_at_risk(canonical: Path, params: SnapshotsParams) -> pd.DataFrame:
    """List the leads at risk at the export, of existing customers all; one row per lead.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    params : SnapshotsParams
        Who is at risk, and for how long.

    Returns
    -------
    DataFrame
        lead_id, account_id, snapshot_at (the export), sorted by lead_id. Empty for an ordinal clock: there every lead
        already has its outcome.
    """
    export = read_export(canonical)
    export_us = to_micros(export.exported_at.to_pydatetime())
    risk_set = RiskSet(params.risk_set, params.expire_days)
    periods = risk_periods(canonical, risk_set)
    started, ended = micros(periods["started_at"]), micros(periods["ended_at"], NEVER)
    if risk_set.name == CUSTOMERS:
        chosen = is_customer(export_us, started)
    else:
        chosen = at_risk(export_us, started, ended, risk_set.expire_us)
    if export.ordinal:
        chosen = np.zeros(len(periods), dtype=bool)
    rows = pd.DataFrame(periods.loc[chosen, ["lead_id", "account_id"]]).drop_duplicates("lead_id")
    rows = rows.sort_values("lead_id", ignore_index=True)
    return rows.assign(snapshot_at=pd.Series([export.exported_at] * len(rows), dtype="datetime64[us, UTC]"))
