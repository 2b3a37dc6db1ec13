"""A workspace of its own for a preset, or for another size of the simulated company: the repository's own run stays untouched.

The repository's `params.yaml` is overlaid with `pipeline/presets/<name>.yaml`; code and stages are copied as they are. A preset
names the folder of its raw files (`ingest.raw_dir`); one that names none leaves them to the stage `simulate`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from features.errors import DataError, ParameterError
from pipeline.params import dump_yaml, load_params, read_yaml

__all__ = ["data_folder", "make_workspace", "overlay", "presets", "resized_workspace"]

PURPOSES = "purposes"
CODE = ("features", "models", "pipeline", "serving", "bench", PURPOSES)
FILES = ("dvc.yaml", ".dvcignore", "pyproject.toml")
KEPT = ("persona_names.yaml",)
"""What people write in a workspace: copied once, and theirs from then on."""
# Mappings whose names a source gives itself: one source's selectors mean nothing to another.
REPLACED = ("selectors", "interactions")


def presets(repository: Path) -> list[str]:
    """List the sources that have a preset, sorted."""
    return sorted(path.stem for path in (repository / "pipeline" / "presets").glob("*.yaml"))


def data_folder(repository: Path) -> Path:
    """Find the folder of real data sets: `LEAD_DATA_DIR`, else `shared/data` beside the repository."""
    return Path(os.environ.get("LEAD_DATA_DIR") or repository.parent / "shared" / "data").resolve()


def overlay(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay `changes` over `base`: mappings merge key by key, anything else (null too) replaces, and so do `REPLACED` mappings.

    Examples
    --------
    >>> overlay({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": None}})
    {'a': {'x': 1, 'y': None}, 'b': 3}
    """
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merge = key not in REPLACED and isinstance(old, dict) and isinstance(value, dict)
        merged[key] = overlay(old or {}, value) if merge else value
    return merged


def _raw_folder(repository: Path, source: str, name: str) -> Path:
    own = repository / name  # what `init` wrote for files below the repository
    folder = own if own.is_dir() else data_folder(repository) / name
    if not folder.is_dir():
        raise DataError(
            f"source {source!r}: its files are not at {folder}. Put the data set there, or name the folder that holds "
            "the data sets in LEAD_DATA_DIR. Without them, `make demo` runs on the simulator."
        )
    return folder


def make_workspace(repository: Path, source: str) -> Path:
    """Make or refresh `runs/<source>` and return it.

    Parameters
    ----------
    repository : Path
        The repository's root.
    source : str
        The name of a preset; usually that of its source.

    Raises
    ------
    ParameterError
        If there is no such preset.
    DataError
        If the source's files are absent.
    """
    if source not in presets(repository):
        raise ParameterError(
            f"source {source!r} has no preset. Allowed: {', '.join(presets(repository))}. "
            "For your own files run `python -m pipeline.init FILES...` first; docs/your-own-data.md."
        )
    preset = read_yaml(repository / "pipeline" / "presets" / f"{source}.yaml")
    params = overlay(read_yaml(repository / "params.yaml"), preset)
    published = params.pop("published", None)
    if "raw_dir" in preset.get("ingest", {}):
        params["ingest"]["raw_dir"] = str(_raw_folder(repository, source, preset["ingest"]["raw_dir"]))
    return _write(repository, source, params, published)


def resized_workspace(repository: Path, leads: int) -> Path:
    """Make or refresh ``runs/simulated_<leads>``: the simulated company of `params.yaml` in another size, and return it.

    What sales can work in a week grows with the company. Its models are registered under a name of their own.

    Parameters
    ----------
    repository : Path
        The repository's root; itself the answer when `params.yaml` has that size already.
    leads : int
        Leads of the company.

    Raises
    ------
    ParameterError
        If `params.yaml` reads another source, or the number is out of range.
    """
    params = load_params(("ingest", "simulator", "capacity", "publish"), repository / "params.yaml")
    if params.ingest.source != "simulated":
        raise ParameterError(
            f"--leads {leads}: params.yaml reads the source {params.ingest.source!r}, whose leads are counted as they come. "
            "Only the source 'simulated' has a size; leave --leads out."
        )
    if leads == params.simulator.leads:
        return repository
    changes: dict[str, Any] = {
        "simulator": {"leads": leads},
        "publish": {"model_name": f"{params.publish.model_name}-simulated-{leads}"},
    }
    if params.capacity.leads_per_week is not None:
        per_lead = params.capacity.leads_per_week / params.simulator.leads
        changes["capacity"] = {"leads_per_week": float(f"{leads * per_lead:.4g}")}
    workspace = _write(repository, f"simulated_{leads}", overlay(read_yaml(repository / "params.yaml"), changes), None)
    load_params(("simulator",), workspace / "params.yaml")
    return workspace


def _write(repository: Path, name: str, params: dict[str, Any], published: dict[str, Any] | None) -> Path:
    workspace = repository / "runs" / name
    workspace.mkdir(parents=True, exist_ok=True)
    for folder in CODE:
        if folder == PURPOSES:
            _copy_newer(repository / folder, workspace / folder)
            continue
        shutil.rmtree(workspace / folder, ignore_errors=True)
        shutil.copytree(repository / folder, workspace / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy2(repository / file, workspace / file)
    for file in KEPT:
        if not (workspace / file).exists():
            shutil.copy2(repository / file, workspace / file)
    (workspace / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    if published is not None:
        (workspace / "published.yaml").write_text(dump_yaml(published), encoding="utf-8")
    if not (workspace / ".dvc").exists():
        # The folder is ignored by git, which DVC takes for a mistake unless told that git is none of its business.
        subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=workspace, check=True)
    shutil.copytree(repository / ".dvc" / "plots", workspace / ".dvc" / "plots", dirs_exist_ok=True)
    return workspace


def _copy_newer(folder: Path, target: Path) -> None:
    """Copy files that are newer than those of the same name; what a person edited in the workspace stays."""
    target.mkdir(exist_ok=True)
    for file in sorted(folder.glob("*.yaml")):
        old = target / file.name
        if not old.exists() or old.stat().st_mtime < file.stat().st_mtime:
            shutil.copy2(file, old)
