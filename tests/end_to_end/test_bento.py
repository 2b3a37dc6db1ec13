"""A Bento holds only what serving needs, and serves without the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENTOML = str(Path(sys.executable).with_name("bentoml"))


@pytest.fixture(scope="module")
def bento(root: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a Bento from a copy of the code, with data beside it that must not be packed."""
    home = tmp_path_factory.mktemp("bento")
    code = home / "code"
    for package in ("features", "models", "serving", "pipeline"):
        shutil.copytree(root / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "docs/scoring-api.md"):
        (code / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, code / name)
    shutil.copytree(bundle_folder, code / "data" / "champion")
    for name in ("data/raw/leads.csv", ".dvc/cache/files/a1", "data/champion.old/model.txt", "tests/serving/test_x.py"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text("private", encoding="utf-8")
    environment = {**os.environ, "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(
        [BENTOML, "build", "--version", "test"], cwd=code, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    built = home / "elsewhere" / "bento"
    shutil.copytree(home / "bentoml" / "bentos" / "lead_qualification" / "test", built)
    shutil.rmtree(code)  # nothing may be read from there any more
    return built


def test_only_the_service_and_the_champion_are_packed(bento: Path, bundle_folder: Path) -> None:
    packed = {path.relative_to(bento / "src").as_posix() for path in (bento / "src").rglob("*") if path.is_file()}
    assert {name.split("/")[0] for name in packed} == {"features", "models", "serving", "data", "bentofile.yaml"}
    champion = {
        f"data/champion/{path.relative_to(bundle_folder).as_posix()}"
        for path in bundle_folder.rglob("*")
        if path.is_file()
    }
    assert {name for name in packed if name.startswith("data/")} == champion


def test_the_bento_serves_from_another_folder(
    bento: Path, service: Any, serving_at: Any, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    environment = {"LEAD_WORKERS": "1", "BENTOML_HOME": str(tmp_path / "bentoml")}
    with serving_at(str(bento), tmp_path, tmp_path / "log.txt", environment) as client:
        status, answer = client.post({"leads": leads, "debug": True})
    assert (status, answer) == service.post({"leads": leads, "debug": True})


def test_packages_are_at_the_locked_versions(root: Path, bento: Path) -> None:
    text = (root / "bentofile.yaml").read_text(encoding="utf-8")
    wanted = re.findall(r"^ +- ([a-z-]+==\S+.*)$", text, re.MULTILINE)
    lock = "".join((root / f"requirements{group}.lock").read_text(encoding="utf-8") for group in ("", "-postgres"))
    assert len(wanted) > 5
    locked = {line.removesuffix(" \\") for line in lock.splitlines()}
    assert [line for line in wanted if line not in locked] == []
    packed = (bento / "env" / "python" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {_plain(line) for line in wanted} <= {_plain(line) for line in packed}


def _plain(requirement: str) -> str:
    return requirement.replace('"', "'").replace(" ;", ";")
