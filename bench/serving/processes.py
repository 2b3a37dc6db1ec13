"""The contenders as processes of their own on free loopback ports, and wrk against them."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Figures", "Running", "post", "require_wrk", "run_wrk", "serve"]

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LONGEST_START = 900.0  # a busy machine compiles slowly


@dataclass(frozen=True)
class Running:
    """One contender at work."""

    port: int
    path: str
    process: subprocess.Popen[bytes]
    started: float

    def workers(self) -> dict[int, float]:
        """Resident memory of each process that answers requests, in MiB by process id."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        found = {child.pid: child for child in children if not child.children()}
        return {
            pid: child.memory_info().rss / 2**20
            for pid, child in found.items()
            if "tracker" not in str(child.cmdline())
        }


@dataclass(frozen=True)
class Figures:
    """What wrk saw."""

    per_second: float
    p50: float
    p99: float
    requests: int
    errors: int


def require_wrk() -> None:
    """End with what to do where there is no wrk."""
    if shutil.which("wrk") is None:
        raise SystemExit(
            "wrk is not installed. Install it (`make system`, or apt-get install wrk), and run this again."
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(port: int, path: str, body: str | bytes) -> int:
    """Post a body; return the status, 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return 0
    finally:
        connection.close()


@contextlib.contextmanager
def serve(
    command: list[str], path: str, body: str, environment: dict[str, str], log: Path, root: Path = ROOT
) -> Iterator[Running]:
    """Start a contender in the folder `root`, wait for its first answer to the body, and stop it when the block ends.

    `started` is the time from the start of the process to that answer, in seconds.
    """
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_"))}
    settings = {
        **kept,
        "PYTHONPATH": str(root),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **environment,
    }
    begin = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [part.replace("PORT", str(port)) for part in command],
            cwd=root,
            env=settings,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while post(port, path, body) != 200:
            if process.poll() is not None or time.perf_counter() - begin > LONGEST_START:
                raise SystemExit(f"{' '.join(command)} does not answer:\n{log.read_text('utf-8', 'replace')[-3000:]}")
            time.sleep(0.02)
        yield Running(port, path, process, time.perf_counter() - begin)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run_wrk(running: Running, script: Path, connections: int, seconds: float) -> Figures:
    """Load a contender over so many connections for so many seconds."""
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(script)),
            f"http://127.0.0.1:{running.port}{running.path}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    errors = seen["refused"] + seen["timeouts"] + seen["broken"]
    return Figures(seen["requests"] / seen["microseconds"] * 1e6, seen["p50"], seen["p99"], seen["requests"], errors)
