"""Exports in the ways of programs that no list knows: each of their habits, as the smallest file that has it."""

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from tests.pipeline.onboarding.companies import write_csv, write_xlsx

N = 60
START = dt.datetime(2024, 1, 5, 9, 20, tzinfo=dt.UTC)
WON, LOST = range(0, N, 3), range(1, N, 3)


def at(n: int, days: int = 0) -> dt.datetime:
    return START + dt.timedelta(days=n + days, minutes=7 * n)


def leads_csv(folder: Path, *, name: str = "lead_id", extra: dict[str, Any] | None = None) -> Path:
    """Write 60 leads with their dates in ISO 8601: a third won, a third lost; `extra` are columns made of the number."""
    extra = extra or {}
    rows: list[list[object]] = [[name, "created_at", "mql_at", "sql_at", "rejected_at", *extra]]
    for n in range(N):
        won, lost = (f"{at(n, 9):%FT%TZ}" if n in some else "" for some in (WON, LOST))
        rows.append(
            [f"L{n}", f"{at(n):%FT%TZ}", f"{at(n, 2):%FT%TZ}", won, lost, *(make(n) for make in extra.values())]
        )
    return write_csv(folder / "leads.csv", rows)


def stages(tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    return tables["stage_changes"].groupby("stage")["lead_id"].nunique().to_dict()


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S +0000",
        "%Y-%m-%d %H:%M:%S +00:00",
        "%Y-%m-%dt%H:%M:%S,000 z",
        "%Y-%m-%d %H:%M:%S UTC",
        "%d.%m.%Y %H:%M:%S +00:00",
        "%d.%m.%Y %I:%M:%S %p GMT",
        "%Y/%m/%d %H:%M:%SZ",
    ],
)
def test_offsets_in_every_spelling_are_read(form: str, look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["lead_id", "created", "sql_at"]]
    rows += [[f"L{n}", at(n).strftime(form), at(n, 9).strftime(form) if n in WON else ""] for n in range(N)]
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows), zone="Asia/Tokyo"))
    assert not {name: c.quarantined for name, c in counts.items() if c.quarantined}
    assert tables["leads"].set_index("lead_id").loc["L3", "created_at"] == at(3)
    won = tables["stage_changes"].query("stage == 'sales_qualified'").set_index("lead_id")
    assert won.loc["L3", "occurred_at"] == at(3, 9)


def test_moments_counted_and_written_may_be_mixed_in_one_column(look, read, tmp_path: Path) -> None:
    def mixed(moment: dt.datetime, n: int) -> str:
        seconds = int(moment.timestamp())
        return (str(seconds), str(seconds * 1000), f"{moment:%FT%TZ}")[n % 3]

    rows: list[list[object]] = [["lead_id", "created", "sql_at"]]
    rows += [
        [f"L{n}", mixed(at(n), n), "0" if n == 3 else mixed(at(n, 9), n // 3) if n in WON else ""] for n in range(N)
    ]
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    leads = tables["leads"].set_index("lead_id")
    assert [leads.loc[f"L{n}", "created_at"] for n in range(N)] == [at(n) for n in range(N)]
    bad = counts["stage_changes"].quarantined  # a 0 is no moment of 1970
    assert bad == {"unparsable occurred_at": 1, "MQL whose outcome cannot be placed": 1}


def test_dates_without_separators_and_dates_that_are_none(look, read, tmp_path: Path) -> None:
    """As SAP and MySQL write them."""
    rows: list[list[object]] = [["lead_id", "created", "sql_date", "lost_date", "Zip"]]
    for n in range(N):
        won = f"{at(n, 9):%Y%m%d}" if n in WON else "00000000"
        lost = f"{at(n, 9):%F %T}" if n in LOST else "0000-00-00 00:00:00"
        rows.append([f"L{n}", f"{at(n):%Y%m%d%H%M%S}", won, lost, 20010000 + 17 * n])
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    assert not {name: c.quarantined for name, c in counts.items() if c.quarantined}
    assert tables["leads"].set_index("lead_id").loc["L3", "created_at"] == at(3)
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}


def test_what_a_word_denies_is_no_stage_and_what_is_the_outcome_no_attribute(look, read, tmp_path: Path) -> None:
    people: list[list[object]] = [["Kontakt-Nr.", "Angelegt am", "Lead-Status", "Aktiv", "Branche"]]
    changes: list[list[object]] = [["Kontakt-Nr.", "Alter Status", "Neuer Status", "Zeitpunkt"]]
    for n in range(N):
        status = "Qualifiziert" if n in WON else "Abgelehnt" if n in LOST else "Nicht kontaktiert"
        people.append([f"K{n}", f"{at(n):%d.%m.%Y %H:%M}", status, "nein" if n in LOST else "ja", "ABC"[n % 4 % 3]])
        changes.append([f"K{n}", "", "Nicht kontaktiert", f"{at(n):%d.%m.%Y %H:%M}"])
        changes.append([f"K{n}", "Nicht kontaktiert", "Kontaktiert", f"{at(n, 2):%d.%m.%Y %H:%M}"])
        if n in WON or n in LOST:
            changes.append([f"K{n}", "Kontaktiert", status, f"{at(n, 9):%d.%m.%Y %H:%M}"])
    files = write_csv(tmp_path / "leads.csv", people), write_csv(tmp_path / "historie.csv", changes)
    proposal = look(*files)
    _, tables = read(proposal)
    changed = tables["stage_changes"]
    assert stages(tables)["sales_qualified"] == len(WON)
    accepted = changed[changed["stage"] == "sal"].set_index("lead_id")["occurred_at"]
    assert accepted["K3"] == pd.Timestamp(f"{at(3, 2):%F %H:%M}", tz="Europe/Berlin")
    known = tables["attributes"].set_index("attribute")["known_at"]
    assert known["aktiv"] == "after"  # every lead that was lost is not active, and no other
    assert known["branche"] == "creation"


def test_the_rows_of_two_files_that_both_count_from_1_do_not_join(look, read, tmp_path: Path) -> None:
    """As a database writes its tables: `id` is each row's own, `stage_id` a number of few."""
    leads: list[list[object]] = [["id", "create_date", "partner_name", "stage_id/id", "date_closed", "won_status"]]
    tracked: list[list[object]] = [["id", "mail_message_id", "old_value_char", "new_value_char", "create_date"]]
    for n in range(N):
        done = f"{at(n, 9):%F %T}" if n in WON or n in LOST else ""
        status = "won" if n in WON else "lost" if n in LOST else "pending"
        leads.append([n + 1, f"{at(n):%F %T}", f"Org {n % 7}", 1 + n % 4, done, status])
        tracked.append([n + 1, 1000 + n, "New", "Lost" if n % 2 else "Won", f"{at(n, 5):%F %T}"])
    proposal = look(
        write_csv(tmp_path / "crm_lead.csv", leads), write_csv(tmp_path / "mail_tracking_value.csv", tracked)
    )
    _, tables = read(proposal)
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert [table.name for table, _ in proposal.plan.unused] == ["mail_tracking_value.csv"]


def test_of_what_is_closed_only_won_is_won_where_a_word_says_so(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", "created", "stage", "date_closed", "lost_reason"]]
    for n in range(N):
        stage = "Won" if n in WON else "Qualified"
        rows.append([n + 1, f"{at(n):%F %T}", stage, f"{at(n, 9):%F %T}" if n in WON or n in LOST else "",
                     "Budget" if n in LOST else ""])  # fmt: skip
    _, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}


def test_changes_of_a_stage_among_activities_are_told_apart(look, read, tmp_path: Path) -> None:
    done: list[dict[str, object]] = []
    for n in range(N):
        base = {"parent": {"id": f"L{n}"}, "old_value": None, "new_value": None}
        done += [
            {**base, "type": {"name": kind}, "activity_date": int(at(n, day).timestamp())}
            for day, kind in enumerate(("Phone Call", "Note", "Note"))
        ]
        if n in WON:
            change = {"type": {"name": "Status Change"}, "activity_date": int(at(n, 9).timestamp())}
            done.append({**base, **change, "old_value": {"name": "Open"}, "new_value": {"name": "Qualified"}})
        elif n in LOST:
            change = {"type": {"name": "Status Change"}, "activity_date": int(at(n, 9).timestamp())}
            done.append({**base, **change, "old_value": {"name": "Open"}, "new_value": {"name": "Unqualified"}})
    (tmp_path / "activities.json").write_text(json.dumps(done), encoding="utf-8")
    people = [{"id": f"L{n}", "date_created": int(at(n).timestamp())} for n in range(N)]
    (tmp_path / "leads.json").write_text(json.dumps(people), encoding="utf-8")
    counts, tables = read(look(tmp_path / "leads.json", tmp_path / "activities.json"))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert counts["touchpoints"].kept == 3 * N
    assert set(tables["touchpoints"]["kind"]) == {"call", "Note"}


def test_a_log_of_fields_holds_no_touchpoints(look, read, tmp_path: Path) -> None:
    """As Salesforce keeps it: a row without a new value is the creation, or the conversion, and nothing that a lead did."""
    rows: list[list[object]] = [["Id", "LeadId", "CreatedDate", "Field", "OldValue", "NewValue"]]
    for n in range(N):
        rows.append([f"H{n}a", f"L{n}", f"{at(n):%FT%T}.000+0000", "created", "", ""])
        if n in WON:
            done = f"{at(n, 9):%FT%T}.000+0000"
            rows.append([f"H{n}b", f"L{n}", done, "Status", "Open - Not Contacted", "Closed - Converted"])
            rows.append([f"H{n}c", f"L{n}", done, "leadConverted", "", ""])
        elif n in LOST:
            rows.append(
                [f"H{n}b", f"L{n}", f"{at(n, 9):%FT%T}.000+0000", "Status", "Working", "Closed - Not Converted"]
            )
    people: list[list[object]] = [["Id", "CreatedDate"], *([f"L{n}", f"{at(n):%FT%T}.000+0000"] for n in range(N))]
    files = write_csv(tmp_path / "Lead.csv", people), write_csv(tmp_path / "LeadHistory.csv", rows)
    counts, tables = read(look(*files))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert "touchpoints" not in counts


def test_the_stage_of_today_is_dated_by_since_when_it_is(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["Int.-Nr", "Erfasst am", "Stufe", "Stufe seit"]]
    for n in range(N):
        stage = "3 - SQL" if n in WON else "9 - Absage" if n in LOST else "2 - MQL"
        rows.append([f"I{n}", f"{at(n):%d.%m.%y %H:%M}", stage, f"{at(n, 9):%d.%m.%y %H:%M}"])
    _, tables = read(look(write_csv(tmp_path / "leads.csv", rows, "|", "cp1252"), zone="UTC"))
    won = tables["stage_changes"].query("stage == 'sales_qualified'").set_index("lead_id")["occurred_at"]
    assert won["I3"] == at(3, 9)
    assert len(won) == len(WON)


def test_objects_and_lists_in_parquet_are_columns_and_tables(look, read, tmp_path: Path) -> None:
    rows = [
        {
            "lead": {"id": f"P{n}", "company": f"Org {n % 7}", "role": "ABC"[n % 3]},
            "created": at(n),
            "history": [{"stage": "SQL", "at": at(n, 9)}] if n in WON else [{"stage": "Rejected", "at": at(n, 8)}],
            "touches": [{"at": at(n, 1), "kind": "webinar"}],
        }
        for n in range(N)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "leads.parquet")
    counts, tables = read(look(tmp_path / "leads.parquet"))
    assert set(tables["leads"]["lead_id"]) == {f"P{n}" for n in range(N)}
    assert set(tables["leads"]["account_id"]) == {f"Org {n}" for n in range(7)}
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": N - len(WON)}
    assert counts["touchpoints"].kept == N


def test_events_without_a_name_are_of_their_type_and_clicks_of_a_site_are_none_in_mails(
    look, read, tmp_path: Path
) -> None:
    lines = []
    for n in range(N):
        event = {"anonymousId": f"a{n}", "userId": f"L{n}", "timestamp": f"{at(n, 1):%FT%T}.120Z"}
        lines += [
            {**event, "type": "track", "event": "Click"},
            {**event, "type": "track", "event": "Email Opened"},
            {**event, "type": "page", "name": "Pricing"},
            {**event, "type": "identify", "traits": {"plan": "free"}},
        ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    proposal = look(leads_csv(tmp_path, name="user_id"), tmp_path / "events.jsonl")
    counts, tables = read(proposal)
    assert counts["touchpoints"].kept == 4 * N
    touches = tables["touchpoints"].groupby("kind")["by"].unique().map(list).to_dict()
    assert touches == {"Click": ["lead"], "mail_open": ["lead"], "page_view": ["lead"], "identify": ["system"]}
    assert "page_view" in {selector.kind for selector in proposal.selectors}


def test_files_named_after_a_kind_are_of_it(look, read, tmp_path: Path) -> None:
    """Calls and meetings in one form: nothing but their files' names tells them apart."""
    files = []
    for name in ("calls.0.csv", "meetings.0.csv"):
        rows = [
            ["id", "parent_id", "start date", "status"],
            *([f"{name}{n}", f"L{n}", f"{at(n, 1):%F %T}", "Held"] for n in range(N)),
        ]
        files.append(write_csv(tmp_path / name, rows))
    _, tables = read(look(leads_csv(tmp_path), *files))
    touches = tables["touchpoints"]
    assert touches["kind"].value_counts().to_dict() == {"call": N, "meeting": N}
    assert set(touches["by"]) == {"sales"}


def test_codes_of_a_status_are_asked_for(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["leadid", "parentaccountid", "createdon", "modifiedon", "statecode"]]
    rows += [
        [f"L{n}", f"A{n % 7}", f"{at(n):%FT%TZ}", f"{at(n, 9):%FT%TZ}", 1 if n in WON else 2 if n in LOST else 0]
        for n in range(N)
    ]
    file = write_csv(tmp_path / "lead.csv", rows)
    with pytest.raises(DataError, match="statecode:1"):
        look(file)
    with pytest.raises(DataError, match="statecode:7: no such column of moments; there are .*statecode:1"):
        look(file, sales_qualified="statecode:7")
    _, tables = read(look(file, sales_qualified="statecode:1", disqualified="statecode:2"))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert set(tables["leads"]["account_id"]) == {f"A{n}" for n in range(7)}


def test_one_company_in_all_rows_is_no_account_and_counts_grow(look, read, tmp_path: Path) -> None:
    extra = {
        "company_id": lambda n: 7,
        "org_id.value": lambda n: 900 + n % 7,
        "org_id.name": lambda n: f"Org {n % 7}",
        "owner_id.email": lambda n: "rep@us.example",
        "Pages viewed": lambda n: n % 9,
        "Webinars": lambda n: n % 2 + 3,
        "Employees": lambda n: 10 * n,
    }
    proposal = look(leads_csv(tmp_path, extra=extra))
    _, tables = read(proposal)
    assert set(tables["leads"]["account_id"]) == {str(900 + n) for n in range(7)}
    known = tables["attributes"].set_index("attribute")["known_at"].to_dict()
    assert {name: known[name] for name in ("pages_viewed", "webinars", "employees")} == {
        "pages_viewed": "export", "webinars": "export", "employees": "creation",
    }  # fmt: skip
    assert not {"free_mail", "owner_id_email"} & set(known)  # whose mail it is says nothing of the lead


def test_french_and_spanish_words_for_stages_and_kinds(look, read, tmp_path: Path) -> None:
    people: list[list[object]] = [["N° contact", "Société", "Date de création", "Date de qualification marketing",
                                   "Date de qualification commerciale", "Date de rejet"]]  # fmt: skip
    touches: list[list[object]] = [["N° contact", "Date", "Type d'action"]]
    form = "%d/%m/%Y %H:%M"
    for n in range(N):
        won, lost = (at(n, 9).strftime(form) if n in some else "" for some in (WON, LOST))
        people.append([f"C{n}", f"Org {n % 7}", at(n).strftime(form), at(n, 2).strftime(form), won, lost])
        touches += [[f"C{n}", at(n, 1).strftime(form), kind] for kind in ("Ouverture e-mail", "Formulaire", "Appel")]
    _, tables = read(
        look(write_csv(tmp_path / "contacts.csv", people, ";", "utf-16"), write_csv(tmp_path / "actions.csv", touches))
    )
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    by = tables["touchpoints"].groupby("kind")["by"].first().to_dict()
    assert by == {"mail_open": "lead", "contact_form": "lead", "call": "sales"}


def test_what_cannot_be_placed_is_said_with_what_to_do(look, tmp_path: Path) -> None:
    """Two columns of one name: the status says who won, one of the dates may say when."""
    rows: list[list[object]] = [["Lead ID", "Date", "Date", "Status"]]
    rows += [
        [f"D{n}", f"{at(n):%F %H:%M}", f"{at(n, 9):%F %H:%M}" if n in WON else "", "SQL" if n in WON else "New"]
        for n in range(N)
    ]
    proposal = look(write_csv(tmp_path / "leads.csv", rows))
    assert any("Date_1 may: --set sales_qualified=COLUMN" in line for line in proposal.plan.unsure)
    proposal = look(write_csv(tmp_path / "leads.csv", rows), sales_qualified="Date_1")
    assert proposal.durations.qualified == len(WON)


def test_many_bad_rows_are_said(look, tmp_path: Path) -> None:
    """The preset lets known bad rows pass; so many are no stray mistakes."""
    rows: list[list[object]] = [["lead_id", "when", "activity"]]
    rows += [[f"L{n}", f"{at(n, 1):%FT%TZ}", "webinar" if n % 3 else ""] for n in range(N)]
    proposal = look(leads_csv(tmp_path), write_csv(tmp_path / "touches.csv", rows))
    assert "touchpoints: 20 of 60 rows will be set aside: 20 missing kind" in proposal.plan.unsure


def test_a_cell_in_the_far_corner_of_a_sheet_ends_no_process(look, tmp_path: Path) -> None:
    """Readers of workbooks make a table of all cells up to the last: of this one 17 billion."""
    book = write_xlsx(
        tmp_path / "leads.xlsx", {"A": [["lead_id", "created"], ["L1", "2024-01-01"], ["L2", "2024-01-02"]]}
    )
    parts = {}
    with zipfile.ZipFile(book) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    stray = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", stray)
    with zipfile.ZipFile(book, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(DataError, match=r"leads\.xlsx: xl/worksheets/sheet1\.xml reaches to XFD1048576"):
        look(book)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("deep.json", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        ("bad.parquet", b"PAR1" + b"\x07" * 100 + b"PAR1", "bad.parquet"),
    ],
)
def test_files_that_only_begin_as_what_they_seem(name: str, content: bytes, words: str, look, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        look(tmp_path / name)
