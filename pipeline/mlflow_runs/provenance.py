"""Where a run came from: the state of the code, the hashes of the data, the content of a bundle, and the run's store."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.bundle import bundle_hash
from pipeline.params import read_yaml

__all__ = ["bundle_hash", "data_hashes", "find_repository", "git_state", "read_tracking", "store_addresses"]

# What decides a run. Metrics, plots and dvc.lock change with every run and would make each one look modified.
CODE = ("features", "models", "pipeline", "params.yaml", "dvc.yaml", "requirements.lock")

AFTER_THE_MODEL = ("funnel", "personas", "points", "report", "tracking")


def _git(folder: Path, *arguments: str) -> str | None:
    """Run git; None without git, outside a repository, or before the first commit."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def find_repository(folder: Path) -> Path | None:
    """Find the root of the git repository that a folder belongs to; None outside of one.

    An experiment in a temporary workspace (``dvc exp run --temp`` or ``--queue``) runs in a repository of its own below
    `.dvc/tmp/exps` and belongs to the one around it.

    Parameters
    ----------
    folder : Path
        Any folder.
    """
    folder = folder.resolve()
    for parent in folder.parents:
        if parent.parts[-3:] == (".dvc", "tmp", "exps"):
            return find_repository(parent.parents[2])
    common = _git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(common).parent if common else None


def store_addresses(folder: Path) -> tuple[str, str | None]:
    """Tell where runs are tracked: the store's address, and the folder of artifacts, both absolute.

    Parameters
    ----------
    folder : Path
        The workspace.

    Returns
    -------
    address : str
        `MLFLOW_TRACKING_URI` if set, else a SQLite file beside the git common directory, so that worktrees and temporary
        workspaces share one store; outside a repository, in the workspace.
    artifacts : str or None
        Folder for a new experiment's artifacts; None where the server named by `MLFLOW_TRACKING_URI` decides.
    """
    home = find_repository(folder) or folder.resolve()
    own, named = f"sqlite:///{home / 'mlflow.db'}", os.environ.get("MLFLOW_TRACKING_URI")
    # MLflow itself sets the variable to the store that a process has opened
    return (named, None) if named and named != own else (own, str(home / "mlartifacts"))


def git_state(folder: Path) -> dict[str, str]:
    """Describe the code of a workspace as tags: `git_commit`, and `git_dirty` ("true" when code or parameters differ).

    Empty outside a repository. A workspace below `runs/` is a copy that git ignores, so the repository is asked.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "HEAD")
    if top is None or commit is None:
        return {}
    changed = _git(Path(top), "status", "--porcelain", "--", *CODE)
    return {"git_commit": commit, "git_dirty": "true" if changed else "false"}


def data_hashes(lock: Path) -> dict[str, str]:
    """Read the content hashes that DVC recorded; one entry per output and raw input of the stages that make a model.

    What `report` and `tracking` write is left out: while they run, the file still holds the hashes of their last run.

    Parameters
    ----------
    lock : Path
        `dvc.lock`; an absent one yields nothing.

    Returns
    -------
    dict of str to str
        Path to md5; a folder's hash ends in ``.dir``.
    """
    if not lock.exists():
        return {}
    stages: dict[str, Any] = read_yaml(lock).get("stages", {})
    found: dict[str, str] = {}
    for kind in ("deps", "outs"):
        for name, stage in stages.items():
            for item in stage.get(kind, []) if name not in AFTER_THE_MODEL else []:
                is_code = item["path"].split("/")[0].split(".")[0] in ("features", "models", "pipeline", "serving")
                if "md5" in item and not is_code:
                    found[item["path"]] = item["md5"]
    return dict(sorted(found.items()))


def read_tracking(path: Path) -> dict[str, str]:
    """Read `tracking.json`: which MLflow run and logged model belong to the bundle in this workspace.

    Raises
    ------
    DataError
        If the file is missing or lacks a field.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file, so no run is known. Run `dvc repro` first.")
    content = json.loads(path.read_text(encoding="utf-8"))
    missing = sorted({"run_id", "model_uri", "bundle_sha256"} - set(content))
    if missing:
        raise DataError(f"{path}: {', '.join(missing)} missing. Run `dvc repro --force --single-item tracking`.")
    return {key: str(value) for key, value in content.items()}
