"""The LightGBM classifier: training, cross-fitting in time, raw log-odds, exact contributions, text in and out.

Longer than other modules because all that calls LightGBM stands here; nothing else may, but the bundle.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm
import numpy as np

from features.errors import BundleError, DataError
from models.params import TrainParams
from models.trees.model_text import BINARY, ModelText, read_model_text
from models.trees.read import Trees, flat_trees
from models.trees.shap import TreeShap

__all__ = [
    "Classifier",
    "FoldData",
    "FoldFit",
    "UntunedModel",
    "cross_fit",
    "fit_folds",
    "fold_data",
    "mean_losses",
    "train",
    "train_untuned",
    "tree_work",
]

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # matrix, labels, weights

# Below so many rows a second thread costs more than it saves.
ROWS_PER_THREAD = 2_000
UNTUNED_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained booster.

    Attributes
    ----------
    booster : lightgbm.Booster
        Its trees are those of the chosen round, no more.
    names : tuple of str
        Feature names in column order.
    model : ModelText
        The text that the booster was read from.
    """

    booster: Any
    names: tuple[str, ...]
    model: ModelText

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return int(self.booster.num_trees())

    @property
    def work(self) -> np.ndarray:
        """Per tree, leaves x levels: what exact reasons of one row cost; see `tree_work`."""
        return tree_work(self.booster)

    @cached_property
    def base_value(self) -> float:
        """Log-odds before any contribution; the same for every row."""
        return self._trees.base

    @cached_property
    def _trees(self) -> Trees:
        return flat_trees(self.model.trees)

    @cached_property
    def _shap(self) -> TreeShap:
        return TreeShap(self._trees, len(self.names))

    def predict_log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Give raw log-odds; one per row, no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.

        Returns
        -------
        ndarray of float64 [rows]

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        self._check(matrix)
        if not len(matrix):
            return np.zeros(0)
        log_odds = self.booster.predict(matrix, raw_score=True, num_threads=_threads(len(matrix)))
        return np.asarray(log_odds, dtype=np.float64)

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Split raw log-odds over features, by exact TreeSHAP; see `models.trees.shap`.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.

        Returns
        -------
        ndarray of float64 [rows, features + 1]
            The last column is the base value; a row sums to its raw log-odds.

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        self._check(matrix)
        return self._shap.contributions(matrix)

    def _check(self, matrix: np.ndarray) -> None:
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise DataError(
                f"classifier: a matrix of shape {matrix.shape} for {len(self.names)} features. Compute it with the catalog of "
                "the same bundle."
            )

    def importance(self) -> dict[str, float]:
        """Total gain of each feature over all splits."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(self.names, map(float, gains), strict=True))

    def to_text(self) -> str:
        """Write the model in LightGBM's text format; numbers survive exactly."""
        return self.model.text

    @classmethod
    def from_text(cls, text: str, names: Sequence[str], objective: str = BINARY) -> "Classifier":
        """Read a model; the text is data, reading it runs no code. LightGBM sees nothing that was not checked before.

        Parameters
        ----------
        text : str
            From `to_text`.
        names : sequence of str
            The features it was trained on, in column order.
        objective : str
            What it must have been trained for, as LightGBM writes it.

        Raises
        ------
        BundleError
            If it is no such model, or was trained on other features.
        """
        model = read_model_text(text)
        if model.objective != objective:
            raise BundleError(
                f"model.txt: its objective is {model.objective!r}, expected {objective!r}. Fetch the bundle again, or train "
                "anew."
            )
        if list(model.columns) != column_names(names):
            raise BundleError(
                f"model.txt: trained on {len(model.columns)} columns, the catalog has {len(names)} features, and they are "
                "not the same in the same order. Fetch the bundle again, or train anew."
            )
        try:
            booster = lightgbm.Booster(model_str=model.readable)
        except lightgbm.basic.LightGBMError as error:
            raise BundleError(
                f"model.txt: LightGBM can't read it ({error}). Fetch the bundle again, or train anew."
            ) from error
        return cls(booster, tuple(names), model)


@dataclass(frozen=True, eq=False)
class UntunedModel:
    """LightGBM as it comes out of the box, for comparison."""

    classifier: Classifier

    def predict_probability(self, matrix: np.ndarray) -> np.ndarray:
        """Give uncalibrated probabilities, float64, one per row."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.classifier.predict_log_odds(matrix))))


def _threads(rows: int) -> int:
    return max(1, min(len(os.sched_getaffinity(0)), rows // ROWS_PER_THREAD))


def column_names(names: Sequence[str]) -> list[str]:
    """Make names that LightGBM takes whatever characters an attribute's name has; the number keeps them distinct."""
    return [f"{column}_{re.sub(r'[^0-9A-Za-z_]', '_', name)}" for column, name in enumerate(names)]


def _settings(params: TrainParams) -> dict[str, Any]:
    return {
        "objective": "binary",
        "learning_rate": params.learning_rate,
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


# One machine, one lock file: the same rows give the same trees.
_FIXED = {"deterministic": True, "force_row_wise": True, "verbosity": -1}


def _dataset(rows: Rows, names: Sequence[str], categorical: Sequence[int], reference: Any = None) -> Any:
    matrix, labels, weights = rows
    return lightgbm.Dataset(
        matrix,
        labels,
        weight=weights,
        feature_name=column_names(names),
        categorical_feature=list(categorical),
        reference=reference,
        free_raw_data=False,
        params={"feature_pre_filter": False, **_FIXED},
    )


def _check(labels: np.ndarray, what: str) -> None:
    positives = int((labels == 1).sum())
    if not 0 < positives < len(labels):
        raise DataError(
            f"{what}: {len(labels):,} rows, {positives:,} of them positive; both labels are needed. Use a longer history, a "
            "larger labels.label_days, or other shares in the section `split`."
        )


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
    _check(labels, "training")
    data = _dataset((matrix, labels, weights), names, categorical)
    settings = {**_settings(params), **_FIXED}
    if valid is None:
        booster = lightgbm.train(settings, data, num_boost_round=rounds or params.max_rounds)
        return _finished(booster, booster.current_iteration(), names)
    _check(valid[1], "early stopping")
    booster = lightgbm.train(
        {**settings, "metric": "binary_logloss"},
        data,
        num_boost_round=params.max_rounds,
        valid_sets=[_dataset(valid, names, categorical, data)],
        callbacks=[lightgbm.early_stopping(params.early_stopping_rounds, verbose=False)],
    )
    return _finished(booster, booster.best_iteration, names)


def _finished(booster: Any, rounds: int, names: Sequence[str]) -> Classifier:
    # Through the text, so that training predicts with the very model that a bundle loads
    return Classifier.from_text(booster.model_to_string(num_iteration=rounds), names)


@dataclass(frozen=True, eq=False)
class FoldData:
    """Rows of one fold as LightGBM takes them, binned once for many fits; `mass` is the weight that validates."""

    fit: Any
    valid: Any
    mass: float


@dataclass(frozen=True, eq=False)
class FoldFit:
    """A fold's booster, with the weighted log loss of its validation rows after each round."""

    booster: Any
    losses: np.ndarray

    @property
    def work(self) -> np.ndarray:
        """Per tree, leaves x levels: what exact reasons of one row cost."""
        return tree_work(self.booster)


def fold_data(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    categorical: Sequence[int],
) -> list[FoldData]:
    """Prepare the rows of each fold; parameters as for `cross_fit`.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    prepared = []
    for number, (fit, valid) in enumerate(folds, 1):
        _check(labels[fit], f"cross-fitting, fold {number}")
        _check(labels[valid], f"cross-fitting, validation of fold {number}")
        data = _dataset((matrix[fit], labels[fit], weights[fit]), names, categorical)
        after = _dataset((matrix[valid], labels[valid], weights[valid]), names, categorical, data)
        prepared.append(FoldData(data, after, float(weights[valid].sum())))
    return prepared


def fit_folds(prepared: Sequence[FoldData], params: TrainParams) -> Iterator[FoldFit]:
    """Fit fold after fold; each stops once its own loss has not improved for three times `early_stopping_rounds`."""
    for fold in prepared:
        history: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            {**_settings(params), **_FIXED, "metric": "binary_logloss"},
            fold.fit,
            num_boost_round=params.max_rounds,
            valid_sets=[fold.valid],
            keep_training_booster=True,  # else it keeps no tree after its own best round, and the common one may lie there
            callbacks=[
                lightgbm.early_stopping(3 * params.early_stopping_rounds, verbose=False),
                lightgbm.record_evaluation(history),
            ],
        )
        yield FoldFit(booster, np.array(history["valid_0"]["binary_logloss"]))


def mean_losses(losses: Sequence[np.ndarray], mass: Sequence[float]) -> np.ndarray:
    """Average the folds' losses round by round; where a fold has stopped, its last loss counts on.

    Examples
    --------
    >>> mean_losses([np.array([0.5, 0.4]), np.array([0.6])], [1.0, 1.0]).tolist()
    [0.55, 0.5]
    """
    longest = max(map(len, losses))
    curves = np.array([np.append(loss, np.full(longest - len(loss), loss[-1])) for loss in losses])
    return np.asarray(np.average(curves, axis=0, weights=mass))


def tree_work(booster: Any) -> np.ndarray:
    """Count, per tree, its leaves times the levels of its deepest leaf.

    Exact TreeSHAP walks a path of growing length to every leaf of a tree, and at each leaf goes over it once
    (Lundberg et al. 2018), so its time per row grows with this product; a tree without a split costs nothing.
    """
    work = []
    for left, right in zip(*(_children(booster, side) for side in ("left_child", "right_child")), strict=True):
        level = np.zeros(len(left), dtype=np.int64)  # a node is numbered after its parent
        for node, children in enumerate(zip(left, right, strict=True)):
            for child in children:
                if child > 0:
                    level[child] = level[node] + 1
        work.append((len(left) + 1) * (int(level.max()) + 1) if len(left) else 0)
    return np.array(work, dtype=np.float64)


def _children(booster: Any, side: str) -> list[list[int]]:
    children = []
    for tree in booster.model_to_string(num_iteration=-1).split("\nTree=")[1:]:
        line = re.search(rf"^{side}=(.+)$", tree, re.MULTILINE)
        children.append([int(child) for child in line[1].split()] if line else [])
    return children


def cross_fit(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
) -> tuple[np.ndarray, int]:
    """Choose the number of rounds, and predict every validated row by a model that never saw it.

    All folds are predicted at one common number of rounds, the one with the smallest weighted log loss over all of them:
    rounds chosen per fold would flatter the fold that they were chosen on. A fold stops once its own loss has not improved
    for three times `early_stopping_rounds`; from there on its last loss counts, and it predicts with the rounds it has. The
    refit has more rows than any fold had, but no more rounds: too few cost less than too many.

    Parameters
    ----------
    matrix, labels, weights, params, names, categorical
        As for `train`.
    folds : sequence of (ndarray, ndarray)
        Positions of fit and validation rows, as `models.fitting.splits.time_folds` returns them.

    Returns
    -------
    log_odds : ndarray of float64 [rows]
        NaN where a row is never validated.
    rounds : int
        For the refit on all rows.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    prepared = fold_data(matrix, labels, weights, folds, names, categorical)
    fits = list(fit_folds(prepared, params))
    rounds = int(np.argmin(mean_losses([fit.losses for fit in fits], [fold.mass for fold in prepared]))) + 1
    boosters = [fit.booster for fit in fits]
    log_odds = np.full(len(matrix), np.nan)
    for booster, (_, valid) in zip(boosters, folds, strict=True):
        used = min(rounds, booster.current_iteration())
        log_odds[valid] = booster.predict(matrix[valid], raw_score=True, num_iteration=used)
    return log_odds, rounds


def train_untuned(
    matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray, categorical: Sequence[int]
) -> UntunedModel:
    """Train LightGBM with 200 trees and its defaults; only made deterministic.

    Parameters
    ----------
    matrix, labels, weights, categorical
        As for `train`.

    Raises
    ------
    DataError
        If there is one label only.
    """
    _check(labels, "untuned LightGBM")
    names = [f"column_{i}" for i in range(matrix.shape[1])]
    data = _dataset((matrix, labels, weights), names, categorical)
    settings = {"objective": "binary", "num_threads": len(os.sched_getaffinity(0)), **_FIXED}
    booster = lightgbm.train(settings, data, num_boost_round=UNTUNED_ROUNDS)
    return UntunedModel(_finished(booster, booster.current_iteration(), names))
