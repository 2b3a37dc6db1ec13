"""Plain JSON values of a request, checked one by one; an error names the path of its field."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from features.errors import JourneyError
from features.journeys import MAX_VALUE
from features.timeline import to_micros

__all__ = [
    "MAX_TEXT",
    "check_list",
    "check_object",
    "fail",
    "optional_moment",
    "optional_number",
    "optional_text",
    "parse_moment",
    "required_text",
    "shown",
]

MAX_TEXT = 500
"""Characters of an id, a kind, a channel, a category."""

EARLIEST = to_micros(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
LATEST = to_micros(dt.datetime(2201, 1, 1, tzinfo=dt.UTC)) - 1

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_ISO = "Send ISO 8601 text with an offset, such as '2026-01-05T10:00:00+01:00'."


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
    if value is None:
        fail(path, "is missing", _ISO)
    moment = value
    if isinstance(value, str):
        if not _MOMENT.fullmatch(value):
            fail(path, f"is not a moment: {shown(value)}", _ISO)
        try:
            moment = dt.datetime.fromisoformat(value.upper())
        except ValueError as error:
            fail(path, f"is no moment that exists: {shown(value)} ({error})", _ISO)
    if not isinstance(moment, dt.datetime):
        fail(path, f"is not a moment: {shown(value)}", _ISO)
    if moment.utcoffset() is None:
        fail(path, f"has no time zone: {shown(value)}", "Send an offset, such as +01:00 or Z.")
    micros = to_micros(moment, path)
    if not EARLIEST <= micros <= LATEST:
        fail(path, f"is {shown(value)}; allowed are the years 1970 to 2200", "Correct it, or leave it out.")
    return micros


def check_object(value: Any, path: str, allowed: tuple[str, ...] | None) -> Mapping[str, Any]:
    """Give back an object; None as `allowed` takes any names."""
    if not isinstance(value, dict):
        fail(path, f"is {shown(value)}, not an object", f"Send an object with {', '.join(allowed or ('names',))}.")
    for name in value if allowed is not None else ():
        if name not in (allowed or ()):
            fail(f"{path}.{str(name)[:60]}", "is not a known field", f"Known are {', '.join(allowed or ())}.")
    return value


def check_list(value: Any, path: str, most: int) -> Sequence[Any]:
    """Give back a list of at most so many entries; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        fail(path, f"is {shown(value)}, not a list", "Send a list.")
    if len(value) > most:
        fail(path, f"has {len(value):,} entries; allowed are {most:,}", "Send only those of the observation window.")
    return value


def required_text(value: Any, path: str) -> str:
    """Give back text that is not empty."""
    if value is None or value == "":
        fail(path, "is missing" if value is None else "is empty", "Send text.")
    return str(optional_text(value, path))


def optional_text(value: Any, path: str) -> str | None:
    """Give back text, or None for null and for empty text: files can't tell the two apart, so both are missing."""
    if value is None:
        return None
    if not isinstance(value, str):
        fail(path, f"is {shown(value)}, not text", "Send text.")
    if len(value) > MAX_TEXT:
        fail(path, f"has {len(value):,} characters; allowed are {MAX_TEXT}", "Shorten it.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            fail(path, "holds half a surrogate pair", "Send valid Unicode.")
    return value or None


def optional_number(value: Any, path: str) -> float | None:
    """Give back a finite number that can be summed, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        fail(path, f"is {shown(value)}, not a number", "Send a number, or leave it out.")
    if not abs(value) <= MAX_VALUE:
        fail(path, f"is not a finite number within +-{MAX_VALUE:.0e}", "Correct it, or leave it out.")
    return float(value)


def optional_moment(value: Any, path: str) -> int | None:
    """Give back UTC microseconds, or None for null; see `parse_moment`."""
    return None if value is None else parse_moment(value, path)


def shown(value: Any) -> str:
    """Name a value in a message: text as it is, cut short, anything else by its type."""
    kinds: tuple[tuple[type, str], ...] = ((dict, "an object"), (list, "a list"), (bool, "a truth value"))
    kinds += ((int, "a number"), (float, "a number"), (type(None), "missing"))
    text = value.isoformat() if isinstance(value, dt.datetime) else value
    if isinstance(text, str):
        return ascii(text) if len(text) <= 60 else ascii(text[:57]) + "..."
    return next((name for kind, name in kinds if isinstance(value, kind)), f"of type {type(value).__name__}")


def fail(path: str, problem: str, hint: str) -> NoReturn:
    """Raise a `JourneyError` that names the field, what is wrong with it, and the next step."""
    raise JourneyError(f"{path} {problem}. {hint}", path, hint)
