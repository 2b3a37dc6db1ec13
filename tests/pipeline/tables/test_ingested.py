"""Every way in which someone's files can be wrong: the row's reason, or the file's message."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from pipeline.tables.ingested import Counts, ingest

SQL = """
CREATE VIEW export AS SELECT '2026-03-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW leads AS
SELECT lead_id, account_id, created_at, role, rating, source_file, source_line
FROM read_lines(getvariable('raw_dir') || '/leads.csv');
CREATE VIEW touchpoints AS SELECT * FROM read_lines(getvariable('raw_dir') || '/touchpoints.csv');
CREATE VIEW stage_changes AS SELECT * FROM read_lines(getvariable('raw_dir') || '/stages.csv');
CREATE VIEW attributes AS
SELECT * FROM (VALUES ('lead', 'role', 'category', 'creation'), ('lead', 'rating', 'number', 'after'))
AS declared (entity, attribute, type, known_at);
"""
LEADS = (
    "lead_id,account_id,created_at,role,rating\nL1,A1,2026-01-01T00:00:00Z,buyer,1\nL2,,2026-01-02T00:00:00+01:00,,\n"
)
TOUCHPOINTS = "touchpoint_id,lead_id,occurred_at,recorded_at,kind,value\nT1,L1,2026-01-03T10:00:00Z,,page_view,1.5\n"
STAGES = "lead_id,stage,occurred_at\nL1,mql,2026-01-05T00:00:00Z\nL1,sales_qualified,2026-01-09T00:00:00Z\n"


@pytest.fixture
def company(tmp_path: Path) -> Callable[..., dict[str, Counts]]:
    """Return a function that writes a company's files and ingests them."""

    def run(
        leads: str | bytes = LEADS,
        touchpoints: str | bytes = TOUCHPOINTS,
        stages: str | bytes = STAGES,
        sql: str = SQL,
        max_bad_share: float = 0.9,
    ) -> dict[str, Counts]:
        raw = tmp_path / "raw"
        raw.mkdir(exist_ok=True)
        for name, content in (("leads", leads), ("touchpoints", touchpoints), ("stages", stages)):
            (raw / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "company.sql").write_text(sql)
        return ingest(tmp_path / "company.sql", raw, tmp_path / "canonical", tmp_path / "quarantine", max_bad_share)

    return run


def test_who_waits_is_told_how_many_tables_are_done(company, tmp_path: Path) -> None:
    company()
    told: list[tuple[int, int]] = []
    ingest(
        tmp_path / "company.sql",
        tmp_path / "raw",
        tmp_path / "canonical",
        tmp_path / "quarantine",
        0.9,
        lambda done, total: told.append((done, total)),
    )
    assert told == [(done, 5) for done in range(6)]


def test_good_files_are_typed_and_nothing_is_quarantined(company, tmp_path: Path) -> None:
    counts = company()
    assert all(count.quarantined == {} for count in counts.values())
    leads = pq.read_table(tmp_path / "canonical" / "leads.parquet").to_pylist()
    assert [(row["lead_id"], row["account_id"], row["role"], row["rating"]) for row in leads] == [
        ("L1", "A1", "buyer", 1.0),
        ("L2", None, None, None),
    ]
    assert leads[1]["created_at"].isoformat() == "2026-01-01T23:00:00+00:00"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("T1,L1,2026-01-04T10:00:00Z,,page_view,1", "duplicate touchpoint_id"),
        ("T2,L9,2026-01-04T10:00:00Z,,page_view,1", "unknown lead"),
        ("T2,L1,yesterday,,page_view,1", "unparsable occurred_at"),
        ("T2,L1,2026-02-31T10:00:00Z,,page_view,1", "unparsable occurred_at"),
        ("T2,L1,2026-01-04T10:00:00,,page_view,1", "no time zone in occurred_at"),
        ("T2,L1,,,page_view,1", "missing occurred_at"),
        ("T2,L1,2026-01-04T10:00:00Z,,,1", "missing kind"),
        ("T2,L1,2026-03-01T00:00:01Z,,page_view,1", "occurred_at after the export"),
        ("T2,L1,2026-01-04T10:00:00Z,2026-03-02T00:00:00Z,page_view,1", "recorded_at after the export"),
        ("T2,L1,2026-01-04T10:00:00Z,2025-01-04T10:00:00Z,page_view,1", "recorded before it occurred"),
        ("T2,L1,2026-01-04T10:00:00Z,,page_view,much", "bad number in value"),
        ("T2,L1,2026-01-04T10:00:00Z,,page_view,inf", "bad number in value"),
    ],
)
def test_a_bad_touchpoint_goes_to_quarantine_with_reason_and_line(company, tmp_path: Path, row, reason) -> None:
    counts = company(touchpoints=f'{TOUCHPOINTS}T9,L2,2026-01-03T10:00:00Z,,"page\nview",2\n{row}\n')
    assert counts["touchpoints"] == Counts(3, 2, {reason: 1})
    quarantined = pq.read_table(tmp_path / "quarantine" / "touchpoints.parquet").to_pylist()
    assert [(q["reason"], q["source_line"]) for q in quarantined] == [(reason, 5)]
    assert quarantined[0]["source_file"].endswith("touchpoints.csv")
    assert json.loads(quarantined[0]["row"])["touchpoint_id"] == row.split(",")[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("L1,disqualified,2026-01-04T00:00:00Z", "outcome before its MQL"),
        ("L1,hot,2026-01-09T00:00:00Z", "unknown stage"),
        ("L1,mql,2026-01-05T00:00:00Z", "duplicate row"),
    ],
)
def test_a_bad_stage_change_goes_to_quarantine(company, row, reason) -> None:
    assert company(stages=f"{STAGES}{row}\n")["stage_changes"] == Counts(3, 2, {reason: 1})


def test_canonical_files_do_not_depend_on_the_order_of_a_sources_rows(company, tmp_path: Path) -> None:
    """Of rows at one moment, too: a view with GROUP BY gives them in another order on a busier machine."""
    touchpoints = TOUCHPOINTS + "".join(
        f"T{i},L1,2026-01-03T10:00:00Z,,{kind},{i}\n"
        for i, kind in enumerate(("webinar", "page_view", "email_open"), 2)
    )
    stages = "lead_id,stage,occurred_at,owner,team\n" + "".join(
        f"L1,{stage},2026-01-05T00:00:00Z,{owner},\n" for stage, owner in (("mql", "B"), ("mql", "A"), ("sal", "A"))
    )
    orders = "".join(
        f"SELECT 'A1' AS account_id, '2026-01-02T00:00:00Z' AS ordered_at, {amount} AS amount, '{product}' AS product{end}"
        for amount, product, end in (
            (5, "b", " UNION ALL "),
            (5, "a", " UNION ALL "),
            (3, "c", ""),
        )
    )
    written = []
    for rows_reversed in (False, True):
        order = "ORDER BY position DESC" if rows_reversed else ""
        sql = SQL.replace(
            "SELECT * FROM read_lines",
            "SELECT * EXCLUDE position FROM (SELECT *, row_number() OVER () AS position FROM read_lines",
        )
        sql = sql.replace("/touchpoints.csv')", f"/touchpoints.csv')) {order}").replace(
            "/stages.csv')", f"/stages.csv')) {order}"
        )
        sql += (
            "CREATE VIEW accounts AS SELECT 'A1' AS account_id;\n"
            "CREATE VIEW orders AS SELECT * EXCLUDE position "
            f"FROM (SELECT *, row_number() OVER () AS position FROM ({orders})) {order};"
        )
        company(touchpoints=touchpoints, stages=stages, sql=sql)
        written.append({path.name: path.read_bytes() for path in (tmp_path / "canonical").iterdir()})
    assert written[0] == written[1]


def test_equal_touchpoints_without_an_id_are_all_kept_and_named(company, tmp_path: Path) -> None:
    rows = "lead_id,occurred_at,kind\n" + "L1,2026-01-03T10:00:00Z,page_view\n" * 2
    assert company(touchpoints=rows)["touchpoints"] == Counts(2, 2, {})
    ids = pq.read_table(tmp_path / "canonical" / "touchpoints.parquet")["touchpoint_id"].to_pylist()
    assert len(set(ids)) == 2


def test_a_touchpoint_without_a_lead_is_kept_as_anonymous(company) -> None:
    assert company(touchpoints=TOUCHPOINTS + "T2,,2026-01-03T10:00:00Z,,page_view,\n")["touchpoints"].kept == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"leads": ""}, r"leads\.csv: .*empty"),
        ({"leads": LEADS.splitlines()[0] + "\n"}, r"view 'leads' has no rows\. If its file holds only a header"),
        ({"leads": LEADS.replace("created_at", "made_at")}, r"created_at"),
        ({"leads": LEADS.replace("buyer", "Käufer").encode("latin-1")}, r"leads\.csv.*line 2.*UTF-8"),
        ({"touchpoints": "lead_id,kind\nL1,page_view\n"}, r"view 'touchpoints' lacks column\(s\) occurred_at; it has"),
        ({"touchpoints": TOUCHPOINTS.replace("value", "mood")}, r"view 'touchpoints' has undeclared column\(s\) mood"),
        (
            {"sql": SQL.replace("('lead', 'role', 'category', 'creation'),", "")},
            r"undeclared column\(s\) role\. Declare each",
        ),
        ({"sql": SQL.replace("'creation'", "'sometime'")}, r"view 'attributes' has bad rows \(1 unknown known_at\)"),
        ({"sql": SQL.replace("'rating', 'number'", "'role', 'number'")}, r"bad rows \(1 duplicate attribute\)"),
        ({"sql": SQL.replace("2026-03-01T00:00:00Z", "today")}, r"view 'export' must have one good row"),
        ({"sql": SQL.replace("CREATE VIEW export", "CREATE VIEW exports")}, r"defines no view 'export'; it defines"),
        ({"sql": SQL + "CREATE VIEW oops AS SELECT nothing FROM nowhere;"}, r"company\.sql: .*\n?.*nowhere"),
        ({"touchpoints": TOUCHPOINTS + "T2,L1,2026-01-03T10:00:00Z,,page_view,1,2,3\n"}, r"touchpoints\.csv.*3"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(company, files, message) -> None:
    with pytest.raises(DataError, match=rf"(?s){message}"):
        company(**files)


def test_too_many_bad_rows_fail_with_their_reasons(company) -> None:
    with pytest.raises(DataError, match=r"'stage_changes': 1 of 3 rows \(33\.3%\) are bad \(1 unknown lead\)"):
        company(stages=STAGES + "L9,mql,2026-01-05T00:00:00Z\n", max_bad_share=0.3)


def test_an_unknown_source_and_a_missing_folder_name_the_way_out(tmp_path: Path, root: Path) -> None:
    sources = root / "pipeline" / "sources"
    with pytest.raises(DataError, match=r"there is no .*nowhere\.sql\. Allowed: .*simulated"):
        ingest(sources / "nowhere.sql", tmp_path, tmp_path, tmp_path, 0.1)
    with pytest.raises(DataError, match=r"ingest\.raw_dir: .*absent is not a folder"):
        ingest(sources / "simulated.sql", tmp_path / "absent", tmp_path, tmp_path, 0.1)
