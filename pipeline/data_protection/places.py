"""Where traces of a person can be: the files of a workspace and of the workspaces below it, DVC's cache, MLflow's store."""

import os
import re
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from models.data_protection.folder import privacy_folder
from models.monitoring.score_log import FOLDER
from pipeline.mlflow_runs.provenance import store_addresses
from pipeline.mlflow_runs.store import artifact_places
from pipeline.params import read_yaml

__all__ = ["Places", "places_of"]

OUTPUTS = ("data", "reports", "metrics", "plots", "exports")
REMOTE = re.compile(r"""\['remote "(?P<name>.+)"'\]""")


@dataclass(frozen=True)
class Places:
    """Folders and files to look into.

    Attributes
    ----------
    folders : tuple of Path
        Their files can be rewritten.
    caches : tuple of Path
        DVC's caches, whose files are addressed by their content and can only be removed.
    mlflow : tuple of Path
        MLflow's database on this machine, which is searched; its words on data sets are overwritten. Its artifacts are in
        `folders`.
    beyond : tuple of str
        What no command here reaches, and what to do there.
    """

    folders: tuple[Path, ...]
    caches: tuple[Path, ...]
    mlflow: tuple[Path, ...]
    beyond: tuple[str, ...]

    def files(self) -> list[Path]:
        """List the files of `folders`, each once, sorted."""
        return sorted({file for folder in self.folders for file in _files(folder)})

    def cached(self) -> list[Path]:
        """List the objects of DVC's caches, but for their indexes of folders, which hold names and hashes."""
        return sorted(file for cache in self.caches for file in _files(cache / "files") if file.suffix != ".dir")

    def tracked(self) -> list[Path]:
        """List MLflow's files."""
        return sorted(file for place in self.mlflow for file in _files(place))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, names, files in os.walk(place):
        names[:] = [name for name in names if name not in (".git", "__pycache__")]
        yield from (Path(folder, name) for name in files if not Path(folder, name).is_symlink())


def places_of(workspace: Path, also: Sequence[Path] = ()) -> Places:
    """Find the places of a workspace by `params.yaml`, DVC's configuration, and the experiments of MLflow's store.

    Parameters
    ----------
    workspace : Path
        A folder with `params.yaml`: the repository, or one below its `runs`.
    also : sequence of Path
        Further folders with exports, such as a share for colleagues.
    """
    folders, caches = [*also], list[Path]()
    for place in (workspace, *sorted((workspace / "runs").glob("*/"))):
        caches.append(_cache_of(place))
        folders += [place / name for name in OUTPUTS]
        params = place / "params.yaml"
        if params.exists():
            values = read_yaml(params)
            named = [values.get("ingest", {}).get("raw_dir"), *values.get("paths", {}).values()]
            folders += [place / str(folder) for folder in named if folder]
    log = os.environ.get(FOLDER)
    folders += [Path(log)] if log else []
    folders.append(workspace / ".dvc" / "tmp" / "exps")
    address, artifacts = store_addresses(workspace)
    folders += [Path(artifacts)] if artifacts is not None else []
    artifact_folders, elsewhere = _artifacts(workspace)
    folders += artifact_folders
    mlflow = [Path(address.removeprefix("sqlite:///"))] if address.startswith("sqlite:///") else []
    beyond = [
        *_remotes(workspace),
        *elsewhere,
        "backups of this machine, of the store and of the keys' folder: let them expire, or erase again after one is restored",
        "files that were downloaded or mailed: tell those who have them (GDPR Art. 19)",
    ]
    if not address.startswith("sqlite:///"):
        beyond.append(
            f"MLflow at {address}: no run holds rows of a lead, but look for tags and artifacts that people added"
        )
    kept = {folder.resolve() for folder in folders if folder.exists()} - {privacy_folder(workspace).resolve()}
    caches = [cache for cache in dict.fromkeys(caches) if cache.is_dir()]
    return Places(tuple(sorted(kept)), tuple(caches), tuple(mlflow), tuple(beyond))


def _artifacts(workspace: Path) -> tuple[list[Path], list[str]]:
    """Give the folders with artifacts of MLflow's store on this machine, and what to do about those elsewhere."""
    places = artifact_places(workspace)
    folders = [Path(place) for place in places if Path(place).is_dir()]
    elsewhere = [
        f"MLflow's artifacts at {place}: no run of this product names a lead in them; look for files that people added"
        for place in places
        if not Path(place).is_dir()
    ]
    return folders, elsewhere


def _cache_of(place: Path) -> Path:
    """Give the folder of DVC's cache: as configured, later files before earlier ones, else beside DVC's configuration."""
    folder = place / ".dvc" / "cache"
    for path in (place / ".dvc" / "config", place / ".dvc" / "config.local"):
        config = ConfigParser(interpolation=None)
        config.read(path, encoding="utf-8")
        if config.has_option("cache", "dir"):
            folder = (path.parent / config.get("cache", "dir")).resolve()
    return folder


def _remotes(workspace: Path) -> list[str]:
    names = [
        match["name"]
        for path in (workspace / ".dvc" / "config", workspace / ".dvc" / "config.local")
        if path.exists()
        for match in REMOTE.finditer(path.read_text(encoding="utf-8"))
    ]
    return [
        f"DVC's remote {name!r}, if a `dvc push` went there: `dvc push -r {name}` after the next `dvc repro`, then "
        f"`dvc gc --workspace --cloud -r {name}`, in every clone that pushes there"
        for name in names
    ]
