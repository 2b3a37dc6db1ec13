"""Schemas of `POST /score`: the request and its answer; the OpenAPI document is made from them.

Requests are checked strictly: an unknown field, text for a number, a time without a zone are errors that name the field.
"""

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from features.journeys import MAX_VALUE
from features.vocabulary import By, Stage
from models.answers.decision import Advice
from models.answers.population import Outside
from serving.contract.limits import (
    MAX_ATTRIBUTES,
    MAX_LEADS,
    MAX_ORDERS,
    MAX_REASONS,
    MAX_STAGE_CHANGES,
    MAX_TEXT,
    MAX_TOUCHPOINTS,
)

__all__ = [
    "ErrorAnswer",
    "Lead",
    "Options",
    "ScoreAnswer",
    "ScoreRequest",
    "StageChange",
    "Touchpoint",
]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?\Z", re.ASCII)


def _moment(value: Any) -> Any:
    """Let only ISO 8601 text through: a bare number could be seconds or milliseconds, so it is not guessed."""
    if isinstance(value, dt.datetime) or (isinstance(value, str) and _MOMENT.match(value)):
        return value
    raise PydanticCustomError("moment", "expected an ISO 8601 time with an offset, such as '2026-01-05T10:00:00+01:00'")


_YEARS = {"pattern": r"^(19[7-9]\d|2[01]\d\d|2200)-"}
Moment = Annotated[AwareDatetime, BeforeValidator(_moment), Field(strict=False, json_schema_extra=_YEARS)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Loose = Annotated[str, Field(max_length=MAX_TEXT)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_VALUE, le=MAX_VALUE)]
Attributes = Annotated[dict[Text, Loose | bool | int | Finite | None], Field(max_length=MAX_ATTRIBUTES)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Touchpoint(_Strict):
    """One interaction of a lead."""

    touchpoint_id: Loose | None = Field(
        None, description="Only breaks ties between touchpoints that are equal otherwise."
    )
    occurred_at: Moment = Field(description="When it happened, with an offset.", examples=["2026-03-02T09:12:00+01:00"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: when it happened.")
    kind: Text = Field(description="Such as page_view, mail_click, webinar.", examples=["page_view"])
    channel: Loose | None = Field(None, examples=["web"])
    asset: Loose | None = Field(None, examples=["pricing"])
    campaign: Loose | None = Field(None, examples=["spring"])
    value: Value | None = Field(None, description="An amount or a length, in the unit of your export.")
    by: Literal[By, ""] | None = Field(None, description="Who acted; missing or empty: the lead.")


class StageChange(_Strict):
    """One transition in the CRM."""

    stage: Stage
    occurred_at: Moment = Field(examples=["2026-03-02T10:00:00+01:00"])
    recorded_at: Moment | None = None
    reason: Loose | None = None
    owner: Loose | None = None
    team: Loose | None = None


class AccountTouchpoint(Touchpoint):
    """One interaction of somebody at the lead's account."""

    lead_id: Loose | None = Field(None, description="Whose; the lead's own are left out. Missing: somebody's.")
    role: Loose | None = Field(None, description="That person's role, one per lead_id.", examples=["purchasing"])


class AccountStageChange(StageChange):
    """One transition of another lead of the account."""

    lead_id: Loose | None = Field(None, description="Whose; the lead's own are left out.")


class Order(_Strict):
    """One order of the account."""

    ordered_at: Moment = Field(examples=["2025-11-12T00:00:00Z"])
    amount: Value | None = Field(None, description="In the currency of your export.")
    product: Loose | None = None


# Lists stop at their first error: all errors of a body full of them would fill gigabytes
def _most(count: int) -> Any:
    return Field(max_length=count, fail_fast=True)


Touchpoints = Annotated[list[Touchpoint], _most(MAX_TOUCHPOINTS)]
StageChanges = Annotated[list[StageChange], _most(MAX_STAGE_CHANGES)]


class Account(_Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes | None = None
    touchpoints: Annotated[list[AccountTouchpoint], _most(MAX_TOUCHPOINTS)] | None = Field(
        None, description="What other people of the account did."
    )
    stage_changes: Annotated[list[AccountStageChange], _most(MAX_STAGE_CHANGES)] | None = Field(
        None, description="What became of them in the CRM."
    )
    orders: Annotated[list[Order], _most(MAX_ORDERS)] | None = Field(None, description="What the account bought.")


class Lead(_Strict):
    """One lead and its whole journey."""

    lead_id: Text = Field(examples=["L-1001"])
    snapshot_at: Moment | None = Field(
        None, description="The moment to score at; nothing at or after it counts. Missing: now."
    )
    changed_since: Moment | None = Field(
        None, description="An earlier moment: the answer says what changed since. Missing: it does not."
    )
    created_at: Moment | None = Field(None, description="When the lead was created in the CRM.")
    attributes: Attributes | None = Field(None, description="The lead's own; the model's catalog says which it takes.")
    account: Account | None = None
    touchpoints: Touchpoints | None = None
    stage_changes: StageChanges | None = None

    @field_validator("changed_since")
    @classmethod
    def _earlier(cls, since: dt.datetime | None, info: ValidationInfo) -> dt.datetime | None:
        at = info.data.get("snapshot_at")
        if since is not None and at is not None and since >= at:
            raise PydanticCustomError("not_before", "expected a moment before snapshot_at")
        return since


class Options(_Strict):
    """A request without its leads' contents, which `models.answers.requests` checks while reading them."""

    leads: list[Any] = Field(min_length=1, max_length=MAX_LEADS)
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


class DecisionAnswer(BaseModel):
    """What the figures mean for sales: advice, no verdict."""

    tier: Literal["A", "B", "C", "D"]
    within_capacity: bool | None = Field(description="Whether capacity reaches down to this lead; null: not known.")
    advice: Advice = Field(description="Who speaks next, and when; unknown and too_little_data advise nothing.")
    until: str | None = Field(None, description="With wait_until: the day to look again.")
    if_now: ContactChance | None = Field(None, description="A first contact now.")
    if_waiting: WaitingChance | None = Field(None, description="The better of a first contact in one and in two weeks.")
    text: str = Field(description="The advice as a sentence.")


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

    name: str
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
