"""Rows about a person in the tables of an SQLite file."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.data_protection.person import LONG_TEXT, Person

__all__ = ["overwrite_data_sets", "rows_by_table"]

DATA_SETS = {"datasets": ("name", "dataset_source", "dataset_schema", "dataset_profile"), "input_tags": ("value",)}
"""Columns of MLflow's store with words on data sets. It can delete none of them: `mlflow gc` leaves them when the run goes."""


def rows_by_table(path: Path, person: Person, *, delete: bool = False) -> dict[str, int]:
    """Count the rows about a person in each table that has any, and delete them where that is asked for.

    Parameters
    ----------
    path : Path
        The database; what stands in its write-ahead log is read with it.
    person : Person
        Whose ids are looked for in every column.
    delete : bool
        Whether the rows go, and the file with its log is written anew, so that nothing is left in free pages.

    Raises
    ------
    sqlite3.Error
        The file can't be read.
    """
    found: dict[str, int] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.create_function("speaks_of_them", 1, lambda cell: person.speaks(_text(cell)))
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
            if count:
                found[table] = int(count)
            if delete and count:
                connection.execute(f"DELETE FROM {quoted_table} WHERE {where}", values)
        if delete and found:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def overwrite_data_sets(path: Path, person: Person) -> int:
    """Overwrite a person's ids in what MLflow's store says of data sets; the rows stay, so that runs can be read.

    Parameters
    ----------
    path : Path
        The database.
    person : Person
        Each mention of an id becomes a random word of its own, so that data sets that were two stay two; a number becomes 0.

    Returns
    -------
    int
        How many cells were changed.

    Raises
    ------
    sqlite3.Error
        The file can't be written.
    """
    changed = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.create_function("speaks_of_them", 1, lambda cell: person.speaks(_text(cell)))
        connection.create_function("without_them", 1, lambda cell: _without(_text(cell), person))
        for table, columns in DATA_SETS.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({_sql_name(table)})")}
            for column in (_sql_name(name) for name in columns if name in there):
                words = (
                    f"UPDATE {_sql_name(table)} SET {column} = without_them({column}) WHERE speaks_of_them({column})"
                )
                changed += connection.execute(words).rowcount
        if changed:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _without(text: str, person: Person) -> str:
    ids = person.inside if len(text) > LONG_TEXT else person.inside_any
    return ids.sub(lambda found: "0" if found[0].isdigit() else f"erased-{secrets.token_hex(4)}", text)


def _text(cell: object) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell if isinstance(cell, str) else ""


def _sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
