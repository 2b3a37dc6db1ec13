"""Readiness knows whether the store takes writes: locked, read-only and full ones are told, in bounded time."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from serving.online import store_state
from serving.online.store_state import StoreState
from serving.store.connect import Store
from serving.store.migrate import migrate
from serving.store.probe import try_read, try_write
from tests.serving.running import Client


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _now(store: Store) -> str:
    return asyncio.run(StoreState(store).now())


@contextlib.contextmanager
def _locked(url: str) -> Iterator[None]:
    """Hold the lock that writing takes, of another connection."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(_file(url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE touchpoints IN SHARE MODE")
        yield


def test_a_store_is_up_read_only_while_another_one_holds_its_lock_and_up_again(url: str, store: Store) -> None:
    assert _now(store) == "up"
    with _locked(url):
        assert _now(store) == "read_only"
    assert _now(store) == "up"


def test_looking_leaves_nothing_and_gives_the_lock_back(url: str, store: Store) -> None:
    def content() -> list[Any]:
        with store.read() as connection:
            tables = sa.inspect(connection).get_table_names()
            return [(name, connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()) for name in sorted(tables)]

    before = content()
    for _ in range(20):
        try_write(store)
        try_read(store)
    assert content() == before
    with _locked(url):  # there is nobody to wait for
        pass


def test_a_hundred_callers_are_one_look_that_holds_for_a_second(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, clock = [], [0.0]

    def counted(looked_at: Store) -> None:
        looks.append(looked_at)
        try_write(looked_at)

    monkeypatch.setattr(store_state, "try_write", counted)
    state = StoreState(store, lambda: clock[0])

    async def ask(count: int) -> set[str]:
        return set(await asyncio.gather(*(state.now() for _ in range(count))))

    async def all_of_it() -> None:
        assert await ask(100) == {"up"}
        assert await ask(100) == {"up"}
        clock[0] = 0.99
        assert await ask(100) == {"up"}
        assert len(looks) == 1
        clock[0] = 1.0
        assert await ask(100) == {"up"}
        assert len(looks) == 2

    asyncio.run(all_of_it())


def test_a_try_that_hangs_is_not_waited_for_and_has_no_second_one_beside_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, begun = threading.Event(), []

    def hang(looked_at: Store) -> None:
        begun.append(looked_at)
        stuck.wait(60)

    monkeypatch.setattr(store_state, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(store_state, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(store_state, "try_write", hang)
    state = StoreState(store)

    async def all_of_it() -> None:
        for _ in range(5):
            assert await state.now() != "up"
        assert len(begun) == 1
        stuck.set()
        monkeypatch.setattr(store_state, "try_write", try_write)
        monkeypatch.setattr(store_state, "CHECK_SECONDS", 60.0)
        assert await state.now() == "up"

    asyncio.run(all_of_it())


def test_postgresql_that_is_read_only_says_so(new_url: Callable[[str], str]) -> None:
    url = new_url("postgresql")
    migrate(url)
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    role = sa.make_url(url).username
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    store = Store(url)
    try:
        assert _now(store) == "read_only"
        with admin.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql(f"ALTER ROLE {role} RESET default_transaction_read_only")
        store.engine.dispose()
        assert _now(store) == "up"
    finally:
        store.close()


def test_a_store_that_is_not_migrated_or_gone_is_down(new_url: Callable[[str], str], tmp_path: Path) -> None:
    for url in (new_url("postgresql"), f"sqlite:///{tmp_path / 'gone.db'}"):
        store = Store(url)
        assert _now(store) == "down"
        store.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 2 MiB, where this user may."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_read_only_until_there_is_room(tiny: Path) -> None:
    url = f"sqlite:///{tiny / 'store.db'}"
    migrate(url)
    store = Store(url)
    try:
        assert _now(store) == "up"
        with contextlib.suppress(OSError), (tiny / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                continue
        assert _now(store) == "read_only"
        (tiny / "filler").unlink()
        assert _now(store) == "up"
    finally:
        store.close()


def test_a_file_system_that_may_not_be_written_is_not_up(tiny: Path) -> None:
    url = f"sqlite:///{tiny / 'store.db'}"
    migrate(url)
    store = Store(url)
    assert _now(store) == "up"
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True, capture_output=True)
    store = Store(url)
    try:
        assert _now(store) in ("read_only", "down")  # without its log's index SQLite can't read it either
    finally:
        store.close()


def test_the_running_service_tells_it_and_goes_on_scoring(new_url: Callable[[str], str], serve_store: Any) -> None:
    url = new_url("sqlite")
    with serve_store(url, LEAD_STORE_WAIT_MS="300") as client:

        def state() -> str:
            status, body = client.get("/ready")
            assert status == 200
            return str(json.loads(body)["store"])

        _until(client, lambda: state() == "up")
        with _locked(url):
            _until(client, lambda: all(state() == "read_only" for _ in range(6)))  # both workers
            assert client.scores([{"lead_id": "L-1"}])[0]["probability"] is not None
            events = [{"lead_id": "L-1", "kind": "webinar", "occurred_at": "2026-01-05T10:00:00Z"}]
            status, answer = client.post({"touchpoints": events}, path="/touchpoints")
            assert (status, answer["error"]["code"]) == (503, "store_unavailable")
        _until(client, lambda: all(state() == "up" for _ in range(6)))


def _until(client: Client, what: Callable[[], bool]) -> None:
    for _ in range(200):
        if what():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")
