"""What the stage `audit` looks at: every raw column beside the outcome, also those that the source withholds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.timeline import DAY_US
from models.answers.risk_set import CUSTOMERS
from pipeline.leakage.audit_table import AuditTable
from pipeline.leakage.counts import visible_touchpoints
from pipeline.params import LabelsParams, SnapshotsParams
from pipeline.population.attribute_history import accounts_at, attributes_at, eligible_attributes
from pipeline.population.micros import micros
from pipeline.population.outcomes import period_outcomes, purchase_outcomes
from pipeline.population.risk_set import mql_periods
from pipeline.tables.export import Export
from pipeline.tables.parquet import read_table

__all__ = ["StageRows", "stage_rows"]

# What the CRM writes beside the end of a risk period: features see it before the snapshot only.
# Which account a lead has is no feature, but whether it has one shows in every feature of accounts.
HAS_ACCOUNT = "has an account"
WITHHELD_TABLES = {"stage_changes": ("reason", "owner", "team"), "handovers": ("first_contact_at", "owner")}


@dataclass(frozen=True)
class StageRows:
    """Everything that the stage judges.

    Attributes
    ----------
    table : AuditTable
        One row per risk period whose label is known, at its first snapshot.
    rows : DataFrame
        Snapshot keys and slice, row for row with `table`.
    visible : DataFrame
        What those snapshots see of touchpoints.
    withheld : frozenset of str
        Columns of `table` that never become features.
    read_at_export : list of str
        Features that are only known as of the export.
    snapshots : DataFrame
        All snapshots at the start of a risk period, with label, matured, slice, outcome_at.
    changes : DataFrame or None
        `attribute_changes`.
    ended_at : Series
        First end of a risk period, by lead_id.
    """

    table: AuditTable
    rows: pd.DataFrame
    visible: pd.DataFrame
    withheld: frozenset[str]
    read_at_export: list[str]
    snapshots: pd.DataFrame
    changes: pd.DataFrame | None
    ended_at: pd.Series


def _sampled(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    frame = frame.sort_values(["snapshot_at", "lead_id"], ignore_index=True)
    if len(frame) <= most:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, most).astype(int)].reset_index(drop=True)


def stage_rows(
    data: Path,
    export: Export,
    snapshots_params: SnapshotsParams,
    labels_params: LabelsParams,
    observation_days: int,
    max_rows: int,
    *,
    use_known_at_export: bool,
) -> StageRows:
    """Read the tables of the stages before, and lay them out for the detectors."""
    canonical = data / "canonical"

    def read(name: str, folder: Path = canonical) -> pd.DataFrame | None:
        path = folder / f"{name}.parquet"
        return read_table(path, name).to_pandas() if path.exists() else None

    keys = ["lead_id", "snapshot_at"]
    tables = [read_table(data / f"{name}.parquet", name).to_pandas() for name in ("snapshots", "labels", "slices")]
    everything = (
        tables[0].merge(tables[1], on=keys, validate="one_to_one").merge(tables[2], on=keys, validate="one_to_one")
    )
    everything = everything[everything["is_headline"]].reset_index(drop=True)
    stages = read("stage_changes")
    customers = snapshots_params.risk_set == CUSTOMERS
    if customers:
        # A customer's own period never ends; what the detectors look for is the end of the lead's time as an MQL.
        periods = None if stages is None else mql_periods(stages, snapshots_params.expire_days)
        orders = read_table(canonical / "orders.parquet", "orders").to_pandas()
        everything["outcome_at"] = purchase_outcomes(everything, orders, labels_params)
    else:
        periods = read_table(data / "risk_periods.parquet", "risk_periods").to_pandas()
        everything["outcome_at"] = period_outcomes(everything, periods)
    rows = _sampled(everything[everything["label"].notna()], max_rows)
    label = rows["label"].to_numpy(dtype=np.int8)
    moments = micros(rows["snapshot_at"])

    declared = read_table(canonical / "attributes.parquet", "attributes").to_pandas()
    eligible = eligible_attributes(declared, use_known_at_export=use_known_at_export)
    leads, accounts, changes = (
        read_table(canonical / "leads.parquet", "leads").to_pandas(),
        read("accounts"),
        read("attribute_changes"),
    )
    columns = pd.concat(
        [
            attributes_at(rows, eligible, leads, accounts, changes, stage_changes=stages),
            # As the export shows them: what a source withholds is judged by all that it says.
            attributes_at(
                rows,
                declared[~declared["attribute"].isin(eligible["attribute"])],
                leads,
                accounts,
                None,
                stage_changes=stages,
            ),
            rows[["lead_id", "account_id"]],
            accounts_at(rows, changes).notna().map({True: "yes"}).rename(HAS_ACCOUNT),
            _beside_the_end(rows, read),
        ],
        axis=1,
    )
    visible = (
        visible_touchpoints(canonical, rows, observation_days) if (canonical / "touchpoints.parquet").exists() else None
    )
    ordinal = export.ordinal
    eventual = (label == 1) | rows["outcome_at"].notna().to_numpy()
    table = AuditTable(
        columns,
        label,
        order=moments,
        snapshot_at=None if ordinal else moments,
        days_to_outcome=None
        if ordinal
        else np.where(label == 1, (micros(rows["outcome_at"], np.nan) - moments) / DAY_US, np.nan),
        # A customer's next purchase is always to come; a lead is qualified once.
        eventual=None if customers else eventual.astype(np.int8),
        beside=None if visible is None else _counts(visible, len(rows)),
    )
    ended_at = pd.Series(dtype="datetime64[us, UTC]")
    if periods is not None:
        ended_at = periods.dropna(subset="ended_at").groupby("lead_id")["ended_at"].min()
    return StageRows(
        table=table,
        rows=rows,
        visible=pd.DataFrame(columns=["field", "row", "value", "touchpoints"]) if visible is None else visible,
        withheld=frozenset(map(str, columns.columns)) - frozenset(eligible["attribute"]) - {HAS_ACCOUNT},
        read_at_export=_without_history(eligible, changes),
        snapshots=everything,
        changes=changes,
        ended_at=ended_at,
    )


def _without_history(eligible: pd.DataFrame, changes: pd.DataFrame | None) -> list[str]:
    recorded = set() if changes is None else set(changes["attribute"])
    return sorted(set(eligible.loc[eligible["known_at"] == "export", "attribute"]) - recorded)


def _beside_the_end(rows: pd.DataFrame, read: Callable[[str], pd.DataFrame | None]) -> pd.DataFrame:
    """Give what the CRM holds of each lead at the export, beside its stages and hand-overs: the last filled value."""
    found = {}
    for name, fields in WITHHELD_TABLES.items():
        table = read(name)
        if table is None:
            continue
        if name == "stage_changes":  # of one instant, what was recorded later holds
            recorded = table["recorded_at"] if "recorded_at" in table else table["occurred_at"]
            table = table.assign(recorded_at=recorded.fillna(table["occurred_at"]))
        table = table.sort_values(["occurred_at", "recorded_at"] if name == "stage_changes" else "queued_at")
        for field in fields:
            last = table.dropna(subset=field).groupby("lead_id")[field].last()
            found[f"{name}.{field}"] = rows["lead_id"].astype(object).map(last)
    return pd.DataFrame(found, index=rows.index)


def _counts(visible: pd.DataFrame, rows: int) -> pd.DataFrame:
    kinds = visible[visible["field"] == "kind"]
    wide = kinds.pivot_table(index="row", columns="value", values="touchpoints", fill_value=0, aggfunc="sum")
    return wide.reindex(range(rows), fill_value=0).add_prefix("touchpoints: ").reset_index(drop=True)
