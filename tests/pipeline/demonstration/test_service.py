"""Waiting for a service: as long as it works, and no longer."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import LeadQualificationError
from pipeline.demonstration.service import Patience, post_score, wait_until_ready

NOWHERE = "http://127.0.0.1:9"
BRIEF = Patience(idle=1.0, longest=60.0, working=0.3, pause=0.05)
PATIENT = Patience(idle=600.0, longest=1200.0, working=0.3, pause=0.05)
BUSY = "import os, time\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10_000))"


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    running = []

    def start(code: str) -> tuple["subprocess.Popen[bytes]", Path]:
        """Start a service, and wait for its first line: on a busy machine Python needs longer than a brief patience lasts."""
        log = tmp_path / "service.log"
        with log.open("wb") as out:
            code = f"print('begun', flush=True); {code}"
            running.append(subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=subprocess.STDOUT))
        end = time.monotonic() + 600.0
        while not log.stat().st_size:
            assert time.monotonic() < end
            time.sleep(0.02)
        return running[-1], log

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def address() -> Iterator[str]:
    """Answer every request, as a service that is ready."""

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_service_that_answers_is_ready(start, address) -> None:
    service, log = start("import time; time.sleep(60)")
    wait_until_ready(service, address, log, lambda text: None, PATIENT)


def test_a_service_that_ends_is_told_at_once(start) -> None:
    service, log = start("raise SystemExit(7)")
    with pytest.raises(LeadQualificationError, match=r"stopped with exit code 7; see .*service\.log"):
        wait_until_ready(service, NOWHERE, log, lambda text: None, PATIENT)


def test_a_service_that_stands_still_is_given_up_with_its_last_line(start) -> None:
    service, log = start("import time; print('reading the model', flush=True); time.sleep(1200)")
    while "reading the model" not in log.read_text():
        assert service.poll() is None
        time.sleep(0.02)
    with pytest.raises(
        LeadQualificationError, match=r"done nothing for 1 s.*it was at: reading the model\. Its output"
    ):
        wait_until_ready(service, NOWHERE, log, lambda text: None, BRIEF)


@pytest.mark.parametrize(
    "code",
    [
        "import time\nfor i in range(4000): print('step', i, flush=True); time.sleep(0.1)",
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])",
    ],
    ids=["it writes", "a process below it computes"],
)
def test_a_service_that_works_is_waited_for_up_to_the_longest_time(start, code: str) -> None:
    service, log = start(code)
    said: list[str] = []
    patience = BRIEF._replace(idle=6.0, longest=8.0, working=0.01)
    with pytest.raises(LeadQualificationError, match="still starts after 8 s.*make demo"):
        wait_until_ready(service, NOWHERE, log, said.append, patience)
    assert said[0].startswith("waiting for the service to answer, ")


def test_a_service_that_is_gone_is_an_error_of_ours() -> None:
    with pytest.raises(LeadQualificationError, match=r"127\.0\.0\.1:9 did not answer"):
        post_score(NOWHERE, {"leads": []})
