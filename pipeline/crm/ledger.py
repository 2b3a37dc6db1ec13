"""What the CRM acknowledged, per record, in a SQLite file; a rerun goes on from there."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from models.data_protection.crm_ids import AS_GIVEN, CrmIds

__all__ = ["Ledger", "Value"]

Value: TypeAlias = float | str | None


class Ledger:
    """The fields that were written last; the file holds pseudonyms where tables do, callers use the CRM's ids.

    Parameters
    ----------
    connection : sqlite3.Connection
    ids : CrmIds
    """

    def __init__(self, connection: sqlite3.Connection, ids: CrmIds = AS_GIVEN) -> None:
        self._connection, self._ids = connection, ids
        connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (lead_id TEXT PRIMARY KEY, fields TEXT NOT NULL)")
        if ids.pseudonyms is not None:  # what was written while ids stayed as given
            old = {name: values for name, values in self.read().items() if ids.inward(name) != name}
            self.write(old.items())
            with connection:
                connection.executemany("DELETE FROM acknowledged WHERE lead_id = ?", [(name,) for name in old])

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path, ids: CrmIds = AS_GIVEN) -> Iterator["Ledger"]:
        """Open or begin the ledger."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            yield cls(connection, ids)

    def read(self) -> dict[str, dict[str, Value]]:
        """Give the acknowledged values by lead_id."""
        rows = self._connection.execute("SELECT lead_id, fields FROM acknowledged").fetchall()
        return {self._ids.if_known(lead_id): json.loads(values) for lead_id, values in rows}

    def write(self, records: Iterable[tuple[str, Mapping[str, Value]]]) -> None:
        """Note acknowledged values by lead_id, all or none."""
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO acknowledged VALUES (?, ?)",
                [(self._ids.inward(lead_id), json.dumps(dict(values))) for lead_id, values in records],
            )
