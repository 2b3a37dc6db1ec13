"""Events for the online store: a lead of `POST /score` in the events that it came from, and the moment that tests call now."""

import datetime as dt
from typing import Any

from features.timeline import to_micros

NOW = to_micros(dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
Lead = dict[str, Any]


def events_of(lead: Lead) -> dict[str, list[Lead]]:
    """Cut a lead of `POST /score` into the events that it came from; everything recorded when it occurred."""

    def dated(item: Lead, lead_id: str) -> Lead:
        item = {key: value for key, value in item.items() if key != "role"}
        return {"recorded_at": item["occurred_at"], **item, "lead_id": lead_id}

    lead_id, account = lead["lead_id"], lead.get("account", {})
    moments = {"created_at": lead["created_at"], "occurred_at": lead["created_at"], "recorded_at": lead["created_at"]}
    place = {"account": {"account_id": account["account_id"]}} if account else {}
    own: Lead = {"lead_id": lead_id, **moments, "attributes": lead["attributes"], **place}
    if account:
        own["account"] |= {"attributes": account["attributes"], "orders": account.get("orders", [])}
    roles = {item["lead_id"]: None for item in account.get("stage_changes", [])}
    roles |= {item["lead_id"]: item.get("role") for item in account.get("touchpoints", [])}
    del moments["created_at"]
    others = [
        {"lead_id": f"{lead_id}/{who}", **moments, "attributes": {"role": role} if role else {}, **place}
        for who, role in roles.items()
    ]
    body: dict[str, list[Lead]] = {"leads": [own, *others]}
    for kind in ("touchpoints", "stage_changes"):
        body[kind] = [dated(item, lead_id) for item in lead[kind]]
        body[kind] += [dated(item, f"{lead_id}/{item['lead_id']}") for item in account.get(kind, [])]
    return {kind: items for kind, items in body.items() if items}
