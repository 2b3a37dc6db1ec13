"""The registry of models: which version is the champion, and its bundle. The only importer of mlflow in `serving`.

It is imported only when a registry is asked: a packed service runs without it.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import BundleError
from models.analyses import FOLDER
from models.bundle import bundle_hash

__all__ = [
    "Champion",
    "Registered",
    "RegistryError",
    "champion_version",
    "describe_versions",
    "fetch",
    "registry_address",
    "versions",
]

ALIAS = "champion"
SHA256 = "bundle_sha256"
MOST_VERSIONS = 20


@dataclass(frozen=True)
class Champion:
    """A bundle in a local folder, and what to call it.

    Attributes
    ----------
    folder : Path
        The bundle.
    name, version : str
        Registered name and version; the version is ``unregistered`` for a bundle without one.
    """

    folder: Path
    name: str
    version: str


@dataclass(frozen=True)
class Registered:
    """A registered version.

    Attributes
    ----------
    name, version : str
        What it is called.
    sha256 : str or None
        The bundle's hash as publishing tagged it; None: it did not.
    run_id : str or None
        The MLflow run that holds the analyses; None: not known.
    """

    name: str
    version: str
    sha256: str | None
    run_id: str | None = None


class RegistryError(BundleError):
    """The registry does not answer, or has no champion."""


def registry_address(root: Path, environ: Mapping[str, str]) -> str | None:
    """Name the registry: ``MLFLOW_TRACKING_URI``, else the SQLite file beside the git common directory; None: there is none."""
    address = environ.get("MLFLOW_TRACKING_URI")
    if address:
        return address
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        home = Path(done.stdout.strip()).parent if done.returncode == 0 else root
    except FileNotFoundError:  # no git on this machine
        home = root
    store = home / "mlflow.db"
    return f"sqlite:///{store}" if store.exists() else None


def champion_version(address: str, name: str) -> Registered:
    """Ask the registry which version is the champion.

    Raises
    ------
    RegistryError
        It does not answer, or has none.
    """
    mlflow = _mlflow(address)
    try:
        return _registered(mlflow.MlflowClient().get_model_version_by_alias(name, ALIAS))
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}@{ALIAS}", address, error) from error


def versions(address: str, name: str) -> list[Registered]:
    """List the newest registered versions, the newest first.

    Raises
    ------
    RegistryError
        It does not answer.
    """
    mlflow = _mlflow(address)
    try:
        model_versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'", max_results=MOST_VERSIONS)
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}", address, error) from error
    return sorted(map(_registered, model_versions), key=lambda item: int(item.version), reverse=True)


def describe_versions(address: str, name: str) -> list[dict[str, Any]]:
    """Describe the newest registered versions, the newest first, as JSON values.

    Returns
    -------
    list of dict
        ``version``; ``aliases``, such as champion and challenger; ``created_at`` in UTC microseconds; ``run_id`` or None;
        ``decision`` and ``verdict`` of the gate, or None where it has not decided.

    Raises
    ------
    RegistryError
        It does not answer.
    """
    mlflow = _mlflow(address)
    try:
        client = mlflow.MlflowClient()
        aliases = client.get_registered_model(name).aliases
        found = client.search_model_versions(f"name = '{name}'", max_results=MOST_VERSIONS)
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}", address, error) from error
    described = [
        {
            "version": str(item.version),
            "aliases": sorted(alias for alias, version in aliases.items() if str(version) == str(item.version)),
            "created_at": int(item.creation_timestamp) * 1000,
            "run_id": item.run_id or None,
            "decision": item.tags.get("decision"),
            "verdict": item.tags.get("verdict"),
        }
        for item in found
    ]
    return sorted(described, key=lambda item: int(item["version"]), reverse=True)


def fetch(address: str, registered: Registered, to: Path) -> Champion:
    """Copy a version's bundle, and the analyses published with it, to a folder of its own; nothing is loaded.

    Parameters
    ----------
    address : str
        Registry.
    registered : Registered
        Which version.
    to : Path
        Holds one folder per version.

    Raises
    ------
    RegistryError
        The registry or its artifact store does not answer.
    BundleError
        It holds no bundle, or not the one that was registered.
    """
    mlflow, name, version = _mlflow(address), registered.name, registered.version
    folder = to / f"{name}-{version}"
    try:
        to.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to) as scratch:
            logged = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=scratch))
            bundle = logged / "artifacts" / "bundle"
            if not bundle.is_dir():
                raise BundleError(f"models:/{name}, version {version}, holds no bundle")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(bundle, folder)
            _fetch_analyses(mlflow, registered, folder, Path(scratch))
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}/{version}", address, error) from error
    if registered.sha256 is not None and bundle_hash(folder) != registered.sha256:
        shutil.rmtree(folder)
        raise BundleError(
            f"models:/{name}, version {version}, is not the bundle that was registered: its checksum differs from the tag "
            f"{SHA256}. Register it again"
        )
    return Champion(folder, name, version)


def _fetch_analyses(mlflow: Any, registered: Registered, folder: Path, scratch: Path) -> None:
    """Copy the run's analyses beside the bundle's files; a run without them is one of an older version."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    if registered.run_id is None or not mlflow.MlflowClient().list_artifacts(registered.run_id, FOLDER):
        return
    fetched = mlflow.artifacts.download_artifacts(
        run_id=registered.run_id, artifact_path=FOLDER, dst_path=str(scratch / "run")
    )
    shutil.move(fetched, folder / FOLDER)


def _registered(version: Any) -> Registered:
    return Registered(str(version.name), str(version.version), version.tags.get(SHA256), version.run_id or None)


def _unreadable(what: str, address: str, error: Exception) -> RegistryError:
    return RegistryError(f"{what} can't be read from {address} ({str(error).splitlines()[0][:300]})")


def _mlflow(address: str) -> Any:
    """Import mlflow and point it at the registry."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # decided when mlflow is imported
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # A dead server must not hold up the start for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        import mlflow
    except ImportError as error:
        raise RegistryError(
            f"the registry {address} can't be asked, because mlflow is not installed ({error}); install it, or set "
            "LEAD_BUNDLE_DIR"
        ) from error
    for noisy in ("alembic", "mlflow.store"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return mlflow
