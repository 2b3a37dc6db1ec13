"""A scoring service for one demonstration: started on a free loopback port, waited for while it works, stopped at the end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from features.errors import LeadQualificationError

__all__ = ["Patience", "post_score", "serve_bundle", "wait_until_ready"]


class Patience(NamedTuple):
    """How long a start may take, in seconds.

    A busy machine is no reason to give up: a start fails after `idle` seconds without work, and `longest` bounds one that never
    ends. Work is a new line in the log, or `working` seconds of processor time: more than a service that only waits takes in
    `idle` seconds.
    """

    idle: float = 120.0
    longest: float = 1800.0
    working: float = 1.0
    pause: float = 0.3


@contextlib.contextmanager
def serve_bundle(workspace: Path, bundle: Path, log: Path) -> Iterator[Callable[[Callable[[str], None]], str]]:
    """Serve a bundle on a free loopback port; yields what waits for the service, stops the service at the end.

    Parameters
    ----------
    workspace : Path
        The folder that holds the packages.
    bundle : Path
        The bundle to serve.
    log : Path
        Where the service's output goes.

    Yields
    ------
    callable
        Waits until the service answers, and gives its address; takes who hears meanwhile what it is doing. Raises
        LeadQualificationError if the service ended, or stands still.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "serving", "--port", str(port)]
    environment = {**os.environ, "LEAD_BUNDLE_DIR": str(bundle.resolve()), "LEAD_DRAIN_SECONDS": "0"}
    with log.open("w", encoding="utf-8") as out:
        # A session of its own: whatever does not end when told to can be ended as a whole
        service = subprocess.Popen(
            command, cwd=workspace, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )

        def wait_for_address(say: Callable[[str], None]) -> str:
            wait_until_ready(service, address, log, say)
            return address

        try:
            yield wait_for_address
        finally:
            _stop(service)


def wait_until_ready(
    service: "subprocess.Popen[bytes]",
    address: str,
    log: Path,
    say: Callable[[str], None],
    patience: Patience | None = None,
) -> None:
    """Wait until a service answers ``GET /readyz``, as long as it lives and works.

    Parameters
    ----------
    service : subprocess.Popen
        Its first process.
    address : str
        Where it will listen.
    log : Path
        Where its output goes.
    say : callable
        Hears the newest line of the log, with the seconds so far.
    patience : Patience, optional
        When to give up.

    Raises
    ------
    LeadQualificationError
        It ended, it has done nothing for `patience.idle` seconds, or it has started for `patience.longest` seconds.
    """
    patience = patience or Patience()
    began = worked_at = time.monotonic()
    worked, written = 0.0, 0
    while True:
        if service.poll() is not None:
            raise LeadQualificationError(f"the service stopped with exit code {service.returncode}; see {log}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=10):
            return
        now = time.monotonic()
        processor, size = _processor_seconds(service.pid), log.stat().st_size
        if size != written or abs(processor - worked) >= patience.working:
            worked_at, worked, written = now, processor, size
        waited_for = f"it was at: {_last_line(log)}. Its output: {log}"
        if now - worked_at > patience.idle:
            raise LeadQualificationError(
                f"the service runs, but has done nothing for {patience.idle:.0f} s and does not answer; {waited_for}"
            )
        if now - began > patience.longest:
            raise LeadQualificationError(
                f"the service still starts after {patience.longest:.0f} s. Run `make demo` again when the machine is less "
                f"busy, what is done is kept; {waited_for}"
            )
        say(f"waiting for the service to answer, {now - began:.0f} s: {_last_line(log)}")
        time.sleep(patience.pause)


def post_score(address: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send one request to ``POST /score``.

    Raises
    ------
    LeadQualificationError
        The answer is an error, or there is none within five minutes.
    """
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/score", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        raise LeadQualificationError(f"the service answered {error.code}: {error.read().decode()}") from error
    except OSError as error:
        raise LeadQualificationError(f"the service at {address} did not answer: {error}") from error


def _stop(service: "subprocess.Popen[bytes]") -> None:
    service.terminate()
    try:
        service.wait(timeout=60)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.pid, signal.SIGKILL)
        service.wait()


def _processor_seconds(pid: int) -> float:
    """Sum the processor time of a process, of those below it, and of those of them that have ended."""
    seconds = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended in between
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it has written nothing yet"
