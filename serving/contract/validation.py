"""Envelopes of requests: all of a body but the contents of its one list, which `models.answers.requests` checks."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from features.errors import JourneyError
from models.answers.requests.problems import INVALID_VALUE, LONGEST_FIELD, code_of, field_path
from serving.contract.errors import RequestError
from serving.contract.score import Options

__all__ = ["read_envelope", "read_options", "refused"]

_Envelope = TypeVar("_Envelope", bound=BaseModel)

_HINTS = {
    "missing_field": "Send this field.",
    "unknown_field": "Leave it out, or correct its name; /docs.json lists the fields.",
    "empty": "Send at least one.",
    "not_allowed": "Send one of the allowed values.",
}


def read_options(value: Any) -> Options:
    """Check all of a parsed body but the contents of its leads.

    Parameters
    ----------
    value : object
        As `parse_json` returns it.

    Raises
    ------
    RequestError
        422, for the first field that is wrong.

    Examples
    --------
    >>> read_options({"leads": []})
    Traceback (most recent call last):
    ...
    serving.contract.errors.RequestError: leads: List should have at least 1 item after validation, not 0.
    """
    return read_envelope(value, Options, "leads")


def read_envelope(value: Any, schema: type[_Envelope], name: str) -> _Envelope:
    """Check all of a parsed body but the contents of its one list.

    Parameters
    ----------
    value : object
        As `parse_json` returns it.
    schema : type of BaseModel
        The envelope.
    name : str
        The list's key, for the message.

    Raises
    ------
    RequestError
        422, for the first field that is wrong.
    """
    if not isinstance(value, dict):
        message = f"the body is {_named(value)}; a JSON object with the key {name!r} is expected."
        raise RequestError(422, "wrong_type", message, hint="Send one object, as in /docs.json.")
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, code, context = field_path(first["loc"]), code_of(first), first.get("ctx") or {}
        if "problem" in context:  # of our own types, such as moments
            message, hint = f"{field} {context['problem']}. {context['hint']}", context["hint"]
        else:
            message, hint = f"{field}: {first['msg']}.", _HINTS.get(code)
        raise RequestError(422, code, message, field=field, hint=hint) from None


def refused(error: JourneyError) -> RequestError:
    """Give what is wrong with a lead or an event its answer: 422, with the field's path from the body on."""
    field = error.field[:LONGEST_FIELD] or None
    return RequestError(422, error.code or INVALID_VALUE, str(error), field=field, hint=error.hint or None)


def _named(value: Any) -> str:
    return {list: "an array", str: "text", bool: "a truth value", int: "a number", float: "a number"}.get(
        type(value), "null"
    )
