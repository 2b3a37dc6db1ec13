"""The contenders: each is fitted on the rows before the test, within the same time, and predicts the test's headline rows."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.models.sets import ModelSet
from features.errors import DataError
from models.fitting.recipe import fit_baselines, fit_product
from models.fitting.row_weights import snapshot_weights
from models.fitting.tuning import prepared_folds, tuning_folds
from models.params import PointsParams, TrainParams
from pipeline.tuning.search import applied_values, reason_cost, search
from pipeline.tuning.study import best_trials, open_study

__all__ = ["CONTENDERS", "NOT_PROBABILITIES", "Scores", "fit_all", "predict_baselines", "predict_product", "tuned"]

CONTENDERS = {
    "product": "product",
    "untuned_lightgbm": "LightGBM untuned",
    "logistic_regression": "logistic regression",
    "odoo_formula": "Odoo formula",
    "points": "points table",
    "automl": "FLAML",
}
NOT_PROBABILITIES = ("points",)
ENVIRONMENT = Path(".venv-bench/automl/bin/python")


@dataclass
class Scores:
    """What the contenders say of the test's headline rows, and how two of them came to it."""

    scores: dict[str, np.ndarray]
    notes: dict[str, Any] = field(default_factory=dict)


def tuned(some: ModelSet, seconds: float, folder: Path) -> tuple[TrainParams, dict[str, Any]]:
    """Tune as `python -m pipeline.tune` does, in a study of its own, for so many seconds."""
    params = some.params
    rows, folds = tuning_folds(
        some.frame,
        params.split,
        params.tuning,
        params.labels.label_days if not some.ordinal else 1,
        params.labels.recording_delay_days,
        some.ordinal,
    )
    names, categorical = some.columns.names, some.columns.categorical
    prepared = prepared_folds(some.matrix, some.frame, rows, folds, names, categorical)
    cost = reason_cost(some.matrix, some.frame, rows, params.train, names, categorical)
    study = open_study(folder / "tuning.db", some.name, params.tuning.seed, params.tuning.startup_trials)
    budget = params.serving.reason_budget_ms
    search(
        study,
        prepared,
        params.train,
        params.tuning.max_rounds,
        cost,
        budget,
        seconds=seconds,
        trials=None,
        record=lambda *_: None,
        watch=lambda *_: None,
    )
    best, free = best_trials(study)
    values = applied_values(best, params.tuning.max_rounds)
    notes = {
        "trials": len(study.trials),
        "values": values,
        "fold_log_loss": best.value,
        "present_fold_log_loss": study.trials[0].value,
        "lost_to_budget": float(best.user_attrs["loss"] - free.user_attrs["unbounded_loss"]),
        "reason_ms": best.user_attrs["reason_ms"],
    }
    return TrainParams(**{**params.train.model_dump(), **values}), notes


def predict_product(some: ModelSet, train_params: TrainParams) -> np.ndarray:
    """Fit the product as the stage `train` does and give its calibrated probabilities."""
    params = some.params
    product = fit_product(
        some.matrix,
        some.frame,
        some.columns,
        train=train_params,
        split=params.split,
        # the interval is not looked at, and decides nothing about the probability
        calibration=params.calibration.model_copy(update={"bootstrap": 20, "halves": 4}),
        tiers=params.tiers,
        label_days=params.labels.label_days,
        recording_delay_days=params.labels.recording_delay_days,
        ordinal=some.ordinal,
    )
    return product.calibration.apply(product.classifier.predict_log_odds(some.matrix[some.test]))[0]


def predict_automl(some: ModelSet, seconds: float, folder: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Let FLAML search and refit on the same rows, weighted alike, in its own environment.

    Raises
    ------
    DataError
        It failed.
    """
    order = some.fitted[np.argsort(some.frame["snapshot_at"].iloc[some.fitted].to_numpy(), kind="stable")]
    weights = snapshot_weights(some.frame.iloc[order])
    np.savez(folder / "fit.npz", x=some.matrix[order], y=some.labels[order], w=weights)
    np.savez(folder / "test.npz", x=some.matrix[some.test])
    columns = {"names": list(some.columns.names), "categorical": [int(i) for i in some.columns.categorical]}
    (folder / "columns.json").write_text(json.dumps(columns), encoding="utf-8")
    worker = Path(__file__).with_name("automl_worker.py")
    threads = str(some.params.train.num_threads)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(ENVIRONMENT), str(worker), str(folder), str(seconds), threads],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise DataError(f"FLAML on {some.name} failed with code {done.returncode}:\n{done.stderr[-2000:]}")
    return np.load(folder / "probability.npy"), json.loads((folder / "chosen.json").read_text(encoding="utf-8"))


def predict_baselines(some: ModelSet, points: PointsParams | None = None) -> dict[str, np.ndarray]:
    """Fit the baselines before the test and predict it; `points` is the company's table where it is to be one of them."""
    return fit_baselines(
        some.matrix,
        some.frame,
        some.columns,
        points=points,
        observation_days=some.params.features.observation_days,
        predict=some.test,
    )


def fit_all(some: ModelSet, seconds: float) -> Scores:
    """Fit every contender; FLAML where its environment is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params, notes = tuned(some, seconds, folder)
        scores = {"product": predict_product(some, params)}
        found = Scores(scores, {"tuning": notes})
        baselines = predict_baselines(some, some.params.points)
        scores.update({name: values for name, values in baselines.items() if name in CONTENDERS})
        if ENVIRONMENT.exists():
            scores["automl"], found.notes["automl"] = predict_automl(some, seconds, folder)
    return found
