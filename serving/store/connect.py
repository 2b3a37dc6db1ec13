"""Connections to the store: what is set so that an acknowledged write stays, and what "not there" means."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from features.errors import LeadQualificationError

__all__ = ["MIGRATIONS", "STORE_URL", "Store", "StoreUnavailableError", "is_current", "store_url"]

MIGRATIONS = Path(__file__).parent / "migrations"

STORE_URL = "LEAD_STORE_URL"
WAIT = "LEAD_STORE_WAIT_MS"
DEFAULT_WAIT_MS = 5_000
POOL = 10  # the threads of the addresses, and those that score again and send

ATTEMPTS = 5
BROKEN_OFF = {"40P01", "40001", "23505"}
"""SQLSTATE of a deadlock, of a serialization failure, and of a row that another transaction inserted meanwhile."""

T = TypeVar("T")


class StoreUnavailableError(LeadQualificationError):
    """The store is locked, full, gone, not migrated, or does not answer: nothing may be acknowledged."""


def store_url(root: Path) -> str:
    """Say where the store is: ``LEAD_STORE_URL``, else the file ``store.db`` beside `data/`.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    """
    return os.environ.get(STORE_URL) or f"sqlite:///{root / 'store.db'}"


class Store:
    """One database, SQLite or PostgreSQL.

    SQLite runs in WAL mode with ``synchronous=FULL``: a transaction is on the disk before it is acknowledged. Its file is never
    created here (`serving.store.migrate` does that), and one that was replaced or deleted under open connections is noticed,
    before and after each transaction: what goes into a file that has no name any more is lost.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://user:password@host/database``.

    Raises
    ------
    LeadQualificationError
        The address can't be understood, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = sa.make_url(url)
            self.is_sqlite = self.url.get_backend_name() == "sqlite"
            if self.is_sqlite and not self.url.database:
                raise ArgumentError("no file is named")
            self.file = Path(self.url.database or "").absolute() if self.is_sqlite else None
            self.engine = self._engine()
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise LeadQualificationError(
                f"{STORE_URL} can't be used ({error}). Allowed are sqlite:///path/to/store.db and "
                "postgresql+psycopg://user:password@host/database, for which `make env-postgres` installs the driver."
            ) from error
        self._identity: tuple[int, int] | None = None
        self._migrated = False
        self._lock = threading.Lock()

    def _engine(self) -> sa.Engine:
        wait_ms = int(os.environ.get(WAIT) or DEFAULT_WAIT_MS)
        pool = {"pool_size": POOL, "max_overflow": 0, "pool_timeout": wait_ms / 1000}
        if self.file is None:
            timeouts = f"-c statement_timeout={wait_ms * 4} -c lock_timeout={wait_ms}"
            arguments = {"connect_timeout": max(2, wait_ms // 1000), "options": timeouts}
            return sa.create_engine(self.url, connect_args=arguments, pool_pre_ping=True, **pool)
        # mode=rw: connecting never creates an empty file in place of one that is gone
        address = self.url.set(database=f"file:{_quoted(self.file)}", query={"mode": "rw", "uri": "true"})
        arguments = {"timeout": wait_ms / 1000, "isolation_level": None, "check_same_thread": False}
        engine = sa.create_engine(address, connect_args=arguments, poolclass=sa.pool.QueuePool, **pool)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Run one transaction that writes; when the block has ended without an error, it is durable.

        Raises
        ------
        StoreUnavailableError
            Nothing was written; or, where the connection broke while committing, nobody knows.
        """
        with self._transaction(write=True) as connection:
            yield connection

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run one transaction that writes, and run it again where PostgreSQL broke it off in favour of another one.

        Its manual asks for both: locks in one order, and another attempt where that can't be had (Explicit Locking,
        Deadlocks; Serialization Failure Handling).

        Parameters
        ----------
        work : callable
            Takes the connection; what it changes outside of the store must bear being done again.

        Raises
        ------
        StoreUnavailableError
            As for `write`; also after `ATTEMPTS` attempts.
        """
        attempt = 1
        while True:
            try:
                with self.write() as connection:
                    return work(connection)
            except StoreUnavailableError as error:
                if attempt == ATTEMPTS or not _is_broken_off(error.__cause__):
                    raise
            time.sleep(random.uniform(0.0, 0.01 * 2**attempt))
            attempt += 1

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Run one transaction that reads a consistent state.

        Raises
        ------
        StoreUnavailableError
            The store does not answer.
        """
        with self._transaction(write=False) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sa.Connection]:
        try:
            self._check_file()
            # PostgreSQL: one snapshot for all statements of a read
            level: dict[str, Any] = {} if write or self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            with self.engine.connect().execution_options(lead_write=write, **level) as connection:
                with connection.begin():
                    self._check_migrated(connection)
                    yield connection
                if write:
                    self._check_file()
        except (DBAPIError, PoolTimeout) as error:
            raise StoreUnavailableError(f"the store does not answer ({_reason(error)})") from error

    def _check_file(self) -> None:
        """Notice a database file that is gone or another one; the next transaction opens what is there then."""
        if self.file is None:
            return
        try:
            status = self.file.stat()
            identity = (status.st_dev, status.st_ino)
        except OSError as error:
            self.engine.dispose()
            self._identity, self._migrated = None, False
            raise StoreUnavailableError(f"the store's file can't be reached ({error.strerror})") from error
        with self._lock:
            former, self._identity = self._identity, identity
        if former not in (None, identity):
            self.engine.dispose()
            self._migrated = False
            raise StoreUnavailableError("the store's file was replaced while it was open")

    def _check_migrated(self, connection: sa.Connection) -> None:
        if self._migrated:
            return
        if not is_current(connection):
            raise StoreUnavailableError(
                "the store's tables are not those of this version: run python -m serving.store.migrate"
            )
        self._migrated = True

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def is_current(connection: sa.Connection) -> bool:
    """Tell whether the tables are those of this version: the newest of the numbered migrations was the last one applied."""
    newest = max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [newest]


def _quoted(file: Path) -> str:
    return str(file).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare_sqlite(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that turns to writing fails at once where another one writes; IMMEDIATE waits its turn
    writes = connection.get_execution_options().get("lead_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_broken_off(error: BaseException | None) -> bool:
    return getattr(getattr(error, "orig", None), "sqlstate", None) in BROKEN_OFF


def _reason(error: Exception) -> str:
    """Say what the driver said, without the statement and its values, which may be personal."""
    cause = getattr(error, "orig", None) or error
    if type(cause).__module__.startswith("sqlite3"):
        return str(cause)
    return type(cause).__name__
