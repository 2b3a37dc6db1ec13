"""Answers of the event routes, and what may be asked of a stored lead; the OpenAPI document is made from them."""

from typing import Literal

from pydantic import BaseModel, Field

from models.answers.requests.fields import Moment
from models.answers.requests.schemas import Strict
from serving.contract.limits import MAX_REASONS
from serving.contract.score import InputWarning, Model, ScoredLead

__all__ = ["Accepted", "Erased", "LeadScore", "ScoreQuery"]


class Accepted(BaseModel):
    """What became of a body; after this answer it is durable."""

    new: int = Field(description="Entries that said something new.")
    duplicate: int = Field(
        description="Entries that were known already, and changed nothing; so does what is told of an erased lead."
    )
    recorded_at: str = Field(description="Stands for every recorded_at that was not sent; UTC.")
    warnings: list[InputWarning] = Field(
        default_factory=list,
        description="What is odd about the times, one per code, and about attributes, one each, and what came without consent; "
        "left out where nothing is.",
    )


class Erased(BaseModel):
    """What was erased of a lead; asked again, the same receipt."""

    receipt: str = Field(description="Names the erasure. It holds nothing of the person.")
    erased_at: str = Field(description="When it was erased first, in UTC.")
    rows: dict[str, int] = Field(description="Rows that this call deleted, by table of the store.")
    found: dict[str, int] = Field(description="Rows of the store that name the lead after it, by table: none.")
    left: list[str] = Field(description="What this call does not reach, and how to reach it.")


class ScoreQuery(Strict):
    """What may stand in the address that asks for a stored lead's score."""

    model: str | None = Field(
        None, description="Which of the service's models answers, as `/ready` lists them; absent: the first one."
    )
    language: Literal["en", "de"] = Field("en", description="Of reasons and warnings.")
    reasons: int = Field(3, ge=0, le=MAX_REASONS, description="How many reasons to give.")
    snapshot_at: Moment | None = Field(
        None, description="The moment to score at, as far as it was known then; write + as %2B. Missing: now."
    )


class LeadScore(BaseModel):
    """The score of one lead as the store knows it."""

    lead: ScoredLead
    model: Model
