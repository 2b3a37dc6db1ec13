"""The MLflow store: where it is, the experiment of a model, and its pages."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from features.errors import LeadQualificationError
from models.presentation.metric_names import COMPARED
from pipeline.console import console
from pipeline.mlflow_runs.provenance import store_addresses

__all__ = ["artifact_places", "open_store", "save_view", "show_pages", "view_address"]

EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # opens the pages on training runs
    "mlflow.note.content": "One run per training, experiments included; below it, one run per dimension that the test was "
    "cut by. The champion is under Models. What to look at: docs/reviewing.md.",
}

VIEW = "trainings"
"""Name of the saved view of the list of trainings."""


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


def artifact_places(workspace: Path) -> list[str]:
    """List where the experiments of a store on this machine keep artifacts, deleted experiments too; empty without a store.

    Returns
    -------
    list of str
        Paths, or addresses such as ``s3://...``, as MLflow has them.
    """
    address, _ = store_addresses(workspace)
    if not address.startswith("sqlite:///") or not Path(address.removeprefix("sqlite:///")).exists():
        return []
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.entities import ViewType
    from mlflow.tracking import MlflowClient

    experiments = MlflowClient(address, address).search_experiments(view_type=ViewType.ALL)
    return sorted({_decoded(experiment.artifact_location) for experiment in experiments})


def _decoded(place: str) -> str:
    """Turn the address of a local folder into its path: `Path.as_uri` writes blanks and umlauts in percent."""
    parts = urlsplit(place)
    return url2pathname(parts.path) if parts.scheme == "file" else place


def save_view(mlflow: Any, experiment: str) -> None:
    """Keep a view of the list of runs with the experiment, as the pages' own "Share view" does: verdict and headline metrics.

    Parameters
    ----------
    mlflow : module
        Connected, as `open_store` returns it.
    experiment : str
        Its id.
    """
    verdict, metrics = "tags.`verdict`", [f"metrics.`{name}`" for name in COMPARED]
    columns = ["attributes.`Run Name`", verdict, *metrics]
    view = {
        "selectedColumns": [verdict, *metrics, "attributes.`Models`"],
        "columnOrder": columns,
        "columnWidths": dict(zip(columns, (320, 150, 90, 150, 130, 90, 90), strict=True)),
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
    }
    key, value = f"mlflow.sharedViewState.{VIEW}", json.dumps(view)
    if mlflow.get_experiment(experiment).tags.get(key) != value:
        mlflow.MlflowClient().set_experiment_tag(experiment, key, value)


def view_address(experiment: str) -> str:
    """Give the address of the list of trainings in that view."""
    return f"http://127.0.0.1:5000/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}&compareRunsMode=TABLE"


def show_pages(workspace: Path, model_name: str) -> None:
    """Replace this process by MLflow's pages, on loopback; the line before has the list of trainings."""
    address, artifacts = store_addresses(workspace)
    mlflow, experiment = open_store(workspace, model_name)
    save_view(mlflow, experiment)
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
    console.print(f"MLflow, store {address}; stop with Ctrl-C. Trainings:", markup=False, soft_wrap=True)
    console.print(view_address(experiment), markup=False, soft_wrap=True)
    os.execv(sys.executable, command)
