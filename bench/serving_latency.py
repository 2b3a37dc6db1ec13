"""Latency of `POST /score` against an empty BentoML service with the same request; one worker each, in one run.

One lead with 40 touchpoints, without and with reasons, over 1 and 16 connections: p50, p99, and ratios to the empty service.
Needs a champion (`make demo`), or LEAD_BUNDLE_DIR. Run it with ``python -m bench.serving_latency``.
"""

import contextlib
import datetime as dt
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bentoml
from starlette.responses import Response

from serving.edge import Edge
from serving.service import Incoming, ScoreInput, ScoreOutput

REQUESTS = 1_000
WARM_UP = 50
CONNECTIONS = (1, 16)


class _Empty:
    """What BentoML itself costs: reads the same request and answers at once."""

    @bentoml.api(route="/score", input_spec=ScoreInput, output_spec=ScoreOutput)
    def score(self, incoming: Incoming, /) -> Response:
        """Do nothing."""
        return Response(b"{}", media_type="application/json")


Empty = bentoml.service(_Empty, name="empty", workers=1, threads=2, logging={"access": {"enabled": False}})
Empty.add_asgi_middleware(Edge)


def request_body(reasons: int) -> bytes:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    kinds = ("page_view", "mail_open", "mail_click", "webinar")
    touchpoints = [
        {
            "occurred_at": (start + dt.timedelta(hours=17 * i)).isoformat(),
            "kind": kinds[i % 4],
            "channel": "web",
            "asset": "pricing",
        }
        for i in range(40)
    ]
    lead = {"lead_id": "L-1", "snapshot_at": "2026-02-01T00:00:00Z", "touchpoints": touchpoints}
    return json.dumps({"leads": [lead], "reasons": reasons}).encode()


@contextlib.contextmanager
def serve(target: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "LEAD_WORKERS": "1", "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(600):
            if process.poll() is not None:
                why = process.stderr.read().decode().strip() if process.stderr else ""
                sys.stdout.write(f"skipped: {why}\n")
                raise SystemExit(0)
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def measure(port: int, body: bytes, connections: int) -> tuple[list[float], int]:
    def one(count: int) -> tuple[list[float], int]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        taken, errors = [], 0
        for number in range(count + WARM_UP):
            begin = time.perf_counter()
            connection.request("POST", "/score", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if number >= WARM_UP:
                taken.append(time.perf_counter() - begin)
                errors += answer.status != 200
        return taken, errors

    with ThreadPoolExecutor(connections) as pool:
        done = list(pool.map(one, [REQUESTS // connections] * connections))
    return sorted(value for taken, _ in done for value in taken), sum(errors for _, errors in done)


def main() -> None:
    cases = {
        "empty service": ("bench.serving_latency:Empty", 0),
        "scores": ("serving.service:LeadQualification", 0),
        "scores with 3 reasons": ("serving.service:LeadQualification", 3),
    }
    base: dict[int, tuple[float, float]] = {}
    lines = [f"{'':24}{'connections':>12}{'p50 ms':>9}{'p99 ms':>9}{'p50 ratio':>11}{'p99 ratio':>11}{'errors':>8}"]
    for name, (target, reasons) in cases.items():
        with serve(target) as port:
            for connections in CONNECTIONS:
                taken, errors = measure(port, request_body(reasons), connections)
                p50, p99 = (1000.0 * taken[int(len(taken) * share)] for share in (0.5, 0.99))
                first = base.setdefault(connections, (p50, p99))
                ratios = f"{p50 / first[0]:>11.2f}{p99 / first[1]:>11.2f}"
                lines.append(f"{name:24}{connections:>12}{p50:>9.2f}{p99:>9.2f}{ratios}{errors:>8}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
