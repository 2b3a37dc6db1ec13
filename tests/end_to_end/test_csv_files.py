"""CSV for any CRM: the template of three files, as docs/crm-adapters.md shows them, and the scores that go back."""

import re
from pathlib import Path

import pandas as pd

from pipeline.tables.ingested import Counts, ingest

BLOCK = re.compile(r"^```csv (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_s_files_are_read(root: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    blocks = dict(BLOCK.findall((root / "docs" / "crm-adapters.md").read_text(encoding="utf-8")))
    assert set(blocks) == {"leads.csv", "touchpoints.csv", "stage_changes.csv", "merged_leads.csv"}
    for name, text in blocks.items():
        (raw / name).write_text(text, encoding="utf-8")
    counts = ingest(root / "pipeline/sources/csv_files.sql", raw, tmp_path / "canonical", tmp_path / "quarantine", 0.0)
    assert counts["leads"] == Counts(2, 2, {})
    assert counts["touchpoints"] == Counts(3, 3, {})
    assert counts["stage_changes"] == Counts(3, 3, {})
    assert counts["merged_leads"] == Counts(1, 1, {})
    leads = pd.read_parquet(tmp_path / "canonical" / "leads.parquet")
    assert list(leads.columns) == ["lead_id", "account_id", "created_at", "role", "source"]
    export = pd.read_parquet(tmp_path / "canonical" / "export.parquet")
    assert export["exported_at"][0] == pd.Timestamp("2026-03-20T08:30:00Z")
