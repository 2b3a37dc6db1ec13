"""A start that fails says why in one message; a start that works tells nobody."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def _start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-m", "serving", "--port", "1"],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_champion_one_message_says_what_to_do(root: Path, tmp_path: Path) -> None:
    for package in ("features", "models", "serving"):
        shutil.copytree(root / package, tmp_path / package)
    done = _start(tmp_path)
    assert done.returncode == 1
    assert "The service can't start: no champion to serve: " in done.stderr
    assert "Run `make demo`, which trains and publishes one, or `python -m pipeline.publish`" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_bundle_is_refused_before_the_port_opens(root: Path, bundle_folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "champion"
    shutil.copytree(bundle_folder, damaged)
    with (damaged / "model.txt").open("a", encoding="utf-8") as model:
        model.write("\n# one more line\n")
    done = _start(root, LEAD_BUNDLE_DIR=str(damaged))
    assert done.returncode == 1
    assert "The service can't start: " in done.stderr
    assert "model.txt" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_an_access_log_that_can_not_be_written_is_told(root: Path, bundle_folder: Path, tmp_path: Path) -> None:
    done = _start(root, LEAD_BUNDLE_DIR=str(bundle_folder), LEAD_ACCESS_LOG=str(tmp_path / "none" / "log.txt"))
    assert done.returncode == 1
    assert "log.txt', which can't be written (No such file or directory)" in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_is_reported_to_nobody_where_the_service_is_started_by_its_own_command(root: Path) -> None:
    code = (
        "import os, bentoml\n"
        "bentoml.serve = lambda *a, **k: print(os.environ['BENTOML_DO_NOT_TRACK'], k['host'], k['port'])\n"
        "from serving.__main__ import main\n"
        "main([])"
    )
    kept = {key: value for key, value in os.environ.items() if "TRACK" not in key}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env=kept, check=True)
    assert done.stdout.split() == ["True", "127.0.0.1", "3000"]


def test_a_senseless_number_of_workers_is_refused(root: Path) -> None:
    done = _start(root, LEAD_WORKERS="many")
    assert done.returncode != 0
    assert "LEAD_WORKERS is 'many'; a number from 1 to 256 is expected" in done.stderr
    assert "Traceback" not in done.stderr
