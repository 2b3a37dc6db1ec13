"""What values decide, what nothing decides, and what hostile names must not do."""

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from pipeline.onboarding.layout import detect_layout, footer_lines
from pipeline.onboarding.moments import format_of_shape
from pipeline.params import read_yaml


def leads(folder: Path, dates: list[str], head: str = "id,created,mql,sql,source", name: str = "leads.csv") -> Path:
    """A file of leads, one a date; the outcome is on the MQL's day."""
    rows = [f"L{i},{d},{d},{d if i % 2 else ''},web" for i, d in enumerate(dates)]
    path = folder / name
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


def test_the_last_value_of_a_file_decides_day_and_month(look, read, tmp_path: Path) -> None:
    path = leads(tmp_path, ["03/04/2024"] * 300 + ["31/12/2023"])
    _, tables = read(look(path))
    assert tables["leads"]["created_at"].min() == pd.Timestamp("2023-12-31", tz="UTC")
    assert tables["leads"]["created_at"].max() == pd.Timestamp("2024-04-03", tz="UTC")


def test_month_first_where_a_value_says_so(look, read, tmp_path: Path) -> None:
    _, tables = read(look(leads(tmp_path, ["03/04/2024", "12/31/2023"]), zone="UTC"))
    assert tables["leads"]["created_at"].max() == pd.Timestamp("2024-03-04", tz="UTC")


def test_an_order_that_nothing_decides_stops(look, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Is day or month first in column created.*--set dates:created="):
        look(leads(tmp_path, ["03/04/2024", "05/06/2024"]))


def test_an_order_can_be_said(look, read, tmp_path: Path) -> None:
    path = leads(tmp_path, ["03/04/2024", "05/06/2024"])
    _, tables = read(look(path, dates__created="day", dates__mql="day", dates__sql="day"))
    assert tables["leads"]["created_at"].tolist() == [
        pd.Timestamp("2024-04-03", tz="UTC"),
        pd.Timestamp("2024-06-05", tz="UTC"),
    ]


def test_two_columns_that_disagree_about_the_outcome_stop(look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = [f"L{i},2024-01-01,2024-01-02,2024-01-0{3 + i % 5},2024-02-01" for i in range(9)]
    path.write_text("\n".join(["id,created,mql,SQL date,sales qualified on", *rows]), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"became sales qualified\?.*differ in 9 of 9 rows with both.*--set sales_qualified="
    ):
        look(path)
    proposal = look(path, sales_qualified="SQL date")
    assert [item.column.name for item in proposal.plan.stage_columns if item.stage == "sales_qualified"] == ["SQL date"]


def test_two_columns_that_agree_are_one(look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = [f"L{i},2024-01-01,2024-01-02,2024-01-03,{'2024-01-03' if i else ''}" for i in range(9)]
    path.write_text("\n".join(["id,created,mql,SQL date,sales qualified on", *rows]), encoding="utf-8")
    assert [i.column.name for i in look(path).plan.stage_columns if i.stage == "sales_qualified"] == ["SQL date"]


def test_a_moment_without_a_word_may_be_the_outcome_and_somebody_must_say(look, read, tmp_path: Path) -> None:
    """Columns in a language without a table of names: keys and moments are found, the outcome is asked for."""
    path = tmp_path / "liidit.csv"
    rows = [f"C{i},2024-01-{1 + i:02d},{'2024-02-01' if i % 3 == 0 else ''},web" for i in range(20)]
    path.write_text("\n".join(["numero,kirjattu,voitettu,lähde", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match=r"Which column says when sales qualified a lead\?.*voitettu, none"):
        look(path)
    _, tables = read(look(path, sales_qualified="voitettu"))
    assert tables["stage_changes"]["stage"].value_counts().to_dict() == {"mql": 20, "sales_qualified": 7}


def test_files_without_an_outcome_are_read_and_it_is_said(look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("lead_id,created,mql\nA,2024-01-01,2024-01-02\nB,2024-01-03,2024-01-04\n", encoding="utf-8")
    assert any("nothing can be learned" in text for text in look(path).plan.unsure)


def test_a_lead_whose_creation_is_unreadable_stays(look, read, tmp_path: Path) -> None:
    path = leads(tmp_path, [f"2024-03-{i:02d} 10:00" for i in range(1, 21)])
    path.write_text(path.read_text(encoding="utf-8").replace("L4,2024-03-05 10:00,", "L4,yesterday,"), encoding="utf-8")
    _, tables = read(look(path))
    assert tables["leads"].set_index("lead_id").loc["L4", "created_at"] == pd.Timestamp("2024-03-05 10:00", tz="UTC")


def test_the_export_is_the_newest_moment_that_nobody_planned(look, tmp_path: Path) -> None:
    path = leads(tmp_path, ["2024-03-01 10:00", "2024-03-02 10:00"])
    touches = tmp_path / "touches.csv"
    touches.write_text(
        "id,time,kind,page\nL0,2024-03-03 09:00,page view,/pricing\nL1,2024-04-20 10:00,webinar,/x\n"
        "L1,2062-03-03 09:00,page view,/y\n",
        encoding="utf-8",
    )
    for file in (path, touches):
        os.utime(file, (1_716_928_000, 1_716_928_000))  # 2024-05-28
    plan = look(path, touches).plan
    assert plan.exported_at == "2024-03-03T09:00:01+00:00"
    assert any("1 moment(s) lie after the files' own date" in text for text in plan.unsure)


def test_words_for_missing_are_no_categories(look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = [
        f"L{i},2024-01-01,2024-01-02,2024-01-03,{('web', 'fair', 'NULL', '(not set)', ' N/A ')[i % 5]}"
        for i in range(20)
    ]
    path.write_text("\n".join(["id,created,mql,sql,source", *rows]), encoding="utf-8")
    column = look(path).plan.people.column("source")
    assert column.values == {"fair": 4, "web": 4}


def test_exports_of_several_months_are_one_table(look, read, tmp_path: Path) -> None:
    first = leads(tmp_path, ["2024-01-01 10:00", "2024-01-02 10:00"], name="2024-01.csv")
    second = tmp_path / "2024-02.csv.gz"
    second.write_bytes(gzip.compress(b"id,created,mql,sql,source\nL7,2024-02-01 10:00,2024-02-02 10:00,,fair\n"))
    counts, _ = read(look(first, second))
    assert counts["leads"].kept == 3


def test_parquet_and_json_lines(look, read, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"lead_id": ["A", "B"], "created": pd.to_datetime(["2024-01-01", "2024-01-02"]), "budget": [1.5, None]}
    )
    frame = frame.assign(mql=frame["created"] + pd.Timedelta(days=1), sql=frame["created"] + pd.Timedelta(days=9))
    frame.to_parquet(tmp_path / "leads.parquet")
    touches = tmp_path / "touches.jsonl"
    touches.write_text(
        '{"lead_id":"A","time":"2024-01-01T12:00:00Z","type":"download","meta":{"x":[1]}}\n', encoding="utf-8"
    )
    counts, tables = read(look(tmp_path / "leads.parquet", touches))
    assert counts["leads"].kept == 2
    assert tables["touchpoints"]["kind"].tolist() == ["download"]


def test_mail_addresses_join_and_never_become_ids(look, read, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    rows = [f"p{i}@example.org,2024-01-{1 + i % 28:02d},2024-02-01,2024-02-0{1 + i % 9},web" for i in range(30)]
    people.write_text("\n".join(["Email,created,mql,sql,source", *rows]), encoding="utf-8")
    touches = tmp_path / "clicks.csv"
    touches.write_text(
        "email,time,action\n" + "".join(f"P{i}@example.org,2024-01-30 10:00,click\n" for i in range(30)), "utf-8"
    )
    counts, tables = read(look(people, touches))
    assert counts["touchpoints"].kept == 30
    assert not tables["leads"]["lead_id"].str.contains("@").any()
    assert tables["leads"]["free_mail"].tolist() == [False] * 30


def test_filled_only_after_an_outcome_is_after(look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = [
        f"L{i},2024-01-01,2024-01-02,{'2024-01-09' if i % 2 else ''},"
        f"{('a', 'b')[i % 4 // 2] if i % 2 else ''},{('x', 'y')[i % 3 > 0]}"
        for i in range(80)
    ]
    path.write_text("\n".join(["id,created,mql,sql,zusatz,branche", *rows]), encoding="utf-8")
    known = {attribute.name: attribute.known_at for attribute in look(path).plan.attributes}
    assert known == {"zusatz": "after", "branche": "creation"}


HOSTILE = ('x"; DROP TABLE leads; --', "y'); SELECT 1; --", "z\n-- new line\n", "\x1b[31mred", "[bold]markup[/bold]")


def test_hostile_names_of_columns_and_files_are_data(look, read, tmp_path: Path) -> None:
    import csv
    import io

    folder = tmp_path / 'it\'s; "quoted"'
    folder.mkdir()
    text = io.StringIO()
    rows = [["id", "created", "mql", "sql", *HOSTILE]]
    rows += [
        [f"L{i}", "2024-01-01", "2024-01-02", "2024-01-03", *("ab"[(i + k) % 2] for k in range(5))] for i in range(60)
    ]
    csv.writer(text).writerows(rows)
    path = folder / "le'ads; DROP.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    proposal = look(path)
    counts, tables = read(proposal)
    assert counts["leads"].kept == 60
    assert len(tables["attributes"]) == 5
    assert all(line.startswith(("--", "  ", ")", "CREATE", "SELECT", "FROM", "WHERE", "UNION", " ")) or not line or '"' in line
               for line in proposal.sql.splitlines())  # fmt: skip
    assert "\x1b" not in "".join(line for line in proposal.sql.splitlines() if line.startswith("--"))
    (tmp_path / "preset.yaml").write_text(proposal.preset, encoding="utf-8")
    assert read_yaml(tmp_path / "preset.yaml")["ingest"]["source"] == "acme"


@pytest.mark.parametrize(
    ("shape", "format_"),
    [
        ("9.9.9999", "%d.%m.%Y"),
        ("99.99.9999, 99:99 Uhr", "%d.%m.%Y, %H:%M Uhr"),
        ("9/9/9999 9:99\u202fPM", "?/?/%Y %I:%M\u202f%p"),
        ("99-Mar-9999", "%d-%b-%Y"),
        ("9999-99-99 99:99:99.999", "%Y-%m-%d %H:%M:%S.%g"),
        ("9999-99-99T99:99:99Z", "iso"),
    ],
)
def test_shapes(shape: str, format_: str) -> None:
    found = format_of_shape(shape)
    assert found is not None
    assert found.format == format_


@pytest.mark.parametrize("shape", ["9.999", "99.99", "99", "99:99", "9.9.9", "abc", "999.999.9999"])
def test_no_moments(shape: str) -> None:
    assert format_of_shape(shape) is None


def test_a_report_s_title_and_footer_are_counted() -> None:
    lines = [
        '"Report"\n',
        "\n",
        '"a","b","c"\n',
        '"1","x","y"\n',
        '"2","x\n',
        'y","z"\n',
        "\n",
        '"Total","2"\n',
        "\n",
        '"Confidential"\n',
    ]
    layout = detect_layout(lines)
    assert (layout.separator, layout.skip, layout.header) == (",", 2, ("a", "b", "c"))
    assert footer_lines(lines, layout) == 4
