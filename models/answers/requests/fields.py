"""The types that fields of a request have: what they take, and what the OpenAPI document says of it.

Moments become UTC microseconds while they are checked. Other values stay as they were sent.
"""

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from features.errors import JourneyError
from features.journeys import MAX_VALUE
from features.timeline import to_micros
from models.answers.limits import MAX_ATTRIBUTES, MAX_TEXT
from models.data_protection.consent import CONSENT_GIVEN, CONSENT_REFUSED
from models.data_protection.identifiers import redacted

__all__ = ["Attributes", "Consent", "Loose", "Moment", "Most", "Text", "Value", "parse_moment", "shown"]

EARLIEST = to_micros(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
LATEST = to_micros(dt.datetime(2201, 1, 1, tzinfo=dt.UTC)) - 1

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_ISO = "Send ISO 8601 text with an offset, such as '2026-01-05T10:00:00+01:00'."
_FEWER_NAMES = "Send only what the model takes."
_KINDS: tuple[tuple[type, str], ...] = (
    (dict, "an object"),
    (list, "a list"),
    (bool, "a truth value"),
    (int, "a number"),
    (float, "a number"),
    (type(None), "missing"),
)


def shown(value: Any) -> str:
    """Name a value in a message: text without direct identifiers, cut short, anything else by its type."""
    text = value.isoformat() if isinstance(value, dt.datetime) else value
    if isinstance(text, str):
        text = redacted(text, None)
        return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."
    return next((name for kind, name in _KINDS if isinstance(value, kind)), f"of type {type(value).__name__}")


def parse_moment(value: Any, path: str = "moment") -> int:
    """Read a moment: ISO 8601 text with an offset, or an aware datetime.

    Parameters
    ----------
    value : object
        A bare number is refused: it could be seconds or milliseconds.
    path : str
        For the message.

    Returns
    -------
    int
        UTC microseconds, in the years 1970 to 2200; finer digits are cut off.

    Raises
    ------
    JourneyError
        If it is no such moment.

    Examples
    --------
    >>> parse_moment("1970-01-01T00:00:00.0000019Z")
    1
    """
    try:
        return _moment(value)
    except PydanticCustomError as error:
        hint = str((error.context or {})["hint"])
        raise JourneyError(f"{path} {error.message()}. {hint}", path, hint, error.type) from None


def _moment(value: Any) -> int:
    moment = value
    if isinstance(value, str):
        if not _MOMENT.fullmatch(value):
            _refuse("invalid_time", f"is not a moment: {shown(value)}", _ISO)
        try:
            moment = dt.datetime.fromisoformat(value.upper())
        except ValueError as error:
            _refuse("invalid_time", f"is no moment that exists: {shown(value)} ({error})", _ISO)
    elif not isinstance(value, dt.datetime):
        _refuse("invalid_time", "is missing" if value is None else f"is not a moment: {shown(value)}", _ISO)
    # Text with a zone has an offset; a datetime's zone may have none
    if moment.tzinfo is None or (moment is value and moment.utcoffset() is None):
        _refuse("no_time_zone", f"has no time zone: {shown(value)}", "Send an offset, such as +01:00 or Z.")
    micros = to_micros(moment)
    if not EARLIEST <= micros <= LATEST:
        problem = f"is {shown(value)}; allowed are the years 1970 to 2200"
        _refuse("invalid_value", problem, "Correct it, or leave it out.")
    return micros


def _attribute(value: Any) -> Any:
    """Take text, a finite number, a truth value or null. It may be personal: messages name only its type."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            _refuse("too_long", f"has {len(value):,} characters; allowed are {MAX_TEXT}", "Shorten it.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                _refuse("invalid_text", "holds half a surrogate pair", "Send valid Unicode.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            _refuse("out_of_range", "is not a finite number", "Send a finite number, or leave it out.")
    elif value is not None and not isinstance(value, (bool, int)):
        _refuse("wrong_type", f"is {shown(value)}", "Send text, a number, true, false or null.")
    return value


def _consent(value: str) -> str:
    if value and value.lower() not in (*CONSENT_GIVEN, *CONSENT_REFUSED):
        words = ", ".join((*CONSENT_GIVEN, *CONSENT_REFUSED))
        _refuse("not_allowed", f"is {shown(value)}", f"Send one of {words}, or leave it out.")
    return value


def _refuse(code: str, problem: str, hint: str) -> NoReturn:
    raise PydanticCustomError(code, "{problem}", {"problem": problem, "hint": hint})


@dataclass(frozen=True)
class Most:
    """Bound a list or an object, before its entries are looked at; a list then stops at its first wrong entry.

    All errors of a body that is full of them would fill gigabytes.

    Attributes
    ----------
    count : int
        Most entries.
    """

    count: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell pydantic."""
        schema: Any = handler(source)
        schema["max_length"] = self.count
        if schema["type"] == "list":
            schema["fail_fast"] = True
        return core_schema.no_info_before_validator_function(self._check, schema)

    def _check(self, value: Any) -> Any:
        if isinstance(value, (list, dict)) and len(value) > self.count:
            named = "Send only those of the observation window." if isinstance(value, list) else _FEWER_NAMES
            _refuse("too_many", f"has {len(value):,} entries; allowed are {self.count:,}", named)
        return value


_YEARS = r"^(19[7-9]\d|2[01]\d\d|2200)-"
_SCALARS = [
    {"maxLength": MAX_TEXT, "type": "string"},
    *({"type": kind} for kind in ("boolean", "integer", "number", "null")),
]

Moment = Annotated[
    int, PlainValidator(_moment), WithJsonSchema({"format": "date-time", "pattern": _YEARS, "type": "string"})
]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Loose = Annotated[str, Field(max_length=MAX_TEXT)]
"""Text that may be empty, which counts as missing: files can't tell the two apart."""

Consent = Annotated[
    str,
    Field(max_length=MAX_TEXT),
    AfterValidator(_consent),
    WithJsonSchema({"enum": [*CONSENT_GIVEN, *CONSENT_REFUSED, ""], "type": "string"}),
]
"""One of the words that exports may use, in any case; empty counts as missing."""

Value = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_VALUE, le=MAX_VALUE)]
Attributes = Annotated[
    dict[Text, Annotated[Any, PlainValidator(_attribute), WithJsonSchema({"anyOf": _SCALARS})]],
    Most(MAX_ATTRIBUTES),
]
