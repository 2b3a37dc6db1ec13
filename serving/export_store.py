"""Command `export_store`: write the online store as Parquet files that the source `store` reads, outcomes as labels among them.

Attributes are declared with the champion's types, and all with their history: a snapshot sees what was known then. Values of
another type are null there, as they are for the model, and counted in a table `set_aside`.
"""

import argparse
import datetime as dt
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import LeadQualificationError
from features.timeline import to_micros
from models.audit_log.settings import say
from models.data_protection.names import write_names
from serving.contract.model_names import DEFAULT_MODEL
from serving.online.export_types import Declared, SetAside, bundle_with_types, declare, types_of
from serving.online.id_edge import edge_of
from serving.scoring.served_models import default_model
from serving.store.connect import Store, store_url
from serving.store.export import account_ids, columns_of, plain_tables, rows_of
from serving.store.names import all_names
from serving.store.visits import identified_at

__all__ = ["Exported", "export_store", "main"]

ROOT = Path(__file__).resolve().parent.parent
TIME, TEXT, NUMBER = pa.timestamp("us", tz="UTC"), pa.string(), pa.float64()
PLAIN = ("advices", "stage_changes", "orders", "outcomes", *plain_tables())
"""Tables that are exported as they are stored, but for keys and marks."""

ENTITIES = {"leads": "lead", "accounts": "account"}

_INSIDE = ("model", "change_key", "order_key", "outcome_key", "event_key", "retracted_at", "merged_from")


def _columns(table: str, without: Sequence[str]) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for name, kind in columns_of(table) if name not in without]


SCHEMAS = {
    "touchpoints": pa.schema(
        [("visitor_id", TEXT), *_columns("touchpoints", without=("touchpoint_key", "visitor_id", "merged_from"))]
    ),
    **{name: pa.schema(_columns(name, without=_INSIDE)) for name in PLAIN},
    "merged_leads": pa.schema([("lead_id", TEXT), ("merged_into", TEXT), ("merged_at", TIME)]),
    "attribute_changes": pa.schema(
        [(name, TEXT) for name in ("lead_id", "account_id", "attribute", "value")]
        + [("occurred_at", TIME), ("recorded_at", TIME)]
    ),
    "attributes": pa.schema([(name, TEXT) for name in ("entity", "attribute", "type", "known_at")]),
    "export": pa.schema([("exported_at", TIME), ("clock", TEXT)]),
    "set_aside": pa.schema(
        [(name, TEXT) for name in ("entity", "attribute", "why", "type", "sent")]
        + [("count", pa.int64()), ("example_id", TEXT)]
    ),
}

Row = Mapping[Any, Any]


class Exported(NamedTuple):
    """What was written: rows per table, and what of the attributes was set aside."""

    rows: dict[str, int]
    set_aside: list[SetAside]


def export_store(
    store: Store,
    out: Path,
    now: int,
    without: Sequence[str] = (),
    types: Mapping[str, str] | None = None,
    model: str = DEFAULT_MODEL,
) -> Exported:
    """Write all of the store, as of one moment.

    Parameters
    ----------
    store : Store
        The events so far.
    out : Path
        Folder; its files of the same names are replaced.
    now : int
        UTC microseconds: the moment of the export.
    without : sequence of str
        Attributes to leave out.
    types : mapping of str to str, optional
        Of the champion's attributes; others get the type that most of their values have.
    model : str
        Whose advice is exported: that of the service's first model.

    Raises
    ------
    StoreUnavailableError
        The store does not answer.
    """
    out.mkdir(parents=True, exist_ok=True)
    with store.read() as connection:
        changes = [
            row for part in rows_of(connection, "attribute_changes") for row in part if row["attribute"] not in without
        ]
        declared = declare(changes, types or {})
        newest = _newest(declared.changes)
        people = [row for part in rows_of(connection, "leads") for row in part]
        accounts = [{"account_id": account_id} for account_id in account_ids(connection)]
        written = {
            "leads": _entities(out, "leads", people, declared, newest),
            "accounts": _entities(out, "accounts", accounts, declared, newest),
            "attribute_changes": _write(out, "attribute_changes", [map(_change, declared.changes)]),
            "attributes": _write(out, "attributes", [[_attribute(*item) for item in declared.types.items()]]),
            "export": _write(out, "export", [[{"exported_at": now, "clock": "real"}]]),
        }
        events = (*rows_of(connection, "touchpoints"), *rows_of(connection, "visits"))
        written["touchpoints"] = _write(out, "touchpoints", (map(_with_unique_id, part) for part in events))
        for name in (*PLAIN, "merged_leads"):
            as_read = _AS_READ.get(name, dict)
            written[name] = _write(out, name, (map(as_read, part) for part in rows_of(connection, name, model)))
    _write(out, "set_aside", [[asdict(item) for item in declared.set_aside]])
    return Exported(written, declared.set_aside)


def _with_unique_id(row: Row) -> Row:
    """Make a touchpoint_id, unique within its lead or visitor, unique in the whole export."""
    touchpoint_id, whose = row["touchpoint_id"], row.get("lead_id") or f"visitor {row['visitor_id']}"
    return row if touchpoint_id is None else {**row, "touchpoint_id": f"{whose}/{touchpoint_id}"}


def _identity(row: Row) -> Row:
    """Let an identification count once it happened and was known, as in scores."""
    return {**row, "identified_at": identified_at(row)}


def _merge(row: Row) -> Row:
    return {**row, "merged_at": row["recorded_at"]}


_AS_READ: Mapping[str, Callable[[Row], Row]] = {"identities": _identity, "merged_leads": _merge}


def _newest(changes: Iterable[Row]) -> dict[tuple[str, str, str], str]:
    ordered = sorted(changes, key=lambda row: (row["occurred_at"], row["recorded_at"]))
    return {(row["entity"], row["entity_id"], row["attribute"]): row["value"] for row in ordered}


def _text(value: str) -> str | None:
    """Write a JSON value as ingest reads it."""
    plain = json.loads(value)
    return plain if plain is None or isinstance(plain, str) else value


def _change(row: Row) -> Row:
    of = {f"{entity}_id": row["entity_id"] if row["entity"] == entity else None for entity in ENTITIES.values()}
    return {**row, **of, "value": _text(row["value"])}


def _attribute(key: tuple[str, str], kind: str) -> Row:
    entity, name = key
    return {"entity": entity, "attribute": name, "type": kind, "known_at": "creation"}


def _entities(out: Path, table: str, rows: Sequence[Row], declared: Declared, newest: Mapping[Any, str]) -> int:
    """Write leads or accounts with a column per attribute, as it is now; text, for ingest to type."""
    entity = ENTITIES[table]
    key = f"{entity}_id"
    names = [name for of, name in declared.types if of == entity]
    fixed_columns = (
        [("lead_id", TEXT), ("account_id", TEXT), ("created_at", TIME)] if table == "leads" else [("account_id", TEXT)]
    )
    full = []
    for row in rows:
        values = {name: newest.get((entity, row[key], name)) for name in names}
        full.append({**row, **{name: None if value is None else _text(value) for name, value in values.items()}})
    return _write(out, table, [full], pa.schema(fixed_columns + [(name, TEXT) for name in names]))


def _write(out: Path, name: str, parts: Iterable[Iterable[Row]], schema: pa.Schema | None = None) -> int:
    """Write a table; a reader finds the former file or the whole new one."""
    schema = SCHEMAS[name] if schema is None else schema
    partial, count = out / f"{name}.partial", 0
    with pq.ParquetWriter(partial, schema) as writer:
        for part in parts:
            rows = [{column: row.get(column) for column in schema.names} for row in part]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    partial.replace(out / f"{name}.parquet")
    return count


def main() -> None:
    """Export the store of ``LEAD_STORE_URL``."""
    parser = argparse.ArgumentParser(prog="python -m serving.export_store", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; ingest.raw_dir of the source `store`")
    parser.add_argument("--without", action="append", default=[], metavar="ATTRIBUTE", help="leave an attribute out")
    parser.add_argument(
        "--types-from",
        type=Path,
        metavar="BUNDLE",
        help="keep the attribute types of this bundle (default: of the one that the service serves)",
    )
    arguments = parser.parse_args()
    try:
        store = Store(store_url(ROOT))
        bundle = arguments.types_from or bundle_with_types(ROOT, os.environ)
        types = None if bundle is None else types_of(bundle)
        now = to_micros(dt.datetime.now(dt.UTC))
        exported = export_store(
            store, arguments.out, now, arguments.without, types, default_model(ROOT, os.environ).name
        )
        _name_pseudonyms(store)
        say(ROOT, "exported", [], to="files", **{f"rows_{name}": count for name, count in exported.rows.items()})
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    counts = ", ".join(f"{count:,} {name}" for name, count in exported.rows.items())
    _say(f"export_store: {counts} in {arguments.out}")
    origin = (
        "by most of their values: there is no champion" if bundle is None else f"as in {bundle}; others by most values"
    )
    _say(f"export_store: attribute types {origin}")
    for item in exported.set_aside:
        _say(f"export_store: set aside: {_sentence(item)}")


def _name_pseudonyms(store: Store) -> None:
    """Let the mapping table know whom the service's own pseudonyms stand for, so that lists of the export name them."""
    ids = edge_of(store, ROOT)
    if ids is not None:
        with store.read() as connection:
            names = ids.names_of(all_names(connection))
        write_names(ROOT, ids.pseudonyms.ring, "service", names)


def _sentence(item: SetAside) -> str:
    what = f"{item.count:,} values of {item.entity} attribute {item.attribute!r}"
    if item.why == "other_type":
        return f"{what} that are a {item.sent}, not a {item.type}; they count as unknown"
    taken = "a column has that name" if item.why == "name_of_a_column" else "another attribute has that name"
    return f"{what}: {taken}; send it under another name"


def _say(text: str) -> None:
    print(text)  # noqa: T201 its output


if __name__ == "__main__":
    main()
