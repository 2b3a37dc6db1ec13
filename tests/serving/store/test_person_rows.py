"""What the store says of one person: every table that names them, their visits, nobody else, and no employee."""

import json
from typing import Any

from serving.online.intake import accept_parsed
from serving.store.connect import Store
from serving.store.person_rows import stored_rows, webhooks_sent

NOW = 1_900_000_000_000_000
AT = "2026-03-01T09:00:00Z"


def test_rows_of_one_person(store: Store) -> None:
    account = {"account_id": "A-1", "attributes": {"industry": "energy"}}
    leads = [
        {
            "lead_id": name,
            "created_at": AT,
            "occurred_at": AT,
            "attributes": {"role": f"role of {name}"},
            "account": account,
        }
        for name in ("L-1", "L-2")
    ]
    seen = {"occurred_at": AT, "kind": "page_view"}
    bodies: dict[str, Any] = {
        "leads": leads,
        "touchpoints": [
            {"lead_id": "L-1", **seen},
            {"lead_id": "L-2", **seen},
            {"visitor_id": "V-1", **seen, "asset": "x"},
        ],
        "identities": [{"visitor_id": "V-1", "lead_id": "L-1", "identified_at": AT}],
        "outcomes": [
            {
                "lead_id": "L-1",
                "outcome": "sal",
                "occurred_at": AT,
                "owner": "Zoë E",
                "team": "DACH",
                "decided_by": "Zoë E",
            }
        ],
    }
    for kind, items in bodies.items():
        accept_parsed(store, kind, {kind: items}, NOW)
    with store.read() as connection:
        rows = stored_rows(connection, "L-1")
        assert webhooks_sent(connection, ["L-1"]) == 0
        assert stored_rows(connection, "nobody") == {}
    assert len(rows["touchpoints"]) == 2, "the lead's own, and the visit's copy"
    assert len(rows["visits"]) == 1
    assert rows["outcomes"][0]["team"] == "DACH"
    assert rows["outcomes"][0]["occurred_at"] == "2026-03-01T09:00:00+00:00"
    values = {row["attribute"]: row["value"] for row in rows["attribute_changes"]}
    assert values["industry"] == '"energy"'
    assert values["role"] == '"role of L-1"'
    text = json.dumps(rows, ensure_ascii=False)
    assert "Zoë" not in text
    assert "L-2" not in text
