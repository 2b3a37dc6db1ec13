"""When leads were queued for sales, handed over, and first contacted."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from models.answers.limits import MAX_STAGE_CHANGES
from models.answers.requests.fields import Loose, Moment
from models.answers.requests.problems import fail
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul

__all__ = ["HANDOVERS"]


class Handover(OfLead):
    """One hand-over of a lead to sales; what follows later may be sent again with `first_contact_at`."""

    queued_at: Moment = Field(
        description="When it was ready for sales, mostly its MQL.", examples=["2026-03-01T18:00:00Z"]
    )
    handed_over_at: Moment = Field(description="When sales got it.", examples=["2026-03-02T09:00:00Z"])
    first_contact_at: Moment | None = Field(None, description="When sales first contacted it; missing: not yet.")
    owner: Loose | None = Field(None, description="Who got it.")
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


def _rows(items: Sequence[Handover], path: str) -> list[dict[str, Any]]:
    for position, item in enumerate(items):
        where = f"{path}[{position}]"
        refuse_nul(item, where)
        _refuse_before(item.handed_over_at, item.queued_at, f"{where}.handed_over_at", "queued_at")
        if item.first_contact_at is not None:
            _refuse_before(item.first_contact_at, item.handed_over_at, f"{where}.first_contact_at", "handed_over_at")
    return [{**item.model_dump(), "owner": item.owner or None} for item in items]


def _refuse_before(moment: int, earliest: int, path: str, other: str) -> None:
    if moment < earliest:
        fail(path, f"lies before {other}", "Correct one of the two.", "out_of_range")


HANDOVERS = EventKind(
    name="handovers",
    item=Handover,
    most=MAX_STAGE_CHANGES,
    rows=_rows,
    summary="Send hand-overs to sales; when to hand over is learned from them.",
    example={
        "lead_id": "L-1001",
        "queued_at": "2026-03-01T18:00:00+01:00",
        "handed_over_at": "2026-03-02T09:00:00+01:00",
        "first_contact_at": "2026-03-02T14:30:00+01:00",
        "owner": "north",
    },
    conflict_hint="A hand-over is one of a lead with these two moments; what was accepted of it stays.",
    times=("queued_at", "handed_over_at", "first_contact_at"),
)
