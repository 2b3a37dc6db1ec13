"""The features of the newest days' lists, of which tiers and a share of capacity take their cut-offs."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from features.errors import DataError
from pipeline.tables.parquet import read_table

__all__ = ["read_listed_rows"]


def read_listed_rows(data: Path) -> np.ndarray | None:
    """Read the rows of the feature matrix that stand on the newest lists.

    Parameters
    ----------
    data : Path
        The folder that stages pass their tables in: lists, `features`.

    Returns
    -------
    ndarray of float32 [rows, features] or None
        In the order of (snapshot_at, lead_id). None: there are no lists.

    Raises
    ------
    DataError
        A table is missing or breaks its contract, or the matrix was built from other lists.
    """
    keys = ["lead_id", "snapshot_at"]
    lists = read_table(data / "lists.parquet", "lists").to_pandas()[keys]
    if lists.empty:
        return None
    oldest = lists["snapshot_at"].min().to_pydatetime()
    table = pq.read_table(data / "features" / "matrix.parquet", filters=[("snapshot_at", ">=", oldest)])
    position = table.select(keys).to_pandas().assign(row=np.arange(len(table)))
    found = lists.merge(position, on=keys, how="left", validate="one_to_one").sort_values(["snapshot_at", "lead_id"])
    missing = int(found["row"].isna().sum())
    if missing:
        raise DataError(
            f"feature matrix: {missing:,} of {len(found):,} rows of the newest lists are not in it. It was built from other "
            "lists: run `dvc repro features`."
        )
    picked = table.take(found["row"].to_numpy(dtype=np.int64))
    values = np.column_stack([picked[name].to_numpy() for name in picked.column_names[2:]])
    return np.asarray(values, dtype=np.float32)
