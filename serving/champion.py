"""Which bundle to serve: a folder named by hand, the registry's champion, or the bundle packed beside the code.

The only importer of mlflow in `serving`, and only when a registry is asked: a packed service runs without it.
"""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import BundleError

__all__ = ["BUNDLE_DIR", "MODEL_NAME", "Champion", "find_champion"]

BUNDLE_DIR = "LEAD_BUNDLE_DIR"
MODEL_NAME = "LEAD_MODEL_NAME"
DEFAULT_MODEL_NAME = "lead-qualification"
ALIAS = "champion"
PACKED = Path("data", "champion")
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


def find_champion(root: Path, download_to: Path, environ: Mapping[str, str]) -> Champion:
    """Find the bundle to serve.

    In this order: the folder in ``LEAD_BUNDLE_DIR``; in a Bento the bundle that it carries, so that one Bento always serves
    one version; ``models:/<name>@champion`` of the registry, copied to a local folder; ``data/champion`` beside the code,
    where there is no registry, it does not answer, or it has no champion. The registry is ``MLFLOW_TRACKING_URI``, else the
    SQLite file beside the git common directory.

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
    if packed.is_dir() and (root.parent / "bento.yaml").exists():
        return _labelled(packed, name)
    address = _registry_address(root, environ)
    problem = "there is no registry (no mlflow.db beside the repository, and MLFLOW_TRACKING_URI is not set)"
    if address is not None:
        try:
            return _from_registry(address, name, download_to)
        except BundleError as error:
            problem = str(error)
    if packed.is_dir():
        if address is not None:
            _log.warning("%s; serving the bundle in %s instead.", problem, packed)
        return _labelled(packed, name)
    raise BundleError(
        f"no champion to serve: {problem}, and there is no bundle in {packed}. Run `make demo`, which trains and publishes "
        f"one, or `python -m pipeline.publish`; or set {BUNDLE_DIR} to a bundle's folder."
    )


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


def _from_registry(address: str, name: str, download_to: Path) -> Champion:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # decided when mlflow is imported
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
    )  # a dead server must not hold up the start for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise BundleError(
            f"the registry {address} can't be asked, because mlflow is not installed ({error}); install it, or set {BUNDLE_DIR}"
        ) from error
    for noisy in ("alembic", "mlflow.store"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        version = mlflow.MlflowClient().get_model_version_by_alias(name, ALIAS).version
        logged = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}"))
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0][:300]
        raise BundleError(f"models:/{name}@{ALIAS} can't be read from {address} ({reason})") from error
    bundle = logged / "artifacts" / "bundle"
    if not bundle.is_dir():
        raise BundleError(f"models:/{name}@{ALIAS}, version {version}, holds no bundle")
    folder = download_to / f"{name}-{version}"
    shutil.copytree(bundle, folder)  # a local store hands out its own files, which may go while we serve
    return Champion(folder, name, str(version))
