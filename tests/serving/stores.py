"""Real stores, SQLite's and PostgreSQL's, and services over them."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from serving.store.connect import Store
from serving.store.migrate import migrate
from tests.serving.running import Client, free_port, serve

BACKENDS = ("sqlite", "postgresql")
Serve = Callable[..., contextlib.AbstractContextManager[Client]]


def server_programs() -> Path:
    """Find PostgreSQL's server programs, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    if program is None:
        pytest.fail("PostgreSQL is not installed: make system, or apt-get install postgresql")
    return Path(program).parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server of our own on a free port, never as root; return the address of its first database."""
    programs, port = server_programs(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="lead-postgres-"))
    someone: dict[str, Any] = {}
    if os.geteuid() == 0:
        someone = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "lead", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **someone)
    command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
    address = f"postgresql+psycopg://lead@127.0.0.1:{port}/postgres"
    with tempfile.TemporaryFile() as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, **someone)
        try:
            ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            for _ in range(6000):  # on a busy machine for minutes
                if subprocess.run(ready, check=False).returncode == 0:
                    break
                if server.poll() is not None:
                    out.seek(0)
                    pytest.fail(f"PostgreSQL stopped: {out.read().decode()}")
                time.sleep(0.1)
            yield address
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
            server.wait(timeout=600)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give tests addresses of stores that do not exist yet; of PostgreSQL, of a user with an empty schema."""
    number = itertools.count()

    def new(backend: str) -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
        server = sa.make_url(request.getfixturevalue("postgres"))
        name = f"store_{next(number)}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            # A database each would be hundreds of files each
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
            connection.exec_driver_sql(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        return server.set(username=name).render_as_string(hide_password=False)

    return new


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """Return the address of an empty store with its tables, once per database."""
    address = new_url(request.param)
    migrate(address)
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Open an empty store, once per database."""
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def serve_store(root: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Give tests the way to serve a store, with more settings by name."""

    @contextlib.contextmanager
    def served(address: str, **settings: str) -> Iterator[Client]:
        folder = tmp_path_factory.mktemp("service")
        environment = {
            "LEAD_BUNDLE_DIR": str(bundle_folder),
            "LEAD_STORE_URL": address,
            "LEAD_WORKERS": "2",
            "BENTOML_HOME": str(folder / "bentoml"),
            **settings,
        }
        if address.startswith("postgresql"):
            migrate(address)
        with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
            yield client

    return served


@pytest.fixture(scope="session", params=BACKENDS)
def online(request: pytest.FixtureRequest, new_url: Callable[[str], str], serve_store: Serve) -> Iterator[Client]:
    """Serve an empty store, once per database."""
    with serve_store(new_url(request.param)) as client:
        yield client
