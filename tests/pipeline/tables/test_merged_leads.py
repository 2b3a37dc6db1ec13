"""Rows that name an old id of a lead belong to the lead that it was merged into."""

from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from pipeline.tables.ingested import ingest
from pipeline.tables.merged_leads import merged_ids

SOURCE = """
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS
SELECT 'lead' AS entity, 'role' AS attribute, 'category' AS type, 'creation' AS known_at;
CREATE VIEW leads AS
SELECT unnest(['50', '51']) AS lead_id, '2026-01-01T00:00:00Z' AS created_at, 'buyer' AS role;
CREATE VIEW merged_leads AS SELECT * FROM (VALUES {merged}) AS t (lead_id, merged_into);
CREATE VIEW stage_changes AS SELECT * FROM (
    VALUES ('50', 'mql', '2026-02-01T00:00:00Z'), ('1', 'sales_qualified', '2026-02-09T00:00:00Z')
) AS t (lead_id, stage, occurred_at);
CREATE VIEW touchpoints AS SELECT * FROM (
    VALUES ('a', '1', '2026-01-02T00:00:00Z', 'call'), ('b', '2', '2026-01-03T00:00:00Z', 'call')
) AS t (touchpoint_id, lead_id, occurred_at, kind);
"""


def read(folder: Path, merged: str) -> Path:
    (folder / "raw").mkdir()
    (folder / "s.sql").write_text(SOURCE.format(merged=merged), encoding="utf-8")
    ingest(folder / "s.sql", folder / "raw", folder / "canonical", folder / "quarantine", 0.0)
    return folder / "canonical"


def test_outcomes_and_touchpoints_of_old_ids_are_the_survivor_s(tmp_path: Path) -> None:
    canonical = read(tmp_path, "('1', '2'), ('2', '50')")
    assert merged_ids(canonical) == {"1": "50", "2": "50"}
    for table in ("stage_changes", "touchpoints"):
        assert set(pd.read_parquet(canonical / f"{table}.parquet")["lead_id"]) == {"50"}, table


@pytest.mark.parametrize("merged", ["('1', '2'), ('2', '1')", "('1', '1')", "('1', '2'), ('2', '3'), ('3', '1')"])
def test_a_circle_is_said(tmp_path: Path, merged: str) -> None:
    with pytest.raises(DataError, match="in a circle"):
        read(tmp_path, merged)


def test_an_old_id_that_is_still_a_lead_is_bad(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="merged, and still a lead"):
        read(tmp_path, "('50', '51'), ('1', '50'), ('2', '50')")


def test_a_source_without_merges_has_none(tmp_path: Path) -> None:
    assert merged_ids(tmp_path) == {}
