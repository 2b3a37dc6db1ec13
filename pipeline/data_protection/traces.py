"""Rows about a person in files of any kind that a workspace holds: found, and taken out."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline.data_protection.person import Person, is_about
from pipeline.data_protection.traces_in_parquet import hits_by_group, rewrite
from pipeline.data_protection.traces_in_sqlite import rows_by_table
from pipeline.data_protection.traces_in_texts import holds_telling, is_table, may_hold, without_rows

__all__ = ["PARTIAL", "kind_of", "rows_about", "take_out"]

PARTIAL = ".erasing"
"""Ending of a file that is being rewritten; what an interruption leaves is removed by the next run."""

FIRST_BYTES = 1 << 16


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
        return sum(int(pc.sum(hits).as_py() or 0) for _, hits in hits_by_group(path, person))
    if kind == "sqlite":
        return sum(rows_by_table(path, person).values())
    if kind == "zip":
        return _in_workbook(path, person)
    if not may_hold(path, person):
        return 0
    if kind == "other":
        return int(any(holds_telling(path, person)))
    if not is_table(path):
        return int(person.inside.search(path.read_text(encoding="utf-8", errors="replace")) is not None)
    return without_rows(path, person)[1]


def take_out(path: Path, person: Person) -> str:
    """Take a person's rows out of a file; it is replaced as a whole.

    Returns
    -------
    str
        ``rows``: they were taken out; ``file``: it can't be changed row by row, and was removed.
    """
    kind, person = kind_of(path), person.of_file(path)
    if kind == "parquet":
        _replace(path, lambda partial: rewrite(path, partial, person))
        return "rows"
    if kind == "sqlite":
        rows_by_table(path, person, delete=True)
        return "rows"
    if kind == "text" and is_table(path):
        kept, _ = without_rows(path, person)
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


def _in_workbook(path: Path, person: Person) -> int:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
    except CalamineError:  # a zip of another kind
        return sum(holds_telling(path, person))
    found = 0
    for name in workbook.sheet_names:
        rows: Iterable[Sequence[Any]] = workbook.get_sheet_by_name(name).to_python()
        found += sum(any(is_about(cell, "lead_id", person) for cell in row) for row in rows)
    return found
