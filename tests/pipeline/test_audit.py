"""The stage `audit` on a small company whose columns leak, training's refusal, waivers, and the command for any table."""

import dataclasses
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError, LeakageError, ParameterError
from pipeline import audit, train
from pipeline.leakage.finding import Finding, read_findings, refuse_leaks, settle, stale
from pipeline.leakage.table_file import audit_file
from pipeline.pages.audit_page import audit_page
from pipeline.params import AuditParams, dump_yaml, read_yaml

LEADS = 1_600
STAGES = ("ingest", "snapshots", "labels", "split", "audit")
SOURCE = """
CREATE OR REPLACE VIEW export AS SELECT TIMESTAMP '2025-12-31 00:00:00' AS exported_at, 'real' AS clock;
CREATE OR REPLACE VIEW leads AS SELECT * FROM read_lines(getvariable('raw_dir') || '/leads.csv');
CREATE OR REPLACE VIEW stage_changes AS SELECT * FROM read_lines(getvariable('raw_dir') || '/stages.csv');
CREATE OR REPLACE VIEW touchpoints AS SELECT * FROM read_lines(getvariable('raw_dir') || '/touchpoints.csv');
CREATE OR REPLACE VIEW attribute_changes AS SELECT * FROM read_lines(getvariable('raw_dir') || '/changes.csv');
CREATE OR REPLACE VIEW attributes AS SELECT * FROM (VALUES
    ('lead', 'industry', 'category', 'creation'),
    ('lead', 'employees', 'number', 'creation'),
    ('lead', 'contract', 'category', '{known_at}'),
    ('lead', 'last_login', 'number', '{known_at}'),
    ('lead', 'rating', 'category', '{known_at}')
) AS declared (entity, attribute, type, known_at);
"""


def write_raw(folder: Path) -> None:
    """Write a company: every fifth lead is won 12 days after its MQL; `contract`, `last_login`, `rating` follow the outcome."""
    random = np.random.default_rng(5)
    number = np.arange(LEADS)
    won = number % 5 == 0
    created = pd.Timestamp("2025-01-01 09:00", tz="UTC") + pd.to_timedelta(number * 0.18 * 24, unit="h")
    ended = created + pd.to_timedelta(np.where(won, 15, 20), unit="D")
    ids = np.array([f"L{n:05d}" for n in random.permutation(LEADS)])
    pd.DataFrame(
        {
            "lead_id": ids,
            "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "industry": random.choice(["steel", "food", "toys"], LEADS),
            "employees": random.integers(5, 900, LEADS) + 40 * won,
            "contract": np.where(won & (number % 2 == 0), "standard", ""),
            "last_login": (ended + pd.Timedelta(days=3)).astype("int64").to_numpy()
            // 10 ** (9 if ended.unit == "ns" else 6),
            "rating": np.where(won, "hot", "cold"),
        }
    ).to_csv(folder / "leads.csv", index=False)
    stages = pd.DataFrame(
        {
            "lead_id": np.tile(ids, 2),
            "stage": ["mql"] * LEADS + list(np.where(won, "sales_qualified", "disqualified")),
            "occurred_at": list((created + pd.Timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ"))
            + list(ended.strftime("%Y-%m-%dT%H:%M:%SZ")),
        }
    )
    stages.to_csv(folder / "stages.csv", index=False)
    visit = pd.DataFrame({"lead_id": ids, "occurred_at": created + pd.Timedelta(days=1), "kind": "visit"})
    onboarding = pd.DataFrame(
        {"lead_id": ids[won], "occurred_at": ended[won] + pd.Timedelta(days=1), "kind": "onboarding"}
    )
    touchpoints = pd.concat([visit, visit.assign(occurred_at=created + pd.Timedelta(days=2)), onboarding])
    touchpoints.assign(occurred_at=touchpoints["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(
        folder / "touchpoints.csv", index=False
    )
    pd.DataFrame(
        {
            "lead_id": ids,
            "attribute": "rating",
            "value": np.where(won, "hot", "cold"),
            "occurred_at": (ended + pd.Timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    ).to_csv(folder / "changes.csv", index=False)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_raw(folder)
    return folder


@pytest.fixture
def company(root: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that runs the stages up to the audit in a workspace of its own, and gives its folder of data."""

    def run(
        known_at: str = "creation", accepted: dict[str, str] | None = None, stages: tuple[str, ...] = STAGES
    ) -> Path:
        sources = tmp_path / "pipeline" / "sources"
        sources.mkdir(parents=True, exist_ok=True)
        (sources / "leaky.sql").write_text(SOURCE.format(known_at=known_at))
        params = read_yaml(root / "params.yaml")
        params["ingest"] |= {"source": "leaky", "raw_dir": str(raw)}
        params["labels"] |= {"label_days": 30}
        params["audit"]["accepted"] = accepted or {}
        (tmp_path / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        for stage in stages:
            importlib.import_module(f"pipeline.{stage}").main()
        return tmp_path / "data"

    return run


def test_the_stage_finds_what_knows_the_outcome_and_nothing_else(company: Callable[..., Path]) -> None:
    data = company()
    findings = read_findings(data / "audit" / "findings.json")
    blocks = {finding.subject for finding in findings if finding.severity == "block"}
    assert blocks == {"contract", "last_login", "rating"}
    by_detector = {finding.detector: finding for finding in findings}
    assert by_detector["set_after_outcome"].subject == "rating"
    assert by_detector["future_times"].subject == "last_login"
    onboarding = by_detector["only_after_outcome"]
    assert (onboarding.subject, onboarding.status) == ("kind:onboarding", "withheld"), "no snapshot sees it"
    judged = {finding.subject for finding in findings if finding.severity in ("block", "warn")}
    assert not judged & {"industry", "employees", "kind:visit", "lead_id"}
    assert json.loads((data / "audit" / "verdict.json").read_text()) == {"open_blocks": sorted(blocks)}
    metric = json.loads((data.parent / "metrics" / "audit.json").read_text())
    assert metric["counts"]["open_blocks"] == 3
    assert metric["block"]["open"] == sorted(blocks)
    page = (data.parent / "reports" / "audit.html").read_text()
    assert "Training is refused" in page
    assert "Das Training ist gesperrt" in page


def test_training_is_refused_before_anything_is_read(company: Callable[..., Path]) -> None:
    company()
    with pytest.raises(LeakageError, match=r"(?s)training is refused: .*contract \(fill_follows_outcome\)") as error:
        train.main()
    assert "audit.accepted in params.yaml" in str(error.value)


def test_what_the_source_withholds_does_not_stop_training(company: Callable[..., Path]) -> None:
    data = company(known_at="after")
    findings = read_findings(data / "audit" / "findings.json")
    refuse_leaks(findings)
    withheld = {finding.subject for finding in findings if finding.status == "withheld"}
    assert withheld >= {"contract", "last_login", "rating"}, "found all the same"
    assert {finding.severity for finding in findings if finding.subject == "contract"} == {"info"}
    assert {finding.strength for finding in findings if finding.subject == "contract"} == {"block"}


def test_an_accepted_finding_stays_with_its_reason(company: Callable[..., Path]) -> None:
    reasons = {name: f"{name} is known <before> the call" for name in ("contract", "last_login", "rating")}
    data = company(accepted=reasons)
    findings = read_findings(data / "audit" / "findings.json")
    refuse_leaks(findings)
    assert {f.subject: f.reason for f in findings if f.status == "accepted"} == reasons
    assert {f.severity for f in findings if f.status == "accepted"} >= {"block"}
    assert (data.parent / "reports" / "audit.html").read_text().count("contract is known &lt;before&gt; the call") == 2


def test_an_accepted_entry_that_meets_no_finding_is_an_error(company: Callable[..., Path]) -> None:
    with pytest.raises(ParameterError, match=r"audit\.accepted names 'industry', of which nothing is found"):
        company(accepted={"industry": "was once suspected"})


def test_the_same_rows_give_the_same_files(company: Callable[..., Path]) -> None:
    data = company()
    before = (data / "audit" / "findings.json").read_bytes(), (data.parent / "reports" / "audit.html").read_bytes()
    audit.main()
    assert before == (
        (data / "audit" / "findings.json").read_bytes(),
        (data.parent / "reports" / "audit.html").read_bytes(),
    )


TEXT = {"en": "en", "de": "de"}


def finding(subject: str, strength: Any, status: Any = "open") -> Finding:
    return Finding(subject, "detector", strength, {}, TEXT, TEXT, TEXT, status=status)


def test_settling_by_hand() -> None:
    raw = [
        finding("a", "block"),
        finding("b", "block"),
        finding("c", "block"),
        finding("d", "warn"),
        finding("e", "info"),
    ]
    settled = settle([*raw, finding("f", "block", "withheld")], withheld=["b"], accepted={"c": "why", "e": "needless"})
    assert [(f.subject, f.severity, f.status) for f in settled] == [
        ("a", "block", "open"),
        ("c", "block", "accepted"),
        ("d", "warn", "open"),
        ("e", "info", "open"),
        ("b", "info", "withheld"),
        ("f", "info", "withheld"),
    ]
    assert stale(settled, {"c": "why", "e": "needless", "z": "gone"}) == ["e", "z"]
    assert [Finding.from_dict(json.loads(json.dumps(f.as_dict()))) for f in settled] == settled


def test_missing_and_broken_findings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"findings\.json: no such file"):
        read_findings(tmp_path / "findings.json")
    (tmp_path / "findings.json").write_text('{"findings": [{}]}')
    with pytest.raises(DataError, match=r"not the audit's findings"):
        read_findings(tmp_path / "findings.json")


def test_the_tiles_count_the_rows_of_the_table() -> None:
    raw = [
        finding("a", "block"),
        finding("b", "warn"),
        finding("c", "info"),
        finding("d", "warn"),
        finding("d", "info"),
    ]
    findings = settle([*raw, finding("e", "info")], withheld=["e"], accepted={"b": "known before"})
    page = audit_page(findings, [], "s", 10, 3)
    english = page[page.index('<div class="text" lang="en">') : page.index('<div class="text" lang="de">')]
    tiles = dict(re.findall(r'class="name">(.*?)</div><div class="value">(.*?)</div>', english))
    assert tiles == {
        "stop training": "1",
        "open warnings": "1",
        "notes": "1",
        "accepted with a reason": "1",
        "withheld from features": "1",
        "rows looked at": "10",
    }
    assert english.count('<code class="whole">') == 5


def test_the_page_escapes_what_a_file_calls_its_columns() -> None:
    ranking = [{"column": "<b>x</b>", "auc": 0.9, "low": 0.8, "high": 0.95, "near_auc": None, "far_auc": 0.7}]
    page = audit_page(settle([finding("<b>x</b>", "block")]), ranking, "<source>", 10, 3)
    assert "<b>x" not in page
    assert "&lt;source&gt;" in page


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    random = np.random.default_rng(6)
    rows = 2_000
    won = np.arange(rows) % 5 == 0
    months = pd.date_range("2024-01-01", periods=10, freq="MS")
    frame = pd.DataFrame(
        {
            "deal": np.where(won, "D1", ""),
            "size": random.integers(1, 500, rows) + 30 * won,
            "id": random.permutation(rows),
            "bought": np.where(won & (np.arange(rows) >= 400), "ja", "nein"),
            "on": np.repeat(months.strftime("%Y-%m-%d"), rows // 10),
        }
    )
    frame.loc[3, "bought"] = ""
    path = tmp_path / "leads.csv"
    frame.to_csv(path, index=False, sep=";")
    return path


def test_a_file_is_audited_by_its_columns_and_its_time(csv: Path) -> None:
    audited = audit_file(csv, "bought", AuditParams(), positive="ja", time="on", ids=["id"], separator=";")
    assert (audited.rows, audited.positives) == (1_999, 320)
    found = {(f.subject, f.detector) for f in audited.findings if f.strength == "block"}
    assert ("label", "left_truncation") in found, "the first two months have no outcome"
    assert "size" not in {subject for subject, _ in found}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "won"}, r"no column 'won'; it has deal, size"),
        ({"label": "bought"}, r"got the values 'ja', 'nein'; which of them means yes\? Name it with --positive"),
        ({"label": "bought", "positive": "yes"}, r"--positive 'yes' must be one of at least two"),
        ({"label": "bought", "positive": "ja", "time": "deal"}, r"--time deal: neither ISO moments nor numbers"),
        ({"label": "bought", "positive": "ja", "ids": ["x"]}, r"no column 'x'"),
    ],
)
def test_mistakes_of_the_command_are_named(csv: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        audit_file(csv, params=AuditParams(), separator=";", **options)


def test_a_missing_or_ragged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--table: .*nowhere\.csv is not a file"):
        audit_file(tmp_path / "nowhere.csv", "y", AuditParams())
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DataError, match=r"could not read it with the separator ','"):
        audit_file(tmp_path / "ragged.csv", "a", AuditParams())


def test_the_command_prints_the_findings_and_writes_the_page(root: Path, csv: Path) -> None:
    command = [sys.executable, "-m", "pipeline.audit", "--table", str(csv), "--label", "bought", "--positive", "ja"]
    done = subprocess.run(
        [*command, "--separator", ";", "--id", "id", "--out", str(csv.parent / "page" / "audit.html")],
        cwd=root,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1,999 rows, 320 with the outcome" in done.stdout
    assert "deal" in done.stdout
    assert "AUC" in (csv.parent / "page" / "audit.html").read_text()
    shutil.rmtree(csv.parent / "page")


def test_the_model_card_shows_what_was_accepted_and_what_is_withheld(
    evaluated: dict[str, Any],
) -> None:
    from pipeline.pages.model_card import model_card
    from pipeline.pages.trained import Trained

    findings = settle([finding("tags", "block"), finding("budget", "block")], ["tags"], {"budget": "asked on the form"})
    trained = Trained(
        metadata={"source": "leaky", "label_days": 30, "clock": "real", "risk_set": "mql", "label_purge": True}
        | {"recording_delay_days": 0, "observation_days": 30, "split_mode": "grouped", "cross_fit_folds": 0, "rows": 1}
        | {"leads": 1, "positives": 1, "base_rate": 0.5, "rounds": 1, "known_at_export": [], "data_sha256": "ab"}
        | {"exported_at": "2025-01-01T00:00:00+00:00", "data_used_from": "2024-01-01T00:00:00+00:00"}
        | {"data_used_until": "2024-02-01T00:00:00+00:00"},
        result=evaluated["result"],
        split={"slices": {}, "dropped": {}},
        features=[],
        cutoffs={"A": 0.5},
        calibration="sigmoid",
        fingerprint="ab",
        bundle_sha256="cd",
        feature_count=1,
        plots=evaluated["plots"],
        every_days=7,
        expire_days=None,
        findings=findings,
    )
    card = model_card(trained)
    assert "Accepted: asked on the form" in card
    assert "Akzeptiert: asked on the form" in card
    assert "Found, and withheld already: <code>tags</code>" in card
    nothing = model_card(dataclasses.replace(trained, findings=[]))
    assert "Nothing is open." in nothing
    assert "Kein offener Befund." in nothing


def test_the_simulator_s_trap_is_found_undeclared_and_nothing_beside_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "pipeline" / "sources"
    sources.mkdir(parents=True)
    sql = (root / "pipeline" / "sources" / "simulated.sql").read_text()
    assert "'sales_rating', 'category', 'after'" in sql
    (sources / "simulated.sql").write_text(
        sql.replace("'sales_rating', 'category', 'after'", "'sales_rating', 'category', 'creation'")
    )
    params = read_yaml(root / "params.yaml")
    params["simulator"] |= {"leads": 2_500, "days": 600}
    params["split"] |= {"cross_fit_folds": 2}
    (tmp_path / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for stage in ("simulate", *STAGES):
        importlib.import_module(f"pipeline.{stage}").main()
    findings = read_findings(tmp_path / "data" / "audit" / "findings.json")
    assert {f.subject for f in findings if f.severity == "block"} == {"sales_rating"}
    assert {f.subject for f in findings if f.severity == "warn"} <= {"sales_rating"}
