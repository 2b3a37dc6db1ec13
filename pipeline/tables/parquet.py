"""Tables as Parquet files, held to the data contract whenever one is read or written."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import DataError
from pipeline.tables.contract import TABLES, Column

__all__ = ["check_file", "check_table", "read_table", "write_table"]


def check_table(table: pa.Table, name: str, where: str) -> pa.Table:
    """Hold a table to its schema; return it with its columns in the declared order.

    Parameters
    ----------
    table : Table
        Types that Arrow casts without loss (dictionary-encoded text, other time units) are cast.
    name : str
        One of `TABLES`.
    where : str
        For messages: the file, or the step that made the table.

    Raises
    ------
    DataError
        If a column is missing, unknown or of another type, a required value is null, a word is not allowed, or a key
        repeats.
    """
    schema = TABLES[name]
    declared = [column.name for column in schema.columns]
    missing = [
        column.name for column in schema.columns if column.name not in table.column_names and not column.optional
    ]
    if missing:
        raise DataError(
            f"{where}: table {name!r} lacks column(s) {', '.join(missing)}; it has {', '.join(table.column_names) or 'none'}. "
            "Run the stage that writes it again."
        )
    extra = [column for column in table.column_names if column not in declared]
    if extra and not schema.open:
        raise DataError(
            f"{where}: table {name!r} has unknown column(s) {', '.join(extra)}; allowed: {', '.join(declared)}."
        )
    columns = [_checked(table, column, name, where) for column in schema.columns]
    fields = [pa.field(column.name, column.type, nullable=not column.required) for column in schema.columns]
    result = pa.table(columns + [table[e] for e in extra], pa.schema(fields + [table.schema.field(e) for e in extra]))
    _check_key(result, schema.key, name, where)
    return result


def _checked(table: pa.Table, column: Column, name: str, where: str) -> pa.ChunkedArray:
    if column.name not in table.column_names:
        return pa.chunked_array([pa.nulls(len(table), column.type)])
    try:
        values = table[column.name].cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{where}: table {name!r}, column {column.name!r}: expected {column.type}, got {table[column.name].type} ({error})."
        ) from error
    if column.required and values.null_count:
        raise DataError(
            f"{where}: table {name!r}, column {column.name!r}: {values.null_count:,} value(s) missing; none may be."
        )
    if column.allowed:
        wrong = pc.filter(values, pc.invert(pc.is_in(values, pa.array(column.allowed, values.type), skip_nulls=False)))
        wrong = wrong.drop_null().unique()
        if len(wrong):
            raise DataError(
                f"{where}: table {name!r}, column {column.name!r}: got {wrong[0].as_py()!r}; "
                f"allowed: {', '.join(column.allowed)}."
            )
    return values


def _check_key(table: pa.Table, key: Sequence[str], name: str, where: str) -> None:
    if key and len(table) and table.group_by(list(key)).aggregate([]).num_rows != len(table):
        raise DataError(f"{where}: table {name!r} repeats a value of its key ({', '.join(key)}); each must be unique.")


def check_file(path: Path, name: str) -> None:
    """Hold a table that may be larger than memory to its schema, one row group at a time.

    Parameters
    ----------
    path : Path
        The Parquet file.
    name : str
        One of `TABLES`.

    Raises
    ------
    DataError
        As `check_table`, but a key is only seen to repeat within a row group: who writes such a file keeps keys unique.
    """
    with _open(path, name) as file:
        if not file.num_row_groups:
            check_table(file.schema_arrow.empty_table(), name, str(path))
        for group in range(file.num_row_groups):
            check_table(file.read_row_group(group), name, str(path))


def _open(path: Path, name: str) -> pq.ParquetFile:
    if not path.exists():
        raise DataError(f"{path}: no such file; it holds table {name!r}. Run `dvc repro`, which makes it.")
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path}: not a Parquet file ({error}). Remove it and run `dvc repro`, which makes it."
        ) from error


def read_table(path: Path, name: str) -> pa.Table:
    """Read a table and hold it to its schema.

    Raises
    ------
    DataError
        If the file is missing, not Parquet, or breaks the contract.
    """
    with _open(path, name) as file:
        return check_table(file.read(), name, str(path))


def write_table(path: Path, name: str, table: pa.Table) -> None:
    """Hold a table to its schema and write it as Parquet; folders are made as needed.

    Raises
    ------
    DataError
        If the table breaks the contract; then nothing is written.
    """
    checked = check_table(table, name, f"writing {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(checked.replace_schema_metadata(None), path, compression="zstd")
