"""Sales' verdicts, with the answers of its check, and retractions of verdicts."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field

from models.answers.limits import MAX_STAGE_CHANGES
from models.answers.requests.fields import Loose, Moment, Text
from models.answers.requests.problems import fail
from models.answers.requests.schemas import StageChange, Strict
from serving.contract.event_kinds.kind import EventKind, need, refuse_nul
from serving.contract.event_kinds.stage_changes import change_row
from serving.contract.event_rows import OutcomeRow, RetractionRow, SalesCheck

__all__ = ["OUTCOMES"]

Verdict = Literal["sal", "sales_qualified", "disqualified", "recycled", "customer"]
Answer = Literal["yes", "no", "open"]
_ISO = "Send ISO 8601 text with an offset, such as '2026-01-05T10:00:00+01:00'."
_NEED_REASON = ("disqualified", "recycled")
_OF_RETRACTION = {"lead_id", "retracts", "recorded_at", "reason", "decided_by"}
_EITHER: Any = {"anyOf": [{"required": ["outcome", "occurred_at"]}, {"required": ["retracts"]}]}


class Check(Strict):
    """What sales found out; what was not asked is left out."""

    need: Answer | None = Field(None, description="Is there a need?")
    budget: Answer | None = Field(None, description="Do cost and budget fit?")
    compatibility: Answer | None = Field(None, description="Does it fit what they have?")
    timing: Answer | None = Field(None, description="Is it the time for it?")


class Outcome(Strict):
    """Sales' verdict on a lead; or, with `retracts`, that a former one was a mistake."""

    model_config = ConfigDict(json_schema_extra=_EITHER)

    lead_id: Text = Field(examples=["L-1001"])
    outcome: Verdict | None = Field(None, description="Needed, but with `retracts`.")
    outcome_id: Loose | None = Field(
        None, description="Your id: the same one again is the same verdict; `retracts` names it."
    )
    occurred_at: Moment | None = Field(
        None, description="When sales decided; needed, but with `retracts`.", examples=["2026-03-09T15:00:00+01:00"]
    )
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    reason: Loose | None = Field(None, description="Why; disqualified and recycled need one.", examples=["no budget"])
    owner: Loose | None = None
    team: Loose | None = None
    retracts: Text | None = Field(
        None, description="The outcome_id of a verdict on this lead that no longer counts, from recorded_at on."
    )
    check: Check | None = Field(None, description="What sales found out. Stored beside the verdict, never a feature.")
    advice: Loose | None = Field(None, description="What was advised when sales decided.")
    decided_by: Loose | None = Field(None, description="Who decided.")


def _rows(items: Sequence[Outcome], path: str) -> list[OutcomeRow | RetractionRow]:
    return [_row(item, f"{path}[{position}]") for position, item in enumerate(items)]


def _row(item: Outcome, path: str) -> OutcomeRow | RetractionRow:
    refuse_nul(item, path)
    decided_by = item.decided_by or None
    if item.retracts is not None:
        for name in sorted(item.model_fields_set - _OF_RETRACTION):
            if getattr(item, name) is not None:
                hint = "Send the right verdict as an entry of its own, with a new outcome_id."
                fail(f"{path}.{name}", "does not belong to a retraction", hint, "unknown_field")
        return RetractionRow(item.lead_id, item.retracts, item.recorded_at, item.reason or None, decided_by)
    need(item, "outcome", path, "not_allowed")
    if item.outcome in _NEED_REASON and not item.reason:
        fail(f"{path}.reason", "is missing" if item.reason is None else "is empty", "Send text.")
    need(item, "occurred_at", path, "invalid_time", _ISO)
    change = StageChange.model_construct(
        stage=item.outcome,
        **{name: getattr(item, name) for name in ("occurred_at", "recorded_at", "reason", "owner", "team")},
    )
    answers = {} if item.check is None else item.check.model_dump()
    check = SalesCheck(**answers, advice=item.advice or None, decided_by=decided_by)
    return OutcomeRow(item.outcome_id or None, change_row(item.lead_id, change), check)


OUTCOMES = EventKind(
    name="outcomes",
    item=Outcome,
    most=MAX_STAGE_CHANGES,
    rows=_rows,
    summary="Send sales' verdicts, or take them back; the next training learns from those that stand.",
    example={
        "lead_id": "L-1002",
        "outcome": "disqualified",
        "reason": "no budget",
        "occurred_at": "2026-03-09T15:00:00+01:00",
        "outcome_id": "O-17",
        "check": {"need": "yes", "budget": "no", "compatibility": "yes", "timing": "open"},
    },
    conflict_hint="Send the same content under one id. For a correction, retract the wrong verdict (retracts: its outcome_id), "
    "and send the right one under a new id.",
)
