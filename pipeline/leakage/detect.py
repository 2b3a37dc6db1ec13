"""Every detector on a source's tables, and what they found in short: a ranking of columns, and counts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.leakage.audit_table import Profile
from pipeline.leakage.columns import audit_columns
from pipeline.leakage.counts import count_touchpoints, first_touchpoints
from pipeline.leakage.duplicates import repeated_rows, straddling
from pipeline.leakage.finding import Finding
from pipeline.leakage.histories import read_at_export, set_after_outcome
from pipeline.leakage.stage_rows import StageRows
from pipeline.leakage.touchpoints import after_outcome, future_touchpoints, rushing_touchpoints, telling_touchpoints
from pipeline.leakage.truncation import (
    left_truncation,
    month_periods,
    rate_jumps,
    right_censoring,
    touchpoints_begin_late,
)
from pipeline.params import AuditParams

__all__ = ["audit_source", "ranking_of", "repeated_journeys", "summary"]


def audit_source(
    stage: StageRows, canonical: Path, thresholds: AuditParams, label_days: int, *, ordinal: bool, by_time: bool
) -> tuple[list[Finding], dict[str, Profile]]:
    """Run every detector on a source's tables.

    Parameters
    ----------
    stage : StageRows
        As `pipeline.leakage.stage_rows.stage_rows` returns it.
    canonical : Path
        Folder of canonical tables.
    thresholds : AuditParams
        The section `audit`.
    label_days : int
        How long after a snapshot its outcome is looked for.
    ordinal : bool
        Times are only an order: no detector that counts days runs.
    by_time : bool
        The split is by time, where an account may stand on both sides on purpose.

    Returns
    -------
    tuple of list of Finding and dict of str to Profile
        The findings as found, before `pipeline.leakage.finding.settle`, and the profiles of the columns.
    """
    findings, profiles = audit_columns(stage.table, thresholds)
    is_test = (stage.rows["slice"] == "test").to_numpy()
    used = (stage.rows["slice"] != "dropped").to_numpy()
    for key in ("lead_id", "account_id"):
        findings += straddling(stage.rows.loc[used, key].tolist(), is_test[used], key, intended=by_time)
    findings += read_at_export(stage.read_at_export, ordinal=ordinal)
    if not ordinal:
        findings += _with_a_clock(stage, canonical, thresholds, label_days)
    return findings, profiles


def _with_a_clock(stage: StageRows, canonical: Path, thresholds: AuditParams, label_days: int) -> list[Finding]:
    every = stage.snapshots
    outcome = every["outcome_at"].astype("datetime64[us, UTC]")
    findings = left_truncation(
        every["snapshot_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy(),
        np.where(outcome.notna(), outcome.astype("int64"), np.nan),
        label_days,
        (every["slice"] != "dropped").to_numpy(),
        thresholds,
    )
    findings += right_censoring(
        every["matured"].to_numpy(dtype=bool), every["label"].to_numpy(dtype=float, na_value=np.nan)
    )
    used = (stage.rows["slice"] != "dropped").to_numpy()
    if used.any():
        codes, names = month_periods(stage.rows.loc[used, "snapshot_at"])
        findings += rate_jumps(codes, stage.table.label[used], names, thresholds)
    if stage.changes is not None:
        findings += set_after_outcome(stage.changes, stage.ended_at, thresholds)
    if (canonical / "touchpoints.parquet").exists():
        findings += touchpoints_begin_late(*first_touchpoints(canonical), thresholds)
        findings += telling_touchpoints(stage.visible, stage.table.label, thresholds)
        findings += repeated_journeys(stage, thresholds)
        if (canonical / "stage_changes.parquet").exists():
            counts = count_touchpoints(canonical)
            findings += after_outcome(counts, stage.visible, thresholds)
            findings += rushing_touchpoints(counts, thresholds)
            findings += future_touchpoints(counts, thresholds)
    return findings


def repeated_journeys(stage: StageRows, thresholds: AuditParams) -> list[Finding]:
    """Look for test rows that repeat a training row: same attributes, creation to the second, and counts of touchpoints."""
    used = (stage.rows["slice"] != "dropped").to_numpy()
    moments = stage.rows["snapshot_at"]
    eligible = [name for name in stage.table.columns.columns if name not in stage.withheld]
    rows = stage.table.columns[eligible].assign(snapshot_at=moments.to_numpy())
    if stage.table.beside is not None:
        rows = pd.concat([rows, stage.table.beside], axis=1)
    # Whole days are shared by chance; a moment of the day is not.
    telling = (moments != moments.dt.floor("D")).to_numpy() & used
    return repeated_rows(rows, (stage.rows["slice"] == "test").to_numpy(), telling, thresholds)


def ranking_of(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """List columns by what they tell alone, best first, with the AUC for sooner and later outcomes where there are times."""
    ranked = sorted(profiles.items(), key=lambda item: (-item[1].auc.value, item[0]))
    return [
        {
            "column": name,
            "auc": profile.auc.value,
            "low": profile.auc.low,
            "high": profile.auc.high,
            "near_auc": None if profile.near is None else profile.near.value,
            "far_auc": None if profile.far is None else profile.far.value,
        }
        for name, profile in ranked
    ]


def summary(findings: Sequence[Finding], source: str) -> dict[str, Any]:
    """Count findings for the metric: by severity and status, with the subjects."""

    def subjects(severity: str, status: str) -> list[str]:
        return sorted({f.subject for f in findings if f.severity == severity and f.status == status})

    return {
        "source": source,
        "block": {"open": subjects("block", "open"), "accepted": subjects("block", "accepted")},
        "warn": {"open": subjects("warn", "open"), "accepted": subjects("warn", "accepted")},
        "withheld": sorted({f.subject for f in findings if f.status == "withheld"}),
        "counts": {
            "open_blocks": len(subjects("block", "open")),
            "open_warnings": len(subjects("warn", "open")),
            "accepted": len({f.subject for f in findings if f.status == "accepted"}),
            "withheld": len({f.subject for f in findings if f.status == "withheld"}),
        },
    }
