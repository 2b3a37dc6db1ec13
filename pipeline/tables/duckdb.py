"""DuckDB: one connection in UTC that spills to disk, and the run of a source's SQL file."""

import contextlib
import csv
import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import duckdb

from features.errors import DataError

__all__ = ["Connection", "SqlError", "connect", "explain", "run_source", "text_literal"]

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError = duckdb.Error

MEMORY_LIMIT = os.environ.get("LEAD_DUCKDB_MEMORY", "4GB")

# read_lines: a CSV as text, with the line of the file that each row begins on. The file is read a second time as plain lines:
# a row begins on a line that is not empty and lies outside quotes (rows may hold quoted line breaks, and the reader skips empty
# lines). Nothing is left to detection: it would skip leading rows that look unlike the rest, and lose them silently.
# free_mail: whether an address, or a domain, is of a provider that anybody may use; missing stays missing.
# moment: a local time in words of its own as a time with an offset; what does not fit stays as it is, for quarantine.
MACROS = """
CREATE MACRO read_lines(path, separator := ',', charset := 'utf-8') AS TABLE
WITH plain AS (
    SELECT row_number() OVER () AS line, rtrim(coalesce(text, ''), chr(13)) AS text
    FROM read_csv(path, columns = {'text': 'VARCHAR'}, auto_detect = false, header = false, delim = chr(1), quote = '',
                  escape = '', comment = '', skip = 0, encoding = charset)
),
counted AS (
    SELECT line, text, sum(length(text) - length(replace(text, '"', '')))
        OVER (ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS quotes
    FROM plain
),
begins AS (
    SELECT line AS source_line FROM counted WHERE text <> '' AND coalesce(quotes, 0) % 2 = 0 ORDER BY line OFFSET 1
)
SELECT rows_of_text.*, path AS source_file, begins.source_line
FROM (
    SELECT * FROM read_csv(path, header = true, all_varchar = true, delim = separator, quote = '"', escape = '"',
                           comment = '', skip = 0, strict_mode = true, encoding = charset)
) AS rows_of_text
POSITIONAL JOIN begins;

CREATE MACRO moment(text, format, zone) AS coalesce((try_strptime(text, format) AT TIME ZONE zone)::VARCHAR, text);

CREATE MACRO free_mail(address) AS
    list_contains(getvariable('free_mail_domains'), nullif(lower(trim(split_part(address, '@', -1))), ''))
"""
FREE_MAIL_DOMAINS = Path(__file__).with_name("free_mail_domains.txt")
SEPARATORS = ",;\t|"


@contextlib.contextmanager
def connect() -> Iterator[Connection]:
    """Open a database of its own in a temporary folder; it is removed at the end.

    Days begin at midnight UTC, results keep the order of their files, and what does not fit into memory
    (`LEAD_DUCKDB_MEMORY`, default 4 GB) spills to disk.
    """
    with tempfile.TemporaryDirectory(prefix="lead-duckdb-") as folder:
        connection = duckdb.connect(str(Path(folder, "work.duckdb")))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET temp_directory = '{folder}'")
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            connection.execute("SET enable_progress_bar = false")
            yield connection
        finally:
            connection.close()


def text_literal(text: object) -> str:
    """Write something, usually a path, as a literal of SQL.

    Examples
    --------
    >>> text_literal("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def run_source(connection: Connection, sql_file: Path, raw_dir: Path) -> list[str]:
    """Run a source's SQL file; returns the names of the views and tables that it defines, sorted.

    Raises
    ------
    DataError
        If there is no such source, or DuckDB rejects it; the message holds DuckDB's own words.
    """
    if not sql_file.is_file():
        others = sorted(path.stem for path in sql_file.parent.glob("*.sql"))
        raise DataError(
            f"ingest.source {sql_file.stem!r}: there is no {sql_file}. Allowed: {', '.join(others) or 'none yet'}. "
            "Write the file, or correct params.yaml."
        )
    if not raw_dir.is_dir():
        raise DataError(
            f"ingest.raw_dir: {raw_dir} is not a folder. Put the source's files there, or correct params.yaml."
        )
    connection.execute("SET VARIABLE free_mail_domains = ?", [FREE_MAIL_DOMAINS.read_text(encoding="utf-8").split()])
    connection.execute(MACROS)
    connection.execute("SET VARIABLE raw_dir = ?", [str(raw_dir)])
    try:
        connection.execute(sql_file.read_text(encoding="utf-8"))
    except SqlError as error:
        raise DataError(explain(error, sql_file, raw_dir)) from error
    rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def explain(error: Exception, sql_file: Path, raw_dir: Path) -> str:
    """Say what is wrong with a source's CSV files when DuckDB could not read them, and repeat DuckDB's words.

    Parameters
    ----------
    error : Exception
        What DuckDB raised.
    sql_file, raw_dir : Path
        The source and its files; only files that the error names are looked at, or all where it names none.
    """
    message = str(error).strip()
    files = sorted(path for path in raw_dir.rglob("*") if path.name.endswith((".csv", ".csv.gz")))
    named = [path for path in files if path.name in message] or files
    found = [finding for path in named if (finding := _csv_finding(path))]
    words = [line for line in message.splitlines() if line.strip()]
    return "\n".join([*found, f"{sql_file}: DuckDB could not read the source:", *(f"  {line}" for line in words[:6])])


def _csv_finding(path: Path) -> str | None:
    """Look for what most often keeps a CSV from being read: nothing in it, another encoding, a row of another length."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        if not file.read(1):
            return f"{path}: the file is empty; expected a header line and rows. Export it again."
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return (
                    f"{path}, line {number}, byte {error.start + 1}: not UTF-8 (got 0x{line[error.start]:02x}). Save it as "
                    "UTF-8, or name its encoding in the source's SQL: read_lines(..., charset := 'latin-1')."
                )
        file.seek(0)
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            return _ragged_row(path, text)


def _ragged_row(path: Path, file: io.TextIOWrapper) -> str | None:
    separator = max(SEPARATORS, key=file.readline().count)
    file.seek(0)
    rows = csv.reader(file, delimiter=separator, strict=True)
    columns, line = 0, 1
    try:
        for row in rows:
            columns = columns or len(row)
            if row and len(row) != columns:
                return (
                    f"{path}, line {line}: {len(row)} field(s), but the header has {columns}. "
                    "Put fields with separators or line breaks into quotes, or export the file again."
                )
            line = rows.line_num + 1
    except csv.Error as error:
        return f"{path}, row that begins on line {line}: {error}. Double the quotes inside quoted fields, or export it again."
    return None
