"""Stage changes."""

from collections.abc import Sequence

from pydantic import Field

from models.answers.limits import MAX_STAGE_CHANGES
from models.answers.requests.fields import Moment
from models.answers.requests.records import stage_change_record
from models.answers.requests.schemas import StageChange
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul
from serving.contract.event_rows import ChangeRow

__all__ = ["STAGE_CHANGES", "change_row"]


class LeadStageChange(StageChange, OfLead):
    """One transition in the CRM, and whose."""

    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


def change_row(lead_id: str, sent: StageChange) -> ChangeRow:
    """Make the row of a lead's stage change."""
    return ChangeRow(lead_id, stage_change_record(sent), sent.reason or None, sent.owner or None, sent.team or None)


def _rows(items: Sequence[LeadStageChange], path: str) -> list[ChangeRow]:
    for position, item in enumerate(items):
        refuse_nul(item, f"{path}[{position}]")
    return [change_row(item.lead_id, item) for item in items]


STAGE_CHANGES = EventKind(
    name="stage_changes",
    item=LeadStageChange,
    most=MAX_STAGE_CHANGES,
    rows=_rows,
    summary="Send stage changes.",
    example={"lead_id": "L-1001", "stage": "mql", "occurred_at": "2026-03-01T18:00:00+01:00"},
    conflict_hint="",  # a stage change is its content
)
