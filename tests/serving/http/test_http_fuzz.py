"""Requests that are odd before their bodies are looked at: ids and parameters in addresses, and what is hardly HTTP."""

import http.client
import random
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.http.test_body_fuzz import MOMENTS
from tests.serving.keyed import Keyed, error_of
from tests.serving.openapi.test_openapi_fuzz import assert_well


def fuzz_addresses(keyed: Keyed, count: int) -> set[int]:
    """Ask for the scores of so many leads, stored and unknown ones, with odd ids and parameters; return the statuses."""
    seen: set[int] = set()
    stored = "L/1001 ä?"
    event = {"lead_id": stored, "occurred_at": "2026-03-01T17:05:00Z", "kind": "page_view"}
    assert keyed.ask("/touchpoints", {"touchpoints": [event]}, keyed.write)[0] == 200
    ids = st.one_of(st.just(stored), st.just(stored), st.text(min_size=1, max_size=12))
    names = st.one_of(st.sampled_from(["language", "reasons", "snapshot_at"]), st.text(max_size=4))
    odd = st.one_of(st.text(max_size=12), st.sampled_from([*MOMENTS, "3", "-1", "٣", "1e1", "99999999999"]))
    health = list(HealthCheck)

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=health)
    @given(lead_id=ids, query=st.lists(st.tuples(names, odd), max_size=3))
    def send(lead_id: str, query: list[tuple[str, str]]) -> None:
        path = f"/leads/{urllib.parse.quote(lead_id, safe='')}/score?{urllib.parse.urlencode(query)}"
        status, _, answer = keyed.ask(path, key=keyed.score)
        assert status in (200, 400, 404, 422), answer
        seen.add(status)
        if status != 200:
            error_of(answer)

    send()
    return seen


METHODS = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"post", b"X" * 300, b"", b"\xff")
TARGETS = (
    b"/score",
    b"/touchpoints",
    b"/leads/%ff%00/score",
    b"/leads/a%2Fb/score?x=%",
    b"//score",
    b"/score/../score",
)
TARGETS += (
    b"*",
    b"http://x/score",
    b"x:1",
    b"/\xff",
    b"/score#x",
    b"/" + b"x" * 70_000,
    b"/metrics",
    b"/static_content/..%2f..%2fx",
)
VERSIONS = (b"HTTP/1.1",) * 6 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"")
HEADERS = (
    b"Host: x",
    b"Host: y",
    b"Content-Length: 2",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 9e9",
)
HEADERS += (
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"Expect: 100-continue",
    b"Content-Encoding: gzip",
    b": x",
)
HEADERS += (
    b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: \xff",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
)
HEADERS += (
    b"Connection: close",
    b"Authorization: Bearer \xff",
    b"Authorization",
    b"X-Request-ID: \xe4\x80",
    b"a: b\r\n c",
    b"x: \x00",
)
SCORED = b'{"leads": [{"lead_id": "L"}]}'
CONTENTS = (
    b"",
    b"{}",
    b"[]",
    b'{"leads"',
    b"2\r\n{}\r\n0\r\n\r\n",
    b"ffffffffff\r\n",
    b"-1\r\n",
    b"\x1f\x8b",
    b"GET / HTTP/1.1\r\n\r\n",
)


def _request(drawn: random.Random, key: str) -> bytes:
    """Draw a request that is right but for some of its parts, most of the time with a key."""
    mostly = drawn.random() < 0.7
    line = (
        drawn.choice(METHODS[:2] if mostly else METHODS),
        drawn.choice(TARGETS[:2] if drawn.random() < 0.5 else TARGETS),
        drawn.choice(VERSIONS),
    )
    headers = [b"Host: x", *drawn.sample(HEADERS, drawn.randrange(4))]
    content = SCORED if drawn.random() < 0.4 else drawn.choice(CONTENTS)
    if mostly and drawn.random() < 0.7:
        headers.append(b"Content-Length: %d" % len(content))
    if drawn.random() < 0.7:
        headers.append(b"Authorization: Bearer " + key.encode())
    raw = b" ".join(line) + b"\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + content
    if drawn.random() < 0.2:
        cut = drawn.randrange(len(raw))
        raw = raw[:cut] + drawn.randbytes(drawn.randrange(4)) + raw[cut + drawn.randrange(3) :]
    return raw


def fuzz_bytes(keyed: Keyed, count: int) -> set[int]:
    """Send what is hardly HTTP; whatever comes back is an answer of ours, or nothing; return the statuses."""
    drawn, seen = random.Random(5), set()
    host, port = keyed.client.address.removeprefix("http://").split(":")
    for _ in range(count):
        raw = _request(drawn, keyed.admin)
        connection = http.client.HTTPConnection(host, int(port), timeout=0.3)
        connection.connect()
        try:
            connection.sock.sendall(raw)
            answer = http.client.HTTPResponse(connection.sock, method="HEAD" if raw.startswith(b"HEAD") else "POST")
            answer.begin()
            body = answer.read()
        except OSError:
            continue  # it waits for more, or hung up without a word
        finally:
            connection.close()
        seen.add(answer.status)
        assert answer.status < 500, (raw, body)
        if answer.status >= 400 and body:
            error_of(body)
    return seen


def test_no_address_makes_the_service_fail(keyed: Keyed) -> None:
    assert fuzz_addresses(keyed, 150) == {200, 400, 404, 422}
    assert_well(keyed)


def test_no_bytes_make_the_service_fail(keyed: Keyed) -> None:
    assert fuzz_bytes(keyed, 400) >= {200, 400, 401, 404, 405}
    assert_well(keyed)


@pytest.mark.soak
def test_no_address_and_no_bytes_make_the_service_fail_at_length(keyed: Keyed) -> None:
    fuzz_addresses(keyed, 10_000)
    fuzz_bytes(keyed, 10_000)
    assert_well(keyed)
