"""HubSpot's records as rows of the raw tables. Pure: no network, no clock.

A record here is what `pipeline.crm.hubspot_records` keeps of one: {"id", "properties", "history": {property: [[value, moment],
..] oldest first}, "links": {object: [id, ..]}}; an event is {"id", "type", "lead_id", "occurred_at", "asset"}.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pipeline.crm.hubspot_history import corrected, entered
from pipeline.crm.hubspot_records import ENTITIES, MERGED_IDS, Record, old_ids
from pipeline.crm.records import RETIRED_IDS, RETIRED_ROWS, Rows, value_text
from pipeline.crm.retired import OF_A_DEAL
from pipeline.params import CrmAttribute, HubSpotParams

__all__ = ["OBJECTS", "archived_rows", "event_rows", "history_properties", "properties", "rows"]

LIFECYCLE, LEAD_STATUS, COMPANY = "lifecyclestage", "hs_lead_status", "associatedcompanyid"
OWNER = "hubspot_owner_id"

# Nothing else is asked for: no names, addresses, numbers, subjects or bodies.
OBJECTS: dict[str, tuple[str, ...]] = {
    "companies": ("createdate", MERGED_IDS),
    "contacts": ("createdate", OWNER, LIFECYCLE, LEAD_STATUS, COMPANY, MERGED_IDS),
    "emails": ("hs_timestamp", "hs_createdate", "hs_email_direction"),
    "calls": ("hs_timestamp", "hs_createdate", "hs_call_direction"),
    "meetings": ("hs_timestamp", "hs_createdate", "hs_meeting_outcome"),
    "notes": ("hs_timestamp", "hs_createdate"),
    "deals": ("createdate", "closedate", "amount", "hs_is_closed_won", MERGED_IDS),
}
KINDS = {"emails": "mail", "calls": "call", "meetings": "meeting", "notes": "note"}
DIRECTIONS = ("hs_email_direction", "hs_call_direction")
BY_LEAD = ("INCOMING_EMAIL", "INBOUND")
NOT_HELD = ("CANCELED", "NO_SHOW", "RESCHEDULED")


def _attributes(kind: str, params: HubSpotParams) -> dict[str, CrmAttribute]:
    entity = ENTITIES.get(kind)
    return {name: item for name, item in params.attributes.items() if item.entity == entity}


def properties(kind: str, params: HubSpotParams) -> list[str]:
    """List the properties to ask for of one object."""
    return sorted({*OBJECTS[kind], *(item.field for item in _attributes(kind, params).values())})


def history_properties(kind: str, params: HubSpotParams) -> list[str]:
    """List the properties whose earlier values are asked for, too."""
    own = [LIFECYCLE, LEAD_STATUS, COMPANY, OWNER, *params.history_kinds] if kind == "contacts" else []
    return sorted({*own, *(item.field for item in _attributes(kind, params).values())})


def rows(kind: str, records: Iterable[Record], params: HubSpotParams) -> Rows:
    """Turn one object's records into rows."""
    tables: Rows = {}

    def add(table: str, row: dict[str, str | None]) -> None:
        tables.setdefault(table, []).append(row)

    for record in records:
        if kind == "contacts":
            _contact(record, params, add)
            _retire(record, kind, add)
        elif kind == "companies":
            _retire(record, kind, add)
            add("accounts", {"id": record["id"], **_attribute_values(record, kind, params)})
            _attribute_changes(record, kind, params, add)
        elif kind == "deals":
            _deal(record, params, add)
            for old in old_ids(record["properties"]):
                _retire_deal(old, add)
        else:
            for row in _engagement(kind, record):
                add("touchpoints", row)
    return tables


def archived_rows(kind: str, records: Iterable[Record]) -> Rows:
    """Say of archived records which ids, or which rows, are no more."""
    tables: Rows = {}

    def add(table: str, row: dict[str, str | None]) -> None:
        tables.setdefault(table, []).append(row)

    for record in records:
        if kind in ENTITIES:
            add(RETIRED_IDS, {"entity": ENTITIES[kind], "id": record["id"], "into": None})
        elif kind == "deals":
            _retire_deal(record["id"], add)
        else:
            add(RETIRED_ROWS, {"table": "touchpoints", "id": f"{kind}-{record['id']}"})
    return tables


def _retire(record: Record, kind: str, add: Any) -> None:
    for old in old_ids(record["properties"]):
        add(RETIRED_IDS, {"entity": ENTITIES[kind], "id": old, "into": record["id"]})


def _retire_deal(deal_id: str, add: Any) -> None:
    for table in ("orders", "stage_changes"):
        add(RETIRED_ROWS, {"table": table, "id": f"{OF_A_DEAL}{deal_id}"})


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
    return {
        name: value_text(record["properties"].get(item.field), item.type)
        for name, item in _attributes(kind, params).items()
    }


def _attribute_changes(record: Record, kind: str, params: HubSpotParams, add: Any) -> None:
    key = "lead_id" if kind == "contacts" else "account_id"
    for name, item in _attributes(kind, params).items():
        entries, mistakes = corrected(
            record["history"].get(item.field, []), params.mistake_minutes, clearing_counts=True
        )
        for value, moment in entries:
            change = {
                key: record["id"],
                "attribute": name,
                "value": value_text(value, item.type),
                "occurred_at": moment,
            }
            add("attribute_changes", {"id": f"{record['id']}-{name}-{moment}", **change})
        for _, moment in mistakes:
            add(RETIRED_ROWS, {"table": "attribute_changes", "id": f"{record['id']}-{name}-{moment}"})


def _contact(record: Record, params: HubSpotParams, add: Any) -> None:
    lead_id, values, history = record["id"], record["properties"], record["history"]
    lead = {"id": lead_id, "account_id": values.get(COMPANY) or None, "created_at": values.get("createdate")}
    add("leads", {**lead, **_attribute_values(record, "contacts", params)})
    _attribute_changes(record, "contacts", params, add)
    links, mistakes = corrected(history.get(COMPANY, []), params.mistake_minutes, clearing_counts=True)
    for value, moment in links:
        change = {"lead_id": lead_id, "attribute": "account_id", "value": value or None, "occurred_at": moment}
        add("attribute_changes", {"id": f"{lead_id}-{COMPANY}-{moment}", **change})
    for _, moment in mistakes:
        add(RETIRED_ROWS, {"table": "attribute_changes", "id": f"{lead_id}-{COMPANY}-{moment}"})
    _owner_changes(record, params, add)
    for source, stages in ((LIFECYCLE, params.lifecycle_stages), (LEAD_STATUS, params.lead_statuses)):
        entries, mistakes = corrected(history.get(source, []), params.mistake_minutes)
        for value, moment in entered(entries):
            if value in stages:
                change = {"lead_id": lead_id, "stage": stages[value], "occurred_at": moment}
                owner = values.get(OWNER) or None
                add("stage_changes", {"id": f"{lead_id}-{source}-{moment}-{value}", "owner": owner, **change})
        for value, moment in mistakes:
            add(RETIRED_ROWS, {"table": "stage_changes", "id": f"{lead_id}-{source}-{moment}-{value}"})
    for name, kind in params.history_kinds.items():
        for value, moment in history.get(name, []):
            if value:
                touchpoint = {"lead_id": lead_id, "occurred_at": moment, "kind": kind, "by": "lead"}
                channel = "email" if kind.startswith("mail") else "web"
                # Without the contact's id: the record that it is merged into tells the same
                add("touchpoints", {"id": f"{name}-{moment}", "channel": channel, **touchpoint})


def _owner_changes(record: Record, params: HubSpotParams, add: Any) -> None:
    lead_id = record["id"]
    entries, mistakes = corrected(record["history"].get(OWNER, []), params.mistake_minutes, clearing_counts=True)
    for value, moment in entries:
        assigned = {"assigned": str(bool(value)).lower(), "owner": value or None}
        add(
            "owner_changes",
            {"id": f"{lead_id}-{OWNER}-{moment}", "lead_id": lead_id, "occurred_at": moment, **assigned},
        )
    for _, moment in mistakes:
        add(RETIRED_ROWS, {"table": "owner_changes", "id": f"{lead_id}-{OWNER}-{moment}"})


def _engagement(kind: str, record: Record) -> Iterator[dict[str, str | None]]:
    values = record["properties"]
    occurred_at, created_at = values.get("hs_timestamp"), values.get("hs_createdate")
    if values.get("hs_meeting_outcome") in NOT_HELD:
        return
    by_lead = any(values.get(name) in BY_LEAD for name in DIRECTIONS)
    for lead_id in record["links"].get("contacts", []):
        yield {
            "id": f"{kind}-{record['id']}",
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
            add("stage_changes", {"id": f"{OF_A_DEAL}{record['id']}", **change})
    account_id = next(iter(links.get("companies", [])), None)
    if values.get("hs_is_closed_won") == "true" and account_id and values.get("amount"):
        order = {"account_id": account_id, "ordered_at": values.get("closedate"), "amount": values["amount"]}
        add("orders", {"id": f"{OF_A_DEAL}{record['id']}", **order})
