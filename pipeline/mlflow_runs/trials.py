"""A search as MLflow runs: one parent named for people, one nested run per trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.mlflow_runs.store import open_store
from pipeline.mlflow_runs.summary import flat_params

__all__ = ["TuningRuns"]

STATUS = {"complete": "FINISHED", "pruned": "KILLED"}


class TuningRuns:
    """The runs of one study, in the experiment ``<model name>-tuning``.

    Parameters
    ----------
    workspace : Path
        Decides where the store is.
    model_name : str
        Names the experiment.
    title : str
        Name of the parent run.
    parent : str or None
        The parent's run id where the study goes on; a store that lost it gets a new one.
    sections : mapping
        Parameter sections that every trial shares, as plain values.
    """

    def __init__(
        self, workspace: Path, model_name: str, title: str, parent: str | None, sections: Mapping[str, Any]
    ) -> None:
        self._mlflow, self._experiment = open_store(workspace, f"{model_name}-tuning")
        known = parent and self._client.search_runs(
            [self._experiment], filter_string=f"attributes.run_id = '{parent}'", max_results=1
        )
        if known:
            self.parent = str(parent)
            return
        with self._mlflow.start_run(experiment_id=self._experiment, run_name=title) as run:
            self._mlflow.log_params(flat_params(sections))
            self.parent = str(run.info.run_id)

    @property
    def _client(self) -> Any:
        return self._mlflow.MlflowClient()

    def trial(
        self, name: str, params: Mapping[str, Any], losses: list[float], metrics: Mapping[str, float], state: str
    ) -> None:
        """Record a trial.

        Parameters
        ----------
        name : str
            Of the nested run.
        params : mapping
            Its values of `train`.
        losses : list of float
            After each fold, over the folds so far.
        metrics : mapping of str to float
            What it reached.
        state : {"complete", "pruned"}
        """
        nested = {"experiment_id": self._experiment, "run_name": name, "nested": True, "tags": {"trial": state}}
        with self._mlflow.start_run(run_id=self.parent), self._mlflow.start_run(**nested):
            self._mlflow.log_params(flat_params({"train": params}))
            for step, loss in enumerate(losses, 1):
                self._mlflow.log_metric("log_loss_of_folds_so_far", loss, step=step)
            self._mlflow.log_metrics(dict(metrics))
            self._mlflow.end_run(STATUS[state])

    def best(self, title: str, metrics: Mapping[str, float], params: Mapping[str, Any]) -> None:
        """Say in the parent what is best so far."""
        with self._mlflow.start_run(run_id=self.parent):
            self._mlflow.set_tag("mlflow.runName", title)
            self._mlflow.log_metrics(dict(metrics))
            self._mlflow.set_tags({f"best.{name}": f"{value:.6g}" for name, value in params.items()})
