"""Rows about a person in files of any kind that a workspace holds: found, and taken out.

A row is about a person if one of its cells is one of the person's ids, or a long text in it holds one. An id that is short or a
small number could be anything: then only columns that are named like an id count.
"""

import csv
import io
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["Person", "kind_of", "rows_about", "take_out"]

PARTIAL = ".erasing"
"""Ending of a file that is being rewritten; what an interruption leaves is removed by the next run."""

ID_COLUMN = re.compile(
    r"(lead|contact|person|prospect|visitor|customer|user|who|entity|merged)(_?(id|key|number|into|from|lead|contact))*",
    re.IGNORECASE,
)
"""Columns in which an id that could be anything (a number, a short text) is taken for a person's."""

PERSONS_FILE = re.compile(r"(lead|contact|person|people|prospect|visitor|user)", re.IGNORECASE)
"""Names of files in which a column that is called `id` only is a person's."""

LONG_TEXT = 40  # bytes per cell on average, from which a column may hold an id inside of other text
BLOCK = 1 << 24
FIRST_BYTES = 1 << 16


@dataclass(frozen=True)
class Person:
    """The ids by which a person stands anywhere: of leads before and after merging, of visitors, pseudonyms.

    Attributes
    ----------
    ids : tuple of str
        At least one, none empty.
    leads : tuple of str
        Those of `ids` that are a lead's, as the CRM knows it.
    plain_id : bool
        Whether a column that is called `id` only holds ids of persons.
    """

    ids: tuple[str, ...]
    leads: tuple[str, ...] = ()
    plain_id: bool = False

    @property
    def telling(self) -> tuple[str, ...]:
        """The ids that can be nothing else in a text: of four characters, or of six digits."""
        return tuple(one for one in self.ids if len(one) >= (6 if one.isdigit() else 4))

    def named_by(self, column: str) -> tuple[str, ...]:
        """Give the ids that count as the value of a column; a number is also an account's, so its column must be a person's."""
        if ID_COLUMN.fullmatch(column) or (self.plain_id and column.lower() == "id"):
            return self.ids
        return tuple(one for one in self.telling if not one.isdigit())

    def of_file(self, path: Path) -> "Person":
        """Take the file's name into account."""
        return replace(self, plain_id=PERSONS_FILE.match(path.stem) is not None)

    @cached_property
    def inside(self) -> re.Pattern[str]:
        """Match a telling id inside of a long text, not as a part of a longer word."""
        return _words(self.telling)

    @cached_property
    def inside_any(self) -> re.Pattern[str]:
        """Match a telling id inside of any text; a number alone may be anything in a short one."""
        return _words(one for one in self.telling if not one.isdigit())

    def speaks(self, text: str) -> bool:
        """Tell whether a text holds one of the ids."""
        return (self.inside if len(text) > LONG_TEXT else self.inside_any).search(text) is not None

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What a file that speaks of the person must hold somewhere, as bytes; for a quick look."""
        return tuple({one.encode() for one in self.ids} | {json.dumps(one)[1:-1].encode() for one in self.ids})


def _words(words: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])")


def kind_of(path: Path) -> str:
    """Tell by its first bytes what a file is: ``parquet``, ``sqlite``, ``zip`` (workbooks), ``text``, or ``other``."""
    with path.open("rb") as file:
        begin = file.read(FIRST_BYTES)
    if begin.startswith(b"PAR1"):
        return "parquet"
    if begin.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if begin.startswith(b"PK\x03\x04"):
        return "zip"
    is_utf16 = begin.startswith((b"\xff\xfe", b"\xfe\xff"))  # as spreadsheets write it
    return "other" if b"\0" in begin and not is_utf16 else "text"


def rows_about(path: Path, person: Person) -> int:
    """Count the rows, lines or cells of a file that are about a person.

    Raises
    ------
    OSError, ArrowException, sqlite3.Error
        The file can't be read.
    """
    kind, person = kind_of(path), person.of_file(path)
    if kind == "parquet":
        return sum(int(pc.sum(hits).as_py() or 0) for _, hits in _row_groups(path, person))
    if kind == "sqlite":
        return _in_sqlite(path, person, delete=False)
    if kind == "zip":
        return _in_workbook(path, person)
    if not _may_hold(path, person):
        return 0
    if kind == "other":
        return int(any(_holds_telling(path, person)))
    if not _is_table(path):
        return int(person.inside.search(path.read_text(encoding="utf-8", errors="replace")) is not None)
    return _text_rows(path, person)[1]


def take_out(path: Path, person: Person) -> str:
    """Take a person's rows out of a file; it is replaced as a whole.

    Returns
    -------
    str
        ``rows``: they were taken out; ``file``: it can't be changed row by row, and was removed.
    """
    kind, person = kind_of(path), person.of_file(path)
    if kind == "parquet":
        _replace(path, lambda partial: _rewrite_parquet(path, partial, person))
        return "rows"
    if kind == "sqlite":
        _in_sqlite(path, person, delete=True)
        return "rows"
    if kind == "text" and _is_table(path):
        kept, _ = _text_rows(path, person)
        _replace(path, lambda partial: partial.write_bytes(kept))
        return "rows"
    path.unlink()
    return "file"


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    partial = path.with_name(path.name + PARTIAL)
    write(partial)
    os.chmod(partial, path.stat().st_mode & 0o777)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


# Parquet


def _row_groups(path: Path, person: Person) -> Iterator[tuple[int, pa.ChunkedArray]]:
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


def _rewrite_parquet(path: Path, partial: Path, person: Person) -> None:
    file = pq.ParquetFile(path)
    about = dict(_row_groups(path, person))
    compression = "zstd"
    if file.num_row_groups:
        compression = str(file.metadata.row_group(0).column(0).compression).lower()
    with pq.ParquetWriter(partial, file.schema_arrow, compression=compression) as writer:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            writer.write_table(table.filter(pc.invert(about[number])) if number in about else table)


# Texts: CSV, JSON and whatever has lines


def _may_hold(path: Path, person: Person) -> bool:
    """Look for the ids as bytes; in UTF-16, too, which spreadsheets write."""
    needles = [
        form for needle in person.needles for form in (needle, needle.decode("utf-8", "replace").encode("utf-16-le"))
    ]
    overlap, rest = max(map(len, needles)), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if any(needle in rest + block for needle in needles):
                return True
            rest = block[-overlap:]
    return False


def _holds_telling(path: Path, person: Person) -> Iterator[bool]:
    content = path.read_bytes()
    for one in person.telling:
        yield one.encode() in content


def _is_table(path: Path) -> bool:
    """Tell whether a text can lose lines and stay what it is: not HTML, YAML or code."""
    return path.suffix.lower() in ("", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".log")


def _text_rows(path: Path, person: Person) -> tuple[bytes, int]:
    """Give a text without the rows about a person, and how many they are."""
    content = path.read_bytes()
    stripped = content.lstrip()
    if stripped[:1] in (b"[", b"{") and path.suffix.lower() != ".csv":
        try:
            value, taken = _without(json.loads(content), person)
            return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode() if taken else content, taken
        except ValueError:  # not one JSON value: one per line, or no JSON
            return _lines(content, person, _json_line)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    kept, taken = _csv_rows(text, person)
    return kept.encode(encoding, "surrogateescape" if encoding == "utf-8" else "strict"), taken


def _lines(content: bytes, person: Person, about: Callable[[str, Person], bool]) -> tuple[bytes, int]:
    kept, taken = [], 0
    for line in content.splitlines(keepends=True):
        if any(needle in line for needle in person.needles) and about(line.decode("utf-8", "replace"), person):
            taken += 1
        else:
            kept.append(line)
    return b"".join(kept), taken


def _json_line(line: str, person: Person) -> bool:
    try:
        return _without(json.loads(line), person)[1] > 0
    except ValueError:
        return person.speaks(line)


def _without(value: Any, person: Person, name: str = "") -> tuple[Any, int]:
    """Take objects that speak of the person out of lists and mappings; of a list of such objects, each counts."""
    if isinstance(value, dict):
        if any(not isinstance(one, (dict, list)) and _is_about(one, key, person) for key, one in value.items()):
            return None, 1
        kept, taken = {}, 0
        for key, one in value.items():
            if key in person.telling:
                taken += 1
                continue
            new, count = _without(one, person, key)
            taken += count
            if new is not None or not count:
                kept[key] = new
        return kept, taken
    if isinstance(value, list):
        parts = [_without(one, person, name) for one in value]
        return [new for new, count in parts if new is not None or not count], sum(count for _, count in parts)
    return (None, 1) if _is_about(value, name, person) else (value, 0)


def _is_about(value: Any, column: str, person: Person) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    text = str(value)
    return text in person.named_by(column) or person.speaks(text)


def _csv_rows(text: str, person: Person) -> tuple[str, int]:
    """Take rows out of delimited text, by whole records: one may go over several lines. The others stay byte by byte."""
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=header.count)
    names = next(csv.reader([header.lstrip("\ufeff").rstrip("\r")], delimiter=delimiter), [])
    kept, taken = [], 0
    needles = person.ids
    for number, record in enumerate(_records(text)):
        if any(needle in record for needle in needles) and number and _record_about(record, names, delimiter, person):
            taken += 1
        else:
            kept.append(record)
    return "".join(kept), taken


def _records(text: str) -> Iterator[str]:
    """Cut a text into records at line ends outside of quotes."""
    begun: list[str] = []
    quotes = 0
    for line in text.splitlines(keepends=True) if "\r" in text and "\n" not in text else io.StringIO(text, newline=""):
        begun.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield "".join(begun)
            begun, quotes = [], 0
    if begun:
        yield "".join(begun)


def _record_about(record: str, names: Sequence[str], delimiter: str, person: Person) -> bool:
    cells = next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])
    return any(_is_about(cell, names[k] if k < len(names) else "", person) for k, cell in enumerate(cells))


# Databases and workbooks


def _in_sqlite(path: Path, person: Person, *, delete: bool) -> int:
    found = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.create_function("speaks_of_them", 1, lambda cell: isinstance(cell, str) and person.speaks(cell))
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            quoted_table = _sql_name(table)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted_table})")]
            conditions, values = [], list[str]()
            for column in columns:
                ids = person.named_by(column)
                if ids:
                    conditions.append(f"CAST({_sql_name(column)} AS TEXT) IN ({', '.join('?' * len(ids))})")
                    values += ids
                conditions.append(f"speaks_of_them({_sql_name(column)})")
            where = " OR ".join(conditions)
            (count,) = connection.execute(f"SELECT count(*) FROM {quoted_table} WHERE {where}", values).fetchone()
            found += int(count)
            if delete and count:
                connection.execute(f"DELETE FROM {quoted_table} WHERE {where}", values)
        if delete and found:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def _sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _in_workbook(path: Path, person: Person) -> int:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
    except CalamineError:  # a zip of another kind
        return sum(_holds_telling(path, person))
    found = 0
    for name in workbook.sheet_names:
        rows: Iterable[Sequence[Any]] = workbook.get_sheet_by_name(name).to_python()
        found += sum(any(_is_about(cell, "lead_id", person) for cell in row) for row in rows)
    return found
