"""Command `tune`: search for better values of `train` on time-ordered folds of the rows before the test.

    python -m pipeline.tune [--minutes 10] [--trials N] [--apply]

The study is a SQLite file, `tuning.db` in the data folder, and goes on where it stopped as long as the data and the sections
that decide it are the same. `--apply` writes the best values into `params.yaml`; `dvc repro` then trains with them.
"""

import argparse
import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from rich.progress import Progress, TaskID
from rich.table import Table

from models.fitting.classifier import FoldData, train
from models.fitting.recipe import snapshot_weights
from models.fitting.tuning import SPACE, Outcome, measured_cost, prepared_folds, run_trial, tried_params, tuning_folds
from models.params import TrainParams
from pipeline.console import console, progress, run_main
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.mlflow_runs.trials import TuningRuns
from pipeline.params import load_params
from pipeline.workspaces.params_edit import write_section

__all__ = ["SECTIONS", "best_trials", "main", "open_study", "present_values", "search", "study_name"]

SECTIONS = ("ingest", "labels", "paths", "publish", "serving", "snapshots", "split", "train", "tuning")
SPACE_VERSION = 1
COST_TREES = 60
HEARTBEAT_SECONDS = 30
SEARCHED = tuple(dimension.name for dimension in SPACE)


def study_name(source: str, data_sha256: str, sections: Any) -> str:
    """Name the study by what decides its losses: other data, or another section, is another study.

    What is searched for is no part of it, nor are the minutes: the study outlives `--apply`.
    """
    deciding = {
        "data": data_sha256,
        "space": [SPACE_VERSION, [asdict(dimension) for dimension in SPACE]],
        "split": sections.split.model_dump(mode="json"),
        "labels": sections.labels.model_dump(mode="json"),
        "budget": sections.serving.reason_budget_ms,
        "tuning": sections.tuning.model_dump(mode="json", exclude={"minutes"}),
        "train": sections.train.model_dump(mode="json", exclude={*SEARCHED, "max_rounds", "num_threads"}),
    }
    return f"{source}-{hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]}"


def open_study(file: Path, name: str, seed: int, startup_trials: int) -> optuna.Study:
    """Open a study, or go on with it; trials that a killed process left unfinished fail after a while and do not count."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the heartbeat's interface may change
        storage = optuna.storages.RDBStorage(f"sqlite:///{file.resolve()}", heartbeat_interval=HEARTBEAT_SECONDS)
    study = optuna.create_study(study_name=name, storage=storage, load_if_exists=True, direction="minimize")
    # Going on with the same seed would draw the same values again
    study.sampler = optuna.samplers.TPESampler(
        seed=seed + len(study.trials), n_startup_trials=startup_trials, multivariate=True
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=startup_trials)
    return study


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


def completed(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """List the trials that ran through all folds."""
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def best_trials(study: optuna.Study) -> tuple[optuna.trial.FrozenTrial, optuna.trial.FrozenTrial]:
    """Find the best trial within the budget of reasons, and the best one without it."""
    done = completed(study)
    return min(done, key=lambda trial: trial.value or 0.0), min(done, key=lambda t: t.user_attrs["unbounded_loss"])


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
    watch: Callable[[int, optuna.Study], None],
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
        Called after each fold and each trial with the number of trials run by this call.
    clock : callable
        Seconds.
    """
    end = clock() + seconds
    present = present_values(base)
    if not any(trial.params == present for trial in completed(study)):
        study.enqueue_trial(present, skip_if_exists=False)
    run = 0

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
            watch(run, study)
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
        callbacks=[lambda study, _: watch(run, study)],
    )


def applied_values(trial: optuna.trial.FrozenTrial, max_rounds: int) -> dict[str, float]:
    """Give what `--apply` writes: the trial's values, and as many rounds as the budget of reasons allows."""
    return {**trial.params, "max_rounds": min(int(trial.user_attrs["rounds_allowed"]), max_rounds)}


def summary(study: optuna.Study, base: TrainParams, budget_ms: float) -> Table:
    """Lay out the present parameters, the best ones within the budget and the best ones without."""
    within, free = best_trials(study)
    present = next((t for t in completed(study) if t.params == present_values(base)), None)
    counts = [trial.state.name.lower() for trial in study.get_trials(deepcopy=False)]
    table = Table(title=f"{len(counts)} trials, {counts.count('pruned')} of them pruned; loss on folds before the test")
    table.add_column("")
    columns: list[list[str]] = []
    for title, trial, prefix in (
        ("present", present, ""),
        (f"best within {budget_ms:g} ms", within, ""),
        ("best without", free, "unbounded_"),
    ):
        if trial is not None:
            table.add_column(title, justify="right")
            found = trial.user_attrs
            ms = found[f"{prefix}ms" if prefix else "reason_ms"]
            cells = [f"{found[f'{prefix}loss']:.5f}", str(found[f"{prefix}rounds"]), f"{ms:.3f}"]
            columns.append([*cells, *(f"{trial.params[name]:.3g}" for name in SEARCHED)])
    for name, *cells in zip(("log loss", "trees", "ms for reasons", *SEARCHED), *columns, strict=True):
        table.add_row(name.replace("_", " "), *cells)
    return table


class _Bar:
    """A progress bar over trials, or over seconds where their number is open, with the best loss so far."""

    def __init__(self, bar: Progress, seconds: float, trials: int | None) -> None:
        self._bar, self._trials, self._begin = bar, trials, time.monotonic()
        self._seconds = seconds
        self._task: TaskID = bar.add_task("tuning", total=trials or round(seconds))

    def __call__(self, run: int, study: optuna.Study) -> None:
        done = completed(study)
        best = f", best {min(trial.value or 0.0 for trial in done):.5f}" if done else ""
        at = run if self._trials else min(round(time.monotonic() - self._begin), round(self._seconds))
        self._bar.update(self._task, completed=at, description=f"tuning: {run} trials{best}")


def main() -> None:
    """Prepare the folds, measure what reasons cost, search, record, and apply where asked to."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tune", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, help="wall time; default: tuning.minutes")
    parser.add_argument("--trials", type=int, help="at most so many more trials; default: as many as the time allows")
    parser.add_argument("--apply", action="store_true", help="write the best values into params.yaml")
    arguments = parser.parse_args()
    sections = load_params(SECTIONS)
    tuning, budget = sections.tuning, sections.serving.reason_budget_ms
    frame, matrix, catalog, export, digest = read_labelled_rows(sections.paths.data_dir)
    labels = sections.labels
    rows, folds = tuning_folds(
        frame, sections.split, tuning, labels.label_days, labels.recording_delay_days, export.ordinal
    )
    with console.status("preparing the folds, and measuring what reasons take"):
        prepared = prepared_folds(matrix, frame, rows, folds, catalog.names, catalog.categorical)
        known = frame["label"].to_numpy(dtype=np.float64)[rows]
        some = train(
            matrix[rows],
            known,
            snapshot_weights(frame)[rows],
            sections.train,
            catalog.names,
            catalog.categorical,
            rounds=COST_TREES,
        )
        ms_per_work = measured_cost(some, matrix[rows])
    seconds = 60.0 * (arguments.minutes or tuning.minutes)
    name = study_name(sections.ingest.source, digest, sections)
    study = open_study(sections.paths.data_dir / "tuning.db", name, tuning.seed, tuning.startup_trials)
    before = len(study.trials)
    console.print(
        f"tuning: {len(rows):,} rows x {len(catalog)} features in {len(folds)} folds; study {name}"
        + (f" goes on after {before} trials" if before else " is new")
    )
    title = f"Tuning {sections.ingest.source}"
    shared = {
        n: getattr(sections, n).model_dump(mode="json") for n in ("split", "tuning", "serving", "labels", "train")
    }
    runs = TuningRuns(Path.cwd(), sections.publish.model_name, title, study.user_attrs.get("mlflow_run"), shared)
    study.set_user_attr("mlflow_run", runs.parent)

    def record(name: str, params: TrainParams, losses: list[float], outcome: Outcome, state: str) -> None:
        runs.trial(name, params.model_dump(mode="json"), losses, asdict(outcome), state)

    with progress() as bar:
        search(
            study,
            prepared,
            sections.train,
            tuning.max_rounds,
            ms_per_work,
            budget,
            seconds=seconds,
            trials=arguments.trials,
            record=record,
            watch=_Bar(bar, seconds, arguments.trials),
        )
    within, free = best_trials(study)
    lost = float(within.user_attrs["loss"] - free.user_attrs["unbounded_loss"])
    metrics = {**within.user_attrs, "lost_to_budget": lost, "trials": float(len(study.trials))}
    runs.best(f"{title}, {len(study.trials)} trials, best {within.value:.4f}", metrics, within.params)
    console.print(summary(study, sections.train, budget))
    console.print(f"the budget of {budget:g} ms for reasons costs {lost:.5f} of log loss")
    if arguments.apply:
        values = applied_values(within, tuning.max_rounds)
        write_section(Path("params.yaml"), "train", values)
        console.print(f"applied to params.yaml, section train: {', '.join(f'{k} {v:.4g}' for k, v in values.items())}")
        console.print("next: `dvc repro`")


if __name__ == "__main__":
    run_main(main)
