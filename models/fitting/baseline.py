"""What all baselines have in common. Each is fitted and used in memory only, on the product's own rows.

Every `fit` takes a float matrix in catalog order (missing is NaN), the names of its columns, the positions of the
categorical ones (integral codes), labels 0 or 1 and positive weights, and returns the baseline itself; every `predict`
takes such a matrix and returns one float64 per row.
"""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from features.errors import DataError

__all__ = ["Baseline", "checked_labels"]


class Baseline(Protocol):
    """What all baselines have in common."""

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Learn from labelled rows."""
        ...

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict one value per row."""
        ...


def checked_labels(matrix: np.ndarray, names: Sequence[str], labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the labels as float64; raise DataError where shapes differ or there is one class only."""
    y = np.asarray(labels, dtype=np.float64)
    positives = int((y == 1.0).sum())
    if matrix.ndim != 2 or matrix.shape != (len(y), len(names)) or len(weights) != len(y) or not 0 < positives < len(y):
        raise DataError(
            f"baselines: matrix of shape {matrix.shape}, {len(names)} names, {len(y)} labels ({positives} positive), "
            f"{len(weights)} weights; needs one name per column, one label and weight per row, and both classes. "
            "Check the slices"
        )
    return y
