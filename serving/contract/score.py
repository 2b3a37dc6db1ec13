"""Schemas of `POST /score`: the request around its leads, and the answer; the OpenAPI document is made from them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from models.answers.advice import Advice
from models.answers.population import Outside
from models.answers.requests.schemas import Lead, Strict
from serving.contract.limits import MAX_LEADS, MAX_REASONS
from serving.contract.model_names import LONGEST_NAME

__all__ = ["ErrorAnswer", "InputWarning", "Model", "Options", "ScoreAnswer", "ScoreRequest", "ScoredLead"]


class Options(Strict):
    """A request without its leads' contents, each of which `models.answers.requests` checks and reads on its own."""

    leads: list[Any] = Field(min_length=1, max_length=MAX_LEADS)
    model: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description="Which of the service's models answers, as `/ready` lists them; absent: the first one.",
    )
    language: Literal["en", "de"] = Field("en", description="Of reasons and warnings.")
    reasons: int = Field(3, ge=0, le=MAX_REASONS, description="How many reasons to give per lead.")
    debug: bool = Field(False, description="Return the feature vector as well; only for callers on the same machine.")


class ScoreRequest(Options):
    """One or many leads with their journeys."""

    leads: list[Lead] = Field(min_length=1, max_length=MAX_LEADS, fail_fast=True)


class Reason(BaseModel):
    """One signed contribution."""

    feature: str
    text: str
    contribution: float = Field(description="Log-odds: above 0 speaks for the lead, below 0 against.")


class InputWarning(BaseModel):
    """Something in the request that did not prevent a score."""

    code: str
    message: str
    field: str | None
    reason: Outside | None = Field(
        None, description="Of outside_population: why. Absent or null: the code has one reason."
    )


class Change(BaseModel):
    """What is different from an earlier moment."""

    since: str = Field(description="The earlier moment, in UTC.")
    probability_before: float | None = Field(description="As at that moment; null: the lead was not to be scored then.")
    difference: float | None = Field(
        description="Uncalibrated log-odds now less those before; the contributions of all reasons sum to it."
    )
    reasons: list[Reason] = Field(description="Of the change, largest first, as many as asked for.")
    not_scored: (
        Literal["already_qualified", "disqualified", "objected", "too_little_data", "not_yet_created", "not_yet_mql"]
        | None
    ) = Field(description="Why there is nothing to compare with.")


class ContactChance(BaseModel):
    """The chance of a first contact now."""

    probability: float = Field(description="Of a qualification within the model's horizon after the contact.")
    interval: tuple[float, float]


class WaitingChance(ContactChance):
    """The chance of a first contact after waiting."""

    days: int = Field(description="Days from snapshot_at to the contact.")


class SlotPriceAnswer(BaseModel):
    """What the last slot of a week goes for."""

    probability: float = Field(description="A first contact that would bring less is advised for later.")
    at: str = Field(description="The moment of the queue that it was worked out over.")
    of_training: bool = Field(description="It is that of training, as no run over the whole queue is recent.")


class ForMarketing(BaseModel):
    """What helps marketing with a lead that waits."""

    open_questions: list[Literal["cost", "compatibility", "functions", "fit"]] = Field(
        description="What the lead is likely to ask, by what it read; most read first."
    )
    next_content: list[str] = Field(
        description="What leads that had looked at the same thing last looked at next, before they were qualified."
    )


class TrialAnswer(BaseModel):
    """That the day of contact may be drawn by lot: waiting hardly changes the chance of this lead."""

    drawn: bool
    propensity: float = Field(description="With which probability the lead is held, or not held, as is advised.")


class DecisionAnswer(BaseModel):
    """What the figures mean for sales: advice, no verdict."""

    tier: Literal["A", "B", "C", "D"]
    within_capacity: bool | None = Field(description="Whether capacity reaches down to this lead; null: not known.")
    advice: Advice = Field(description="Who speaks next, and when; unknown and too_little_data advise nothing.")
    until: str | None = Field(None, description="With wait_until: the day to look again.")
    if_now: ContactChance | None = Field(None, description="A first contact now.")
    if_waiting: WaitingChance | None = Field(None, description="The better of a first contact in one and in two weeks.")
    price: SlotPriceAnswer | None = Field(None, description="What decided about later; null: it plays no part.")
    for_marketing: ForMarketing | None = Field(None, description="With wait_until; a description, no promise.")
    trial: TrialAnswer | None = Field(None, description="Where decision.explore_share is above 0, near the boundary.")
    text: str = Field(description="The advice as a sentence.")
    confirmation: Literal["required"] | None = Field(
        None, description="required: a proposal, which a person must confirm before it has effects."
    )


class ScoredLead(BaseModel):
    """The answer for one lead."""

    lead_id: str
    snapshot_at: str = Field(description="The moment scored at, in UTC.")
    probability: float | None = Field(
        description="Calibrated P(sales-qualified within label_days), a single-precision number; null: not scored."
    )
    interval: tuple[float, float] | None = Field(description="How far the calibration could be off: [low, high].")
    tier: Literal["A", "B", "C", "D"] | None
    fit: float | None = Field(description="What the lead is: its part of the log-odds; null without reasons.")
    engagement: float | None = Field(description="What the lead does: its part of the log-odds; null without reasons.")
    reasons: list[Reason]
    warnings: list[InputWarning]
    not_scored: Literal["already_qualified", "disqualified", "objected", "too_little_data"] | None = Field(
        None, description="Why there is no probability."
    )
    decision: DecisionAnswer | None = Field(None, description="What to do; null: the lead is not scored.")
    change: Change | None = Field(None, description="With changed_since; null: not asked for, or not scored.")
    features: dict[str, float | None] | None = Field(None, description="With debug: the vector; null is missing.")


class Model(BaseModel):
    """What scored."""

    served_as: str = Field(description="What requests call the model.")
    name: str = Field(description="What it is registered as.")
    version: str
    fingerprint: str = Field(description="Hash of the ordered feature catalog.")
    label_days: int
    base_value: float = Field(description="Log-odds before any contribution.")


class ScoreAnswer(BaseModel):
    """One entry per lead, in the order of the request."""

    leads: list[ScoredLead]
    model: Model


class ErrorDetail(BaseModel):
    """What is wrong and how to mend it."""

    code: str
    message: str
    field: str | None
    hint: str | None


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail
