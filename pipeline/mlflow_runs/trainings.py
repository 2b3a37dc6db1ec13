"""Which trainings MLflow knows, and which rows each learned from."""

import json
from pathlib import Path
from typing import NamedTuple

from pipeline.mlflow_runs.store import open_store

__all__ = ["Training", "trainings"]

PREDICTIONS = "data/predictions.parquet"


class Training(NamedTuple):
    """One training.

    Attributes
    ----------
    run_id : str
    bundle_sha256 : str
        Of the model that it made.
    predictions_md5 : str or None
        DVC's hash of the file that names its rows; None: the run does not say.
    """

    run_id: str
    bundle_sha256: str
    predictions_md5: str | None


def trainings(workspace: Path, model_name: str) -> list[Training]:
    """List the trainings of an experiment, newest first.

    Parameters
    ----------
    workspace : Path
        Decides where the store is.
    model_name : str
        Of the experiment.

    Raises
    ------
    LeadQualificationError
        The store can't be reached.
    """
    mlflow, experiment = open_store(workspace, model_name)
    runs = mlflow.search_runs([experiment], filter_string="tags.bundle_sha256 != ''", output_format="list")
    return [
        Training(run.info.run_id, run.data.tags["bundle_sha256"], _hashes(mlflow, run.info.run_id).get(PREDICTIONS))
        for run in runs
    ]


def _hashes(mlflow: object, run_id: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        text = mlflow.artifacts.load_text(f"runs:/{run_id}/data_hashes.json")  # type: ignore[attr-defined]
    except (MlflowException, OSError):  # a run without it, such as one that somebody cut short
        return {}
    return dict(json.loads(text))
