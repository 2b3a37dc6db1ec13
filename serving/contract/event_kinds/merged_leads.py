"""Leads that became part of another one."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from models.answers.requests.fields import Moment, Text
from models.answers.requests.problems import fail
from models.answers.requests.schemas import Strict
from serving.contract.event_kinds.kind import EventKind, OfLead, refuse_nul

__all__ = ["MERGED_LEADS"]


class Remaining(Strict):
    """The lead that remains. What was and will be sent of the other one counts as its own."""

    lead_id: Text = Field(description="Of the lead that remains.", examples=["L-1001"])
    recorded_at: Moment | None = Field(None, description="When your systems merged them; missing: now.")


class MergedLead(OfLead):
    """A lead, and the one that it became part of."""

    merged_into: Text
    recorded_at: Moment | None = None


def _rows(items: Sequence[MergedLead], path: str) -> list[dict[str, Any]]:
    for position, item in enumerate(items):
        refuse_nul(item, f"{path}[{position}]")
        if item.lead_id == item.merged_into:
            fail(f"{path}[{position}].merged_into", "is the same lead", "Send the lead_id of the lead that remains.")
    return [item.model_dump() for item in items]


MERGED_LEADS = EventKind(
    name="merged_leads",
    item=MergedLead,
    most=1,
    rows=_rows,
    summary="Say that a lead became part of another one.",
    example={"lead_id": "L-1001"},
    conflict_hint="A lead is merged once, and into one that was not merged into it. Merge the lead that remains instead.",
    times=(),
    template="/leads/{lead_id}/merged_into",
    single=Remaining,
    fields={"lead_id": "merged_into"},
)
