"""DuckDB: one connection in UTC that spills to disk, and the run of a source's SQL file."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from features.errors import DataError

__all__ = ["Connection", "SqlError", "connect", "run_source"]

Connection = duckdb.DuckDBPyConnection
SqlError = duckdb.Error

MEMORY_LIMIT = os.environ.get("LEAD_DUCKDB_MEMORY", "4GB")

# read_lines: a CSV as text, with the line of the file that each row begins on (rows may hold quoted line breaks).
MACROS = """
CREATE MACRO read_lines(path) AS TABLE
SELECT t.*, path AS source_file,
       1 + row_number() OVER ()
       + coalesce(sum(length(t::VARCHAR) - length(replace(t::VARCHAR, chr(10), '')))
                  OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS source_line
FROM read_csv(path, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"') t
"""


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
        raise DataError(f"ingest.raw_dir: {raw_dir} is not a folder. Put the source's files there, or correct params.yaml.")
    connection.execute(MACROS)
    connection.execute("SET VARIABLE raw_dir = ?", [str(raw_dir)])
    try:
        connection.execute(sql_file.read_text(encoding="utf-8"))
    except SqlError as error:
        raise DataError(explain(error, sql_file, raw_dir)) from error
    rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def explain(error: Exception, sql_file: Path, raw_dir: Path) -> str:
    """Say what is wrong with a source's files when DuckDB could not read them, else repeat DuckDB's words."""
    found = [finding for path in sorted(raw_dir.rglob("*.csv")) if (finding := _csv_finding(path))]
    first_lines = "\n  ".join(str(error).strip().splitlines()[:6])
    return "\n".join([*found, f"{sql_file}: DuckDB could not read the source:\n  {first_lines}"])


def _csv_finding(path: Path) -> str | None:
    if path.stat().st_size == 0:
        return f"{path}: the file is empty; expected a header line and rows. Export it again."
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return (
                    f"{path}, line {number}, byte {error.start + 1}: not UTF-8 (got 0x{line[error.start]:02x}). Save it as UTF-8, "
                    "or read it with encoding = 'latin-1' (or what it is in) in the source's SQL."
                )
    return None
