"""What the rows of a training looked like: bins and counts per feature, kept in the bundle to compare later rows with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import BundleError
from models.bundle_files import finite_numbers, parse_object, whole_number

__all__ = ["QUANTILES", "Bins", "Reference", "fit_bins", "fit_reference"]

BINS = 10
LARGEST_EDGE = float(np.finfo(np.float32).max)
MOST_ROWS = 10**12
QUANTILES = 200  # of the probability, at (i + 0.5) / QUANTILES


@dataclass(frozen=True, eq=False)
class Bins:
    """How one column was distributed.

    Attributes
    ----------
    edges : ndarray of float32 [bins - 1]
        Ascending; bin i holds ``edges[i - 1] <= value < edges[i]``. The codes of a category have a bin each.
    counts : ndarray of int64 [bins + 1]
        Rows per bin; the last is that of missing values.
    """

    edges: np.ndarray
    counts: np.ndarray

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Give each value its bin; missing values have the last one.

        Examples
        --------
        >>> Bins(np.array([1.0, 3.0]), np.array([5, 5, 5, 0])).codes(np.array([0.5, 1.0, 3.0, np.nan])).tolist()
        [0, 1, 2, 3]
        """
        positions = np.searchsorted(self.edges, values, side="right")
        positions[np.isnan(values)] = len(self.counts) - 1
        return positions


@dataclass(frozen=True, eq=False)
class Reference:
    """What later rows are compared with.

    Attributes
    ----------
    features : tuple of Bins
        In catalog order; counts of headline rows that the model was fitted, stopped or calibrated on.
    probability : Bins
        Of headline test rows. Of rows that it was fitted on a model is surer than of any other, so these would be no measure.
    quantiles : ndarray of float64 [QUANTILES]
        Of the same probabilities.
    """

    features: tuple[Bins, ...]
    probability: Bins
    quantiles: np.ndarray

    def to_json(self) -> str:
        """Write as JSON text; the same reference gives the same text."""
        content = {
            "features": [_content(bins) for bins in self.features],
            "probability": _content(self.probability),
            "quantiles": np.round(self.quantiles, 7).tolist(),
        }
        return json.dumps(content, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Reference":
        """Read what `to_json` wrote.

        Raises
        ------
        BundleError
            If it is something else.
        """
        try:
            content = parse_object(text, "reference.json")
            quantiles = finite_numbers(content["quantiles"], "quantiles", 1.0)
            if len(quantiles) != QUANTILES:
                raise ValueError(f"{len(quantiles)} quantiles, expected {QUANTILES}")
            return cls(
                tuple(_bins(item) for item in content["features"]),
                _bins(content["probability"]),
                np.array(quantiles, dtype=np.float64),
            )
        except (BundleError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"reference.json: not a reference ({error!r}). Fetch the bundle again.") from error


def fit_reference(
    matrix: np.ndarray, probability: np.ndarray, categorical: Sequence[int], cardinality: Sequence[int]
) -> Reference:
    """Describe the rows of a training.

    Parameters
    ----------
    matrix : ndarray of float32 [rows, features]
        Headline rows that the model was fitted, stopped or calibrated on.
    probability : ndarray of float [test rows]
        The model's answers for headline rows that it was not fitted on.
    categorical : sequence of int
        Columns that hold codes of categories.
    cardinality : sequence of int
        How many codes each of these has, that of unknown categories included.
    """
    sizes = dict(zip(categorical, cardinality, strict=True))
    features = tuple(
        fit_bins(matrix[:, column], np.arange(1, sizes[column], dtype=np.float32) if column in sizes else None)
        for column in range(matrix.shape[1])
    )
    grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
    values = np.asarray(probability, dtype=np.float32)
    return Reference(features, fit_bins(values, None), np.quantile(values.astype(np.float64), grid))


def fit_bins(values: np.ndarray, edges: np.ndarray | None = None) -> Bins:
    """Count values in about equally filled bins, or in bins with given edges; NaN is missing."""
    if edges is None:
        edges = _quantile_edges(values[~np.isnan(values)])
    bins = Bins(edges, np.zeros(len(edges) + 2, dtype=np.int64))
    return Bins(edges, np.bincount(bins.codes(values), minlength=len(edges) + 2).astype(np.int64))


def _quantile_edges(values: np.ndarray) -> np.ndarray:
    """Cut into about equally filled bins; a value that fills more than one bin has one of its own."""
    values = values.astype(np.float32)
    if not len(values):
        return np.empty(0, dtype=np.float32)
    cuts = np.quantile(values, np.arange(1, BINS) / BINS, method="higher")
    low = values.min()
    if low == values.max():  # what was always the same may be less or more later
        return np.array([low, np.nextafter(low, np.float32(np.inf))], dtype=np.float32)
    above = values[values > low]
    if len(above) and np.mean(values == low) >= 1.0 / BINS:
        cuts = np.append(cuts, above.min())
    cuts = np.unique(cuts)
    return np.asarray(cuts[cuts > low], dtype=np.float32)


def _content(bins: Bins) -> dict[str, Any]:
    # The shortest text of a float32 that reads as the same float32
    return {"edges": [float(str(edge)) for edge in bins.edges], "counts": bins.counts.tolist()}


def _bins(content: dict[str, Any]) -> Bins:
    edges = np.array(finite_numbers(content["edges"], "edges", LARGEST_EDGE), dtype=np.float32)
    counts = [whole_number(count, "counts", 0, MOST_ROWS) for count in content["counts"]]
    if len(counts) != len(edges) + 2:
        raise ValueError(f"{len(counts)} counts for {len(edges)} edges")
    if (edges[1:] <= edges[:-1]).any():
        raise ValueError("edges do not rise")
    return Bins(edges, np.array(counts, dtype=np.int64))
