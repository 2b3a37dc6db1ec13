"""The list that people open: what stands in it, that no name of a CRM becomes a formula, and what changed since the last."""

import csv
import re
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.presentation.list_file import write_list
from pipeline.scoring.list_file import list_of, remember

MOMENT = pd.Timestamp("2026-03-01", tz="UTC")
HOSTILE = ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1", "\u00a0=1"]


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    """Write what a list needs of the canonical tables, with account names that would be formulas."""
    folder = tmp_path / "canonical"
    folder.mkdir()
    leads = [f"L{n}" for n in range(len(HOSTILE))]
    times = pa.array([MOMENT, MOMENT + pd.Timedelta(days=1)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"lead_id": leads, "account_id": HOSTILE}), folder / "leads.parquet")
    stages = {"lead_id": ["L0", "L0"], "occurred_at": times, "owner": ["Ada", "=Eve"]}
    pq.write_table(pa.table(stages), folder / "stage_changes.parquet")
    touchpoints = {"lead_id": ["L0", None], "occurred_at": times, "kind": ["page_view", "mail_open"]}
    pq.write_table(pa.table(touchpoints), folder / "touchpoints.parquet")
    return folder


def scores(moment: str = "2026-03-02T00:00:00+00:00", **changed: object) -> pd.DataFrame:
    row = {"snapshot_at": moment, "probability": 0.126, "low": 0.08, "high": 0.205, "tier": "B", "fit": 0.0, "engagement": 0.0,
           "reasons": "a; b", "not_scored": None, "within_capacity": True, "advice_text": "call", "open_questions": "cost?",
           "next_content": None, "warnings": ""}  # fmt: skip
    return pd.DataFrame([{"lead_id": f"L{n}", **row, **changed} for n in range(len(HOSTILE))])


def test_a_row_says_who_how_likely_and_what_to_do(canonical: Path) -> None:
    rows = list_of(scores(), canonical, "de", "https://crm.example/lead/{lead_id}")
    assert rows.iloc[0].to_dict() == {
        "Lead": "L0", "Firma": "=HYPERLINK(1)", "Zuständig": "=Eve", "Link": "https://crm.example/lead/L0",
        "Wahrscheinlichkeit (%)": 13, "von (%)": 8, "bis (%)": 20, "Stufe": "B", "Entscheidung": "innerhalb der Kapazität",
        "Wann anrufen": "call", "Wahrscheinliche Fragen": "cost?", "Ähnliche Leads sahen als Nächstes": "",
        "Grund 1": "a", "Grund 2": "b", "Grund 3": "", "Letzter Kontaktpunkt": "page_view",
        "Letzter Kontaktpunkt am": "2026-03-01", "Seit der letzten Liste": "", "Hinweise": "",
    }  # fmt: skip
    gone = scores(
        probability=None, low=None, high=None, tier=None, not_scored="too_many_touchpoints", within_capacity=None
    )
    row = list_of(gone, canonical, "en").iloc[0]
    assert row["Decision"] == "not scored: too_many_touchpoints"
    assert pd.isna(row["Probability (%)"])
    assert list_of(scores(), canonical, "en", note="unpromoted")["Note"].iloc[0].startswith("refused by the gate")


def test_a_merged_lead_is_compared_with_what_the_last_list_said_of_its_old_ids(canonical: Path) -> None:
    merged = {"lead_id": ["old-0", "old-0b", "old-1"], "merged_into": ["L0", "L0", "L1"]}
    pq.write_table(
        pa.table({**merged, "merged_at": pa.nulls(3, pa.timestamp("us", "UTC"))}), canonical / "merged_leads.parquet"
    )
    former = pd.DataFrame(
        {
            "lead_id": ["old-0", "old-0b", "old-1", "L1"],
            "probability": [0.2, 0.1, 0.9, 0.05],
            "tier": ["B", "C", "A", "B"],
        }
    )
    rows = list_of(scores(), canonical, "en", former=former).set_index("Lead")["Since the last list"]
    assert rows[["L0", "L1", "L2"]].tolist() == ["7 points less", "8 points more", "new"]


def test_no_cell_of_a_csv_is_a_formula(canonical: Path, tmp_path: Path) -> None:
    write_list(list_of(scores(), canonical, "de"), tmp_path / "l.csv", "csv-de")
    content = (tmp_path / "l.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfLead;Firma;")
    with (tmp_path / "l.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert [row[1] for row in rows[1:]] == [f"'{name}" for name in HOSTILE]
    assert rows[1][4:7] == ["13", "8", "20"]
    assert not any(cell.strip().startswith(("=", "+", "-", "@", "＝")) for row in rows for cell in row)
    write_list(pd.DataFrame({"x": [0.5, None, -1.0]}), tmp_path / "n.csv", "csv-de")
    assert (tmp_path / "n.csv").read_text(encoding="utf-8-sig").split() == ["x", "0,5", '""', "-1"]


def test_a_workbook_holds_texts_and_numbers_and_no_formula(canonical: Path, tmp_path: Path) -> None:
    write_list(list_of(scores(), canonical, "en", "https://crm.example/{lead_id}"), tmp_path / "l.xlsx", "xlsx")
    with zipfile.ZipFile(tmp_path / "l.xlsx") as book:
        sheet, texts = (book.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "sharedStrings"))
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "=HYPERLINK(1)" in texts
    assert re.findall(r'<c r="E2"><v>(\d+)</v>', sheet) == ["13"]
    assert re.findall(r'<c r="B2" t="(\w+)">', sheet) == ["s"]


def test_a_list_says_what_changed_since_the_one_of_an_earlier_moment(canonical: Path, tmp_path: Path) -> None:
    assert remember(scores().iloc[1:], tmp_path / "lists") is None
    later = scores("2026-03-09T00:00:00+00:00", probability=0.31, tier="A")
    for _ in range(2):  # of one moment again: compared with the same earlier one
        former = remember(later, tmp_path / "lists")
        changes = list_of(later, canonical, "en", former=former)["Since the last list"]
        assert changes.tolist()[:2] == ["new", "tier B to A, 18 points more"]
    german = list_of(later, canonical, "de", former=former)["Seit der letzten Liste"]
    assert german.tolist()[:2] == ["neu", "Stufe B zu A, 18 Punkte mehr"]
