"""The trained classifier: raw log-odds, exact contributions, text in and out. It is trained in `models.fitting.boosting`."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import BundleError, DataError
from models.trees.model_text import BINARY, ModelText, read_model_text
from models.trees.read import Trees, flat_trees

if TYPE_CHECKING:
    from models.trees.shap import TreeShap

__all__ = ["Classifier", "check_columns", "column_names", "warm_up"]

# Below so many rows a second thread costs more than it saves.
ROWS_PER_THREAD = 2_000


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained booster.

    Attributes
    ----------
    names : tuple of str
        Feature names in column order.
    model : ModelText
        Its trees, those of the chosen round and no more.
    """

    names: tuple[str, ...]
    model: ModelText

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return len(self.model.trees)

    @property
    def work(self) -> np.ndarray:
        """Per tree, leaves x levels: what exact reasons of one row cost."""
        return self.model.work

    @cached_property
    def booster(self) -> Any:
        """LightGBM's booster, read when it first predicts: most stages look at a bundle and predict nothing.

        Raises
        ------
        BundleError
            LightGBM can't read the text.
        """
        import lightgbm  # not above: it takes longer than all else that such a stage imports

        try:
            return lightgbm.Booster(model_str=self.model.readable)
        except lightgbm.basic.LightGBMError as error:
            raise BundleError(
                f"model.txt: LightGBM can't read it ({error}). Fetch the bundle again, or train anew."
            ) from error

    def read_booster(self) -> None:
        """Read the booster now, where the first prediction must not wait for it; raises BundleError as `booster` does."""
        _ = self.booster

    @cached_property
    def base_value(self) -> float:
        """Log-odds before any contribution; the same for every row."""
        return self._trees.base

    @cached_property
    def _trees(self) -> Trees:
        return flat_trees(self.model.trees)

    @cached_property
    def _shap(self) -> "TreeShap":
        from models.trees.shap import TreeShap  # not above: most stages explain nothing, and numba takes long to import

        return TreeShap(self._trees, len(self.names))

    def predict_log_odds(self, matrix: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Give raw log-odds; one per row, no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.
        threads : int, optional
            Default: as many as the rows are worth and the process has processors. Beside a fit, 1.

        Returns
        -------
        ndarray of float64 [rows]

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        check_columns(matrix, self.names, "classifier")
        if not len(matrix):
            return np.zeros(0)
        log_odds = self.booster.predict(matrix, raw_score=True, num_threads=threads or _threads(len(matrix)))
        return np.asarray(log_odds, dtype=np.float64)

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Split raw log-odds over features, by exact TreeSHAP; see `models.trees.shap`.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.

        Returns
        -------
        ndarray of float64 [rows, features + 1]
            The last column is the base value; a row sums to its raw log-odds.

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        check_columns(matrix, self.names, "classifier")
        return self._shap.contributions(matrix)

    def importance(self) -> dict[str, float]:
        """Total gain of each feature over all splits."""
        return dict(zip(self.names, map(float, self.model.gains), strict=True))

    def to_text(self) -> str:
        """Write the model in LightGBM's text format; numbers survive exactly."""
        return self.model.text

    @classmethod
    def from_text(cls, text: str, names: Sequence[str], objective: str = BINARY) -> "Classifier":
        """Read a model; the text is data, reading it runs no code. LightGBM sees nothing that was not checked before.

        Parameters
        ----------
        text : str
            From `to_text`.
        names : sequence of str
            The features it was trained on, in column order.
        objective : str
            What it must have been trained for, as LightGBM writes it.

        Raises
        ------
        BundleError
            If it is no such model, or was trained on other features.
        """
        model = read_model_text(text)
        if model.objective != objective:
            raise BundleError(
                f"model.txt: its objective is {model.objective!r}, expected {objective!r}. Fetch the bundle again, or train "
                "anew."
            )
        if list(model.columns) != column_names(names):
            raise BundleError(
                f"model.txt: trained on {len(model.columns)} columns, the catalog has {len(names)} features, and they are "
                "not the same in the same order. Fetch the bundle again, or train anew."
            )
        return cls(tuple(names), model)


def check_columns(matrix: np.ndarray, names: Sequence[str], model: str) -> None:
    """Raise DataError, naming the model, unless a matrix has one column per feature."""
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise DataError(
            f"{model}: a matrix of shape {matrix.shape} for {len(names)} features. Compute it with the catalog of the same "
            "bundle."
        )


def _threads(rows: int) -> int:
    return max(1, min(len(os.sched_getaffinity(0)), rows // ROWS_PER_THREAD))


def warm_up() -> None:
    """Import LightGBM, so that reading a booster takes no longer than its text asks for."""
    import lightgbm  # noqa: F401


def column_names(names: Sequence[str]) -> list[str]:
    """Make names that LightGBM takes whatever characters an attribute's name has; the number keeps them distinct."""
    return [f"{column}_{re.sub(r'[^0-9A-Za-z_]', '_', name)}" for column, name in enumerate(names)]
