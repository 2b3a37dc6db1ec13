"""Rows about a person in Parquet files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.data_protection.person import LONG_TEXT, Person

__all__ = ["hits_by_group", "rewrite"]


def hits_by_group(path: Path, person: Person) -> Iterator[tuple[int, pa.ChunkedArray]]:
    """Give per row group which rows are about the person; only columns of text, or of numbers named like an id, are read."""
    file = pq.ParquetFile(path)
    schema = file.schema_arrow
    columns = [
        field.name
        for field in schema
        if _is_text(field.type) or (pa.types.is_integer(field.type) and person.named_by(field.name))
    ]
    for number in range(file.num_row_groups):
        table = file.read_row_group(number, columns=columns)
        hits = pa.chunked_array([pa.array([False] * table.num_rows, pa.bool_())]) if not columns else None
        for name in columns:
            found = _cells(table[name], person, name)
            hits = found if hits is None else pc.or_(hits, found)
        if hits is not None:
            yield number, hits


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _cells(column: pa.ChunkedArray, person: Person, name: str) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        numbers = [int(one) for one in person.named_by(name) if one.isdigit() and len(one) < 19]
        return pc.fill_null(pc.is_in(column.cast(pa.int64()), pa.array(numbers, pa.int64())), False)
    texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    hits = pc.is_in(texts, pa.array(person.named_by(name), texts.type))
    is_long = len(texts) > 0 and texts.nbytes / len(texts) > LONG_TEXT
    for one in person.telling:
        if (is_long or not one.isdigit()) and pc.any(pc.match_substring(texts, one)).as_py():
            bounded = rf"(^|[^\w-]){re.escape(one)}([^\w-]|$)"  # RE2 knows no looking around
            hits = pc.or_(hits, pc.match_substring_regex(texts, bounded))
    return pc.fill_null(hits, False)


def rewrite(path: Path, partial: Path, person: Person) -> None:
    """Write the file without the rows about the person, in the same row groups and compression, beside it."""
    file = pq.ParquetFile(path)
    about = dict(hits_by_group(path, person))
    compression = "zstd"
    if file.num_row_groups:
        compression = str(file.metadata.row_group(0).column(0).compression).lower()
    with pq.ParquetWriter(partial, file.schema_arrow, compression=compression) as writer:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            writer.write_table(table.filter(pc.invert(about[number])) if number in about else table)
