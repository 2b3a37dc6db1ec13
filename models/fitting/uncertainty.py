"""Model uncertainty: by how much a lead's log-odds would differ if chance had drawn other training leads.

Training on random halves of the accounts and comparing their answers shows it (`models.fitting.half_samples`); a small tree
model learns it, so that one lead's uncertainty costs one more prediction and not one per half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import exp2

from features.errors import BundleError
from models.fitting.classifier import Classifier
from models.trees.model_text import GAMMA

__all__ = ["Uncertainty"]

SMALLEST, LARGEST = 1e-3, 20.0
HALF = 0.5 / math.log(2.0)  # SciPy's scalar exp2, unlike NumPy's exp, gives one row the same bits as many


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """A model of the standard deviation of raw log-odds.

    Attributes
    ----------
    trees : Classifier
        Its raw output is the natural logarithm of the variance.
    """

    trees: Classifier

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Give the standard deviation of each row's raw log-odds; float64, positive; no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In catalog order.
        """
        return np.asarray(np.clip(exp2(self.trees.predict_log_odds(matrix) * HALF), SMALLEST, LARGEST))

    def to_text(self) -> str:
        """Write the model in LightGBM's text format."""
        return self.trees.to_text()

    @classmethod
    def from_text(cls, text: str, names: Sequence[str]) -> "Uncertainty":
        """Read a model; the text is data, reading it runs no code.

        Raises
        ------
        BundleError
            The text is no such model.
        """
        try:
            return cls(Classifier.from_text(text, names, GAMMA))
        except BundleError as error:
            raise BundleError(str(error).replace("model.txt", "spread.txt")) from error
