"""Rows as LightGBM takes them: binned once for many fits on parts of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from features.errors import DataError
from models.fitting.classifier import column_names

__all__ = ["DETERMINISTIC", "BinnedRows", "Rows", "bin_rows", "check_both_labels", "make_dataset"]

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # matrix, labels, weights

# One machine, one lock file: the same rows give the same trees. By columns, a sum over rows is never split among threads, and
# one thread is quicker so.
DETERMINISTIC = {"deterministic": True, "force_col_wise": True, "verbosity": -1}


@dataclass(frozen=True, eq=False)
class BinnedRows:
    """Labelled rows with LightGBM's bins of them, found once for all fits on parts of these rows.

    Attributes
    ----------
    data : lightgbm.Dataset
        Binned; parts share its bins.
    matrix : ndarray of float32 [rows, features]
        The rows themselves.
    names : tuple of str
        Feature names in column order.
    """

    data: Any
    matrix: np.ndarray
    names: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """0 or 1 per row."""
        return np.asarray(self.data.get_label(), dtype=np.float64)

    def part(self, rows: np.ndarray) -> Any:
        """Give the `Dataset` of some rows, ascending positions, with their labels and weights."""
        return self.data.subset(rows.tolist()).construct()


def make_dataset(
    rows: Rows,
    names: Sequence[str],
    categorical: Sequence[int],
    threads: int,
    reference: Any = None,
    free_raw_data: bool = False,
) -> Any:
    """Make LightGBM's `Dataset` of rows.

    Parameters
    ----------
    rows : (matrix, labels, weights)
        As `models.fitting.boosting.train` takes them.
    names : sequence of str
        Feature names.
    categorical : sequence of int
        Columns that hold category codes.
    threads : int
        How many may bin; 0: as many as there are.
    reference : lightgbm.Dataset, optional
        Its bins are taken.
    free_raw_data : bool
        Whether LightGBM lets go of the matrix once it is binned.
    """
    matrix, labels, weights = rows
    return lightgbm.Dataset(
        matrix,
        labels,
        weight=weights,
        feature_name=column_names(names),
        categorical_feature=list(categorical),
        reference=reference,
        free_raw_data=free_raw_data,
        params={"feature_pre_filter": False, "num_threads": threads, **DETERMINISTIC},
    )


def bin_rows(
    matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray, names: Sequence[str], categorical: Sequence[int]
) -> BinnedRows:
    """Bin rows for several fits on parts of them.

    The borders of the bins are those of all rows handed in: hand in rows that every fit may know the values of. Labels play
    no part.

    Parameters
    ----------
    matrix, labels, weights, names, categorical
        As for `models.fitting.boosting.train`.
    """
    data = make_dataset((matrix, labels, weights), names, categorical, 1, free_raw_data=True)
    return BinnedRows(data.construct(), matrix, tuple(names))


def check_both_labels(labels: np.ndarray, what: str) -> None:
    """Refuse labels of which one is missing; `what` says which rows.

    Raises
    ------
    DataError
        All rows have one label, or there are none.
    """
    positives = int((labels == 1).sum())
    if not 0 < positives < len(labels):
        raise DataError(
            f"{what}: {len(labels):,} rows, {positives:,} of them positive; both labels are needed. Use a longer history, a "
            "larger labels.label_days, or other shares in the section `split`."
        )
