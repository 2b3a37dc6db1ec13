"""Where a run came from: the state of the code, hashes of data and bundle, and the run's store."""

import json
import subprocess
from pathlib import Path

import pytest

from features.errors import BundleError, DataError
from pipeline.mlflow_runs.provenance import (
    bundle_hash,
    data_hashes,
    find_repository,
    git_state,
    read_tracking,
    store_addresses,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "company"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "params.yaml").write_text("a: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "First")
    return folder


def test_the_store_is_beside_the_repository_also_from_worktrees_and_temporary_experiments(repository: Path) -> None:
    expected = (f"sqlite:///{repository / 'mlflow.db'}", str(repository / "mlartifacts"))
    worktree = repository.parent / "worktree"
    git(repository, "worktree", "add", "-q", str(worktree))
    experiment = repository / ".dvc" / "tmp" / "exps" / "standalone" / "tmpab12"
    experiment.mkdir(parents=True)
    git(experiment, "init", "-q")
    inside = repository / "runs" / "olist"
    inside.mkdir(parents=True)
    for folder in (repository, worktree, experiment, inside):
        assert store_addresses(folder) == expected, folder


def test_the_store_is_where_the_environment_says_or_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert find_repository(tmp_path) is None
    assert store_addresses(tmp_path) == (f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path / "mlartifacts"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001")
    assert store_addresses(tmp_path) == ("http://127.0.0.1:5001", None)
    # MLflow sets the variable to the store that was opened; that changes nothing
    own = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own)
    assert store_addresses(tmp_path) == (own, str(tmp_path / "mlartifacts"))


def test_dirty_means_changed_code_or_parameters_not_new_results(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "metrics").mkdir()
    (repository / "metrics" / "evaluate.json").write_text("{}")
    assert git_state(repository) == {"git_commit": commit, "git_dirty": "false"}
    (repository / "params.yaml").write_text("a: 2\n")
    assert git_state(repository)["git_dirty"] == "true"
    assert git_state(repository / "metrics") == git_state(repository)


def test_outside_of_git_nothing_is_claimed(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}
    assert data_hashes(tmp_path / "dvc.lock") == {}


def test_the_bundle_hash_changes_with_any_byte_but_not_with_provenance(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("tree")
    before = bundle_hash(tmp_path)
    (tmp_path / "provenance.json").write_text("{}")
    assert bundle_hash(tmp_path) == before
    (tmp_path / "model.txt").write_text("tree2")
    assert bundle_hash(tmp_path) != before
    with pytest.raises(BundleError, match="no bundle here"):
        bundle_hash(tmp_path / "nothing")


def test_a_missing_or_foreign_tracking_record_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Run `dvc repro` first"):
        read_tracking(tmp_path / "tracking.json")
    (tmp_path / "tracking.json").write_text(json.dumps({"run_id": "r"}))
    with pytest.raises(DataError, match="bundle_sha256, model_uri missing"):
        read_tracking(tmp_path / "tracking.json")
