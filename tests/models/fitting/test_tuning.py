"""Folds that see nothing of the test, trials that do not depend on one another, and the budget for reasons."""

import itertools

import lightgbm
import numpy as np
import pandas as pd
import pytest

from features.errors import DataError, ParameterError
from models.fitting.boosting import train
from models.fitting.cross_fitting import cross_fit, fit_folds, fold_data, mean_losses
from models.fitting.row_weights import snapshot_weights
from models.fitting.tuning import judge, prepared_folds, reason_cost, run_trial, tried_params, tuning_folds
from models.params import SplitParams, TrainParams, TuningParams
from models.quality.metrics import log_loss
from models.trees.model_text import read_model_text

ROWS = 600
NAMES = [f"column_{i}" for i in range(5)]
SMALL = TrainParams(num_threads=1, learning_rate=0.1, max_rounds=60, early_stopping_rounds=5, min_data_in_leaf=10)
CROSS = SplitParams(mode="time", early_stopping_share=0, calibration_share=0, cross_fit_folds=3)
TUNING = TuningParams(folds=3)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, pd.DataFrame]:
    random = np.random.default_rng(4)
    matrix = random.normal(size=(ROWS, len(NAMES))).astype(np.float32)
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{i}" for i in range(ROWS)],
            "account_id": [f"A-{i % 150}" for i in range(ROWS)],
            "snapshot_at": pd.date_range("2024-01-01", periods=ROWS, freq="12h", tz="UTC"),
            "is_headline": True,
            "label": (random.random(ROWS) < 1 / (1 + np.exp(1 - 1.5 * matrix[:, 0]))).astype(np.int8),
            "slice": np.repeat(["train", "early_stopping", "calibration", "test"], [300, 60, 60, 180]),
        }
    )
    return matrix, frame


def outcome(matrix, frame, params=SMALL, budget=1e9, split=CROSS):
    found, folds = tuning_folds(frame, split, TUNING, 5, 1, False)
    prepared = prepared_folds(matrix, frame, found, folds, NAMES, [])
    return list(run_trial(prepared, params, 1.0, budget))[-1]


def test_folds_are_purged_ordered_and_see_no_test_row(rows) -> None:
    _, frame = rows
    used, folds = tuning_folds(frame, CROSS, TUNING, 5, 1, False)
    assert len(used) == 420
    assert len(folds) == 3
    at = frame["snapshot_at"].to_numpy()
    for fit, valid in folds:
        assert at[used[fit]].max() + np.timedelta64(6, "D") <= at[used[valid]].min()
    assert max(used[valid].max() for _, valid in folds) < 420


def test_nothing_of_the_test_changes_a_trial(rows) -> None:
    matrix, frame = rows
    other, changed = matrix.copy(), frame.copy()
    test = (frame["slice"] == "test").to_numpy()
    other[test] = 9.0
    changed.loc[test, "label"] = 1 - changed.loc[test, "label"]
    assert outcome(other, changed) == outcome(matrix, frame)


def test_a_label_of_training_does_change_it(rows) -> None:
    matrix, frame = rows
    changed = frame.copy()
    changed.loc[:100, "label"] = 1 - changed.loc[:100, "label"]
    assert outcome(matrix, changed) != outcome(matrix, frame)


def test_in_grouped_mode_no_account_is_validated_that_was_there_before(rows) -> None:
    _, frame = rows
    grouped = CROSS.model_copy(update={"mode": "grouped", "cross_fit_folds": 0})
    late = frame.assign(account_id=[f"A-{i // 3}" for i in range(ROWS)])
    used, folds = tuning_folds(late, grouped, TUNING, 5, 1, False)
    _, straddling = tuning_folds(late, CROSS, TUNING, 5, 1, False)
    account = late["account_id"].to_numpy()
    for fit, valid in folds:
        before = account[: used[valid].min()]
        assert not np.isin(account[used[valid]], before).any()
        assert not np.isin(account[used[valid]], account[used[fit]]).any()
    assert sum(len(valid) for _, valid in folds) <= sum(len(valid) for _, valid in straddling)


def test_too_short_a_history_says_so(rows) -> None:
    _, frame = rows
    with pytest.raises(DataError, match="folds"):
        tuning_folds(frame, CROSS, TUNING, 300, 0, False)


def test_a_trial_does_not_depend_on_those_before(rows) -> None:
    matrix, frame = rows
    found, folds = tuning_folds(frame, CROSS, TUNING, 5, 1, False)
    prepared = prepared_folds(matrix, frame, found, folds, NAMES, [])
    first = list(run_trial(prepared, SMALL, 1.0, 50.0))
    list(run_trial(prepared, SMALL.model_copy(update={"num_leaves": 3, "min_data_in_leaf": 40}), 1.0, 50.0))
    assert list(run_trial(prepared, SMALL, 1.0, 50.0)) == first
    assert len(first) == 3


def test_the_loss_is_that_of_cross_fitting(rows) -> None:
    matrix, frame = rows
    found, folds = tuning_folds(frame, CROSS, TUNING, 5, 1, False)
    labels, weights = frame["label"].to_numpy(float)[found], snapshot_weights(frame)[found]
    log_odds, rounds = cross_fit(matrix[found], labels, weights, folds, SMALL, NAMES, [])
    seen = np.isfinite(log_odds)
    reached = outcome(matrix, frame)
    assert reached.rounds == rounds
    assert reached.loss == pytest.approx(log_loss(labels[seen], 1 / (1 + np.exp(-log_odds[seen])), weights[seen]))


def test_judging_within_and_beyond_the_budget() -> None:
    losses, work = np.array([0.6, 0.5, 0.52, 0.4]), np.array([10.0, 20.0, 30.0, 40.0])
    found = judge(losses, work, 0.01, 0.65)
    assert (found.loss, found.rounds, found.rounds_allowed) == (0.5, 2, 3)
    assert found.reason_ms == pytest.approx(0.3)
    assert (found.unbounded_loss, found.unbounded_rounds) == (0.4, 4)
    assert found.unbounded_ms == pytest.approx(1.0)


def test_rounds_beyond_the_trees_cost_the_mean() -> None:
    found = judge(np.array([0.6, 0.5, 0.4]), np.array([8.0]), 1.0, 40.0)
    assert (found.rounds, found.reason_ms, found.rounds_allowed) == (3, 24.0, 5)


def test_a_budget_below_one_tree_leaves_one_tree() -> None:
    found = judge(np.array([0.6, 0.5]), np.array([8.0, 8.0]), 1.0, 1.0)
    assert (found.loss, found.rounds, found.rounds_allowed) == (0.6, 1, 1)


def test_trees_without_a_split_cost_nothing() -> None:
    assert judge(np.array([0.6, 0.5]), np.zeros(2), 1.0, 1.0).reason_ms == 0.0


def test_work_is_leaves_times_levels(rows) -> None:
    matrix, frame = rows
    model = train(matrix, frame["label"].to_numpy(float), np.ones(ROWS), SMALL, NAMES, [], rounds=6)
    table = model.booster.trees_to_dataframe()
    leaves = table[table["left_child"].isna()].groupby("tree_index")["node_depth"]
    assert model.work.tolist() == (leaves.size() * (leaves.max() - 1)).tolist()
    constant = lightgbm.train(
        {"verbosity": -1, "objective": "binary"},
        lightgbm.Dataset(matrix[:8], np.tile([0.0, 1.0], 4)),
        num_boost_round=1,
    )
    assert read_model_text(constant.model_to_string()).work.tolist() == [0.0]


def test_cost_is_measured_per_row_and_unit_of_work() -> None:
    clock = itertools.count(0.0, 2.0).__next__  # every explanation takes two seconds
    asked = []
    assert reason_cost(asked.append, np.zeros((500, 2), np.float32), 4.0, clock) == pytest.approx(2e3 / 200 / 4)
    assert {len(matrix) for matrix in asked} == {200}
    with pytest.raises(ParameterError, match="trees with a split"):
        reason_cost(asked.append, np.zeros((5, 2), np.float32), 0.0)


def test_only_what_is_searched_for_can_be_tried() -> None:
    assert tried_params(SMALL, {"num_leaves": 4}, 77).num_leaves == 4
    assert tried_params(SMALL, {}, 77).max_rounds == 77
    with pytest.raises(ParameterError, match="seed"):
        tried_params(SMALL, {"seed": 3}, 77)


def test_all_folds_keep_the_trees_of_the_common_round(rows) -> None:
    matrix, frame = rows
    found, folds = tuning_folds(frame, CROSS, TUNING, 5, 1, False)
    labels, weights = frame["label"].to_numpy(float)[found], np.ones(len(found))
    fits = list(fit_folds(fold_data(matrix[found], labels, weights, folds, NAMES, []), SMALL))
    assert all(fit.booster.num_trees() == len(fit.losses) == len(fit.work) for fit in fits)
    assert len(mean_losses([fit.losses for fit in fits], [1.0] * 3)) == max(len(fit.losses) for fit in fits)
