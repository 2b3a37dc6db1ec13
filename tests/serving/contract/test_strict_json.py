"""JSON that parsers let through and this service does not."""

import tracemalloc

import pytest

from serving.contract.body_shape import check_shape
from serving.contract.errors import RequestError
from serving.contract.limits import MAX_BODY_BYTES, UNCHECKED_BYTES
from serving.contract.strict_json import parse_json


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        (b"", 400, "invalid_json", "the body is empty"),
        (b"   ", 400, "invalid_json", "the body is empty"),
        (b"{", 400, "invalid_json", "line 1 column 2"),
        (b"{} {}", 400, "invalid_json", "Extra data"),
        (b"{'a': 1}", 400, "invalid_json", "line 1 column 2"),
        (b'\xef\xbb\xbf{"a": 1}', 400, "invalid_json", "BOM"),
        ('{"a": 1}'.encode("utf-16"), 400, "invalid_json", "not UTF-8"),
        (b'{"a": "\xff"}', 400, "invalid_json", "byte 7"),
        (b'{"a": NaN}', 400, "not_finite", "NaN"),
        (b'{"a": [-Infinity]}', 400, "not_finite", "-Infinity"),
        (b'{"a": 1e999}', 400, "not_finite", "1e999"),
        (b'{"a": ' + b"9" * 5_000 + b"}", 400, "not_finite", "999"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', 400, "duplicate_key", "'c' stands twice"),
        (b"[" * 100_000, 400, "too_deep", "too deeply"),
        (b'{"a":' * 100_000, 400, "too_deep", "too deeply"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "too_large", "larger than"),
    ],
)
def test_each_liberty_is_refused(body: bytes, status: int, code: str, part: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_json(body)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert part in caught.value.message


def test_plain_json_passes() -> None:
    assert parse_json('{"a": [1, -2.5e3, "ü", true, null]}'.encode()) == {"a": [1, -2500.0, "ü", True, None]}


HOSTILE = {
    "lists": (b'{"leads":[', b"[],", b"[]]}", "too_complex"),
    "objects": (b'{"leads":[', b"{},", b"{}]}", "too_complex"),
    "objects of one member": (b'{"leads":[', b'{"":0},', b'{"":0}]}', "too_complex"),
    "one key": (b"{", b'"a":1,', b'"a":1}', "too_complex"),
    "numbers": (b'{"leads":[', b"1,", b"1]}", "too_complex"),
    "texts": (b'{"leads":[', b'"",', b'""]}', "too_complex"),
    "one text": (b'{"leads":"', b"a", b'"}', "too_complex"),
    "one text of two alphabets": ('{"leads":"\U0001f600'.encode(), b"a", b'"}', "too_complex"),
    "backslashes": (b'{"leads":"', b"\\\\", b'"}', "too_complex"),
    "half surrogates": (b'{"leads":"', b"\\ud800", b'"}', "too_complex"),
    "digits": (b'{"leads":', b"9", b"}", "not_finite"),
    "fractions": (b'{"leads":1.', b"9", b"}", "not_finite"),
    "blanks": (b"", b" ", b"", "invalid_json"),
    "blanks within": (b'{"leads":', b" ", b"[]}", "too_complex"),
    "blanks behind": (b'{"leads":[]}', b"\n", b"", "too_complex"),
    "depth of lists": (b"", b"[", b"", "too_complex"),
    "depth of objects": (b"", b'{"a":', b"", "too_deep"),
}


def filled(begin: bytes, middle: bytes, end: bytes) -> bytes:
    return begin + middle * ((MAX_BODY_BYTES - len(begin) - len(end)) // len(middle)) + end


@pytest.mark.parametrize("case", HOSTILE)
def test_what_no_request_has_is_refused_before_it_is_built(case: str) -> None:
    *parts, code = HOSTILE[case]
    body = filled(*parts)
    check_shape(b"{}")  # compiling takes memory, too
    tracemalloc.start()
    try:
        with pytest.raises(RequestError) as caught:
            parse_json(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (caught.value.status, caught.value.code) == (400, code)
    assert peak < 1024 * 1024


def test_up_to_the_bound_a_body_of_any_structure_is_told_what_is_wrong_with_it() -> None:
    body = b'{"leads":' + b"[]," * 9
    body += b" " * (UNCHECKED_BYTES - len(body))
    with pytest.raises(RequestError, match="line 1 column 13"):
        parse_json(body)
    assert parse_json(b"[" + b" " * (UNCHECKED_BYTES - 4) + b"[]]") == [[]]
