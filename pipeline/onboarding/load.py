"""From files to tables in a database of the run, all columns text; files with one header are one table."""

import filecmp
from collections.abc import Sequence
from pathlib import Path

from features.errors import DataError
from pipeline.onboarding.columns import Table
from pipeline.onboarding.files import InputTable, recognise
from pipeline.onboarding.names import kind_of_file
from pipeline.onboarding.profile import profile_columns, take_sample
from pipeline.tables.duckdb import Connection, SqlError, explain
from pipeline.tables.text_files import TextFiles

__all__ = ["MEMORY", "common_folder", "distinct_files", "load"]

MEMORY = "500MB"
THREADS = 2


def common_folder(paths: Sequence[Path]) -> Path:
    """Give the deepest folder that holds all files.

    Raises
    ------
    DataError
        No file was named, or one of them is not there.
    """
    if not paths:
        raise DataError("no files. Name exports, e.g. `python -m pipeline.init exports/*`.")
    folder = next((path for path in paths if path.is_dir()), None)
    if folder is not None:
        raise DataError(f"{folder}: a folder. Name the files in it: `python -m pipeline.init {folder}/*`.")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"{missing[0]}: there is no such file. Name exports, e.g. `python -m pipeline.init exports/*`.")
    folders = [path.resolve().parent for path in paths]
    shared = folders[0]
    while not all(folder.is_relative_to(shared) for folder in folders):
        shared = shared.parent
    return shared


def distinct_files(paths: Sequence[Path]) -> list[Path]:
    """Leave out files that hold the same bytes as one before: a download that was repeated."""
    kept: list[Path] = []
    for path in paths:
        if not any(path.samefile(other) or filecmp.cmp(path, other, shallow=False) for other in kept):
            kept.append(path)
    return kept


def load(connection: Connection, files: TextFiles, paths: Sequence[Path], folder: Path) -> list[Table]:
    """Read files into the database and profile their columns.

    Parameters
    ----------
    connection : Connection
        With the helpers of a source's SQL.
    files : TextFiles
        What `read_lines` was given; explains why a file can't be read.
    paths : sequence of Path
        The files.
    folder : Path
        The folder that holds them all, the source's `raw_dir`.

    Returns
    -------
    list of Table
        In the order of the files.

    Raises
    ------
    DataError
        A file can't be read.
    """
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(f"SET threads = {THREADS}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET force_compression = 'uncompressed'")  # the tables live for seconds; packing them costs more
    connection.execute("SET VARIABLE raw_dir = ?", [str(folder)])
    inputs = [found for path in paths for found in recognise(path, path.resolve().relative_to(folder).as_posix())]
    groups: list[tuple[tuple[str, ...], list[InputTable]]] = []
    for number, found in enumerate(inputs):
        names = _load(connection, files, found, f"input_{number}")
        kind = kind_of_file(found.name)  # calls and meetings in one form are told apart by their files alone
        same = next(
            (
                group
                for header, group in groups
                if header == names and not group[0].known_shape and kind_of_file(group[0].name) == kind
            ),
            None,
        )
        if same is None:
            groups.append((names, [found]))
        else:
            first = inputs.index(same[0])
            connection.execute(f"INSERT INTO input_{first} SELECT * FROM input_{number}")
            connection.execute(f"DROP TABLE input_{number}")
            same.append(found)
    return [
        _table(connection, f"input_{inputs.index(group[0])}", list(names), group) for names, group in groups if names
    ]


def _load(connection: Connection, files: TextFiles, found: InputTable, loaded: str) -> tuple[str, ...]:
    try:
        connection.execute(f"CREATE TABLE {loaded} AS SELECT * FROM {found.fast}")
    except SqlError as error:
        why = explain(error, Path(found.name), files)
        raise DataError(f"{why}\nIf it is no table of rows and columns, leave it out.") from error
    return tuple(name for name, *_ in connection.execute(f"DESCRIBE {loaded}").fetchall())


def _table(connection: Connection, loaded: str, names: list[str], group: list[InputTable]) -> Table:
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {loaded}").fetchall()
    first = group[0]
    sample = take_sample(connection, loaded)
    others = f" and {len(group) - 1} more with the same columns" if len(group) > 1 else ""
    return Table(
        first.name + others,
        loaded,
        rows,
        profile_columns(connection, loaded, sample, names),
        tuple(found.relation for found in group),
        all(found.position for found in group),
        tuple(line for found in group for line in found.remarks),
        first.known_shape,
        sample,
        first.inner,
    )
