"""The guide `docs/your-own-data.md`, followed to the letter."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import ingest, labels, snapshots
from pipeline.params import dump_yaml, read_yaml
from pipeline.workspace import overlay

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
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_guide_names_the_command(guide: str) -> None:
    assert [text.strip() for language, _, text in BLOCK.findall(guide) if language == "bash"] == [
        f"python -m {ingest.__name__}"
    ]


def test_ingest_counts_what_the_guide_says(company: Path, guide: str, capsys: pytest.CaptureFixture[str]) -> None:
    ingest.main()
    printed = capsys.readouterr().out
    for name, rows, kept, quarantined, reasons in rows_of("table", guide):
        assert pq.read_metadata(company / "data" / "canonical" / f"{name}.parquet").num_rows == int(kept)
        found = pq.read_table(company / "data" / "quarantine" / f"{name}.parquet").column("reason").to_pylist()
        assert len(found) == int(quarantined) == int(rows) - int(kept), name
        assert ", ".join(sorted(f"{found.count(reason)} {reason}" for reason in set(found))) == reasons
        assert name in printed


def test_quarantine_holds_what_the_guide_shows(company: Path, guide: str) -> None:
    ingest.main()
    found = pq.read_table(company / "data" / "quarantine" / "touchpoints.parquet").to_pylist()
    assert [[row["reason"], str(row["source_line"]), f"`{row['row']}`"] for row in found] == rows_of("reason", guide)
    assert {Path(row["source_file"]).name for row in found} == {"visits.csv"}


def test_the_next_stages_take_it_from_there(company: Path) -> None:
    ingest.main()
    snapshots.main()
    labels.main()
    assert pq.read_table(company / "data" / "snapshots.parquet").column("lead_id").to_pylist() == ["P1", "P1", "P4"]
    assert pq.read_table(company / "data" / "labels.parquet").num_rows == 3


def test_the_guide_lists_every_table_and_column(guide: str) -> None:
    from pipeline.tables import CANONICAL, STAGES

    listed = {row[0].strip("`"): row[1] for row in rows_of("view", guide)}
    assert set(listed) == set(CANONICAL)
    for name, schema in CANONICAL.items():
        for column in schema.columns:
            assert re.search(rf"\b{column.name}\b", listed[name]), f"{name}.{column.name}"
    assert f"Stages are {', '.join(STAGES)}." in guide
