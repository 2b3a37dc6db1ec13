"""What folds drawn at random would have promised: measured only for comparison with the later-in-time test.

Random folds put rows of one campaign, account or month on both sides, so whatever is alike among them looks like a signal.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from models.fitting.binned_rows import bin_rows
from models.fitting.boosting import train_untuned
from models.fitting.side_by_side import side_by_side
from models.fitting.splits import FITTED

__all__ = ["headline_fold_probabilities", "random_fold_probabilities"]

FOLDS = 3
ROUNDS = 100  # as LightGBM has it; the question is what random folds promise, not how good a model can be
MOST_ROWS = 20_000


def random_fold_probabilities(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    categorical: Sequence[int],
    seed: int,
    workers: int = 1,
) -> np.ndarray:
    """Predict each row by LightGBM with its defaults, trained on the rows of the other folds.

    Parameters
    ----------
    matrix, labels, weights, categorical
        As for `models.fitting.boosting.train`.
    seed : int
        Of the folds.
    workers : int
        How many fits run at once, each on one thread.

    Returns
    -------
    ndarray of float64 [rows]
        NaN for rows beyond the 20,000 drawn, and everywhere when a fold has one label only.
    """
    random = np.random.default_rng(seed)
    drawn = np.sort(random.permutation(len(labels))[:MOST_ROWS])
    fold = random.permutation(len(drawn)) % FOLDS
    probabilities = np.full(len(labels), np.nan)
    if any(np.unique(labels[drawn[fold != k]]).size < 2 for k in range(FOLDS)):
        return probabilities
    names = [f"column_{i}" for i in range(matrix.shape[1])]
    rows = bin_rows(matrix[drawn], labels[drawn], weights[drawn], names, categorical)

    def held_out(k: int) -> np.ndarray:
        return train_untuned(rows, np.flatnonzero(fold != k), ROUNDS).predict_probability(rows.matrix[fold == k])

    answers = side_by_side([partial(held_out, k) for k in range(FOLDS)], workers)
    for k, answer in enumerate(answers):
        probabilities[drawn[fold == k]] = answer
    return probabilities


def headline_fold_probabilities(
    frame: pd.DataFrame, matrix: np.ndarray, categorical: Sequence[int], seed: int, workers: int = 1
) -> np.ndarray:
    """Predict the headline rows before the test by `random_fold_probabilities`.

    Parameters
    ----------
    frame : DataFrame
        Columns slice, is_headline, label.
    matrix : ndarray of float32 [rows, features]
        Row for row with `frame`.
    categorical, seed, workers
        As for `random_fold_probabilities`.

    Returns
    -------
    ndarray of float64 [rows]
        NaN for all other rows.
    """
    rows = np.flatnonzero((frame["slice"].isin(FITTED) & frame["is_headline"]).to_numpy())
    predicted = np.full(len(frame), np.nan)
    labels = frame["label"].to_numpy(dtype=np.float64)[rows]
    predicted[rows] = random_fold_probabilities(matrix[rows], labels, np.ones(len(rows)), categorical, seed, workers)
    return predicted
