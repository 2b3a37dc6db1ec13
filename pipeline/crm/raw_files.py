"""What a pull leaves for ingest: one Parquet file per raw table, each replaced in one step."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.crm.records import COLUMNS, KEY, RETIRED_IDS, RETIRED_ROWS, Rows, declared_attributes
from pipeline.crm.retired import LEAD, Retired, Row, learn, resolve, without_retired
from pipeline.params import CrmAttribute

__all__ = ["LAYOUT", "leads_retired", "read_retired", "write_raw_tables"]

LAYOUT = 3  # of the raw files; an incremental pull can't go on from those of another one
LATEST = "9999"
ENTITY_OF = {"leads": "lead", "accounts": "account"}
RETIRED_COLUMNS = ("entity", "id", "into", "now", "retired_at")  # now: what `into` stands for today


def read_retired(folder: Path) -> Retired:
    """Read which ids stand for no record any more; none where no pull has been."""
    return {(row["entity"], row["id"]): row["into"] for row in _read(folder / f"{RETIRED_IDS}.parquet")}


def leads_retired(folder: Path) -> dict[str, str | None]:
    """Give the old ids of leads, and the id that stands for each today; None: deleted."""
    retired = read_retired(folder)
    return {old_id: resolve(retired, LEAD, old_id) for entity, old_id in retired if entity == LEAD}


def write_raw_tables(
    folder: Path, rows: Rows, attributes: Mapping[str, CrmAttribute], began_at: str, keep: bool
) -> dict[str, int]:
    """Write the tables; returns the rows that each now has.

    Parameters
    ----------
    folder : Path
        As `ingest.raw_dir`.
    rows : dict of str to list of dict
        By table; of rows with the same key the last one stays. Old ids are in none of the tables afterwards, but in
        `retired_ids`.
    attributes : mapping
        The declared attributes; they are the further columns of leads and accounts.
    began_at : str
        When the pull began, ISO 8601: what is known is known until then.
    keep : bool
        Whether rows of earlier pulls stay, unless one with their key came. A full pull drops them: a lead that is not there any
        more was deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old = {table: _read(folder / f"{table}.parquet") for table in COLUMNS}
    since = {(row["entity"], row["id"]): row["retired_at"] for row in _read(folder / f"{RETIRED_IDS}.parquet")}
    alive = {entity: {str(row["id"]) for row in rows.get(table, [])} for table, entity in ENTITY_OF.items()}
    said: list[Mapping[str, Any]] = list(rows.get(RETIRED_IDS, []))
    if not keep:
        said += [
            {"entity": LEAD, "id": row["id"], "into": None} for row in old["leads"] if row["id"] not in alive[LEAD]
        ]
    retired = learn(read_retired(folder), said, alive)
    gone = {(row["table"], row["id"]) for row in rows.get(RETIRED_ROWS, [])}
    tables = {
        table: [row for row in [*(old[table] if keep else []), *rows.get(table, [])] if (table, row["id"]) not in gone]
        for table in COLUMNS
    }
    tables = without_retired(tables, retired)
    counts = {}
    for table, columns in COLUMNS.items():
        names = [*columns, *(name for name, item in attributes.items() if item.entity == ENTITY_OF.get(table))]
        if table == "history_begins":  # its rows expire in the CRM, what was known stays known here
            tables[table].sort(key=lambda row: row["began_at"] or LATEST, reverse=True)
        unique = {_key(table, row): row for row in tables[table]}
        _write(folder / f"{table}.parquet", unique.values(), names)
        counts[table] = len(unique)
    kept: list[Row] = [
        {
            "entity": entity,
            "id": old_id,
            "into": into,
            "now": resolve(retired, entity, old_id),
            "retired_at": since.get((entity, old_id), began_at),
        }
        for (entity, old_id), into in retired.items()
    ]
    _write(folder / f"{RETIRED_IDS}.parquet", kept, list(RETIRED_COLUMNS))
    _write(folder / "attributes.parquet", declared_attributes(attributes), ["entity", "attribute", "type", "known_at"])
    _write(folder / "export.parquet", [{"exported_at": began_at, "clock": "real"}], ["exported_at", "clock"])
    return counts


def _key(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("id",) if table in ENTITY_OF or table == "orders" else KEY
    return tuple(row.get(name) for name in names)


def _read(path: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(path).to_pylist() if path.exists() else []
    return rows


def _write(path: Path, rows: Iterable[Mapping[str, Any]], names: list[str]) -> None:
    schema = pa.schema([(name, pa.string()) for name in names])
    temporary = path.with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], schema), temporary)
    os.replace(temporary, path)
