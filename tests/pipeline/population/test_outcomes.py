import pandas as pd
import pytest

from pipeline.params import LabelsParams
from pipeline.population.outcomes import label_snapshots, order_outcomes, period_outcomes

DAY = pd.Timedelta(days=1)
US = pd.Timedelta(microseconds=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
LATER = START + 1000 * DAY


def label(outcome: pd.Timestamp | None, exported_at: pd.Timestamp = LATER, **settings: int) -> object:
    rows = pd.DataFrame({"lead_id": ["L"], "snapshot_at": [START]})
    outcome_at = pd.Series([outcome], dtype="datetime64[us, UTC]")
    params = LabelsParams(**{"label_days": 30, "recording_delay_days": 2, **settings})
    value = label_snapshots(rows, outcome_at, params, exported_at, ordinal=False)["label"].iloc[0]
    return None if pd.isna(value) else int(value)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(None, 0), (START - US, 0), (START, 1), (START + 30 * DAY - US, 1), (START + 30 * DAY, 0)],
)
def test_the_label_window_is_closed_at_its_start_and_open_at_its_end(outcome, expected) -> None:
    assert label(outcome) == expected


@pytest.mark.parametrize("outcome", [None, START + DAY])
def test_an_immature_label_is_missing_for_positives_and_negatives_alike(outcome) -> None:
    matured_at = START + 32 * DAY
    assert label(outcome, matured_at - US) is None
    assert label(outcome, matured_at) is not None


def test_an_ordinal_clock_has_no_window_and_no_maturity() -> None:
    rows = pd.DataFrame({"lead_id": ["a", "b"], "snapshot_at": [START, START]})
    outcome_at = pd.Series([START + 400 * DAY, pd.NaT], dtype="datetime64[us, UTC]")
    got = label_snapshots(rows, outcome_at, LabelsParams(label_days=1), START, ordinal=True)
    assert got["label"].tolist() == [1, 0]
    assert got["matured"].all()


def test_a_qualification_counts_for_its_own_risk_period_only() -> None:
    periods = pd.DataFrame(
        {
            "lead_id": ["L", "L"],
            "risk_period": [0, 1],
            "ended_at": [START + DAY, START + 9 * DAY],
            "ended_by": ["recycled", "sales_qualified"],
        }
    )
    snapshots = pd.DataFrame({"lead_id": ["L", "L", "M"], "risk_period": [0, 1, 0]}, index=[7, 8, 9])
    got = period_outcomes(snapshots, periods)
    assert got.isna().tolist() == [True, False, True]
    assert got.index.tolist() == [7, 8, 9]


def test_an_order_at_the_snapshot_counts_and_one_before_does_not() -> None:
    orders = pd.DataFrame({"account_id": ["A", "A"], "ordered_at": [START, START + 5 * DAY]})
    snapshots = pd.DataFrame({"account_id": ["A", "A", "B"], "snapshot_at": [START + US, START, START]})
    got = order_outcomes(snapshots, orders)
    assert got.iloc[0] == START + 5 * DAY
    assert got.iloc[1] == START
    assert pd.isna(got.iloc[2])
