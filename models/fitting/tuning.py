"""Which parameters of `train` to try, on which rows, and what a trial is worth: its loss within the time reasons may take.

Nothing here sees a row of the test: the folds are made of the rows before it. What searches stands in `pipeline.tuning`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.errors import ParameterError
from models.fitting.classifier import Classifier
from models.fitting.cross_fitting import FoldData, fit_folds, fold_data, mean_losses
from models.fitting.folds import training_folds
from models.fitting.row_weights import snapshot_weights
from models.fitting.splits import FITTED, linked_groups
from models.fitting.time_cuts import micros
from models.params import SplitParams, TrainParams, TuningParams

__all__ = [
    "SPACE",
    "Dimension",
    "Outcome",
    "judge",
    "measured_cost",
    "prepared_folds",
    "reason_cost",
    "run_trial",
    "tried_params",
    "tuning_folds",
]

TIMED_ROWS = 200
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter of `train` with the bounds that it is searched within, both included."""

    name: str
    low: float
    high: float
    log: bool
    whole: bool


# Small trees belong to it: on the sets with some hundred positives they win. Shares of features start low, because windows and
# half-lives of one selector say much the same.
SPACE = (
    Dimension("learning_rate", 0.015, 0.15, log=True, whole=False),
    Dimension("num_leaves", 3, 48, log=True, whole=True),
    Dimension("min_data_in_leaf", 5, 300, log=True, whole=True),
    Dimension("feature_fraction", 0.05, 1.0, log=True, whole=False),
    Dimension("bagging_fraction", 0.4, 1.0, log=False, whole=False),
    Dimension("lambda_l2", 0.1, 100.0, log=True, whole=False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial reached.

    Attributes
    ----------
    loss : float
        Weighted log loss over all validated rows, in nats, at the best number of rounds whose reasons keep to the budget.
    rounds : int
        That number.
    reason_ms : float
        What the reasons of one row take with so many rounds.
    unbounded_loss, unbounded_rounds, unbounded_ms
        The same without a budget.
    rounds_allowed : int
        The most rounds whose reasons keep to the budget; beyond what was fitted by the mean tree.
    """

    loss: float
    rounds: int
    reason_ms: float
    unbounded_loss: float
    unbounded_rounds: int
    unbounded_ms: float
    rounds_allowed: int


def tried_params(base: TrainParams, values: Mapping[str, float], max_rounds: int) -> TrainParams:
    """Lay the values of a trial over the section `train`.

    Raises
    ------
    ParameterError
        A name is not searched for.
    """
    unknown = sorted(set(values) - {dimension.name for dimension in SPACE})
    if unknown:
        raise ParameterError(f"tuning: {unknown} are not searched for. Allowed: {[d.name for d in SPACE]}")
    return TrainParams(**{**base.model_dump(), **values, "max_rounds": max_rounds})


def tuning_folds(
    frame: pd.DataFrame,
    split: SplitParams,
    tuning: TuningParams,
    label_days: int,
    recording_delay_days: int,
    ordinal: bool,
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Cut the rows before the test into folds: those of training where it has its own, else `tuning.folds` in time, purged.

    In the second case, in mode ``grouped``, a lead or account whose first row lies before a validation begins takes no part in
    that validation, as it would take none in the test.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id, snapshot_at, slice.
    split, tuning
        As the stage `split` decided, and the `tuning` section.
    label_days, recording_delay_days : int
        Days until a label is known.
    ordinal : bool
        Times are only an order; nothing is purged.

    Returns
    -------
    rows : ndarray of int64
        Positions in `frame` of the rows before the test.
    folds : list of (ndarray of int64, ndarray of int64)
        Positions within `rows` to fit on and to validate, earliest fold first.

    Raises
    ------
    DataError
        The rows are too few, or too short a history, for so many folds.
    """
    rows = np.flatnonzero(frame["slice"].isin(FITTED).to_numpy())
    used = frame.iloc[rows]
    if split.cross_fit_folds:
        return rows, training_folds(used, split, label_days, recording_delay_days, ordinal)
    own = split.model_copy(update={"cross_fit_folds": tuning.folds, "cross_fit_purge": True, "cross_fit_by": "time"})
    folds = training_folds(used, own, label_days, recording_delay_days, ordinal)
    if split.mode == "grouped":
        at = micros(used["snapshot_at"])
        first = pd.Series(at).groupby(linked_groups(used)).transform("min").to_numpy()
        folds = [(fit, valid[first[valid] >= at[valid].min()]) for fit, valid in folds]
    return rows, folds


def prepared_folds(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    rows: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    categorical: Sequence[int],
) -> list[FoldData]:
    """Bin the rows of each fold once for all trials; weights are those of training, every lead counts one.

    Parameters
    ----------
    matrix : ndarray of float32 [rows of `frame`, features]
        In catalog order.
    frame : DataFrame
        Row for row: lead_id, label.
    rows, folds
        As `tuning_folds` returns them.
    names, categorical
        Of the columns.

    Raises
    ------
    DataError
        If the fit or the validation rows of a fold have one label only.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)[rows]
    return fold_data(matrix[rows], labels, snapshot_weights(frame)[rows], folds, names, categorical)


def reason_cost(
    explain: Callable[[np.ndarray], Any],
    matrix: np.ndarray,
    work: float,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Measure what a unit of work costs, in milliseconds of one processor; the fastest of some repeats.

    Parameters
    ----------
    explain : callable
        Explains a matrix, such as `Classifier.contributions`.
    matrix : ndarray of float32 [rows, features]
        Up to 200 rows of it are explained at once.
    work : float
        Leaves x levels, summed over the trees that `explain` walks; above 0.
    clock : callable
        Seconds. Processor time by default, so that a busy machine changes little.

    Raises
    ------
    ParameterError
        There is no row, or no work to measure on.
    """
    timed = matrix[:TIMED_ROWS]
    if not len(timed) or work <= 0:
        raise ParameterError(f"reason_cost: {len(timed)} rows and work {work}; needs rows, and trees with a split")
    explain(timed)
    spent = []
    for _ in range(REPEATS):
        begin = clock()
        explain(timed)
        spent.append(clock() - begin)
    return max(min(spent), 0.0) * 1e3 / (len(timed) * work)


def judge(losses: np.ndarray, work: np.ndarray, ms_per_work: float, budget_ms: float) -> Outcome:
    """Find the best round, once within the budget and once without.

    Reasons of one row take ``ms_per_work`` x the sum, over the trees, of leaves x levels.

    Parameters
    ----------
    losses : ndarray of float64 [rounds]
        Validation loss after each round.
    work : ndarray of float64 [trees]
        Leaves x levels of trees as they come; rounds beyond them are taken to cost the mean.
    ms_per_work : float
        As `reason_cost` measures it.
    budget_ms : float
        Milliseconds per row.

    Examples
    --------
    Three trees of four leaves and two levels keep to a budget of 24 units, and the fourth, better one does not.

    >>> found = judge(np.array([0.6, 0.5, 0.45, 0.4]), np.full(4, 8.0), 1.0, 24.0)
    >>> found.loss, found.rounds, found.unbounded_loss, found.unbounded_rounds, found.rounds_allowed
    (0.45, 3, 0.4, 4, 3)
    """
    mean = float(work.mean()) if len(work) else 0.0
    spent = np.cumsum(np.append(work, np.full(max(len(losses) - len(work), 0), mean)))[: len(losses)] * ms_per_work
    within = allowed = int((spent <= budget_ms).sum())
    if within == len(losses) and mean * ms_per_work > 0.0:
        allowed += int((budget_ms - spent[-1]) / (mean * ms_per_work))
    bounded = int(np.argmin(losses[: max(within, 1)]))
    free = int(np.argmin(losses))
    return Outcome(
        loss=float(losses[bounded]),
        rounds=bounded + 1,
        reason_ms=float(spent[bounded]),
        unbounded_loss=float(losses[free]),
        unbounded_rounds=free + 1,
        unbounded_ms=float(spent[free]),
        rounds_allowed=max(allowed, 1),
    )


def run_trial(
    prepared: Sequence[FoldData], params: TrainParams, ms_per_work: float, budget_ms: float
) -> Iterator[Outcome]:
    """Fit fold after fold and yield what all folds so far reach together; the last one is the trial's outcome.

    Who prunes stops asking for more.

    Parameters
    ----------
    prepared : sequence of FoldData
        As `prepared_folds` returns them.
    params : TrainParams
        As `tried_params` returns them.
    ms_per_work, budget_ms : float
        As for `judge`.
    """
    losses = []
    for fit in fit_folds(prepared, params):
        losses.append(fit.losses)
        mass = [fold.mass for fold in prepared[: len(losses)]]
        yield judge(mean_losses(losses, mass), fit.work, ms_per_work, budget_ms)


def measured_cost(classifier: Classifier, matrix: np.ndarray) -> float:
    """Measure LightGBM's own exact reasons on this machine, with a trained classifier."""
    return reason_cost(classifier.contributions, matrix, float(classifier.work.sum()))
