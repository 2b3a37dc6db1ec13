"""What folds drawn at random would have promised: measured only for comparison with the later-in-time test.

Random folds put rows of one campaign, account or month on both sides, so whatever is alike among them looks like a signal.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.fitting.classifier import train_untuned
from models.fitting.splits import FITTED

__all__ = ["headline_fold_probabilities", "random_fold_probabilities"]

FOLDS = 3
MOST_ROWS = 20_000


def random_fold_probabilities(
    matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray, categorical: Sequence[int], seed: int
) -> np.ndarray:
    """Predict each row by LightGBM with its defaults, trained on the rows of the other folds.

    Parameters
    ----------
    matrix, labels, weights, categorical
        As for `models.fitting.classifier.train`.
    seed : int
        Of the folds.

    Returns
    -------
    ndarray of float64 [rows]
        NaN for rows beyond the 20,000 drawn, and everywhere when a fold has one label only.
    """
    random = np.random.default_rng(seed)
    drawn = random.permutation(len(labels))[:MOST_ROWS]
    folds = np.arange(len(drawn)) % FOLDS
    probabilities = np.full(len(labels), np.nan)
    for fold in range(FOLDS):
        fit, held_out = drawn[folds != fold], drawn[folds == fold]
        if np.unique(labels[fit]).size < 2:
            return np.full(len(labels), np.nan)
        model = train_untuned(matrix[fit], labels[fit], weights[fit], categorical)
        probabilities[held_out] = model.predict_probability(matrix[held_out])
    return probabilities


def headline_fold_probabilities(
    frame: pd.DataFrame, matrix: np.ndarray, categorical: Sequence[int], seed: int
) -> np.ndarray:
    """Predict the headline rows before the test by `random_fold_probabilities`.

    Parameters
    ----------
    frame : DataFrame
        Columns slice, is_headline, label.
    matrix : ndarray of float32 [rows, features]
        Row for row with `frame`.
    categorical, seed
        As for `random_fold_probabilities`.

    Returns
    -------
    ndarray of float64 [rows]
        NaN for all other rows.
    """
    rows = np.flatnonzero((frame["slice"].isin(FITTED) & frame["is_headline"]).to_numpy())
    predicted = np.full(len(frame), np.nan)
    labels = frame["label"].to_numpy(dtype=np.float64)[rows]
    predicted[rows] = random_fold_probabilities(matrix[rows], labels, np.ones(len(rows)), categorical, seed)
    return predicted
