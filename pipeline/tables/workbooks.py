"""Sheets of a workbook (XLSX and its kin) as text, one row per row of the sheet; and as CSV, for DuckDB."""

import csv
import datetime as dt
import functools
import re
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from python_calamine import CalamineError, CalamineWorkbook

from features.errors import DataError

__all__ = ["Workbooks", "sheet_names", "sheet_rows"]

# A workbook is packed; a small file may unpack to any size.
MOST_BYTES = 2_000_000_000
# A stray cell in a sheet's far corner makes a table of all cells before it: 17 billion at most, which no memory holds.
MOST_CELLS = 100_000_000
# Some programs write the names of elements with a prefix, <x:row>, or attributes in single quotes.
ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\br=["'](\d{1,7})["']""")
COLUMN = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\br=["']([A-Z]{1,3})\d""")
CHUNK, LONGEST_TAG = 1 << 24, 1 << 10


def _opened(path: Path) -> CalamineWorkbook:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MOST_BYTES:
            raise DataError(f"{path}: unpacks to {size:,} bytes; at most {MOST_BYTES:,} are read. Export it as CSV.")
    try:
        return CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError) as error:
        raise DataError(
            f"{path}: not a workbook that can be read ({error}). Save it as .xlsx or .csv again."
        ) from error


def _check_area(path: Path) -> None:
    state = path.stat()
    _check_area_once(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _check_area_once(path: Path, _changed_at: int, _size: int) -> None:
    """Refuse a workbook with a sheet whose last row and column span more cells than can be read.

    Raises
    ------
    DataError
        Names the part of the workbook, and its last row and column.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with packed.open(name) as part:
                    row, column = _last_cell(part)
                if row * _number(column) > MOST_CELLS:
                    raise DataError(
                        f"{path}: {name} reaches to {column.decode()}{row}: more than {MOST_CELLS:,} cells. Export "
                        "the sheet as CSV; or, if a cell far from the table holds something, delete the rows and columns "
                        "beyond the table."
                    )


def _last_cell(part: IO[bytes]) -> tuple[int, bytes]:
    row, column, kept = 0, b"A", b""
    while chunk := part.read(CHUNK):
        text = kept + chunk
        row = max([row, *map(int, ROW.findall(text))])
        column = max({column, *COLUMN.findall(text)}, key=_number)
        kept = text[-LONGEST_TAG:]  # a tag may lie across two chunks
    return row, column


def _number(column: bytes) -> int:
    """Give a column's number.

    Examples
    --------
    >>> _number(b"A"), _number(b"AA"), _number(b"XFD")
    (1, 27, 16384)
    """
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number


def sheet_names(path: Path) -> list[str]:
    """List the sheets of a workbook, in its order.

    Raises
    ------
    DataError
        If it is no workbook, or unpacks to more than 2 GB.
    """
    return list(_opened(path).sheet_names)


def sheet_rows(path: Path, sheet: str | None = None) -> list[list[str]]:
    """Read a sheet as text.

    Moments are ISO 8601 (a day without a time is a day), numbers have no exponent or trailing zeros, line breaks are blanks, so
    that a row of the sheet is a line of the CSV.

    Parameters
    ----------
    path : Path
        The workbook.
    sheet : str or None
        Name of the sheet; None: the first.

    Raises
    ------
    DataError
        If there is no such sheet, or the workbook can't be read, or a cell lies too far away.
    """
    book = _opened(path)
    _check_area(path)
    if sheet is not None and sheet not in book.sheet_names:
        raise DataError(f"{path}: there is no sheet {sheet!r}. Allowed: {', '.join(book.sheet_names)}.")
    try:
        found = book.get_sheet_by_index(0) if sheet is None else book.get_sheet_by_name(sheet)
        rows = found.to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DataError(f"{path}: sheet {sheet or 1!r} can't be read ({error}). Save it as .csv.") from error
    return [[_text(cell) for cell in row] for row in rows]


def _text(cell: object) -> str:
    """Write a cell as text.

    Examples
    --------
    >>> _text(1200.0), _text(0.1), _text(dt.datetime(2026, 3, 1, 9, 15)), _text(dt.date(2026, 3, 1)), _text(True)
    ('1200', '0.1', '2026-03-01 09:15:00', '2026-03-01', 'true')
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=None).isoformat(" ", "seconds")
    return "" if cell is None else " ".join(str(cell).splitlines())


class Workbooks:
    """Sheets of workbooks as CSV files in a folder, each made once.

    Parameters
    ----------
    folder : Path
        Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[str, str], str] = {}

    def as_csv(self, path: str, sheet: str) -> str:
        """Give the path of a sheet as CSV in UTF-8; the SQL function `sheet_file`. An empty name is the first sheet."""
        if (path, sheet) not in self._files:
            rows = sheet_rows(Path(path), sheet or None)
            target = Path(tempfile.mkdtemp(dir=self._folder)) / (Path(path).stem + ".csv")
            with target.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
            self._files[path, sheet] = str(target)
        return self._files[path, sheet]
