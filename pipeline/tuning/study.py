"""The study: a SQLite file that outlives the process, named by what decides its losses."""

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from models.fitting.tuning import SPACE
from models.params import SplitParams

__all__ = ["SEARCHED", "best_trials", "completed", "open_study", "study_name"]

SPACE_VERSION = 2  # 2: accounts are kept apart in folds
HEARTBEAT_SECONDS = 30
SEARCHED = tuple(dimension.name for dimension in SPACE)


def study_name(source: str, data_sha256: str, sections: Any, split: SplitParams) -> str:
    """Name the study by what decides its losses: other data, or another section, is another study.

    What is searched for is no part of it, nor are the minutes: the study outlives `--apply`.
    """
    deciding = {
        "data": data_sha256,
        "space": [SPACE_VERSION, [asdict(dimension) for dimension in SPACE]],
        "split": split.model_dump(mode="json"),
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


def completed(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """List the trials that ran through all folds."""
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def best_trials(study: optuna.Study) -> tuple[optuna.trial.FrozenTrial, optuna.trial.FrozenTrial]:
    """Find the best trial within the budget of reasons, and the best one without it."""
    done = completed(study)
    return min(done, key=lambda trial: trial.value or 0.0), min(done, key=lambda t: t.user_attrs["unbounded_loss"])
