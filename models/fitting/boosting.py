"""Training with LightGBM: bins shared by many fits, one fit, cross-fitting in time. The same arguments give the same trees.

With the classifier this is the only place that calls LightGBM. Fits that run side by side have one thread each: LightGBM counts
its threads per process, so fits with different counts must not overlap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm
import numpy as np

from features.errors import DataError
from models.fitting.classifier import Classifier, column_names
from models.fitting.side_by_side import side_by_side
from models.params import TrainParams
from models.trees.model_text import BINARY, GAMMA, read_model_text

__all__ = [
    "BinnedRows",
    "FoldData",
    "FoldFit",
    "Rows",
    "UntunedModel",
    "bin_rows",
    "cross_fit",
    "fit_folds",
    "fold_data",
    "mean_losses",
    "on_one_thread",
    "train",
    "train_part",
    "train_untuned",
    "train_variance",
]

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # matrix, labels, weights

UNTUNED_ROUNDS = 200
VARIANCE_ROUNDS = 80


@dataclass(frozen=True, eq=False)
class BinnedRows:
    """Labelled rows with LightGBM's bins of them, found once for all fits on parts of these rows.

    Attributes
    ----------
    data : lightgbm.Dataset
        Binned; parts share its bins.
    matrix : ndarray of float32 [rows, features]
        The rows themselves.
    names : tuple of str
        Feature names in column order.
    """

    data: Any
    matrix: np.ndarray
    names: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """0 or 1 per row."""
        return np.asarray(self.data.get_label(), dtype=np.float64)

    def part(self, rows: np.ndarray) -> Any:
        """Give the `Dataset` of some rows, ascending positions, with their labels and weights."""
        return self.data.subset(rows.tolist()).construct()


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


_VARIANCE = {"objective": "gamma", "learning_rate": 0.1, "num_leaves": 15, "feature_fraction": 0.5, "num_threads": 1}

# One machine, one lock file: the same rows give the same trees. By columns, a sum over rows is never split among threads, and
# one thread is quicker so.
_FIXED = {"deterministic": True, "force_col_wise": True, "verbosity": -1}


def _dataset(
    rows: Rows,
    names: Sequence[str],
    categorical: Sequence[int],
    threads: int,
    reference: Any = None,
    free_raw_data: bool = False,
) -> Any:
    matrix, labels, weights = rows
    return lightgbm.Dataset(
        matrix,
        labels,
        weight=weights,
        feature_name=column_names(names),
        categorical_feature=list(categorical),
        reference=reference,
        free_raw_data=free_raw_data,
        params={"feature_pre_filter": False, "num_threads": threads, **_FIXED},
    )


def _check(labels: np.ndarray, what: str) -> None:
    positives = int((labels == 1).sum())
    if not 0 < positives < len(labels):
        raise DataError(
            f"{what}: {len(labels):,} rows, {positives:,} of them positive; both labels are needed. Use a longer history, a "
            "larger labels.label_days, or other shares in the section `split`."
        )


def _check_fold(labels: np.ndarray, fit: np.ndarray, valid: np.ndarray, number: int) -> None:
    _check(labels[fit], f"cross-fitting, fold {number}")
    _check(labels[valid], f"cross-fitting, validation of fold {number}")


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
    data = _dataset((matrix, labels, weights), names, categorical, params.num_threads)
    settings = {**_settings(params), **_FIXED}
    if valid is None:
        booster = lightgbm.train(settings, data, num_boost_round=rounds or params.max_rounds)
        return _finished(booster, booster.current_iteration(), names)
    _check(valid[1], "early stopping")
    booster = lightgbm.train(
        {**settings, "metric": "binary_logloss"},
        data,
        num_boost_round=params.max_rounds,
        valid_sets=[_dataset(valid, names, categorical, params.num_threads, data)],
        callbacks=[lightgbm.early_stopping(params.early_stopping_rounds, verbose=False)],
    )
    return _finished(booster, booster.best_iteration, names)


def bin_rows(
    matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray, names: Sequence[str], categorical: Sequence[int]
) -> BinnedRows:
    """Bin rows for several fits on parts of them.

    The borders of the bins are those of all rows handed in: hand in rows that every fit may know the values of. Labels play
    no part.

    Parameters
    ----------
    matrix, labels, weights, names, categorical
        As for `train`.
    """
    data = _dataset((matrix, labels, weights), names, categorical, 1, free_raw_data=True)
    return BinnedRows(data.construct(), matrix, tuple(names))


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
    _check(rows.labels[within], "training")
    part = rows.part(within) if start is None else rows.part(within).set_init_score(start)
    booster = lightgbm.train({**_settings(on_one_thread(params)), **_FIXED}, part, num_boost_round=rounds)
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
    settings = {**_VARIANCE, **_FIXED, "min_data_in_leaf": min(100, max(5, len(rows.matrix) // 50)), "seed": seed}
    return _finished(
        lightgbm.train(settings, data, num_boost_round=VARIANCE_ROUNDS), VARIANCE_ROUNDS, rows.names, GAMMA
    )


def on_one_thread(params: TrainParams) -> TrainParams:
    """Take the parameters for a fit beside others."""
    return params.model_copy(update={"num_threads": 1})


def _finished(booster: Any, rounds: int, names: Sequence[str], objective: str = BINARY) -> Classifier:
    # Through the text, so that training predicts with the very model that a bundle loads
    return Classifier.from_text(booster.model_to_string(num_iteration=rounds), names, objective)


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
        return read_model_text(self.booster.model_to_string(num_iteration=-1)).work


def fold_data(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    categorical: Sequence[int],
    threads: int = 0,
) -> list[FoldData]:
    """Prepare the rows of each fold; parameters as for `cross_fit`, and how many threads may bin (0: as many as there are).

    A fold has bins of its own, from what it is fitted on: what comes later is as new to it as live rows are to the product.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    prepared = []
    for number, (fit, valid) in enumerate(folds, 1):
        _check_fold(labels, fit, valid, number)
        data = _dataset((matrix[fit], labels[fit], weights[fit]), names, categorical, threads)
        after = _dataset((matrix[valid], labels[valid], weights[valid]), names, categorical, threads, data)
        prepared.append(FoldData(data, after, float(weights[valid].sum())))
    return prepared


def fit_folds(prepared: Sequence[FoldData], params: TrainParams) -> Iterator[FoldFit]:
    """Fit fold after fold; each stops once its own loss has not improved for two times `early_stopping_rounds`."""
    for fold in prepared:
        history: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            {**_settings(params), **_FIXED, "metric": "binary_logloss"},
            fold.fit,
            num_boost_round=params.max_rounds,
            valid_sets=[fold.valid],
            keep_training_booster=True,  # else it keeps no tree after its own best round, and the common one may lie there
            callbacks=[
                lightgbm.early_stopping(2 * params.early_stopping_rounds, verbose=False),
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
    for two times `early_stopping_rounds`; from there on its last loss counts, and it predicts with the rounds it has. The
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
    for number, (fit, valid) in enumerate(folds, 1):
        _check_fold(labels, fit, valid, number)
    alone = on_one_thread(params)

    def fitted(fold: tuple[np.ndarray, np.ndarray]) -> FoldFit:
        (found,) = fit_folds(fold_data(matrix, labels, weights, [fold], names, categorical, 1), alone)
        found.booster.free_dataset()
        return found

    def predicted(found: FoldFit, valid: np.ndarray) -> np.ndarray:
        used = min(rounds, found.booster.current_iteration())
        return np.asarray(found.booster.predict(matrix[valid], raw_score=True, num_iteration=used, num_threads=1))

    # The last fold has the most rows
    fits = side_by_side([partial(fitted, fold) for fold in reversed(folds)], params.num_threads)[::-1]
    mass = [float(weights[valid].sum()) for _, valid in folds]
    rounds = int(np.argmin(mean_losses([found.losses for found in fits], mass))) + 1
    log_odds = np.full(len(matrix), np.nan)
    pairs = [(found, valid) for found, (_, valid) in zip(fits, folds, strict=True)]
    answers = side_by_side([partial(predicted, *pair) for pair in pairs], params.num_threads)
    for (_, valid), answer in zip(pairs, answers, strict=True):
        log_odds[valid] = answer
    return log_odds, rounds


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
    _check(rows.labels[within], "untuned LightGBM")
    settings = {"objective": "binary", "num_threads": 1, **_FIXED}
    booster = lightgbm.train(settings, rows.part(within), num_boost_round=rounds)
    return UntunedModel(_finished(booster, booster.current_iteration(), rows.names))
