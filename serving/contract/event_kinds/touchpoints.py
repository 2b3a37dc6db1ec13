"""Touchpoints."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field

from features.journeys import TouchpointRecord
from models.answers.limits import MAX_TOUCHPOINTS
from models.answers.requests.fields import Loose, Moment, Text
from models.answers.requests.problems import fail
from models.answers.requests.records import touchpoint_records
from models.answers.requests.schemas import Strict, Touchpoint
from serving.contract.event_kinds.kind import EventKind, need, refuse_nul
from serving.contract.event_rows import TouchpointRow, VisitRow

__all__ = ["TOUCHPOINTS"]

_EITHER: Any = {"anyOf": [{"required": ["lead_id"]}, {"required": ["visitor_id"]}]}


class _Whose(Strict):
    lead_id: Text | None = Field(
        None,
        description="Of a lead that is known, or of one yet to come. Needed, but with `visitor_id`.",
        examples=["L-1001"],
    )
    visitor_id: Text | None = Field(
        None, description="Instead of a lead: of somebody whom `POST /identities` names, sooner or later."
    )


class LeadTouchpoint(Touchpoint, _Whose):
    """One interaction, and whose."""

    model_config = ConfigDict(json_schema_extra=_EITHER)

    touchpoint_id: Loose | None = Field(
        None, description="Your id: the same one again is the same touchpoint. Without one, equal content is."
    )
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


def _rows(items: Sequence[LeadTouchpoint], path: str) -> list[TouchpointRow | VisitRow]:
    for position, item in enumerate(items):
        where = f"{path}[{position}]"
        refuse_nul(item, where)
        if item.visitor_id is None:
            need(item, "lead_id", where, "wrong_type")
        elif item.lead_id is not None:
            fail(f"{where}.visitor_id", "stands beside a lead_id", "Send one of the two; POST /identities joins them.")
    records = touchpoint_records(items, path)
    return [_row(item, record) for item, record in zip(items, records, strict=True)]


def _row(item: LeadTouchpoint, record: TouchpointRecord) -> TouchpointRow | VisitRow:
    if item.visitor_id is not None:
        return VisitRow(item.visitor_id, record)
    return TouchpointRow(str(item.lead_id), record)


TOUCHPOINTS = EventKind(
    name="touchpoints",
    item=LeadTouchpoint,
    most=MAX_TOUCHPOINTS,
    rows=_rows,
    summary="Send touchpoints, in any order and as late as it may be.",
    example={
        "lead_id": "L-1001",
        "touchpoint_id": "T-5501",
        "occurred_at": "2026-03-01T17:05:00+01:00",
        "kind": "page_view",
        "channel": "web",
        "asset": "pricing",
    },
    conflict_hint="Send the same content under one id, and another touchpoint under a new one; what was accepted stays.",
)
