"""From a second company's exports to labels in commands alone: American, another CRM's names, a workbook by hand."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from models.data_protection.crm_ids import crm_ids
from pipeline import ingest, init, labels, snapshots
from pipeline.params import dump_yaml, read_yaml
from pipeline.workspaces.workspace import overlay
from tests.pipeline.onboarding import companies


@pytest.fixture
def company(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "exports").mkdir()
    companies.excel(tmp_path / "exports")
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_init(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["init", *arguments])
    init.main()


def test_two_commands_to_labels(
    company: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_init(monkeypatch, "exports/prospects.xlsx", "--name", "acme", "--yes")
    printed = capsys.readouterr().out
    assert "80 leads with an MQL, 16 qualified, 32 disqualified" in printed
    for n in range(companies.LEADS):
        assert companies.person(n)[2] not in printed
    preset = read_yaml(company / "pipeline" / "presets" / "acme.yaml")
    assert preset["ingest"]["raw_dir"] == "exports"
    assert "split" not in preset  # decided by the stage from what the history allows
    (company / "params.yaml").write_text(dump_yaml(overlay(read_yaml(root / "params.yaml"), preset)), encoding="utf-8")
    ingest.main()
    snapshots.main()
    labels.main()
    made = pq.read_table(company / "data" / "labels.parquet").to_pandas()
    assert not made["lead_id"].str.startswith("PR-").any()  # init asks for pseudonyms, and made their keys
    won = made[made["label"] == 1]["lead_id"].map(crm_ids(company, "pseudonyms").outward).unique()
    assert set(won) <= {f"PR-{n:04d}" for n in range(0, companies.LEADS, 5)}
    assert len(won) >= 12  # all whose window had passed at the export


def test_what_a_person_edited_stays_and_the_difference_is_shown(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("exports/prospects.xlsx", "--name", "acme", "--yes")
    run_init(monkeypatch, *arguments)
    source, preset = company / "pipeline" / "sources" / "acme.sql", company / "pipeline" / "presets" / "acme.yaml"
    first = source.read_text(encoding="utf-8")
    edited = first.replace("'America/New_York'", "'America/Chicago'")
    source.write_text(edited, encoding="utf-8")
    capsys.readouterr()
    run_init(monkeypatch, *arguments, "--set", "leads_per_week=7")
    printed = capsys.readouterr().out
    assert source.read_text(encoding="utf-8") == edited
    assert "America/Chicago" in printed
    assert "acme.sql was edited" in printed
    assert read_yaml(preset)["capacity"]["leads_per_week"] == 7  # nobody edited that one
    source.write_text(first, encoding="utf-8")
    run_init(monkeypatch, *arguments)
    assert "leads_per_week" not in source.read_text(encoding="utf-8")
    assert "written: pipeline/sources/acme.sql" in capsys.readouterr().out
