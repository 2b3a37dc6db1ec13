"""Outcomes on their MQL's day, of leads that never were one, and such that have no place: who leaves the risk set."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from pipeline.population.risk_set import mql_periods, outside_cut_months
from pipeline.tables.ingest_counts import Counts
from pipeline.tables.ingested import ingest
from pipeline.tables.unplaced_outcomes import NO_PLACE, Month, difference_interval

HEAD = """
CREATE VIEW export AS SELECT '2026-12-01T00:00:00Z' AS exported_at, 'real' AS clock;
CREATE VIEW attributes AS
SELECT * FROM (VALUES ('lead', 'x', 'category', 'creation')) t (entity, attribute, type, known_at) LIMIT 0;
CREATE VIEW leads AS SELECT DISTINCT lead_id, '2026-01-01T00:00:00Z' AS created_at FROM given;
CREATE VIEW stage_changes AS SELECT * FROM given;
"""
Row = tuple[str, str, str]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Counts]:
    """Return a function that ingests stage changes (lead, stage, moment) of leads that are all known."""

    def go(*rows: Row, recorded: bool = False) -> Counts:
        values = ", ".join(f"('{lead}', '{stage}', '{at}'{', NULL' if recorded else ''})" for lead, stage, at in rows)
        columns = "lead_id, stage, occurred_at" + (", recorded_at" if recorded else "")
        (tmp_path / "s.sql").write_text(f"CREATE TABLE given AS SELECT * FROM (VALUES {values}) t ({columns});{HEAD}")
        folders = tmp_path / "canonical", tmp_path / "quarantine"
        return ingest(tmp_path / "s.sql", tmp_path, *folders, 1.0)["stage_changes"]

    return go


def periods(tmp_path: Path) -> list[tuple[str, str | None]]:
    changes = pq.read_table(tmp_path / "canonical" / "stage_changes.parquet").to_pandas()
    found = mql_periods(changes, None)
    return [(lead, None if pd.isna(by) else by) for lead, by in found[["lead_id", "ended_by"]].values.tolist()]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("mql", "outcome", "won"),
    [
        ("2026-03-04T12:00:00+01:00", "2026-03-04T00:00:00+01:00", True),
        ("2026-03-04T00:30:00+01:00", "2026-03-04T00:00:00+01:00", True),
        ("2026-10-25T23:30:00+01:00", "2026-10-25T00:00:00+02:00", True),  # 25 hours long
        ("2026-03-04T12:00:00+01:00", "2026-03-04T09:00:00+01:00", True),
        ("2026-03-04T12:00:00+01:00", "2026-03-03T23:59:00+01:00", False),
        ("2026-03-04T00:30:00Z", "2026-03-03T00:00:00Z", False),
    ],
)
def test_an_outcome_on_the_day_of_its_mql_counts(
    run, tmp_path: Path, mql: str, outcome: str, won: bool, recorded: bool
) -> None:
    counts = run(("L1", "mql", mql), ("L1", "sales_qualified", outcome), recorded=recorded)
    assert counts.kept == (2 if won else 0)
    assert periods(tmp_path) == ([("L1", "sales_qualified")] if won else [])


def test_a_lead_that_never_was_an_mql_is_counted_and_not_bad(run, tmp_path: Path) -> None:
    rows = [("L1", "mql", "2026-03-04T12:00:00Z"), ("L2", "inquiry", "2026-03-04T12:00:00Z")]
    outcomes = [("L2", "sales_qualified", "2026-03-09T12:00:00Z"), ("L2", "disqualified", "2026-03-10T12:00:00Z")]
    assert run(*rows, *outcomes) == Counts(4, 4, {}, {}, {"never an MQL": 1})
    assert periods(tmp_path) == [("L1", None)]


@pytest.mark.parametrize(
    ("outcomes", "reasons", "left"),
    [
        ([("sales_qualified", "2026-03-01T12:00:00Z")], {"outcome before its MQL": 1, NO_PLACE: 1}, []),
        ([("disqualified", "soon")], {"unparsable occurred_at": 1, NO_PLACE: 1}, []),
        ([("sales_qualified", "")], {"missing occurred_at": 1, NO_PLACE: 1}, []),
        ([("sales_qualified", "2027-03-09T12:00:00Z")], {"occurred_at after the export": 1, NO_PLACE: 1}, []),
        # Lost after a success that could not be read: not a lead without one.
        ([("sales_qualified", "?"), ("disqualified", "2026-03-09T12:00:00Z")],
         {"missing occurred_at": 1, NO_PLACE: 1}, []),
        ([("sales_qualified", "soon"), ("sales_qualified", "2026-03-09T12:00:00Z")],
         {"unparsable occurred_at": 1}, [("L1", "sales_qualified")]),
        ([("disqualified", "2026-03-01T12:00:00Z"), ("sales_qualified", "2026-03-09T12:00:00Z")],
         {"outcome before its MQL": 1}, [("L1", "sales_qualified")]),
    ],
)  # fmt: skip
def test_a_lead_whose_outcome_has_no_place_leaves_the_risk_set(run, tmp_path: Path, outcomes, reasons, left) -> None:
    counts = run(("L1", "mql", "2026-03-04T12:00:00Z"), *[("L1", stage, at) for stage, at in outcomes])
    assert counts.quarantined == reasons
    assert periods(tmp_path) == left


def test_an_outcome_whose_mql_cannot_be_read_is_told_from_one_that_never_had_one(run) -> None:
    counts = run(("L1", "mql", "early"), ("L1", "sales_qualified", "2026-03-09T12:00:00Z"))
    assert counts.quarantined == {"outcome whose MQL cannot be read": 1, "unparsable occurred_at": 1}
    assert counts.notes == {}


def company(months: dict[int, tuple[int, int, int, int]]) -> list[Row]:
    """Write 50 MQLs a month: of them qualified, disqualified, and of each so many with an unreadable date."""
    rows: list[Row] = []
    for month, (won, lost, won_bad, lost_bad) in months.items():
        for n in range(50):
            lead = f"{month}-{n}"
            rows.append((lead, "mql", f"2026-{month:02}-10T00:00:00Z"))
            stage = "sales_qualified" if n < won else "disqualified" if n < won + lost else None
            if stage:
                bad = n < won_bad or won <= n < won + lost_bad
                rows.append((lead, stage, "unknown date" if bad else f"2026-{month:02}-20T00:00:00Z"))
    return rows


def test_a_month_that_lacks_outcomes_is_cut_for_all_its_leads(run, tmp_path: Path) -> None:
    counts = run(*company({1: (10, 20, 0, 0), 2: (10, 20, 1, 1), 3: (10, 20, 0, 1), 4: (10, 20, 0, 0)}))
    assert counts.quarantined["MQL whose outcome cannot be placed"] == 3
    table = pq.read_table(tmp_path / "canonical" / "unplaced_outcomes.parquet").to_pandas()
    assert table["month"].tolist() == [pd.Timestamp("2026-02-01", tz="UTC"), pd.Timestamp("2026-03-01", tz="UTC")]
    assert table[["mqls", "sales_qualified", "disqualified", "leads_unplaced", "cut"]].values.tolist() == [
        [50, 10, 20, 2, True],  # 4 % of the month
        [50, 10, 20, 1, False],  # 2 %, not more
    ]
    changes = pq.read_table(tmp_path / "canonical" / "stage_changes.parquet").to_pandas()
    found = outside_cut_months(mql_periods(changes, None), tmp_path / "canonical")
    assert found.groupby(found["started_at"].dt.month).size().to_dict() == {1: 50, 3: 49, 4: 50}


def test_too_few_months_left_stop_with_what_to_correct(run, tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"6 of 20 sales_qualified, 0 of 40 disqualified\).* MQLs of 2026-01, 2026-02 would .*1 of 3 months",
    ) as e:
        run(*company({1: (10, 20, 3, 0), 2: (10, 20, 3, 0), 3: (10, 20, 0, 0)}))
    assert "6 unparsable occurred_at: correct the format in moment(...) or day(...)." in str(e.value)
    assert (tmp_path / "quarantine" / "stage_changes.parquet").exists()


def test_unplaced_outcomes_on_one_side_cut_a_month_however_few_they_are() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert Month(moment, 1000, (20, 400), (5, 0), 5).cut
    assert Month(moment, 1000, (20, 400), (1, 20), 21).cut  # 5 % on both sides, and 2.1 % of all
    assert not Month(moment, 1000, (100, 100), (9, 9), 18).cut
    assert not Month(moment, 40, (10, 20), (1, 0), 1).cut  # 2.5 %, but one lead is no pattern


@pytest.mark.parametrize(
    ("counts", "interval"),  # Newcombe (1998), table II, method 10
    [
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
        ((0, 0, 3, 10), (-1.0, 1.0)),
    ],
)
def test_the_interval_of_a_difference_is_newcombe_s(counts, interval) -> None:
    assert difference_interval(*counts) == pytest.approx(interval, abs=5e-5)
