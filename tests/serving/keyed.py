"""A service that asks for keys, as it does wherever it can be reached from elsewhere."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.serving.running import Client, serve

KEY = re.compile(r"^lq_[0-9a-f]{12}_[A-Za-z0-9]{43}$", re.MULTILINE)


@dataclass(frozen=True)
class Keys:
    """The file of keys, changed by the command as an operator would."""

    file: Path
    root: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m serving.keys`."""
        command = [sys.executable, "-m", "serving.keys", *arguments]
        environment = {"LEAD_API_KEYS": str(self.file), "PATH": ""}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def create(self, *arguments: str, name: str = "test") -> str:
        """Make a key; return it."""
        return self.key_of(self.run("create", "--name", name, *arguments))

    @staticmethod
    def key_of(done: subprocess.CompletedProcess[str]) -> str:
        """Return the one key that a command printed."""
        assert done.returncode == 0, done.stderr
        (key,) = KEY.findall(done.stdout)
        return str(key)


@pytest.fixture
def keys(root: Path, tmp_path: Path) -> Keys:
    """Return a file of keys that does not exist yet."""
    return Keys(tmp_path / "keys" / "api_keys.json", root)


@dataclass(frozen=True)
class Keyed:
    """A running service, its keys, and one key of each kind without a limit that a test would meet."""

    client: Client
    keys: Keys
    score: str
    write: str
    admin: str

    def ask(
        self,
        path: str,
        body: Any = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, headers by lower-case name, and body."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {} if body is None else {"Content-Type": "application/json"}
        sent |= {} if key is None else {"Authorization": f"Bearer {key}"}
        request = urllib.request.Request(self.client.address + path, data, {**sent, **(headers or {})}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, {n.lower(): v for n, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {n.lower(): v for n, v in error.headers.items()}, error.read()

    def error(self, path: str, body: Any = None, key: str | None = None, **options: Any) -> tuple[int, str]:
        """Send a request that is refused; return status and code, of the one shape of errors."""
        status, _, answer = self.ask(path, body, key, **options)
        return status, error_of(answer)["code"]


def error_of(answer: bytes) -> dict[str, Any]:
    """Read an error; fails unless it has the one shape of errors."""
    content = json.loads(answer)
    assert set(content) == {"error"}
    error: dict[str, Any] = content["error"]
    assert set(error) == {"code", "message", "field", "hint"}
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)
    assert "Traceback" not in answer.decode()
    return error


@pytest.fixture(scope="session")
def keyed(root: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Run a service of two workers that listens on loopback, as behind a proxy, and asks for keys."""
    folder = tmp_path_factory.mktemp("keyed")
    keys = Keys(folder / "api_keys.json", root)
    plenty = ("--requests-per-minute", "1000000", "--leads-per-minute", "1000000")
    made = [keys.create("--scope", scope, *plenty, name=scope) for scope in ("score", "write", "admin")]
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_API_KEYS": str(keys.file),
        "LEAD_REQUIRE_KEYS": "always",
        "LEAD_WORKERS": "2",
        "BENTOML_HOME": str(folder / "bentoml"),
    }
    with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        yield Keyed(client, keys, *made)
