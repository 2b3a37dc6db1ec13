"""Leads and owners whose ids are their names: from the CRM's files to lists; no file between them names anybody."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import DataError, LeadQualificationError, ParameterError
from models.audit_log.settings import audit_log
from models.audit_log.verification import read_entries
from models.data_protection.crm_ids import crm_ids
from models.data_protection.key_ring import keys_file, read_keys
from models.data_protection.names import names_folder
from models.data_protection.pseudonyms import PSEUDONYM, Pseudonyms
from models.data_protection.suppression import suppression_list
from pipeline import ingest, labels, privacy, score, snapshots
from pipeline.data_protection import exporting
from pipeline.data_protection.keys import make_keys
from pipeline.params import dump_yaml, read_yaml
from pipeline.workspaces.workspace import overlay
from tests.pipeline.crm.conftest import make_bundle as make_bundle
from tests.pipeline.crm.conftest import params as params

PEOPLE = 24
VISITOR = "erika.mustermann@example.org"
SOURCE = f"""
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS SELECT * FROM (VALUES ('lead', 'role', 'category', 'creation'),
  ('lead', 'contact_owner', 'category', 'creation')) t (entity, attribute, type, known_at);
CREATE VIEW n AS SELECT range AS n, 'Erika.Mustermann-' || range AS lead_id FROM range({PEOPLE});
CREATE VIEW leads AS
SELECT CASE WHEN n = 3 THEN ' ' ELSE '' END || lead_id AS lead_id, '2026-01-01T00:00:00Z' AS created_at, 'buyer' AS role,
       'Max Weber' AS contact_owner FROM n
UNION ALL SELECT 'Erika.Mustermann-bad', 'not a moment', 'buyer', 'Max Weber';
CREATE VIEW merged_leads AS SELECT 'Erika.Mustermann-old' AS lead_id, 'Erika.Mustermann-1' AS merged_into;
CREATE VIEW objections AS SELECT 'Erika.Mustermann-5' AS lead_id, '2026-02-01T00:00:00Z' AS occurred_at;
CREATE VIEW stage_changes AS
SELECT lead_id, 'mql' AS stage, '2026-01-10T00:00:00Z' AS occurred_at, 'Max Weber' AS owner FROM n
UNION ALL SELECT lead_id, 'disqualified', '2026-02-01T00:00:00Z', 'Max Weber' FROM n WHERE n % 4 = 0
UNION ALL SELECT 'Erika.Mustermann-nobody', 'mql', '2026-01-10T00:00:00Z', 'Max Weber';
CREATE VIEW identities AS
SELECT '{VISITOR}' AS visitor_id, 'Erika.Mustermann-1' AS lead_id, '2026-01-05T00:00:00Z' AS identified_at
UNION ALL SELECT 'c00k1e', 'Erika.Mustermann-2', '2026-01-05T00:00:00Z';
CREATE VIEW touchpoints AS
SELECT lead_id, NULL AS visitor_id, '2026-01-0' || (1 + n % 5) || 'T00:00:00Z' AS occurred_at, 'page_view' AS kind FROM n
UNION ALL SELECT 'Erika.Mustermann-old', NULL, '2026-01-06T00:00:00Z', 'mail_open'
UNION ALL SELECT NULL, '{VISITOR}', '2026-01-07T00:00:00Z', 'mail_open';
CREATE VIEW handovers AS SELECT lead_id, '2026-01-10T00:00:00Z' AS queued_at, '2026-01-11T00:00:00Z' AS handed_over_at,
  'Max Weber' AS owner FROM n;
CREATE VIEW attribute_changes AS SELECT lead_id, 'contact_owner' AS attribute, 'Max Weber' AS value,
  '2026-01-08T00:00:00Z' AS occurred_at FROM n;
"""
CANARIES = ("Mustermann", "Max Weber", "example.org")


def run(monkeypatch: pytest.MonkeyPatch, module: Any, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", [module.__name__, *arguments])
    module.main()


@pytest.fixture
def company(root: Path, tmp_path: Path, make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a workspace of it under DVC, with keys, up to a scored list."""
    folder = tmp_path / "work"
    (folder / "pipeline" / "sources").mkdir(parents=True)
    (folder / "raw").mkdir()
    (folder / "pipeline" / "sources" / "acme.sql").write_text(SOURCE, encoding="utf-8")
    shares = {"default": 0.2}
    changes = {
        "ingest": {"source": "acme", "raw_dir": "raw", "max_bad_share": shares},
        "privacy": {"ids": "pseudonyms"},
        "publish": {"lead_link": "https://crm.example/leads/{lead_id}"},
    }
    (folder / "params.yaml").write_text(dump_yaml(overlay(read_yaml(root / "params.yaml"), changes)), encoding="utf-8")
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # a database takes half a minute to be made
    monkeypatch.setattr(exporting, "_registry", lambda workspace, params: None)
    for name in ("LEAD_PRIVACY_KEYS", "LEAD_PRIVACY_IDS", "LEAD_PSEUDONYM_KEY", "LEAD_SCORE_LOG", "LEAD_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    make_bundle().save(folder / "data" / "champion")
    return folder


def prepared(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_keys(keys_file(company), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    for stage in (ingest, snapshots, labels):
        run(monkeypatch, stage)
    outs = ("--out", "lists/scores.csv", "--out", "lists/scores.xlsx", "--out", "lists/scores.parquet")
    run(monkeypatch, score, *outs, "--log", "data/score_log")


def naming(folder: Path, *texts: str) -> list[str]:
    """List the files that hold a text, read as what they are."""
    found = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = path.read_bytes()
        readable = pd.read_parquet(path).to_csv() if content.startswith(b"PAR1") else content.decode("utf-8", "replace")
        found += [str(path.relative_to(folder))] if any(text in readable for text in texts) else []
    return found


def test_without_keys_ingest_says_how_to_make_them(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exception, match=r"Make them once: python -m pipeline\.privacy keys"):
        run(monkeypatch, ingest)
    assert not (company / "data" / "canonical").exists()


def test_no_file_between_the_crm_and_the_lists_names_anybody(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(company, monkeypatch)
    assert not any(canary in capsys.readouterr().out for canary in CANARIES)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", "data/canonical", "data/quarantine"], check=True)
    for place in (company / "data", company / "metrics", company / ".dvc", company.parent / "privacy"):
        assert naming(place, *CANARIES) == [], place
    assert naming(company / "data", "lead_", "owner_")
    # What the tables say is what they would say of the CRM's ids
    ids = crm_ids(company, "pseudonyms")
    leads = pd.read_parquet("data/canonical/leads.parquet")
    everybody = {f"Erika.Mustermann-{n}" for n in range(PEOPLE)} - {"Erika.Mustermann-5"}
    assert {ids.outward(one) for one in leads["lead_id"]} == everybody
    assert {ids.outward(one) for one in leads["contact_owner"]} == {"Max Weber"}
    visits = pd.read_parquet("data/canonical/touchpoints.parquet").groupby("lead_id").size()
    assert visits[ids.inward("Erika.Mustermann-1")] == 3  # its own, its old id's, and the visitor's
    assert set(pd.read_parquet("data/canonical/identities.parquet")["visitor_id"].str[:8]) == {"visitor_", "c00k1e"}
    reasons = pd.read_parquet("data/quarantine/stage_changes.parquet")["reason"]
    assert set(reasons) == {"unknown lead"}
    listed = suppression_list(company)
    assert listed.cause("Erika.Mustermann-5") == listed.cause(ids.inward("Erika.Mustermann-5")) == "objection"
    assert len([name for name in ids._names.values() if name == "Erika.Mustermann-5"]) == 0
    # People and the CRM read names
    opened = {f"Erika.Mustermann-{n}" for n in range(PEOPLE) if n % 4 and n != 5}
    for name, column in (("csv", "lead_id"), ("parquet", "lead_id")):
        table = pd.read_csv("lists/scores.csv") if name == "csv" else pd.read_parquet("lists/scores.parquet")
        assert set(table[column]) == opened
    sheet = pd.read_excel("lists/scores.xlsx", engine="calamine")
    assert set(sheet["Lead"]) == opened
    assert set(sheet["Owner"]) == {"Max Weber"}
    # The same leads keep their pseudonyms when the key is rotated, and the table its names
    make_keys(keys_file(company), dt.datetime(2026, 2, 1, tzinfo=dt.UTC), "pseudonyms")
    before = {path.name: path.read_bytes() for path in Path("data/canonical").iterdir()}
    run(monkeypatch, ingest)
    assert {path.name: path.read_bytes() for path in Path("data/canonical").iterdir()} == before
    assert {crm_ids(company, "pseudonyms").outward(one) for one in leads["lead_id"]} == everybody


def test_a_pseudonym_is_named_to_whoever_has_the_key_and_the_audit_log_keeps_it(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_keys(keys_file(company), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    run(monkeypatch, ingest)
    pseudonyms = Pseudonyms(read_keys(keys_file(company))["pseudonyms"])
    lead, owner = pseudonyms.of("lead", "Erika.Mustermann-1"), pseudonyms.of("owner", "Max Weber")
    nobody = pseudonyms.of("lead", "Erika.Mustermann-99")
    capsys.readouterr()
    run(monkeypatch, privacy, "who", lead, owner)
    assert capsys.readouterr().out.splitlines() == [f"{lead}  Erika.Mustermann-1", f"{owner}  Max Weber"]
    with pytest.raises(DataError, match="1 of 2 stand in no mapping table"):
        run(monkeypatch, privacy, "who", nobody, lead)
    assert "Erika.Mustermann-1" in capsys.readouterr().out
    with pytest.raises(ParameterError, match="is no pseudonym"):
        run(monkeypatch, privacy, "who", "Erika.Mustermann-1")
    log = audit_log(company)
    assert log is not None
    entries = read_entries(log, lead)
    assert [(entry["action"], entry["details"]) for entry in entries] == [("named", {"asked": 2})] * 2
    assert len(list(read_entries(log, owner))) == 1
    assert b"Mustermann" not in b"".join(path.read_bytes() for path in log.folder.rglob("*") if path.is_file())
    # another file of keys names nobody
    monkeypatch.setenv("LEAD_PRIVACY_KEYS", str(company / "other.json"))
    make_keys(company / "other.json", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(LeadQualificationError, match="is not among those of the purpose pseudonyms"):
        run(monkeypatch, privacy, "who", lead)


def test_when_the_key_leaked_everybody_gets_another_pseudonym_and_objections_hold(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/privacy.md has it; an objection that the store knew by a pseudonym alone is noted by that pseudonym."""
    make_keys(keys_file(company), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    run(monkeypatch, ingest)
    old = Pseudonyms(read_keys(keys_file(company))["pseudonyms"])
    run(monkeypatch, privacy, "object", old.of("lead", "Erika.Mustermann-2"), "--at", "2026-02-01T00:00:00Z")
    before = set(pd.read_parquet("data/canonical/leads.parquet")["lead_id"])
    for purpose in ("suppression", "log"):
        run(monkeypatch, privacy, "keys", "--rotate", purpose)
    run(monkeypatch, privacy, "keys", "--leaked", "pseudonyms")
    assert list(names_folder(company).glob("*.sealed")) == []
    run(monkeypatch, ingest)
    new = Pseudonyms(read_keys(keys_file(company))["pseudonyms"])
    assert len(new.ring.keys) == 1
    after = set(pd.read_parquet("data/canonical/leads.parquet")["lead_id"])
    assert not before & after
    ids = crm_ids(company, "pseudonyms")
    out = {"Erika.Mustermann-2", "Erika.Mustermann-5"}
    assert {ids.outward(one) for one in after} == {f"Erika.Mustermann-{n}" for n in range(PEOPLE)} - out
    listed = suppression_list(company)
    assert all(listed.cause(one) == "objection" for one in out)
    run(monkeypatch, privacy, "verify-log")
    capsys.readouterr()
    run(monkeypatch, privacy, "who", new.of("lead", "Erika.Mustermann-1"))
    assert "Erika.Mustermann-1" in capsys.readouterr().out


def test_people_name_leads_by_the_crm_s_ids(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(company, monkeypatch)
    shutil.copytree(Path(__file__).parents[2] / "purposes", company / "purposes")
    shutil.copy(company / "purposes" / "simulated.yaml", company / "purposes" / "acme.yaml")
    ids = crm_ids(company, "pseudonyms")
    one = "Erika.Mustermann-1"
    run(monkeypatch, privacy, "export", one, "--out", "answer", "--log", "data/score_log")
    answer = json.loads(Path("answer/access.json").read_text(encoding="utf-8"))
    assert set(answer["lead_ids"]) == {one, "Erika.Mustermann-old"}
    assert answer["stored"]["canonical"]["leads"][0]["lead_id"] == one
    assert len(answer["stored"]["canonical"]["touchpoints"]) == 3
    assert len(answer["scores"]) == 1
    assert PSEUDONYM.findall(json.dumps(answer["stored"]["canonical"]["leads"])) == []
    shutil.rmtree("answer")
    capsys.readouterr()
    run(monkeypatch, privacy, "verify-log", "--lead", one)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if "command" in line] == [
        "scored",
        "exported",
    ]
    run(monkeypatch, privacy, "object", "Erika.Mustermann-2")
    assert "1 of 1 lead(s) objected" in capsys.readouterr().out
    run(monkeypatch, score, "--out", "lists/scores.csv")
    assert "Erika.Mustermann-2" not in set(pd.read_csv("lists/scores.csv")["lead_id"])

    run(monkeypatch, privacy, "erase", one, "--also", "lists")
    names = (one + ",", one + '"', "Erika.Mustermann-old", VISITOR, ids.inward(one), ids.inward("Erika.Mustermann-old"))
    assert naming(company / "data", *names) == naming(company / "lists", *names) == []
    assert sorted(names_folder(company).iterdir())
    left = crm_ids(company, "pseudonyms")
    assert left.if_known(ids.inward(one)) == ids.inward(one)
    assert left.outward(ids.inward("Erika.Mustermann-10")) == "Erika.Mustermann-10"
    shutil.rmtree("purposes")
    run(monkeypatch, ingest)  # the CRM still has it
    assert naming(company / "data", *names) == []
    assert left.if_known(ids.inward(one)) == ids.inward(one)
