"""One run per training: what it carries, and that its model loads and scores without pickles."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.mlflow_runs.provenance import (
    bundle_hash,
)
from pipeline.mlflow_runs.store import open_store
from pipeline.mlflow_runs.training import track

PICKLES = ("*.pkl", "*.pickle", "*.joblib", "*.cloudpickle", "*.dill", "*.npy", "*.nbi", "*.nbc", "*.pyc")


def test_a_run_carries_parameters_metrics_figures_reports_and_origin(
    workspace: Path, make_bundle: Any, evaluated: dict[str, Any]
) -> None:
    bundle = make_bundle()
    bundle.save(workspace / "data" / "bundle")
    report = workspace / "model_card.html"
    report.write_text("<p>card</p>")
    picture = workspace / "roc.png"
    picture.write_bytes(b"a picture")
    (workspace / "dvc.lock").write_text(
        "stages:\n  ingest:\n    deps:\n    - {path: data/raw, md5: 0a.dir}\n    - {path: pipeline/ingest.py, md5: 0b}\n"
        "    outs:\n    - {path: data/canonical, md5: 0c.dir}\n    - {path: metrics/ingest.json, md5: 0d}\n"
    )
    params = {"train": {"learning_rate": 0.03}, "wide": {f"p{i}": i for i in range(150)}}
    result, plots = evaluated["result"], evaluated["plots"]
    record = track(workspace, "leads", workspace / "data" / "bundle", result, plots, params, [report], [picture])

    mlflow, _ = open_store(workspace, "leads")
    client = mlflow.MlflowClient()
    run = client.get_run(record["run_id"])
    auc = evaluated["result"]["product"]["auc"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"simulated 2024-05 | AUC {auc['value']:.2f} | lr 0.03" == record["run_name"]
    assert run.data.params["train.learning_rate"] == "0.03"
    assert run.data.params["wide.p149"] == "149"
    assert run.data.metrics["auc"] == auc["value"]
    of_model = client.get_logged_model(record["model_uri"].rpartition("/")[2]).metrics
    assert {metric.key: metric.value for metric in of_model} == run.data.metrics
    assert run.data.metrics["intervals/auc_low"] == auc["low"]
    assert run.data.metrics["points/intervals/auc_high"] == evaluated["result"]["baselines"]["points"]["auc"]["high"]
    assert "points/log_loss" not in run.data.metrics
    assert {name for name in run.data.metrics if "/" not in name} == {
        *("rows", "positives", "base_rate", "capacity", "train_base_rate", "level_error"),
        *evaluated["result"]["product"],
    }
    assert run.data.tags["data.data/raw"] == "0a.dir"
    assert run.data.tags["data.data/canonical"] == "0c.dir"
    assert not [tag for tag in run.data.tags if "ingest" in tag]
    assert run.data.tags["bundle_sha256"] == bundle_hash(workspace / "data" / "bundle") == record["bundle_sha256"]
    assert "| product |" in run.data.tags["mlflow.note.content"]
    assert {item.path for item in client.list_artifacts(record["run_id"], "plots")} == {
        "plots/roc.png",
        *(f"plots/{name}.json" for name in evaluated["plots"]),
    }
    assert [item.path for item in client.list_artifacts(record["run_id"], "reports")] == ["reports/model_card.html"]
    assert str(workspace / "mlartifacts") in run.info.artifact_uri


def test_segments_are_runs_below_the_training_and_the_datasets_hold_no_row(
    workspace: Path, make_bundle: Any, evaluated: dict[str, Any], segments: dict[str, Any]
) -> None:
    make_bundle().save(workspace / "data" / "bundle")
    slices = {
        name: {"rows": rows, "headline": rows, "positives": 9, "first": "2024-01-01", "last": "2024-02-01"}
        for name, rows in (("train", 360), ("early_stopping", 0), ("calibration", 120), ("test", 300))
    }
    params = {"train": {"learning_rate": 0.03}}
    folder = workspace / "data" / "bundle"
    plots = {**evaluated["plots"], "by_month": []}  # a source without a clock has no months
    verdict = {"code": "useful", "sentence": {"en": "It helps.", "de": "Es hilft."}}
    result = {**evaluated["result"], "verdict": verdict}
    record = track(workspace, "leads", folder, result, plots, params, segments=segments, slices=slices)

    mlflow, experiment = open_store(workspace, "leads")
    client = mlflow.MlflowClient()
    run = client.get_run(record["run_id"])
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{record['run_id']}'")
    assert [(child.info.run_name, child.info.status) for child in children] == [("by channel", "FINISHED")]
    assert children[0].data.metrics["auc/paid search"] == 0.7
    assert children[0].data.metrics["calibration_gap/not known"] == 0.0981
    assert not [name for name in children[0].data.metrics if "trade" in name]
    assert "| trade fair | 87 | 17 | too few" in children[0].data.tags["mlflow.note.content"]
    assert not [name for name in run.data.metrics if "paid" in name]

    description = run.data.tags["mlflow.note.content"]
    assert "**Verdict:** It helps." in description
    assert "off by more than chance in 1 of 2" in description
    assert "channel not known (+9.8 points)" in description
    assert run.data.tags["verdict"] == "useful"
    assert run.data.tags["segments_out_of_calibration"] == "1 of 2"
    assert "plots/by_month.json" not in {item.path for item in client.list_artifacts(record["run_id"], "plots")}

    inputs = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert set(inputs) == {"training", "calibration", "test"}
    assert len({dataset.digest for dataset in inputs.values()}) == 3
    test = inputs["test"]
    assert test.name == "simulated test"
    assert json.loads(test.profile) == {
        "num_rows": 300,
        "headline": 300,
        "positives": 9,
        "first": "2024-01-01",
        "last": "2024-02-01",
    }
    columns = {column["name"]: column["type"] for column in json.loads(test.schema)["mlflow_colspec"]}
    assert columns["label"] == "integer"
    assert columns["count__all__7d"] == "float"
    for dataset in inputs.values():
        assert "L-" not in dataset.schema + dataset.profile + dataset.source


def test_the_logged_model_scores_as_the_product_does_and_holds_no_pickle(
    workspace: Path, make_bundle: Any, lay_out: Any
) -> None:
    from models.answers.frames import example_frame
    from models.answers.requests import build_inputs, parse_lead
    from models.answers.scoring import score
    from models.bundle import Bundle

    record = lay_out(make_bundle())
    mlflow, _ = open_store(workspace, "lead-qualification")
    folder = Path(mlflow.artifacts.download_artifacts(record["model_uri"]))
    assert not [path for pattern in PICKLES for path in folder.rglob(pattern)]
    assert "cloudpickle" not in (folder / "MLmodel").read_text().split("python_model:")[0].replace(
        "cloudpickle_version", ""
    )

    model = mlflow.pyfunc.load_model(record["model_uri"])
    bundle = Bundle.load(workspace / "data" / "bundle")
    example = example_frame(bundle)
    answer = model.predict(example)
    leads = [
        parse_lead(
            {
                "lead_id": row["lead_id"],
                "snapshot_at": row["snapshot_at"],
                "attributes": json.loads(row["attributes"]),
                "account": {"account_id": "A-1", "attributes": json.loads(row["account_attributes"])},
                "touchpoints": json.loads(row["touchpoints"]),
                "stage_changes": json.loads(row["stage_changes"]),
                **({"created_at": row["created_at"]} if isinstance(row.get("created_at"), str) else {}),
            },
            "lead",
        )
        for row in example.to_dict("records")
    ]
    expected = score(bundle, *build_inputs(leads, bundle.catalog))
    assert answer["lead_id"].tolist() == [item.lead_id for item in expected]
    probabilities = np.array([item.probability for item in expected], dtype=np.float32)
    assert np.isfinite(probabilities).all()
    assert len(set(probabilities.tolist())) > 1
    assert answer["probability"].to_numpy(np.float32).tobytes() == probabilities.tobytes()
    assert set(model.metadata.signature.inputs.input_names()) >= {"lead_id", "snapshot_at", "touchpoints"}
    kinds = dict(
        zip(model.metadata.signature.outputs.input_names(), model.metadata.signature.outputs.input_types(), strict=True)
    )
    assert {name: kind.name for name, kind in kinds.items()} == {
        name: "double" if values.dtype == np.float64 else "string" for name, values in answer.items()
    }
    least = model.predict(example[["lead_id", "snapshot_at"]])
    assert least["lead_id"].tolist() == example["lead_id"].tolist()
    german = model.predict(example, params={"language": "de", "reasons": 1})
    assert german["probability"].tolist() == answer["probability"].tolist()
    assert [len(json.loads(reasons)) for reasons in german["reasons"]] == [1, 1]

    # The logged code is enough: another process, without the repository, gives the same.
    program = (
        "import sys, mlflow, numpy; model = mlflow.pyfunc.load_model(sys.argv[1]); example = model.input_example;"
        "import models; assert models.__file__.startswith(sys.argv[1]), models.__file__;"
        "print(model.predict(example)['probability'].to_numpy(numpy.float32).tobytes().hex())"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(folder)],
        cwd=workspace,
        env={**environment, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == probabilities.tobytes().hex()
