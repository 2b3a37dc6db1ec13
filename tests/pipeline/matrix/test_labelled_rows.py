"""What `train` and `tune` learn from: each row with its own features, in one order, without what was dropped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.attributes import AttributeSpec
from features.catalog import build_catalog
from features.errors import DataError
from features.params import FeaturesParams
from pipeline.matrix.labelled_rows import labelled_rows, read_labelled_rows
from pipeline.tables.parquet import write_table

AT = pd.to_datetime(["2025-03-02", "2025-03-01", "2025-03-01", "2025-03-03"], utc=True).as_unit("us")
LEADS = ["L-1", "L-2", "L-1", "L-3"]
KEYS = pd.DataFrame({"lead_id": LEADS, "snapshot_at": AT})
SNAPSHOTS = KEYS.assign(
    account_id=["A-1", None, "A-1", None],
    risk_period=np.zeros(4, dtype=np.int32),
    is_headline=[False, True, True, True],
)
LABELS = KEYS.assign(
    label=pd.array([1, 0, 1, None], dtype="Int8"), matured=[True, True, True, False], label_window_end=AT
).iloc[[3, 1, 0, 2]]
SLICES = KEYS.assign(slice=["test", "train", "train", "dropped"], reason="").iloc[[2, 3, 1, 0]]
WANTED = [("L-1", AT[1], 1, "train"), ("L-2", AT[1], 0, "train"), ("L-1", AT[0], 1, "test")]
POSITIONS = [2, 1, 0]
"""Where the wanted rows stand among the snapshots."""


def _matrix(order: list[int], names: tuple[str, ...] = ("first", "second")) -> pa.Table:
    """Name each value by the snapshot that it belongs to: 10 times its position, and the number of the column."""
    frame = KEYS.iloc[order]
    columns = {name: np.array(order, dtype=np.float32) * 10 + k for k, name in enumerate(names)}
    return pa.Table.from_pandas(frame.assign(**columns), preserve_index=False)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 1, 0]])
def test_rows_get_their_own_features_in_the_order_of_time_and_lead(order: list[int]) -> None:
    frame, matrix = labelled_rows(SNAPSHOTS, LABELS, SLICES, _matrix(order))
    assert list(frame[["lead_id", "snapshot_at", "label", "slice"]].itertuples(index=False, name=None)) == WANTED
    assert list(frame.columns) == [*SNAPSHOTS.columns, "label", "slice"]
    assert frame["label"].dtype == np.int8
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[10.0 * position, 10.0 * position + 1] for position in POSITIONS]


def test_a_snapshot_without_a_row_in_the_matrix_is_an_error() -> None:
    with pytest.raises(DataError, match=r"feature matrix: 1 of 3 snapshots .* run `dvc repro features`"):
        labelled_rows(SNAPSHOTS, LABELS, SLICES, _matrix([0, 1, 3]))


def test_a_row_that_is_twice_in_the_matrix_is_an_error() -> None:
    with pytest.raises(pd.errors.MergeError):
        labelled_rows(SNAPSHOTS, LABELS, SLICES, _matrix([0, 1, 2, 2, 3]))


def test_files_are_read_with_their_catalog_export_and_hash(tmp_path: Path) -> None:
    size = AttributeSpec("account", "size", "number", "creation")
    params = FeaturesParams(
        observation_days=60, windows_days=(7,), half_lives_days=(7,), groups=("attributes",), selectors={}
    )
    catalog = build_catalog(params, [size])
    for name, frame in (("snapshots", SNAPSHOTS), ("labels", LABELS), ("slices", SLICES)):
        write_table(tmp_path / f"{name}.parquet", name, pa.Table.from_pandas(frame, preserve_index=False))
    export = pd.DataFrame({"exported_at": AT[3:], "clock": "ordinal"})
    write_table(tmp_path / "canonical" / "export.parquet", "export", pa.Table.from_pandas(export, preserve_index=False))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "catalog.json").write_text(catalog.to_json(), encoding="utf-8")
    pq.write_table(_matrix([3, 1, 0, 2], catalog.names), tmp_path / "features" / "matrix.parquet")
    rows = read_labelled_rows(tmp_path)
    assert rows.catalog.fingerprint == catalog.fingerprint
    assert rows.export.ordinal
    assert rows.matrix[:, 0].tolist() == [10.0 * position for position in POSITIONS]
    assert rows.matrix.shape == (3, len(catalog))
    assert rows.frame["lead_id"].tolist() == [lead for lead, *_ in WANTED]
    pq.write_table(_matrix([3, 1, 2, 0], catalog.names), tmp_path / "features" / "matrix.parquet")
    assert read_labelled_rows(tmp_path).data_sha256 != rows.data_sha256
