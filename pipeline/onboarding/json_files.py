"""What tables a JSON file holds: rows of objects, or one object around them; lists inside of objects are their own tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from features.errors import DataError
from pipeline.onboarding.names import concepts
from pipeline.onboarding.web import web_relation
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import SqlError, connect, text_literal

__all__ = ["JsonTable", "json_tables", "parquet_tables"]

DEFAULT_OBJECT_BYTES = 1 << 24  # DuckDB's own
ROOM_TO_GROW = 4  # the next export may be larger than the one that was looked at


class JsonTable(NamedTuple):
    """One table of a JSON file.

    Attributes
    ----------
    name : str
        Of the list inside the file's rows that it holds; empty: of the rows themselves.
    relation : str
        What stands after FROM in the source.
    note : str
        What was concluded.
    known_shape : str or None
        The web analytics that the file comes from.
    """

    name: str
    relation: str
    note: str
    known_shape: str | None = None


def json_tables(path: Path, where: str, charset: str, sample: str, *, goes_on: bool) -> list[JsonTable]:
    """Say what tables a file holds, if it is JSON.

    Parameters
    ----------
    path : Path
    where : str
        SQL of the path.
    charset : str
        The file's encoding.
    sample : str
        Its first characters.
    goes_on : bool
        There are more.

    Returns
    -------
    list of JsonTable
        Rows, and each list of objects inside them with the id of its row as `lead_id`; empty: the file is no JSON of objects.

    Raises
    ------
    DataError
        It is not UTF-8, or nested too deeply.
    """
    text = sample.lstrip()
    if text[:1] not in ("{", "["):
        return []
    try:
        first = _first_object(text, goes_on)
    except RecursionError as error:
        raise DataError(f"{path}: JSON that is nested too deeply to be a table. Export it flat.") from error
    if first is None:
        return []
    if charset != "utf-8":
        raise DataError(f"{path}: JSON in {charset}; JSON is UTF-8. Save it anew.")
    if (web := web_relation(first, where)) is not None:
        shape, relation = web
        return [JsonTable("", relation, f"JSON of {shape}", shape)]
    return list(_tables(path, where))


def parquet_tables(path: Path, where: str) -> list[JsonTable]:
    """Say what tables a Parquet file holds: its rows, and each list of objects inside them; parameters as `json_tables`."""
    rows = f"read_parquet({where})"
    with connect() as connection:
        try:
            found = connection.sql(f"SELECT * FROM {rows.replace(where, text_literal(path))}")
        except SqlError:  # as of JSON: the reader of the whole file says what is wrong with it
            return [JsonTable("", f"(SELECT COLUMNS(*)::VARCHAR FROM {rows})", "Parquet")]
        columns = dict(zip(found.columns, found.types, strict=True))
    if (web := web_relation(columns, where, rows)) is not None:
        shape, relation = web
        return [JsonTable("", relation, f"Parquet of {shape}", shape)]
    return list(_row_tables(columns, rows, "Parquet"))


def _first_object(text: str, goes_on: bool) -> dict[str, Any] | None:
    """Decode the first object of a text; one that goes on beyond it is looked at by DuckDB, and is an empty one here."""
    start = text.lstrip("[").lstrip()
    if not start.startswith("{"):
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(start)
    except ValueError:
        return {} if goes_on else None
    return value if isinstance(value, dict) else None


def _tables(path: Path, where: str) -> Iterator[JsonTable]:
    size = path.stat().st_size
    most = f", maximum_object_size = {ROOM_TO_GROW * size}" if size > DEFAULT_OBJECT_BYTES // ROOM_TO_GROW else ""
    with connect() as connection:

        def ask(sql: str) -> Any:
            return connection.sql(sql.replace(where, text_literal(path)))

        def columns_of(source: str) -> dict[str, Any]:
            found = ask(f"SELECT * FROM {source}")
            return dict(zip(found.columns, found.types, strict=True))

        rows = f"read_json({where}, sample_size = -1{most})"
        try:
            columns = columns_of(rows)
        except SqlError:  # the reader of the whole file says what is wrong with it
            yield JsonTable("", f"(SELECT COLUMNS(*)::VARCHAR FROM {rows})", "JSON")
            return
        lists = [name for name, kind in columns.items() if _is_list_of_objects(kind)]
        is_one = bool(lists) and len(ask(f"SELECT 1 FROM {rows} LIMIT 2").fetchall()) == 1
        if is_one:
            [sizes] = ask(f"SELECT {', '.join(f'len({quoted(name)})' for name in lists)} FROM {rows}").fetchall()
            around = max(zip(sizes, lists, strict=True), key=lambda pair: pair[0] or 0)[1]
            rows = f"(SELECT r.* FROM (SELECT unnest({quoted(around)}) AS r FROM {rows}))"
            note, columns = f"JSON, the list {around} of one object", columns_of(rows)
        else:
            note = "JSON"
        yield from _row_tables(columns, rows, note)


def _row_tables(columns: dict[str, Any], rows: str, note: str) -> Iterator[JsonTable]:
    """List the table of the rows, objects inside as columns, and one for each list of objects inside them."""
    yield JsonTable("", _leaves(columns, rows), note)
    flat = [pair for name, kind in columns.items() for pair in _below(quoted(name), name, kind)]
    # An object around a lead's fields is named after it: `lead` of `lead.id`
    key = next((sql for name, sql in flat if "lead_id" in concepts(name)), None)
    if key is None:
        return
    for name, kind in columns.items():
        if _is_list_of_objects(kind):
            inner = f"(SELECT {key} AS _row, unnest({quoted(name)}) AS _item FROM {rows})"
            yield JsonTable(name, _children(kind.child, inner), f"the list {name} of each row")


def _is_list_of_objects(kind: Any) -> bool:
    return bool(kind.id == "list" and kind.child.id == "struct")


def _below(column: str, name: str, kind: Any) -> Iterator[tuple[str, str]]:
    """Write the SQL of a column, an object inside as its fields: `user.id` is a column."""
    if kind.id != "struct":
        yield name, column
        return
    for field, inner in kind.children:
        yield from _below(f"struct_extract({column}, {text_literal(field)})", f"{name}.{field}", inner)


def _leaves(columns: dict[str, Any], rows: str) -> str:
    flat = {name for name, kind in columns.items() if kind.id != "struct"}
    if flat == set(columns) and rows.startswith(("read_json", "read_parquet")):
        return f"(SELECT COLUMNS(*)::VARCHAR FROM {rows})"
    found = [pair for name, kind in columns.items() for pair in _below(quoted(name), name, kind)]
    return f"(SELECT {', '.join(f'{sql}::VARCHAR AS {quoted(name)}' for name, sql in found)} FROM {rows})"


def _children(kind: Any, rows: str) -> str:
    found = [
        pair
        for field, inner in kind.children
        for pair in _below(f"struct_extract(_item, {text_literal(field)})", field, inner)
    ]
    own = [] if any(name == "lead_id" for name, _ in found) else [("lead_id", "_row")]
    return f"(SELECT {', '.join(f'{sql}::VARCHAR AS {quoted(name)}' for name, sql in [*own, *found])} FROM {rows})"
