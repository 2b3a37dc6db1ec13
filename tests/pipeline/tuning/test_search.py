"""A real search of few trials: SQLite study, going on, pruning, the budget of reasons."""

import itertools
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from models.fitting.tuning import prepared_folds, tuning_folds
from models.params import SplitParams, TrainParams, TuningParams
from pipeline.params import load_params
from pipeline.tuning.search import applied_values, search
from pipeline.tuning.study import best_trials, open_study, study_name

BASE = TrainParams(num_threads=1, max_rounds=40, early_stopping_rounds=5)
SPLIT = SplitParams(mode="time", early_stopping_share=0, calibration_share=0, cross_fit_folds=3)


@pytest.fixture(scope="session")
def prepared(frame: pd.DataFrame) -> Any:
    rows, folds = tuning_folds(frame, SPLIT, TuningParams(), 5, 0, False)
    matrix = np.random.default_rng(2).normal(size=(len(frame), 6)).astype(np.float32)
    matrix[:, 0] = frame["signal"]
    return prepared_folds(matrix, frame, rows, folds, [f"column_{i}" for i in range(6)], [])


def run(study: optuna.Study, prepared: Any, trials: int, **changes: Any) -> list[tuple[str, str, int]]:
    recorded: list[tuple[str, str, int]] = []
    search(
        study,
        prepared,
        BASE,
        40,
        1e-4,
        changes.pop("budget_ms", 0.6),
        **{
            "seconds": 1e6,
            "trials": trials,
            "record": lambda name, params, losses, outcome, state: recorded.append((name, state, len(losses))),
            "watch": lambda run, smallest: None,
            **changes,
        },
    )
    return recorded


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_the_present_parameters_come_first_and_a_study_goes_on(prepared, tmp_path) -> None:
    first = run(open_study(tmp_path / "tuning.db", "one", 1, 2), prepared, 3)
    assert first[0] == ("present parameters", "complete", 3)
    study = open_study(tmp_path / "tuning.db", "one", 1, 2)
    again = run(study, prepared, 2)
    assert [name for name, *_ in again] == ["trial 3", "trial 4"]
    assert len(study.trials) == 5
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 5
    best, free = best_trials(study)
    assert best.value <= study.trials[0].value
    assert free.user_attrs["unbounded_loss"] <= best.user_attrs["loss"]


def test_another_study_of_the_same_file_is_empty(prepared, tmp_path) -> None:
    run(open_study(tmp_path / "tuning.db", "one", 1, 2), prepared, 1)
    assert not open_study(tmp_path / "tuning.db", "two", 1, 2).trials


def test_bad_trials_are_pruned_after_a_fold(prepared, tmp_path) -> None:
    study = open_study(tmp_path / "tuning.db", "one", 1, 2)
    recorded = run(study, prepared, 12)
    assert "PRUNED" in states(study)
    assert states(study)[0] == "COMPLETE"
    assert any(state == "pruned" and folds < 3 for _, state, folds in recorded)
    assert all(folds == 3 for _, state, folds in recorded if state == "complete")


def test_when_time_is_up_only_the_present_parameters_run_in_full(prepared, tmp_path) -> None:
    study = open_study(tmp_path / "tuning.db", "one", 1, 8)
    clock = itertools.count(0.0, 400.0).__next__
    recorded = run(study, prepared, 3, seconds=1000.0, clock=clock)
    assert recorded[0] == ("present parameters", "complete", 3)
    assert all(state == "pruned" and folds == 1 for _, state, folds in recorded[1:])
    assert len(recorded) == 3


def test_a_tight_budget_costs_loss_and_is_kept(prepared, tmp_path) -> None:
    study = open_study(tmp_path / "tuning.db", "one", 1, 2)
    run(study, prepared, 4, budget_ms=0.02)
    best, free = best_trials(study)
    assert best.user_attrs["reason_ms"] <= 0.02
    assert best.user_attrs["loss"] > free.user_attrs["unbounded_loss"]
    assert applied_values(best, 40)["max_rounds"] < 40


def test_other_data_or_sections_are_another_study(root, monkeypatch) -> None:
    monkeypatch.chdir(root)
    sections = load_params(("ingest", "labels", "paths", "publish", "serving", "snapshots", "split", "train", "tuning"))
    split = sections.split.decided(cross_fit_folds=5)
    name = study_name("simulated", "a", sections, split)
    assert name == study_name("simulated", "a", sections, split)
    assert name != study_name("simulated", "b", sections, split)
    assert name != study_name("simulated", "a", sections, split.model_copy(update={"cross_fit_folds": 4}))
    applied = sections.train.model_copy(update={"num_leaves": 4, "max_rounds": 3})
    assert name == study_name("simulated", "a", sections.model_copy(update={"train": applied}), split)
    minutes = sections.tuning.model_copy(update={"minutes": 1.0})
    assert name == study_name("simulated", "a", sections.model_copy(update={"tuning": minutes}), split)
