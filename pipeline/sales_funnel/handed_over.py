"""When each MQL was handed over to sales, as well as the data say it, and what became of it from then on."""

from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from models.fitting.row_weights import row_groups
from pipeline.params import LabelsParams
from pipeline.population.outcomes import label_snapshots, period_outcomes
from pipeline.population.queue import first_contacts, first_handovers
from pipeline.tables.parquet import read_table

__all__ = ["HandedOver", "Moment", "handed_over", "labelled_looks"]

Moment = Literal["handed_over", "first_contact", "sal"]


class HandedOver(NamedTuple):
    """Moments of hand-over.

    Attributes
    ----------
    moment : str or None
        What stands for it: the hand-over itself, else the first contact, else the stage `sal`; None: the data know none.
    at : Series of datetime64[us, UTC]
        In the order of the risk periods; missing: not handed over before the period ended.
    """

    moment: Moment | None
    at: pd.Series


def handed_over(canonical: Path, periods: pd.DataFrame) -> HandedOver:
    """Find when each risk period was handed over.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; handovers and stage_changes may be absent.
    periods : DataFrame
        As `risk_set.risk_periods` gives them.
    """
    path = canonical / "handovers.parquet"
    found: list[tuple[Moment, pd.Series]] = []
    if path.exists():
        table = read_table(path, "handovers").to_pandas()
        found += [
            ("handed_over", first_handovers(periods, table)),
            ("first_contact", first_contacts(periods, table)),
        ]
    changes = canonical / "stage_changes.parquet"
    if changes.exists():
        accepted = read_table(changes, "stage_changes").to_pandas()
        accepted = accepted[accepted["stage"] == "sal"]
        queued = accepted[["lead_id"]].assign(
            queued_at=accepted["occurred_at"], first_contact_at=accepted["occurred_at"]
        )
        found.append(("sal", first_contacts(periods, queued)))
    for moment, at in found:
        if at.notna().any():
            return HandedOver(moment, at.where(~(periods["ended_at"] < at)))
    return HandedOver(None, pd.Series(pd.NaT, periods.index, dtype="datetime64[us, UTC]"))


def labelled_looks(
    periods: pd.DataFrame, at: pd.Series, labels: LabelsParams, exported_at: pd.Timestamp
) -> pd.DataFrame:
    """Look at risk periods at a moment of each, and say whether they were sales-qualified within `label_days` from then.

    Parameters
    ----------
    periods : DataFrame
        Risk periods.
    at : Series
        In their order; missing: not looked at.
    labels : LabelsParams
        The `labels` section.
    exported_at : Timestamp
        Looks lie before it.

    Returns
    -------
    DataFrame
        lead_id, account_id, risk_period, snapshot_at, label (float, NaN: immature), group (account, or lead without one).
    """
    looked = at.notna() & (at < exported_at)
    rows = periods.loc[looked, ["lead_id", "account_id", "risk_period"]].reset_index(drop=True)
    rows["snapshot_at"] = at[looked].to_numpy()
    rows["snapshot_at"] = pd.to_datetime(rows["snapshot_at"], utc=True).astype("datetime64[us, UTC]")
    labelled = label_snapshots(rows, period_outcomes(rows, periods), labels, exported_at, ordinal=False)
    rows["label"] = labelled["label"].astype("float64").to_numpy(na_value=float("nan"))
    rows["group"] = row_groups(rows)
    return rows
