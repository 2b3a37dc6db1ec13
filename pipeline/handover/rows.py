"""From canonical tables to what hand-over timing is learned from: features at first contacts and at looks at the queue."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.timeline import DAY_US
from models.timing.rows import CALLED, CUT, STAYED, Calls, QueueWeeks
from pipeline.matrix.build import matrix_batches
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.params import LabelsParams
from pipeline.population.micros import micros
from pipeline.population.outcomes import label_snapshots, period_outcomes, week_outcomes
from pipeline.population.queue import first_contacts, queue_looks

__all__ = ["TimingRows", "features_at", "parts_of", "timing_rows"]


class TimingRows(NamedTuple):
    """Rows to learn from, with the moments that they speak of.

    Attributes
    ----------
    calls : Calls
    queue : QueueWeeks
    contacts : DataFrame
        Row for row with `calls`: lead_id, account_id, risk_period, snapshot_at (of the contact), waited (days since the MQL).
    looks : DataFrame
        Row for row with `queue`: lead_id, account_id, risk_period, snapshot_at, week.
    """

    calls: Calls
    queue: QueueWeeks
    contacts: pd.DataFrame
    looks: pd.DataFrame


def features_at(canonical: Path, moments: pd.DataFrame, fitted: FittedCatalog) -> np.ndarray:
    """Compute the features of some leads at some moments.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    moments : DataFrame
        lead_id, account_id, snapshot_at, part (see `feature_rows.by_catalog`).
    fitted : FittedCatalog
        Its `part` plays no role here.

    Returns
    -------
    ndarray of float32 [moments, features]
    """
    matrix = np.empty((len(moments), len(fitted.catalog)), dtype=np.float32)
    for rows, values in matrix_batches(canonical, moments, fitted.catalog, fitted.held_out):
        matrix[rows] = values
    return matrix


def parts_of(snapshots: pd.DataFrame, fitted: FittedCatalog) -> dict[str, int]:
    """Map each account, or lead without one, to the catalog that saw nothing of its outcomes.

    Parameters
    ----------
    snapshots : DataFrame
        lead_id, account_id: the rows that `fitted` was fitted on, in their order.
    fitted : FittedCatalog
    """
    groups = snapshots["account_id"].astype(object).fillna(snapshots["lead_id"].astype(object)).astype(str)
    return {name: int(part) for name, part in zip(groups, fitted.part, strict=True) if part >= 0}


def timing_rows(
    canonical: Path,
    periods: pd.DataFrame,
    handovers: pd.DataFrame,
    exported_at: pd.Timestamp,
    fitted: FittedCatalog,
    part_of: dict[str, int],
    labels: LabelsParams,
    queue_days: int,
) -> TimingRows:
    """Put together the rows that hand-over timing is learned from.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        Risk periods, as `risk_set.risk_periods` gives them.
    handovers : DataFrame
        The canonical table.
    exported_at : Timestamp
        The moment of the export.
    fitted : FittedCatalog
        The catalog, and those that training accounts are looked at with.
    part_of : dict of str to int
        Account, or lead without one, to its position in `fitted.held_out`; others are looked at with `fitted.catalog`.
    labels : LabelsParams
        `label_days` is the horizon of the contact.
    queue_days : int
        As for `queue_looks`.
    """
    contact_at = first_contacts(periods, handovers)
    in_time = contact_at.notna() & (contact_at < exported_at) & ~(periods["ended_at"] < contact_at)
    contact_at = contact_at.where(in_time)
    called = np.flatnonzero(in_time.to_numpy())
    contacts = periods.iloc[called][["lead_id", "account_id", "risk_period"]].reset_index(drop=True)
    contacts["snapshot_at"] = contact_at.iloc[called].to_numpy()
    contacts["snapshot_at"] = pd.to_datetime(contacts["snapshot_at"], utc=True).astype("datetime64[us, UTC]")
    waited = micros(contacts["snapshot_at"]) - micros(periods["started_at"].iloc[called])
    contacts["waited"] = waited / DAY_US
    outcome_at = period_outcomes(contacts, periods)
    labelled = label_snapshots(contacts, outcome_at, labels, exported_at, ordinal=False)

    looks = queue_looks(periods, contact_at, exported_at, queue_days)
    became, value = week_outcomes(looks, periods, contact_at, exported_at)
    same = looks["period"].to_numpy()
    follows = np.append(same[1:] == same[:-1], False)
    # The last look at a lead that waits longer than is looked at has no look after it.
    became[(became == STAYED) & ~follows] = CUT
    call_of_period = np.full(len(periods), -1)
    call_of_period[called] = np.arange(len(called))

    def group(rows: pd.DataFrame) -> np.ndarray:
        return rows["account_id"].astype(object).fillna(rows["lead_id"].astype(object)).to_numpy(dtype=object)

    def matrix(rows: pd.DataFrame) -> np.ndarray:
        part = np.array([part_of.get(str(name), -1) for name in group(rows)], dtype=np.int64)
        return features_at(canonical, rows[["lead_id", "account_id", "snapshot_at"]].assign(part=part), fitted)

    calls = Calls(matrix(contacts), labelled["label"].astype("float64").to_numpy(na_value=np.nan), group(contacts))
    queue = QueueWeeks(
        matrix=matrix(looks),
        became=became,
        next_week=np.where(became == STAYED, np.arange(len(looks)) + 1, -1),
        call=np.where(became == CALLED, call_of_period[same], -1),
        value=value,
        group=group(looks),
    )
    return TimingRows(calls, queue, contacts, looks.drop(columns="period"))
