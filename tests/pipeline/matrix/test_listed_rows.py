"""The features of the newest lists: each row with its own, whatever else the matrix holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from pipeline.matrix.build import with_lists
from pipeline.matrix.listed_rows import read_listed_rows
from pipeline.tables.parquet import write_table

AT = pd.to_datetime(["2025-03-01", "2025-03-09", "2025-03-08", "2025-03-09"], utc=True).as_unit("us")
ROWS = pd.DataFrame(
    {"lead_id": ["L-1", "L-2", "L-1", "L-1"], "account_id": ["A-1", None, "A-1", "A-1"], "snapshot_at": AT}
)
"""A snapshot of long ago, and three rows of lists."""


def write(data: Path, lists: pd.DataFrame, matrix: pd.DataFrame) -> None:
    write_table(data / "lists.parquet", "lists", pa.Table.from_pandas(lists, preserve_index=False))
    (data / "features").mkdir()
    pq.write_table(pa.Table.from_pandas(matrix, preserve_index=False), data / "features" / "matrix.parquet")


def test_rows_of_lists_are_read_in_the_order_of_time_and_lead(tmp_path: Path) -> None:
    values = ROWS[["lead_id", "snapshot_at"]].assign(number=np.arange(4, dtype=np.float32))
    write(tmp_path, ROWS.iloc[1:], values.iloc[[3, 0, 2, 1]])
    rows = read_listed_rows(tmp_path)
    assert rows is not None
    assert rows.dtype == np.float32
    assert rows.tolist() == [[2.0], [3.0], [1.0]]


def test_no_lists_are_none(tmp_path: Path) -> None:
    write(tmp_path, ROWS.iloc[:0], ROWS[["lead_id", "snapshot_at"]])
    assert read_listed_rows(tmp_path) is None


def test_a_matrix_of_other_lists_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, ROWS.iloc[1:], ROWS[["lead_id", "snapshot_at"]].iloc[:2])
    with pytest.raises(DataError, match=r"2 of 3 rows of the newest lists are not in it.*dvc repro features"):
        read_listed_rows(tmp_path)


def test_a_moment_that_is_both_snapshot_and_list_is_one_row() -> None:
    snapshots = ROWS.iloc[:2].assign(risk_period=0, is_headline=True)
    together = with_lists(snapshots, ROWS.iloc[1:])
    assert together[["lead_id", "snapshot_at"]].equals(ROWS[["lead_id", "snapshot_at"]])
    assert list(together.columns) == ["lead_id", "account_id", "snapshot_at"]
