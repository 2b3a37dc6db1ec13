"""What condemns a row of the smaller tables, row by row, and what the order of the rows and the export's clock decide."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from pipeline.tables.ingested import Counts, ingest
from pipeline.tables.parquet import check_file

# Per table: its columns, and one good row.
GOOD = {
    "export": ("exported_at, clock", "('2026-03-01T00:00:00Z', 'real')"),
    "attributes": (
        "entity, attribute, type, known_at",
        "('lead', 'vip', 'boolean', 'creation'), ('account', 'size', 'number', 'mql')",
    ),
    "accounts": ("account_id, size", "('A1', '10')"),
    "leads": ("lead_id, account_id, created_at, vip", "('L1', 'A1', '2026-01-01T00:00:00Z', 'yes')"),
    "touchpoints": ("lead_id, occurred_at, kind", "('L1', '2026-01-02T00:00:00Z', 'page_view')"),
    "stage_changes": (
        "lead_id, stage, occurred_at",
        "('L1', 'mql', '2026-01-03T00:00:00Z'), ('L1', 'sales_qualified', '2026-01-08T00:00:00Z')",
    ),
    "handovers": (
        "lead_id, queued_at, handed_over_at, first_contact_at",
        "('L1', '2026-01-03T00:00:00Z', '2026-01-04T00:00:00Z', NULL)",
    ),
    "attribute_changes": (
        "lead_id, account_id, attribute, value, occurred_at",
        "('L1', NULL, 'vip', 'no', '2026-01-03T00:00:00Z')",
    ),
    "orders": ("account_id, ordered_at, amount", "('A1', '2026-01-03T00:00:00Z', '9.5')"),
}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Counts]]:
    """Return a function that ingests the good rows, with further ones after them, or with other tables in their place."""

    def go(instead: dict[str, tuple[str, str]] | None = None, **more: str) -> dict[str, Counts]:
        tables = {**GOOD, **(instead or {})}
        values = {name: f"{rows}, {more[name]}" if name in more else rows for name, (_, rows) in tables.items()}
        sql = [f"CREATE VIEW {name} AS SELECT * FROM (VALUES {values[name]}) t ({tables[name][0]});" for name in tables]
        (tmp_path / "s.sql").write_text("\n".join(sql))
        return ingest(tmp_path / "s.sql", tmp_path, tmp_path / "canonical", tmp_path / "quarantine", 0.9)

    return go


def test_the_good_rows_are_good(run) -> None:
    assert [(count.rows, count.kept) for count in run().values()] == [
        (1, 1),
        (2, 2),
        *[(1, 1)] * 2,
        (2, 2),
        *[(1, 1)] * 4,
    ]


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("accounts", "('A1', '11')", "duplicate account_id"),
        ("leads", "('L1', 'A1', '2026-01-01T00:00:00Z', 'yes')", "duplicate lead_id"),
        ("leads", "('1.23E+12', 'A1', '2026-01-01T00:00:00Z', 'yes')", "lead_id rounded by a spreadsheet"),
        ("orders", "('1,2E+15', '2026-01-03T00:00:00Z', '1')", "account_id rounded by a spreadsheet"),
        ("leads", "('N/A', 'A1', '2026-01-01T00:00:00Z', 'yes')", "missing lead_id"),
        ("leads", "('L2', 'A1', '2026-01-01', 'yes')", "no time zone in created_at"),
        ("leads", "('L2', 'A1', '2026-01-05 10.00+01:00', 'yes')", "unparsable created_at"),
        ("leads", "('', 'A1', '2026-01-01T00:00:00Z', 'yes')", "missing lead_id"),
        ("leads", "('L2', 'A1', '2026-03-02T00:00:00Z', 'yes')", "created_at after the export"),
        (
            "handovers",
            "('L1', '2026-01-05T00:00:00Z', '2026-01-04T00:00:00Z', NULL)",
            "handed over before it was queued",
        ),
        (
            "handovers",
            "('L1', '2026-01-03T00:00:00Z', '2026-01-04T00:00:00Z', '2026-01-03T12:00:00Z')",
            "first contact before the hand-over",
        ),
        (
            "handovers",
            "('L1', '2026-01-03T00:00:00Z', '2026-01-08T00:00:01Z', NULL)",
            "handed over after the outcome",
        ),
        (
            "handovers",
            "('L1', '2026-01-03T00:00:00Z', '2026-01-04T00:00:00Z', '2026-01-08T00:00:01Z')",
            "first contact after the outcome",
        ),
        (
            "handovers",
            "('L1', '2026-01-03T00:00:00Z', '2026-01-04T00:00:00Z', '2030-01-08T00:00:01Z')",
            "first_contact_at after the export",
        ),
        ("handovers", "('L9', '2026-01-03T00:00:00Z', '2026-01-04T00:00:00Z', NULL)", "unknown lead"),
        ("attribute_changes", "(NULL, NULL, 'vip', 'no', '2026-01-03T00:00:00Z')", "neither lead_id nor account_id"),
        ("attribute_changes", "('L1', NULL, 'mood', 'no', '2026-01-03T00:00:00Z')", "unknown attribute"),
        ("attribute_changes", "(NULL, 'A9', 'size', '3', '2026-01-03T00:00:00Z')", "unknown account"),
        ("orders", "('A9', '2026-01-03T00:00:00Z', '9.5')", "unknown account"),
        ("orders", "('A1', '2026-01-03T00:00:00Z', NULL)", "missing amount"),
        ("orders", "('A1', '2026-03-01T00:00:00.000001Z', '1')", "ordered_at after the export"),
    ],
)
def test_a_bad_row_goes_to_quarantine(run, tmp_path: Path, table: str, row: str, reason: str) -> None:
    counts = run(**{table: row})
    assert counts.pop(table).quarantined == {reason: 1}
    assert not any(count.quarantined for count in counts.values())
    quarantined = pq.read_table(tmp_path / "quarantine" / f"{table}.parquet").to_pylist()
    assert [(q["reason"], q["source_file"], q["source_line"]) for q in quarantined] == [(reason, None, 2)]
    assert ", ".join(json.loads(quarantined[0]["row"])) == GOOD[table][0]


def rows_of(tmp_path: Path, table: str, folder: str = "canonical") -> list[dict]:
    return pq.read_table(tmp_path / folder / f"{table}.parquet").to_pylist()


def test_a_bad_value_of_an_attribute_is_missing_counted_and_written_down_while_the_row_stays(
    run, tmp_path: Path
) -> None:
    counts = run(
        accounts="('A2', 'many'), ('A3', 'inf'), ('A4', ' 7 '), ('A5', '(not set)')",
        leads="('L2', '1.23E+12', '2026-01-01T00:00:00Z', 'maybe')",
    )
    assert counts["accounts"] == Counts(
        5, 5, {}, {"says that it is missing: size": 1, "spelled in one way: size": 1, "bad number in size": 2}
    )
    assert [row["size"] for row in rows_of(tmp_path, "accounts")] == [10.0, None, None, 7.0, None]
    assert counts["leads"].values == {"account_id rounded by a spreadsheet": 1, "bad boolean in vip": 1}
    assert [(row["account_id"], row["vip"]) for row in rows_of(tmp_path, "leads")] == [("A1", True), (None, None)]
    kept_out = [(row["reason"], row["source_line"]) for row in rows_of(tmp_path, "values_leads", "quarantine")]
    assert kept_out == [("account_id rounded by a spreadsheet", 2), ("bad boolean in vip", 2)]
    run()
    assert not (tmp_path / "quarantine" / "values_leads.parquet").exists()


def test_text_is_one_spelling_without_blanks_and_words_for_nothing_are_missing(run, tmp_path: Path) -> None:
    words = [
        "web",
        "web ",
        "\u00a0web",
        "NULL",
        "n/a",
        "(Not Set)",
        "#NV",
        "–",
        "Eink\u00e4ufer",
        "Einka\u0308ufer",
        "NA",
        "none",
    ]
    rows = ", ".join(f"('L1', '2026-01-02T00:0{n % 10}:00Z', 'k{n:02}', '{word}')" for n, word in enumerate(words))
    counts = run({"touchpoints": ("lead_id, occurred_at, kind, channel", rows)})
    assert counts["touchpoints"] == Counts(
        12, 12, {}, {"says that it is missing: channel": 5, "spelled in one way: channel": 3}
    )
    by_kind = {row["kind"]: row["channel"] for row in rows_of(tmp_path, "touchpoints")}
    assert [by_kind[f"k{n:02}"] for n in range(12)] == [
        *["web"] * 3,
        *[None] * 5,
        *["Eink\u00e4ufer"] * 2,
        "NA",
        "none",
    ]


def test_changes_are_cast_by_the_declared_type_of_their_attribute(run, tmp_path: Path) -> None:
    row = "('{}', {}, '{}', '{}', '2026-01-04T00:00:00Z')"
    changes = [
        ("L1", "NULL", "vip", "yes"),
        ("L1", "NULL", "vip", "perhaps"),
        ("", "'A1'", "size", "250"),
        ("", "'A1'", "size", "1e3x"),
    ]
    counts = run(
        {"attribute_changes": (GOOD["attribute_changes"][0], ", ".join(row.format(*change) for change in changes))}
    )
    assert counts["attribute_changes"] == Counts(4, 4, {}, {"bad number in value": 1, "bad boolean in value": 1})
    values = sorted((row["attribute"], str(row["value"])) for row in rows_of(tmp_path, "attribute_changes"))
    assert values == [("size", "250"), ("size", "None"), ("vip", "None"), ("vip", "true")]


def test_a_day_that_the_export_lies_in_ends_at_the_export(run, tmp_path: Path) -> None:
    ended = {"export": ("exported_at, clock", "('2026-03-01T12:00:00Z', 'real')")}
    orders = "('A1', '2026-03-01T23:59:59.999999Z', '1'), ('A1', '2026-03-02T23:59:59.999999Z', '1')"
    assert run(ended, orders=orders)["orders"].quarantined == {"ordered_at after the export": 1}
    assert [row["ordered_at"].isoformat() for row in rows_of(tmp_path, "orders")] == [
        "2026-01-03T00:00:00+00:00",
        "2026-03-01T12:00:00+00:00",
    ]


def test_the_parameter_s_moment_goes_before_what_the_source_says(run, tmp_path: Path) -> None:
    run()
    counts = ingest(
        tmp_path / "s.sql", tmp_path, tmp_path / "canonical", tmp_path / "quarantine", 1.0,
        exported_at=datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))),
    )  # fmt: skip
    assert rows_of(tmp_path, "export")[0]["exported_at"].isoformat() == "2026-01-02T00:00:00+00:00"
    assert counts["touchpoints"].kept == 1
    assert counts["orders"].quarantined == {"ordered_at after the export": 1}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (
            0.3,
            r"2 of 3 rows \(66\.7%\) are bad \(1 duplicate lead_id, 1 missing lead_id\); ingest\.max_bad_share allows 30",
        ),
        ({"default": 0.9, "leads": 0.3}, r"2 of 3 .*; ingest\.max_bad_share\.leads allows 30"),
        (
            {"default": 0.3, "leads": {"duplicate lead_id": 0.5}},
            r"1 of 3 .*\(1 missing lead_id\); ingest\.max_bad_share\.leads\.default",
        ),
        (
            {"default": 0.9, "leads": {"missing lead_id": 0.1}},
            r"1 of 3 .*ingest\.max_bad_share\.leads\.missing lead_id allows 10",
        ),
        (
            {"default": 0.9, "people": 0.3},
            r"ingest\.max_bad_share: unknown table\(s\) people; allowed: default, export",
        ),
        ({"default": 0.1, "leads": {"default": 0.4, "missing lead_id": 0.4}}, None),
    ],
)
def test_the_share_of_bad_rows_is_bounded_by_table_and_reason(run, tmp_path: Path, shares, message) -> None:
    run(leads="('L1', 'A1', '2026-01-01T00:00:00Z', 'yes'), ('', 'A1', '2026-01-01T00:00:00Z', 'yes')")
    folders = tmp_path / "canonical", tmp_path / "quarantine"
    if message is None:
        assert ingest(tmp_path / "s.sql", tmp_path, *folders, shares)["leads"].kept == 1
        return
    with pytest.raises(DataError, match=message):
        ingest(tmp_path / "s.sql", tmp_path, *folders, shares)


def test_rows_at_the_export_are_kept_and_equal_orders_too(run) -> None:
    at_the_export = "('A1', '2026-03-01T00:00:00Z', '1'), ('A1', '2026-03-01T00:00:00Z', '1')"
    assert run(orders=at_the_export)["orders"] == Counts(3, 3, {})


def test_the_first_of_conflicting_leads_is_kept(run, tmp_path: Path) -> None:
    run(leads="('L1', NULL, '2026-02-01T00:00:00Z', 'no')")
    (lead,) = pq.read_table(tmp_path / "canonical" / "leads.parquet").to_pylist()
    assert (lead["account_id"], lead["vip"]) == ("A1", True)


def test_what_belongs_to_a_quarantined_lead_follows_it(run) -> None:
    counts = run(leads="('L2', 'A1', 'soon', 'yes')", touchpoints="('L2', '2026-01-02T00:00:00Z', 'page_view')")
    assert counts["touchpoints"].quarantined == {"unknown lead": 1}


def test_an_ordinal_clock_has_no_future(run) -> None:
    ordinal = {"export": ("exported_at, clock", "('2026-03-01T00:00:00Z', 'ordinal')")}
    assert run(ordinal, orders="('A1', '2030-01-01T00:00:00Z', '1')")["orders"] == Counts(2, 2, {})


def test_touchpoints_are_sorted_by_lead_and_time_whatever_order_they_came_in(run, tmp_path: Path) -> None:
    anonymous, first = "(NULL, '2026-01-01T00:00:00Z', 'b')", "('L1', '2026-01-01T00:00:00Z', 'c')"
    run(
        leads="('L2', 'A1', '2026-01-01T00:00:00Z', 'no')",
        touchpoints=f"('L2', '2026-01-03T00:00:00Z', 'a'), {anonymous}, {first}",
    )
    rows = pq.read_table(tmp_path / "canonical" / "touchpoints.parquet").to_pylist()
    assert [(row["lead_id"], row["kind"]) for row in rows] == [
        ("L1", "c"),
        ("L1", "page_view"),
        ("L2", "a"),
        (None, "b"),
    ]


def test_anonymous_visits_join_the_lead_from_its_identification_on(run, tmp_path: Path) -> None:
    visits = {
        "before": "(NULL, 'V1', '2026-01-02T00:00:00Z', NULL, 'before')",
        "between": "(NULL, 'V1', '2026-01-04T00:00:00Z', '2026-01-04T12:00:00Z', 'between')",
        "after": "(NULL, 'V1', '2026-01-07T00:00:00Z', NULL, 'after')",
        "named": "('L2', 'V1', '2026-01-01T00:00:00Z', NULL, 'named')",
        "unknown": "(NULL, 'V9', '2026-01-01T00:00:00Z', NULL, 'unknown')",
    }
    named = "('V1', 'L2', '2026-01-06T00:00:00Z'), ('V1', 'L1', '2026-01-03T00:00:00Z')"
    bad = "('V9', 'L7', '2026-01-03T00:00:00Z'), ('V9', 'L1', '2027-01-03T00:00:00Z')"
    counts = run(
        {
            "touchpoints": ("lead_id, visitor_id, occurred_at, recorded_at, kind", ", ".join(visits.values())),
            "identities": ("visitor_id, lead_id, identified_at", f"{named}, {bad}"),
        },
        leads="('L2', NULL, '2026-01-01T00:00:00Z', 'no')",
    )
    assert counts["identities"].quarantined == {"identified_at after the export": 1, "unknown lead": 1}
    assert counts["touchpoints"] == Counts(5, 5, {})
    seen = {row["kind"]: (row["lead_id"], str(row["recorded_at"])[:13]) for row in rows_of(tmp_path, "touchpoints")}
    assert seen == {
        "before": ("L1", "2026-01-03 00"),
        "between": ("L1", "2026-01-04 12"),
        "after": ("L2", "2026-01-07 00"),
        "named": ("L2", "None"),
        "unknown": (None, "None"),
    }


def test_a_lead_s_account_may_change(run, tmp_path: Path) -> None:
    changes = "('L1', NULL, 'account_id', '{}', '2026-01-03T00:00:00Z')"
    counts = run(attribute_changes=f"{changes.format('A1')}, {changes.format('A9')}")
    assert counts["attribute_changes"] == Counts(3, 2, {"unknown account": 1})


def test_ids_are_the_same_in_every_run_and_given_ones_stay(run, tmp_path: Path) -> None:
    def ids(rows: str) -> list[str]:
        run({"touchpoints": ("touchpoint_id, lead_id, occurred_at, kind", rows)})
        return pq.read_table(tmp_path / "canonical" / "touchpoints.parquet")["touchpoint_id"].to_pylist()

    nameless, named = "(NULL, 'L1', '2026-01-02T00:00:00Z', 'a')", "('T7', 'L1', '2026-01-03T00:00:00Z', 'a')"
    first = ids(f"{nameless}, {nameless}, {named}")
    assert first == ids(f"{named}, {nameless}, {nameless}")
    assert first[2] == "T7"
    assert len(set(first)) == 3


def test_a_file_is_held_to_its_schema_row_group_by_row_group(tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    moment = pa.array([0, 0], pa.timestamp("us", "UTC"))
    table = pa.table({"account_id": ["A", None], "ordered_at": moment, "amount": [1.0, 2.0], "product": ["p", None]})
    pq.write_table(table, path, row_group_size=1)
    with pytest.raises(DataError, match=r"orders\.parquet: table 'orders', column 'account_id': 1 value\(s\) missing"):
        check_file(path, "orders")
    path.write_text("nothing")
    with pytest.raises(DataError, match=r"orders\.parquet: not a Parquet file"):
        check_file(path, "orders")
