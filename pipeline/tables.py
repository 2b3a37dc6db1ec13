"""The data contract: the schema of every table, checked whenever one is read or written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import DataError
from features.vocabulary import BY, STAGES

__all__ = [
    "ATTRIBUTE_TYPES",
    "CANONICAL",
    "CLOCKS",
    "ENTITIES",
    "KNOWN_AT",
    "STAGES",
    "TABLES",
    "Column",
    "TableSchema",
    "check_file",
    "check_table",
    "read_table",
    "write_table",
]

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
NUMBER = pa.float64()

ENTITIES = ("lead", "account")
ATTRIBUTE_TYPES = {"number": NUMBER, "category": TEXT, "boolean": pa.bool_()}
KNOWN_AT = ("creation", "mql", "export", "after")
CLOCKS = ("real", "ordinal")


@dataclass(frozen=True)
class Column:
    """One declared column. `required`: a row without a value breaks the contract. `optional`: a source may leave it out."""

    name: str
    type: pa.DataType
    required: bool = True
    optional: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """One declared table.

    Attributes
    ----------
    columns : tuple of Column
        In order.
    key : tuple of str
        Columns whose values together are unique; empty: rows may repeat.
    open : bool
        More columns may follow: attributes, features or baselines.
    compulsory : bool
        Every source must define it.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    open: bool = False
    compulsory: bool = False


def _maybe(kind: pa.DataType, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, required=False, optional=True) for name in names)


LEAD = Column("lead_id", TEXT)
ACCOUNT = Column("account_id", TEXT)
OCCURRED = (Column("occurred_at", TIME), *_maybe(TIME, "recorded_at"))
ACTED_BY = Column("by", TEXT, required=False, optional=True, allowed=BY)

CANONICAL: dict[str, TableSchema] = {
    "export": TableSchema(
        (Column("exported_at", TIME), Column("clock", TEXT, allowed=CLOCKS)), ("exported_at",), compulsory=True
    ),
    "attributes": TableSchema(
        (
            Column("entity", TEXT, allowed=ENTITIES),
            Column("attribute", TEXT),
            Column("type", TEXT, allowed=tuple(ATTRIBUTE_TYPES)),
            Column("known_at", TEXT, allowed=KNOWN_AT),
        ),
        ("attribute",),
        compulsory=True,
    ),
    "accounts": TableSchema((ACCOUNT,), ("account_id",), open=True),
    "leads": TableSchema(
        (LEAD, *_maybe(TEXT, "account_id"), Column("created_at", TIME)), ("lead_id",), open=True, compulsory=True
    ),
    "touchpoints": TableSchema(
        (
            Column("touchpoint_id", TEXT, optional=True),
            *_maybe(TEXT, "lead_id", "visitor_id"),
            *OCCURRED,
            Column("kind", TEXT),
            *_maybe(TEXT, "channel", "asset", "campaign"),
            *_maybe(NUMBER, "value"),
            ACTED_BY,
            *_maybe(TEXT, "consent"),
        ),
        ("touchpoint_id",),
    ),
    "stage_changes": TableSchema(
        (LEAD, Column("stage", TEXT, allowed=STAGES), *OCCURRED, *_maybe(TEXT, "reason", "owner", "team"))
    ),
    "handovers": TableSchema(
        (
            LEAD,
            Column("queued_at", TIME),
            Column("handed_over_at", TIME),
            *_maybe(TIME, "first_contact_at"),
            *_maybe(TEXT, "owner"),
        )
    ),
    "attribute_changes": TableSchema(
        (
            *_maybe(TEXT, "lead_id", "account_id"),
            Column("attribute", TEXT),
            Column("value", TEXT, required=False),
            *OCCURRED,
        )
    ),
    "orders": TableSchema((ACCOUNT, Column("ordered_at", TIME), Column("amount", NUMBER), *_maybe(TEXT, "product"))),
}

SNAPSHOT_KEY = ("lead_id", "snapshot_at")
SNAPSHOT = (LEAD, Column("snapshot_at", TIME))
MAYBE_ACCOUNT = Column("account_id", TEXT, required=False)
IS_HEADLINE = Column("is_headline", pa.bool_())
BETWEEN: dict[str, TableSchema] = {
    "snapshots": TableSchema((*SNAPSHOT, MAYBE_ACCOUNT, Column("risk_period", pa.int32()), IS_HEADLINE), SNAPSHOT_KEY),
    "labels": TableSchema(
        (
            *SNAPSHOT,
            Column("label", pa.int8(), required=False),
            Column("matured", pa.bool_()),
            Column("label_window_end", TIME),
        ),
        SNAPSHOT_KEY,
    ),
    "slices": TableSchema((*SNAPSHOT, Column("slice", TEXT), Column("reason", TEXT)), SNAPSHOT_KEY),
    "matrix": TableSchema(SNAPSHOT, SNAPSHOT_KEY, open=True),
    "predictions": TableSchema(
        (
            *SNAPSHOT,
            MAYBE_ACCOUNT,
            IS_HEADLINE,
            Column("slice", TEXT),
            Column("label", pa.int8()),
            Column("probability", NUMBER),
            Column("raw_log_odds", NUMBER),
        ),
        SNAPSHOT_KEY,
        open=True,
    ),
    "quarantine": TableSchema(
        (
            Column("reason", TEXT),
            Column("source_file", TEXT, required=False),
            Column("source_line", pa.int64(), required=False),
            Column("row", TEXT),
        )
    ),
}
TABLES = {**CANONICAL, **BETWEEN}


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
