"""One MLflow run per training, with everything that decides and describes it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import features
import models
from features.errors import BundleError
from models.answers.frames import ANSWERED, COLUMNS, NUMBERS, example_frame
from models.bundle import Bundle
from models.params import EvaluateParams
from pipeline.matrix.segment_rows import dimension_words
from pipeline.mlflow_runs.comparison import compare
from pipeline.mlflow_runs.datasets import datasets
from pipeline.mlflow_runs.provenance import bundle_hash, data_hashes, git_state
from pipeline.mlflow_runs.registry import Registry
from pipeline.mlflow_runs.segments import segment_metrics, segments_description
from pipeline.mlflow_runs.store import open_store
from pipeline.mlflow_runs.summary import (
    comparison_metrics,
    flat_metrics,
    flat_params,
    review_tags,
    run_description,
    run_name,
)
from pipeline.tables.parquet import read_table

__all__ = ["compare_with_champion", "log_model", "track"]

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
RESULTS = ("data.metrics/", "data.plots/")  # their hashes stand in data_hashes.json; as tags they would hide the others
BATCH = 100  # the most parameters that MLflow takes at once


def _chunks(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    items = list(values.items())
    for begin in range(0, len(items), BATCH):
        yield dict(items[begin : begin + BATCH])


def log_model(mlflow: Any, bundle: Bundle, folder: Path) -> Any:
    """Log the bundle as a pyfunc model from code: a script, the packages it imports, and the bundle's own files."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        # Only lead and moment must be sent; a lead may be known by its attributes or by its journey alone.
        Schema([ColSpec("string", name, required=name in ("lead_id", "snapshot_at")) for name in COLUMNS]),
        Schema([ColSpec("double" if name in NUMBERS else "string", name) for name in ANSWERED]),
        ParamSchema([ParamSpec("language", "string", "en"), ParamSpec("reasons", "long", 3)]),
    )
    code = [str(Path(str(package.__file__)).parent) for package in (features, models)]
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={"bundle": str(folder)},
        code_paths=code,
        signature=signature,
        input_example=example_frame(bundle),
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
    pictures: Iterable[Path] = (),
    *,
    segments: Mapping[str, Any] | None = None,
    slices: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Record one training as an MLflow run, and below it one run per dimension that the test was cut by.

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
        As `read_plots` returns them; one without rows is left out.
    params : mapping
        Parameter sections, as plain values.
    reports, pictures : iterable of Path
        Files to attach; pictures stand beside the rows that they show.
    segments : mapping, optional
        Content of `segments.json`.
    slices : mapping, optional
        `slices` of `split.json`: what the datasets of the run hold.
    comparison : mapping, optional
        As `pipeline.mlflow_runs.comparison.compare` returns it.

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
        **{key: md5 for key, md5 in data.items() if not key.startswith(RESULTS)},
        "source": source,
        "bundle_sha256": digest,
        "fingerprint": str(bundle.catalog.fingerprint),
        "mlflow.source.name": "python -m pipeline.tracking",
        **({"mlflow.source.git.commit": git["git_commit"]} if git else {}),
        **({"dvc_experiment": os.environ["DVC_EXP_NAME"]} if os.environ.get("DVC_EXP_NAME") else {}),
        **review_tags(result, segments, comparison),
    }
    description = run_description(bundle.metadata, result, segments, comparison)
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags, description=description) as run:
        for chunk in _chunks(flat_params(params)):
            mlflow.log_params(chunk)
        for dataset, context in datasets(bundle, slices or {}):
            mlflow.log_input(dataset, context=context)
        # Before the metrics: afterwards MLflow would read each metric's history again to tell the model of it
        info = log_model(mlflow, bundle, folder)
        mlflow.log_metrics(flat_metrics(result) | comparison_metrics(comparison), model_id=info.model_id)
        mlflow.log_dict(dict(result), "metrics/evaluate.json")
        for plot, rows in plots.items():
            if rows:
                mlflow.log_dict({"rows": rows}, f"plots/{plot}.json")
        for place, files in (("plots", pictures), ("reports", reports)):
            for path in files:
                mlflow.log_artifact(str(path), place)
        if comparison is not None:
            mlflow.log_dict(dict(comparison), "metrics/comparison_with_champion.json")
        if data:
            mlflow.log_dict(data, "data_hashes.json")
        if segments is not None:
            mlflow.log_dict(dict(segments), "metrics/segments.json")
            _log_segments(mlflow, experiment, segments)
    return {
        "run_id": run.info.run_id,
        "run_name": name,
        "experiment": model_name,
        "model_uri": info.model_uri,
        "bundle_sha256": digest,
        "source": source,
    }


def _log_segments(mlflow: Any, experiment: str, segments: Mapping[str, Any]) -> None:
    """Record one run per dimension below the present one; the pages draw metrics named `<metric>/<segment>` as bars."""
    for dimension, cells in segments["by"].items():
        with mlflow.start_run(
            experiment_id=experiment,
            run_name=f"by {dimension_words(dimension, 'en')}",
            nested=True,
            tags={"dimension": dimension, "mlflow.source.name": "python -m pipeline.tracking"},
            description=segments_description(dimension, cells, segments["min_positives"]),
        ):
            mlflow.log_metrics(segment_metrics(cells))


def compare_with_champion(workspace: Path, model_name: str, data: Path, evaluate: EvaluateParams) -> dict[str, Any]:
    """Compare the bundle with the present champion, if there is one that this code can read.

    Parameters
    ----------
    workspace : Path
        Decides the store.
    model_name : str
        Of the registered model.
    data : Path
        Holds `bundle`, `predictions.parquet` and `canonical`.
    evaluate : EvaluateParams
        Bootstrap settings.

    Returns
    -------
    dict
        As `pipeline.mlflow_runs.comparison.compare` returns it.
    """
    new = Bundle.load(data / "bundle")
    registry = Registry.find(workspace, model_name)
    version = None if registry is None else registry.alias("champion")
    champion: Bundle | BundleError | None = None
    if registry is not None and version is not None:
        try:
            champion = Bundle.load(registry.bundle(version))
        except BundleError as error:
            champion = error
    predictions = read_table(data / "predictions.parquet", "predictions").to_pandas()
    number = None if version is None else version.version
    return compare(new, predictions, champion, number, data / "canonical", evaluate)
