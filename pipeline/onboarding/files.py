"""What a file is, from its bytes: encoding, layout, sheets of a workbook, web analytics; and the SQL that reads it.

The same SQL is run here and written into the source, so what was looked at is what will be read.
"""

import io
import zipfile
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from features.errors import DataError
from pipeline.onboarding.json_files import JsonTable, json_tables, parquet_tables
from pipeline.onboarding.layout import FOOTER_LINES, Layout, detect_layout, first_lines, footer_lines, is_header
from pipeline.onboarding.web import is_snowplow
from pipeline.tables.charsets import SAMPLE, bad_byte, likely_charset, open_bytes
from pipeline.tables.duckdb import text_literal
from pipeline.tables.text_files import empty_file
from pipeline.tables.workbooks import sheet_names, sheet_rows

__all__ = ["SUFFIXES", "InputTable", "recognise"]

SUFFIXES = {
    "text": (".csv", ".tsv", ".txt", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "workbook": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
    "parquet": (".parquet", ".pq"),
}
PARQUET_MAGIC, ZIP_MAGIC, GZIP_MAGIC, PDF_MAGIC = b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"%PDF"
JSON_SAMPLE = 1 << 20
HEAD_ROWS = 60
TAIL_BYTES = 1 << 20  # a multiple of what a letter takes in any encoding


@dataclass(frozen=True)
class InputTable:
    """One table among the files: a delimited file, a sheet, a JSON or Parquet file.

    Attributes
    ----------
    name : str
        The file's name, with the sheet's.
    path : Path
        The file.
    relation : str
        What stands after FROM in the source; `getvariable('raw_dir')` is the files' folder.
    fast : str
        The same without source_file and source_line, once through the file instead of twice.
    remarks : tuple of str
        Lines above the header and below the rows, for what a report says of itself.
    notes : tuple of str
        What was concluded from the bytes.
    position : bool
        The relation has source_file and source_line.
    known_shape : str or None
        The web analytics that the file comes from.
    inner : bool
        Its rows stand in lists inside another table's rows.
    """

    name: str
    path: Path
    relation: str
    fast: str
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    position: bool = False
    known_shape: str | None = None
    inner: bool = False


def recognise(path: Path, inside: str) -> list[InputTable]:
    """Say what tables a file holds.

    Parameters
    ----------
    path : Path
        The file; its bytes decide, not its name.
    inside : str
        Its path below the folder of all files, with slashes.

    Raises
    ------
    DataError
        It is empty, or of a kind that can't be read.
    """
    with path.open("rb") as raw:
        magic = raw.read(4)
    if not magic:
        raise empty_file(path)
    where = f"getvariable('raw_dir') || {text_literal('/' + inside)}"
    if magic == PARQUET_MAGIC:
        return _inputs(path, inside, parquet_tables(path, where))
    if magic == PDF_MAGIC:
        raise DataError(f"{path}: a PDF, which holds no table that can be read. Export the list as .csv or .xlsx.")
    if magic == ZIP_MAGIC and not path.name.lower().endswith(SUFFIXES["workbook"]) and not _is_workbook(path):
        raise DataError(f"{path}: an archive. Unpack it and name the files in it.")
    if path.name.lower().endswith(SUFFIXES["workbook"]) or magic == ZIP_MAGIC:
        return _sheets(path, inside, where)
    if magic[:2] == GZIP_MAGIC and not path.name.endswith(".gz"):
        raise DataError(f"{path}: packed with gzip, but its name does not end in .gz. Rename it to {path.name}.gz.")
    charset = _charset(path)
    if tables := _json(path, inside, where, charset):
        return tables
    return [_delimited(path, inside, where, charset)]


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return bool({"[Content_Types].xml", "content.xml"} & set(archive.namelist()))
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: an archive that is broken ({error}). Download it again.") from error


def _charset(path: Path) -> str:
    """Tell the encoding of a whole file: the first bytes that are not UTF-8 may come late."""
    with open_bytes(path) as raw:
        charset = likely_charset(raw.read(SAMPLE))
    if charset != "utf-8":
        return charset
    bad = bad_byte(path, "utf-8")
    if bad is None:
        return charset
    with open_bytes(path) as raw:
        for _ in range(bad[0] - 1):
            raw.readline()
        return likely_charset(raw.read(SAMPLE))


def _text(path: Path, charset: str) -> TextIO:
    called = "utf-8-sig" if charset == "utf-8" else charset
    # Only a look: what can't be decoded is told, with its line, by the reader of the whole file.
    return io.TextIOWrapper(open_bytes(path), encoding=called, errors="replace", newline="")


def _delimited(path: Path, inside: str, where: str, charset: str) -> InputTable:
    with _text(path, charset) as file:
        lines = first_lines(file)
    if not any(line.strip() for line in lines):
        raise empty_file(path)
    layout = detect_layout(lines)
    last = _last_lines(path, charset)
    layout = replace(layout, skip_end=footer_lines(last, layout))
    around = [*lines[: layout.skip], *last[len(last) - layout.skip_end :]]
    remarks = tuple(text for line in around if (text := line.strip().strip(layout.separator).strip()))
    if not layout.header:
        return _headerless(path, inside, where, charset, layout)
    options: dict[str, tuple[str | int, str | int]] = {
        "separator": (layout.separator, ","),
        "charset": (charset, "utf-8"),
        "skip": (layout.skip, 0),
        "skip_end": (layout.skip_end, 0),
    }
    given = "".join(
        f", {name} := {value if isinstance(value, int) else _literal(value)}"
        for name, (value, default) in options.items()
        if value != default
    )
    notes = [charset, f"separator {_shown(layout.separator)}"]
    notes += [f"{layout.skip} line(s) above the header"] * (layout.skip > 0)
    notes += [f"{layout.skip_end} line(s) of a footer"] * (layout.skip_end > 0)
    fast = (
        f"read_csv(utf8_file({where}, {text_literal(charset)}, {layout.skip}, {layout.skip_end}), header = true, "
        f"all_varchar = true, delim = {_literal(layout.separator)}, quote = '\"', escape = '\"', comment = '', skip = 0, "
        "strict_mode = true, encoding = 'utf-8')"
    )
    return InputTable(inside, path, f"read_lines({where}{given})", fast, remarks, tuple(notes), position=True)


def _last_lines(path: Path, charset: str) -> list[str]:
    """Read the last lines of a file, of a packed one by reading through it."""
    if path.name.endswith(".gz") or path.stat().st_size <= TAIL_BYTES:
        with _text(path, charset) as text:
            return list(deque(text, maxlen=FOOTER_LINES))
    with path.open("rb") as raw:
        raw.seek(-TAIL_BYTES, io.SEEK_END)
        wide = {"utf-16": "utf-16-le" if _little(path) else "utf-16-be"}.get(charset, charset)
        lines = io.StringIO(raw.read().decode(wide, errors="ignore"), newline="").readlines()
    return lines[1:][-FOOTER_LINES:]


def _little(path: Path) -> bool:
    with path.open("rb") as raw:
        return raw.read(2) == b"\xff\xfe"


def _literal(text: str) -> str:
    return "chr(9)" if text == "\t" else text_literal(text)


def _shown(separator: str) -> str:
    return {"\t": "tab"}.get(separator, separator)


def _headerless(path: Path, inside: str, where: str, charset: str, layout: Layout) -> InputTable:
    """Read a file without names, as Snowplow's: columns c0, c1, ...; quotes mean nothing."""
    if charset != "utf-8" or layout.fields < 2:
        raise DataError(
            f"{path}: no line looks like a header. Put the columns' names into its first line, or export it again."
        )
    names = tuple(f"c{i}" for i in range(layout.fields))
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    relation = (
        f"read_csv({where}, delim = {_literal(layout.separator)}, header = false, auto_detect = false, quote = '', "
        "escape = '', "
        f"columns = {{{columns}}})"
    )
    notes = (charset, f"separator {_shown(layout.separator)}", f"no header: columns c0 to c{layout.fields - 1}")
    shape = "Snowplow" if is_snowplow(list(layout.first)) else None
    return InputTable(inside, path, relation, relation, notes=notes, known_shape=shape)


def _json(path: Path, inside: str, where: str, charset: str) -> list[InputTable]:
    with _text(path, charset) as file:
        sample, goes_on = file.read(JSON_SAMPLE), bool(file.read(1))
    return _inputs(path, inside, json_tables(path, where, charset, sample, goes_on=goes_on))


def _inputs(path: Path, inside: str, tables: Iterable[JsonTable]) -> list[InputTable]:
    return [
        InputTable(
            f"{inside}, {found.name}" if found.name else inside,
            path,
            found.relation,
            found.relation,
            notes=(found.note,),
            known_shape=found.known_shape,
            inner=bool(found.name),
        )
        for found in tables
    ]


def _sheets(path: Path, inside: str, where: str) -> list[InputTable]:
    tables = []
    sheets = sheet_names(path)
    for sheet in sheets:
        rows = sheet_rows(path, sheet)
        skip = _header_row(rows[:HEAD_ROWS])
        if skip is None or len(rows) < skip + 2:
            continue
        size = max(i + 1 for i, cell in enumerate(rows[skip]) if cell.strip())
        end = 0
        while end < FOOTER_LINES and not _whole_row(rows[-1 - end], size):
            end += 1
        given = f", sheet := {text_literal(sheet)}" if len(sheets) > 1 else ""
        given += f", skip := {skip}" if skip else ""
        given += f", skip_end := {end}" if end else ""
        around = [*rows[:skip], *rows[len(rows) - end :]]
        remarks = tuple(text for row in around if (text := " ".join(row).strip()))
        name = f"{inside}, sheet {sheet}" if len(sheets) > 1 else inside
        relation = f"read_sheet({where}{given})"
        fast = f"(SELECT * EXCLUDE (source_file, source_line) FROM {relation})"
        tables.append(InputTable(name, path, relation, fast, remarks, ("workbook",), position=True))
    if not tables:
        raise DataError(f"{path}: no sheet has a header line and rows. Export it again.")
    return tables


def _header_row(rows: list[list[str]]) -> int | None:
    """Find the row of names: the first that fills two thirds of what the fullest row fills, and holds no value."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    most = max(filled, default=0)
    found = next((i for i, n in enumerate(filled) if n and n * 3 >= most * 2), None)
    return found if found is not None and is_header([cell for cell in rows[found] if cell.strip()]) else None


def _whole_row(row: list[str], size: int) -> bool:
    """Whether a row of a sheet is one of its table: a third of the cells filled, or the first two."""
    filled = [bool(cell.strip()) for cell in row[:size]]
    return sum(filled) * 3 >= size or (size > 1 and filled[0] and sum(filled) >= 2)
