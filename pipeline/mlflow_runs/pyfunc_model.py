"""The model as MLflow loads it: this file and the bundle, no pickle.

MLflow copies this file beside the bundle and runs it on loading; it is not imported by the pipeline.
"""

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from models.answers.frames import score_frame
from models.bundle import Bundle

__all__ = ["LeadQualificationModel"]


class LeadQualificationModel(PythonModel):
    """Scores data frames of leads with the bundle logged beside it."""

    def load_context(self, context: Any) -> None:
        """Load and verify the bundle."""
        self.bundle = Bundle.load(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score leads; one row per lead, in the order given.

        Parameters
        ----------
        context : object
            Not used.
        model_input : DataFrame
            lead_id, snapshot_at, and attributes, account_attributes, touchpoints, stage_changes as JSON text.
        params : dict, optional
            ``language`` ("en" or "de") and ``reasons`` (a count).
        """
        chosen = params or {}
        return score_frame(
            self.bundle,
            model_input,
            n_reasons=int(chosen.get("reasons", 3)),
            language=str(chosen.get("language", "en")),
        )


set_model(LeadQualificationModel())
