"""The running service ends: nobody under way is dropped, nothing acknowledged is lost, nobody is left over."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from features.errors import LeadQualificationError
from serving.http.shutdown import drain_seconds
from serving.store import schema
from serving.store.connect import Store
from tests.serving.running import Client

TARGET = "serving.service:LeadQualification"
JSON = {"Content-Type": "application/json"}
Run = Callable[..., contextlib.AbstractContextManager[Client]]


@pytest.fixture
def run(root: Path, bundle_folder: Path, serving_at: Any, tmp_path: Path) -> Run:
    """Give tests the service over a store of its own, with more settings by name."""

    @contextlib.contextmanager
    def running(**settings: str) -> Iterator[Client]:
        environment = {
            "LEAD_BUNDLE_DIR": str(bundle_folder),
            "LEAD_WORKERS": "2",
            "BENTOML_HOME": str(tmp_path / "bentoml"),
            **settings,
        }
        with serving_at(TARGET, root, tmp_path / "log.txt", environment) as client:
            yield client

    return running


def _wait(what: Callable[[], bool]) -> None:
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


def _workers(client: Client) -> list[psutil.Process]:
    return list(psutil.Process(client.pid).children())


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _port(client: Client) -> int:
    return int(client.address.rsplit(":", 1)[1])


def _connect(client: Client) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", _port(client), timeout=60)
    connection.connect()
    return connection


def _ask(connection: http.client.HTTPConnection, path: str, body: Any) -> tuple[int, bool]:
    """Post; return status, and whether the server closes the connection. A reset fails the test."""
    connection.request("POST", path, json.dumps(body), JSON)
    with connection.getresponse() as answer:
        answer.read()
        return answer.status, answer.will_close


class _Callers:
    """Callers of all kinds behind a load balancer, which sends them here until it has seen that the service is not ready."""

    def __init__(self, client: Client, leads: list[dict[str, Any]]) -> None:
        self.client, self.leads = client, leads
        self.is_sent_elsewhere = threading.Event()
        self.answers: list[tuple[float, int]] = []
        self.accepted: list[str] = []
        self.told_to_close = 0

    def balancing(self) -> None:
        """Check readiness as a balancer does: twice not ready, and nobody is sent here any more."""
        failed = 0
        while failed < 2:
            time.sleep(0.25)
            failed = failed + 1 if self.client.get("/ready")[0] == 503 else 0
        self.is_sent_elsewhere.set()

    def scoring(self, number: int, many: int) -> None:
        """Score leads, with a new connection for each request."""
        for turn in itertools.count(number):
            if self.is_sent_elsewhere.is_set():
                return
            connection = _connect(self.client)
            asked = [self.leads[(turn + i) % len(self.leads)] for i in range(many)]
            status, _ = _ask(connection, "/score", {"leads": asked, "reasons": 3})
            self.answers.append((time.monotonic(), status))
            connection.close()

    def telling(self, number: int) -> None:
        """Tell touchpoints, with a new connection for each."""
        for turn in itertools.count():
            if self.is_sent_elsewhere.is_set():
                return
            connection = _connect(self.client)
            name = f"T-{number}-{turn}"
            item = {
                "lead_id": f"L-{number}",
                "touchpoint_id": name,
                "kind": "webinar",
                "occurred_at": "2026-01-05T10:00:00Z",
            }
            status, _ = _ask(connection, "/touchpoints", {"touchpoints": [item]})
            self.answers.append((time.monotonic(), status))
            if status == 200:
                self.accepted.append(name)
            connection.close()

    def keeping(self) -> None:
        """Score leads over one connection for as long as the server keeps it."""
        while not self.is_sent_elsewhere.is_set():
            connection, will_close = _connect(self.client), False
            while not will_close:
                status, will_close = _ask(connection, "/score", {"leads": self.leads[:1]})
                self.answers.append((time.monotonic(), status))
            self.told_to_close += 1
            connection.close()


def test_behind_a_load_balancer_everyone_is_answered_and_nothing_told_is_lost(
    run: Run, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    with run(LEAD_DRAIN_SECONDS="5") as client, ThreadPoolExecutor(11) as pool:
        callers = _Callers(client, leads)
        running = [pool.submit(callers.scoring, number, 1) for number in range(3)]
        running += [pool.submit(callers.scoring, number, 50) for number in range(2)]
        running += [pool.submit(callers.telling, number) for number in range(3)]
        running += [pool.submit(callers.keeping) for _ in range(2)]
        running += [pool.submit(callers.balancing)]
        _wait(lambda: len(callers.answers) > 200)
        workers, signalled_at = _workers(client), time.monotonic()
        os.kill(client.pid, signal.SIGTERM)
        for one in running:
            one.result(timeout=60)  # raises what a caller met: a reset connection, half an answer
        _wait(lambda: all(_is_gone(worker) for worker in workers))
    assert len(workers) == 2
    assert {status for _, status in callers.answers} == {200}
    assert sum(at > signalled_at for at, _ in callers.answers) > 20
    assert callers.told_to_close >= 2
    assert _stored(tmp_path) >= set(callers.accepted)
    assert len(callers.accepted) > 20


def _stored(folder: Path) -> set[str]:
    store = Store(f"sqlite:///{folder / 'store.db'}")
    try:
        with store.read() as connection:
            return set(connection.execute(sa.select(schema.touchpoints.c.touchpoint_id)).scalars())
    finally:
        store.close()


def test_a_request_that_is_only_half_there_is_answered_before_the_end(run: Run, leads: list[dict[str, Any]]) -> None:
    body = json.dumps({"leads": leads[:1]}).encode()
    head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with run() as client, socket.create_connection(("127.0.0.1", _port(client)), timeout=60) as caller:
        caller.sendall(head.encode() + body[:50])
        _wait(lambda: _readers(client) > 0)
        workers = _workers(client)
        os.kill(client.pid, signal.SIGTERM)
        _wait(lambda: any(_is_gone(worker) for worker in workers))  # the one that has nothing to do
        assert not all(_is_gone(worker) for worker in workers)
        caller.sendall(body[50:])
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        assert json.loads(answer.read())["leads"][0]["lead_id"] == leads[0]["lead_id"]
        _wait(lambda: all(_is_gone(worker) for worker in workers))


def _readers(client: Client) -> int:
    """Count the connections that a worker has accepted."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED
        for worker in _workers(client)
        for connection in worker.net_connections(kind="tcp")
        if connection.laddr.port == _port(client)
    )


def test_while_ending_the_service_is_not_ready_but_answers(run: Run, leads: list[dict[str, Any]]) -> None:
    with run(LEAD_DRAIN_SECONDS="3", LEAD_WORKERS="1") as client:  # of two workers, one may learn of the signal later
        assert client.get("/ready")[0] == 200
        os.kill(client.pid, signal.SIGTERM)
        _wait(lambda: client.get("/ready")[0] == 503)
        status, answer = client.get("/ready")
        assert (status, json.loads(answer)["error"]["code"]) == (503, "not_ready")
        assert client.get("/readyz")[0] == 503
        assert client.get("/health")[0] == 200
        assert client.scores(leads[:1])[0]["lead_id"] == leads[0]["lead_id"]


def test_a_worker_that_ends_alone_keeps_nobody_out(run: Run, leads: list[dict[str, Any]]) -> None:
    with run() as client:
        alone = _workers(client)[0]
        alone.terminate()
        _wait(lambda: _is_gone(alone))
        for _ in range(20):  # the other one, and its successor
            assert client.scores(leads[:1])[0]["lead_id"] == leads[0]["lead_id"]
        _wait(lambda: len({worker.pid for worker in _workers(client)} - {alone.pid}) == 2)


def test_workers_end_when_the_process_that_started_them_is_killed(run: Run, tmp_path: Path) -> None:
    with run() as client:
        workers = _workers(client)
        os.kill(client.pid, signal.SIGKILL)
        _wait(lambda: all(_is_gone(worker) for worker in workers))
        assert len(workers) == 2
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", _port(client)), timeout=60)
    assert "the process that started this worker is gone; ending." in (tmp_path / "log.txt").read_text("utf-8")


@pytest.mark.parametrize("text", ["soon", "-1", "601", "nan"])
def test_a_senseless_time_to_drain_is_refused(text: str) -> None:
    with pytest.raises(LeadQualificationError, match="LEAD_DRAIN_SECONDS is '.*'; a number from 0 to 600 is expected"):
        drain_seconds({"LEAD_DRAIN_SECONDS": text})


def test_the_time_to_drain_is_two_checks_of_a_balancer_where_nobody_says_otherwise() -> None:
    assert drain_seconds({}) == drain_seconds({"LEAD_DRAIN_SECONDS": ""}) == 10.0
    assert drain_seconds({"LEAD_DRAIN_SECONDS": "0"}) == 0.0
