"""The guide `docs/your-own-data.md`: its command, its parameters and its list of tables."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.vocabulary import STAGES
from models.data_protection.crm_ids import crm_ids
from pipeline import ingest, init, labels, snapshots
from pipeline.params import dump_yaml, read_yaml
from pipeline.tables.contract import CANONICAL
from pipeline.tables.json_files import read_json
from pipeline.workspaces.workspace import overlay

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rows_of(table: str, guide: str) -> list[list[str]]:
    """The cells of the guide's table whose header begins with `table`."""
    lines = guide[guide.index(f"| {table} |") :].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return cells[: next(i for i, row in enumerate(cells) if len(row) < 2)]


@pytest.fixture
def guide(root: Path) -> str:
    return (root / "docs" / "your-own-data.md").read_text(encoding="utf-8")


@pytest.fixture
def company(guide: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for _, name, text in BLOCK.findall(guide):
        if name:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    params = overlay(read_yaml(root / "params.yaml"), read_yaml(tmp_path / "params.yaml"))
    (tmp_path / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_guide_names_the_command(guide: str) -> None:
    assert [text.strip() for language, _, text in BLOCK.findall(guide) if language == "bash"] == [
        f"python -m {init.__name__} first/kontakte.csv first/aktivitaeten.csv --name first --yes",
        f"python -m {ingest.__name__}",
    ]


def test_two_commands_from_an_export(
    company: Path, guide: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The walk through a dirty export: what `init` says of the columns, what it writes, and what ingest then counts."""
    command = next(text for language, _, text in BLOCK.findall(guide) if language == "bash")
    monkeypatch.setattr("sys.argv", command.split()[2:])
    monkeypatch.setenv("COLUMNS", "200")
    init.main()
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "4 different values in 5 filled rows" in printed
    assert "%d.%m.%Y %H:%M (5); 1 not readable" in printed
    assert "mitarbeiter (creation)" in printed
    assert "ablehnungsgrund (after)" in printed
    assert "left out: personal data (name)" in printed
    written = (company / "pipeline" / "sources" / "first.sql").read_text(encoding="utf-8")
    [excerpt] = [text for language, name, text in BLOCK.findall(guide) if (language, name) == ("sql", "excerpt")]
    assert excerpt in written
    preset = read_yaml(company / "pipeline" / "presets" / "first.yaml")
    params = overlay(read_yaml(root / "params.yaml"), preset)
    (company / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    ingest.main()
    counts = read_json(company / "metrics" / "ingest.json", "ingest")
    for table, rows, kept, aside in rows_of("first", guide):
        assert (counts[table]["rows"], counts[table]["kept"]) == (int(rows), int(kept))
        assert ", ".join(f"{n} {reason}" for reason, n in sorted(counts[table]["quarantined"].items())) == aside
    leads = pq.read_table(company / "data" / "canonical" / "leads.parquet").to_pandas()
    leads = leads.assign(lead_id=leads["lead_id"].map(crm_ids(company, "pseudonyms").outward)).set_index("lead_id")
    assert leads["mitarbeiter"].fillna(-1).to_dict() == {"K1": 1200, "K2": -1, "K3": 80, "K5": -1}
    assert str(leads.loc["K5", "created_at"]) == "2024-03-21 07:00:00+00:00"


def test_the_stages_take_it_from_the_parameters(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest.main()
    printed = " ".join(capsys.readouterr().out.split())
    assert "leads: rows that stay: 1 bad number in budget_eur" in printed
    assert "stage_changes: 1 lead(s) with an outcome, never an MQL: not bad" in printed
    assert (
        "export: 2026-03-31 22:00 UTC, said by the source; its newest lead or stage change is 10.2 days older"
        in printed
    )
    snapshots.main()
    labels.main()
    # P1 is won 16 days after its MQL and looked at every 7 days; P4 is rejected before its second look.
    assert pq.read_table(company / "data" / "snapshots.parquet").column("lead_id").to_pylist() == [
        "P1",
        "P1",
        "P1",
        "P4",
    ]
    assert pq.read_table(company / "data" / "labels.parquet").num_rows == 4


def test_the_guide_lists_every_table_and_column(guide: str) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows_of("view", guide)}
    assert set(listed) == set(CANONICAL)
    for name, schema in CANONICAL.items():
        for column in schema.columns:
            assert re.search(rf"\b{column.name}\b", listed[name]), f"{name}.{column.name}"
    assert f"Stages are {', '.join(STAGES)}." in guide


def test_a_source_can_leave_machines_out(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The clause of the guide works on the guide's own company, beside a bot and a scanner of mails."""
    visits = company / "exports" / "visits.csv"
    bot = [f"P4,06.03.2026 {8 + i // 60 % 10:02d}:{i % 60:02d},page_view,p{i}" for i in range(1_500)]
    scanner = [f"P1,02.03.2026 07:30,mail_click,link{i}" for i in range(3)] + ["P1,02.03.2026 09:00,mail_click,link1"]
    visits.write_text(visits.read_text(encoding="utf-8") + "\n".join([*bot, *scanner, ""]), encoding="utf-8")
    ingest.main()
    printed = capsys.readouterr().out
    assert "1 lead has more touchpoints than people make" in printed
    assert "P4: 1,501 touchpoints, 1,500 of them on 2026-03-06" in printed
    assert "rather a scanner made: 3 of 4 (75.0%)" in " ".join(printed.split())
    source = company / "pipeline" / "sources" / "acme.sql"
    every = source.read_text(encoding="utf-8").replace("CREATE VIEW touchpoints", "CREATE VIEW all_touchpoints")
    people = (company / "people_only.sql").read_text(encoding="utf-8")
    source.write_text(every + people, encoding="utf-8")
    ingest.main()
    kept = pq.read_table(company / "data" / "canonical" / "touchpoints.parquet").to_pandas()
    assert "bots?" not in capsys.readouterr().out
    assert kept[["lead_id", "kind"]].value_counts().to_dict() == {
        ("P1", "download"): 2,
        ("P1", "page_view"): 1,
        ("P1", "mail_click"): 1,
    }
