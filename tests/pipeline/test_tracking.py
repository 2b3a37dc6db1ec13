"""One run per training: what it carries, where it is stored, and that its model loads and scores without pickles."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import BundleError, DataError, LeadQualificationError
from pipeline.mlflow_runs.provenance import (
    bundle_hash,
    data_hashes,
    find_repository,
    git_state,
    read_tracking,
    store_addresses,
)
from pipeline.mlflow_runs.store import open_store
from pipeline.mlflow_runs.summary import flat_metrics, flat_params
from pipeline.tracking import track

PICKLES = ("*.pkl", "*.pickle", "*.joblib", "*.cloudpickle", "*.dill", "*.npy", "*.nbi", "*.nbc", "*.pyc")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "company"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "params.yaml").write_text("a: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "First")
    return folder


def test_a_run_carries_parameters_metrics_figures_reports_and_origin(
    workspace: Path, make_bundle: Any, evaluated: dict[str, Any]
) -> None:
    bundle = make_bundle()
    bundle.save(workspace / "data" / "bundle")
    report = workspace / "model_card.html"
    report.write_text("<p>card</p>")
    (workspace / "dvc.lock").write_text(
        "stages:\n  ingest:\n    deps:\n    - {path: data/raw, md5: 0a.dir}\n    - {path: pipeline/ingest.py, md5: 0b}\n"
        "    outs:\n    - {path: data/canonical, md5: 0c.dir}\n    - {path: metrics/ingest.json, md5: 0d}\n"
    )
    params = {"train": {"learning_rate": 0.03}, "wide": {f"p{i}": i for i in range(150)}}
    record = track(
        workspace, "leads", workspace / "data" / "bundle", evaluated["result"], evaluated["plots"], params, [report]
    )

    mlflow, _ = open_store(workspace, "leads")
    client = mlflow.MlflowClient()
    run = client.get_run(record["run_id"])
    auc = evaluated["result"]["product"]["auc"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"simulated 2024-05 | AUC {auc['value']:.2f} | lr 0.03" == record["run_name"]
    assert run.data.params["train.learning_rate"] == "0.03"
    assert run.data.params["wide.p149"] == "149"
    assert run.data.metrics["auc"] == auc["value"]
    assert run.data.metrics["intervals/auc_low"] == auc["low"]
    assert run.data.metrics["points/intervals/auc_high"] == evaluated["result"]["baselines"]["points"]["auc"]["high"]
    assert "points/log_loss" not in run.data.metrics
    assert {name for name in run.data.metrics if "/" not in name} == {
        *("rows", "positives", "base_rate", "capacity", "ece_base_rate_shift"),
        *evaluated["result"]["product"],
    }
    assert run.data.tags["data.data/raw"] == "0a.dir"
    assert run.data.tags["data.data/canonical"] == "0c.dir"
    assert not [tag for tag in run.data.tags if "ingest" in tag]
    assert run.data.tags["bundle_sha256"] == bundle_hash(workspace / "data" / "bundle") == record["bundle_sha256"]
    assert "| product |" in run.data.tags["mlflow.note.content"]
    assert {item.path for item in client.list_artifacts(record["run_id"], "plots")} == {
        f"plots/{name}.{ending}" for name in evaluated["plots"] for ending in ("json", "png")
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
    assert "plots/by_month.png" not in {item.path for item in client.list_artifacts(record["run_id"], "plots")}

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


def test_the_description_says_how_the_model_stands_beside_the_champion(
    workspace: Path, make_bundle: Any, lay_out: Any, sections: Any, frame: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.mlflow_runs import comparison as module
    from pipeline.mlflow_runs.comparison import compare, comparison_sentence
    from pipeline.mlflow_runs.registry import Registry
    from pipeline.mlflow_runs.summary import comparison_metrics
    from pipeline.publish import publish
    from pipeline.tables.parquet import read_table

    bundle = make_bundle()
    assert Registry.find(workspace, "lead-qualification") is None
    lay_out(bundle)
    assert publish(workspace, sections, workspace / "champion") == 0
    registry = Registry.find(workspace, "lead-qualification")
    assert registry is not None
    version = registry.alias("champion")
    assert version is not None
    predictions = read_table(workspace / "data" / "predictions.parquet", "predictions").to_pandas()
    canonical = workspace / "data" / "canonical"

    def beside(champion: Any, rows: Any = predictions, new: Any = bundle) -> dict[str, Any]:
        return compare(new, rows, champion, None if champion is None else version.version, canonical, sections.evaluate)

    # The champion's probabilities come from its own features; here they are the base rate, and nothing is read.
    monkeypatch.setattr(module, "champion_probabilities", lambda rows, champion, folder: rows["base_rate"].to_numpy())
    found = beside(registry.bundle(version) and make_bundle())
    assert (found["outcome"], found["rows"], found["version"]) == ("compared", 300, "1")
    gain = found["gain"]["log_loss"]
    assert gain["value"] == pytest.approx(found["champion"]["log_loss"] - found["model"]["log_loss"])
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert comparison_metrics(found)["gain_over_champion/log_loss"] == gain["value"]
    sentence = comparison_sentence(found)
    assert "better than the champion (version 1) on 300 test rows" in sentence
    worse = {**found, "gain": {name: {"value": -0.1, "low": -0.2, "high": -0.05} for name in ("log_loss", "auc")}}
    assert "worse than the champion" in comparison_sentence(worse)
    even = {**found, "gain": {name: {"value": 0.1, "low": -0.2, "high": 0.3} for name in ("log_loss", "auc")}}
    assert "can't be told apart from the champion" in comparison_sentence(even)

    for champion, outcome, words in (
        (None, "no_champion", "there was none to compare with"),
        (
            BundleError("format 9"),
            "unreadable",
            "can't read the champion (version 1), so nothing was compared: format 9",
        ),
        (make_bundle(data_used_until="2030-01-01T00:00:00+00:00"), "no_rows", "0 test rows are newer than its data"),
    ):
        said = beside(champion)
        assert said["outcome"] == outcome
        assert words in comparison_sentence(said)
        assert comparison_metrics(said) == {}
    upsell = make_bundle()
    upsell.metadata["risk_set"] = "customers"
    said = beside(upsell)
    assert said["outcome"] == "other_question"
    assert "Nothing was compared" in comparison_sentence(said)


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


def test_the_store_is_beside_the_repository_also_from_worktrees_and_temporary_experiments(repository: Path) -> None:
    expected = (f"sqlite:///{repository / 'mlflow.db'}", str(repository / "mlartifacts"))
    worktree = repository.parent / "worktree"
    git(repository, "worktree", "add", "-q", str(worktree))
    experiment = repository / ".dvc" / "tmp" / "exps" / "standalone" / "tmpab12"
    experiment.mkdir(parents=True)
    git(experiment, "init", "-q")
    inside = repository / "runs" / "olist"
    inside.mkdir(parents=True)
    for folder in (repository, worktree, experiment, inside):
        assert store_addresses(folder) == expected, folder


def test_the_store_is_where_the_environment_says_or_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert find_repository(tmp_path) is None
    assert store_addresses(tmp_path) == (f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path / "mlartifacts"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001")
    assert store_addresses(tmp_path) == ("http://127.0.0.1:5001", None)


def test_dirty_means_changed_code_or_parameters_not_new_results(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "metrics").mkdir()
    (repository / "metrics" / "evaluate.json").write_text("{}")
    assert git_state(repository) == {"git_commit": commit, "git_dirty": "false"}
    (repository / "params.yaml").write_text("a: 2\n")
    assert git_state(repository)["git_dirty"] == "true"
    assert git_state(repository / "metrics") == git_state(repository)


def test_outside_of_git_nothing_is_claimed(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}
    assert data_hashes(tmp_path / "dvc.lock") == {}


def test_selectors_are_one_parameter_each_without_their_labels() -> None:
    selectors = {"pricing": {"kind": ["page_view"], "channel": None, "label": {"en": "x", "de": "y"}}}
    assert flat_params({"features": {"selectors": selectors, "windows_days": [7]}}) == {
        "features.selectors.pricing": '{"kind": ["page_view"]}',
        "features.windows_days": "[7]",
    }


def test_metrics_that_are_missing_or_no_numbers_are_left_out() -> None:
    result = {
        "source": "x",
        "ok": True,
        "rows": 3,
        "baselines": {"points": None},
        "product": {"auc": {"value": None, "low": None}},
    }
    assert flat_metrics(result) == {"rows": 3.0}


def test_the_bundle_hash_changes_with_any_byte_but_not_with_provenance(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("tree")
    before = bundle_hash(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    assert bundle_hash(tmp_path) == before
    (tmp_path / "model.txt").write_text("tree2")
    assert bundle_hash(tmp_path) != before
    with pytest.raises(BundleError, match="no bundle here"):
        bundle_hash(tmp_path / "nothing")


def test_a_missing_or_foreign_tracking_record_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Run `dvc repro` first"):
        read_tracking(tmp_path / "tracking.json")
    (tmp_path / "tracking.json").write_text(json.dumps({"run_id": "r"}))
    with pytest.raises(DataError, match="bundle_sha256, model_uri missing"):
        read_tracking(tmp_path / "tracking.json")


def test_a_store_that_cannot_be_used_is_explained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://nowhere")
    with pytest.raises(LeadQualificationError, match="Check MLFLOW_TRACKING_URI"):
        open_store(workspace, "leads")
