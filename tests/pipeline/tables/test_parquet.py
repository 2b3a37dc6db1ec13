import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from pipeline.tables.parquet import check_table, read_table, write_table

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def labels(**changes: list) -> pa.Table:
    columns = {
        "lead_id": ["a", "b"],
        "snapshot_at": [DAY, DAY],
        "label": pa.array([1, None], pa.int8()),
        "matured": [True, False],
        "label_window_end": [DAY, DAY],
        **changes,
    }
    return pa.table({name: column for name, column in columns.items() if column is not None})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_table(tmp_path / "deep" / "labels.parquet", "labels", labels())
    table = read_table(tmp_path / "deep" / "labels.parquet", "labels")
    assert table["label"].to_pylist() == [1, None]
    assert str(table.schema.field("snapshot_at").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matured": None}, r"table 'labels' lacks column\(s\) matured; it has lead_id, .*Run the stage"),
        ({"score": [1, 2]}, r"table 'labels' has unknown column\(s\) score; allowed: lead_id,"),
        ({"lead_id": ["a", None]}, r"column 'lead_id': 1 value\(s\) missing; none may be"),
        ({"lead_id": ["a", "a"]}, r"repeats a value of its key \(lead_id, snapshot_at\)"),
        ({"label": ["x", "y"]}, r"column 'label': expected int8, got string"),
    ],
)
def test_a_table_that_breaks_its_schema_is_neither_written_nor_read(tmp_path: Path, changes, message) -> None:
    path = tmp_path / "labels.parquet"
    with pytest.raises(DataError, match=message):
        write_table(path, "labels", labels(**changes))
    assert not path.exists()
    pq.write_table(labels(**changes), path)
    with pytest.raises(DataError, match=message):
        read_table(path, "labels")


def test_a_word_outside_the_list_is_named() -> None:
    table = pa.table({"exported_at": [DAY], "clock": ["lunar"]})
    with pytest.raises(DataError, match=r"here: table 'export', column 'clock': got 'lunar'; allowed: real, ordinal"):
        check_table(table, "export", "here")


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file; it holds table 'leads'\. Run `dvc repro`"):
        read_table(tmp_path / "leads.parquet", "leads")
