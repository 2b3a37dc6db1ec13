"""Half-samples: classifiers trained on random halves of the groups, and the uncertainty that their answers show.

Estimates from random halves of the groups differ from one another by as much, in variance, as the estimate from all groups
differs from the truth: a half has twice the variance, of which two halves share one half (half-sampling: Efron, The Jackknife,
the Bootstrap and Other Resampling Plans, 1982, section 8). A half takes groups whole, since rows of one account or lead depend
on one another, and a row is judged only by halves without it, as a new lead will be.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from features.errors import DataError
from models.fitting.binned_rows import BinnedRows
from models.fitting.boosting import train_part, train_variance
from models.fitting.uncertainty import LARGEST, SMALLEST, Uncertainty
from models.params import TrainParams

__all__ = ["Fit", "Predictor", "answer_of_half", "draw_halves", "fit_uncertainty"]


class Predictor(Protocol):
    """What gives log-odds."""

    def predict_log_odds(self, matrix: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Give raw log-odds, one per row."""
        ...


Fit = Callable[[BinnedRows, np.ndarray, TrainParams, int], Predictor]

MOST_DRAWS = 200
FASTER = 3.0  # halves learn in fewer, larger steps: their answers vary as much, in a third of the time


def draw_halves(groups: np.ndarray, count: int, seed: int, labels: np.ndarray) -> list[np.ndarray]:
    """Draw halves of the groups; every two complement one another, and each holds both labels.

    Parameters
    ----------
    groups : ndarray
        Account or lead of each row.
    count : int
        How many halves; an odd one is rounded down.
    seed : int
        Of the draw.
    labels : ndarray [rows]
        0 or 1: with few positives, a half without one is drawn again.

    Returns
    -------
    list of ndarray of bool [rows]
        Which rows a half holds.

    Raises
    ------
    DataError
        All rows of one label are of one group.
    """
    _, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    size = int(codes.max()) + 1
    random = np.random.default_rng(seed)

    def drawn() -> np.ndarray:
        for _ in range(MOST_DRAWS):
            half: np.ndarray = (random.permutation(size) < size / 2)[codes]
            if all(np.unique(labels[part]).size == 2 for part in (half, ~half)):
                return half
        raise DataError(
            f"half-samples: {int((labels == 1).sum()):,} positives among {size:,} accounts and leads can't be halved so that "
            "both halves hold both labels. Use a longer history"
        )

    firsts = [drawn() for _ in range(count // 2)]
    return [half for first in firsts for half in (first, ~first)]


def answer_of_half(
    rows: BinnedRows, half: np.ndarray, params: TrainParams, rounds: int, fit: Fit = train_part
) -> np.ndarray:
    """Train on a half, on one thread, and judge the other rows.

    Parameters
    ----------
    rows : BinnedRows
        What the classifier was trained on.
    half : ndarray of bool [rows]
        From `draw_halves`.
    params : TrainParams
        Of the classifier.
    rounds : int
        Trees of the classifier.
    fit : callable
        Fits the classifier on a part: rows, positions, parameters, number of trees.

    Returns
    -------
    ndarray of float64 [rows]
        Raw log-odds; NaN for the rows of the half.

    Raises
    ------
    DataError
        The half has one label only: there are too few positives.
    """
    few_trees = max(1, round(rounds / FASTER))
    faster = params.model_copy(update={"learning_rate": min(1.0, params.learning_rate * rounds / few_trees)})
    model = fit(rows, np.flatnonzero(half), faster, few_trees)
    answer = np.full(len(half), np.nan)
    answer[~half] = model.predict_log_odds(rows.matrix[~half], threads=1)
    return answer


def fit_uncertainty(
    rows: BinnedRows, answers: Sequence[np.ndarray], seed: int, least: np.ndarray | None = None
) -> Uncertainty:
    """Fit the uncertainty of a classifier to what halves answered.

    Parameters
    ----------
    rows : BinnedRows
        What the classifier was trained on.
    answers : sequence of ndarray of float64 [rows]
        From `answer_of_half`, one per half of `draw_halves`.
    seed : int
        Of the trees.
    least : ndarray of float64 [rows], optional
        Variance that each row has at least: halves that are all drawn towards one prior agree more than they know.
    """
    shown = np.nanvar(np.array(answers), axis=0, ddof=1)
    variance = np.clip(shown if least is None else np.maximum(shown, least), SMALLEST**2, LARGEST**2)
    return Uncertainty(train_variance(rows, variance, seed))
