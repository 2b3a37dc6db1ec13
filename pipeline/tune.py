"""Command `tune`: search for better values of `train` on time-ordered folds of the rows before the test.

    python -m pipeline.tune [--minutes 10] [--trials N] [--apply]

The study is a SQLite file, `tuning.db` in the data folder, and goes on where it stopped as long as the data and the sections
that decide it are the same. `--apply` writes the best values into `params.yaml`; `dvc repro` then trains with them.
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

from rich.progress import Progress, TaskID

from models.fitting.tuning import Outcome, prepared_folds, tuning_folds
from models.params import TrainParams
from pipeline.console import console, progress, run_main
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.mlflow_runs.trials import TuningRuns
from pipeline.params import load_params
from pipeline.tables.split_file import read_split
from pipeline.tuning.search import applied_values, reason_cost, search
from pipeline.tuning.study import best_trials, open_study, study_name
from pipeline.tuning.summary import summary
from pipeline.workspaces.params_edit import write_section

__all__ = ["SECTIONS", "main"]

SECTIONS = ("ingest", "labels", "paths", "publish", "serving", "snapshots", "train", "tuning")


class _Bar:
    """A progress bar over trials, or over seconds where their number is open, with the best loss so far."""

    def __init__(self, bar: Progress, seconds: float, trials: int | None) -> None:
        self._bar, self._trials, self._begin = bar, trials, time.monotonic()
        self._seconds = seconds
        self._task: TaskID = bar.add_task("tuning", total=trials or round(seconds))

    def __call__(self, run: int, smallest: float | None) -> None:
        best = "" if smallest is None else f", best {smallest:.5f}"
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
    split = read_split(sections.paths.metrics_dir)
    frame, matrix, catalog, export, digest = read_labelled_rows(sections.paths.data_dir)
    labels = sections.labels
    rows, folds = tuning_folds(frame, split, tuning, labels.label_days, labels.recording_delay_days, export.ordinal)
    with console.status("preparing the folds, and measuring what reasons take"):
        prepared = prepared_folds(matrix, frame, rows, folds, catalog.names, catalog.categorical)
        ms_per_work = reason_cost(matrix, frame, rows, sections.train, catalog.names, catalog.categorical)
    seconds = 60.0 * (arguments.minutes or tuning.minutes)
    name = study_name(sections.ingest.source, digest, sections, split)
    study = open_study(sections.paths.data_dir / "tuning.db", name, tuning.seed, tuning.startup_trials)
    before = len(study.trials)
    console.print(
        f"tuning: {len(rows):,} rows x {len(catalog)} features in {len(folds)} folds; study {name}"
        + (f" goes on after {before} trials" if before else " is new")
    )
    title = f"Tuning {sections.ingest.source}"
    shared = {
        n: values.model_dump(mode="json")
        for n, values in (
            ("split", split),
            *((n, getattr(sections, n)) for n in ("tuning", "serving", "labels", "train")),
        )
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
