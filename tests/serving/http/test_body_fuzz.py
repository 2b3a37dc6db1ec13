"""Bodies that no schema thinks of: odd times, huge and broken numbers, half characters, repeated keys, depth without end.

Never a failure of the service, always the one shape of errors, and the service is well afterwards.
"""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.contract import examples
from serving.contract.event_kinds import EVENT_KINDS
from tests.serving.keyed import Keyed, error_of
from tests.serving.openapi.test_openapi_fuzz import assert_well

BODIES: dict[str, Any] = {
    "/score": examples.REQUEST,
    **{kind.template.format(lead_id="L-9"): kind.example_body for kind in EVENT_KINDS.values()},
}
BODIES["/score"] = copy.deepcopy(BODIES["/score"])
BODIES["/score"]["leads"][0] |= {
    "changed_since": "2026-02-20T10:00:00+01:00",
    "account": {
        "account_id": "A-17",
        "attributes": {"industry": "energy", "employees": 420},
        "touchpoints": [
            {
                "lead_id": "L-2",
                "role": "head of it",
                "occurred_at": "2026-02-27T09:00:00Z",
                "kind": "page_view",
                "value": 1.5,
            }
        ],
        "stage_changes": [{"lead_id": "L-2", "stage": "mql", "occurred_at": "2026-02-27T10:00:00Z", "owner": "S-1"}],
        "orders": [{"ordered_at": "2025-11-12T00:00:00Z", "amount": 1200.0, "product": "pump"}],
    },
}
BODIES["/leads"] = copy.deepcopy(BODIES["/leads"])
BODIES["/leads"]["leads"][0] |= {
    "attributes": {"newsletter": True, "role": "purchasing"},
    "occurred_at": "2026-02-20T10:00:00Z",
    "account": BODIES["/score"]["leads"][0]["account"] | {"touchpoints": None, "stage_changes": None},
}
for name in ("touchpoints", "stage_changes"):
    del BODIES["/leads"]["leads"][0]["account"][name]

MOMENTS = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2200-12-31T23:59:59.999999999Z",
    "2201-01-01T00:00:00Z",
    "2026-03-29T02:30:00+01:00",  # an hour that Berlin's clocks leave out
    "2026-10-25T02:30:00+02:00",  # and one that they show twice
    "2026-10-25T02:30:00+01:00",
    "2026-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01T10:00",
    "2026-01-01",
    "2026-01-01T10:00:00+99:99",
    "2026-01-01T10:00:00+23:59",
    "2026-01-01t10:00:00,5z",
    "٢٠٢٦-01-01T10:00:00Z",
    "2026-W01-1T10:00:00Z",
    "",
    " ",
]
TOKENS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-999",
    "-0",
    "-0.0",
    "9" * 30,
    "-" + "9" * 400,
    "9" * 5_000,
    "1e308",
    "1.7976931348623159e308",
    "9007199254740993",
    "0.1e1",
    "01",
    "1_000",
    "0x10",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    '""',
    "[[]]",
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ufeff"',
    '"' + "x" * 501 + '"',
    '"' + "é" * 500 + '"',
    "[" * 2_000 + "]" * 2_000,
    '{"a":' * 2_000 + "1" + "}" * 2_000,
    "[" * 60 + "]" * 60,
    '{"a": 1, "a": 2}',
    '{"": 1}',
    '{"\\ud800": 1}',
    '{"__proto__": {}, "constructor": null}',
    "",
    "}",
    "'x'",
    "// no",
]
VALUES = st.one_of(
    st.sampled_from(TOKENS),
    st.sampled_from(MOMENTS).map(json.dumps),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=True).map(repr),
    st.text(max_size=20).map(json.dumps),
    st.datetimes().map(lambda moment: json.dumps(moment.isoformat() + "+02:00")),
)


class _Raw:
    """Text that stands in a body as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


def written(value: Any, repeated: str | None = None) -> str:
    """Write JSON, and what only looks like it; the key `repeated` stands twice wherever it stands."""
    if isinstance(value, _Raw):
        return value.text
    if isinstance(value, dict):
        keys = [key for key in value for _ in range(2 if key == repeated else 1)]
        return "{" + ",".join(f"{json.dumps(key)}:{written(value[key], repeated)}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, repeated) for item in value) + "]"
    return json.dumps(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of all values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Put another value at a path."""
    if not path:
        return new
    copied = copy.copy(value)
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw an address and a body that is right but for a few values."""
    address = draw(st.sampled_from(sorted(BODIES)))
    body = BODIES[address]
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(body)))
        if any(isinstance(_at(body, path[:end]), _Raw) for end in range(len(path))):
            continue
        kind = draw(st.sampled_from(["value", "value", "value", "more", "unknown"]))
        there = _at(body, path)
        if kind == "more" and isinstance(there, list) and there:
            body = changed(body, path, there * draw(st.sampled_from([2, 50, 1_001])))
        elif kind == "unknown" and isinstance(there, dict):
            body = changed(body, path, {**there, draw(st.text(max_size=8)): _Raw(draw(VALUES))})
        else:
            body = changed(body, path, _Raw(draw(VALUES)))
    text = written(body, draw(st.sampled_from([None, None, None, "lead_id", "occurred_at", "leads", "attributes"])))
    data = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(data)))
        data = data[:cut] + draw(st.binary(max_size=4)) + data[cut + draw(st.integers(0, 3)) :]
    return address, data


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def fuzz(keyed: Keyed, count: int) -> dict[str, set[int]]:
    """Send so many bodies; return the statuses of each address."""
    seen: dict[str, set[int]] = {}
    health = list(HealthCheck)

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=health)
    @given(drawn=bodies())
    def send(drawn: tuple[str, bytes]) -> None:
        address, body = drawn
        status, _, answer = keyed.ask(address, body, keyed.admin)
        seen.setdefault(address, set()).add(status)
        if status == 200:
            json.loads(answer, parse_constant=pytest.fail)
        else:
            assert status in (400, 409, 413, 422), answer
            error_of(answer)

    send()
    return seen


def test_no_body_makes_the_service_fail(keyed: Keyed) -> None:
    seen = fuzz(keyed, 600)
    assert set(seen) == set(BODIES)
    assert all({200, 422} <= statuses for statuses in seen.values())
    assert_well(keyed)


@pytest.mark.soak
def test_no_body_makes_the_service_fail_at_length(keyed: Keyed) -> None:
    fuzz(keyed, 30_000)
    assert_well(keyed)
