"""What is past its retention feeds no training: tables are those of a company that never had it."""

from pathlib import Path

import pandas as pd

from pipeline.tables.ingested import ingest

DAYS = {
    ("tables", "leads"): 1_000,
    ("tables", "stage_changes"): 600,
    ("touchpoint_kinds", "call"): 365,
    ("attributes", "lead.role"): 500,
    ("attributes", "account.size"): 300,
}
SOURCE = """
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS SELECT * FROM (VALUES
  ('lead', 'role', 'category', 'creation'), ('lead', 'newsletter', 'boolean', 'creation'),
  ('account', 'size', 'number', 'creation')) t (entity, attribute, type, known_at);
CREATE VIEW accounts AS SELECT 'A' AS account_id, 5 AS size;
CREATE VIEW leads AS SELECT * FROM (VALUES ('1', 'A', '2026-01-01T00:00:00Z', 'buyer', true),
  ('2', 'A', '2024-01-01T00:00:00Z', {role}, true) {lead}) t (lead_id, account_id, created_at, role, newsletter);
CREATE VIEW merged_leads AS SELECT * FROM (VALUES ('1b', '1') {merged}) t (lead_id, merged_into);
CREATE VIEW stage_changes AS SELECT * FROM (VALUES ('1', 'mql', '2026-02-01T00:00:00Z') {stage})
  t (lead_id, stage, occurred_at);
CREATE VIEW identities AS SELECT * FROM (VALUES ('V1', '1', '2026-01-03T00:00:00Z') {identity})
  t (visitor_id, lead_id, identified_at);
CREATE VIEW touchpoints AS SELECT * FROM (VALUES ('a', '1', NULL, '2026-01-02T00:00:00Z', 'call'),
  ('b', NULL, 'V1', '2026-01-02T00:00:00Z', 'visit'), ('c', '2', NULL, '2024-02-02T00:00:00Z', 'visit') {touchpoint})
  t (touchpoint_id, lead_id, visitor_id, occurred_at, kind);
CREATE VIEW attribute_changes AS SELECT * FROM (VALUES ('2', NULL, 'role', 'head', '2025-12-01T00:00:00Z'),
  (NULL, 'A', 'size', '5', '2024-06-01T00:00:00Z'),
  (NULL, 'A', 'size', '6', '2025-12-01T00:00:00Z') {change}) t (lead_id, account_id, attribute, value, occurred_at);
"""
NEVER = dict.fromkeys(("lead", "merged", "stage", "identity", "touchpoint", "change"), "") | {"role": "NULL"}
ONCE = {
    "role": "'developer'",
    "lead": ", ('3', 'A', '2023-01-01T00:00:00Z', 'buyer', true)",
    "merged": ", ('3b', '3')",
    "stage": ", ('3', 'mql', '2026-02-01T00:00:00Z'), ('3b', 'sal', '2026-02-02T00:00:00Z'), "
    "('2', 'mql', '2024-01-05T00:00:00Z')",
    "identity": ", ('V3', '3', '2026-01-03T00:00:00Z')",
    "touchpoint": ", ('d', '3', NULL, '2026-01-02T00:00:00Z', 'visit'), ('e', NULL, 'V3', '2026-01-02T00:00:00Z', 'visit'), "
    "('f', NULL, 'V3', '2026-02-02T00:00:00Z', 'visit'), ('g', '2', NULL, '2024-02-02T00:00:00Z', 'call')",
    "change": ", ('3', NULL, 'role', 'head', '2026-02-01T00:00:00Z'), ('2', NULL, 'role', 'boss', '2024-02-01T00:00:00Z'), "
    "(NULL, 'A', 'size', '4', '2024-02-01T00:00:00Z')",
}


def read(folder: Path, rows: dict[str, str]) -> tuple[dict[str, pd.DataFrame], dict]:
    (folder / "raw").mkdir(parents=True)
    (folder / "s.sql").write_text(SOURCE.format(**rows), encoding="utf-8")
    retention = {"retention": lambda section, name: DAYS.get((section, name))}
    counts = ingest(folder / "s.sql", folder / "raw", folder / "canonical", folder / "quarantine", 0.0, **retention)
    return {file.stem: pd.read_parquet(file) for file in (folder / "canonical").glob("*.parquet")}, counts


def test_tables_are_as_if_what_is_past_its_retention_had_never_been(tmp_path: Path) -> None:
    never, _ = read(tmp_path / "never", NEVER)
    once, counts = read(tmp_path / "once", ONCE)
    assert set(once) == set(never) >= {"leads", "touchpoints", "stage_changes", "attribute_changes", "identities"}
    for name, table in never.items():
        pd.testing.assert_frame_equal(once[name], table)
        assert len(table) or name == "unplaced_outcomes"
    assert {name: sum(count.left_out.values()) for name, count in counts.items() if count.left_out} == {
        "leads": 1,
        "merged_leads": 1,
        "stage_changes": 3,
        "identities": 1,
        "touchpoints": 4,
        "attribute_changes": 3,
    }
    assert counts["leads"].values == {"past its retention role": 1}
    assert once["leads"]["newsletter"].all()
