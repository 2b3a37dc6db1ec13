"""Objections to being scored (GDPR Art. 21(2)), and what takes them back."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from models.answers.limits import MAX_STAGE_CHANGES
from models.answers.requests.fields import Moment
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul

__all__ = ["OBJECTIONS"]


class Objection(OfLead):
    """A person objected to being scored, or took that back; what is newest of a lead holds."""

    state: Literal["objected", "withdrawn"] = Field(
        "objected", description="withdrawn: the person wants to be scored again, and you can prove it."
    )
    occurred_at: Moment = Field(description="When the person said so.", examples=["2026-03-01T17:00:00Z"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


def _rows(items: Sequence[Objection], path: str) -> list[dict[str, Any]]:
    for position, item in enumerate(items):
        refuse_nul(item, f"{path}[{position}]")
    return [item.model_dump() for item in items]


OBJECTIONS = EventKind(
    name="objections",
    item=Objection,
    most=MAX_STAGE_CHANGES,
    rows=_rows,
    summary="Send objections to being scored: from then on the lead is never scored, and stands in no list.",
    example={"lead_id": "L-1001", "state": "objected", "occurred_at": "2026-03-01T17:00:00Z"},
    conflict_hint="An objection is one of a lead at a moment; send another moment.",
)
