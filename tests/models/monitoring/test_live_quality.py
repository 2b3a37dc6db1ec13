"""Live quality with label delay, and the verdict: every rule on both sides of its limit."""

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from models.monitoring.live_quality import calibration_ratio, live_quality, quality_by_month
from models.monitoring.retrain_verdict import FINE, RETRAIN, TOO_LITTLE, WATCH, DriftRun, decide_retrain
from models.params import MonitorParams

PARAMS = MonitorParams(bootstrap=100)


def rows_of(count: int, month: str = "2026-01", factor: float = 1.0, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    probability = random.beta(1, 4, size=count)
    return pd.DataFrame(
        {
            "snapshot_at": pd.date_range(f"{month}-01", periods=count, freq="5min", tz="UTC"),
            "group": np.arange(count) // 2,
            "probability": probability,
            "label": pd.array((random.random(count) < factor * probability).astype(int), dtype="Int8"),
            "matured": True,
        }
    )


def test_early_positives_of_open_windows_do_not_count() -> None:
    frame = rows_of(1000)
    young = frame.index >= 400
    frame.loc[young, "matured"] = False
    frame.loc[young & (frame["label"] == 0), "label"] = pd.NA  # the early positives are known, and must not count
    found = live_quality(frame, 0.1, PARAMS)
    assert (found["rows"], found["matured"], found["known"]) == (1000, 400, 0.4)
    assert found["positives"] == int(frame["label"][:400].sum())
    assert found["ratio"]["low"] < 1.0 < found["ratio"]["high"]


def test_a_month_of_which_nothing_is_known_says_so() -> None:
    frame = pd.concat([rows_of(300), rows_of(50, "2026-02").assign(matured=False, label=pd.NA)], ignore_index=True)
    known, unknown = quality_by_month(frame, 0.1, PARAMS)
    assert (known["month"], unknown["month"]) == ("2026-01", "2026-02")
    assert unknown["known"] == 0.0
    assert unknown["observed"] is None
    assert unknown["ratio"] is unknown["lift_at_capacity"] is None


def test_one_outcome_alone_has_a_rate_but_no_lift() -> None:
    frame = rows_of(40).assign(label=pd.array([0] * 40, dtype="Int8"))
    found = live_quality(frame, 0.1, PARAMS)
    assert found["observed"] == 0.0
    assert found["lift_at_capacity"] is None
    assert found["auc"] is None


def test_rows_without_a_column_are_refused() -> None:
    with pytest.raises(DataError, match=r"column\(s\) matured missing"):
        live_quality(rows_of(10).drop(columns="matured"), 0.1, PARAMS)


def test_the_ratio_takes_groups_together() -> None:
    labels, p = np.tile([1.0, 0.0], 100), np.full(200, 0.4)
    alone = calibration_ratio(labels, p, np.arange(200), 400, 1)
    alike = calibration_ratio(np.repeat([1.0, 0.0], 100), p, np.repeat(np.arange(20), 10), 400, 1)
    assert alone["value"] == alike["value"] == pytest.approx(1.25)
    assert alike["high"] - alike["low"] > 2 * (alone["high"] - alone["low"])


def quality(**changes: object) -> dict:
    good = {
        "matured": 1000,
        "positives": 200,
        "mean_probability": 0.2,
        "observed": 0.2,
        "ratio": {"value": 1.0, "low": 0.9, "high": 1.1},
        "lift_at_capacity": {"value": 2.5, "low": 2.0, "high": 3.0},
    }
    return good | changes


def metric(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


PROMISED = metric(2.6, 2.2, 3.1)
STEADY = [DriftRun("probability", 0.01, -0.02, 0.04)]


def verdict(live: dict | None = None, drift: list[DriftRun] | None = STEADY, age: float = 90.0, unknown: float = 0.0):
    return decide_retrain(live or quality(), PROMISED, drift, age, unknown, PARAMS)


def test_nothing_wrong_is_fine() -> None:
    assert verdict().verdict == FINE
    assert verdict().findings == ()


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (metric(1.4, 1.16, 1.6), RETRAIN),
        (metric(0.7, 0.6, 0.84), RETRAIN),
        (metric(1.2, 1.05, 1.35), WATCH),
        (metric(1.1, 1.02, 1.2), FINE),  # certain, but too little to matter
        (metric(1.3, 0.9, 1.7), FINE),  # much, but may be chance
    ],
)
def test_calibration(ratio: dict[str, float], expected: str) -> None:
    assert verdict(quality(ratio=ratio)).verdict == expected


@pytest.mark.parametrize(
    ("lift", "expected"),
    [(metric(1.5, 1.0, 2.1), RETRAIN), (metric(2.0, 1.6, 2.5), WATCH), (metric(2.2, 1.7, 2.9), FINE)],
)
def test_lift(lift: dict[str, float], expected: str) -> None:
    assert verdict(quality(lift_at_capacity=lift)).verdict == expected


def test_without_a_promise_the_lift_is_left_out() -> None:
    low = quality(lift_at_capacity=metric(1.1, 1.0, 1.2))
    assert decide_retrain(low, None, STEADY, 90.0, 0.0, PARAMS).verdict == FINE


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (DriftRun("f", 0.4, 0.3, 0.5, "2026-03", positives_since=40, labels_since=300), RETRAIN),
        (DriftRun("f", 0.4, 0.3, 0.5, "2026-03", positives_since=29, labels_since=300), WATCH),
        (DriftRun("f", 0.3, 0.15, 0.5), WATCH),
        (DriftRun("f", 0.2, 0.05, 0.4), FINE),
    ],
)
def test_drift_asks_for_a_retraining_only_when_there_is_something_to_learn(run: DriftRun, expected: str) -> None:
    found = verdict(drift=[run])
    assert found.verdict == expected
    if expected == WATCH:
        assert found.findings[0].figures["waits"] == bool(run.since)


def test_age_and_unknown_values() -> None:
    assert verdict(age=366.0).verdict == RETRAIN
    assert verdict(age=365.0).verdict == FINE
    assert verdict(unknown=0.06).verdict == WATCH
    assert verdict(unknown=0.05).verdict == FINE


def test_too_few_outcomes_are_no_verdict_but_strong_drift_is_told() -> None:
    few = quality(positives=10, ratio=metric(3.0, 2.0, 4.0))
    assert verdict(few).verdict == TOO_LITTLE
    assert not verdict(few).quality_known
    assert verdict(few, [DriftRun("f", 0.4, 0.3, 0.5, "2026-03")]).verdict == WATCH
    assert verdict(few, None, age=999.0).verdict == TOO_LITTLE, (
        "an old model without new outcomes has nothing to learn from"
    )
    assert verdict(drift=None).verdict == TOO_LITTLE


def test_what_recommends_stands_first() -> None:
    found = verdict(quality(ratio=metric(1.4, 1.2, 1.6)), [DriftRun("f", 0.3, 0.15, 0.5)], unknown=0.2)
    assert [finding.level for finding in found.findings] == [RETRAIN, WATCH, WATCH]
