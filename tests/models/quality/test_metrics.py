"""Metrics against scikit-learn, against their definitions, and against what must not change them."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve
from sklearn.metrics import log_loss as sklearn_log_loss

from features.errors import DataError, ParameterError
from models.params import EvaluateParams
from models.quality.bootstrap import interval, resample_weights
from models.quality.metrics import (
    METRICS,
    auc,
    average_precision,
    brier,
    ece,
    evaluate,
    gain_points,
    level_error,
    lift_at_capacity,
    log_loss,
    paired_auc_gain,
    paired_log_loss_gain,
    pr_points,
    precision_at_capacity,
    reliability_points,
    roc_points,
)

PARAMS = EvaluateParams(bootstrap=100)


def sample(rows: int = 400, seed: int = 0, levels: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with many ties, weights, groups."""
    random = np.random.default_rng(seed)
    p = np.clip(np.round(random.random(rows) * levels) / levels, 0.01, 0.99)
    y = (random.random(rows) < p).astype(np.float64)
    y[:2] = [0.0, 1.0]
    groups = np.array([f"g{i}" for i in random.integers(0, rows // 3, rows)], dtype=object)
    return y, p, random.random(rows) + 0.1, groups


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 80), st.integers(0, 2**16), st.integers(1, 30))
def test_values_are_those_of_scikit_learn(rows: int, seed: int, levels: int) -> None:
    y, p, w, _ = sample(rows, seed, levels)
    assert auc(y, p, w) == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    assert average_precision(y, p, w) == pytest.approx(average_precision_score(y, p, sample_weight=w))
    assert log_loss(y, p, w) == pytest.approx(sklearn_log_loss(y, p, sample_weight=w))
    assert brier(y, p, w) == pytest.approx(brier_score_loss(y, p, sample_weight=w))


def test_ties_at_capacity_count_in_expectation() -> None:
    y, scores = np.array([1, 0, 1, 0, 0]), np.array([3.0, 2.0, 2.0, 2.0, 1.0])
    assert precision_at_capacity(y, scores, 1) == 1.0
    assert precision_at_capacity(y, scores, 2) == pytest.approx((1 + 1 / 3) / 2)
    assert precision_at_capacity(y, scores, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert precision_at_capacity(y, scores, 5) == pytest.approx(0.4)
    assert lift_at_capacity(y, scores, 1) == pytest.approx(2.5)
    assert lift_at_capacity(y, np.zeros(5), 2) == pytest.approx(1.0)


def test_capacity_is_a_share_of_the_weight() -> None:
    y, scores, weights = np.array([1, 0, 0]), np.array([3.0, 2.0, 1.0]), np.array([1.0, 1.0, 4.0])
    assert precision_at_capacity(y, scores, 1, weights) == pytest.approx(1 / 2)


def test_calibration_error_by_hand() -> None:
    y = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert ece(y, p, bins=2) == pytest.approx((abs(1.0 - 2) + abs(2.6 - 3)) / 8)
    assert ece(y, p, bins=1) == pytest.approx(-level_error(y, p)) == pytest.approx(1.4 / 8)
    assert ece(y, np.full(8, 0.5), bins=4) == pytest.approx(1 / 8), "equal probabilities stay together"


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 100), st.integers(0, 2**16))
def test_the_level_s_error_is_part_of_the_calibration_error(rows: int, seed: int) -> None:
    y, p, w, _ = sample(rows, seed)
    assert abs(level_error(y, p, w)) <= ece(y, p, w) + 1e-12


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**16))
def test_order_of_rows_changes_nothing(seed: int) -> None:
    y, p, w, groups = sample(120, seed)
    order = np.random.default_rng(seed).permutation(120)
    one = evaluate(y, p, groups, w, 12, PARAMS)
    two = evaluate(y[order], p[order], groups[order], w[order], 12, PARAMS)
    for name in METRICS:
        assert two[name] == pytest.approx(one[name])


def test_whole_weights_are_repeated_rows() -> None:
    y, p, _, groups = sample(60)
    times = np.random.default_rng(1).integers(1, 4, 60)
    repeated = [np.repeat(a, times) for a in (y, p, groups)]
    one = evaluate(y, p, groups, times.astype(float), 6, PARAMS)
    two = evaluate(repeated[0], repeated[1], repeated[2], None, 6 * len(repeated[0]) // 60, PARAMS)
    for name in ("auc", "average_precision", "log_loss", "brier", "ece"):
        assert two[name] == pytest.approx(one[name])


def test_a_rising_change_of_scores_keeps_ranking_metrics() -> None:
    y, p, w, groups = sample()
    one = evaluate(y, p, groups, w, 40, PARAMS)
    two = evaluate(y, p**3 * 50 - 7, groups, w, 40, PARAMS, is_probability=False)
    for name in ("auc", "average_precision", "precision_at_capacity", "lift_at_capacity"):
        assert two[name] == one[name]
    assert [two[name] for name in ("log_loss", "brier", "ece")] == [None, None, None]
    assert set(two) == set(METRICS)


def test_intervals_hold_the_value_and_widen_with_dependence() -> None:
    y, p, w, _ = sample(600)
    alone = np.array([f"g{i}" for i in range(600)], dtype=object)
    order = np.argsort(y * 2 + p)  # groups whose rows are alike: fewer independent ones
    alike = np.empty(600, dtype=object)
    alike[order] = [f"g{i // 30}" for i in range(600)]
    narrow, wide = (evaluate(y, p, groups, w, 60, PARAMS)["auc"] for groups in (alone, alike))
    assert narrow is not None
    assert wide is not None
    assert narrow["low"] < narrow["value"] < narrow["high"]  # type: ignore[operator]
    assert wide["high"] - wide["low"] > narrow["high"] - narrow["low"]  # type: ignore[operator]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        y = (random.random(300) < 0.4).astype(float)
        found = paired_log_loss_gain(y, np.full(300, 0.4), np.full(300, 0.5), np.arange(300), None, PARAMS)
        truth = -0.4 * np.log(0.5 / 0.4) - 0.6 * np.log(0.5 / 0.6)
        hits += found["low"] <= truth <= found["high"]  # type: ignore[operator]
    assert 52 <= hits <= 60


def test_resamples_take_whole_groups() -> None:
    groups = np.array(["b", "a", "b", "c"], dtype=object)
    weights = np.concatenate(list(resample_weights(groups, np.array([1.0, 1.0, 2.0, 1.0]), 50, 3)))
    assert weights.shape == (50, 4)
    assert (weights[:, 2] == 2 * weights[:, 0]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()


def test_one_class_has_no_ranking_and_few_resamples_no_interval() -> None:
    found = evaluate(np.zeros(10), np.linspace(0.1, 0.9, 10), np.arange(10), None, 2, PARAMS)
    assert found["auc"] == {"value": None, "low": None, "high": None}
    assert found["brier"] is not None
    assert found["brier"]["value"] is not None
    assert interval(0.5, np.array([0.5] * 4 + [np.nan] * 6)) == {"value": 0.5, "low": None, "high": None}
    assert interval(0.5, np.array([0.5] * 6 + [np.nan] * 4)) == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_paired_gains() -> None:
    y, p, w, groups = sample(600)
    base = np.full(600, y.mean())
    gain = paired_log_loss_gain(y, p, base, groups, w, PARAMS)
    assert gain["value"] == pytest.approx(log_loss(y, base, w) - log_loss(y, p, w))
    assert gain["low"] > 0  # type: ignore[operator]
    back = paired_log_loss_gain(y, base, p, groups, w, PARAMS)
    assert [back["value"], back["low"], back["high"]] == pytest.approx([-gain["value"], -gain["high"], -gain["low"]])  # type: ignore[operator]
    assert paired_auc_gain(y, p, 7 * p, groups, w, PARAMS) == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert paired_auc_gain(y, p, base, groups, w, PARAMS)["value"] == pytest.approx(auc(y, p, w) - 0.5)


def test_curves() -> None:
    y, _, w, _ = sample(3000)
    p = np.random.default_rng(5).random(3000)
    roc, pr, gain = roc_points(y, p, w), pr_points(y, p, w), gain_points(y, p, w)
    assert max(len(roc), len(pr), len(gain)) <= 200
    false, true, _ = roc_curve(y, p, sample_weight=w)
    thinned = np.interp(roc["false_positive_rate"], false, true)
    assert np.abs(thinned - roc["true_positive_rate"]).max() < 0.01
    assert roc.iloc[0].tolist() == [0.0, 0.0]
    assert roc.iloc[-1].tolist() == [1.0, 1.0]
    assert pr["recall"].iloc[-1] == 1.0
    assert pr["precision"].iloc[-1] == pytest.approx(np.average(y, weights=w))
    assert gain.iloc[-1].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert (gain["gain"].diff().dropna() >= 0).all()
    bins = reliability_points(y, p, bins=10)
    assert bins["rows"].tolist() == [300] * 10
    assert (np.abs(bins["probability"] - bins["observed"]) * 0.1).sum() == pytest.approx(ece(y, p))
    assert ((bins["low"] <= bins["observed"]) & (bins["observed"] <= bins["high"])).all()


def test_messages() -> None:
    y, p = np.array([0.0, 1.0]), np.array([0.2, 0.7])
    with pytest.raises(DataError, match=r"score of row 1 is nan; allowed is a finite number.*1 of 2"):
        auc(y, np.array([0.1, np.nan]))
    with pytest.raises(DataError, match=r"label of row 0 is 2.0; allowed is 0 or 1"):
        auc(np.array([2.0, 1.0]), p)
    with pytest.raises(DataError, match=r"weight of row 1 is 0.0; allowed is a positive number"):
        auc(y, p, np.array([1.0, 0.0]))
    with pytest.raises(DataError, match=r"2 labels, 1 scores"):
        auc(y, p[:1])
    with pytest.raises(ParameterError, match=r"probability of row 1 is 1.7, not within \[0, 1\]"):
        brier(y, p + 1.0 * np.array([0, 1]))
    with pytest.raises(ParameterError, match=r"capacity is 3 rows of 2; allowed is 1 to 2"):
        precision_at_capacity(y, p, 3)


def test_500_resamples_of_10_000_rows_take_seconds() -> None:
    y, _, w, groups = sample(10_000)
    p = np.random.default_rng(2).random(10_000)
    begin = time.process_time()
    evaluate(y, p, groups, w, 1000, EvaluateParams())
    assert time.process_time() - begin < 15, "a bound so wide that only another order of growth breaks it"
