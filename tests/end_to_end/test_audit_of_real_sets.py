"""On the real sets the audit finds, without being told, what is known to leak, and few honest columns.

The sources' own declarations are withdrawn first: every column is declared as known at creation.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import audit
from pipeline.leakage.finding import Finding, open_blocks, read_findings
from pipeline.leakage.table_file import audit_file
from pipeline.params import AuditParams, dump_yaml, read_yaml
from pipeline.tables.parquet import read_table, write_table
from pipeline.workspaces.workspace import overlay

PARAMS = AuditParams()
XEDUCATION = {
    "tags",
    "lead_quality",
    "lead_profile",
    "asymmetrique_activity_index",
    "asymmetrique_activity_score",
    "asymmetrique_profile_index",
    "asymmetrique_profile_score",
    "last_notable_activity",
}
OLIST = {
    "seller_id",
    "sdr_id",
    "sr_id",
    "business_segment",
    "lead_type",
    "lead_behaviour_profile",
    "has_company",
    "has_gtin",
    "average_stock",
    "business_type",
    "declared_product_catalog_size",
    "declared_monthly_revenue",
}
Audited = Callable[..., list[Finding]]


@pytest.fixture
def audited(root: Path, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audited:
    """Return a function that runs a source up to its audit, and gives the findings."""

    def run(source: str, *, told: bool, **split: object) -> list[Finding]:
        params = overlay(read_yaml(root / "params.yaml"), read_yaml(root / "pipeline" / "presets" / f"{source}.yaml"))
        params.pop("published")
        params["ingest"]["raw_dir"] = str((real_data / params["ingest"]["raw_dir"]).resolve())
        params["split"] |= split
        if not told:
            params["audit"]["accepted"] = {}
        (tmp_path / "pipeline").mkdir(exist_ok=True)
        (tmp_path / "pipeline" / "sources").symlink_to(root / "pipeline" / "sources")
        (tmp_path / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        for stage in ("ingest", "snapshots", "labels", "split"):
            importlib.import_module(f"pipeline.{stage}").main()
        if not told:
            path = tmp_path / "data" / "canonical" / "attributes.parquet"
            table = read_table(path, "attributes")
            place = table.column_names.index("known_at")
            write_table(path, "attributes", table.set_column(place, "known_at", pa.array(["creation"] * len(table))))
        audit.main()
        return read_findings(tmp_path / "data" / "audit" / "findings.json")

    return run


def of(findings: list[Finding], *severities: str) -> set[str]:
    return {finding.subject for finding in findings if finding.severity in severities}


def test_xeducation_untold(audited: Audited) -> None:
    findings = audited("xeducation", told=False)
    assert of(findings, "block") >= XEDUCATION
    assert of(findings, "block", "warn") - XEDUCATION == {"last_activity"}, (
        "read at the export, and overwritten until then"
    )


def test_xeducation_as_declared_trains(audited: Audited) -> None:
    findings = audited("xeducation", told=True)
    assert open_blocks(findings) == []
    assert {finding.subject for finding in findings if finding.status == "withheld"} == XEDUCATION
    assert {finding.subject for finding in findings if finding.status == "accepted"} == {"last_activity"}


def test_saas_logins_untold(audited: Audited) -> None:
    findings = audited("saas_logins", told=False)
    assert of(findings, "block", "warn") == {"last_session_creation_time"}
    future = next(finding for finding in findings if finding.detector == "future_times" and finding.strength == "block")
    assert future.evidence["share_after_snapshot"] > 0.2


def test_olist_untold_and_from_its_first_months_on(audited: Audited) -> None:
    findings = audited("olist", told=False, train_from=None)
    assert of(findings, "block") == OLIST | {"snapshots"}
    assert of(findings, "warn") <= {"label", "split:lead_id"} | OLIST, (
        "the jump of the rate is the truncation's own trace"
    )
    truncated = next(finding for finding in findings if finding.detector == "left_truncation")
    assert truncated.evidence["first_outcome"] == "2017-12-05"
    assert truncated.evidence["expected_of_used"] > 100


def test_olist_as_declared_trains(audited: Audited) -> None:
    findings = audited("olist", told=True)
    assert open_blocks(findings) == []
    withheld = {finding.subject for finding in findings if finding.status == "withheld"}
    assert withheld >= OLIST | {"snapshots"}


def test_online_retail_has_nothing_to_hide(audited: Audited) -> None:
    assert of(audited("online_retail", told=False), "block", "warn") == set()


def found_in(path: Path, label: str, **options: str) -> dict[str, str]:
    findings = audit_file(path, label, PARAMS, **options).findings
    return {finding.subject: finding.strength for finding in findings if finding.strength != "info"}


def test_bank_marketing(real_data: Path) -> None:
    path = real_data / "bank_marketing" / "bank-additional-full.csv"
    assert found_in(path, "y", separator=";") == {"duration": "block"}


def test_online_shoppers(real_data: Path) -> None:
    path = real_data / "online_shoppers" / "online_shoppers_intention.csv"
    assert found_in(path, "Revenue") == {"PageValues": "block"}


def test_the_metric_names_subjects_only(audited: Audited) -> None:
    audited("olist", told=True)
    metric = json.loads(Path("metrics/audit.json").read_text())
    assert metric["counts"]["open_blocks"] == 0
    assert set(metric["withheld"]) >= OLIST
