"""A store that is locked, gone or full, processes that are killed: nothing acknowledged is lost, and scoring goes on."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from serving.contract.event_rows import TouchpointRow
from serving.store import migrate as migrating
from serving.store import schema
from serving.store.connect import Store, StoreUnavailableError
from serving.store.migrate import migrate
from tests.serving.running import Client
from tests.serving.store.test_store import VISIT, _add

T = {"kind": "webinar", "occurred_at": "2026-01-05T10:00:00Z"}
SHORT_WAIT = {"LEAD_STORE_WAIT_MS": "300"}


def tell(client: Client, *names: str) -> tuple[int, dict[str, str], Any]:
    """Post touchpoints with these ids; return status, headers and answer."""
    items = [{**T, "lead_id": name.split("-")[0], "touchpoint_id": name} for name in names]
    body = json.dumps({"touchpoints": items}).encode()
    request = urllib.request.Request(client.address + "/touchpoints", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), json.loads(error.read())


def assert_unavailable(client: Client) -> None:
    """Writes wait for better times and say so; whole journeys are still scored."""
    status, headers, answer = tell(client, "U-1")
    assert (status, answer["error"]["code"]) == (503, "store_unavailable")
    assert int({name.lower(): value for name, value in headers.items()}["retry-after"]) > 0
    assert client.scores([{"lead_id": "L-1"}])[0]["probability"] is not None


def stored(url: str) -> set[str]:
    """Read the ids of all touchpoints."""
    store = Store(url)
    try:
        with store.read() as connection:
            return set(connection.execute(sa.select(schema.touchpoints.c.touchpoint_id)).scalars())
    finally:
        store.close()


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_a_sqlite_store_that_is_locked_gone_replaced_and_back(new_url: Callable[[str], str], serve_store: Any) -> None:
    url = new_url("sqlite")
    with serve_store(url, **SHORT_WAIT) as client:
        assert tell(client, "A-1")[0] == 200
        with contextlib.closing(sqlite3.connect(path_of(url), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert_unavailable(client)
            other.execute("ROLLBACK")
        assert tell(client, "A-2")[0] == 200

        aside = path_of(url).with_suffix(".aside")
        path_of(url).rename(aside)
        for _ in range(4):  # both workers
            assert_unavailable(client)
            assert client.get("/leads/A/score")[0] == 503
        assert not path_of(url).exists()  # nobody began an empty one
        aside.rename(path_of(url))
        assert tell(client, "A-3")[0] == 200
        assert client.get("/leads/A/score")[0] == 200
        assert stored(url) == {"A-1", "A-2", "A-3"}

        for path in path_of(url).parent.iterdir():
            path.unlink()
        assert_unavailable(client)
        migrate(url)
        for _ in range(10):  # each worker notices once that it is another file
            if all(tell(client, f"B-{number}")[0] == 200 for number in range(4)):
                break
        assert stored(url) == {f"B-{number}" for number in range(4)}


def test_a_postgresql_store_that_is_locked_or_drops_connections(
    new_url: Callable[[str], str], serve_store: Any, postgres: str
) -> None:
    url = new_url("postgresql")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with serve_store(url, **SHORT_WAIT) as client:
        assert tell(client, "A-1")[0] == 200
        with engine.connect().execution_options(isolation_level="READ COMMITTED") as other, other.begin():
            other.exec_driver_sql("LOCK TABLE touchpoints IN ACCESS EXCLUSIVE MODE")
            assert_unavailable(client)
        with engine.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = current_user AND pid <> pg_backend_pid()"
            )
        assert tell(client, "A-2")[0] == 200
    assert stored(url) == {"A-1", "A-2"}


def test_a_store_that_was_never_there_does_not_keep_the_service_down(serve_store: Any) -> None:
    with serve_store("sqlite:////proc/none/store.db", LEAD_WORKERS="1", **SHORT_WAIT) as client:
        assert_unavailable(client)
        assert "/proc/none" not in json.dumps(tell(client, "U-2")[2])


def test_a_full_database_takes_nothing_and_loses_nothing(new_url: Callable[[str], str]) -> None:
    url = new_url("sqlite")
    migrate(url)
    store = Store(url)
    sa.event.listen(store.engine, "connect", lambda made, _: made.execute("PRAGMA max_page_count = 60"))
    written = 0

    def write_on() -> None:
        nonlocal written
        for number in itertools.count():
            _add(store, TouchpointRow("L-1", VISIT._replace(touchpoint_id=f"T-{number}", asset="x" * 400)))
            written += 1

    with pytest.raises(StoreUnavailableError, match="full"):
        write_on()
    store.close()
    assert written > 5
    assert len(stored(url)) == written


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_takes_nothing_and_loses_nothing(small_disk: Path, serve_store: Any) -> None:
    url = f"sqlite:///{small_disk / 'store.db'}"
    with serve_store(url, LEAD_WORKERS="1") as client:
        assert tell(client, "A-1")[0] == 200
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        names = [f"B-{number}" for number in range(500)]
        status, _, answer = tell(client, *names)
        assert (status, answer["error"]["code"]) == (503, "store_unavailable")
        assert client.scores([{"lead_id": "L-1"}])[0]["probability"] is not None
        assert client.get("/leads/A/score")[0] == 200
        filler.unlink()
        assert tell(client, *names)[0] == 200
        assert stored(url) == {"A-1", *names}


def workers(pid: int) -> list[int]:
    """Find the worker processes of a service."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid and b"worker" in (path.parent / "cmdline").read_bytes():
                found.append(int(path.parent.name))
    return found


class Writers:
    """Clients that write all the time, and remember what was acknowledged."""

    def __init__(self, client: Client, name: str, count: int = 4) -> None:
        self.client, self.acknowledged, self.failures = client, set[str](), 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(f"{name}{number}",)) for number in range(count)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, lead_id: str) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            names = [f"{lead_id}-{number}-{k}" for k in range(5)]
            try:
                status = tell(self.client, *names)[0]
            except (OSError, http.client.HTTPException):  # the process that would have answered is dead
                self.failures += 1
                time.sleep(0.05)
                continue
            assert status in (200, 503)
            if status == 200:
                self.acknowledged.update(names)

    def wait_for_failures(self) -> None:
        """Wait until nobody answers any more."""
        before = self.failures
        for _ in range(600):
            if self.failures >= before + len(self._threads):
                return
            time.sleep(0.05)
        pytest.fail("somebody still answers")

    def wait_for(self, more: int) -> None:
        """Wait until so many more were acknowledged."""
        goal = len(self.acknowledged) + more
        for _ in range(600):
            if len(self.acknowledged) >= goal:
                return
            time.sleep(0.05)
        pytest.fail(f"only {len(self.acknowledged)} of {goal} were acknowledged")


def kill_amid_writes(url: str, serve_store: Any, rounds: int) -> None:
    """Kill workers, then the whole service, again and again; then look whether all that was acknowledged is there."""
    acknowledged: set[str] = set()
    for number in range(rounds):
        with serve_store(url) as client:
            with Writers(client, f"R{number}x") as writers:
                writers.wait_for(100)
                os.kill(workers(client.pid)[number % 2], signal.SIGKILL)
                writers.wait_for(100)
                os.kill(client.pid, signal.SIGSTOP)  # else it could start another worker meanwhile
                for pid in (*workers(client.pid), client.pid):
                    os.kill(pid, signal.SIGKILL)
                writers.wait_for_failures()
            acknowledged |= writers.acknowledged
        assert acknowledged <= stored(url)
    with serve_store(url) as client:
        assert client.get(f"/leads/R{rounds - 1}x0/score")[0] == 200
        assert tell(client, "after-1")[0] == 200
    assert len(acknowledged) >= 200 * rounds


def test_killed_processes_lose_nothing_that_was_acknowledged(new_url: Callable[[str], str], serve_store: Any) -> None:
    kill_amid_writes(new_url("sqlite"), serve_store, 1)


@pytest.mark.soak
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_processes_killed_again_and_again_lose_nothing(
    new_url: Callable[[str], str], serve_store: Any, backend: str
) -> None:
    kill_amid_writes(new_url(backend), serve_store, 10)


def test_the_migrate_command_says_what_it_did_or_why_not(new_url: Callable[[str], str]) -> None:
    command = [sys.executable, "-m", "serving.store.migrate"]
    newest = max(path.name[:4] for path in Path(str(migrating.__file__)).with_name("migrations").glob("versions/0*.py"))
    for url, code in ((new_url("sqlite"), 0), ("sqlite:////proc/none/store.db", 1)):
        environment = {**os.environ, "LEAD_STORE_URL": url}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert (f"is at {newest}" in done.stdout) == (code == 0)
        assert "Traceback" not in done.stderr
