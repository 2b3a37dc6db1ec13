"""The ladder: from the base rate to LightGBM as it is set, and how far up it a set of this size is carried.

Rungs: the base rate; the base rate by segment; a regularised logistic regression on few columns; LightGBM that is
regularised so strongly that no number of rounds has to be chosen; LightGBM as it is set. All are fitted on the same folds,
and what they say of rows that they did not see is stacked: ``log-odds = base + sum of weight x (rung - base)``; the base
and the two upper rungs know how long ago a lead entered the funnel (`models.fitting.linear.fit_entry`).

The weights are a posterior mode: a normal prior that halves between the logistic regression and the trees, and the
out-of-fold likelihood, in which an account counts as one. So few leads get about the prior's mean, which shrinks the larger
model towards the simpler one, and many leads get what their folds say. Few leads get strongly regularised trees, whose part may
exceed 1. From `STACK_BELOW` positives on, the trees are LightGBM as it is set and the weights those of a mean: none below 0,
together at most 1 (Breiman, Stacked regressions, 1996), as folds that end months before the test can't tell how bold to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import logit

from models.fitting.additive import AdditiveModel, combined
from models.fitting.binned_rows import BinnedRows, Rows
from models.fitting.boosting import train_part
from models.fitting.classifier import Classifier
from models.fitting.cross_fitting import FoldData, cross_fit, fold_data
from models.fitting.folds import Fold
from models.fitting.linear import LinearFit, fit_entry, fit_linear, fit_segments, lead_weights
from models.fitting.paired import mean_loss, paired_gain
from models.fitting.side_by_side import side_by_side
from models.fitting.stack import Stack
from models.fitting.stack_weights import weigh_freely, weigh_mean
from models.params import TrainParams

__all__ = ["LOOK_BELOW", "RUNGS", "STACK_BELOW", "Climb", "StackFit", "climb", "fit_stack", "strong_params"]

RUNGS = ("segments", "linear", "trees")
LOOK_BELOW = 2_000
"""With so many positive accounts (leads without one), or more, LightGBM as it is set is the model; no other rung is fitted."""
STACK_BELOW = 120
"""With fewer, the stack with strongly regularised trees is the model: so few can't tell how many rounds LightGBM as it is set
should have. From there on it is the mean of LightGBM as it is set and the logistic regression, unless LightGBM alone is better
by the interval of the paired difference: a few hundred positives can't tell which of the two is better, and a mean need not."""
STRONG_ROUNDS = 150
Z = 1.96


@dataclass(frozen=True, eq=False)
class Climb:
    """What the ladder decided, from out-of-fold rows alone.

    Attributes
    ----------
    log_odds : ndarray of float64 [rows]
        Of the model that was chosen; NaN where a row is never validated.
    rounds : int
        Of its trees.
    weights : tuple of float or None
        Of `RUNGS`; None: LightGBM as it is set, alone.
    strong : bool
        The trees of the stack are the strongly regularised ones.
    facts : dict
        For the verdict: positives, which rule decided, loss of every rung, and the stack's gain with its interval:
        over the base rate by entry where leads are few, else over LightGBM as it is set. Most rows are later looks at a lead,
        whose rate falls: to know that alone is no signal about leads.
    """

    log_odds: np.ndarray
    rounds: int
    weights: tuple[float, ...] | None
    strong: bool
    facts: dict[str, object]


def strong_params(params: TrainParams, rows: int) -> TrainParams:
    """Give LightGBM's parameters for few leads: small trees of many columns' shares, small steps, heavy leaves."""
    return params.model_copy(
        update={
            "learning_rate": 0.03,
            "num_leaves": 4,
            "min_data_in_leaf": max(10, rows // 20),
            "feature_fraction": 0.2,
            "bagging_fraction": 0.8,
            "lambda_l2": 20.0,
        }
    )


def climb(
    rows: Rows,
    groups: np.ndarray,
    folds: Sequence[Fold],
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
    look_below: int = LOOK_BELOW,
) -> Climb:
    """Cross-fit the rungs on the folds and decide.

    Parameters
    ----------
    rows : (matrix, labels, weights)
        Of the training part, as for `models.fitting.boosting.train`.
    groups : ndarray
        Account or lead of each row.
    folds : sequence of Fold
        As `models.fitting.folds.training_folds` returns them.
    params : TrainParams
        LightGBM as it is set.
    names, categorical
        Of the columns.
    look_below : int
        See `LOOK_BELOW`; 0: LightGBM as it is set, whatever the size.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    matrix, labels, weights = rows
    positives = len(np.unique(groups[labels == 1].astype(str)))
    is_few = positives < min(STACK_BELOW, look_below)
    full, rounds = np.full(len(labels), np.nan), STRONG_ROUNDS
    prepared = fold_data(matrix, labels, weights, folds, names, categorical, params.num_threads)
    if not is_few:
        full, rounds = cross_fit(matrix, labels, weights, folds, params, names, categorical, prepared)
    if positives >= look_below:
        return Climb(full, rounds, None, False, {"positives": positives, "rule": "plenty"})
    out = np.full((5, len(labels)), np.nan)  # base, base by entry, segments, linear, strong trees
    tasks = [
        partial(_rungs, rows, groups, *fold, params, names, categorical, is_few)
        for fold in zip(folds, prepared, strict=True)
    ]
    for (_, valid), answers in zip(folds, side_by_side(tasks[::-1], params.num_threads)[::-1], strict=True):
        out[:, valid] = answers
    if not is_few:
        out[4] = full
    seen = np.isfinite(out[0])
    y, w, accounts = labels[seen], lead_weights(weights[seen], groups[seen]), groups[seen]
    base, entry, segments, linear, trees = out[:, seen]
    steps = np.vstack([segments - base, linear - entry, trees - entry])
    weighed = weigh_freely(steps, entry, y, w) if is_few else np.append(0.0, weigh_mean(steps[1:], entry, y, w))
    stack = entry + weighed @ steps
    gain, error = paired_gain(entry if is_few else trees, stack, y, w, accounts)
    stays = not is_few and gain + Z * error < 0.0
    rungs = {
        "base_rate": base,
        "segments": segments,
        "linear": linear,
        "strong_trees" if is_few else "trees": trees,
        "stack": stack,
    }
    facts: dict[str, object] = {
        "positives": positives,
        "rule": "few" if is_few else "not_better" if stays else "better",
        "gain": gain,
        "low": gain - Z * error,
        "high": gain + Z * error,
        "loss": {name: mean_loss(z, y, w) for name, z in rungs.items()},
    }
    if stays:
        return Climb(full, rounds, None, False, facts)
    log_odds = np.full(len(labels), np.nan)
    log_odds[seen] = stack
    of_rungs = tuple(float(weight) for weight in weighed)
    facts |= {"weights": dict(zip(RUNGS, of_rungs, strict=True)), "strong": is_few}
    return Climb(log_odds, rounds, of_rungs, is_few, facts)


@dataclass(frozen=True, eq=False)
class StackFit:
    """A stack fitted on some rows.

    Attributes
    ----------
    stack : Stack
    linear : LinearFit or None
        Its logistic regression; None: the trees are alone.
    share : float
        Of the variance of the logistic regression that is the stack's, too.
    """

    stack: Stack
    linear: LinearFit | None = None
    share: float = 1.0

    def variance(self) -> np.ndarray | None:
        """Give the variance of the log-odds of each row it was fitted on, by the logistic regression's own account.

        Returns
        -------
        ndarray of float64 [rows] or None
            None: the trees are alone.
        """
        return None if self.linear is None else self.share * self.linear.variance()


def fit_stack(
    binned: BinnedRows,
    within: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    decided: Climb,
    params: TrainParams,
    categorical: Sequence[int],
    rounds: int | None = None,
) -> StackFit:
    """Fit what the ladder decided on a part of the rows, on one thread.

    Parameters
    ----------
    binned, within
        As for `models.fitting.boosting.train_part`.
    weights, groups : ndarray
        Of all rows.
    decided : Climb
        From `climb`.
    params : TrainParams
        LightGBM as it is set (of a half-sample: with its faster steps).
    categorical : sequence of int
        Of the columns.
    rounds : int, optional
        Default: those decided.
    """
    rounds = rounds or decided.rounds
    used = params
    if decided.strong:
        used = strong_params(params, len(within))
        used = used.model_copy(update={"learning_rate": used.learning_rate * decided.rounds / rounds})
    if decided.weights is None:
        return StackFit(Stack(train_part(binned, within, used, rounds)))
    labels, names = binned.labels[within], binned.names
    matrix = binned.matrix[within]
    entry, segments, linear = _additive((matrix, labels, weights[within]), groups[within], names, categorical)
    of_segments, of_linear, of_trees = decided.weights
    start = entry.predict_log_odds(matrix) if decided.strong else None  # the strong trees add to the base rate by entry
    trees = train_part(binned, within, used, rounds, start)
    base = float(logit(np.average(labels, weights=weights[within])))
    of_entry = 1.0 - of_linear - (0.0 if decided.strong else of_trees)
    additive = combined([(of_entry, entry), (of_segments, segments), (of_linear, linear.model)], -of_segments * base)
    # Halves of strongly regularised trees agree more than they know; those of LightGBM as it is set do not
    share = of_linear + (of_trees if decided.strong else 0.0)
    return StackFit(Stack(trees, of_trees, additive), linear, share**2)


def _additive(
    rows: Rows, groups: np.ndarray, names: Sequence[str], categorical: Sequence[int]
) -> tuple[AdditiveModel, AdditiveModel, LinearFit]:
    entry = fit_entry(*rows, groups, names)
    segments = fit_segments(*rows, groups, names, categorical)
    return entry, segments, fit_linear(*rows, groups, names, categorical)


def _rungs(
    rows: Rows,
    groups: np.ndarray,
    fold: Fold,
    prepared: FoldData,
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
    strong: bool,
) -> np.ndarray:
    """Fit the simpler rungs on a fold; ndarray [5, validated rows], the last one NaN unless strong trees are wanted."""
    fit, valid = fold
    matrix, labels, weights = (part[fit] for part in rows)
    entry, segments, linear = _additive((matrix, labels, weights), groups[fit], names, categorical)
    asked = rows[0][valid]
    base = np.full(len(valid), float(logit(np.average(labels, weights=weights))))
    begun = entry.predict_log_odds(asked)
    of_trees = np.full(len(valid), np.nan)
    if strong:
        trees: Classifier = train_part(
            BinnedRows(prepared.fit, matrix, tuple(names)),
            np.arange(len(fit)),
            strong_params(params, len(fit)),
            STRONG_ROUNDS,
            entry.predict_log_odds(matrix),
        )
        of_trees = begun + trees.predict_log_odds(asked, threads=1)
    return np.array([base, begun, segments.predict_log_odds(asked), linear.model.predict_log_odds(asked), of_trees])
