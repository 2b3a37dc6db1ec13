"""The text files that a source's SQL reads: each as UTF-8, and why one of them can't be read."""

import contextlib
import csv
import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from features.errors import DataError
from pipeline.tables.charsets import (
    SAMPLE,
    bad_byte,
    copy_as_utf8,
    has_mixed_line_ends,
    likely_charset,
    open_bytes,
    python_charset,
)

__all__ = ["TextFile", "TextFiles", "empty_file", "long_cells"]

SEPARATORS = ",;\t|"
LONGEST_CELL = 1 << 30
FOOTER_LINES = 30  # longer things at the end of a file are no footer


@dataclass(frozen=True)
class TextFile:
    """A file, how its text is to be read, and where it stands as UTF-8 (itself, or a copy)."""

    path: Path
    charset: str
    skip: int
    skip_end: int
    utf8: Path


class TextFiles:
    """The files that one connection's `read_lines` was given, with copies of those that are not plain UTF-8.

    Parameters
    ----------
    folder : Path
        Where copies go, in a folder of its own each. They cost disk, not memory.

    Attributes
    ----------
    refused : DataError or None
        Why a file can't be read at all; DuckDB only passes the words on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.refused: DataError | None = None
        self._files: dict[tuple[str, str, int, int], TextFile] = {}

    def utf8(self, path: str, charset: str, skip: int, skip_end: int) -> str:
        """Give the path of a file in UTF-8; the SQL function `utf8_file`.

        A copy is made once. A path that is no file, such as a pattern, is left to DuckDB.

        Raises
        ------
        DataError
            If the file is empty, the encoding is unknown or not that of the file, or a number of lines is negative.
        """
        key = (path, charset, skip, skip_end)
        if key not in self._files:
            try:
                self._files[key] = self._prepared(Path(path), charset, skip, skip_end)
            except DataError as error:
                self.refused = error
                raise
        return str(self._files[key].utf8)

    def or_header(self, path: str, header: str) -> str:
        """Give the path of a file that a source can do without; of one that is not there, a file with its header alone.

        The SQL function `file_or_header`.
        """
        if Path(path).exists():
            return path
        stand_in = Path(tempfile.mkdtemp(dir=self._folder)) / Path(path).name
        stand_in.write_text(header + "\n", encoding="utf-8")
        return str(stand_in)

    def findings(self, message: str) -> list[str]:
        """Look into the files that an error of DuckDB names, or into all that were read where it names none.

        A file that can be read gives no finding, so nothing is said of one that did not fail.
        """
        files = list(self._files.values())
        named = [file for file in files if re.search(re.escape(str(file.utf8)) + r"(?!\.?\w)", message)]
        return [finding for file in named or files if (finding := _finding(file))]

    def renamed(self, message: str) -> str:
        """Put the files' own paths where a message names copies."""
        for file in self._files.values():
            message = message.replace(str(file.utf8), str(file.path))
        return message

    def _prepared(self, path: Path, charset: str, skip: int, skip_end: int) -> TextFile:
        codec = python_charset(charset)
        if codec is None:
            raise DataError(
                f"read_lines: there is no encoding {charset!r}. Allowed: those of Python, such as 'utf-8', 'utf-16', "
                "'cp1252' (Windows, Western Europe), 'cp1250', 'latin-1'."
            )
        if min(skip, skip_end) < 0:
            raise DataError(
                f"read_lines: skip and skip_end are numbers of lines, at least 0; got {skip} and {skip_end}."
            )
        if not path.is_file():
            return TextFile(path, codec, skip, skip_end, path)
        with open_bytes(path) as file:
            sample = file.read(SAMPLE)
        if not sample:
            raise empty_file(path)
        if codec == "utf-8" and not skip and not skip_end and not has_mixed_line_ends(path):
            likely = likely_charset(sample)
            if likely.startswith("utf-16") or likely.startswith("utf-32"):
                raise DataError(_not_this_charset(path, codec, likely))
            _refuse_note_for_excel(path, skip, sample.splitlines(keepends=True)[0])
            return TextFile(path, codec, skip, skip_end, path)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        copy = folder / path.name.removesuffix(".gz")
        try:
            copy_as_utf8(path, copy, codec, skip, skip_end)
        except UnicodeError as error:
            raise DataError(_decoding_finding(path, codec) or _not_this_charset(path, codec, str(error))) from error
        with copy.open("rb") as file:
            _refuse_note_for_excel(path, skip, file.readline(SAMPLE))
        return TextFile(path, codec, skip, skip_end, copy)


def empty_file(path: Path) -> DataError:
    """Say that there is nothing in a file."""
    return DataError(f"{path}: the file is empty; expected a header line and rows. Export it again.")


def _refuse_note_for_excel(path: Path, skip: int, first: bytes) -> None:
    note = re.match(rb'(?:\xef\xbb\xbf)?("?sep=.?"?)\s*$', first)
    if note:
        raise DataError(
            f"{path}, line {skip + 1}: a note for Excel ({note[1].decode(errors='replace')}), not the header. Skip it: "
            f"read_lines(..., separator := ..., skip := {skip + 1})."
        )


def _not_this_charset(path: Path, charset: str, likely: str) -> str:
    return (
        f"{path}: not {charset}; it looks like {likely}. Name the encoding in the source's SQL: "
        f"read_lines(..., charset := '{likely}'), or save the file as UTF-8."
    )


def _decoding_finding(path: Path, charset: str) -> str | None:
    if charset.startswith(("utf-16", "utf-32")):
        with open_bytes(path) as file:
            likely = likely_charset(file.read(SAMPLE))
        return _not_this_charset(path, charset, likely) if likely != charset else None
    place = bad_byte(path, charset)
    if place is None:
        return None
    line, byte, got = place
    with open_bytes(path) as file:
        for _ in range(line - 1):
            file.readline()
        likely = likely_charset(file.read(SAMPLE))
    called = "UTF-8" if charset == "utf-8" else charset
    if likely == charset:
        return (
            f"{path}, line {line}, byte {byte}: not {called} (got 0x{got:02x}), and no other encoding fits. If it is a text, "
            "open it in an editor, correct that line and save it as UTF-8; else export it again."
        )
    return (
        f"{path}, line {line}, byte {byte}: not {called} (got 0x{got:02x}); it looks like {likely}. Name the encoding in the "
        f"source's SQL: read_lines(..., charset := '{likely}'), or save the file as UTF-8."
    )


def _finding(file: TextFile) -> str | None:
    """Look for what most often keeps a CSV from being read: nothing in it, another encoding, a row of another length."""
    if not file.utf8.is_file():
        return None
    if finding := _decoding_finding(file.utf8, "utf-8"):
        return finding
    with open_bytes(file.utf8) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        return _ragged_row(file, text)


@contextlib.contextmanager
def long_cells() -> Iterator[None]:
    """Let Python's reader of CSV take cells of any length: CRMs export whole mails in one."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _ragged_row(file: TextFile, text: io.TextIOWrapper) -> str | None:
    with long_cells():
        return _first_ragged_row(file, text)


def _first_ragged_row(file: TextFile, text: io.TextIOWrapper) -> str | None:
    first = text.readline()
    separator = max(SEPARATORS, key=first.count)
    text.seek(0)
    rows = csv.reader(text, delimiter=separator, strict=True)
    columns, line = 0, 1
    try:
        for row in rows:
            columns = columns or len(row)
            if row and len(row) != columns:
                return (
                    f"{file.path}, line {file.skip + line}: {len(row)} field(s), but the header has {columns}. "
                    f"{_way_out(file, rows, line, columns)}"
                )
            line = rows.line_num + 1
    except csv.Error as error:
        return (
            f"{file.path}, row that begins on line {file.skip + line}: {error}. Double the quotes inside quoted fields, "
            "or export it again."
        )
    return None


def _way_out(file: TextFile, rows: Iterator[list[str]], line: int, columns: int) -> str:
    """Say what to do about a row of another length: lines above the header, a footer, or a row that is broken."""
    after = list(islice(rows, FOOTER_LINES + 1))
    if columns == 1 and line <= FOOTER_LINES:
        return f"If the lines above it are a title, skip them: read_lines(..., skip := {file.skip + line - 1})."
    if len(after) <= FOOTER_LINES and not any(len(row) == columns for row in after):
        with open_bytes(file.utf8) as raw:
            lines = sum(1 for _ in raw)
        footer = file.skip_end + lines - line + 1
        return f"If the report's footer begins here, skip it: read_lines(..., skip_end := {footer})."
    return "Put fields with separators or line breaks into quotes, or export the file again."
