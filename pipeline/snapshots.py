"""Stage `snapshots`: who is at risk, and the moments at which they are looked at.

Risk set `mql`: a lead is at risk from its MQL until it is qualified, disqualified, recycled or a customer; it is looked
at when it becomes an MQL and then every ``every_days`` while open and not older than ``expire_days``. Risk set
`customers`: every lead that the CRM knows of an account that ordered before, at the first moment of each calendar month (UTC).
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from features.errors import DataError
from features.timeline import DAY_US, to_micros
from pipeline.console import console, run_main
from pipeline.export import read_export
from pipeline.params import SnapshotsParams, load_params
from pipeline.tables import read_table, write_table

__all__ = ["SECTIONS", "customer_snapshots", "customers_since", "main", "mql_snapshots", "risk_periods"]

SECTIONS = ("paths", "snapshots")

STARTS = "mql"
# Of one instant, what was recorded later comes later; recorded together, a start comes before an end.
ENDS = ("sales_qualified", "disqualified", "recycled", "customer")


def risk_periods(stage_changes: pd.DataFrame, expire_days: int | None) -> pd.DataFrame:
    """Cut each lead's stage changes into risk periods; one row per (lead, risk period).

    A period starts with an MQL while none is open and ends with the first later `sales_qualified`, `disqualified`,
    `recycled` or `customer`. An MQL ``expire_days`` or more after an open period's start begins a new period, and
    thereby ends the old one; an earlier MQL changes nothing. At one instant the stage that was recorded later holds, here as in
    `models.scoring`: a start recorded after an end begins a new period, and of several ends the one recorded last is
    what the period ended by. Of what was recorded together, a start comes before an end.

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
    >>> risk_periods(changes, None)[["risk_period", "ended_by"]].values.tolist()
    [[0, 'recycled'], [1, None]]
    >>> at_once = changes.assign(occurred_at=when[0], recorded_at=when[[0, 2, 1]])  # back to MQL, and only then recycled
    >>> risk_periods(at_once, None)["ended_by"].tolist()
    ['recycled']
    """
    relevant = stage_changes[stage_changes["stage"].isin((STARTS, *ENDS))]
    is_end = (relevant["stage"] != STARTS).to_numpy()
    recorded = relevant["recorded_at"] if "recorded_at" in relevant else relevant["occurred_at"]
    recorded = recorded.fillna(relevant["occurred_at"])
    order = np.lexsort(
        (relevant["stage"].astype(str), is_end, recorded, relevant["occurred_at"], relevant["lead_id"].astype(str))
    )
    relevant, recorded = relevant.iloc[order], recorded.iloc[order]
    leads = relevant["lead_id"].astype(object).tolist()
    stages = relevant["stage"].astype(object).tolist()
    times, known = _micros(relevant["occurred_at"]).tolist(), _micros(recorded).tolist()
    expire = None if expire_days is None else expire_days * DAY_US

    rows: list[list[object]] = []  # lead_id, risk_period, started_at, ended_at, ended_by
    current: list[object] | None = None
    ended: tuple[int, int] | None = None  # when the last period that is over ended, and when that was recorded
    started, lead_before, number = 0, None, 0
    for lead, stage, time, recorded_at in zip(leads, stages, times, known, strict=True):
        if lead != lead_before:
            current, ended, lead_before, number = None, None, lead, 0
        if stage == STARTS:
            if current is not None and (expire is None or time < started + expire):
                continue
            if current is not None:
                current[3], current[4] = time, STARTS
            current, started = [lead, number, time, None, None], time
            rows.append(current)
            number += 1
        elif current is not None:
            current[3], current[4], ended = time, stage, (time, recorded_at)
            current = None
        elif ended is not None and ended[0] == time and ended[1] < recorded_at:
            rows[-1][4], ended = stage, (time, recorded_at)
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
        As returned by `risk_periods`.
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
    start = _micros(periods["started_at"])
    export = to_micros(exported_at.to_pydatetime())
    last = np.full(len(periods), export - 1, dtype=np.int64)
    ended = periods["ended_at"].notna().to_numpy()
    last[ended] = np.minimum(last[ended], _micros(periods.loc[ended, "ended_at"]))
    if params.expire_days is not None:
        last = np.minimum(last, start + params.expire_days * DAY_US - 1)
    # The next period's first snapshot belongs to the next period.
    taken_over = (periods["ended_by"] == STARTS).to_numpy()
    last[taken_over] = np.minimum(last[taken_over], _micros(periods.loc[taken_over, "ended_at"]) - 1)
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
            "snapshot_at": _from_micros(start[row] + k * step),
            "risk_period": periods["risk_period"].to_numpy()[row],
            "is_headline": k == 0,
        }
    )
    # A period that ends and another that begins at one instant would look twice at the same moment: keep the newer.
    frame = frame.drop_duplicates(["lead_id", "snapshot_at"], keep="last")
    return frame.sort_values(["lead_id", "snapshot_at"], ignore_index=True)


def customers_since(leads: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Find since when each lead is an existing customer's; one row per lead of an account with orders.

    Parameters
    ----------
    leads : DataFrame
        Columns lead_id, account_id, created_at.
    orders : DataFrame
        Columns account_id, ordered_at.

    Returns
    -------
    DataFrame
        lead_id, account_id, since: the moment of the account's first order, or of the lead's creation where that is later, for
        nobody knew the lead before. It is at risk at a moment after `since`.
    """
    first = orders.astype({"account_id": object}).groupby("account_id", as_index=False)["ordered_at"].min()
    known = leads[["lead_id", "account_id", "created_at"]].astype({"account_id": object}).merge(first, on="account_id")
    since = known["ordered_at"].where(known["ordered_at"] >= known["created_at"], known["created_at"])
    return known[["lead_id", "account_id"]].assign(since=since)


def customer_snapshots(leads: pd.DataFrame, orders: pd.DataFrame, exported_at: pd.Timestamp) -> pd.DataFrame:
    """Look at existing customers at the first moment of each month; one row per (lead, month).

    Parameters
    ----------
    leads : DataFrame
        Columns lead_id, account_id, created_at (datetime64[us, UTC]).
    orders : DataFrame
        Columns account_id, ordered_at (datetime64[us, UTC]).
    exported_at : Timestamp
        The moment of the export.

    Returns
    -------
    DataFrame
        As `mql_snapshots`; every month is a risk period of its own and a headline row. A lead appears from the first
        month that begins after its account's first order and after its own creation.
    """
    known = customers_since(leads, orders)
    if known.empty:
        return pd.DataFrame(
            {
                "lead_id": pd.Series(dtype=object),
                "snapshot_at": pd.Series(dtype="datetime64[us, UTC]"),
                "risk_period": pd.Series(dtype="int32"),
                "is_headline": pd.Series(dtype=bool),
            }
        )
    begin = known["since"].min().normalize()
    months = pd.date_range(begin, exported_at, freq="MS", unit="us", inclusive="left")
    cross = known.merge(pd.DataFrame({"snapshot_at": months.astype("datetime64[us, UTC]")}), how="cross")
    cross = cross[cross["since"] < cross["snapshot_at"]].sort_values(["lead_id", "snapshot_at"], ignore_index=True)
    return pd.DataFrame(
        {
            "lead_id": cross["lead_id"],
            "snapshot_at": cross["snapshot_at"],
            "risk_period": cross.groupby("lead_id").cumcount().astype("int32"),
            "is_headline": True,
        }
    )


def _micros(times: pd.Series) -> np.ndarray:
    return times.astype("datetime64[us, UTC]").astype("int64").to_numpy()


def _from_micros(micros: np.ndarray) -> pd.Series:
    return pd.Series(pd.to_datetime(micros, unit="us", utc=True)).astype("datetime64[us, UTC]")


def main() -> None:
    """Read the canonical tables, write `snapshots.parquet`."""
    params = load_params(SECTIONS)
    canonical = params.paths.data_dir / "canonical"
    export = read_export(canonical)
    columns = ["lead_id", "account_id", "created_at"]
    leads = read_table(canonical / "leads.parquet", "leads").select(columns).to_pandas()
    if params.snapshots.risk_set == "customers":
        orders = read_table(canonical / "orders.parquet", "orders").to_pandas()
        snapshots = customer_snapshots(leads, orders, export.exported_at)
    else:
        changes = read_table(canonical / "stage_changes.parquet", "stage_changes").to_pandas()
        periods = risk_periods(changes, params.snapshots.expire_days)
        snapshots = mql_snapshots(periods, params.snapshots, export.exported_at, ordinal=export.ordinal)
    if snapshots.empty:
        raise DataError(
            f"snapshots: no lead is ever at risk (risk set '{params.snapshots.risk_set}'). The source needs `mql` stage "
            "changes, or orders for the risk set 'customers'. Check the source's SQL."
        )
    snapshots = snapshots.merge(leads[["lead_id", "account_id"]], on="lead_id", how="left")
    table = pa.Table.from_pandas(snapshots, preserve_index=False)
    write_table(params.paths.data_dir / "snapshots.parquet", "snapshots", table)
    console.print(
        f"snapshots: {len(snapshots):,} of {snapshots['lead_id'].nunique():,} leads, "
        f"{int(snapshots['is_headline'].sum()):,} at the start of a risk period"
    )


if __name__ == "__main__":
    run_main(main)
