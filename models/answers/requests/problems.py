"""What is wrong with a request, in words: from the type and the path of a schema's error, as one `JourneyError`.

Codes are for programs and stay; messages say what, where, got and allowed, hints the next step.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from features.errors import JourneyError
from features.journeys import MAX_VALUE
from models.answers.limits import MAX_TEXT
from models.answers.requests.fields import shown
from models.data_protection.identifiers import redacted

__all__ = ["CODES", "INVALID_VALUE", "code_of", "fail", "field_path", "first_error", "read", "read_all"]

LONGEST_FIELD = 200

CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "too_short": "empty",
    "string_too_short": "empty",
    "too_long": "too_many",
    "string_too_long": "too_long",
    "literal_error": "not_allowed",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "string_unicode": "invalid_text",
}
"""From pydantic's types of errors; those of `models.answers.requests.fields` are codes already, all others a wrong type."""

INVALID_VALUE = "invalid_value"
"""What the schema takes and a rule beyond it refuses, such as an attribute of a type that another model would take."""

_QUOTED = re.compile(r"'([^']+)'")
_Model = TypeVar("_Model", bound=BaseModel)


class _Problem(NamedTuple):
    text: str
    hint: str


def read(value: Any, schema: type[_Model], path: str) -> _Model:
    """Check plain values against a schema.

    Parameters
    ----------
    value : object
        As a JSON parser yields it.
    schema : type of BaseModel
        What it should be.
    path : str
        Where it stands, such as ``leads[0]``.

    Raises
    ------
    JourneyError
        Names the first wrong field by its path, its code, and the next step.
    """
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise _journey_error(error, schema, path) from None


def read_all(values: Sequence[Any], schema: type[_Model], path: str) -> list[_Model]:
    """Check each entry of a list as `read` does, up to the first that is wrong."""
    try:
        return _adapter(schema).validate_python(values)
    except ValidationError as error:
        raise _journey_error(error, schema, path) from None


@cache
def _adapter(schema: type[BaseModel]) -> TypeAdapter[list[Any]]:
    return TypeAdapter(Annotated[list[schema], Field(fail_fast=True)])  # type: ignore[valid-type, arg-type]


def fail(path: str, problem: str, hint: str, code: str = INVALID_VALUE) -> NoReturn:
    """Raise a `JourneyError` that names the field, what is wrong with it, and the next step."""
    raise JourneyError(f"{path} {problem}. {hint}", path[:LONGEST_FIELD], hint, code)


def field_path(location: Sequence[str | int]) -> str | None:
    """Write the path of a field, as in ``leads[0].touchpoints[3]``; None for the body itself.

    Parameters
    ----------
    location : sequence of str or int
        Names and positions, from the outside in.

    Examples
    --------
    >>> field_path(("leads", 0, "touchpoints", 3, "occurred_at"))
    'leads[0].touchpoints[3].occurred_at'
    >>> field_path(()) is None
    True
    """
    return _joined(location)[:LONGEST_FIELD] or None


def _joined(location: Sequence[str | int]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:  # a name that nobody knows may be anything
            path += f".{redacted(part, None)}" if path else redacted(part, None)
    return path


def first_error(error: ValidationError) -> ErrorDetails:
    """Choose the error to tell: an unknown field before what is wrong deeper inside, else the first.

    A misspelt name mostly is why another one is missing.
    """
    errors = error.errors(include_url=False)
    first = errors[0]
    unknown = [
        one
        for one in errors
        if one["type"] == "extra_forbidden" and one["loc"][:-1] == first["loc"][: len(one["loc"]) - 1]
    ]
    return min(unknown, key=lambda one: len(one["loc"]), default=first)


def code_of(details: ErrorDetails) -> str:
    """Give an error's code."""
    kind = str(details["type"])
    return kind if "problem" in (details.get("ctx") or {}) else CODES.get(kind, "wrong_type")


def _journey_error(error: ValidationError, schema: type[BaseModel], path: str) -> JourneyError:
    details = first_error(error)
    location, code = details["loc"], code_of(details)
    if location and location[-1] == "[key]":
        location, code = location[:-2], INVALID_VALUE
    if details["type"] == "extra_forbidden":
        location = (*location[:-1], redacted(str(location[-1]), None)[:60])
    problem, where = _problem(details, schema), _joined((path, *location))
    return JourneyError(f"{where} {problem.text}. {problem.hint}", where[:LONGEST_FIELD], problem.hint, code)


def _problem(details: ErrorDetails, schema: type[BaseModel]) -> _Problem:
    kind, value, location = str(details["type"]), details["input"], details["loc"]
    context: Mapping[str, Any] = details.get("ctx") or {}
    if "problem" in context:
        return _Problem(context["problem"], context["hint"])
    write = _WRITE.get(kind)
    if write is not None:
        return write(value, context, location)
    if kind == "extra_forbidden":
        return _Problem("is not a known field", f"Known are {', '.join(_names(schema, location[:-1]))}.")
    # What else there can be is a value of another type than an object
    names = ", ".join(_names(schema, location)) or "names"
    return _Problem(f"is {shown(value)}, not an object", f"Send an object with {names}.")


def _missing(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    is_moment = str(location[-1]).endswith("_at")
    iso = "Send ISO 8601 text with an offset, such as '2026-01-05T10:00:00+01:00'."
    return _Problem("is missing", iso if is_moment else "Send text.")


def _text(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    return _Problem("is missing" if value is None else f"is {shown(value)}, not text", "Send text.")


def _empty(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    return _Problem("is empty", "Send text.")


def _long(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    return _Problem(f"has {len(value):,} characters; allowed are {context['max_length']}", "Shorten it.")


def _unicode(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    return _Problem("holds half a surrogate pair", "Send valid Unicode.")


def _list(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    return _Problem(f"is {shown(value)}, not a list", "Send a list.")


def _number(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _Problem(f"is {shown(value)}, not a number", "Send a number, or leave it out.")
    return _Problem(f"is not a finite number within +-{MAX_VALUE:.0e}", "Correct it, or leave it out.")


def _literal(value: Any, context: Mapping[str, Any], location: tuple[int | str, ...]) -> _Problem:
    if not isinstance(value, str):
        return _text(value, context, location)
    if value == "":
        return _empty(value, context, location)
    if len(value) > MAX_TEXT:
        return _long(value, {"max_length": MAX_TEXT}, location)
    expected = str(context["expected"])
    otherwise = ", or leave it out" if "''" in expected else ""
    return _Problem(f"is {shown(value)}", f"Send one of {', '.join(_QUOTED.findall(expected))}{otherwise}.")


_Write = Callable[[Any, Mapping[str, Any], tuple[int | str, ...]], _Problem]
_WRITE: Mapping[str, _Write] = {
    "missing": _missing,
    "string_type": _text,
    "string_too_short": _empty,
    "string_too_long": _long,
    "string_unicode": _unicode,
    "list_type": _list,
    "float_type": _number,
    "finite_number": _number,
    "greater_than_equal": _number,
    "less_than_equal": _number,
    "literal_error": _literal,
}


def _names(schema: type[BaseModel], location: Sequence[int | str]) -> Sequence[str]:
    """List the fields of the object at a path; empty: any."""
    model: type[BaseModel] | None = schema
    for part in location:
        if isinstance(part, str):
            model = None if model is None else _model_in(model.model_fields[part].annotation)
    return () if model is None else list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part)) is not None), None)
