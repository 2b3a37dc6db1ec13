"""Who visitors turned out to be."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from models.answers.limits import MAX_STAGE_CHANGES
from models.answers.requests.fields import Moment, Text
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul

__all__ = ["IDENTITIES"]


class Identity(OfLead):
    """A visitor is a lead: what the visitor did is seen as the lead's from then on, what was done before too."""

    visitor_id: Text = Field(description="As in touchpoints.", examples=["V-77"])
    identified_at: Moment = Field(description="When it came out.", examples=["2026-03-01T17:00:00Z"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


def _rows(items: Sequence[Identity], path: str) -> list[dict[str, Any]]:
    for position, item in enumerate(items):
        refuse_nul(item, f"{path}[{position}]")
    return [item.model_dump() for item in items]


IDENTITIES = EventKind(
    name="identities",
    item=Identity,
    most=MAX_STAGE_CHANGES,
    rows=_rows,
    summary="Say which leads visitors turned out to be; their touchpoints become the leads'.",
    example={"visitor_id": "V-77", "lead_id": "L-1001", "identified_at": "2026-03-01T17:00:00Z"},
    conflict_hint="A visitor is identified once at a moment; send another moment.",
    times=("identified_at",),
)
