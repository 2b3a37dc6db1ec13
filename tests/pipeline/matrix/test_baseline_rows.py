"""Baselines beside the product's predictions: each row its own, whatever the order in the file, and never another split's."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from features.errors import DataError
from pipeline.matrix.baseline_rows import with_baselines
from pipeline.tables.parquet import write_table

AT = pd.to_datetime(["2025-03-02", "2025-03-01", "2025-03-01"], utc=True).as_unit("us")
ROWS = pd.DataFrame({"lead_id": ["L-1", "L-2", "L-1"], "snapshot_at": AT, "probability": [0.3, 0.2, 0.1]})
FITTED = ROWS.drop(columns="probability").assign(random_folds=[None, 0.2, 0.1], base_rate=[0.13, 0.12, 0.11])


def _written(folder: Path, rows: pd.DataFrame) -> Path:
    write_table(folder / "baselines.parquet", "baselines", pa.Table.from_pandas(rows, preserve_index=False))
    return folder


def test_each_row_gets_its_own_baselines_and_keeps_its_place(tmp_path: Path) -> None:
    rows = with_baselines(ROWS, _written(tmp_path, FITTED.iloc[[2, 0, 1]]))
    assert list(rows.columns) == [*ROWS.columns, "random_folds", "base_rate"]
    assert rows[list(ROWS.columns)].equals(ROWS)
    assert rows["base_rate"].tolist() == [0.13, 0.12, 0.11]
    assert rows["random_folds"].isna().tolist() == [True, False, False]


def test_baselines_of_other_snapshots_are_an_error(tmp_path: Path) -> None:
    for fitted in (FITTED.iloc[:2], pd.concat([FITTED, FITTED.iloc[:1].assign(lead_id="L-9")])):
        with pytest.raises(DataError, match="made of other snapshots: run `dvc repro baselines`"):
            with_baselines(ROWS, _written(tmp_path, fitted))
