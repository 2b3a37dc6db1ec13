"""Cross-fitting with LightGBM: one fit per fold, and the number of rounds that suits all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm
import numpy as np

from models.fitting.binned_rows import DETERMINISTIC, check_both_labels, make_dataset
from models.fitting.boosting import booster_settings, on_one_thread
from models.fitting.folds import Fold
from models.fitting.side_by_side import side_by_side
from models.params import TrainParams
from models.trees.model_text import read_model_text

__all__ = ["FoldData", "FoldFit", "cross_fit", "fit_folds", "fold_data", "mean_losses"]


@dataclass(frozen=True, eq=False)
class FoldData:
    """Rows of one fold as LightGBM's `Dataset`, binned once for many fits; `mass` is the weight that validates."""

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
    folds: Sequence[Fold],
    names: Sequence[str],
    categorical: Sequence[int],
    workers: int = 1,
) -> list[FoldData]:
    """Bin the rows of each fold; parameters as for `cross_fit`, and how many folds are binned at once.

    A fold has bins of its own, from what it is fitted on: what comes later is as new to it as live rows are to the product.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    for number, (fit, valid) in enumerate(folds, 1):
        _check_fold(labels, fit, valid, number)

    def binned(fold: Fold) -> FoldData:
        fit, valid = fold
        data = make_dataset((matrix[fit], labels[fit], weights[fit]), names, categorical, 1, None, True)
        after = make_dataset((matrix[valid], labels[valid], weights[valid]), names, categorical, 1, data, True)
        return FoldData(data.construct(), after.construct(), float(weights[valid].sum()))

    # The last fold has the most rows
    return side_by_side([partial(binned, fold) for fold in reversed(folds)], workers)[::-1]


def fit_folds(prepared: Sequence[FoldData], params: TrainParams) -> Iterator[FoldFit]:
    """Fit fold after fold; each stops once its own loss has not improved for two times `early_stopping_rounds`."""
    for fold in prepared:
        history: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            {**booster_settings(params), **DETERMINISTIC, "metric": "binary_logloss"},
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
    folds: Sequence[Fold],
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
    prepared: Sequence[FoldData] | None = None,
) -> tuple[np.ndarray, int]:
    """Choose the number of rounds, and predict every validated row by a model that never saw it.

    All folds are predicted at one common number of rounds, the one with the smallest weighted log loss over all of them:
    rounds chosen per fold would flatter the fold that they were chosen on. A fold stops once its own loss has not improved
    for two times `early_stopping_rounds`; from there on its last loss counts, and it predicts with the rounds it has. The
    refit has more rows than any fold had, but no more rounds: too few cost less than too many.

    Parameters
    ----------
    matrix, labels, weights, params, names, categorical
        As for `models.fitting.boosting.train`.
    folds : sequence of (ndarray, ndarray)
        Positions of fit and validation rows, as `models.fitting.splits.time_folds` returns them.
    prepared : sequence of FoldData, optional
        What `fold_data` made of these folds, where others need it, too.

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
    alone, workers = on_one_thread(params), params.num_threads
    prepared = prepared or fold_data(matrix, labels, weights, folds, names, categorical, workers)

    def fitted(fold: FoldData) -> FoldFit:
        (fit,) = fit_folds([fold], alone)
        fit.booster.free_dataset()
        return fit

    def predicted(fit: FoldFit, valid: np.ndarray) -> np.ndarray:
        used = min(rounds, fit.booster.current_iteration())
        return np.asarray(fit.booster.predict(matrix[valid], raw_score=True, num_iteration=used, num_threads=1))

    fits = side_by_side([partial(fitted, fold) for fold in reversed(prepared)], workers)[::-1]
    rounds = int(np.argmin(mean_losses([fit.losses for fit in fits], [fold.mass for fold in prepared]))) + 1
    log_odds = np.full(len(matrix), np.nan)
    pairs = [(fit, valid) for fit, (_, valid) in zip(fits, folds, strict=True)]
    answers = side_by_side([partial(predicted, *pair) for pair in pairs], workers)
    for (_, valid), answer in zip(pairs, answers, strict=True):
        log_odds[valid] = answer
    return log_odds, rounds


def _check_fold(labels: np.ndarray, fit: np.ndarray, valid: np.ndarray, number: int) -> None:
    check_both_labels(labels[fit], f"cross-fitting, fold {number}")
    check_both_labels(labels[valid], f"cross-fitting, validation of fold {number}")
