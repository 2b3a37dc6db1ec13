"""Stage `audit`: what in the data knows the outcome. With `--table`, the same for any delimited file."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from features.errors import ParameterError
from pipeline.console import console, run_main
from pipeline.leakage.audit_table import Profile
from pipeline.leakage.columns import audit_columns
from pipeline.leakage.counts import count_touchpoints, first_touchpoint
from pipeline.leakage.duplicates import repeated_rows, straddling
from pipeline.leakage.finding import Finding, open_blocks, settle, stale
from pipeline.leakage.histories import read_at_export, set_after_outcome
from pipeline.leakage.stage_rows import StageRows, stage_rows
from pipeline.leakage.table_file import audit_file
from pipeline.leakage.touchpoints import after_outcome, future_touchpoints, rushing_touchpoints, telling_touchpoints
from pipeline.leakage.truncation import (
    left_truncation,
    month_periods,
    rate_jumps,
    right_censoring,
    touchpoints_begin_late,
)
from pipeline.pages.audit_page import audit_page
from pipeline.params import AuditParams, load_params
from pipeline.tables.export import Export, read_export
from pipeline.tables.json_files import write_json

__all__ = ["SECTIONS", "main"]

SECTIONS = ("audit", "features", "ingest", "labels", "paths", "snapshots", "split")
COLOURS = {"block": "bold red", "warn": "yellow", "info": "dim"}


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


def show(findings: Sequence[Finding], title: str) -> None:
    """Print the findings that are not withheld, and count those that are."""
    shown = Table(title=title)
    for head in ("subject", "severity", "detector", "what and evidence"):
        shown.add_column(head, overflow="fold")
    for finding in findings:
        if finding.status != "withheld":
            state = finding.severity if finding.status == "open" else f"{finding.severity}, {finding.status}"
            text = f"{finding.what.en} {finding.shown.en}" + (f" Accepted: {finding.reason}" if finding.reason else "")
            shown.add_row(finding.subject, state, finding.detector, text, style=COLOURS[finding.severity])
    console.print(shown)
    kept = sorted({finding.subject for finding in findings if finding.status == "withheld"})
    if kept:
        console.print(f"withheld already: {', '.join(kept)}", markup=False)


def audit_source(found: StageRows, data: Path, export: Export, params: Any) -> tuple[list[Finding], dict[str, Profile]]:
    """Run every detector on a source's tables; returns the findings as found, and the profiles of the columns."""
    thresholds: AuditParams = params.audit
    findings, profiles = audit_columns(found.table, thresholds)
    is_test = (found.rows["slice"] == "test").to_numpy()
    used = (found.rows["slice"] != "dropped").to_numpy()
    intended = params.split.mode == "time"
    for key in ("lead_id", "account_id"):
        findings += straddling(found.rows.loc[used, key].tolist(), is_test[used], key, intended=intended)
    findings += read_at_export(found.read_at_export, ordinal=export.ordinal)
    if not export.ordinal:
        findings += _with_a_clock(found, data, thresholds, params.labels.label_days)
    return findings, profiles


def _with_a_clock(found: StageRows, data: Path, thresholds: AuditParams, label_days: int) -> list[Finding]:
    every = found.snapshots
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
    used = (found.rows["slice"] != "dropped").to_numpy()
    if used.any():
        codes, names = month_periods(found.rows.loc[used, "snapshot_at"])
        findings += rate_jumps(codes, found.table.label[used], names, thresholds)
    if found.changes is not None:
        findings += set_after_outcome(found.changes, found.ended_at, thresholds)
    path = data / "canonical" / "touchpoints.parquet"
    if path.exists():
        created = found.created_at.astype("datetime64[us, UTC]").astype("int64").to_numpy()
        findings += touchpoints_begin_late(created, first_touchpoint(data / "canonical"), thresholds)
        findings += telling_touchpoints(found.visible, found.table.label, thresholds)
        findings += repeated_journeys(found, thresholds)
        if (data / "canonical" / "stage_changes.parquet").exists():
            counts = count_touchpoints(data / "canonical")
            findings += after_outcome(counts, found.visible, thresholds)
            findings += rushing_touchpoints(counts, thresholds)
            findings += future_touchpoints(counts, thresholds)
    return findings


def repeated_journeys(found: StageRows, thresholds: AuditParams) -> list[Finding]:
    """Look for test rows that repeat a training row: same attributes, creation to the second, and counts of touchpoints."""
    used = (found.rows["slice"] != "dropped").to_numpy()
    moments = found.rows["snapshot_at"]
    eligible = [name for name in found.table.columns.columns if name not in found.withheld]
    rows = found.table.columns[eligible].assign(snapshot_at=moments.to_numpy())
    if found.table.beside is not None:
        rows = pd.concat([rows, found.table.beside], axis=1)
    # Whole days are shared by chance; a moment of the day is not.
    telling = (moments != moments.dt.floor("D")).to_numpy() & used
    return repeated_rows(rows, (found.rows["slice"] == "test").to_numpy(), telling, thresholds)


def main() -> None:
    """Read canonical tables, snapshots, labels and slices; write the findings, their metric and their page."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    export = read_export(data / "canonical")
    found = stage_rows(
        data,
        export,
        params.snapshots,
        params.labels,
        params.features.observation_days,
        params.audit.max_rows,
        use_known_at_export=params.features.use_known_at_export,
    )
    raw, profiles = audit_source(found, data, export, params)
    findings = settle(raw, found.withheld, params.audit.accepted)
    unmet = stale(findings, params.audit.accepted)
    if unmet:
        found_open = sorted({finding.subject for finding in findings if finding.status != "withheld"})
        raise ParameterError(
            f"params.yaml: audit.accepted names {', '.join(map(repr, unmet))}, of which nothing is found that needs it. "
            f"Allowed are subjects of open findings: {', '.join(found_open) or 'none'}. Remove the stale entries."
        )
    blocks = open_blocks(findings)
    ranking = ranking_of(profiles)
    write_json(
        data / "audit" / "findings.json",
        {"source": params.ingest.source, "findings": [finding.as_dict() for finding in findings], "ranking": ranking},
    )
    write_json(data / "audit" / "verdict.json", {"open_blocks": sorted({finding.subject for finding in blocks})})
    write_json(params.paths.metrics_dir / "audit.json", summary(findings, params.ingest.source))
    target = params.paths.reports_dir / "audit.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    positives = int(found.table.label.sum())
    target.write_text(
        audit_page(findings, ranking, params.ingest.source, len(found.table.label), positives), encoding="utf-8"
    )
    show(findings, f"leakage audit: {len(found.table.label):,} rows, {positives:,} with the outcome")
    if blocks:
        console.print(f"[bold red]audit: {len(blocks)} finding(s) stop training[/bold red]; see {target}")


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.audit", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="a delimited text file with a header line")
    parser.add_argument("--label", required=True, help="the column that holds the outcome")
    parser.add_argument("--positive", help="the label's value that means yes; not needed for 1/0, true/false, yes/no")
    parser.add_argument("--time", help="a column with ISO moments, epoch numbers, or numbers in the order of time")
    parser.add_argument(
        "--id", action="append", default=[], help="a column that is an id, and never a feature; repeatable"
    )
    parser.add_argument("--separator", default=",", help="default: comma")
    parser.add_argument("--out", type=Path, help="also write the page")
    return parser.parse_args()


def table_main(arguments: argparse.Namespace) -> None:
    """Audit a file: print the findings, and write the page where `--out` asks for it."""
    audited = audit_file(
        arguments.table,
        arguments.label,
        load_params(("audit",)).audit,
        positive=arguments.positive,
        time=arguments.time,
        ids=arguments.id,
        separator=arguments.separator,
    )
    findings = settle(audited.findings, arguments.id)
    show(findings, f"{arguments.table.name}: {audited.rows:,} rows, {audited.positives:,} with the outcome")
    ranking = ranking_of(audited.profiles)
    best = ", ".join(f"{row['column']} {row['auc']:.3f}" for row in ranking[:8])
    console.print(f"single-column AUC: {best}", markup=False)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        content = audit_page(findings, ranking, arguments.table.name, audited.rows, audited.positives)
        arguments.out.write_text(content, encoding="utf-8")
        console.print(f"page: {arguments.out}", markup=False)


if __name__ == "__main__":
    run_main(main if len(sys.argv) == 1 else lambda: table_main(_arguments()))
