"""Bodies that others may send beside an ordinary caller: ordinary, hostile, and the largest that are legal."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from serving.contract.limits import MAX_ATTRIBUTES, MAX_BODY_BYTES, MAX_LEADS, MAX_ORDERS, MAX_TOUCHPOINTS

__all__ = ["ORDINARY", "SHAPES", "Shape"]

TOUCHPOINTS = 40


class Shape(NamedTuple):
    """One kind of body, and by how much it may slow others: times the p99 beside ordinary callers."""

    title: str
    make: Callable[[], bytes]
    at_most: float


def _touchpoint(number: int) -> dict[str, Any]:
    moment = f"2026-01-{number % 28 + 1:02d}T{number % 24:02d}:{number // 24 % 60:02d}:00Z"
    return {
        "kind": "page_view",
        "occurred_at": moment,
        "channel": "web",
        "asset": "pricing",
        "touchpoint_id": f"T-{number}",
    }


def _lead(number: int, touchpoints: int, **more: Any) -> dict[str, Any]:
    return {"lead_id": f"L-{number}", "touchpoints": [_touchpoint(one) for one in range(touchpoints)], **more}


def _body(leads: list[dict[str, Any]]) -> bytes:
    return json.dumps({"leads": leads}, separators=(",", ":")).encode()


def _filled(lead: Callable[[int], dict[str, Any]]) -> bytes:
    """Put as many leads into a body as fit."""
    one = len(_body([lead(MAX_LEADS)])) + 1
    return _body([lead(number) for number in range(min(MAX_LEADS, MAX_BODY_BYTES // one))])


def _run(begin: bytes, middle: bytes, end: bytes) -> bytes:
    """Repeat the middle until the body is as large as it may be."""
    return begin + middle * ((MAX_BODY_BYTES - len(begin) - len(end)) // len(middle)) + end


def _orders(number: int) -> dict[str, Any]:
    orders = [{"ordered_at": f"2026-01-{one % 28 + 1:02d}T10:00Z"} for one in range(MAX_ORDERS)]
    return _lead(number, 0, account={"account_id": "A", "orders": orders})


def _attributes(number: int) -> dict[str, Any]:
    return _lead(number, 0, attributes={f"a{one}": one for one in range(MAX_ATTRIBUTES)})


def _wrong_at_the_end() -> bytes:
    leads = [_lead(number, 100) for number in range(MAX_LEADS)]
    leads[-1]["touchpoints"][-1]["occurred_at"] = "2026-01-05T10:00"
    return _body(leads)


ORDINARY = _body([_lead(0, TOUCHPOINTS)])

SHAPES = {
    "ordinary": Shape("single scores", lambda: ORDINARY, 1.0),
    "escaped": Shape(
        "750 leads, key escaped",
        lambda: _body([{"lead_id": f"L-{number}"} for number in range(750)]).replace(b"lead_id", b"lead_i\\u0064"),
        3.0,
    ),
    "lists": Shape("[],[],", lambda: _run(b'{"leads":[', b"[],", b"[]]}"), 3.0),
    "objects": Shape("{},{},", lambda: _run(b'{"leads":[', b"{},", b"{}]}"), 3.0),
    "members": Shape("objects of one member", lambda: _run(b'{"leads":[', b'{"":0},', b"{}]}"), 3.0),
    "keys": Shape("one key again and again", lambda: _run(b"{", b'"a":1,', b'"b":1}'), 3.0),
    "text": Shape("one text", lambda: _run(b'{"leads":"', b"a", b'"}'), 3.0),
    "escapes": Shape("one text of backslashes", lambda: _run(b'{"leads":"', b"\\\\", b'"}'), 3.0),
    "surrogates": Shape("one text of half surrogates", lambda: _run(b'{"leads":"', b"\\ud800", b'"}'), 3.0),
    "digits": Shape("one number", lambda: _run(b'{"leads":', b"9", b"}"), 3.0),
    "blanks": Shape("blanks", lambda: _run(b"", b" ", b""), 3.0),
    "blanks_within": Shape("blanks within", lambda: _run(b'{"leads":', b" ", b"[]}"), 3.0),
    "depth": Shape("one in another", lambda: _run(b"", b'{"a":', b""), 3.0),
    "below": Shape("[],[], as large as goes unchecked", lambda: b'{"leads":[' + b"[]," * 87_000 + b"[]]}", 3.0),
    "wrong": Shape("1,000 leads, wrong at the end", _wrong_at_the_end, 10.0),
    "leads": Shape("1,000 leads", lambda: _body([_lead(number, TOUCHPOINTS) for number in range(MAX_LEADS)]), 10.0),
    "touchpoints": Shape("10,000 touchpoints of one lead", lambda: _body([_lead(0, MAX_TOUCHPOINTS)]), 10.0),
    "largest": Shape("16 MiB of touchpoints", lambda: _filled(lambda number: _lead(number, MAX_TOUCHPOINTS)), 10.0),
    "orders": Shape("16 MiB of orders", lambda: _filled(_orders), 10.0),
    "attributes": Shape("1,000 leads of 500 unknown attributes", lambda: _filled(_attributes), 10.0),
}
