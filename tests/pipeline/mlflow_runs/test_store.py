import json
from pathlib import Path

import pytest

from features.errors import LeadQualificationError
from models.presentation.metric_names import COMPARED
from pipeline.mlflow_runs.store import open_store, save_view, view_address


def test_a_store_that_cannot_be_used_is_explained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://nowhere")
    with pytest.raises(LeadQualificationError, match="Check MLFLOW_TRACKING_URI"):
        open_store(workspace, "leads")


def test_the_saved_view_shows_verdict_and_headline_metrics(workspace: Path) -> None:
    mlflow, experiment = open_store(workspace, "leads")
    save_view(mlflow, experiment)
    save_view(mlflow, experiment)
    key = view_address(experiment).split("viewStateShareKey=")[1].split("&")[0]
    view = json.loads(mlflow.get_experiment(experiment).tags[f"mlflow.sharedViewState.{key}"])
    shown = ["tags.`verdict`", *(f"metrics.`{name}`" for name in COMPARED)]
    assert view["selectedColumns"][: len(shown)] == shown
    assert view["columnOrder"] == ["attributes.`Run Name`", *shown]
    assert set(view["columnWidths"]) == set(view["columnOrder"])
