"""The scheduled retrain: one at a time, only when it is time, and its steps' failures are its own."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.errors import LeadQualificationError
from pipeline import retrain
from pipeline.console import BUSY, RECOMMENDED, REFUSED


def test_a_second_run_ends_at_once_and_the_lock_goes_with_its_owner(root: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-m", "pipeline.retrain", "--always"]
    environment = {**os.environ, "PYTHONPATH": str(root), "DVC_NO_ANALYTICS": "1"}

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    with (tmp_path / "data" / ".retrain.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        busy = run()
        assert busy.returncode == BUSY, busy.stdout + busy.stderr
        assert "another retraining is at work" in busy.stdout
    free = run()  # the file is still there; here it fails for a reason of its own: there is no DVC workspace
    assert free.returncode == 1
    assert "`python -m dvc repro labels` failed with exit code" in " ".join(free.stdout.split())


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Stand in for the commands, each tested by itself; `codes` says how they end."""
    seen: dict[str, object] = {"ran": [], "codes": {}}

    def run(command: list[str], **options: object) -> "subprocess.CompletedProcess[bytes]":
        step = " ".join(command[2:])
        seen["ran"].append(step)
        return subprocess.CompletedProcess(command, seen["codes"].get(step, 0))

    monkeypatch.setattr(retrain.subprocess, "run", run)
    return seen


ALL = [
    "pipeline.privacy object",
    "dvc repro labels",
    "pipeline.monitor --log log",
    "dvc repro tracking",
    "pipeline.publish",
]


def test_nothing_is_trained_while_all_is_fine(steps: dict) -> None:
    assert retrain.retrain(Path("data"), Path("log"), always=False) == 0
    assert steps["ran"] == ALL[:3], "objections first, then the outcomes: the monitor judges by them"


def test_a_recommendation_trains_and_publishes(steps: dict) -> None:
    steps["codes"] = {ALL[2]: RECOMMENDED}
    assert retrain.retrain(Path("data"), Path("log"), always=False) == 0
    assert steps["ran"] == ALL


def test_always_asks_nobody_and_the_gate_has_the_last_word(steps: dict) -> None:
    steps["codes"] = {"pipeline.publish": REFUSED}
    assert retrain.retrain(Path("data"), None, always=True) == REFUSED
    assert steps["ran"] == [*ALL[:2], *ALL[3:]]


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4])
def test_a_step_that_fails_stops_the_run(steps: dict, step: int) -> None:
    steps["codes"] = {ALL[2]: RECOMMENDED} | {ALL[step]: 1}
    with pytest.raises(LeadQualificationError, match=f"`python -m {ALL[step]}` failed with exit code 1"):
        retrain.retrain(Path("data"), Path("log"), always=False)
    assert steps["ran"] == ALL[: step + 1]
