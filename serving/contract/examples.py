"""Examples for the OpenAPI document; the tests send them to the service."""

from typing import Any

__all__ = ["ACCEPTED", "ANSWER", "ERASED", "ERROR", "LEAD_SCORE", "REQUEST"]

REQUEST: dict[str, Any] = {
    "leads": [
        {
            "lead_id": "L-1001",
            "snapshot_at": "2026-03-02T10:00:00+01:00",
            "created_at": "2026-02-10T08:00:00Z",
            "attributes": {},
            "touchpoints": [
                {"occurred_at": "2026-02-10T08:00:00Z", "kind": "download", "channel": "web", "asset": "ebook_basics"},
                {"occurred_at": "2026-02-24T13:30:00+01:00", "kind": "webinar", "channel": "web"},
                {"occurred_at": "2026-03-01T17:05:00+01:00", "kind": "page_view", "channel": "web", "asset": "pricing"},
            ],
            "stage_changes": [{"stage": "mql", "occurred_at": "2026-03-01T18:00:00+01:00"}],
        }
    ],
    "language": "en",
    "reasons": 2,
}

ANSWER: dict[str, Any] = {
    "leads": [
        {
            "lead_id": "L-1001",
            "snapshot_at": "2026-03-02T09:00:00Z",
            "probability": 0.3125,
            "interval": [0.28125, 0.34375],
            "tier": "A",
            "fit": 0.12,
            "engagement": 0.57,
            "reasons": [
                {
                    "feature": "count__pricing__7d",
                    "text": "opened the pricing page once in the last 7 days",
                    "contribution": 0.41,
                },
                {
                    "feature": "days_since_last__webinar",
                    "text": "last attended a webinar 5 days ago",
                    "contribution": 0.11,
                },
            ],
            "warnings": [],
            "not_scored": None,
            "decision": {
                "tier": "A",
                "within_capacity": True,
                "advice": "wait_until",
                "until": "2026-03-09",
                "if_now": {"probability": 0.125, "interval": [0.09375, 0.15625]},
                "if_waiting": {"days": 7, "probability": 0.15625, "interval": [0.125, 0.1875]},
                "price": {"probability": 0.09375, "at": "2026-03-01T06:00:00+00:00", "of_training": False},
                "for_marketing": {"open_questions": ["cost"], "next_content": ["case_study"]},
                "trial": None,
                "text": "Marketing speaks next: wait until Mar 9, 2026; a first call is likelier to succeed then (15.6% "
                "instead of 12.5%).",
            },
        }
    ],
    "model": {
        "served_as": "leads",
        "name": "lead-qualification",
        "version": "3",
        "fingerprint": "5f0c2a",
        "label_days": 60,
        "base_value": -1.48,
    },
}

ERROR: dict[str, Any] = {
    "error": {
        "code": "no_time_zone",
        "message": "leads[0].touchpoints[3].occurred_at has no time zone: '2026-01-05T10:00'. "
        "Send an offset, such as +01:00 or Z.",
        "field": "leads[0].touchpoints[3].occurred_at",
        "hint": "Send an offset, such as +01:00 or Z.",
    }
}

ACCEPTED: dict[str, Any] = {"new": 1, "duplicate": 0, "recorded_at": "2026-03-02T09:00:00.000001Z"}

ERASED: dict[str, Any] = {
    "receipt": "ers_2f1c0a7be4d94c58a3e1f0d2b6c79a10",
    "erased_at": "2026-03-02T09:00:00Z",
    "rows": {"touchpoints": 3, "stage_changes": 1, "leads": 1},
    "found": {},
    "left": [
        "raw files, tables, features, score logs, lists, DVC's cache and MLflow: `python -m pipeline.privacy erase LEAD`"
    ],
}

LEAD_SCORE: dict[str, Any] = {
    "lead": ANSWER["leads"][0],
    "model": ANSWER["model"],
}
