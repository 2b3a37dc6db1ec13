"""A real search of few trials: SQLite study, MLflow runs, going on, pruning, applying."""

import datetime as dt
import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from features.errors import ParameterError
from models.fitting.tuning import prepared_folds, tuning_folds
from models.params import SplitParams, TrainParams, TuningParams
from pipeline import tune
from pipeline.tables.matrix_file import matrix_schema
from pipeline.tables.parquet import write_table
from pipeline.workspaces.params_edit import edit_section, write_section

ROOT = Path(__file__).resolve().parents[2]
BASE = TrainParams(num_threads=1, max_rounds=40, early_stopping_rounds=5)
SPLIT = SplitParams(mode="time", early_stopping_share=0, calibration_share=0, cross_fit_folds=3)


@pytest.fixture(scope="session")
def prepared(frame: pd.DataFrame) -> Any:
    rows, folds = tuning_folds(frame, SPLIT, TuningParams(), 5, 0, False)
    matrix = np.random.default_rng(2).normal(size=(len(frame), 6)).astype(np.float32)
    matrix[:, 0] = frame["signal"]
    return prepared_folds(matrix, frame, rows, folds, [f"column_{i}" for i in range(6)], [])


def run(study: optuna.Study, prepared: Any, trials: int, **changes: Any) -> list[tuple[str, str, int]]:
    recorded: list[tuple[str, str, int]] = []
    tune.search(
        study,
        prepared,
        BASE,
        40,
        1e-4,
        changes.pop("budget_ms", 0.6),
        **{
            "seconds": 1e6,
            "trials": trials,
            "record": lambda name, params, losses, outcome, state: recorded.append((name, state, len(losses))),
            "watch": lambda run, study: None,
            **changes,
        },
    )
    return recorded


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_the_present_parameters_come_first_and_a_study_goes_on(prepared, tmp_path) -> None:
    first = run(tune.open_study(tmp_path / "tuning.db", "one", 1, 2), prepared, 3)
    assert first[0] == ("present parameters", "complete", 3)
    study = tune.open_study(tmp_path / "tuning.db", "one", 1, 2)
    again = run(study, prepared, 2)
    assert [name for name, *_ in again] == ["trial 3", "trial 4"]
    assert len(study.trials) == 5
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 5
    best, free = tune.best_trials(study)
    assert best.value <= study.trials[0].value
    assert free.user_attrs["unbounded_loss"] <= best.user_attrs["loss"]


def test_another_study_of_the_same_file_is_empty(prepared, tmp_path) -> None:
    run(tune.open_study(tmp_path / "tuning.db", "one", 1, 2), prepared, 1)
    assert not tune.open_study(tmp_path / "tuning.db", "two", 1, 2).trials


def test_bad_trials_are_pruned_after_a_fold(prepared, tmp_path) -> None:
    study = tune.open_study(tmp_path / "tuning.db", "one", 1, 2)
    recorded = run(study, prepared, 12)
    assert "PRUNED" in states(study)
    assert states(study)[0] == "COMPLETE"
    assert any(state == "pruned" and folds < 3 for _, state, folds in recorded)
    assert all(folds == 3 for _, state, folds in recorded if state == "complete")


def test_when_time_is_up_only_the_present_parameters_run_in_full(prepared, tmp_path) -> None:
    study = tune.open_study(tmp_path / "tuning.db", "one", 1, 8)
    clock = itertools.count(0.0, 400.0).__next__
    recorded = run(study, prepared, 3, seconds=1000.0, clock=clock)
    assert recorded[0] == ("present parameters", "complete", 3)
    assert all(state == "pruned" and folds == 1 for _, state, folds in recorded[1:])
    assert len(recorded) == 3


def test_a_tight_budget_costs_loss_and_is_kept(prepared, tmp_path) -> None:
    study = tune.open_study(tmp_path / "tuning.db", "one", 1, 2)
    run(study, prepared, 4, budget_ms=0.02)
    best, free = tune.best_trials(study)
    assert best.user_attrs["reason_ms"] <= 0.02
    assert best.user_attrs["loss"] > free.user_attrs["unbounded_loss"]
    assert tune.applied_values(best, 40)["max_rounds"] < 40


@pytest.fixture
def tunable(workspace: Path, frame: pd.DataFrame, catalog: Any) -> Path:
    """Return a workspace as the stages up to `features` leave it."""
    data = workspace / "data"
    (data / "features").mkdir(parents=True)
    (data / "features" / "catalog.json").write_text(catalog.to_json(), encoding="utf-8")
    exported = pa.table({"exported_at": [dt.datetime(2024, 12, 1, tzinfo=dt.UTC)], "clock": ["real"]})
    write_table(
        data / "canonical" / "export.parquet",
        "export",
        exported.cast(pa.schema([("exported_at", pa.timestamp("us", tz="UTC")), ("clock", pa.string())])),
    )
    at = frame["snapshot_at"]
    tables = {
        "snapshots": frame[["lead_id", "snapshot_at", "account_id"]].assign(risk_period=np.int32(0), is_headline=True),
        "labels": frame[["lead_id", "snapshot_at", "label"]].assign(matured=True, label_window_end=at),
        "slices": frame[["lead_id", "snapshot_at", "slice"]].assign(reason=""),
    }
    for name, table in tables.items():
        write_table(data / f"{name}.parquet", name, pa.Table.from_pandas(table, preserve_index=False))
    matrix = np.random.default_rng(2).normal(size=(len(catalog), len(frame))).astype(np.float32)
    matrix[0] = frame["signal"]
    columns = [pa.array(frame["lead_id"]), pa.array(at), *map(pa.array, matrix)]
    schema = matrix_schema(catalog.names)
    pq.write_table(
        pa.table([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema),
        data / "features" / "matrix.parquet",
    )
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("  mode: grouped  ", "  mode: time  "),
        ("  label_days: 60 ", "  label_days: 5 "),
        ("  num_threads: 2", "  num_threads: 1"),
        ("  startup_trials: 8 ", "  startup_trials: 2 "),
        ("  max_rounds: 1500\n  startup", "  max_rounds: 60\n  startup"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    return workspace


def test_the_command_records_nested_runs_goes_on_and_applies(tunable, monkeypatch) -> None:
    from pipeline.mlflow_runs.store import open_store

    before = (tunable / "params.yaml").read_text(encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["tune", "--trials", "3", "--minutes", "60"])
    tune.main()
    assert (tunable / "params.yaml").read_text(encoding="utf-8") == before
    monkeypatch.setattr("sys.argv", ["tune", "--trials", "2", "--minutes", "60", "--apply"])
    tune.main()

    (name,) = optuna.get_all_study_names(f"sqlite:///{tunable / 'data' / 'tuning.db'}")
    assert name.startswith("simulated-")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tunable / 'data' / 'tuning.db'}")
    assert len(study.trials) == 5
    mlflow, experiment = open_store(tunable, "lead-qualification-tuning")
    runs = mlflow.MlflowClient().search_runs([experiment])
    parents = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(parents) == 1
    assert len(children) == 5
    assert parents[0].info.run_name.startswith("Tuning simulated, 5 trials, best 0.")
    assert parents[0].data.metrics["lost_to_budget"] >= 0.0
    (present,) = [r for r in children if r.info.run_name == "present parameters"]
    assert present.data.metrics["log_loss_of_folds_so_far"] == pytest.approx(present.data.metrics["loss"])
    assert present.data.params["train.num_leaves"] == str(yaml.safe_load(before)["train"]["num_leaves"])

    after = (tunable / "params.yaml").read_text(encoding="utf-8")
    best, _ = tune.best_trials(study)
    read, old = yaml.safe_load(after), yaml.safe_load(before)
    assert read["train"]["num_leaves"] == best.params["num_leaves"]
    assert read["train"]["seed"] == 7
    assert {k: v for k, v in read.items() if k != "train"} == {k: v for k, v in old.items() if k != "train"}
    assert [line.partition("#")[2] for line in after.split("\n")] == [
        line.partition("#")[2] for line in before.split("\n")
    ]


def test_other_data_or_sections_are_another_study(tunable) -> None:
    from pipeline.params import load_params

    sections = load_params(tune.SECTIONS)
    name = tune.study_name("simulated", "a", sections)
    assert name == tune.study_name("simulated", "a", sections)
    assert name != tune.study_name("simulated", "b", sections)
    split = sections.split.model_copy(update={"cross_fit_folds": 4})
    assert name != tune.study_name("simulated", "a", sections.model_copy(update={"split": split}))
    applied = sections.train.model_copy(update={"num_leaves": 4, "max_rounds": 3})
    assert name == tune.study_name("simulated", "a", sections.model_copy(update={"train": applied}))
    minutes = sections.tuning.model_copy(update={"minutes": 1.0})
    assert name == tune.study_name("simulated", "a", sections.model_copy(update={"tuning": minutes}))


def test_editing_keeps_comments_order_and_other_sections(tmp_path) -> None:
    text = "a:\n  x: 1   # one\ntrain:  # here\n  x: 2   # two\n\n  y: 0.5\n\nb:\n  y: 3\n"
    expected = "a:\n  x: 1   # one\ntrain:  # here\n  x: 8   # two\n\n  y: 0.25\n  z: 4\n\nb:\n  y: 3\n"
    assert edit_section(text, "train", {"x": 8, "y": 0.25, "z": 4}) == expected
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    write_section(file, "train", {"x": 8, "y": 0.25, "z": 4})
    assert file.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: 1\n", "no block"), ("train:\n  x:\n    deep: 1\n", "by hand"), ("train: {x: 1}\n", "no block")],
)
def test_what_cannot_be_edited_is_left_alone(tmp_path, text, message) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        write_section(file, "train", {"x": 2})
    assert file.read_text(encoding="utf-8") == text
    shutil.rmtree(tmp_path)
