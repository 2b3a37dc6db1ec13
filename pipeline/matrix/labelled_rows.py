"""What `train` and `tune` learn from: the rows of the feature matrix whose outcome is known, and where they come from."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.errors import DataError
from models.data_protection.suppression import SuppressionList, suppression_list
from pipeline.tables.export import Export, read_export
from pipeline.tables.json_files import hash_files
from pipeline.tables.parquet import read_table

__all__ = ["LabelledRows", "labelled_rows", "read_labelled_rows", "refuse_objectors"]

TABLES = ("snapshots", "labels", "slices")


class LabelledRows(NamedTuple):
    """Rows to learn from, as the stages wrote them.

    Attributes
    ----------
    frame : DataFrame
        lead_id, account_id, snapshot_at, risk_period, is_headline, slice (none is `dropped`) and label (int8), in the order of
        (snapshot_at, lead_id).
    matrix : ndarray of float32 [rows, features]
        Row for row with `frame`.
    catalog : Catalog
        Names the columns of `matrix`.
    export : Export
        When, and by what clock.
    data_sha256 : str
        Of the files that the rows were read from; see `hash_files`.
    """

    frame: pd.DataFrame
    matrix: np.ndarray
    catalog: Catalog
    export: Export
    data_sha256: str


def labelled_rows(
    snapshots: pd.DataFrame, labels: pd.DataFrame, slices: pd.DataFrame, matrix: pa.Table
) -> tuple[pd.DataFrame, np.ndarray]:
    """Join what is known of each snapshot; keep the rows of a slice other than `dropped`.

    Parameters
    ----------
    snapshots, labels, slices : DataFrame
        As the tables of the same names.
    matrix : Table
        lead_id, snapshot_at, features; in any order.

    Returns
    -------
    frame : DataFrame
        The columns of `snapshots`, slice and label (int8), in the order of (snapshot_at, lead_id).
    matrix : ndarray of float32
        Features row for row with `frame`.

    Raises
    ------
    DataError
        If the matrix lacks the row of a snapshot.
    MergeError
        If a snapshot is twice in a table or in the matrix: a defect of the stage that wrote it.
    """
    keys = ["lead_id", "snapshot_at"]
    position = matrix.select(keys).to_pandas()
    position["row"] = np.arange(len(position))
    frame = snapshots.merge(labels[[*keys, "label"]], on=keys).merge(slices[[*keys, "slice"]], on=keys)
    frame = frame[frame["slice"] != "dropped"].merge(position, on=keys, how="left", validate="one_to_one")
    missing = int(frame["row"].isna().sum())
    if missing:
        raise DataError(
            f"feature matrix: {missing:,} of {len(frame):,} snapshots to learn from have no row in it. It was built from other "
            "snapshots: run `dvc repro features`."
        )
    frame = frame.sort_values(["snapshot_at", "lead_id"], ignore_index=True).astype({"label": "int8"})
    values = np.column_stack([matrix[name].to_numpy() for name in matrix.column_names[2:]]).astype(
        np.float32, copy=False
    )
    return frame.drop(columns="row"), values[frame["row"].to_numpy()]


def refuse_objectors(lead_ids: Iterable[str], listed: SuppressionList) -> None:
    """Stop where a row to learn from is of a lead that objected, or was erased, after the tables were read.

    Raises
    ------
    DataError
        Says how many, and how to leave them out.
    """
    out = listed.suppressed(lead_ids)
    if out:
        raise DataError(
            f"{len(out):,} lead(s) of the rows to learn from objected to being scored, or were erased, since the raw files "
            "were read. Run `python -m pipeline.privacy object`, which notes it in params.yaml, and then `dvc repro`."
        )


def read_labelled_rows(data: Path) -> LabelledRows:
    """Read the rows to learn from, and all that says where they come from.

    Parameters
    ----------
    data : Path
        The folder that stages pass their tables in: snapshots, labels, slices, `features`, `canonical`.

    Raises
    ------
    DataError
        If a table is missing or breaks its contract, the matrix was built from other snapshots, or somebody objected since.
    """
    catalog = Catalog.from_json((data / "features" / "catalog.json").read_text(encoding="utf-8"))
    snapshots, labels, slices = (read_table(data / f"{name}.parquet", name).to_pandas() for name in TABLES)
    frame, matrix = labelled_rows(snapshots, labels, slices, pq.read_table(data / "features" / "matrix.parquet"))
    refuse_objectors(frame["lead_id"].unique(), suppression_list(Path.cwd()))
    digest = hash_files([data / f"{name}.parquet" for name in (*TABLES, "features/matrix")])
    return LabelledRows(frame, matrix, catalog, read_export(data / "canonical"), digest)
