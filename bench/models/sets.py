"""The sets of the model benchmark: labelled feature rows with their slices, from a workspace or from a plain table."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import DataError
from models.calibration.capacity import capacity_rows
from models.fitting.splits import FITTED, assign_slices
from models.params import CapacityParams, SplitParams
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.params import load_params
from pipeline.tables.split_file import read_split
from pipeline.workspaces.workspace import data_folder, make_workspace, resized_workspace

__all__ = ["SETS", "Columns", "ModelSet", "load_set"]

SECTIONS = (
    "calibration",
    "capacity",
    "evaluate",
    "features",
    "labels",
    "paths",
    "points",
    "serving",
    "split",
    "tiers",
    "train",
    "tuning",
)
TEST_SHARE = 0.3  # of the plain tables
FOLDS = 5
SIMULATED = 60_000
"""Leads of the simulated company here: more than the demonstration needs, for differences that small companies can't show."""


@dataclass(frozen=True)
class Columns:
    """What of a catalog fitting asks for, where a plain table has none."""

    names: tuple[str, ...]
    categorical: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ModelSet:
    """Rows to fit and rows to judge, the same for every contender.

    Attributes
    ----------
    name : str
        As on the command line.
    matrix : ndarray of float32 [rows, features]
        In catalog order.
    frame : DataFrame
        Row for row: lead_id, account_id, snapshot_at, is_headline, slice, label.
    columns : Catalog or Columns
        Names, and which columns hold category codes.
    params : object
        The sections of `SECTIONS`.
    ordinal : bool
        Times are only an order.
    data : Path
        Folder of the stages' files; where the table is plain, of its file.
    """

    name: str
    matrix: np.ndarray
    frame: pd.DataFrame
    columns: Any
    params: Any
    ordinal: bool
    data: Path

    @property
    def fitted(self) -> np.ndarray:
        """Positions of the rows before the test."""
        return np.flatnonzero(self.frame["slice"].isin(FITTED).to_numpy())

    @property
    def test(self) -> np.ndarray:
        """Positions of the headline rows of the test."""
        return np.flatnonzero(((self.frame["slice"] == "test") & self.frame["is_headline"]).to_numpy(dtype=bool))

    @property
    def labels(self) -> np.ndarray:
        """0 or 1 per row."""
        return np.asarray(self.frame["label"].to_numpy(dtype=np.float64))

    @property
    def capacity(self) -> int:
        """Rows of the test that sales can work."""
        return capacity_rows(self.frame.iloc[self.test], self.params.capacity)


def from_workspace(repository: Path, name: str, as_is: bool) -> ModelSet:
    """Read what the stages up to `features` left for a source; they run first, unless `as_is`."""
    is_simulated = name == "simulated"
    workspace = resized_workspace(repository, SIMULATED) if is_simulated else make_workspace(repository, name)
    if not as_is:
        subprocess.run([sys.executable, "-m", "dvc", "repro", "-q", "features"], cwd=workspace, check=True)
    params = load_params(SECTIONS, workspace / "params.yaml")
    # A preset may hold what an earlier search found; here every search begins with the defaults
    params = params.model_copy(
        update={
            "train": load_params(("train",), repository / "params.yaml").train,
            "split": read_split(workspace / params.paths.metrics_dir),
        }
    )
    data = workspace / params.paths.data_dir
    if not (data / "features" / "matrix.parquet").exists():
        raise DataError(f"{data}: no features of {name}. Run without --as-is")
    rows = read_labelled_rows(data)
    return ModelSet(name, rows.matrix, rows.frame, rows.catalog, params, rows.export.ordinal, data)


def from_table(repository: Path, name: str, table: pd.DataFrame, outcome: np.ndarray, file: Path) -> ModelSet:
    """Split a table whose rows are in the order of time: the oldest 70 % to fit, the newest 30 % to judge."""
    columns = {}
    categorical = []
    for position, (column, values) in enumerate(table.items()):
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            columns[str(column)] = values.to_numpy(dtype=np.float32)
        else:
            categorical.append(position)
            columns[str(column)] = pd.factorize(values, sort=True)[0].astype(np.float32)
    rows = len(table)
    split = SplitParams(
        mode="time", test_share=TEST_SHARE, early_stopping_share=0, calibration_share=0, cross_fit_folds=FOLDS
    )
    frame = pd.DataFrame(
        {
            "lead_id": [f"R-{row}" for row in range(rows)],
            "account_id": pd.Series([None] * rows, dtype=object),
            "snapshot_at": pd.Timestamp("2000-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="min"),
            "is_headline": True,
            "label": outcome.astype("int8"),
            "matured": True,
        }
    )
    frame["slice"] = assign_slices(frame, split, 1, 0, "ordinal").slice.to_numpy()
    params = load_params(SECTIONS, repository / "params.yaml")
    params = params.model_copy(
        update={"split": split, "points": None, "capacity": CapacityParams(share=0.1, leads_per_week=None)}
    )
    named = Columns(tuple(columns), tuple(categorical))
    return ModelSet(name, np.column_stack(list(columns.values())), frame, named, params, True, file.parent)


def _bank_marketing(repository: Path, _: bool) -> ModelSet:
    """Rows are in date order; the call's `duration` is known after it alone."""
    file = _file(repository, "bank_marketing", "bank-additional-full.csv")
    table = pd.read_csv(file, sep=";")
    outcome = (table["y"] == "yes").to_numpy()
    return from_table(repository, "bank_marketing", table.drop(columns=["y", "duration"]), outcome, file)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _online_shoppers(repository: Path, _: bool) -> ModelSet:
    """Months are the only times, so rows keep their order within one; `PageValues` counts the purchase itself."""
    file = _file(repository, "online_shoppers", "online_shoppers_intention.csv")
    table = pd.read_csv(file)
    table["Month"] = table["Month"].map({month: number for number, month in enumerate(MONTHS, 1)})
    table = table.sort_values("Month", kind="stable", ignore_index=True)
    for code in ("OperatingSystems", "Browser", "Region", "TrafficType"):
        table[code] = table[code].astype(str)
    outcome = table["Revenue"].to_numpy(dtype=bool)
    return from_table(repository, "online_shoppers", table.drop(columns=["Revenue", "PageValues"]), outcome, file)


def _file(repository: Path, folder: str, name: str) -> Path:
    file = data_folder(repository) / folder / name
    if not file.exists():
        raise DataError(
            f"{file}: no such file. Put the data set there, or name the folder of data sets in LEAD_DATA_DIR"
        )
    return file


def _source(name: str) -> Callable[[Path, bool], ModelSet]:
    return lambda repository, as_is: from_workspace(repository, name, as_is)


SETS: dict[str, Callable[[Path, bool], ModelSet]] = {
    "simulated": _source("simulated"),
    "saas_logins": _source("saas_logins"),
    "online_retail": _source("online_retail"),
    "olist": _source("olist"),
    "xeducation": _source("xeducation"),
    "bank_marketing": _bank_marketing,
    "online_shoppers": _online_shoppers,
}


def load_set(repository: Path, name: str, as_is: bool) -> ModelSet:
    """Load a set of `SETS`.

    Raises
    ------
    DataError
        Its files are absent.
    """
    return SETS[name](repository, as_is)
