"""Exports that programs rarely write: counted times, odd clocks, objects in JSON, repeated files, cells of a megabyte."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter

from features.errors import DataError
from pipeline.onboarding.column_moments import UNREAD_DATES
from pipeline.onboarding.column_roles import stage_word
from pipeline.onboarding.columns import Column
from pipeline.onboarding.layout import detect_layout, footer_lines
from pipeline.onboarding.moments import format_of_shape

MILLISECONDS = 1_704_103_200_000  # 2024-01-01 10:00 UTC
DAY = 86_400_000


def write(path: Path, head: str, rows: list[str]) -> Path:
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


def days(n: int) -> int:
    return MILLISECONDS + n * DAY


@pytest.mark.parametrize(
    "head",
    [
        "Datensatz-ID,Erstellungsdatum,Datum Marketing-qualifizierter Lead,Datum Sales-qualifizierter Lead,Lead-Status",
        "id,properties.createdate,properties.hs_lifecyclestage_marketingqualifiedlead_date,"
        "properties.hs_lifecyclestage_salesqualifiedlead_date,properties.hs_lead_status",
        "Id,CreatedDate,MQL_Date__c,Became_SQL_On__c,Lead_Status__c",
    ],
)
def test_milliseconds_under_the_names_of_several_programs(head: str, look, read, tmp_path: Path) -> None:
    rows = [
        f"{90000 + i},{days(i)}.0,{days(i + 1)},{days(i + 5) if i % 3 == 0 else ''},{'UNQUALIFIED' if i % 3 == 1 else 'OPEN'}"
        for i in range(60)
    ]
    proposal = look(write(tmp_path / "leads.csv", head, rows))
    assert proposal.plan.attributes == []
    assert (proposal.durations.qualified, proposal.durations.disqualified) == (20, 20)
    _, tables = read(proposal)
    assert tables["leads"]["created_at"].min() == pd.Timestamp("2024-01-01 10:00", tz="UTC")
    assert tables["stage_changes"]["stage"].value_counts()["sales_qualified"] == 20


def test_serial_days_of_a_workbook_are_moments_by_their_names(look, read, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "leads.xlsx")) as book:
        sheet = book.add_worksheet()
        sheet.set_column(0, 0, None, None, {"hidden": True})
        for column, name in enumerate(
            ["(Do Not Modify) Lead", "Created On", "Handed over on", "Qualified On", "Plot size"]
        ):
            sheet.write_string(0, column, name)
        for i in range(40):
            sheet.write_string(i + 1, 0, f"L{i}")
            for column, day in ((1, 45_292.5 + i), (2, 45_293.25 + i), (4, 40_000 + i % 4)):
                sheet.write_number(i + 1, column, day)
            if i % 2:
                sheet.write_number(i + 1, 3, 45_299.5 + i)
    proposal = look(tmp_path / "leads.xlsx")
    assert [attribute.name for attribute in proposal.plan.attributes] == ["plot_size"]
    _, tables = read(proposal)
    assert tables["leads"]["created_at"].min() == pd.Timestamp("2024-01-01 12:00", tz="UTC")
    assert tables["stage_changes"]["stage"].value_counts().to_dict() == {"mql": 40, "sales_qualified": 20}


def test_ids_of_as_many_digits_are_no_moments(look, tmp_path: Path) -> None:
    rows = [f"{4_006_381_333_931 + i},2024-01-0{1 + i % 9},{1_000_000_000_000 + i},2024-02-01" for i in range(30)]
    plan = look(write(tmp_path / "leads.csv", "Lead at id,created,order number,mql", rows)).plan
    assert plan.lead_id.type == "number"
    assert plan.people.column("order number").type == "number"


def test_numbers_are_not_taken_for_dates(look, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-02,{10 + i}.{1234 + i},{40_000 + i},{31 + i % 9}-{1234 + i}" for i in range(30)]
    columns = look(write(tmp_path / "leads.csv", "id,created,quote,Data volume,Vorgang", rows)).plan.people.columns
    assert [columns[name].type for name in ("quote", "Data volume")] == ["number", "number"]
    assert not any(UNREAD_DATES in column.notes for column in columns.values())


def test_dots_between_hours_and_minutes(look, read, tmp_path: Path) -> None:
    assert format_of_shape("99-99-9999 99.99.99") is not None
    rows = [f"L{i},{1 + i:02d}-01-2024 10.30,{1 + i:02d}-02-2024 10.30" for i in range(20)]
    _, tables = read(look(write(tmp_path / "leads.csv", "id,created,mql", rows)))
    assert tables["leads"]["created_at"].min() == pd.Timestamp("2024-01-01 10:30", tz="UTC")


def test_dates_that_nobody_can_read_are_named_and_left_out(look, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-02,{1 + i % 9} stycznia 2024" for i in range(30)]
    plan = look(write(tmp_path / "leads.csv", "id,created,zakwalifikowany", rows)).plan
    assert plan.attributes == []
    assert any(f"column zakwalifikowany holds {UNREAD_DATES}" in text for text in plan.unsure)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("Became a Lead Date", "inquiry"),
        ("Lead am", "inquiry"),
        ("Lead retenu le", None),
        ("Lead SQL Datum", "sales_qualified"),
    ],
)
def test_the_word_lead_beside_others_explains_nothing(name: str, stage: str | None) -> None:
    assert stage_word(Column(name, "moment", 1, 1)) == stage


def test_two_words_for_yes_are_no_boolean(look, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-02,{'xy'[i % 2]},{'x' if i % 2 else ''}" for i in range(30)]
    columns = look(write(tmp_path / "leads.csv", "id,created,variant,newsletter", rows)).plan.people.columns
    assert (columns["variant"].type, columns["newsletter"].type) == ("category", "boolean")


def test_fields_of_objects_in_json_lines_are_columns(look, read, tmp_path: Path) -> None:
    people = write(tmp_path / "leads.csv", "id,created,mql", [f"L{i},2024-01-01,2024-01-02" for i in range(20)])
    events = [
        {"event": "Page Viewed", "ts": "2024-01-01T12:00:00Z", "user": {"id": f"L{i}"} if i else None,
         "context": {"page": {"path": "/pricing", "it's": 1}}} for i in range(20)
    ]  # fmt: skip
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    proposal = look(people, tmp_path / "events.jsonl")
    counts, tables = read(proposal)
    assert counts["touchpoints"].kept == 20
    assert tables["touchpoints"]["lead_id"].notna().sum() == 19
    assert set(tables["touchpoints"]["asset"]) == {"/pricing"}


def test_rows_of_nobody_are_said(look, tmp_path: Path) -> None:
    people = write(tmp_path / "leads.csv", "id,created,mql", [f"L{i},2024-01-01,2024-01-02" for i in range(20)])
    rows = [f"v{i},2024-01-01 12:00,page view,/x" for i in range(20)]
    visits = write(tmp_path / "visits.csv", "visitor id,time,event,page", rows)
    assert any("20 rows are visits of unknown people" in text for text in look(people, visits).plan.unsure)


def test_a_file_given_twice_is_read_once(look, read, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-01,2024-01-02" for i in range(20)]
    files = [write(tmp_path / name, "id,created,mql", rows) for name in ("leads.csv", "leads (1).csv")]
    proposal = look(*files)
    assert any("leads (1).csv holds the same bytes" in note for note in proposal.plan.notes)
    counts, _ = read(proposal)
    assert counts["leads"].kept == 20


def test_exports_of_one_list_at_two_times_are_told_apart_from_parts(look, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{month}.csv", "id,created,mql", [f"L{i},2024-01-01,2024-0{month}-02" for i in range(20)])
        for month in (1, 2)
    ]
    with pytest.raises(DataError, match=r"exports of one list at several times\. Give the newest one alone"):
        look(*files)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("\r\n \r\n", "is empty"), ("id,created,mql\n", "a header and no row")]
)
def test_files_without_rows(text: str, message: str, look, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(text.encode())
    with pytest.raises(DataError, match=message):
        look(path)


def test_cells_longer_than_python_s_reader_takes(look, read, tmp_path: Path) -> None:
    rows = [f'L{i},2024-01-01,2024-01-02,"{"x" * 200_000 if i == 3 else "y"}\n"' for i in range(20)]
    counts, _ = read(look(write(tmp_path / "leads.csv", "id,created,mql,notes", rows)))
    assert counts["leads"].kept == 20
    assert detect_layout(["a;b\n", "1;" + "x" * 200_000 + "\n"]).separator == ";"


def test_a_cell_too_long_to_be_read_is_not_repeated_in_the_message(look, tmp_path: Path) -> None:
    rows = [f'L{i},2024-01-01,2024-01-02,"{"x" * 2_000_100 if i == 3 else "y"}"' for i in range(20)]
    with pytest.raises(DataError, match="longer than 2,000,000 bytes") as stopped:
        look(write(tmp_path / "leads.csv", "id,created,mql,notes", rows))
    assert len(str(stopped.value)) < 2_000


def test_an_order_that_is_said_of_one_column_holds_for_its_file(look, read, tmp_path: Path) -> None:
    path = write(tmp_path / "leads.csv", "id,created,mql", ["A,03/04/2024,04/04/2024", "B,05/06/2024,06/06/2024"])
    _, tables = read(look(path, dates__created="day"))
    assert tables["leads"]["created_at"].max() == pd.Timestamp("2024-06-05", tz="UTC")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"outcom": "won"}, r"--set outcom=\.\.\.: nobody asks that; there are .*sales_qualified"),
        ({"sales_qualified": "source"}, "no such column of moments; there are created, mql, won"),
        ({"created_at": "creatd"}, "no such column of moments; there are created"),
    ],
)
def test_answers_that_answer_nothing_stop(answers: dict[str, str], message: str, look, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-01,2024-01-02,2024-01-0{3 + i % 5},web" for i in range(20)]
    with pytest.raises(DataError, match=message):
        look(write(tmp_path / "leads.csv", "id,created,mql,won,source", rows), **answers)


def test_who_is_named_in_other_languages_stays_out(look, tmp_path: Path) -> None:
    head = "ID contacto,Nombre,Prénom,Cognome,Voornaam,Ciudad,Fecha de creación,Fecha de MQL,Fecha de SQL,Estado"
    rows = [
        f"{i},{'Ana' if i % 2 else 'Luis'},Zoé,Rossi,Jan,Madrid,{1 + i % 28}/01/2024,{1 + i % 28}/02/2024,"
        f"{f'{1 + i % 28}/03/2024' if i % 3 else ''},{'Ganado' if i % 3 else 'Perdido'}"
        for i in range(60)
    ]
    proposal = look(write(tmp_path / "contactos.csv", head, rows))
    assert proposal.plan.attributes == []
    assert (proposal.durations.qualified, proposal.durations.disqualified) == (40, 20)


def test_one_date_of_closing_counts_by_how_it_closed(look, tmp_path: Path) -> None:
    rows = [f"P{i},2024-01-01,2024-01-02,2024-02-01,{'won' if i % 4 == 0 else 'lost'}" for i in range(40)]
    durations = look(write(tmp_path / "p.csv", "Prospect Number,Entered,Handover,Closed on,Outcome", rows)).durations
    assert (durations.qualified, durations.disqualified) == (10, 30)


def test_only_the_winners_are_said(look, tmp_path: Path) -> None:
    rows = [f"L{i},2024-01-01,2024-01-02,2024-02-01" for i in range(30)]
    plan = look(write(tmp_path / "leads.csv", "id,created,mql,sql", rows)).plan
    assert any("every lead became qualified" in text for text in plan.unsure)


def test_without_any_moment_it_stops_and_names_the_columns(look, tmp_path: Path) -> None:
    rows = [f"{i},{1 + i % 28}. März 2024" for i in range(30)]
    with pytest.raises(DataError, match=r"nothing says when a lead came\. Column\(s\) Erstellt am hold dates"):
        look(write(tmp_path / "leads.csv", "Nr,Erstellt am", rows))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("leads.csv", b"%PDF-1.4\n\xe2\xe3", "a PDF"),
        (
            "leads.csv",
            bytes(range(1, 256)) * 9,
            r"line 2, byte \d+: not cp1252 \(got 0x81\), and no other encoding fits",
        ),
        ("leads.zip", b"PK\x03\x04broken", "an archive that is broken"),
        (
            "notes.md",
            b"# Leads\n\nHeads, words, more words, and an end\nOne line alone\n" * 9,
            r"(?s)^((?!strict_mode).)*leave it out\.$",
        ),
    ],
)
def test_files_that_are_no_tables(name: str, content: bytes, message: str, look, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        look(tmp_path / name)


def test_an_archive_is_to_be_unpacked(look, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("leads.csv", "id,created\n")
    with pytest.raises(DataError, match="Unpack it and name the files in it"):
        look(tmp_path / "export.zip")


def test_a_folder_is_told_from_a_file(look, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    with pytest.raises(DataError, match=r"a folder\. Name the files in it: `python -m pipeline\.init .*exports/\*`"):
        look(tmp_path / "exports")


def test_titles_and_totals_that_are_padded_with_separators(look, read, tmp_path: Path) -> None:
    head = [
        "All leads;;;;", "As of: 02.03.2024;;;;", ";;;;", "Lead no;Industry;City;Created on;Qualified on",
    ]  # fmt: skip
    rows = [f"L{i:03};Food;;01.01.2024 1{i % 10}:00;{'05.01.2024 10:00' if i % 3 else ''}" for i in range(60)]
    path = tmp_path / "leads.csv"
    path.write_text("\n".join([*head, *rows, ";;;;", "Total: 60 rows;;;;", ""]), encoding="utf-8")
    proposal = look(path, zone="UTC")
    assert proposal.plan.exported_at.startswith("2024-03-02")
    _, tables = read(proposal)
    assert len(tables["leads"]) == 60


def test_the_last_lead_stays_where_only_its_id_is_filled() -> None:
    lines = ["Id;Company;City;Phase\n", "A1;B;Ulm;new\n", "A2;;;\n"]
    assert footer_lines(lines, detect_layout(lines)) == 0


def test_activities_that_name_the_deal_join_where_deals_are_the_people(look, tmp_path: Path) -> None:
    deals = write(
        tmp_path / "deals.csv",
        "Deal - ID,Deal - Title,Deal - Status,Deal - Stage,Deal - Deal created,Deal - Won time,Deal - Lost time",
        [
            f"{i},Deal {i} of {i * 7},{('won', 'lost', 'open')[i % 3]},{('Qualified', 'Demo Scheduled')[i % 2]},"
            f"2024-01-01 10:00:00,{'2024-02-01 10:00:00' if i % 3 == 0 else ''},{'2024-02-03 10:00:00' if i % 3 == 1 else ''}"
            for i in range(1, 91)
        ],
    )
    done = write(
        tmp_path / "activities.csv",
        "Activity - ID,Activity - Type,Activity - Due date,Activity - Marked as done time,Activity - Deal ID",
        [f"{i},Call,2024-01-2{i % 9},2024-01-1{i % 9} 09:00:00,{1 + i % 90}" for i in range(1, 301)],
    )
    proposal = look(deals, done)
    [activity] = proposal.plan.activities
    assert activity.reference is not None
    assert activity.reference.column == "Activity - Deal ID"
    assert activity.moment.name == "Activity - Marked as done time"
    # What comes before the outcome that is dated, such as a demo, is no outcome without a date
    assert (proposal.durations.qualified, proposal.plan.statuses) == (30, [])


def test_milliseconds_under_a_name_of_no_language(look, tmp_path: Path) -> None:
    people = write(
        tmp_path / "leads.csv", "lead_id,created_at,sql_at", [f"L{i},{days(i)},{days(i + 3)}" for i in range(60)]
    )
    lines = [json.dumps({"lead": {"id": f"L{i % 60}"}, "tq": days(i), "event": "page_view"}) for i in range(120)]
    visits = tmp_path / "visits.json"
    visits.write_text("\n".join(lines), encoding="utf-8")
    [activity] = look(people, visits).plan.activities
    assert activity.moment.name == "tq"


def test_who_visitors_are_is_no_touchpoint_and_a_change_of_stage_may_be_dated_by_changed_at(
    look, read, tmp_path: Path
) -> None:
    people = write(tmp_path / "leads.csv", "lead_id,created_at", [f"{i},{days(i)}" for i in range(1, 61)])
    visits = write(
        tmp_path / "visits.csv",
        "anonymous_id,timestamp,event",
        [f"anon{1 + i % 60},{days(1 + i % 60) - 5_000_000},page" for i in range(180)],
    )
    who = write(
        tmp_path / "who.csv", "anonymous_id,lead_id,identified_at", [f"anon{i},{i},{days(i)}" for i in range(1, 61)]
    )
    stages = write(
        tmp_path / "stages.csv",
        "lead_id,stage,changed_at",
        [
            f"{i},{stage},{days(i + day)}"
            for i in range(1, 61)
            for stage, day in (("MQL", 1), (("SQL", "Rejected")[i % 2], 9))
        ],
    )
    proposal = look(people, visits, who, stages)
    plan = proposal.plan
    assert ([i.table.name for i in plan.activities], [i.table.name for i in plan.identifications]) == (
        ["visits.csv"],
        ["who.csv"],
    )
    assert not any("unknown people" in line for line in proposal.plan.unsure)
    _, tables = read(proposal)
    assert len(tables["touchpoints"]) == 180
    assert set(tables["touchpoints"]["kind"]) == {"page_view"}
    assert len(tables["identities"]) == 60
    assert tables["stage_changes"]["stage"].value_counts()["sales_qualified"] == 30


def test_what_is_overwritten_is_no_stage_and_no_attribute_of_the_beginning(look, tmp_path: Path) -> None:
    """The last contact is no entry into a stage; who works on a lead is no attribute; an opt-out is of today."""
    head = "Contact id,Created at,MQL at,Last contacted time,Sales owner,Lead Owner Email Address,Unsubscribed"
    sales = ("ann", "bob")
    rows = [
        f"{i},{days(i)},{days(i + 1)},{days(i + 9)},{sales[i % 2]},{sales[i % 2]}@gmail.com,{i % 3 == 0}".lower()
        for i in range(60)
    ]
    plan = look(write(tmp_path / "contacts.csv", head, rows)).plan
    assert {item.stage for item in plan.stage_columns} == {"mql"}
    assert [(item.name, item.known_at) for item in plan.attributes] == [("unsubscribed", "export")]


def test_kinds_may_be_numbers(look, read, tmp_path: Path) -> None:
    """Marketo numbers its kinds of activities."""
    people = write(tmp_path / "leads.csv", "id,created,mql", [f"{i},2024-01-01,2024-01-02" for i in range(1, 41)])
    rows = [f"g{i},{1 + i % 40},2024-01-01 12:00,{(1, 2, 10)[i % 3]}" for i in range(120)]
    log = write(tmp_path / "activities.csv", "marketoGUID,leadId,activityDate,activityTypeId", rows)
    _, tables = read(look(people, log))
    assert set(tables["touchpoints"]["kind"]) == {"1", "2", "10"}


def test_orders_are_known_for_what_they_are_and_it_is_said_who_reads_them(look, tmp_path: Path) -> None:
    people, orders = tmp_path / "contacts.csv", tmp_path / "orders.csv"
    rows = [f"P{i},C{i % 20:02},2024-01-{1 + i % 28:02d},2024-02-01,{'2024-02-09' if i % 3 else ''}" for i in range(60)]
    people.write_text("\n".join(["Record ID,Company ID,Create Date,MQL Date,SQL Date", *rows, ""]), encoding="utf-8")
    bought = [f"C{i % 20:02},2024-0{1 + i % 9}-15 10:0{i % 10}:00,{100 + i}.50,A" for i in range(90)]
    orders.write_text("\n".join(["Company ID,Order Date,Amount,Product", *bought, ""]), encoding="utf-8")
    assert [(table.name, why.partition(",")[0]) for table, why in look(people, orders).plan.unused] == [
        ("orders.csv", "orders of accounts")
    ]
