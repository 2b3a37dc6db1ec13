"""Schemas of the event routes and of their answers; the OpenAPI document is made from them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from models.answers.requests.fields import Attributes, Loose, Moment, Most, Text
from models.answers.requests.schemas import Order, StageChange, Strict, Touchpoint
from serving.contract.limits import MAX_LEADS, MAX_ORDERS, MAX_REASONS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.contract.score import InputWarning, Model, ScoredLead

__all__ = [
    "Accepted",
    "LeadScore",
    "LeadStageChange",
    "LeadTouchpoint",
    "LeadsBody",
    "Outcome",
    "OutcomesBody",
    "ScoreQuery",
    "StageChangesBody",
    "StoredLead",
    "TouchpointsBody",
    "Verdict",
]

Verdict = Literal["sal", "sales_qualified", "disqualified", "recycled", "customer"]


class _OfLead(Strict):
    lead_id: Text = Field(description="Of a lead that is known, or of one yet to come.", examples=["L-1001"])


class LeadTouchpoint(Touchpoint, _OfLead):
    """One interaction, and whose."""

    touchpoint_id: Loose | None = Field(
        None, description="Your id: the same one again is the same touchpoint. Without one, equal content is."
    )
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


class LeadStageChange(StageChange, _OfLead):
    """One transition in the CRM, and whose."""

    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")


class Outcome(Strict):
    """Sales' verdict on a lead."""

    lead_id: Text = Field(examples=["L-1001"])
    outcome: Verdict
    outcome_id: Loose | None = Field(None, description="Your id: the same one again is the same verdict.")
    occurred_at: Moment = Field(description="When sales decided.", examples=["2026-03-09T15:00:00+01:00"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    reason: Loose | None = Field(None, description="Why; disqualified and recycled need one.", examples=["no budget"])
    owner: Loose | None = None
    team: Loose | None = None

    def as_stage_change(self) -> StageChange:
        """Give the stage change that the verdict is."""
        return StageChange.model_construct(
            stage=self.outcome,
            occurred_at=self.occurred_at,
            recorded_at=self.recorded_at,
            reason=self.reason,
            owner=self.owner,
            team=self.team,
        )


class StoredAccount(Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes | None = None
    orders: Annotated[list[Order], Most(MAX_ORDERS)] | None = None


class StoredLead(Strict):
    """What the CRM says of a lead; what is left out stays as it is."""

    lead_id: Text = Field(examples=["L-1001"])
    created_at: Moment | None = Field(None, description="When the lead was created in the CRM.")
    occurred_at: Moment | None = Field(None, description="From when on this is so; missing: now.")
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    attributes: Attributes | None = None
    account: StoredAccount | None = None


class TouchpointsBody(Strict):
    """Touchpoints of one or many leads: all are accepted, or none."""

    touchpoints: list[LeadTouchpoint] = Field(min_length=1, max_length=MAX_TOUCHPOINTS, fail_fast=True)


class StageChangesBody(Strict):
    """Stage changes of one or many leads: all are accepted, or none."""

    stage_changes: list[LeadStageChange] = Field(min_length=1, max_length=MAX_STAGE_CHANGES, fail_fast=True)


class OutcomesBody(Strict):
    """Verdicts of sales: all are accepted, or none."""

    outcomes: list[Outcome] = Field(min_length=1, max_length=MAX_STAGE_CHANGES, fail_fast=True)


class LeadsBody(Strict):
    """Leads: all are accepted, or none."""

    leads: list[StoredLead] = Field(min_length=1, max_length=MAX_LEADS, fail_fast=True)


class Accepted(BaseModel):
    """What became of a body; after this answer it is durable."""

    new: int = Field(description="Entries that said something new.")
    duplicate: int = Field(description="Entries that were known already, and changed nothing.")
    recorded_at: str = Field(description="Stands for every recorded_at that was not sent; UTC.")
    warnings: list[InputWarning] = Field(
        default_factory=list,
        description="What is odd about the times, one per code, and about attributes, one each; left out where nothing is.",
    )


class ScoreQuery(Strict):
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
