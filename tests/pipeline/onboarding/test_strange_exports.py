"""Files and rows in the ways of programs that no list knows: each of their habits, as the smallest file that has it."""

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from tests.pipeline.onboarding.companies import write_csv, write_xlsx
from tests.pipeline.onboarding.small import LOST, WON, N, at, leads_csv, stages


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


def test_many_bad_rows_are_said(look, tmp_path: Path) -> None:
    """The preset lets known bad rows pass; so many are no stray mistakes."""
    rows: list[list[object]] = [["lead_id", "when", "activity"]]
    rows += [[f"L{n}", f"{at(n, 1):%FT%TZ}", "webinar" if n % 3 else ""] for n in range(N)]
    proposal = look(leads_csv(tmp_path), write_csv(tmp_path / "touches.csv", rows))
    assert "touchpoints: 20 of 60 rows will be set aside: 20 missing kind" in proposal.plan.unsure


@pytest.mark.parametrize("name", ["status", "State", "disposition"])
def test_a_status_of_mails_is_their_kind(name: str, look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["lead_id", "occurred_at", name]]
    rows += [
        [f"L{n}", f"{at(n, day):%FT%TZ}", kind]
        for n in range(N)
        for day, kind in enumerate(("sent", "opened", "clicked"))
    ]
    _, tables = read(look(leads_csv(tmp_path), write_csv(tmp_path / "mails.csv", rows)))
    kinds = tables["touchpoints"]["kind"].value_counts().to_dict()
    assert kinds == {"mail_sent": N, "mail_open": N, "mail_click": N}


@pytest.mark.parametrize(
    "stray",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row spans='1:1' r='1048576'><c s='1' r='XFD1048576'><v>1</v></c></row>",
        b'<x:row r="1048576"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
    ],
)
def test_a_cell_in_the_far_corner_of_a_sheet_ends_no_process(stray: bytes, look, tmp_path: Path) -> None:
    """Readers of workbooks make a table of all cells up to the last: of this one 17 billion."""
    book = write_xlsx(
        tmp_path / "leads.xlsx", {"A": [["lead_id", "created"], ["L1", "2024-01-01"], ["L2", "2024-01-02"]]}
    )
    parts = {}
    with zipfile.ZipFile(book) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(
        b"</sheetData>", stray + b"</sheetData>"
    )
    with zipfile.ZipFile(book, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(
        DataError, match=r"leads\.xlsx: xl/worksheets/sheet1\.xml reaches to XFD1048576: .*Export the sheet as CSV"
    ):
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
