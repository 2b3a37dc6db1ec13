"""Direct identifiers leave the rows before anything is written: tables, quarantine, and values that were not taken."""

import pyarrow as pa

from models.data_protection.identifiers import MAY_HOLD
from models.data_protection.redactor import IDS, Redactor
from pipeline.tables.contract_sql import POSITION, quoted
from pipeline.tables.duckdb import Connection, text_literal

__all__ = ["Redaction"]


class Redaction:
    """Replaces identifiers in texts of one ingest.

    Parameters
    ----------
    redactor : Redactor
        The rules, and columns that hold direct identifiers.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor

    def begin(self, connection: Connection) -> None:
        """Define `redacted(text)` and `told_apart(text)`, which quarantine is written with."""
        for name, function in (("redacted", self.redactor.text), ("told_apart", self.redactor.whole)):
            connection.create_function(name, function, ["VARCHAR"], "VARCHAR", side_effects=False)

    def is_direct(self, column: str) -> bool:
        """Tell whether all values of a column are direct identifiers."""
        return self.redactor.is_direct(column)

    def clean(self, connection: Connection, name: str) -> int:
        """Clean the texts of `checked_<name>`; give how many values were replaced."""
        table, replaced = f"checked_{name}", 0
        for column, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
            if kind != "VARCHAR" or column in (*POSITION, "_reason", *IDS):
                continue
            found = self._replacements(connection, table, column)
            if not found:
                continue
            connection.register("redacted_now", pa.table({"old": [*found], "new": [*found.values()]}))
            [(count,)] = connection.execute(
                f"UPDATE {table} t SET {quoted(column)} = r.new FROM redacted_now r WHERE t.{quoted(column)} = r.old"
            ).fetchall()
            connection.unregister("redacted_now")
            replaced += int(count)
        return replaced

    def _replacements(self, connection: Connection, table: str, column: str) -> dict[str, str]:
        """Give the texts of a column that hold an identifier, and what takes their place; each is looked at once."""
        by_name = self.is_direct(column)
        condition = "" if by_name else f" AND regexp_matches(text, {text_literal(MAY_HOLD)})"
        rows = connection.execute(
            f"SELECT text FROM (SELECT DISTINCT {quoted(column)} AS text FROM {table}) WHERE text IS NOT NULL{condition}"
        ).fetchall()
        new = self.redactor.whole if by_name else self.redactor.text
        return {text: new(text) for (text,) in rows if new(text) != text}
