"""The shapes of `POST /score`: what comes in, strictly, and what goes out. They make the OpenAPI document, too.

Requests take no liberties: an unknown field, text for a number, a time without a zone are errors that name the field.
"""

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from features.journeys import MAX_VALUE
from serving.errors import RequestError, field_path
from serving.limits import (
    MAX_ACCOUNT_TOUCHPOINTS,
    MAX_ATTRIBUTES,
    MAX_LEADS,
    MAX_REASONS,
    MAX_STAGE_CHANGES,
    MAX_TEXT,
    MAX_TOUCHPOINTS,
)

__all__ = [
    "CODES",
    "ErrorAnswer",
    "Lead",
    "ScoreAnswer",
    "ScoreRequest",
    "StageChange",
    "Touchpoint",
    "validate_request",
]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?\Z", re.ASCII)


def _moment(value: Any) -> Any:
    """Let only ISO 8601 text through: a bare number could be seconds or milliseconds, so it is not guessed."""
    if isinstance(value, dt.datetime) or (isinstance(value, str) and _MOMENT.match(value)):
        return value
    raise PydanticCustomError("moment", "expected an ISO 8601 time with an offset, such as '2026-01-05T10:00:00+01:00'")


Moment = Annotated[AwareDatetime, BeforeValidator(_moment), Field(strict=False)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Loose = Annotated[str, Field(max_length=MAX_TEXT)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_VALUE, le=MAX_VALUE)]
Attributes = Annotated[dict[Text, Loose | bool | int | Finite | None], Field(max_length=MAX_ATTRIBUTES)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Touchpoint(_Strict):
    """One interaction of a lead."""

    touchpoint_id: Text | None = Field(
        None, description="Only breaks ties between touchpoints that are equal otherwise."
    )
    occurred_at: Moment = Field(description="When it happened, with an offset.", examples=["2026-03-02T09:12:00+01:00"])
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: when it happened.")
    kind: Text = Field(description="Such as page_view, mail_click, webinar.", examples=["page_view"])
    channel: Loose | None = Field(None, examples=["web"])
    asset: Loose | None = Field(None, examples=["pricing"])
    campaign: Loose | None = Field(None, examples=["spring"])
    value: Value | None = Field(None, description="An amount or a length, in the unit of your export.")
    by: Literal["lead", "sales", "system"] | None = Field(None, description="Who acted; missing: the lead.")


class StageChange(_Strict):
    """One transition in the CRM."""

    stage: Literal["inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer"]
    occurred_at: Moment = Field(examples=["2026-03-02T10:00:00+01:00"])
    recorded_at: Moment | None = None
    reason: Loose | None = None
    owner: Loose | None = None
    team: Loose | None = None


class Account(_Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes = Field(default_factory=dict)
    touchpoints: list[Touchpoint] = Field(
        default_factory=list,
        max_length=MAX_ACCOUNT_TOUCHPOINTS,
        fail_fast=True,  # else a body full of errors would be told in gigabytes
        description="What other people of the account did. Checked, and not yet used by any feature.",
    )


class Lead(_Strict):
    """One lead and its whole journey."""

    lead_id: Text = Field(examples=["L-1001"])
    snapshot_at: Moment | None = Field(
        None, description="The moment to score at; nothing at or after it counts. Missing: now."
    )
    created_at: Moment | None = Field(None, description="When the lead was created in the CRM.")
    attributes: Attributes = Field(default_factory=dict)
    account: Account | None = None
    touchpoints: list[Touchpoint] = Field(default_factory=list, max_length=MAX_TOUCHPOINTS, fail_fast=True)
    stage_changes: list[StageChange] = Field(default_factory=list, max_length=MAX_STAGE_CHANGES, fail_fast=True)


class ScoreRequest(_Strict):
    """One or many leads with their journeys."""

    leads: list[Lead] = Field(min_length=1, max_length=MAX_LEADS, fail_fast=True)
    language: Literal["en", "de"] = Field("en", description="Of reasons and warnings.")
    reasons: int = Field(3, ge=0, le=MAX_REASONS, description="How many reasons to give per lead.")
    debug: bool = Field(False, description="Return the feature vector as well; only for callers on the same machine.")


class Reason(BaseModel):
    """One signed contribution."""

    feature: str
    text: str
    contribution: float = Field(description="Log-odds: above 0 speaks for the lead, below 0 against.")


class Notice(BaseModel):
    """Something in the request that did not prevent a score."""

    code: str
    message: str
    field: str | None


class ScoredLead(BaseModel):
    """The answer for one lead."""

    lead_id: str
    snapshot_at: str = Field(description="The moment scored at, in UTC.")
    probability: float | None = Field(
        description="Calibrated P(sales-qualified within label_days), a single-precision number; null: not scored."
    )
    interval: tuple[float, float] | None = Field(description="How far the calibration could be off: [low, high].")
    tier: Literal["A", "B", "C", "D"] | None
    fit: float | None = Field(description="What the lead is: its part of the log-odds.")
    engagement: float | None = Field(description="What the lead does: its part of the log-odds.")
    reasons: list[Reason]
    warnings: list[Notice]
    not_scored: Literal["already_qualified", "disqualified", "objected", "too_little_data"] | None = Field(
        None, description="Why there is no probability."
    )
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


CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "too_short": "empty",
    "string_too_short": "empty",
    "too_long": "too_many",
    "string_too_long": "too_long",
    "timezone_aware": "no_time_zone",
    "moment": "invalid_time",
    "literal_error": "not_allowed",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "not_finite",
    "string_unicode": "invalid_text",
}
_HINTS = {
    "missing_field": "Send this field.",
    "unknown_field": "Leave it out, or correct its name; /docs.json lists the fields.",
    "empty": "Send at least one.",
    "no_time_zone": "Send an offset, such as +01:00 or Z.",
    "invalid_time": "Send ISO 8601 text with an offset, such as '2026-01-05T10:00:00+01:00'.",
    "not_allowed": "Send one of the allowed values.",
    "invalid_text": "Send valid Unicode; half a surrogate pair is not.",
}


def validate_request(value: Any) -> ScoreRequest:
    """Check a parsed body against the schema.

    Parameters
    ----------
    value : object
        As `parse_json` returns it.

    Raises
    ------
    RequestError
        422, for the first field that is wrong; the message counts the others.

    Examples
    --------
    >>> validate_request({"leads": [{"lead_id": "L-1", "touchpoints": [{"occurred_at": "2026-01-05T10:00", "kind": "x"}]}]})
    Traceback (most recent call last):
    ...
    serving.errors.RequestError: leads[0].touchpoints[0].occurred_at: Input should have timezone info; got '2026-01-05T10:00'.
    """
    try:
        return ScoreRequest.model_validate(value)
    except ValidationError as error:
        raise _first(error.errors(include_url=False, include_context=False), value) from None


def _first(errors: list[ErrorDetails], value: Any) -> RequestError:
    first = errors[0]
    kind = str(first["type"])
    code = CODES.get(kind, "invalid_time" if kind.startswith("datetime") else "wrong_type")
    location = first["loc"]
    while len(location) > 1 and _is_branch(location):
        location = location[:-1]
    field = field_path(location)
    if field is None and not isinstance(value, dict):
        message = f"the body is {_named(value)}; a JSON object with the key 'leads' is expected."
        return RequestError(422, "wrong_type", message, hint="Send one object, as in /docs.json.")
    # An attribute may be personal, and error messages end up in logs: only scalars of the schema's own fields are shown
    shown = (
        "" if "attributes" in location or kind in ("missing", "extra_forbidden") else f"; got {_shown(first['input'])}"
    )
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    message = f"{field or 'the body'}: {first['msg']}{shown}.{more}"
    return RequestError(422, code, message, field=field, hint=_HINTS.get(code))


def _is_branch(location: tuple[int | str, ...]) -> bool:
    """Tell whether the last part names a type tried for an attribute, or a key, and no field."""
    last, before = location[-1], location[-2]
    if last == "[key]" or (isinstance(last, str) and last.startswith(("constrained-", "function-"))):
        return True
    return last in ("bool", "int", "str", "float") and before != "attributes"


def _named(value: Any) -> str:
    return {list: "an array", str: "text", bool: "a truth value", int: "a number", float: "a number"}.get(
        type(value), "null"
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"{len(value)} entries"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
