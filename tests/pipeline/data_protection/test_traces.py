"""Rows about a person are found and taken out of every kind of file, and nothing else changes."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipeline.data_protection.person import Person
from pipeline.data_protection.traces import rows_about, take_out

PERSON = Person(("L-0017", "V-9"))
NUMBER = Person(("17",))


def gone(path: Path, person: Person = PERSON, rows: int = 1) -> str:
    """Take the person out of a file; give what stays as text."""
    assert rows_about(path, person) == rows
    assert take_out(path, person) == "rows"
    assert rows_about(path, person) == 0
    return path.read_bytes().decode("utf-8", "replace")


def test_a_table_loses_the_rows_of_the_person_alone(tmp_path) -> None:
    path = tmp_path / "touchpoints.parquet"
    frame = pd.DataFrame(
        {
            "lead_id": pd.Categorical(["L-0017", "L-00171", None, "L-3"]),
            "visitor_id": [None, None, "V-9", "V-99"],
            "value": [1.0, 2.0, 3.0, 4.0],
        }
    )
    frame.to_parquet(path, row_group_size=2)
    gone(path, rows=2)
    pd.testing.assert_frame_equal(
        pd.read_parquet(path), frame.iloc[[1, 3]].reset_index(drop=True), check_categorical=False
    )


def test_a_long_text_that_names_the_person_is_a_trace(tmp_path) -> None:
    path = tmp_path / "leads.parquet"
    rows = [json.dumps({"lead_id": one, "note": "x" * 60}) for one in ("L-0017", "L-00171", "XL-0017", "L-0017-2")]
    pd.DataFrame({"reason": ["bad"] * 4, "row": rows}).to_parquet(path)
    gone(path)
    assert len(pd.read_parquet(path)) == 3


CSV = 'id,note,quantity\r\n16,"a\nb",17\r\n17,"says ""17""\nand more",1\r\n18,,17\r\n'


def test_records_of_several_lines_leave_as_a_whole_and_others_stay_byte_by_byte(tmp_path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(CSV.encode())
    gone(path, NUMBER)
    assert path.read_bytes() == b'id,note,quantity\r\n16,"a\nb",17\r\n18,,17\r\n'


@pytest.mark.parametrize(("name", "header"), [("accounts", "id"), ("orders", "account_id"), ("orders", "quantity")])
def test_a_number_that_is_no_person_s_stays(tmp_path, name, header) -> None:
    path = tmp_path / f"{name}.csv"
    path.write_text(f"{header},x\n17,1\n", encoding="utf-8")
    assert rows_about(path, NUMBER) == 0
    pd.DataFrame({header: [17]}).to_parquet(tmp_path / f"{name}.parquet")
    assert rows_about(tmp_path / f"{name}.parquet", NUMBER) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_in_other_encodings(tmp_path, encoding) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("lead_id;role\nL-0017;Käufer\nL-2;Käufer\n", encoding=encoding)
    gone(path)
    assert path.read_text(encoding=encoding) == "lead_id;role\nL-2;Käufer\n"


def test_json_loses_objects_and_entries(tmp_path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"leads": [{"lead_id": "L-0017"}, {"lead_id": "L-2"}], "by": {"L-0017": 1, "L-2": 2}}))
    gone(path, rows=2)
    assert json.loads(path.read_text()) == {"leads": [{"lead_id": "L-2"}], "by": {"L-2": 2}}
    lines = tmp_path / "requests.jsonl"
    lines.write_text('{"lead_id": "L-0017", "a": {"b": 1}}\n{"lead_id": "L-2"}\nno json\n')
    assert gone(lines) == '{"lead_id": "L-2"}\nno json\n'


def test_a_database_keeps_no_page_of_the_person(tmp_path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE acknowledged (lead_id TEXT PRIMARY KEY, fields TEXT)")
        rows = [("L-0017", "{}"), ("L-2", '{"twin": "L-0017"}'), ("L-00171", "{}")]
        connection.executemany("INSERT INTO acknowledged VALUES (?, ?)", rows)
    text = gone(path, rows=2)
    assert "L-0017\x00" not in text.replace("L-00171", "")
    assert "L-00171" in text


def test_what_can_t_lose_rows_is_removed(tmp_path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>L-0017</p>")
    book = tmp_path / "scores.xlsx"
    pd.DataFrame({"Lead": ["L-0017", "L-2"]}).to_excel(book, engine="xlsxwriter")
    for path in (page, book):
        assert rows_about(path, PERSON) == 1
        assert take_out(path, PERSON) == "file"
        assert not path.exists()
