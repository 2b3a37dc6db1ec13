"""The search: trials until the time or their number is used up, the present values first."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import optuna
import pandas as pd

from models.fitting.boosting import train
from models.fitting.cross_fitting import FoldData
from models.fitting.row_weights import snapshot_weights
from models.fitting.tuning import SPACE, Outcome, measured_cost, run_trial, tried_params
from models.params import TrainParams
from pipeline.tuning.study import completed

__all__ = ["applied_values", "present_values", "reason_cost", "search", "suggested"]

COST_TREES = 60


def present_values(params: TrainParams) -> dict[str, float]:
    """Take the present values of what is searched for, held within the bounds of the search."""
    return {d.name: type(getattr(params, d.name))(min(max(getattr(params, d.name), d.low), d.high)) for d in SPACE}


def suggested(trial: optuna.Trial) -> dict[str, float]:
    """Ask for one value per dimension."""
    return {
        d.name: trial.suggest_int(d.name, int(d.low), int(d.high), log=d.log)
        if d.whole
        else trial.suggest_float(d.name, d.low, d.high, log=d.log)
        for d in SPACE
    }


def reason_cost(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    rows: np.ndarray,
    params: TrainParams,
    names: Sequence[str],
    categorical: Sequence[int],
) -> float:
    """Measure on a small model what a unit of work on one lead's reasons takes on this machine.

    Parameters
    ----------
    matrix : ndarray of float32, shape (frame rows, features)
    frame : DataFrame
        Rows with ``label``, as `models.fitting.tuning.tuning_folds` takes them.
    rows : ndarray of int
        Rows before the test, as `models.fitting.tuning.tuning_folds` returns them.
    params : TrainParams
        The section `train`.
    names : sequence of str
        All features.
    categorical : sequence of int
        Positions of the categorical ones.

    Returns
    -------
    float
        Milliseconds per unit, as `search` takes them; see `models.fitting.tuning.measured_cost`.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)[rows]
    weights = snapshot_weights(frame)[rows]
    return measured_cost(
        train(matrix[rows], labels, weights, params, names, categorical, rounds=COST_TREES), matrix[rows]
    )


def search(
    study: optuna.Study,
    prepared: list[FoldData],
    base: TrainParams,
    max_rounds: int,
    ms_per_work: float,
    budget_ms: float,
    *,
    seconds: float,
    trials: int | None,
    record: Callable[[str, TrainParams, list[float], Outcome, str], None],
    watch: Callable[[int, float | None], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run trials until the time or their number is used up; the present values come first.

    No trial begins after the time is up, and one that runs then ends with the fold at hand as pruned; the present values
    are always tried in full.

    Parameters
    ----------
    study : Study
        As `open_study` returns it.
    prepared : list of FoldData
        As `models.fitting.tuning.prepared_folds` returns them.
    base : TrainParams
        The section `train`.
    max_rounds : int
        Of every trial.
    ms_per_work, budget_ms : float
        As for `models.fitting.tuning.judge`.
    seconds : float
        Wall time.
    trials : int or None
        At most so many more; None: as the time allows.
    record : callable
        Takes name, parameters, losses after each fold, outcome, and ``complete`` or ``pruned`` of every trial.
    watch : callable
        Called after each fold and each trial with the number of trials run by this call, and the smallest loss of the study so
        far, None before the first complete trial.
    clock : callable
        Seconds.
    """
    end = clock() + seconds
    present = present_values(base)
    if not any(trial.params == present for trial in completed(study)):
        study.enqueue_trial(present, skip_if_exists=False)
    run = 0

    def smallest() -> float | None:
        return min((trial.value or 0.0 for trial in completed(study)), default=None)

    def objective(trial: optuna.Trial) -> float:
        nonlocal run
        values = suggested(trial)
        params = tried_params(base, values, max_rounds)
        name = "present parameters" if values == present else f"trial {trial.number}"
        losses: list[float] = []
        outcome: Outcome | None = None
        for outcome in run_trial(prepared, params, ms_per_work, budget_ms):
            losses.append(outcome.loss)
            trial.report(outcome.loss, len(losses))
            watch(run, smallest())
            late = clock() >= end
            if len(losses) < len(prepared) and values != present and (late or trial.should_prune()):
                record(name, params, losses, outcome, "pruned")
                run += 1
                raise optuna.TrialPruned
        for key, value in asdict(outcome).items() if outcome else ():
            trial.set_user_attr(key, value)
        if outcome is None:
            raise optuna.TrialPruned
        record(name, params, losses, outcome, "complete")
        run += 1
        return outcome.loss

    study.optimize(
        objective,
        n_trials=trials,
        timeout=max(end - clock(), 0.001),
        callbacks=[lambda *_: watch(run, smallest())],
    )


def applied_values(trial: optuna.trial.FrozenTrial, max_rounds: int) -> dict[str, float]:
    """Give what `--apply` writes: the trial's values, and as many rounds as the budget of reasons allows."""
    return {**trial.params, "max_rounds": min(int(trial.user_attrs["rounds_allowed"]), max_rounds)}
