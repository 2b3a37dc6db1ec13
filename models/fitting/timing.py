"""The chance of a first contact now, and what it becomes by waiting a week or two: an iterated regression.

``f(x)`` is P(qualified within the horizon of the contact | first contact now, journey x), learned from first contacts.
``W_7(x)`` is the same of a lead that is not called for a week: ``f`` plus what a regression learns of what ``f`` becomes a week
later, over all weeks that a lead went through without a call. ``W_14`` is the same step taken once more, from ``W_7``. A model
with the delay as a treatment learns the difference of two rare events; this learns a smooth target from each week in a queue.

What is assumed: among leads with the same journey, when sales calls does not depend on what the lead would become. What a model
learned of an account never enters that account's own targets (cross-fitting).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.errors import DataError
from models.fitting.timing_boosting import CrossFitted, cross_fit, folds_of, probability
from models.params import TreeParams
from models.timing.rows import CALLED, CUT, STAYED, Calls, QueueWeeks

__all__ = ["Censoring", "FittedTiming", "fit_timing", "overlap", "weights_of_staying"]

Censoring = Literal["weights", "at_call"]
"""What a lead counts that is called within the week: nothing, the others being weighted up; or `f` at its call."""

LEAST_STAY = 0.05
"""Leads that are less likely than this not to be called within the week get no larger weight."""


@dataclass(frozen=True, eq=False)
class FittedTiming:
    """The models, with what cross-fitting says about the rows that they were fitted on.

    Attributes
    ----------
    now : CrossFitted
        Log-odds of `f`.
    later : tuple of CrossFitted
        What waiting 7, 14, ... days adds to the log-odds of `f`.
    f_calls, f_queue : ndarray of float64 [folds, rows]
        Log-odds of `f`, by each fold's model.
    w_queue : tuple of ndarray of float64 [folds, rows]
        Log-odds of `W_7`, `W_14`, ..., likewise.
    fold_calls, fold_queue : ndarray of int64 [rows]
        The fold that each row is in.
    stay : ndarray of float64 [rows]
        Probability of not being called within the week, cross-fitted.
    """

    now: CrossFitted
    later: tuple[CrossFitted, ...]
    f_calls: np.ndarray
    f_queue: np.ndarray
    w_queue: tuple[np.ndarray, ...]
    fold_calls: np.ndarray
    fold_queue: np.ndarray
    stay: np.ndarray

    @staticmethod
    def held_out(by_fold: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Take each row's prediction by the model that saw nothing of its account."""
        return np.asarray(by_fold[fold, np.arange(len(fold))])


def weights_of_staying(stay: np.ndarray) -> np.ndarray:
    """Weigh leads that were not called by the inverse of how likely that was.

    Examples
    --------
    >>> weights_of_staying(np.array([1.0, 0.5, 0.0])).tolist()
    [1.0, 2.0, 20.0]
    """
    return np.asarray(1.0 / np.clip(stay, LEAST_STAY, 1.0))


def fit_timing(
    calls: Calls,
    queue: QueueWeeks,
    names: Sequence[str],
    categorical: Sequence[int],
    trees: TreeParams,
    *,
    folds: int = 4,
    steps: int = 2,
    censoring: Censoring = "weights",
) -> FittedTiming:
    """Fit `f`, `W_7`, `W_14`, ....

    Parameters
    ----------
    calls, queue
        Rows to learn from, as `models.timing.rows` describes them; in bench a label may also be a true probability.
    names, categorical
        Of the catalog.
    trees : TreeParams
        Their size and seed.
    folds : int
        Of the cross-fitting, at least 2.
    steps : int
        Weeks of waiting.
    censoring : {"weights", "at_call"}
        See `Censoring`.

    Raises
    ------
    DataError
        No first contact has matured, all have the same outcome, or no lead went through a week without a call.
    """
    known = ~np.isnan(calls.label)
    if not known.any() or calls.label[known].min() == calls.label[known].max() or not queue.pairs:
        raise DataError(
            f"timing: {int(known.sum()):,} first contacts with a known outcome and {queue.pairs:,} weeks without a call; both "
            "outcomes and such weeks are needed. Use a longer history."
        )
    dealt = folds_of(np.concatenate((calls.group, queue.group)), folds, trees.seed)
    fold_calls, fold_queue = (np.array([dealt[str(g)] for g in rows.group], np.int64) for rows in (calls, queue))
    data = (names, categorical, trees)
    ones = np.ones(int(known.sum()))
    now = cross_fit(calls.matrix[known], calls.label[known], ones, fold_calls[known], *data)
    f_calls, f_queue = now.by_fold(calls.matrix), now.by_fold(queue.matrix)
    own_f = FittedTiming.held_out(f_queue, fold_queue)
    f_at_call = probability(FittedTiming.held_out(f_calls, fold_calls))

    seen = queue.became != CUT
    called = (queue.became == CALLED)[seen]
    stay = np.ones(len(queue.became))
    if called.any() and not called.all():
        odds = cross_fit(
            queue.matrix[seen], (~called).astype(np.float64), np.ones(len(called)), fold_queue[seen], *data
        )
        stay = probability(FittedTiming.held_out(odds.by_fold(queue.matrix), fold_queue))

    later: list[CrossFitted] = []
    w_queue: list[np.ndarray] = []
    before = probability(own_f)
    for _ in range(steps):
        target = np.where(queue.became == STAYED, before[queue.next_week], queue.value)
        weights = weights_of_staying(stay)
        if censoring == "at_call":
            target = np.where(queue.became == CALLED, f_at_call[queue.call], target)
            weights = np.ones(len(target))
        rows = seen & ~np.isnan(target)
        step = cross_fit(queue.matrix[rows], target[rows], weights[rows], fold_queue[rows], *data, start=own_f[rows])
        by_fold = f_queue + step.by_fold(queue.matrix)
        before = probability(FittedTiming.held_out(by_fold, fold_queue))
        later.append(step)
        w_queue.append(by_fold)
    return FittedTiming(now, tuple(later), f_calls, f_queue, tuple(w_queue), fold_calls, fold_queue, stay)


def overlap(queue: QueueWeeks, stay: np.ndarray) -> dict[str, float]:
    """Say how far weeks without a call can stand for all weeks.

    Returns
    -------
    dict
        called_within_week: share of the weeks; rarely_spared: share of the weeks in which not being called was less likely than
        `LEAST_STAY`; largest_weight; effective_weeks: the number of equally weighed weeks that would be as good (Kish).
    """
    seen = queue.became != CUT
    weights = weights_of_staying(stay[seen & (queue.became != CALLED)])
    return {
        "called_within_week": float((queue.became[seen] == CALLED).mean()),
        "rarely_spared": float((stay[seen] < LEAST_STAY).mean()),
        "largest_weight": float(weights.max(initial=0.0)),
        "effective_weeks": float(weights.sum() ** 2 / np.maximum((weights**2).sum(), 1e-12)),
    }
