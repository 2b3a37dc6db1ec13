"""Stage `audit`: what in the data knows the outcome. With `--table`, the same for any delimited file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from pipeline.console import console, run_main
from pipeline.data_protection.registry_check import check_purposes
from pipeline.leakage.detect import audit_source, ranking_of, summary
from pipeline.leakage.finding import Finding, open_blocks, refuse_stale, settle
from pipeline.leakage.stage_rows import stage_rows
from pipeline.leakage.table_file import audit_file
from pipeline.pages.audit_page import audit_page
from pipeline.params import load_params
from pipeline.tables.export import read_export
from pipeline.tables.json_files import write_json
from pipeline.tables.personal_fields import EMPTY
from pipeline.tables.split_file import read_split

__all__ = ["SECTIONS", "main"]

SECTIONS = ("audit", "features", "ingest", "labels", "paths", "snapshots")
COLOURS = {"block": "bold red", "warn": "yellow", "info": "dim"}


def show(findings: Sequence[Finding], title: str) -> None:
    """Print the findings that are not withheld, and count those that are."""
    shown = Table(title=title)
    for head in ("subject", "severity", "detector", "what and evidence"):
        shown.add_column(head, overflow="fold")
    for finding in findings:
        if finding.status != "withheld":
            state = finding.severity if finding.status == "open" else f"{finding.severity}, {finding.status}"
            text = f"{finding.what['en']} {finding.shown['en']}" + (
                f" Accepted: {finding.reason}" if finding.reason else ""
            )
            shown.add_row(finding.subject, state, finding.detector, text, style=COLOURS[finding.severity])
    console.print(shown)
    kept = sorted({finding.subject for finding in findings if finding.status == "withheld"})
    if kept:
        console.print(f"withheld already: {', '.join(kept)}", markup=False)


def main() -> None:
    """Read canonical tables, snapshots, labels and slices; write the findings, their metric and their page."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    for warning in check_purposes(params.ingest.source, EMPTY, params.features.groups):
        console.print(warning, style="yellow", markup=False)
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
    raw, profiles = audit_source(
        found,
        data / "canonical",
        params.audit,
        params.labels.label_days,
        ordinal=export.ordinal,
        by_time=read_split(params.paths.metrics_dir).mode == "time",
    )
    findings = settle(raw, found.withheld, params.audit.accepted)
    refuse_stale(findings, params.audit.accepted)
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
