"""How large a body's structure may be, as the schemas say, and a pass that refuses what is beyond before it is built.

Python's scanner holds the interpreter's lock, and all that it has built, until a body ends: 16 MiB of ``[],[],`` take it
seconds and a gigabyte. The pass looks at bytes only, keeps nothing, and holds no lock.
"""

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from serving.contract.body_scan import (
    BLANKS,
    EMPTY,
    EMPTY_ENTRY,
    FINE,
    LONG_NUMBER,
    LONG_TEXT,
    MEMBERS,
    NO_OBJECT,
    OBJECTS,
    TOO_DEEP,
    scan,
)
from serving.contract.errors import RequestError
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.limits import MAX_LEADS
from serving.contract.score import ScoreRequest

__all__ = ["LONGEST_NUMBER", "Shape", "check_shape", "largest_shape", "not_finite", "not_json", "shape_of", "too_deep"]

BODIES: tuple[type[BaseModel], ...] = (ScoreRequest, *(kind.body for kind in EVENT_KINDS.values()))
LONGEST_NUMBER = 400  # digits; more than any double needs
LONGEST_BLANK = 10_000  # bytes of white space; far more than any indentation
LONGEST_ESCAPE = len(r"\ud83d\ude00")  # of one character
SHORTEST_MOMENT = len("2026-01-05T10:00Z")
OBJECTS_PER_LEAD = 4  # itself, its account, the attributes of both


class Shape(NamedTuple):
    """Bounds that no valid body crosses.

    Attributes
    ----------
    depth : int
        Levels of objects and arrays, one in another.
    members : int
        Of one object.
    text : int
        Characters of one text, or of one key.
    record : int
        Bytes of the shortest entry of any array but `leads`.
    """

    depth: int
    members: int
    text: int
    record: int


@cache
def largest_shape() -> Shape:
    """Give what any body of any route may have at most."""
    shapes = [shape_of(schema) for schema in BODIES]
    depth, members, text, _ = (max(values) for values in zip(*shapes, strict=True))
    return Shape(depth, members, text, min(shape.record for shape in shapes))


def shape_of(schema: type[BaseModel]) -> Shape:
    """Read the bounds from a schema whose arrays hold objects only; without an array, no entry is too short."""
    document = schema.model_json_schema()
    named = document.get("$defs", {})
    records = [
        _shortest(alternative["items"], named)
        for holder in (document, *named.values())
        for name, value in holder.get("properties", {}).items()
        for alternative in value.get("anyOf", (value,))
        if "items" in alternative and name != "leads"
    ]
    return Shape(*_bounds(document, named), record=min(records, default=sys.maxsize))


def _resolved(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    return named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _bounds(schema: Mapping[str, Any], named: Mapping[str, Any]) -> tuple[int, int, int]:
    """Find depth, members and characters of whatever a schema takes."""
    part = _resolved(schema, named)
    fields = part.get("properties", {})
    inner = [*part.get("anyOf", ()), *fields.values(), part.get("items"), part.get("additionalProperties")]
    inner_bounds = [_bounds(item, named) for item in inner if isinstance(item, dict)]
    key = max([part.get("propertyNames", {}).get("maxLength", 0), *map(len, fields)])
    own_bounds = (0, max(len(fields), part.get("maxProperties", 0)), max(key, part.get("maxLength", 0)))
    depth, members, text = (max(values) for values in zip(own_bounds, *inner_bounds, strict=True))
    return depth + (part.get("type") in ("object", "array")), members, text


def _shortest(schema: Mapping[str, Any], named: Mapping[str, Any]) -> int:
    """Count the bytes of the shortest JSON that a schema takes; of what is not looked into, 1."""
    part = _resolved(schema, named)
    if part.get("type") == "object":
        members = [len(f'"{name}":') + _shortest(part["properties"][name], named) for name in part.get("required", ())]
        return len("{}") + sum(members) + max(len(members) - 1, 0)
    if "enum" in part:
        return min(len(f'"{value}"') for value in part["enum"])
    if part.get("type") == "string":
        return len('""') + (SHORTEST_MOMENT if part.get("format") == "date-time" else part.get("minLength", 0))
    return 1


def check_shape(body: bytes) -> None:
    """Refuse a body whose structure no valid request has; it need not be JSON, which the parser finds out.

    Parameters
    ----------
    body : bytes
        As it came.

    Raises
    ------
    RequestError
        400 with code ``too_complex``, ``too_deep``, ``not_finite``, or ``invalid_json`` for nothing but white space.
    """
    shape = largest_shape()
    text, objects = shape.text * LONGEST_ESCAPE, OBJECTS_PER_LEAD * MAX_LEADS + len(body) // shape.record
    values = np.frombuffer(body, dtype=np.uint8)
    problem, at = scan(values, shape.depth, shape.members, objects, text, LONGEST_NUMBER, LONGEST_BLANK)
    if problem == EMPTY:
        raise not_json("the body is empty")
    if problem == TOO_DEEP:
        raise too_deep()
    if problem == LONG_NUMBER:
        raise not_finite(body[at : at + LONGEST_NUMBER].decode("ascii", "replace"))
    descriptions = {
        BLANKS: f"there are more than {LONGEST_BLANK:,} bytes of white space in a row",
        NO_OBJECT: "the array there holds something else than objects; all arrays of a request hold objects",
        EMPTY_ENTRY: "the array there holds an empty object",
        MEMBERS: f"the object there has more than {shape.members} members",
        OBJECTS: f"up to there are more than {objects:,} objects, more than records fit into {len(body):,} bytes",
        LONG_TEXT: f"the text there has more than {text:,} bytes; at most {shape.text} characters are allowed",
    }
    if problem != FINE:
        message = f"the body has a structure that no request has, at byte {at:,}: {descriptions[problem]}."
        hint = "Send a body as in /docs.json. Smaller ones are told which field is wrong."
        raise RequestError(400, "too_complex", message, hint=hint)


def not_json(got: str) -> RequestError:
    """Make the error for what is no JSON."""
    return RequestError(
        400, "invalid_json", f"the body is not JSON: {got}.", hint="Send one JSON object, as in /docs.json."
    )


def too_deep() -> RequestError:
    """Make the error for a body that nests without end."""
    depth = largest_shape().depth
    message, hint = "the body nests objects and arrays too deeply.", f"A request needs {depth} levels; see /docs.json."
    return RequestError(400, "too_deep", message, hint=hint)


def not_finite(text: str) -> RequestError:
    """Make the error for what looks like a number and is none of JSON's."""
    message = f"{text[:60]} is not a number that JSON knows."
    hint = "Leave the field out, or send null, when the value is not known."
    return RequestError(400, "not_finite", message, hint=hint)
