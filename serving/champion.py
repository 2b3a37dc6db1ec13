"""Which bundle to serve: a folder named by hand, the registry's champion, or the bundle packed beside the code.

The only importer of mlflow in `serving`, and only when a registry is asked: a packed service runs without it.
"""

import json
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
from models.bundle import Bundle, bundle_hash

__all__ = [
    "BUNDLE_DIR",
    "MODEL_NAME",
    "Champion",
    "RegistryError",
    "champion_version",
    "fetch",
    "find_champion",
    "followed_registry",
    "keep",
    "last_good",
]

BUNDLE_DIR = "LEAD_BUNDLE_DIR"
MODEL_NAME = "LEAD_MODEL_NAME"
DEFAULT_MODEL_NAME = "lead-qualification"
ALIAS = "champion"
PACKED = Path("data", "champion")
LAST_GOOD_DIR = "LEAD_LAST_GOOD_DIR"
LAST_GOOD = Path("data", "last_champion")
UNREGISTERED = "unregistered"

_log = logging.getLogger("bentoml.lead_qualification.champion")


@dataclass(frozen=True)
class Champion:
    """A bundle in a local folder, and what to call it.

    Attributes
    ----------
    folder : Path
        The bundle.
    name, version : str
        Registered name and version; the version is ``unregistered`` for a bundle that tells none.
    """

    folder: Path
    name: str
    version: str


class RegistryError(BundleError):
    """The registry does not answer, or has no champion."""


def find_champion(root: Path, download_to: Path, environ: Mapping[str, str]) -> Champion:
    """Find the bundle to serve.

    In this order: the folder in ``LEAD_BUNDLE_DIR``; in a Bento the bundle that it carries, so that one Bento always serves
    one version; ``models:/<name>@champion`` of the registry, copied to a local folder. Where there is no registry, it does not
    answer, it has no champion or a damaged one: the last that was fetched (``LEAD_LAST_GOOD_DIR``, else
    ``data/last_champion``), else ``data/champion`` beside the code. The registry is ``MLFLOW_TRACKING_URI``, else the SQLite
    file beside the git common directory.

    Parameters
    ----------
    root : Path
        The folder that holds the packages: the repository, or a Bento's sources.
    download_to : Path
        Folder of this process alone; bundles from the registry are copied into it.
    environ : mapping of str to str
        The environment variables.

    Returns
    -------
    Champion

    Raises
    ------
    BundleError
        There is none, or ``LEAD_BUNDLE_DIR`` is not a folder; says how to get one.
    """
    name = environ.get(MODEL_NAME) or DEFAULT_MODEL_NAME
    by_hand = environ.get(BUNDLE_DIR)
    if by_hand:
        folder = Path(by_hand).expanduser()
        if not folder.is_dir():
            raise BundleError(
                f"{BUNDLE_DIR} is {by_hand!r}, which is not a folder. Name a bundle's folder, such as data/bundle, or unset "
                "it to serve the registry's champion."
            )
        return _labelled(folder.resolve(), name)
    packed = root / PACKED
    if _is_bento(root):
        return _labelled(packed, name)
    address = followed_registry(root, environ)
    problem = "there is no registry (no mlflow.db beside the repository, and MLFLOW_TRACKING_URI is not set)"
    if address is not None:
        try:
            champion = fetch(address, name, champion_version(address, name), download_to)
            keep(champion, last_good(root, environ))
            return champion
        except BundleError as error:
            problem = str(error)
    for folder in (last_good(root, environ), packed):
        if folder.is_dir() and (folder == packed or _is_whole(folder)):
            if address is not None:
                _log.warning("%s; serving the bundle in %s instead.", problem, folder)
            return _labelled(folder, name)
    raise BundleError(
        f"no champion to serve: {problem}, and there is no bundle in {packed}. Run `make demo`, which trains and publishes "
        f"one, or `python -m pipeline.publish`; or set {BUNDLE_DIR} to a bundle's folder."
    )


def followed_registry(root: Path, environ: Mapping[str, str]) -> str | None:
    """Name the registry whose champion is followed; None where a folder or a Bento pins the bundle, or there is none.

    Parameters
    ----------
    root, environ
        As for `find_champion`.
    """
    return None if environ.get(BUNDLE_DIR) or _is_bento(root) else _registry_address(root, environ)


def last_good(root: Path, environ: Mapping[str, str]) -> Path:
    """Tell where the last champion that was fetched is kept."""
    by_hand = environ.get(LAST_GOOD_DIR)
    return Path(by_hand).expanduser() if by_hand else root / LAST_GOOD


def keep(champion: Champion, folder: Path) -> None:
    """Keep a copy of a champion for a start without the registry; a failure is told, and no reason to stop.

    Parameters
    ----------
    champion : Champion
        Verified.
    folder : Path
        What it replaces.
    """
    partial, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{what}") for what in ("partial", "old"))
    try:
        for path in (partial, old):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(champion.folder, partial)
        (partial / "provenance.json").write_text(
            json.dumps({"name": champion.name, "version": champion.version}), encoding="utf-8"
        )
        if folder.is_dir():
            folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        _log.warning(
            "the champion can't be kept in %s (%s); a start without the registry would not find it.", folder, error
        )


def _is_bento(root: Path) -> bool:
    return (root / PACKED).is_dir() and (root.parent / "bento.yaml").exists()


def _is_whole(folder: Path) -> bool:
    try:
        Bundle.load(folder)
    except BundleError as error:
        _log.warning("the last champion that was fetched is not used: %s", error)
        return False
    return True


def _labelled(folder: Path, name: str) -> Champion:
    """Read name and version from the `provenance.json` that publishing put beside the bundle."""
    path = folder / "provenance.json"
    if not path.exists():
        return Champion(folder, name, UNREGISTERED)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return Champion(folder, str(known.get("name") or name), str(known.get("version") or UNREGISTERED))
    except (ValueError, AttributeError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Publish again, or delete the file.") from error


def _registry_address(root: Path, environ: Mapping[str, str]) -> str | None:
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


def champion_version(address: str, name: str) -> str:
    """Ask the registry which version is the champion.

    Raises
    ------
    RegistryError
        It does not answer, or has none.
    """
    mlflow = _mlflow(address)
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(name, ALIAS).version)
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}@{ALIAS}", address, error) from error


def fetch(address: str, name: str, version: str, to: Path) -> Champion:
    """Copy a version's bundle from the registry to a folder of its own, and verify it.

    Parameters
    ----------
    address, name, version : str
        Registry, registered name and version.
    to : Path
        Holds one folder per version.

    Raises
    ------
    RegistryError
        The registry or its artifact store does not answer.
    BundleError
        It holds no bundle, or one that does not match its checksums, or not the one that was registered.
    """
    mlflow = _mlflow(address)
    folder = to / f"{name}-{version}"
    try:
        tags = mlflow.MlflowClient().get_model_version(name, version).tags
        to.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to) as scratch:
            logged = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=scratch))
            bundle = logged / "artifacts" / "bundle"
            if not bundle.is_dir():
                raise BundleError(f"models:/{name}, version {version}, holds no bundle")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(bundle, folder)
    except (mlflow.MlflowException, OSError) as error:
        raise _unreadable(f"models:/{name}/{version}", address, error) from error
    registered = tags.get("bundle_sha256")
    if registered is not None and bundle_hash(folder) != registered:
        shutil.rmtree(folder)
        raise BundleError(
            f"models:/{name}, version {version}, is not the bundle that was registered: its checksum differs from the tag "
            "bundle_sha256. Register it again"
        )
    try:
        Bundle.load(folder)
    except BundleError:
        shutil.rmtree(folder)
        raise
    return Champion(folder, name, version)


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
            f"the registry {address} can't be asked, because mlflow is not installed ({error}); install it, or set {BUNDLE_DIR}"
        ) from error
    for noisy in ("alembic", "mlflow.store"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return mlflow
