"""Companies that come as an export: `init` writes their source and preset, the stages their features.

`first_export` is the case of that name beside the data sets (five months of a German CRM); `made_export` is made up by
`bench.models.made_export`. Both are read as a stranger's files are: `python -m pipeline.init FILES --yes`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from bench.models.made_export import write_export
from bench.models.sets import SECTIONS, ModelSet
from features.errors import DataError
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.params import load_params
from pipeline.tables.split_file import read_split
from pipeline.workspaces.workspace import data_folder, overlay

__all__ = ["EXPORTS", "load_export"]

EXPORTS = ("first_export", "made_export")
STAGES = ("ingest", "snapshots", "labels", "split", "audit", "build_features")
GROUPS = {"features": {"groups": ["engagement", "rhythm", "path", "sales", "stages", "attributes"]}}
"""Without the buyer profile, which knows other leads than those of a draw."""


def load_export(repository: Path, name: str) -> ModelSet:
    """Read an export with `init` and compute its features in ``runs/curve_<name>``, unless they are there.

    Parameters
    ----------
    repository : Path
        The repository's root.
    name : str
        One of `EXPORTS`.

    Raises
    ------
    DataError
        The case's files are absent.
    """
    workspace = repository / "runs" / f"curve_{name}"
    if not (workspace / "data" / "features" / "state.json").exists():
        _build(repository, workspace, name)
    sections = load_params(SECTIONS, workspace / "params.yaml")
    rows = read_labelled_rows(workspace / "data")
    sections = sections.model_copy(update={"split": read_split(workspace / "metrics")})
    return ModelSet(name, rows.matrix, rows.frame, rows.catalog, sections, rows.export.ordinal, workspace / "data")


def _build(repository: Path, workspace: Path, name: str) -> None:
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "pipeline", workspace / "pipeline", ignore=ignored)  # `init` writes a source there
    for package in ("features", "models"):
        (workspace / package).symlink_to(repository / package)
    shutil.copy2(repository / "params.yaml", workspace / "params.yaml")
    files = write_export(workspace / "export") if name == "made_export" else _case(repository, name)

    def run(*arguments: str) -> None:
        private = str(workspace / "privacy")  # the keys that `init` makes are of this bench alone
        environment = {**os.environ, "PYTHONPATH": str(workspace), "LEAD_PRIVACY_DIR": private}
        subprocess.run([sys.executable, "-m", *arguments], cwd=workspace, check=True, env=environment)

    run("pipeline.init", *map(str, files), "--name", name, "--yes")
    preset = yaml.safe_load((workspace / "pipeline" / "presets" / f"{name}.yaml").read_text(encoding="utf-8"))
    params = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
    # Pseudonyms under a random key would order rows, and so folds, in another way each time
    changes = overlay(GROUPS, {"privacy": {"ids": "as_given"}})
    text = yaml.safe_dump(overlay(overlay(params, preset), changes), sort_keys=False, allow_unicode=True)
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    for stage in STAGES:
        run(f"pipeline.{stage}")


def _case(repository: Path, name: str) -> list[Path]:
    folder = data_folder(repository).parent / "cases" / name
    files = sorted(folder.glob("*.csv"), reverse=True)  # people before what they did
    if not files:
        raise DataError(f"{folder}: no CSV files. The case stands beside the folder of data sets, see LEAD_DATA_DIR.")
    return files
