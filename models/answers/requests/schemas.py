"""What a lead and its journey look like in a request: the one declaration, for reading requests and for the OpenAPI document.

Requests are checked strictly: an unknown field, text for a number, a time without a zone are errors that name the field.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.vocabulary import By, Stage
from models.answers.limits import MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from models.answers.requests.fields import Attributes, Consent, Loose, Moment, Most, Text, Value

__all__ = [
    "Account",
    "AccountStageChange",
    "AccountTouchpoint",
    "Lead",
    "Order",
    "StageChange",
    "Strict",
    "Touchpoint",
]


class Strict(BaseModel):
    """Fields of the declared types, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Touchpoint(Strict):
    """One interaction of a lead."""

    kind: Text = Field(description="Such as page_view, mail_click, webinar.", examples=["page_view"])
    occurred_at: Moment = Field(description="When it happened, with an offset.", examples=["2026-03-02T09:12:00+01:00"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: when it happened.")
    channel: Loose | None = Field(None, examples=["web"])
    asset: Loose | None = Field(None, examples=["pricing"])
    campaign: Loose | None = Field(None, examples=["spring"])
    value: Value | None = Field(None, description="An amount or a length, in the unit of your export.")
    by: Literal[By, ""] | None = Field(None, description="Who acted; missing or empty: the lead.")
    consent: Consent | None = Field(
        None, description="What the person said to it, as in your export; without consent it is left out, and counted."
    )
    touchpoint_id: Loose | None = Field(
        None, description="Only breaks ties between touchpoints that are equal otherwise."
    )


class StageChange(Strict):
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


class Order(Strict):
    """One order of the account."""

    ordered_at: Moment = Field(examples=["2025-11-12T00:00:00Z"])
    amount: Value | None = Field(None, description="In the currency of your export.")
    product: Loose | None = None


class Account(Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes | None = None
    touchpoints: Annotated[list[AccountTouchpoint], Most(MAX_TOUCHPOINTS)] | None = Field(
        None, description="What other people of the account did."
    )
    stage_changes: Annotated[list[AccountStageChange], Most(MAX_STAGE_CHANGES)] | None = Field(
        None, description="What became of them in the CRM."
    )
    orders: Annotated[list[Order], Most(MAX_ORDERS)] | None = Field(None, description="What the account bought.")


class Lead(Strict):
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
    touchpoints: Annotated[list[Touchpoint], Most(MAX_TOUCHPOINTS)] | None = None
    stage_changes: Annotated[list[StageChange], Most(MAX_STAGE_CHANGES)] | None = None
