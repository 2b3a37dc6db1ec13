"""DuckDB: one connection in UTC that spills to disk, and the run of a source's SQL file."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import duckdb

from features.errors import DataError
from pipeline.tables.text_files import TextFiles
from pipeline.tables.workbooks import Workbooks

__all__ = ["Connection", "SourceRun", "SqlError", "connect", "explain", "install_helpers", "run_source", "text_literal"]

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError = duckdb.Error

MEMORY_LIMIT = os.environ.get("LEAD_DUCKDB_MEMORY", "4GB")

SHOWN = 200  # characters of a line of DuckDB's words
MACROS = Path(__file__).with_name("macros.sql")
FREE_MAIL_DOMAINS = Path(__file__).with_name("free_mail_domains.txt")


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


class SourceRun(NamedTuple):
    """What a source defined, and the text files that it reads."""

    views: list[str]
    files: TextFiles


def install_helpers(connection: Connection) -> TextFiles:
    """Define what a source's SQL may call (`macros.sql`); returns the register of the text files that `read_lines` is given."""
    [(folder,)] = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    files = TextFiles(Path(folder))
    connection.create_function(
        "utf8_file",
        files.utf8,
        ["VARCHAR", "VARCHAR", "BIGINT", "BIGINT"],
        "VARCHAR",
        side_effects=False,  # so that it is worked out where a table function needs a constant
    )
    connection.create_function(
        "file_or_header",
        files.or_header,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        side_effects=False,
    )
    connection.create_function(
        "sheet_file",
        Workbooks(Path(folder)).as_csv,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        side_effects=False,
    )
    connection.execute("SET VARIABLE free_mail_domains = ?", [FREE_MAIL_DOMAINS.read_text(encoding="utf-8").split()])
    connection.execute(MACROS.read_text(encoding="utf-8"))
    return files


def run_source(connection: Connection, sql_file: Path, raw_dir: Path) -> SourceRun:
    """Run a source's SQL file.

    Returns
    -------
    SourceRun
        The names of the views and tables that it defines, sorted, and the text files that it reads.

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
    files = install_helpers(connection)
    connection.execute("SET VARIABLE raw_dir = ?", [str(raw_dir)])
    try:
        connection.execute(sql_file.read_text(encoding="utf-8"))
    except SqlError as error:
        raise DataError(explain(error, sql_file, files)) from error
    rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
    return SourceRun([name for (name,) in rows], files)


def _shortened(line: str) -> str:
    """Cut a line that repeats what stands in the file: a cell may hold megabytes."""
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def explain(error: Exception, sql_file: Path, files: TextFiles) -> str:
    """Say what is wrong with a source's text files when DuckDB could not read them, and repeat DuckDB's words.

    Parameters
    ----------
    error : Exception
        What DuckDB raised.
    sql_file : Path
        The source.
    files : TextFiles
        The files that it reads; only those that can't be read are spoken of.
    """
    if files.refused is not None:
        return str(files.refused)
    message = str(error).strip()
    findings = files.findings(message) if isinstance(error, duckdb.InvalidInputException) else []
    told = message.partition("Possible fixes:")[0]  # options of DuckDB's own reader, which sources don't call
    words = [_shortened(line) for line in files.renamed(told).splitlines() if line.strip()]
    if "Maximum line size" in message:
        findings = [
            "A row is longer than 2,000,000 bytes, the most that is read. Often a quote is never closed; else export the "
            "table again without its column of long texts.",
        ]
    return "\n".join(
        [*findings, f"{sql_file}: DuckDB could not read the source:", *(f"  {line}" for line in words[:6])]
    )
