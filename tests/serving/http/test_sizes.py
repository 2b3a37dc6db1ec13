"""Bodies of all sizes and structures against one running worker: their codes, its cap, its memory."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from serving.contract import examples
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.limits import MAX_BODY_BYTES, MAX_LEADS, MAX_ORDERS, SMALL_BYTES
from tests.serving.contract.test_strict_json import HOSTILE, filled
from tests.serving.running import Client, serve

LONGEST = 60.0  # nothing is waited for as long; only so that a test ends
MOST_KEPT = 150  # MiB that a worker may keep; before, it kept more than 400


@pytest.fixture(scope="module")
def alone(root: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Run a service of one worker."""
    folder = tmp_path_factory.mktemp("alone")
    environment = {"LEAD_BUNDLE_DIR": str(bundle_folder), "LEAD_WORKERS": "1", "BENTOML_HOME": str(folder / "bentoml")}
    with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        yield client


def raw(client: Client, body: bytes, path: str = "/score") -> tuple[int, str | None, dict[str, Any]]:
    """Post a body; return status, Retry-After and answer."""
    connection = http.client.HTTPConnection(urlsplit(client.address).netloc, timeout=120)
    with contextlib.closing(connection):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.headers["Retry-After"], json.loads(answer.read())


@pytest.mark.parametrize("path", ["/score", "/leads", "/touchpoints", "/stage_changes", "/outcomes"])
def test_what_no_request_has_is_refused_on_every_route(alone: Client, path: str) -> None:
    for case in ("lists", "objects", "one text", "depth of objects", "digits", "blanks"):
        *parts, code = HOSTILE[case]
        status, _, answer = raw(alone, filled(*parts), path)
        assert (status, answer["error"]["code"]) == (400, code)


def test_small_mistakes_keep_their_own_errors(alone: Client) -> None:
    for body, status, code in (
        (b'{"leads": [[], []]}', 422, "wrong_type"),
        (b'{"leads": [{}]}', 422, "missing_field"),
        (json.dumps({"leads": [{"lead_id": "L", "attributes": {"a": "x" * 100_000}}]}).encode(), 422, "too_long"),
        (json.dumps({"leads": ["L-1"] * 20_000}).encode(), 422, "too_many"),
        (
            json.dumps({"leads": [{"lead_id": "L", "attributes": dict.fromkeys(map(str, range(9_000)))}]}).encode(),
            422,
            "too_many",
        ),
        (b"[" * 100_000, 400, "too_deep"),
    ):
        got, _, answer = raw(alone, body)
        assert (got, answer["error"]["code"]) == (status, code)


def announce(client: Client, path: str) -> socket.socket:
    """Announce the largest body that there may be, and send next to nothing of it."""
    place = urlsplit(client.address)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n "
    connection = socket.create_connection((str(place.hostname), place.port or 0))
    connection.sendall(head.encode())
    return connection


@pytest.mark.parametrize("path", ["/score", "/touchpoints"])
def test_beyond_the_cap_large_bodies_are_put_off_and_small_ones_are_not(alone: Client, path: str) -> None:
    small, touchpoints = (
        json.dumps(body).encode() for body in (examples.REQUEST, EVENT_KINDS["touchpoints"].example_body)
    )
    large = small + b" " * SMALL_BYTES
    end = time.monotonic() + LONGEST
    assert raw(alone, large)[0] == 200
    with contextlib.ExitStack() as stack:
        while (got := raw(alone, large))[0] == 200 and time.monotonic() < end:
            stack.enter_context(announce(alone, path))
        for status, retry_after, answer in (got, raw(alone, touchpoints + b" " * SMALL_BYTES, "/touchpoints")):
            assert (status, answer["error"]["code"]) == (503, "too_busy")
            assert int(str(retry_after)) > 0
        assert raw(alone, small)[0] == raw(alone, touchpoints, "/touchpoints")[0] == 200
    while raw(alone, large)[0] == 503 and time.monotonic() < end:
        time.sleep(0.1)  # until the service has taken note of who went
    assert raw(alone, large)[0] == raw(alone, touchpoints + b" " * SMALL_BYTES, "/touchpoints")[0] == 200


def _memory(client: Client) -> float:
    workers = [child for child in psutil.Process(client.pid).children(recursive=True) if not child.children()]
    return max(worker.memory_info().rss for worker in workers) / 2**20


def test_memory_comes_back_after_the_largest_bodies_and_after_hostile_ones(alone: Client) -> None:
    order = {"ordered_at": "2026-01-05T10:00Z"}
    orders = [{"lead_id": "L", "account": {"account_id": "A", "orders": [order] * MAX_ORDERS}}] * 40
    many = [{"lead_id": "L", "attributes": {f"a{number}": number for number in range(100)}}] * MAX_LEADS
    for path in ("/score", "/touchpoints"):
        raw(alone, json.dumps({"leads": [{"lead_id": "L"}] * 500}).encode(), path)
    before = _memory(alone)
    for leads in (orders, many):
        body = json.dumps({"leads": leads}, separators=(",", ":")).encode()
        assert raw(alone, body)[0] == 200
        assert raw(alone, body, "/touchpoints")[0] == 422
        assert raw(alone, body[:-1])[0] == 400
    for *parts, _ in HOSTILE.values():
        assert raw(alone, filled(*parts))[0] == 400
    end = time.monotonic() + LONGEST
    while _memory(alone) > before + MOST_KEPT and time.monotonic() < end:
        time.sleep(0.5)
    assert _memory(alone) <= before + MOST_KEPT
