from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from models.answers.risk_set import CUSTOMERS, ENDS, STARTS, RiskSet
from pipeline.params import SnapshotsParams
from pipeline.population.customers import customer_periods, customer_snapshots
from pipeline.population.risk_set import leads_at_risk, mql_periods, mql_snapshots, risk_periods
from pipeline.tables.contract import TABLES
from pipeline.tables.parquet import write_table

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
EXPORT = START + 365 * DAY


def changes(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["lead_id", "stage", "day"])
    frame["occurred_at"] = (START + pd.to_timedelta(frame["day"], unit="D")).astype("datetime64[us, UTC]")
    return frame.sample(frac=1.0, random_state=3)  # input order must not matter


def days(times: pd.Series) -> list[float]:
    return ((times - START) / DAY).tolist()


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param([("mql", 5)], [(5, None, None)], id="open"),
        pytest.param([("mql", 5), ("sal", 6), ("sales_qualified", 9)], [(5, 9, "sales_qualified")], id="sal is no end"),
        pytest.param(
            [("sales_qualified", 3), ("mql", 5)], [(5, None, None)], id="an outcome before any MQL opens nothing"
        ),
        pytest.param([("mql", 5), ("mql", 8), ("disqualified", 9)], [(5, 9, "disqualified")], id="MQL while open"),
        pytest.param(
            [("mql", 5), ("recycled", 9), ("mql", 20), ("sales_qualified", 30)],
            [(5, 9, "recycled"), (20, 30, "sales_qualified")],
            id="requalified after recycling",
        ),
        pytest.param([("mql", 0), ("mql", 100), ("mql", 190)], [(0, 190, "mql"), (190, None, None)], id="expired"),
        pytest.param([("mql", 0), ("mql", 120)], [(0, 120, "mql"), (120, None, None)], id="at the expiry itself"),
        pytest.param([("mql", 4), ("sales_qualified", 4)], [(4, 4, "sales_qualified")], id="one instant: start first"),
    ],
)
def test_risk_periods(stages: list, expected: list) -> None:
    periods = mql_periods(changes(*[("L", stage, day) for stage, day in stages]), 120)
    got = [
        (a, None if pd.isna(b) else b, None if c is None else c)
        for a, b, c in zip(days(periods["started_at"]), days(periods["ended_at"]), periods["ended_by"], strict=True)
    ]
    assert got == expected
    assert periods["risk_period"].tolist() == list(range(len(expected)))


def snapshot_days(stages: list, **settings: object) -> list[float]:
    params = SnapshotsParams(**{"every_days": 7, "expire_days": 30, **settings})
    periods = mql_periods(changes(*[("L", stage, day) for stage, day in stages]), params.expire_days)
    return days(mql_snapshots(periods, params, EXPORT)["snapshot_at"])


def test_a_snapshot_at_the_mql_moment_and_then_while_open() -> None:
    assert snapshot_days([("mql", 0), ("disqualified", 15)]) == [0, 7, 14]


def test_a_stage_change_at_the_snapshot_is_not_yet_visible_at_it() -> None:
    assert snapshot_days([("mql", 0), ("disqualified", 14)]) == [0, 7, 14]


def test_an_open_lead_expires() -> None:
    assert snapshot_days([("mql", 0)]) == [0, 7, 14, 21, 28]
    assert snapshot_days([("mql", 0)], expire_days=28) == [0, 7, 14, 21]


def test_nothing_at_or_after_the_export() -> None:
    assert snapshot_days([("mql", 358)]) == [358]
    assert snapshot_days([("mql", 365)]) == []


def test_only_the_mql_moment_without_an_interval() -> None:
    assert snapshot_days([("mql", 0), ("recycled", 9), ("mql", 20)], every_days=None) == [0, 20]


def test_other_leads_change_nothing() -> None:
    params = SnapshotsParams(every_days=7, expire_days=30)
    alone = mql_snapshots(mql_periods(changes(("L", "mql", 0)), 30), params, EXPORT)
    both = mql_snapshots(mql_periods(changes(("K", "mql", 3), ("L", "mql", 0), ("M", "mql", 1)), 30), params, EXPORT)
    pd.testing.assert_frame_equal(alone, both[both["lead_id"] == "L"].reset_index(drop=True))


def test_of_several_ends_at_one_instant_the_one_recorded_last_holds() -> None:
    day = (START + pd.to_timedelta([0, 5, 5, 6], unit="D")).astype("datetime64[us, UTC]")
    known = (START + pd.to_timedelta([0, 9, 8, 10], unit="D")).astype("datetime64[us, UTC]")
    stages = ["mql", "recycled", "disqualified", "mql"]
    frame = pd.DataFrame({"lead_id": "L", "stage": stages, "occurred_at": day, "recorded_at": known})
    assert mql_periods(frame, None)["ended_by"].tolist() == ["recycled", None]
    assert mql_periods(frame.drop(columns="recorded_at"), None)["ended_by"].tolist() == ["disqualified", None]


def test_customers_are_looked_at_each_month_after_their_first_order() -> None:
    leads = pd.DataFrame({"lead_id": ["a", "b", "c"], "account_id": ["A", "B", None], "created_at": START})
    ordered = pd.to_datetime(["2026-01-15", "2026-02-01", "2026-03-20"], utc=True).astype("datetime64[us, UTC]")
    orders = pd.DataFrame({"account_id": ["A", "B", "A"], "ordered_at": ordered})
    rows = customer_snapshots(customer_periods(leads, orders), pd.Timestamp("2026-04-01", tz="UTC"))
    got = [(lead, at.strftime("%m-%d")) for lead, at in zip(rows["lead_id"], rows["snapshot_at"], strict=True)]
    assert got == [("a", "02-01"), ("a", "03-01"), ("b", "03-01")]


def test_a_customers_lead_is_looked_at_once_it_is_known_and_not_at_that_very_moment() -> None:
    us = pd.Timedelta(microseconds=1)
    february = pd.Timestamp("2026-02-01", tz="UTC")
    leads = pd.DataFrame(
        {
            "lead_id": ["early", "at", "late"],
            "account_id": "A",
            "created_at": pd.Series([february - us, february, START + 80 * DAY]),
        }
    )
    orders = pd.DataFrame({"account_id": ["A"], "ordered_at": pd.Series([START - 500 * DAY])})
    rows = customer_snapshots(customer_periods(leads, orders), pd.Timestamp("2026-04-01", tz="UTC"))
    got = [(lead, at.strftime("%m-%d")) for lead, at in zip(rows["lead_id"], rows["snapshot_at"], strict=True)]
    assert got == [("at", "03-01"), ("early", "02-01"), ("early", "03-01")]


def test_a_customer_from_after_the_last_first_of_a_month_is_one_at_the_export() -> None:
    leads = pd.DataFrame({"lead_id": ["a", "b"], "account_id": ["A", None], "created_at": START})
    orders = pd.DataFrame({"account_id": ["A"], "ordered_at": pd.Series([EXPORT - DAY])})
    periods = customer_periods(leads, orders)
    assert periods[["lead_id", "started_at"]].values.tolist() == [["a", EXPORT - DAY]]
    assert periods["ended_at"].isna().all()
    assert customer_snapshots(periods, EXPORT).empty


def canonical_tables(folder: Path, stages: pd.DataFrame, clock: str = "real") -> Path:
    """Write leads b, a, c and d of accounts B, A, A and none, their stage changes, and orders of A and B."""
    leads = pd.DataFrame({"lead_id": list("bacd"), "account_id": ["B", "A", "A", None], "created_at": START})
    leads.loc[leads["lead_id"] == "c", "created_at"] = EXPORT  # became known at the export itself
    orders = pd.DataFrame({"account_id": ["B", "A"], "ordered_at": [START + DAY, START + 2 * DAY], "amount": 1.0})
    tables = {
        "export": pd.DataFrame({"exported_at": [EXPORT], "clock": clock}),
        "leads": leads,
        "orders": orders,
        "stage_changes": stages.drop(columns="day"),
    }
    for name, frame in tables.items():
        write_table(folder / f"{name}.parquet", name, pa.Table.from_pandas(frame, preserve_index=False))
    return folder


def test_the_tables_risk_periods_hold_who_and_since_when(tmp_path: Path) -> None:
    stages = changes(("b", "mql", 0), ("b", "recycled", 9), ("b", "mql", 20), ("d", "mql", 5), ("d", "sal", 6))
    canonical = canonical_tables(tmp_path, stages)
    periods = risk_periods(canonical, RiskSet("mql", 120))
    assert periods["lead_id"].tolist() == ["b", "b", "d"]
    assert periods["risk_period"].tolist() == [0, 1, 0]
    assert periods["account_id"].fillna("none").tolist() == ["B", "B", "none"]
    assert days(periods["started_at"]) == [0, 20, 5]
    assert periods["ended_by"].fillna("open").tolist() == ["recycled", "open", "open"]
    customers = risk_periods(canonical, RiskSet(CUSTOMERS, None))
    assert customers["lead_id"].tolist() == ["a", "b", "c"]
    assert customers["account_id"].tolist() == ["A", "B", "A"]
    assert days(customers["started_at"]) == [2, 1, 365]
    assert customers[["ended_at", "ended_by"]].isna().all(axis=None)
    assert customers["risk_period"].tolist() == [0, 0, 0]


def test_the_contract_allows_every_end_of_a_risk_period_and_no_other() -> None:
    (ended_by,) = (column for column in TABLES["risk_periods"].columns if column.name == "ended_by")
    assert ended_by.allowed == (STARTS, *ENDS)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param([("mql", 360)], True, id="open"),
        pytest.param([("mql", 365)], True, id="an MQL at the export"),
        pytest.param([("mql", 345)], False, id="expired at the export itself"),
        pytest.param([("mql", 345.0001)], True, id="just before it expires"),
        pytest.param([("mql", 360), ("recycled", 364)], False, id="ended"),
        pytest.param([("mql", 360), ("recycled", 365)], True, id="an end at the export is not yet visible"),
        pytest.param([("mql", 300), ("recycled", 310), ("mql", 360)], True, id="again"),
        pytest.param([("inquiry", 360)], False, id="never an MQL"),
    ],
)
def test_leads_at_risk_at_the_export(tmp_path: Path, stages: list, expected: bool) -> None:
    others = [("a", "mql", 350)]
    canonical = canonical_tables(tmp_path, changes(*others, *[("d", stage, day) for stage, day in stages]))
    found = leads_at_risk(canonical, SnapshotsParams(expire_days=20))
    assert found["lead_id"].tolist() == (["a", "d"] if expected else ["a"])
    assert set(found["snapshot_at"]) == {EXPORT}


def test_a_customers_leads_are_at_risk_once_they_are_known(tmp_path: Path) -> None:
    found = leads_at_risk(canonical_tables(tmp_path, changes(("d", "mql", 5))), SnapshotsParams(risk_set=CUSTOMERS))
    assert found[["lead_id", "account_id"]].values.tolist() == [["a", "A"], ["b", "B"]]


def test_no_lead_is_at_risk_where_times_are_only_an_order(tmp_path: Path) -> None:
    canonical = canonical_tables(tmp_path, changes(("d", "mql", 360)), clock="ordinal")
    assert leads_at_risk(canonical, SnapshotsParams()).empty
