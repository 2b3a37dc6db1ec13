"""The log: one JSON object per line whoever writes, no header of a caller, and a bound that garbage can't lift."""

import io
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.http.logs import ACCESS_LOG, MOST, BoundedHandler, JsonFormatter
from tests.serving.running import OURS, Client, access_lines, log_lines

GARBAGE = 3_000
MARK = "Zq7Marked"


def _record(message: Any = "it is so", *arguments: Any, line: int = 1, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord("name", logging.WARNING, "file.py", line, message, arguments, None)
    vars(record).update(more)
    return record


def _written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_whatever_the_message_holds() -> None:
    for message in ("a\nb", "a\r\n{}", "\u2028\u2029\x85", "\ud800", 'quote " and \\', "\x00\x1b[31m"):
        text = JsonFormatter().format(_record("%s", message))
        assert len(text.splitlines()) == 1
        line = json.loads(text)
        assert (line["message"], line["level"], line["logger"]) == (message, "WARNING", "name")
        assert line["at"].endswith("Z")
    assert json.loads(JsonFormatter().format(_record("%d leads", "no number")))["message"] == "%d leads"


def test_an_exception_is_in_the_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = _record()
        record.exc_info = sys.exc_info()
    (text,) = JsonFormatter().format(record).splitlines()
    assert "ValueError: two\nlines" in json.loads(text)["exception"]


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_of_each_kind_so_many_lines_are_written_in_a_minute_and_the_rest_is_counted() -> None:
    stream, clock = io.StringIO(), _Clock()
    handler = BoundedHandler(stream, clock)
    for number in range(MOST + 70):
        handler.handle(_record("%d", number))
        handler.handle(_record("another place", line=2)) if number < MOST else None
        handler.handle(_record("each", line=3, kind=None))
    messages = [line["message"] for line in _written(stream)]
    assert messages.count("each") == MOST + 70
    assert messages.count("another place") == MOST
    assert [text for text in messages if text.isdecimal()] == [str(number) for number in range(MOST)]
    clock.now = 59.9
    handler.handle(_record("still counted"))
    clock.now = 60.0
    handler.handle(_record("a new minute"))
    *_, summed, new = _written(stream)
    assert (summed["left_out"], summed["level"], summed["logger"]) == (71, "WARNING", "name")
    assert new["message"] == "a new minute"
    handler.write_sums()
    assert len(_written(stream)) == 2 * MOST + MOST + 70 + 2  # there is nothing more to tell


def test_sums_are_told_when_the_minute_is_over_though_nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, logged = io.StringIO(), threading.Event()

    class Timer:
        def __init__(self, seconds: float, call: Callable[[], None]) -> None:
            assert 0.0 < seconds <= 60.0
            self.call, self.daemon = call, False

        def start(self) -> None:
            assert self.daemon
            timers.append(self)

        def cancel(self) -> None:
            logged.set()

    timers: list[Timer] = []
    monkeypatch.setattr(threading, "Timer", Timer)
    handler = BoundedHandler(stream, _Clock())
    for _ in range(MOST + 5):
        handler.handle(_record())
    (timer,) = timers
    timer.call()
    assert _written(stream)[-1]["left_out"] == 5
    assert logged.is_set()


def _raw(client: Client, request: bytes) -> None:
    host, port = client.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            continue


TOGETHER = (
    "baggage", "traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "uber-trace-id",
    "x-amzn-trace-id", "x-cloud-trace-context", "x-datadog-trace-id", "user-agent", "cookie", "referer", "origin",
    "x-forwarded-for", "forwarded", "x-forwarded-host", "x-real-ip", "accept", "accept-language", "range", "via", "from", "te",
    "if-none-match", "if-modified-since", "x-anything", "bentoml-runner-name", "bento-name", "yatai-bento-deployment-name",
)  # fmt: skip
ALONE = (
    "x-request-id",
    "host",
    "content-type",
    "content-encoding",
    "authorization",
    "expect",
    "upgrade",
    "transfer-encoding",
)
VALUES = (
    MARK,
    f"{MARK}=%ff;;=,{MARK}",
    f"{MARK}\t\xe4 {MARK}",
    f"00-{MARK}-{MARK}-01",
    f"k={MARK};{MARK},=",
    f"{MARK}, " * 99,
)
PATHS = (
    "/score",
    "/touchpoints",
    "/leads/L/score",
    "/readyz",
    "/livez",
    "/schema.json",
    "/static_content/swagger-ui.css",
)
PATHS += ("/docs.json", "/", "/ready", "/metrics", f"/{MARK}", f"/leads/{MARK}/score?{MARK}={MARK}", f"/{MARK}%0A")


def _marked(path: str, *headers: tuple[str, str]) -> bytes:
    """Write a request that holds the mark wherever a caller can put it."""
    method = "POST" if path in ("/score", "/touchpoints") else "GET"
    body = json.dumps({"leads": [{"lead_id": MARK, MARK: MARK}]})
    lines = [f"{method} {path} HTTP/1.1", "Connection: close", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}"] if "transfer-encoding" not in dict(headers) else []
    lines += ["Host: x"] if "host" not in dict(headers) else []
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def test_no_log_holds_a_header_a_path_a_query_or_a_body_of_a_caller(
    root: Path, bundle_folder: Path, serving_at: Any, tmp_path: Path
) -> None:
    access = tmp_path / "access.txt"
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_ACCESS_LOG": str(access),
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    with serving_at(OURS, root, tmp_path / "log.txt", environment) as client:
        for value in VALUES:
            for path in PATHS:
                _raw(client, _marked(path, *((name, value) for name in TOGETHER)))
        for name in ALONE:
            for path in PATHS:
                _raw(client, _marked(path, (name, MARK)))
        _raw(client, f"{MARK} {MARK}\r\n{MARK}\r\n\r\n".encode())
        _raw(client, f"{MARK} /score HTTP/1.1\r\nHost: {MARK}\r\n{MARK}\r\n\r\n".encode())
        assert client.get("/health")[0] == 200
    lines = log_lines(tmp_path / "log.txt") + log_lines(access)
    marked = [line for line in lines if MARK in json.dumps(line)]
    # The one header that is taken over, where it looks like an id: so that a caller's log and ours can be put side by side
    assert {line.get("request_id") for line in marked} == {MARK}
    assert not [line for line in marked if MARK in json.dumps({**line, "request_id": ""})]
    assert {line["path"] for line in access_lines(access)} >= {"/score", "/leads/{lead_id}/score", "other"}


def test_garbage_can_not_flood_the_log_and_is_counted(
    root: Path, bundle_folder: Path, serving_at: Any, tmp_path: Path
) -> None:
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    with serving_at(OURS, root, tmp_path / "log.txt", environment) as client:
        for number in range(GARBAGE // 6):
            client.get(f"/nothing/{number}")
            client.get(f"/leads/{number}%0A/score")
            client.post(b"{", path="/score")
            client.get("/touchpoints")
            _raw(client, b"no http\r\n\r\n")
            _raw(client, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    lines = log_lines(tmp_path / "log.txt")
    assert len(lines) < 30 * MOST
    each = GARBAGE // 6
    expected = {"not_found": 2 * each, "invalid_path": each, "invalid_json": each, "method_not_allowed": each}
    for code, count in expected.items():
        mine = [line for line in lines if line["logger"] == ACCESS_LOG and line["code"] == code]
        single = sum("request_id" in line for line in mine)
        sums = [line for line in mine if "left_out" in line]
        assert sums
        assert single + sum(line["left_out"] for line in sums) == count
        assert sum(sum(line["paths"].values()) for line in sums) >= sum(line["left_out"] for line in sums)
    no_http = [line for line in lines if line["logger"] == "uvicorn.error"]
    assert sum(line.get("left_out", 1) for line in no_http) == each


@pytest.mark.parametrize("arguments", [["--host", "nowhere"], ["--port", "0"], ["--ssl-certfile", "nowhere.pem"]])
def test_what_can_not_be_served_on_is_refused_in_one_sentence(root: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "serving", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert arguments[1] in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
