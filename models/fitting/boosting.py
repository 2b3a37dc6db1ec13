"""Fits of LightGBM: the classifier, the variance model and LightGBM untuned. The same arguments give the same trees.

Fits that run side by side have one thread each: LightGBM counts its threads per process, so fits with different counts must
not overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from models.fitting.binned_rows import DETERMINISTIC, BinnedRows, Rows, check_both_labels, make_dataset
from models.fitting.classifier import Classifier
from models.params import TrainParams, TreeParams
from models.trees.model_text import BINARY, GAMMA

__all__ = [
    "UntunedModel",
    "booster_settings",
    "on_one_thread",
    "train",
    "train_part",
    "train_untuned",
    "train_variance",
    "tree_settings",
]

UNTUNED_ROUNDS = 200
VARIANCE_ROUNDS = 80

_VARIANCE = {"objective": "gamma", "learning_rate": 0.1, "num_leaves": 15, "feature_fraction": 0.5, "num_threads": 1}


def booster_settings(params: TrainParams) -> dict[str, Any]:
    """Give the parameters of the classifier as LightGBM names them."""
    return {"objective": "binary", "learning_rate": params.learning_rate, **tree_settings(params)}


def tree_settings(params: TreeParams) -> dict[str, Any]:
    """Give the parameters of a tree as LightGBM names them."""
    return {
        "num_leaves": params.num_leaves,
        "min_data_in_leaf": params.min_data_in_leaf,
        "feature_fraction": params.feature_fraction,
        "bagging_fraction": params.bagging_fraction,
        "bagging_freq": 1 if params.bagging_fraction < 1.0 else 0,
        "lambda_l2": params.lambda_l2,
        # LightGBM's own default of 100 rows would keep most categories of a small company apart from any split
        "min_data_per_group": min(100, params.min_data_in_leaf),
        "seed": params.seed,
        "num_threads": params.num_threads,
    }


def train(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
    *,
    valid: Rows | None = None,
    rounds: int | None = None,
) -> Classifier:
    """Train a classifier; the same arguments give the same one.

    Parameters
    ----------
    matrix : ndarray of float32 [rows, features]
        NaN is missing; categories are codes.
    labels : ndarray [rows]
        0 or 1.
    weights : ndarray of float64 [rows]
        Positive.
    params : TrainParams
        LightGBM's parameters.
    names : sequence of str
        Feature names.
    categorical : sequence of int
        Columns that hold category codes.
    valid : (matrix, labels, weights), optional
        Rows later in time; training stops when their weighted log loss has not improved for `early_stopping_rounds`.
    rounds : int, optional
        Number of trees when there is no `valid`; default `max_rounds`.

    Raises
    ------
    DataError
        If training or early stopping has one label only, or no rows.
    """
    check_both_labels(labels, "training")
    data = make_dataset((matrix, labels, weights), names, categorical, params.num_threads)
    settings = {**booster_settings(params), **DETERMINISTIC}
    if valid is None:
        booster = lightgbm.train(settings, data, num_boost_round=rounds or params.max_rounds)
        return _finished(booster, booster.current_iteration(), names)
    check_both_labels(valid[1], "early stopping")
    booster = lightgbm.train(
        {**settings, "metric": "binary_logloss"},
        data,
        num_boost_round=params.max_rounds,
        valid_sets=[make_dataset(valid, names, categorical, params.num_threads, data)],
        callbacks=[lightgbm.early_stopping(params.early_stopping_rounds, verbose=False)],
    )
    return _finished(booster, booster.best_iteration, names)


def train_part(
    rows: BinnedRows, within: np.ndarray, params: TrainParams, rounds: int, start: np.ndarray | None = None
) -> Classifier:
    """Train a classifier on a part of binned rows, on one thread.

    Parameters
    ----------
    rows : BinnedRows
        Binned once for all fits.
    within : ndarray of int64
        Positions to fit on, ascending.
    params : TrainParams
        LightGBM's parameters.
    rounds : int
        Number of trees.
    start : ndarray of float64 [len(within)], optional
        Log-odds that the trees add to; what the classifier then predicts is what they add.

    Raises
    ------
    DataError
        The part has one label only, or no rows.
    """
    check_both_labels(rows.labels[within], "training")
    part = rows.part(within) if start is None else rows.part(within).set_init_score(start)
    booster = lightgbm.train({**booster_settings(on_one_thread(params)), **DETERMINISTIC}, part, num_boost_round=rounds)
    return _finished(booster, booster.current_iteration(), rows.names)


def train_variance(rows: BinnedRows, variance: np.ndarray, seed: int) -> Classifier:
    """Train the small model that learns a variance, with a gamma objective, on one thread.

    Parameters
    ----------
    rows : BinnedRows
        Its labels play no part.
    variance : ndarray of float64 [rows]
        Positive.
    seed : int
        Of the trees.

    Returns
    -------
    Classifier
        Its raw output is the natural logarithm of the variance.
    """
    data = rows.part(np.arange(len(rows.matrix))).set_label(variance)
    settings = {
        **_VARIANCE,
        **DETERMINISTIC,
        "min_data_in_leaf": min(100, max(5, len(rows.matrix) // 50)),
        "seed": seed,
    }
    return _finished(
        lightgbm.train(settings, data, num_boost_round=VARIANCE_ROUNDS), VARIANCE_ROUNDS, rows.names, GAMMA
    )


def on_one_thread(params: TrainParams) -> TrainParams:
    """Take the parameters for a fit beside others."""
    return params.model_copy(update={"num_threads": 1})


@dataclass(frozen=True, eq=False)
class UntunedModel:
    """LightGBM as it comes out of the box, for comparison."""

    classifier: Classifier

    def predict_probability(self, matrix: np.ndarray) -> np.ndarray:
        """Give uncalibrated probabilities, float64, one per row."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.classifier.predict_log_odds(matrix, threads=1))))


def train_untuned(rows: BinnedRows, within: np.ndarray | None = None, rounds: int = UNTUNED_ROUNDS) -> UntunedModel:
    """Train LightGBM with its defaults; only made deterministic, and on one thread.

    Parameters
    ----------
    rows : BinnedRows
        Binned once for all fits.
    within : ndarray of int64, optional
        Positions to fit on, ascending; default all.
    rounds : int
        Number of trees.

    Raises
    ------
    DataError
        If there is one label only.
    """
    within = np.arange(len(rows.matrix)) if within is None else within
    check_both_labels(rows.labels[within], "untuned LightGBM")
    settings = {"objective": "binary", "num_threads": 1, **DETERMINISTIC}
    booster = lightgbm.train(settings, rows.part(within), num_boost_round=rounds)
    return UntunedModel(_finished(booster, booster.current_iteration(), rows.names))


def _finished(booster: Any, rounds: int, names: Sequence[str], objective: str = BINARY) -> Classifier:
    # Through the text, so that training predicts with the very model that a bundle loads
    return Classifier.from_text(booster.model_to_string(num_iteration=rounds), names, objective)
