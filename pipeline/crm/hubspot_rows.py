"""HubSpot's records as rows of the raw tables. Pure: no network, no clock.

A record here is what `pipeline.crm.hubspot` keeps of one: {"id", "properties", "history": {property: [[value, moment], ..]
oldest first}, "links": {object: [id, ..]}}; an event is {"id", "type", "lead_id", "occurred_at", "properties"}.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pipeline.crm.records import Rows, pseudonym
from pipeline.params import CrmAttribute, HubSpotParams

__all__ = ["OBJECTS", "Record", "event_rows", "history_properties", "properties", "rows"]

Record = dict[str, Any]
LIFECYCLE, LEAD_STATUS = "lifecyclestage", "hs_lead_status"

# Nothing else is asked for: no names, addresses, numbers, subjects or bodies.
OBJECTS: dict[str, tuple[str, ...]] = {
    "companies": ("createdate",),
    "contacts": ("createdate", "hubspot_owner_id", LIFECYCLE, LEAD_STATUS),
    "emails": ("hs_timestamp", "hs_createdate", "hs_email_direction"),
    "calls": ("hs_timestamp", "hs_createdate", "hs_call_direction"),
    "meetings": ("hs_timestamp", "hs_createdate", "hs_meeting_outcome"),
    "notes": ("hs_timestamp", "hs_createdate"),
    "deals": ("createdate", "closedate", "amount", "hs_is_closed_won"),
}
KINDS = {"emails": "mail", "calls": "call", "meetings": "meeting", "notes": "note"}
DIRECTIONS = ("hs_email_direction", "hs_call_direction")
BY_LEAD = ("INCOMING_EMAIL", "INBOUND")
NOT_HELD = ("CANCELED", "NO_SHOW", "RESCHEDULED")


def _attributes(kind: str, params: HubSpotParams) -> dict[str, CrmAttribute]:
    entity = {"contacts": "lead", "companies": "account"}.get(kind)
    return {name: item for name, item in params.attributes.items() if item.entity == entity}


def properties(kind: str, params: HubSpotParams) -> list[str]:
    """List the properties to ask for of one object."""
    return sorted({*OBJECTS[kind], *(item.field for item in _attributes(kind, params).values())})


def history_properties(kind: str, params: HubSpotParams) -> list[str]:
    """List the properties whose earlier values are asked for, too."""
    own = [LIFECYCLE, LEAD_STATUS, *params.history_kinds] if kind == "contacts" else []
    return sorted({*own, *(item.field for item in _attributes(kind, params).values())})


def rows(kind: str, records: Iterable[Record], params: HubSpotParams) -> Rows:
    """Turn one object's records into rows."""
    tables: Rows = {}

    def add(table: str, row: dict[str, str | None]) -> None:
        tables.setdefault(table, []).append(row)

    for record in records:
        if kind == "contacts":
            _contact(record, params, add)
        elif kind == "companies":
            add("accounts", {"id": record["id"], **_attribute_values(record, kind, params)})
            _attribute_changes(record, kind, params, add)
        elif kind == "deals":
            _deal(record, params, add)
        else:
            for row in _engagement(kind, record):
                add("touchpoints", row)
    return tables


def event_rows(events: Iterable[Record], params: HubSpotParams) -> Rows:
    """Turn occurrences of the events API into touchpoints; their kinds are those of `event_kinds`."""
    return {
        "touchpoints": [
            {
                "id": f"event-{event['id']}",
                "lead_id": event["lead_id"],
                "occurred_at": event["occurred_at"],
                "kind": params.event_kinds[event["type"]],
                "channel": "web",
                "asset": event["asset"],
                "by": "lead",
            }
            for event in events
        ]
    }


def _attribute_values(record: Record, kind: str, params: HubSpotParams) -> dict[str, str | None]:
    return {name: record["properties"].get(item.field) or None for name, item in _attributes(kind, params).items()}


def _attribute_changes(record: Record, kind: str, params: HubSpotParams, add: Any) -> None:
    key = "lead_id" if kind == "contacts" else "account_id"
    for name, item in _attributes(kind, params).items():
        for value, moment in record["history"].get(item.field, []):
            change = {key: record["id"], "attribute": name, "value": value or None, "occurred_at": moment}
            add("attribute_changes", {"id": f"{kind}-{record['id']}-{name}-{moment}", **change})


def _contact(record: Record, params: HubSpotParams, add: Any) -> None:
    lead_id, values, history = record["id"], record["properties"], record["history"]
    account_id = next(iter(record["links"].get("companies", [])), None)
    lead = {"id": lead_id, "account_id": account_id, "created_at": values.get("createdate")}
    add("leads", {**lead, **_attribute_values(record, "contacts", params)})
    _attribute_changes(record, "contacts", params, add)
    for source, stages in ((LIFECYCLE, params.lifecycle_stages), (LEAD_STATUS, params.lead_statuses)):
        before = None
        for value, moment in history.get(source, []):
            stage = stages.get(value)
            if stage is not None and value != before:
                change = {"lead_id": lead_id, "stage": stage, "occurred_at": moment}
                owner = pseudonym(values.get("hubspot_owner_id"))
                add("stage_changes", {"id": f"{lead_id}-{source}-{moment}-{value}", "owner": owner, **change})
            before = value
    for name, kind in params.history_kinds.items():
        for value, moment in history.get(name, []):
            if value:
                touchpoint = {"lead_id": lead_id, "occurred_at": moment, "kind": kind, "by": "lead"}
                channel = "email" if kind.startswith("mail") else "web"
                add("touchpoints", {"id": f"{lead_id}-{name}-{moment}", "channel": channel, **touchpoint})


def _engagement(kind: str, record: Record) -> Iterator[dict[str, str | None]]:
    values = record["properties"]
    occurred_at, created_at = values.get("hs_timestamp"), values.get("hs_createdate")
    if values.get("hs_meeting_outcome") in NOT_HELD:
        return
    by_lead = any(values.get(name) in BY_LEAD for name in DIRECTIONS)
    for lead_id in record["links"].get("contacts", []):
        yield {
            "id": f"{kind}-{record['id']}-{lead_id}",
            "lead_id": lead_id,
            "occurred_at": occurred_at,
            "recorded_at": _later(occurred_at, created_at),  # a meeting is entered before it takes place
            "kind": KINDS[kind],
            "channel": {"emails": "email", "calls": "phone"}.get(kind, "sales"),
            "by": "lead" if by_lead else "sales",
        }


def _later(one: str | None, other: str | None) -> str | None:
    moments = [text for text in (one, other) if text]
    return max(moments, key=datetime.fromisoformat) if moments else None


def _deal(record: Record, params: HubSpotParams, add: Any) -> None:
    values, links = record["properties"], record["links"]
    if params.deal_created is not None:
        for lead_id in links.get("contacts", []):
            change = {"lead_id": lead_id, "stage": params.deal_created, "occurred_at": values.get("createdate")}
            add("stage_changes", {"id": f"deal-{record['id']}-{lead_id}", **change})
    account_id = next(iter(links.get("companies", [])), None)
    if values.get("hs_is_closed_won") == "true" and account_id and values.get("amount"):
        order = {"account_id": account_id, "ordered_at": values.get("closedate"), "amount": values["amount"]}
        add("orders", {"id": f"deal-{record['id']}", **order})
