"""The command `tune`: MLflow runs, going on, applying."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from models.params import SplitParams
from pipeline import tune
from pipeline.tables.json_files import write_json
from pipeline.tables.matrix_file import matrix_schema
from pipeline.tables.parquet import write_table
from pipeline.tuning.study import best_trials

ROOT = Path(__file__).resolve().parents[2]


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
        ("  label_days: 60 ", "  label_days: 5 "),
        ("  num_threads: 2", "  num_threads: 1"),
        ("  startup_trials: 8 ", "  startup_trials: 2 "),
        ("  max_rounds: 1500\n  startup", "  max_rounds: 60\n  startup"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    decided = SplitParams(mode="time", cross_fit_folds=5, early_stopping_share=0.12, calibration_share=0.15)
    write_json(workspace / "metrics" / "split.json", {"settings": decided.model_dump(mode="json")})
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
    best, _ = best_trials(study)
    read, old = yaml.safe_load(after), yaml.safe_load(before)
    assert read["train"]["num_leaves"] == best.params["num_leaves"]
    assert read["train"]["seed"] == 7
    assert {k: v for k, v in read.items() if k != "train"} == {k: v for k, v in old.items() if k != "train"}
    assert [line.partition("#")[2] for line in after.split("\n")] == [
        line.partition("#")[2] for line in before.split("\n")
    ]
