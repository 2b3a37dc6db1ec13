from pathlib import Path

import pytest

from features.errors import LeadQualificationError
from pipeline.mlflow_runs.store import open_store


def test_a_store_that_cannot_be_used_is_explained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://nowhere")
    with pytest.raises(LeadQualificationError, match="Check MLFLOW_TRACKING_URI"):
        open_store(workspace, "leads")
