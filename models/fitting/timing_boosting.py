"""Boosted log-odds of a target in [0, 1], cross-fitted by account."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm
import numpy as np

from models.fitting.binned_rows import DETERMINISTIC, make_dataset
from models.fitting.boosting import tree_settings
from models.fitting.classifier import Classifier
from models.fitting.side_by_side import side_by_side
from models.params import TreeParams
from models.trees.model_text import CROSS_ENTROPY

__all__ = ["CrossFitted", "cross_fit", "folds_of", "log_odds", "probability"]

LEARNING_RATE, MOST_ROUNDS, PATIENCE = 0.1, 150, 15
SMALLEST = 1e-5


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Turn probabilities into log-odds, kept finite."""
    p = np.clip(probabilities, SMALLEST, 1.0 - SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p))


def probability(values: np.ndarray) -> np.ndarray:
    """Turn log-odds into probabilities."""
    return np.asarray(1.0 / (1.0 + np.exp(-values)))


def folds_of(groups: np.ndarray, folds: int, seed: int) -> dict[object, int]:
    """Deal accounts to folds; the same account is in the same fold whatever rows it has.

    Examples
    --------
    >>> sorted(folds_of(np.array(["a", "b", "c", "a"], dtype=object), 3, 1).values())
    [0, 1, 2]
    """
    unique = np.unique(groups.astype(str))
    dealt = np.random.default_rng(seed).permutation(len(unique)) % folds
    return dict(zip(unique.tolist(), dealt.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """One model fitted on all rows, and one per fold that saw nothing of the fold's accounts.

    Attributes
    ----------
    model : Classifier
        Of all rows.
    without : tuple of Classifier
        Per fold.
    """

    model: Classifier
    without: tuple[Classifier, ...]

    def by_fold(self, matrix: np.ndarray) -> np.ndarray:
        """Predict log-odds by every fold's model: float64 [folds, rows]."""
        return np.stack([model.predict_log_odds(matrix, threads=1) for model in self.without])


def cross_fit(
    matrix: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    fold: np.ndarray,
    names: Sequence[str],
    categorical: Sequence[int],
    trees: TreeParams,
    start: np.ndarray | None = None,
) -> CrossFitted:
    """Fit a model per fold, which stops where the fold that it never saw stops improving, and one on all rows.

    Parameters
    ----------
    matrix : ndarray of float32 [rows, features]
    target : ndarray of float64 [rows]
        In [0, 1].
    weights : ndarray of float64 [rows]
        Positive.
    fold : ndarray of int64 [rows]
        0-based; no account is in two.
    names, categorical
        Of the catalog.
    trees : TreeParams
        Their size and seed; the learning rate and the rounds are this module's.
    start : ndarray of float64 [rows], optional
        Log-odds that the trees add to; what the models then predict is what they add.
    """
    settings: dict[str, Any] = {
        **tree_settings(trees),
        **DETERMINISTIC,
        "objective": CROSS_ENTROPY,  # log loss against a target that may be any number in [0, 1]
        "metric": CROSS_ENTROPY,
        "learning_rate": LEARNING_RATE,
        "num_threads": 1,
    }
    data = make_dataset((matrix, target, weights), names, categorical, 1, free_raw_data=True).construct()
    if start is not None:
        data.set_init_score(start)

    def part(rows: np.ndarray) -> Any:
        chosen = data.subset(np.flatnonzero(rows).tolist()).construct()
        return chosen if start is None else chosen.set_init_score(start[rows])

    def fitted(learned: Any, unseen: Any) -> Any:
        return lightgbm.train(
            settings,
            learned,
            num_boost_round=MOST_ROUNDS,
            valid_sets=[unseen],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )

    held = [fold == number for number in range(int(fold.max()) + 1)]
    tasks = [partial(fitted, part(~rows), part(rows)) for rows in held]
    boosters = side_by_side(tasks, trees.num_threads)
    rounds = [max(booster.best_iteration, 1) for booster in boosters]
    without = [_read(booster, count, names) for booster, count in zip(boosters, rounds, strict=True)]
    everything = lightgbm.train(settings, data, num_boost_round=max(1, round(float(np.mean(rounds)))))
    return CrossFitted(_read(everything, everything.current_iteration(), names), tuple(without))


def _read(booster: Any, rounds: int, names: Sequence[str]) -> Classifier:
    # Through the text, so that training predicts with the very model that a bundle loads
    return Classifier.from_text(booster.model_to_string(num_iteration=rounds), names, CROSS_ENTROPY)
