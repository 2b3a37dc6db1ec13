"""Schemas of the event routes and of their answers; the OpenAPI document is made from them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.contract.limits import MAX_LEADS, MAX_ORDERS, MAX_REASONS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.contract.score import (
    Attributes,
    InputWarning,
    Loose,
    Model,
    Moment,
    Order,
    ScoredLead,
    StageChange,
    Text,
    Touchpoint,
)

__all__ = [
    "Accepted",
    "LeadScore",
    "LeadsBody",
    "OutcomesBody",
    "ScoreQuery",
    "StageChangesBody",
    "TouchpointsBody",
    "Verdict",
]

Verdict = Literal["sal", "sales_qualified", "disqualified", "recycled", "customer"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LeadTouchpoint(Touchpoint):
    """One interaction, and whose."""

    lead_id: Text = Field(description="Of a lead that is known, or of one yet to come.", examples=["L-1001"])
    touchpoint_id: Loose | None = Field(
        None, description="Your id: the same one again is the same touchpoint. Without one, equal content is."
    )
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


class LeadStageChange(StageChange):
    """One transition in the CRM, and whose."""

    lead_id: Text = Field(examples=["L-1001"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


class Outcome(_Strict):
    """Sales' verdict on a lead."""

    lead_id: Text = Field(examples=["L-1001"])
    outcome: Verdict
    reason: Loose | None = Field(None, description="Why; disqualified and recycled need one.", examples=["no budget"])
    occurred_at: Moment = Field(description="When sales decided.", examples=["2026-03-09T15:00:00+01:00"])
    outcome_id: Loose | None = Field(None, description="Your id: the same one again is the same verdict.")
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    owner: Loose | None = None
    team: Loose | None = None


class StoredAccount(_Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes | None = None
    orders: Annotated[list[Order], Field(max_length=MAX_ORDERS, fail_fast=True)] | None = None


class StoredLead(_Strict):
    """What the CRM says of a lead; what is left out stays as it is."""

    lead_id: Text = Field(examples=["L-1001"])
    created_at: Moment | None = Field(None, description="When the lead was created in the CRM.")
    occurred_at: Moment | None = Field(None, description="From when on this is so; missing: now.")
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    attributes: Attributes | None = None
    account: StoredAccount | None = None


def _bulk(most: int) -> Any:
    return Field(min_length=1, max_length=most, fail_fast=True)


class TouchpointsBody(_Strict):
    """Touchpoints of one or many leads: all are accepted, or none."""

    touchpoints: Annotated[list[LeadTouchpoint], _bulk(MAX_TOUCHPOINTS)]


class StageChangesBody(_Strict):
    """Stage changes of one or many leads: all are accepted, or none."""

    stage_changes: Annotated[list[LeadStageChange], _bulk(MAX_STAGE_CHANGES)]


class OutcomesBody(_Strict):
    """Verdicts of sales: all are accepted, or none."""

    outcomes: Annotated[list[Outcome], _bulk(MAX_STAGE_CHANGES)]


class LeadsBody(_Strict):
    """Leads: all are accepted, or none."""

    leads: Annotated[list[StoredLead], _bulk(MAX_LEADS)]


class Accepted(BaseModel):
    """What became of a body; after this answer it is durable."""

    new: int = Field(description="Entries that said something new.")
    duplicate: int = Field(description="Entries that were known already, and changed nothing.")
    recorded_at: str = Field(description="Stands for every recorded_at that was not sent; UTC.")
    warnings: list[InputWarning] = Field(
        default_factory=list,
        description="What is odd about the times, one per code, and about attributes, one each; left out where nothing is.",
    )


class ScoreQuery(_Strict):
    """What may stand in the address that asks for a stored lead's score."""

    language: Literal["en", "de"] = Field("en", description="Of reasons and warnings.")
    reasons: int = Field(3, ge=0, le=MAX_REASONS, description="How many reasons to give.")
    snapshot_at: Moment | None = Field(
        None, description="The moment to score at, as far as it was known then; write + as %2B. Missing: now."
    )


class LeadScore(BaseModel):
    """The score of one lead as the store knows it."""

    lead: ScoredLead
    model: Model
