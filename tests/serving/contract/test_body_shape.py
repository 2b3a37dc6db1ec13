"""Bounds that the schemas give, and the pass that holds bodies to them: exact, and never against a valid body."""

import json
import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from serving.contract import body_scan, limits
from serving.contract.body_shape import (
    BODIES,
    LONGEST_BLANK,
    LONGEST_NUMBER,
    Shape,
    check_shape,
    largest_shape,
    shape_of,
)
from serving.contract.errors import RequestError
from serving.contract.score import ScoreRequest

DEPTH, MEMBERS, OBJECTS, TEXT, NUMBER, BLANK = 3, 3, 5, 6, 5, 2
AT = "2026-01-05T10:00Z"


def scanned(body: bytes) -> tuple[int, int]:
    """Run the compiled pass with small bounds."""
    problem, at = body_scan.scan(np.frombuffer(body, dtype=np.uint8), DEPTH, MEMBERS, OBJECTS, TEXT, NUMBER, BLANK)
    return int(problem), int(at)


TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[ \t\r\n]+|[\[\]{},:]|[^ \t\r\n\[\]{},:"]+', re.DOTALL)


def expected(body: bytes) -> tuple[int, int]:
    """Find the same token by token, as plainly as can be."""
    opened: list[tuple[bytes, int]] = []
    objects, is_over = 0, False
    for token in TOKENS.finditer(body):
        text, at = token.group(), token.start()
        first = text[:1]
        is_entry = bool(opened) and opened[-1][0] == b"["
        if text.isspace():
            if len(text) > BLANK:
                return (body_scan.EMPTY if text == body else body_scan.BLANKS), at
        elif is_over:
            return body_scan.FINE, at
        elif first == b":":
            continue
        elif first == b",":
            if not opened:
                return body_scan.FINE, at
            opened[-1] = (opened[-1][0], opened[-1][1] + 1)
            if not is_entry and opened[-1][1] > MEMBERS:
                return body_scan.MEMBERS, at
        elif first in b"]}":
            if not opened or {b"[": b"]", b"{": b"}"}[opened[-1][0]] != first:
                return body_scan.FINE, at
            kind, count = opened.pop()
            if kind == b"{" and count == 0 and opened and opened[-1][0] == b"[":
                return body_scan.EMPTY_ENTRY, at
            is_over = not opened
        elif is_entry and first != b"{":
            return body_scan.NO_OBJECT, at
        elif first in b"[{":
            opened.append((first, 0))
            objects += first == b"{"
            if len(opened) > DEPTH:
                return body_scan.TOO_DEEP, at
            if objects > OBJECTS:
                return body_scan.OBJECTS, at
        elif first == b'"':
            if opened:
                opened[-1] = (opened[-1][0], max(opened[-1][1], 1))
            content = text[1:-1] if re.fullmatch(rb'"(?:[^"\\]|\\.)*"', text, re.DOTALL) else text[1:]
            dangling = (
                re.fullmatch(rb'"(?:[^"\\]|\\.)*\\', text, re.DOTALL) is not None
            )  # steps over a byte that is not there
            if len(content) + dangling > TEXT:
                return body_scan.LONG_TEXT, at
        elif len(text) > NUMBER:
            return (body_scan.LONG_NUMBER if first in b"-0123456789" else body_scan.FINE), at
    return body_scan.FINE, len(body)


PIECES = [
    b'"',
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b" ",
    b"\n",
    b"1",
    b"-",
    b"a",
    b"\xc3\xa9",
    b'"a":',
    b'{"a":1}',
]
PIECES += [b'\\"', b"\\\\", b'"\\\\"', b"[{", b"}]", b"},{", b'"":']


@settings(max_examples=1_500, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40))
@example([b'{"a":"\\\\","b":"\\"]["}'])
@example([b'"\\'])
@example([b"   "])
@example([b'{"a":1}', b"   "])
def test_the_pass_agrees_with_plain_python_on_any_bytes(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    problem, at = scanned(body)
    assert (problem, min(at, len(body))) == expected(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(string.ascii_letters + '"\\é', max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\\", max_size=1), inner, max_size=3),
    max_leaves=12,
)


def parts(value: Any, depth: int = 0, is_entry: bool = False) -> Iterator[tuple[Any, int, bool]]:
    """Give each value within a value, its depth, and whether it is an entry of an array."""
    depth += isinstance(value, (list, dict))
    yield value, depth, is_entry
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(item, depth, isinstance(value, list))


@settings(max_examples=600, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 0, 1]))
def test_of_plain_json_exactly_what_is_within_the_bounds_passes(value: Any, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=False, indent=indent, separators=(",", ":")).encode()
    found = list(parts(value))
    texts = [item for item, _, _ in found if isinstance(item, str)]
    texts += [key for item, _, _ in found if isinstance(item, dict) for key in item]
    is_within = (
        max(depth for _, depth, _ in found) <= DEPTH
        and all(not is_entry or (isinstance(item, dict) and item) for item, _, is_entry in found)
        and sum(isinstance(item, dict) for item, _, _ in found) <= OBJECTS
        and all(len(json.dumps(text, ensure_ascii=False).encode()) - 2 <= TEXT for text in texts)
        and all(len(run) <= BLANK for run in re.findall(rb"[ \n]+", body))
    )
    assert (scanned(body)[0] == body_scan.FINE) == is_within


def test_the_bounds_are_those_of_the_schemas() -> None:
    assert largest_shape() == Shape(
        depth=6,
        members=limits.MAX_ATTRIBUTES,
        text=limits.MAX_TEXT,
        record=len('{"lead_id":"L"}'),  # a lead that is sent with nothing else
    )


def drawn_from(schema: Mapping[str, Any], named: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Draw what a schema takes, its shortest and its longest texts among them."""
    if "$ref" in schema:
        return drawn_from(named[schema["$ref"].rpartition("/")[2]], named)
    if "anyOf" in schema:
        shared = {name: value for name, value in schema.items() if name != "anyOf"}
        needed = shared.get("required", [])
        alternatives = [
            {**shared, **one, "required": [*needed, *one.get("required", [])]} if "properties" in shared else one
            for one in schema["anyOf"]
        ]
        return st.one_of(*(drawn_from(one, named) for one in alternatives))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return st.lists(drawn_from(schema["items"], named), min_size=schema.get("minItems", 0), max_size=3)
    if kind == "object" and "properties" in schema:
        fields = {name: drawn_from(item, named) for name, item in schema["properties"].items()}
        needed = {name: fields.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=fields)
    if kind == "object":
        keys = st.text(min_size=1, max_size=3)
        return st.dictionaries(keys, drawn_from(schema["additionalProperties"], named), max_size=4)
    if kind == "string":
        if schema.get("format") == "date-time":
            return st.sampled_from([AT, "2026-01-05T10:00:00.123456789+01:00"])
        longest = st.sampled_from(["\U0001f600", "\\", "a"]).map(lambda one: one * schema["maxLength"])
        return st.text(min_size=schema.get("minLength", 0), max_size=5) | longest
    if kind in ("integer", "number"):
        return st.integers(schema.get("minimum", -9), schema.get("maximum", 9))
    return {"boolean": st.booleans(), "null": st.none()}[kind]


@pytest.mark.parametrize("schema", BODIES, ids=lambda schema: schema.__name__)
def test_whatever_the_schemas_take_passes(schema: type[BaseModel]) -> None:
    document = schema.model_json_schema()

    @settings(max_examples=80, deadline=None)
    @given(
        value=drawn_from(document, document.get("$defs", {})),
        indent=st.sampled_from([None, 2, 40]),
        is_ascii=st.booleans(),
    )
    def passes(value: Any, indent: int | None, is_ascii: bool) -> None:
        body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
        check_shape(body)

    passes()


def test_the_largest_of_everything_passes() -> None:
    order = {"ordered_at": AT}
    lead = {"lead_id": "L", "account": {"account_id": "A", "orders": [order] * limits.MAX_ORDERS}}
    many = {f"{number}": number for number in range(limits.MAX_ATTRIBUTES)}
    wide = {"lead_id": "L", "attributes": many, "account": {"account_id": "A", "attributes": many}}
    for leads in ([lead] * 40, [wide] * limits.MAX_LEADS, [{"lead_id": "\U0001f600" * limits.MAX_TEXT}] * 900):
        value = {"leads": leads}
        body = json.dumps(value, separators=(",", ":")).encode()
        assert len(body) <= limits.MAX_BODY_BYTES
        check_shape(body)
    ScoreRequest.model_validate({"leads": [wide]})


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        (b'{"leads":[[]]}', "too_complex", "at byte 10: the array there holds something else than objects"),
        (b'{"leads":[{"lead_id":"L"},1]}', "too_complex", "at byte 26"),
        (b'{"leads":[{}]}', "too_complex", "at byte 11: the array there holds an empty object"),
        (
            b"{" + b'"a":1,' * 500 + b'"a":1}',
            "too_complex",
            "at byte 3,000: the object there has more than 500 members",
        ),
        (b'["' + b"a" * 9_000 + b'"]', "too_complex", "something else"),
        (b'{"a":"' + b"a" * 6_001 + b'"}', "too_complex", "at byte 5: the text there has more than 6,000 bytes"),
        (b'{"a":"' + b"\\ud800" * 1_001 + b'"}', "too_complex", "at byte 5"),
        (b'{"a":' + b" " * (LONGEST_BLANK + 1) + b"1}", "too_complex", "white space"),
        (b'{"a":1}' + b" " * (LONGEST_BLANK + 1), "too_complex", "at byte 7"),
        (b'{"a":[' + b'{"":0},' * 9_000 + b'{"":0}]}', "too_complex", "more than records fit"),
        (b" " * (LONGEST_BLANK + 1), "invalid_json", "the body is empty"),
        (b'{"a":' + b"9" * (LONGEST_NUMBER + 1) + b"}", "not_finite", "999"),
        (b'{"a":-1.' + b"1" * LONGEST_NUMBER + b"}", "not_finite", "-1.1"),
        (b'{"a":' * 7, "too_deep", "too deeply"),
        (b"[" * 2, "too_complex", "at byte 1"),
    ],
)
def test_each_bound_has_its_error(body: bytes, code: str, part: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_shape(body)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert part in caught.value.message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"]", b"}" * 9, b"[}", b"aaaa" * 999, b'"a" "b"', b"1 2", b"\xff\xfe", b'{"a":1}]']
)
def test_what_is_no_json_is_left_to_the_parser(body: bytes) -> None:
    check_shape(body)


def test_the_bounds_take_bodies_without_an_array() -> None:
    assert all(shape_of(body).record >= largest_shape().record > 0 for body in BODIES)
