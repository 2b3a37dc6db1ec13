"""What the store holds of one person, for an answer to a request for access; without the names of employees."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from features.timeline import from_micros
from serving.store import schema

__all__ = ["stored_rows", "webhooks_sent"]

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


def webhooks_sent(connection: sa.Connection, lead_ids: Sequence[str]) -> int:
    """Count the webhooks about leads that were sent and are still in the outbox."""
    table = schema.outbox
    count = sa.select(sa.func.count()).select_from(table).where(table.c.lead_id.in_(lead_ids), table.c.state == "sent")
    return int(connection.execute(count).scalar_one())
