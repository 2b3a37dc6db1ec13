"""The systemd unit of the guide: the service runs with its settings, by a user who has no home."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STATE = "/var/lib/leads"
PROGRAM = "/opt/lead-qualification"


@pytest.fixture(scope="module")
def unit(root: Path) -> list[tuple[str, str]]:
    text = (root / "docs" / "operating.md").read_text(encoding="utf-8")
    block = text.split("# /etc/systemd/system/leads.service\n")[1].split("```")[0]
    pairs = (line.split("=", 1) for line in block.splitlines() if "=" in line)
    return [(name, value) for name, value in pairs]


def _environment(unit: list[tuple[str, str]], folder: Path) -> dict[str, str]:
    words = [word for name, value in unit if name == "Environment" for word in shlex.split(value)]
    return {name: value.replace(STATE, str(folder)) for name, value in (word.split("=", 1) for word in words)}


def test_the_unit_starts_what_make_serve_starts_and_waits_for_its_end(unit: list[tuple[str, str]], root: Path) -> None:
    settings = dict(unit)
    command = settings["ExecStart"].removeprefix(f"{PROGRAM}/.venv/bin/")
    assert command.startswith("python -m serving ")
    assert command in (root / "Makefile").read_text(encoding="utf-8")
    assert (settings["WorkingDirectory"], settings["StateDirectory"]) == (PROGRAM, Path(STATE).name)
    assert settings["KillMode"] == "mixed"  # SIGTERM to the one that passes it on


def test_the_service_runs_with_the_settings_of_the_unit_and_without_a_home(
    unit: list[tuple[str, str]], root: Path, bundle_folder: Path, serving_at: Any, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "file").touch()
    settings = _environment(unit, state) | {"HOME": str(tmp_path / "file" / "home")}
    # an empty one would compile everything anew
    settings["NUMBA_CACHE_DIR"] = os.environ.get("NUMBA_CACHE_DIR") or str(Path.home() / ".cache")
    create = [sys.executable, "-m", "serving.keys", "create", "--scope", "score", "--name", "crm"]
    subprocess.run(create, cwd=root, env=settings, check=True, capture_output=True)
    environment = {**settings, "LEAD_BUNDLE_DIR": str(bundle_folder)}
    with serving_at("serving.service:LeadQualification", root, tmp_path / "log.txt", environment) as client:
        status, ready = client.get("/ready")
        assert (status, json.loads(ready)["store"]) == (200, "up")
        assert client.post({"leads": [{"lead_id": "L-1"}]})[0] == 401
    assert {"api_keys.json", "bentoml", "store.db"} <= {path.name for path in state.iterdir()}
