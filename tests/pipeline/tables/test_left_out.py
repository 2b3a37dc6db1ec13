"""Who objected or was erased is in no table and no quarantine; touchpoints without consent are left out."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from models.data_protection.key_ring import read_keys
from models.data_protection.suppression import Entry, append_entries, read_suppression
from pipeline.data_protection.keys import make_keys
from pipeline.tables.ingested import ingest
from pipeline.tables.left_out import Suppression

NOW = dt.datetime(2026, 2, 20, tzinfo=dt.UTC)
SOURCE = """
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS SELECT 'lead' AS entity, 'role' AS attribute, 'category' AS type, 'creation' AS known_at;
CREATE VIEW leads AS
SELECT unnest(['50', '51', '52']) AS lead_id, '2026-01-01T00:00:00Z' AS created_at, 'buyer' AS role;
CREATE VIEW merged_leads AS SELECT * FROM (VALUES ('1', '50')) AS t (lead_id, merged_into);
CREATE VIEW identities AS
SELECT 'V-51' AS visitor_id, '51' AS lead_id, '2026-02-05T00:00:00Z' AS identified_at;
CREATE VIEW stage_changes AS SELECT * FROM (
    VALUES ('50', 'mql', '2026-02-01T00:00:00Z'), ('1', 'sal', '2026-02-09T00:00:00Z'), ('52', 'mql', '2026-02-01T00:00:00Z'),
           ('51', 'mql', 'nonsense')
) AS t (lead_id, stage, occurred_at);
CREATE VIEW advices AS SELECT * FROM (
    VALUES ('1', '2026-02-10T00:00:00Z', 'later'), ('52', '2026-02-10T00:00:00Z', 'later')
) AS t (lead_id, advised_at, advice);
CREATE VIEW touchpoints AS SELECT * FROM (
    VALUES ('a', '1', NULL, '2026-01-02T00:00:00Z', 'call', NULL), ('b', NULL, 'V-51', '2026-01-03T00:00:00Z', 'call', NULL),
           ('c', '52', NULL, '2026-01-03T00:00:00Z', 'call', 'Granted'),
           ('d', '52', NULL, '2026-01-04T00:00:00Z', 'call', 'denied')
) AS t (touchpoint_id, lead_id, visitor_id, occurred_at, kind, consent);
"""
OBJECTIONS = "CREATE VIEW objections AS SELECT * FROM (VALUES {rows}) AS t (lead_id, occurred_at, state);"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys.json", NOW)
    return tmp_path / "keys.json"


def read(folder: Path, keys: Path, *out: str, objections: str | None = None):
    """Ingest with a suppression list; give the rows of all files, and what the source added."""
    file = folder / "suppression.jsonl"
    append_entries(file, read_keys(keys)["suppression"], [Entry(lead_id, "objection", NOW) for lead_id in out])
    sql = SOURCE + ("" if objections is None else OBJECTIONS.format(rows=objections))
    (folder / "raw").mkdir(exist_ok=True)
    (folder / "s.sql").write_text(sql, encoding="utf-8")
    suppression = Suppression(read_suppression(file, keys))
    folders = (folder / "canonical", folder / "quarantine")
    counts = ingest(folder / "s.sql", folder / "raw", *folders, 0.5, suppression=suppression)
    frames = {
        f"{path.parent.name}/{path.stem}": pd.read_parquet(path) for one in folders for path in one.glob("*.parquet")
    }
    return frames, counts, suppression.news


def naming(frames, *ids: str) -> list[str]:
    return [
        name
        for name, frame in frames.items()
        if any(
            f'"{one}"' in text or f"V-{one}" in text
            for text in [frame.to_json(orient="values", date_format="iso")]
            for one in ids
        )
    ]


def test_an_objector_is_in_no_table_and_no_quarantine(tmp_path, keys) -> None:
    frames, counts, _ = read(tmp_path, keys, "51")
    assert naming(frames, "51") == []
    assert naming(frames, "52")
    assert counts["leads"].left_out == {"objected or erased": 1}
    assert counts["touchpoints"].left_out == {"objected or erased": 1, "without consent": 1}
    assert counts["stage_changes"].quarantined == {}


@pytest.mark.parametrize("out", ["1", "50"])
def test_an_objection_counts_for_all_ids_of_merged_leads(tmp_path, keys, out) -> None:
    frames, counts, news = read(tmp_path, keys, out)
    assert naming(frames, "1", "50") == []
    assert counts["stage_changes"].left_out == {"objected or erased": 2}
    assert (counts["advices"].left_out, counts["advices"].quarantined) == ({"objected or erased": 1}, {})
    assert {entry.lead_id for entry in news} == {"1", "50"} - {out}


def test_objections_of_the_source_are_obeyed_and_reported_for_the_list(tmp_path, keys) -> None:
    frames, _, news = read(tmp_path, keys, objections="('51', '2026-03-05T00:00:00Z', NULL)")  # after the export
    assert naming(frames, "51") == []
    assert [(entry.lead_id, entry.cause) for entry in news] == [("51", "objection")]
    assert read(tmp_path, keys, "51", objections="('51', '2026-01-05T00:00:00Z', 'objected')")[2] == []


def test_a_withdrawal_brings_a_lead_back(tmp_path, keys) -> None:
    frames, *_ = read(tmp_path, keys, "51", objections="('51', '2026-02-25T00:00:00Z', 'withdrawn')")
    assert "51" in set(frames["canonical/leads"]["lead_id"])
    older, *_ = read(tmp_path, keys, objections="('51', '2026-02-15T00:00:00Z', 'withdrawn')")
    assert "51" not in set(older["canonical/leads"]["lead_id"])


@pytest.mark.parametrize(
    "row", ["('51', 'soon', NULL)", "('51', '2026-02-25T00:00:00Z', 'maybe')", "(NULL, '2026-02-25T00:00:00Z', NULL)"]
)
def test_an_objection_that_can_t_be_read_stops_the_ingest(tmp_path, keys, row) -> None:
    with pytest.raises(DataError, match="view 'objections' has rows that can't be read"):
        read(tmp_path, keys, objections=row)


def test_consent_in_other_words_is_asked_about(tmp_path, keys) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "s.sql").write_text(SOURCE.replace("'Granted'", "'perhaps'"), encoding="utf-8")
    counts = ingest(tmp_path / "s.sql", tmp_path / "raw", tmp_path / "canonical", tmp_path / "quarantine", 0.5)
    assert counts["touchpoints"].quarantined == {"unknown consent": 1}
