"""Command `export_lead`: what the store of ``LEAD_STORE_URL`` holds of a lead, and how the model scores it; prints JSON.

`python -m pipeline.privacy export` runs it for the letter to a person who asks for access; it says nothing about employees.
"""

import argparse
import datetime as dt
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.errors import LeadQualificationError
from features.timeline import from_micros, to_micros
from models.answers.access_explanation import explained
from models.bundle import Bundle, bundle_hash
from serving.scoring.champion import find_champion
from serving.store import schema
from serving.store.connect import Store, store_url
from serving.store.reading import read_lead

__all__ = ["main", "stored_rows"]

ROOT = Path(__file__).resolve().parent.parent
EMPLOYEES = ("owner", "decided_by", "session_hash", "key_id")
"""Columns that name employees: they stay inside (CJEU C-579/21)."""

INTERNAL = ("rescore", "sessions", "tasks", "open_leads", "open_lead_details", "outbox")
"""Tables whose rows are derived from the others, or how the service works on them; what went out in webhooks is counted."""


def stored_rows(connection: sa.Connection, lead_id: str) -> dict[str, list[dict[str, Any]]]:
    """Read the rows of a lead, of its account's attributes and orders, and of the visitors that it was.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.read`.
    lead_id : str

    Returns
    -------
    dict of str to list of dict
        By table, those with rows; moments as ISO 8601, no employee's name.
    """
    account_id = connection.execute(
        sa.select(schema.leads.c.account_id).where(schema.leads.c.lead_id == lead_id)
    ).scalar()
    visitors = sa.select(schema.identities.c.visitor_id).where(schema.identities.c.lead_id == lead_id)
    ways = {
        "attribute_changes": sa.or_(
            sa.and_(schema.attribute_changes.c.entity == "lead", schema.attribute_changes.c.entity_id == lead_id),
            sa.and_(schema.attribute_changes.c.entity == "account", schema.attribute_changes.c.entity_id == account_id),
        ),
        "orders": schema.orders.c.account_id == account_id,
        "visits": schema.visits.c.visitor_id.in_(visitors),
    }
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in schema.metadata.sorted_tables:
        if table.name in INTERNAL:
            continue
        where = ways.get(table.name, table.c.lead_id == lead_id if "lead_id" in table.c else None)
        if where is None:
            continue
        found = connection.execute(sa.select(table).where(where)).mappings().all()
        if found:
            rows[table.name] = [_plain(row) for row in found]
    return rows


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if name not in EMPLOYEES and value is not None}


def _value(name: str, value: Any) -> Any:
    return from_micros(value).isoformat() if name.endswith("_at") and isinstance(value, int) else value


def _webhooks(connection: sa.Connection, lead_ids: Sequence[str]) -> int:
    table = schema.outbox
    count = sa.select(sa.func.count()).select_from(table).where(table.c.lead_id.in_(lead_ids), table.c.state == "sent")
    return int(connection.execute(count).scalar_one())


def main() -> None:
    """Print what is stored and how it is scored."""
    parser = argparse.ArgumentParser(prog="python -m serving.export_lead", description=__doc__)
    parser.add_argument("leads", nargs="+", metavar="LEAD", help="ids of one person; the one that remains comes first")
    arguments = parser.parse_args()
    now = to_micros(dt.datetime.now(dt.UTC))
    try:
        store = Store(store_url(ROOT))
        with tempfile.TemporaryDirectory() as place, store.read() as connection:
            answer = {
                "stored": {lead_id: stored_rows(connection, lead_id) for lead_id in arguments.leads},
                "webhooks_sent": _webhooks(connection, arguments.leads),
                "score": _score(connection, arguments.leads, Path(place), now),
            }
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(answer, ensure_ascii=False))  # noqa: T201 its output


def _score(connection: sa.Connection, lead_ids: Sequence[str], place: Path, now: int) -> dict[str, Any] | None:
    """Explain the score of the moment; None: nothing is known of the lead, or no model is there."""
    try:
        champion = find_champion(ROOT, place, os.environ)
    except LeadQualificationError:
        return None
    bundle = Bundle.load(champion.folder)
    for lead_id in lead_ids:
        lead = read_lead(connection, lead_id, bundle.catalog, now)
        if lead is not None:
            return {"version": champion.version, "sha256": bundle_hash(champion.folder), **explained(bundle, lead)}
    return None


if __name__ == "__main__":
    main()
