"""Command `import_store`: fill the online store from canonical tables, so that the service knows what has happened so far.

What is there already changes nothing, so it can be run again after an interruption, or with a newer export. Attributes that
are known only after the outcome are left out. Leads that sales may still work are queued for scoring, and those of accounts
that ordered, whom a model of existing customers ranks; a running service puts them on its lists. So are those that became
qualified last, which open leads are compared with on their pages.
"""

import argparse
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import LeadQualificationError
from features.journeys import OrderRecord, StageChangeRecord, TouchpointRecord
from features.timeline import DAY_US, to_micros
from models.answers.risk_set import ENDS
from models.data_protection.names import read_names
from models.data_protection.pseudonyms import SERVED_IDS, looks_like_one
from serving.contract.event_rows import ChangeRow, LeadRow, TouchpointRow
from serving.online.id_edge import edge_of
from serving.store.connect import Store, store_url
from serving.store.migrate import migrate
from serving.store.names import add_names
from serving.store.qualified_leads import MOST
from serving.store.rescoring import forget_leads
from serving.store.writing import add_stage_changes, add_touchpoints
from serving.store.writing_leads import put_leads

__all__ = ["Imported", "import_store", "main"]

ROOT = Path(__file__).resolve().parent.parent
LEADS_AT_ONCE = 500
WITH_SALES = ("mql", "sal")
KEYS = ("lead_id", "account_id", "created_at")
Row = Mapping[str, Any]


class Imported(NamedTuple):
    """What was written, and how many days all moments were moved by."""

    leads: int
    touchpoints: int
    stage_changes: int
    moved_days: int


class _Part:
    """Rows of some leads and their accounts, by table and id."""

    def __init__(self, tables: "_Tables", lead_ids: Sequence[str], account_ids: Sequence[str]) -> None:
        self._rows: dict[tuple[str, str], list[Row]] = {}
        for (name, key), positions in tables.positions.items():
            ids = lead_ids if key == "lead_id" else account_ids
            wanted = [(entity_id, position) for entity_id in ids for position in positions.get(entity_id, ())]
            rows = tables.tables[name].take(pa.array([position for _, position in wanted], pa.int64())).to_pylist()
            for (entity_id, _), row in zip(wanted, rows, strict=True):
                self._rows.setdefault((f"{name} {key}", entity_id), []).append(row)

    def of(self, name: str, key: str, entity_id: str | None) -> list[Row]:
        """Give the rows of one table that belong to a lead or an account."""
        return [] if entity_id is None else self._rows.get((f"{name} {key}", entity_id), [])


class _Tables(NamedTuple):
    """Canonical tables in memory, and where the rows of each lead and account are."""

    tables: Mapping[str, pa.Table]
    positions: Mapping[tuple[str, str], Mapping[str, list[int]]]


def import_store(
    store: Store,
    canonical: Path,
    now: int,
    *,
    until_now: bool = False,
    only_open: bool = False,
    only_customers: bool = False,
) -> Imported:
    """Write canonical tables into the store.

    Parameters
    ----------
    store : Store
    canonical : Path
        Folder of canonical tables, as ingest writes them.
    now : int
        UTC microseconds.
    until_now : bool
        Move all moments by whole days, so that the export ends within the last day: for demonstrations with data of the past.
    only_open : bool
        Leave out accounts none of whose leads sales may still work, but for those of the leads that became qualified last.
    only_customers : bool
        Leave out accounts that never ordered. With `only_open`: what either would keep.

    Raises
    ------
    LeadQualificationError
        A table is missing.
    """
    names = ("leads", "accounts", "attributes", "touchpoints", "stage_changes", "attribute_changes", "orders", "export")
    tables = {name: _read(canonical / f"{name}.parquet") for name in names}
    if not tables["leads"].num_rows:
        raise LeadQualificationError(
            f"{canonical}: there are no leads. Name a folder of canonical tables; `dvc repro` makes one."
        )
    exported_at = tables["export"]["exported_at"][0].as_py() if tables["export"].num_rows else None
    days = 0 if exported_at is None or not until_now else max((now - to_micros(exported_at)) // DAY_US, 0)
    known = _known_before(tables["attributes"])
    placed = (
        ("touchpoints", "lead_id"), ("stage_changes", "lead_id"), ("attribute_changes", "lead_id"),
        ("attribute_changes", "account_id"), ("accounts", "account_id"), ("orders", "account_id"),
    )  # fmt: skip
    read = _Tables(tables, {(name, key): _positions(tables[name], key) for name, key in placed})
    counts = [0, 0, 0]
    all_changes = [_change(row, days * DAY_US) for row in tables["stage_changes"].to_pylist()]
    open_leads = _with_sales(all_changes) | _last_qualified(all_changes)
    customers = _customers(tables["leads"], tables["orders"])
    needed = open_leads | customers
    kept = (open_leads if only_open else set()) | (customers if only_customers else set())
    wanted = _with_colleagues(tables["leads"], kept) if only_open or only_customers else None
    for part in _parts(tables["leads"], wanted):
        accounts = sorted({lead["account_id"] for lead in part if lead.get("account_id") is not None})
        of_part = _Part(read, [lead["lead_id"] for lead in part], accounts)
        rows = [row for lead in part for row in _lead_rows(lead, of_part, known, days * DAY_US)]
        touchpoints = [
            TouchpointRow(row["lead_id"], _touchpoint(row, days * DAY_US))
            for lead in part
            for row in of_part.of("touchpoints", "lead_id", lead["lead_id"])
        ]
        changes = [
            _change(row, days * DAY_US)
            for lead in part
            for row in of_part.of("stage_changes", "lead_id", lead["lead_id"])
        ]
        with store.write() as connection:
            put_leads(connection, rows, now)
            counts[1] += add_touchpoints(connection, touchpoints, now)
            counts[2] += add_stage_changes(connection, changes, now)
            forget_leads(connection, sorted({lead["lead_id"] for lead in part} - needed))
        counts[0] += len(part)
    return Imported(counts[0], counts[1], counts[2], days)


def _read(path: Path) -> pa.Table:
    return pq.read_table(path).combine_chunks() if path.exists() else pa.table({})


def _known_before(attributes: pa.Table) -> dict[str, set[str]]:
    """List the attributes of each entity that are known before the outcome."""
    known: dict[str, set[str]] = {"lead": set(), "account": set()}
    for row in attributes.to_pylist():
        if row["known_at"] != "after":
            known[row["entity"]].add(row["attribute"])
    return known


def _positions(table: pa.Table, key: str) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    if key in table.column_names:
        for position, value in enumerate(pc.cast(table[key], pa.string()).to_pylist()):
            if value is not None:
                positions.setdefault(value, []).append(position)
    return positions


def _with_colleagues(leads: pa.Table, needed: set[str]) -> set[str]:
    """Add to leads all others of their accounts."""
    people = list(zip(*(leads[name].to_pylist() for name in ("lead_id", "account_id")), strict=True))
    accounts = {account_id for lead_id, account_id in people if lead_id in needed and account_id is not None}
    return needed | {lead_id for lead_id, account_id in people if account_id in accounts}


def _parts(leads: pa.Table, wanted: set[str] | None) -> Iterator[list[Row]]:
    if wanted is not None:
        leads = leads.filter(pc.is_in(pc.cast(leads["lead_id"], pa.string()), pa.array(sorted(wanted), pa.string())))
    for begin in range(0, leads.num_rows, LEADS_AT_ONCE):
        yield leads.slice(begin, LEADS_AT_ONCE).to_pylist()


def _lead_rows(lead: Row, part: _Part, known: Mapping[str, set[str]], shift: int) -> list[LeadRow]:
    """Give what is known of a lead and its account, in the order in which it became so."""
    created_at = None if lead["created_at"] is None else to_micros(lead["created_at"]) + shift
    lead_id, account_id = lead["lead_id"], lead.get("account_id")
    of_lead, lead_changes = _attributes(lead, part.of("attribute_changes", "lead_id", lead_id), known["lead"])
    account = next(iter(part.of("accounts", "account_id", account_id)), {})
    changes = part.of("attribute_changes", "account_id", account_id)
    of_account, account_changes = _attributes(account, changes, known["account"])
    bought = part.of("orders", "account_id", account_id)
    orders = [OrderRecord(to_micros(row["ordered_at"]) + shift, row["amount"], row.get("product")) for row in bought]
    rows = [LeadRow(lead_id, created_at, account_id, of_lead, of_account, orders, created_at, created_at)]
    for attributes, is_of_lead in ((lead_changes, True), (account_changes, False)):
        for row in attributes:
            occurred_at = to_micros(row["occurred_at"]) + shift
            recorded_at = to_micros(row["recorded_at"]) + shift if row.get("recorded_at") else occurred_at
            value = {row["attribute"]: _typed(row["value"])}
            mine, theirs = (value, {}) if is_of_lead else ({}, value)
            rows.append(LeadRow(lead_id, None, account_id, mine, theirs, [], occurred_at, recorded_at))
    return rows


def _attributes(entity: Row, changes: Sequence[Row], known: set[str]) -> tuple[dict[str, Any], list[Row]]:
    """Split what is known of an entity into values without a history, which hold from the start, and changes."""
    changes = [row for row in changes if row["attribute"] in known]
    with_history = {row["attribute"] for row in changes}
    values = {
        name: value
        for name, value in entity.items()
        if name in known and name not in with_history and name not in KEYS and value is not None
    }
    return values, sorted(changes, key=lambda row: row["occurred_at"])


def _typed(value: Any) -> Any:
    """Give a value of a history, which is text there, its type."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return parsed if isinstance(parsed, bool | int | float) else value


def _touchpoint(row: Row, shift: int) -> TouchpointRecord:
    return TouchpointRecord(
        **{name: _moved(row.get(name), shift) for name in TouchpointRecord._fields if row.get(name) is not None}
    )


def _change(row: Row, shift: int) -> ChangeRow:
    record = StageChangeRecord(
        **{name: _moved(row.get(name), shift) for name in StageChangeRecord._fields if row.get(name) is not None}
    )
    return ChangeRow(row["lead_id"], record, *(row.get(name) for name in ("reason", "owner", "team")))


def _moved(value: Any, shift: int) -> Any:
    return to_micros(value) + shift if isinstance(value, dt.datetime) else value


def _with_sales(changes: Sequence[ChangeRow]) -> set[str]:
    """List the leads whose newest stage is one that sales may still work."""
    newest: dict[str, tuple[tuple[int, bool], str]] = {}
    for row in changes:
        change = row.change
        if change.stage in (*WITH_SALES, *ENDS):
            moment = (change.occurred_at, change.stage in ENDS)
            newest[row.lead_id] = max(newest.get(row.lead_id, (moment, change.stage)), (moment, change.stage))
    return {lead_id for lead_id, (_, stage) in newest.items() if stage in WITH_SALES}


def _customers(leads: pa.Table, orders: pa.Table) -> set[str]:
    """List the leads of accounts that ordered."""
    if not orders.num_rows or "account_id" not in leads.column_names:
        return set()
    ordered = set(pc.cast(orders["account_id"], pa.string()).to_pylist())
    people = zip(*(pc.cast(leads[name], pa.string()).to_pylist() for name in ("lead_id", "account_id")), strict=True)
    return {lead_id for lead_id, account_id in people if account_id is not None and account_id in ordered}


def _last_qualified(changes: Sequence[ChangeRow]) -> set[str]:
    """List the leads that became qualified last."""
    won: dict[str, int] = {}
    for row in changes:
        if row.change.stage == "sales_qualified":
            won[row.lead_id] = max(won.get(row.lead_id, row.change.occurred_at), row.change.occurred_at)
    return {*sorted(won, key=lambda lead_id: (-won[lead_id], lead_id))[:MOST]}


def names_for(store: Store, canonical: Path) -> dict[str, str]:
    """Give what the pseudonyms of canonical tables stand for, sealed for the store; none where ids are as given.

    Raises
    ------
    LeadQualificationError
        Tables and service do not agree on pseudonyms, or the mapping table can't be read.
    """
    ids = edge_of(store, ROOT)
    leads = set(_read(canonical / "leads.parquet").to_pydict().get("lead_id", ()))
    if ids is None and any(looks_like_one(str(lead_id)) for lead_id in leads):
        raise LeadQualificationError(
            f"{canonical} holds pseudonyms, and the service would show them. Set {SERVED_IDS}=pseudonyms for it and for "
            "this command."
        )
    if ids is not None and not all(ids.pseudonyms.is_own(str(lead_id)) for lead_id in leads):
        raise LeadQualificationError(
            f"{canonical} holds ids of the CRM, and {SERVED_IDS} asks for pseudonyms. Set privacy.ids: pseudonyms in "
            "params.yaml and run `dvc repro`, or let the service keep ids as given."
        )
    if ids is None:
        return {}
    owners = set(_read(canonical / "stage_changes.parquet").to_pydict().get("owner", ()))
    known = read_names(ROOT, ids.pseudonyms.ring)
    return ids.sealed({name: known[name] for name in (leads | owners) & known.keys()})


def main() -> None:
    """Fill the store of ``LEAD_STORE_URL``."""
    parser = argparse.ArgumentParser(prog="python -m serving.import_store", description=__doc__)
    parser.add_argument("canonical", type=Path, help="folder of canonical tables, such as data/canonical")
    parser.add_argument(
        "--only-open",
        action="store_true",
        help="leave out accounts none of whose leads sales may still work, but for the last that became qualified",
    )
    parser.add_argument("--only-customers", action="store_true", help="leave out accounts that never ordered")
    parser.add_argument(
        "--until-now",
        action="store_true",
        help="move all moments by whole days, so that the data ends today: for demonstrations",
    )
    arguments = parser.parse_args()
    try:
        store = Store(store_url(ROOT))
        if store.is_sqlite:
            migrate(store_url(ROOT))
        now = to_micros(dt.datetime.now(dt.UTC))
        options = {name: getattr(arguments, name) for name in ("until_now", "only_open", "only_customers")}
        names = names_for(store, arguments.canonical)
        imported = import_store(store, arguments.canonical, now, **options)
        if names:
            with store.write() as connection:
                add_names(connection, names)
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    moved = f", all moments {imported.moved_days:,} days later" if imported.moved_days else ""
    _say(
        f"import_store: {imported.leads:,} leads, {imported.touchpoints:,} new touchpoints and {imported.stage_changes:,} new "
        f"stage changes{moved}"
    )


def _say(text: str) -> None:
    print(text)  # noqa: T201 its output


if __name__ == "__main__":
    main()
