"""Model uncertainty: by how much a lead's log-odds would differ if chance had drawn other training leads.

Training on random halves of the accounts and comparing their answers shows it; a small tree model learns it, so that one
lead's uncertainty costs one more prediction and not one per half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from scipy.special import exp2

from features.errors import BundleError
from models.fitting.classifier import Classifier, column_names, train
from models.params import CalibrationParams, TrainParams
from models.trees.model_text import GAMMA

__all__ = ["Uncertainty", "fit_uncertainty"]

FASTER = 3.0  # halves learn in fewer, larger steps: their answers vary as much, in a third of the time
ROUNDS = 80
SETTINGS = {
    "objective": "gamma",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
SMALLEST, LARGEST = 1e-3, 20.0
HALF = 0.5 / math.log(2.0)  # SciPy's scalar exp2, unlike NumPy's exp, gives one row the same bits as many


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """A model of the standard deviation of raw log-odds.

    Attributes
    ----------
    trees : Classifier
        Its raw output is the natural logarithm of the variance.
    """

    trees: Classifier

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Give the standard deviation of each row's raw log-odds; float64, positive; no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In catalog order.
        """
        return np.asarray(np.clip(exp2(self.trees.predict_log_odds(matrix) * HALF), SMALLEST, LARGEST))

    def to_text(self) -> str:
        """Write the model in LightGBM's text format."""
        return self.trees.to_text()

    @classmethod
    def from_text(cls, text: str, names: Sequence[str]) -> "Uncertainty":
        """Read a model; the text is data, reading it runs no code.

        Raises
        ------
        BundleError
            The text is no such model.
        """
        try:
            return cls(Classifier.from_text(text, names, GAMMA))
        except BundleError as error:
            raise BundleError(str(error).replace("model.txt", "spread.txt")) from error


def fit_uncertainty(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    params: TrainParams,
    calibration: CalibrationParams,
    names: Sequence[str],
    categorical: Sequence[int],
    rounds: int,
) -> Uncertainty:
    """Fit the uncertainty of a classifier that was trained on these rows.

    Estimates from random halves of the groups differ from one another by as much, in variance, as the estimate from all
    groups differs from the truth: a half has twice the variance, of which two halves share one half (half-sampling: Efron,
    The Jackknife, the Bootstrap and Other Resampling Plans, 1982, section 8). A half takes groups whole, since rows of one
    account or lead depend on one another, and a row is judged only by halves without it, as a new lead will be.

    Parameters
    ----------
    matrix, labels, weights, params, names, categorical
        As for `models.fitting.classifier.train`.
    groups : ndarray
        Account or lead of each row.
    calibration : CalibrationParams
        `halves` says how many halves, drawn with `train.seed`.
    rounds : int
        Trees of the classifier itself.

    Returns
    -------
    Uncertainty

    Raises
    ------
    DataError
        A half has one label only: there are too few positives.
    """
    _, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    random = np.random.default_rng(params.seed)
    few_trees = max(1, round(rounds / FASTER))
    faster = params.model_copy(update={"learning_rate": min(1.0, params.learning_rate * rounds / few_trees)})
    total, squares, count = (np.zeros(len(matrix)) for _ in range(3))
    for _ in range(calibration.halves // 2):
        first = (random.permutation(int(codes.max()) + 1) < (codes.max() + 1) / 2)[codes]
        for half in (first, ~first):
            rows, rest = np.flatnonzero(half), np.flatnonzero(~half)
            model = train(matrix[rows], labels[rows], weights[rows], faster, names, categorical, rounds=few_trees)
            answer = model.predict_log_odds(matrix[rest])
            total[rest] += answer
            squares[rest] += answer**2
            count[rest] += 1.0
    variance = np.clip((squares - total**2 / count) / (count - 1.0), SMALLEST**2, LARGEST**2)
    data = lightgbm.Dataset(
        matrix,
        variance,
        weight=weights,
        feature_name=column_names(names),
        categorical_feature=list(categorical),
        params={"feature_pre_filter": False, "force_row_wise": True, "verbosity": -1},
    )
    settings: dict[str, Any] = {
        **SETTINGS,
        "min_data_in_leaf": min(100, max(5, len(matrix) // 50)),
        "seed": params.seed,
        "num_threads": params.num_threads,
    }
    booster = lightgbm.train(settings, data, num_boost_round=ROUNDS)
    return Uncertainty(Classifier.from_text(booster.model_to_string(), names, GAMMA))
