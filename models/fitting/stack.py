"""What a bundle predicts with: trees, and beside them, where the ladder found it better, a sum over columns.

``log-odds = weight x trees + additive``. Reasons are the same weighted sum of both models' exact contributions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import BundleError
from models.bundle_files import is_number, parse_object
from models.fitting.additive import AdditiveModel
from models.fitting.classifier import Classifier
from models.trees.model_text import ModelText

__all__ = ["Stack"]

MOST_WEIGHT = 10.0


@dataclass(frozen=True, eq=False)
class Stack:
    """Trees and a sum over columns.

    Attributes
    ----------
    trees : Classifier
        LightGBM's.
    weight : float
        Of the trees' log-odds; 0: they play no part.
    additive : AdditiveModel or None
        None: the trees alone, bit for bit; `weight` is 1 then.
    """

    trees: Classifier
    weight: float = 1.0
    additive: AdditiveModel | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not is_number(self.weight, 0.0, MOST_WEIGHT) or (self.additive is None and self.weight != 1.0):
            raise BundleError(
                f"ladder.json: the trees' weight is {self.weight!r:.40}; 0 to {MOST_WEIGHT:g} is allowed, and 1 where they are "
                "alone. Fetch the bundle again, or train anew."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return self.trees.names

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return self.trees.rounds

    @property
    def model(self) -> ModelText:
        """The trees as they were read."""
        return self.trees.model

    @property
    def work(self) -> np.ndarray:
        """Per tree, leaves x levels: what exact reasons of one row cost."""
        return self.trees.work

    @property
    def booster(self) -> Any:
        """LightGBM's booster; raises BundleError where LightGBM can't read the text."""
        return self.trees.booster

    @property
    def base_value(self) -> float:
        """Log-odds before any contribution; the same for every row."""
        if self.additive is None:
            return self.trees.base_value
        return self.weight * self.trees.base_value + self.additive.base

    def read_booster(self) -> None:
        """Read the booster now, where the first prediction must not wait for it; raises BundleError as `booster` does."""
        self.trees.read_booster()

    def predict_log_odds(self, matrix: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Give raw log-odds; one per row, no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.
        threads : int, optional
            As for `models.fitting.classifier.Classifier.predict_log_odds`.

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        if self.additive is None:
            return self.trees.predict_log_odds(matrix, threads)
        added = self.additive.predict_log_odds(matrix)
        return added + self.weight * self.trees.predict_log_odds(matrix, threads) if self.weight else added

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Split raw log-odds over features, exactly; the last column is the base value.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.

        Returns
        -------
        ndarray of float64 [rows, features + 1]
            A row sums to its raw log-odds.

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        of_trees = self.trees.contributions(matrix)
        return of_trees if self.additive is None else self.weight * of_trees + self.additive.contributions(matrix)

    def importance(self) -> dict[str, float]:
        """Total gain of each feature over all splits of the trees; of a sum over columns, the range of what it adds."""
        gains = self.trees.importance()
        if self.additive is None:
            return gains
        sizes = self.additive.sizes()
        whole, all_sizes = sum(gains.values()) or 1.0, sum(sizes.values()) or 1.0
        share = self.weight / (self.weight + 1.0)
        return {
            name: share * gain / whole + (1.0 - share) * sizes.get(name, 0.0) / all_sizes
            for name, gain in gains.items()
        }

    def to_text(self) -> str:
        """Write the trees in LightGBM's text format; numbers survive exactly."""
        return self.trees.to_text()

    def to_json(self) -> str:
        """Write what stands beside the trees; floats survive exactly."""
        parts = {"weight": self.weight, "additive": None if self.additive is None else self.additive.as_dict()}
        return json.dumps(parts, indent=1, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def read(cls, model_text: str, ladder_json: str, names: Sequence[str]) -> "Stack":
        """Read what `to_text` and `to_json` wrote; the texts are data, reading them runs no code.

        Raises
        ------
        BundleError
            They are something else.
        """
        raw = parse_object(ladder_json, "ladder.json")
        try:
            if set(raw) != {"weight", "additive"}:
                raise ValueError("it does not hold weight and additive")
            if not is_number(raw["weight"], 0.0, MOST_WEIGHT):
                raise ValueError(f"weight is not a number from 0 to {MOST_WEIGHT:g}")
            additive = None if raw["additive"] is None else AdditiveModel.from_dict(raw["additive"], names)
        except ValueError as error:
            raise BundleError(f"ladder.json: {error}. Fetch the bundle again, or train anew.") from error
        return cls(Classifier.from_text(model_text, names), float(raw["weight"]), additive)
