"""Direct identifiers planted in fields reach no file that ingest writes; rows past their retention reach no table."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from models.data_protection.identifiers import redacted
from models.data_protection.key_ring import new_key
from models.data_protection.redactor import Redactor
from pipeline.tables.ingested import ingest
from pipeline.tables.redaction import Redaction

CANARIES = (
    "ada.lovelace@example.org",
    "jürgen+x@büro-müller.de",
    "+49 (170) 123 45 67",
    "0049 30 1234567",
    "030/1234567",
    "(415) 555-0132",
    "192.168.17.4",
    "2001:db8::8a2e:370:7334",
    "2001:0db8:0000:0000:0000:8a2e:0370:7334",
)
NAMES = ("Ada Lovelace", "Grace Hopper")
FREE = " || ' ' || ".join(f"'{canary}'" for canary in CANARIES)
SOURCE = f"""
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS SELECT * FROM (VALUES ('lead', 'note', 'category', 'creation'),
  ('lead', 'first_name', 'category', 'creation'),
  ('lead', 'guest', 'category', 'creation'), ('lead', 'employees', 'number', 'creation')) t (entity, attribute, type, known_at);
CREATE VIEW leads AS SELECT * FROM (VALUES
  ('1', '2026-01-01T00:00:00Z', 'says ' || {FREE}, '{NAMES[0]}', '{NAMES[1]}', {FREE}),
  ('2', 'not a moment', 'says ' || {FREE}, '{NAMES[0]}', '{NAMES[1]}', '7'))
  t (lead_id, created_at, note, first_name, guest, employees);
CREATE VIEW stage_changes AS SELECT '1' AS lead_id, 'disqualified' AS stage, '2026-02-01T00:00:00Z' AS occurred_at, {FREE}
  AS reason, 'north' AS owner;
CREATE VIEW touchpoints AS SELECT * FROM (VALUES
  ('a', '1', '2026-01-02T00:00:00Z', 'call', 'pricing?mail=' || {FREE}, '2026-01-05T10:00:00+01:00'),
  ('b', '9', '2026-01-02T00:00:00Z', 'call', {FREE}, {FREE}),
  ('c', '1', '2023-01-02T00:00:00Z', 'call', 'old', NULL), ('d', '1', '2023-01-02T00:00:00Z', 'form', 'old', NULL))
  t (touchpoint_id, lead_id, occurred_at, kind, asset, campaign);
"""


def read(folder: Path, **options) -> dict[str, str]:
    (folder / "raw").mkdir()
    (folder / "s.sql").write_text(SOURCE, encoding="utf-8")
    folders = (folder / "canonical", folder / "quarantine")
    ingest(folder / "s.sql", folder / "raw", *folders, 0.9, **options)
    return {f"{p.parent.name}/{p.stem}": pd.read_parquet(p).to_csv() for one in folders for p in one.glob("*.parquet")}


@pytest.mark.parametrize("key", [None, new_key(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))])
def test_no_identifier_reaches_a_file(tmp_path, key) -> None:
    files = read(tmp_path, redaction=Redaction(Redactor(key, ["guest"])))
    for name, text in files.items():
        for canary in (*CANARIES, *NAMES):
            assert canary not in text, (name, canary)
    assert "2026-01-05T10:00:00+01:00" in files["canonical/touchpoints"]
    assert ("[mail]" in files["canonical/touchpoints"]) == (key is None)
    for name in ("quarantine/leads", "quarantine/values_leads", "quarantine/touchpoints"):
        assert "[phone" in files[name], name


def test_the_same_identifier_has_the_same_pseudonym_and_another_key_another() -> None:
    one, other = (new_key(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) for _ in range(2))
    assert redacted("a@b.org A@B.org", one).split()[0] == redacted("a@b.org A@B.org", one).split()[1]
    assert redacted("a@b.org", one) != redacted("a@b.org", other)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T10:00:00+01:00",
        "10:20:30",
        "1.2.3",
        "v2.0.1",
        "12345678",
        "SKU-0170-99",
        "550e8400-e29b-41d4-a716-446655440000",
        "pricing/plans?id=4711",
        "1,234,567.89",
        "2026-01-05 10:00:00",
        "std::vector",
    ],
)
def test_what_is_none_stays(text) -> None:
    assert redacted(text, None) == text


def test_rows_past_their_retention_are_left_out_by_kind_and_table(tmp_path) -> None:
    days = {("touchpoint_kinds", "call"): 365, ("tables", "stage_changes"): 10}
    files = read(tmp_path, retention=lambda section, name: days.get((section, name)))
    assert ",c," not in files["canonical/touchpoints"]
    assert ",d," in files["canonical/touchpoints"]
    assert "disqualified" not in files["canonical/stage_changes"]
    assert "disqualified" not in files["quarantine/stage_changes"]
