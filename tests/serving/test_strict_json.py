"""JSON that parsers let through and this service does not."""

import pytest

from serving.errors import RequestError
from serving.limits import MAX_BODY_BYTES
from serving.strict_json import parse_json


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
