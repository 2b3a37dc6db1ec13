"""Stage `tracking`: one MLflow run per training, with everything that decides and describes it.

`python -m pipeline.tracking --ui` opens the pages of the same store.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import features
import models
from features.errors import DataError, LeadQualificationError
from models.bundle import Bundle
from models.frames import COLUMNS, example_frame, score_frame
from pipeline.charts import read_plots
from pipeline.console import console, run_main
from pipeline.files import write_json
from pipeline.params import load_params
from pipeline.plots import figure_png
from pipeline.provenance import bundle_hash, data_hashes, git_state, store_addresses
from pipeline.run_summary import flat_metrics, flat_params, run_description, run_name
from pipeline.target_words import target_of

__all__ = ["SECTIONS", "main", "open_store", "track"]

SECTIONS = (
    "calibration",
    "capacity",
    "evaluate",
    "features",
    "ingest",
    "labels",
    "paths",
    "points",
    "publish",
    "simulator",
    "snapshots",
    "split",
    "tiers",
    "train",
)
NOT_LOGGED = ("paths", "publish")  # they decide nothing about a model
# What the logged code imports, in the versions that it was trained with.
REQUIREMENTS = (
    "lightgbm",
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
    "tzdata",
)
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # opens the pages on training runs
    "mlflow.note.content": "One run per training, experiments included. The champion is under Models.",
}
BATCH = 100  # the most parameters that MLflow takes at once


def open_store(workspace: Path, model_name: str) -> tuple[Any, str]:
    """Connect to the store of runs and find the experiment named like the model; both are created on first use.

    Parameters
    ----------
    workspace : Path
        Decides where the store is; see `store_addresses`.
    model_name : str
        Name of the experiment, and of the registered model.

    Returns
    -------
    mlflow : module
        Imported here and not on top: its telemetry is decided on import, and must be off by then.
    experiment_id : str

    Raises
    ------
    LeadQualificationError
        If the store can't be reached.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    address, artifacts = store_addresses(workspace)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        experiment = mlflow.get_experiment_by_name(model_name)
        if experiment is None:
            place = None if artifacts is None else Path(artifacts, model_name).as_uri()
            return mlflow, str(mlflow.create_experiment(model_name, artifact_location=place, tags=EXPERIMENT_TAGS))
    except MlflowException as error:
        raise LeadQualificationError(
            f"MLflow store {address}: {error}. Check MLFLOW_TRACKING_URI, or unset it to use the file beside the repository."
        ) from error
    if experiment.lifecycle_stage == "deleted":
        mlflow.MlflowClient().restore_experiment(experiment.experiment_id)
    return mlflow, str(experiment.experiment_id)


def _chunks(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    items = list(values.items())
    for begin in range(0, len(items), BATCH):
        yield dict(items[begin : begin + BATCH])


def _log_model(mlflow: Any, bundle: Bundle, folder: Path) -> Any:
    """Log the bundle as a pyfunc model from code: a script, the packages it imports, and the bundle's own files."""
    from mlflow.models import infer_signature
    from mlflow.types import ColSpec, Schema

    example = example_frame(bundle)
    signature = infer_signature(example, score_frame(bundle, example), params={"language": "en", "reasons": 3})
    # Only lead and moment must be sent; a lead may be known by its attributes or by its journey alone.
    signature.inputs = Schema(
        [ColSpec("string", name, required=name in ("lead_id", "snapshot_at")) for name in COLUMNS]
    )
    code = [str(Path(str(package.__file__)).parent) for package in (features, models)]
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={"bundle": str(folder)},
        code_paths=code,
        signature=signature,
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        metadata={"fingerprint": bundle.catalog.fingerprint, "label_days": bundle.metadata["label_days"]},
    )


def track(
    workspace: Path,
    model_name: str,
    folder: Path,
    result: Mapping[str, Any],
    plots: Mapping[str, list[dict[str, Any]]],
    params: Mapping[str, Any],
    reports: Iterable[Path] = (),
) -> dict[str, str]:
    """Record one training as an MLflow run.

    Parameters
    ----------
    workspace : Path
        Where `dvc.lock` is; decides the store and the git commit.
    model_name : str
        Name of the experiment.
    folder : Path
        The bundle.
    result : mapping
        Content of `evaluate.json`.
    plots : mapping of str to list of rows
        As `read_plots` returns them.
    params : mapping
        Parameter sections, as plain values.
    reports : iterable of Path
        Files to attach.

    Returns
    -------
    dict of str to str
        run_id, run_name, experiment, model_uri (of the logged model), bundle_sha256, source.
    """
    bundle = Bundle.load(folder)
    digest = bundle_hash(folder)
    mlflow, experiment = open_store(workspace, model_name)
    source = str(bundle.metadata["source"])
    name = run_name(bundle.metadata, result, float(params["train"]["learning_rate"]))
    data = {f"data.{path}"[:250]: md5 for path, md5 in data_hashes(workspace / "dvc.lock").items()}
    git = git_state(workspace)
    tags = {
        **git,
        **data,
        "source": source,
        "bundle_sha256": digest,
        "fingerprint": str(bundle.catalog.fingerprint),
        "mlflow.source.name": "python -m pipeline.tracking",
        **({"mlflow.source.git.commit": git["git_commit"]} if git else {}),
        **({"dvc_experiment": os.environ["DVC_EXP_NAME"]} if os.environ.get("DVC_EXP_NAME") else {}),
    }
    description = run_description(bundle.metadata, result)
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags, description=description) as run:
        for chunk in _chunks(flat_params(params)):
            mlflow.log_params(chunk)
        mlflow.log_input(_dataset(bundle.metadata), context="training")
        mlflow.log_metrics(flat_metrics(result))
        mlflow.log_dict(dict(result), "metrics/evaluate.json")
        for plot, rows in plots.items():
            mlflow.log_dict({"rows": rows}, f"plots/{plot}.json")
            picture = figure_png(plot, rows, target=target_of(bundle.metadata))
            _log_bytes(mlflow, picture, f"plots/{plot}.png")
        for path in reports:
            mlflow.log_artifact(str(path), "reports")
        if data:
            mlflow.log_dict(data, "data_hashes.json")
        info = _log_model(mlflow, bundle, folder)
    return {
        "run_id": run.info.run_id,
        "run_name": name,
        "experiment": model_name,
        "model_uri": info.model_uri,
        "bundle_sha256": digest,
        "source": source,
    }


def _dataset(metadata: Mapping[str, Any]) -> Any:
    """Name the rows that training saw, by their hash; the rows themselves stay where they are."""
    from mlflow.data import meta_dataset
    from mlflow.data.code_dataset_source import CodeDatasetSource

    source = CodeDatasetSource({"data_sha256": metadata["data_sha256"]})
    dataset: Any = meta_dataset.MetaDataset  # its type hints call it abstract
    return dataset(source, name=str(metadata["source"]), digest=str(metadata["data_sha256"])[:12])


def _log_bytes(mlflow: Any, content: bytes, path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, Path(path).name)
        file.write_bytes(content)
        mlflow.log_artifact(str(file), str(Path(path).parent))


def _ui(workspace: Path) -> None:
    """Replace this process by MLflow's pages, on loopback."""
    address, artifacts = store_addresses(workspace)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        address,
        "--host",
        "127.0.0.1",
        "--workers",
        "1",
    ]
    if artifacts is not None:
        command += ["--default-artifact-root", artifacts]
    console.print(f"MLflow on http://127.0.0.1:5000, store {address}; stop with Ctrl-C", markup=False)
    os.execv(sys.executable, command)


def main() -> None:
    """Read everything that the stages before left, record the run, write `tracking.json`."""
    if "--ui" in sys.argv[1:]:
        return _ui(Path.cwd())
    sections = load_params(SECTIONS)
    paths = sections.paths
    metrics = paths.metrics_dir / "evaluate.json"
    if not metrics.exists():
        raise DataError(f"{metrics}: no such file. Run `dvc repro evaluate`.")
    params = {key: value for key, value in sections.model_dump(mode="json").items() if key not in NOT_LOGGED}
    if sections.ingest.source != "simulated":
        del params["simulator"]
    with console.status("recording the run in MLflow"):
        record = track(
            Path.cwd(),
            sections.publish.model_name,
            paths.data_dir / "bundle",
            json.loads(metrics.read_text(encoding="utf-8")),
            read_plots(paths.plots_dir),
            params,
            sorted(paths.reports_dir.glob("*.html")),
        )
    write_json(paths.data_dir / "tracking.json", record)
    console.print(f"tracking: run [bold]{record['run_name']}[/bold] in experiment {record['experiment']}")


if __name__ == "__main__":
    run_main(main)
