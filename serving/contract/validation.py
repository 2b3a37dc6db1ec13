"""What is wrong with a request, as one error with a code.

Leads are checked by `models.answers.requests` while they are read, once and fast, with the same rules wherever
requests come from. The
schemas say the same again for the OpenAPI document, and give the code of an error; a test holds the two together.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from features.errors import JourneyError
from serving.contract.errors import RequestError, field_path
from serving.contract.score import Options, ScoreRequest

__all__ = ["CODES", "OTHER", "explain", "read_envelope", "read_options"]

_Envelope = TypeVar("_Envelope", bound=BaseModel)

CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "too_short": "empty",
    "string_too_short": "empty",
    "too_long": "too_many",
    "string_too_long": "too_long",
    "timezone_aware": "no_time_zone",
    "moment": "invalid_time",
    "not_before": "out_of_range",
    "literal_error": "not_allowed",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "string_unicode": "invalid_text",
}
OTHER = "invalid_value"
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
        first = error.errors(include_url=False, include_context=False)[0]
        field, code = field_path(first["loc"]), _code(first)
        raise RequestError(422, code, f"{field}: {first['msg']}.", field=field, hint=_HINTS.get(code)) from None


def explain(value: Any, error: JourneyError, schema: type[BaseModel] = ScoreRequest) -> RequestError:
    """Give an error found while reading leads its code.

    Parameters
    ----------
    value : object
        The whole parsed body.
    error : JourneyError
        With the path of its field from the body on.
    schema : type of BaseModel
        What the body should have been.

    Returns
    -------
    RequestError
        422; the code is `OTHER` where the schema finds nothing wrong with that field, such as an attribute of a type that
        another model would take.
    """
    field = field_path((error.field,)) if error.field else None
    code = next((code for path, code in _breaks(schema, value) if path == field), OTHER)
    return RequestError(422, code, str(error), field=field, hint=error.hint or None)


def _breaks(schema: type[BaseModel], value: Any) -> Iterator[tuple[str | None, str]]:
    try:
        schema.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_context=False, include_input=False):
            location = details["loc"]
            while len(location) > 1 and _is_branch(location):
                location = location[:-1]
            yield field_path(location), _code(details)


def _code(details: ErrorDetails) -> str:
    kind = str(details["type"])
    return CODES.get(kind, "invalid_time" if kind.startswith("datetime") else "wrong_type")


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
