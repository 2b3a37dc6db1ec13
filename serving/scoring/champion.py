"""Which bundle of a model to serve: the one in its folder, the registry's champion, or the bundle packed with the code.

None is loaded here: a child process checks each one first (`serving.scoring.model_check`).
"""

import datetime as dt
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from features.errors import BundleError
from models.bundle import NO_CHAMPION, bundle_hash
from models.bundle_files import parse_object, read_text
from serving.scoring.model_check import ModelRefusedError, check_model
from serving.scoring.refused_models import RefusedModel, RefusedModels, reader
from serving.scoring.registry import Champion, Registered, champion_version, fetch, registry_address
from serving.scoring.served_models import BUNDLE_DIR, PACKED, ServedModel, default_model

__all__ = [
    "champion_in_folder",
    "fetch_checked",
    "find_champion",
    "refused_models",
    "save_last_good",
    "watched_registry",
]

Check = Callable[[Path], None]

REFUSED = "LEAD_REFUSED_MODELS"
REFUSED_FILE = "refused_models.json"
UNREGISTERED = "unregistered"

_log = logging.getLogger("bentoml.lead_qualification.champion")


def find_champion(
    root: Path,
    download_to: Path,
    environ: Mapping[str, str],
    check: Check = check_model,
    served: ServedModel | None = None,
) -> Champion:
    """Find the bundle of a model to serve.

    In this order: its folder; in a Bento the bundle that it carries, so that one Bento always serves
    one version; ``models:/<name>@champion`` of the registry, copied to a local folder. Where there is no registry, it does not
    answer, it has no champion or a damaged one: the last that was fetched (``LEAD_LAST_GOOD_DIR``, else
    ``data/last_champion``), else ``data/champion`` beside the code, where that is this model's. The registry is
    ``MLFLOW_TRACKING_URI``, else the SQLite file beside the git common directory.

    Parameters
    ----------
    root : Path
        The folder that holds the packages: the repository, or a Bento's sources.
    download_to : Path
        Folder of this process alone; bundles from the registry are copied into it.
    environ : mapping of str to str
        The environment variables.
    check : callable
        Lets a child process check the bundle in a folder; this one loads none.
    served : ServedModel, optional
        The model; None: the one that a request without a model means.

    Returns
    -------
    Champion

    Raises
    ------
    BundleError
        There is none that can be served, or the model's folder is not there; says how to get one.
    ParameterError
        ``LEAD_MODELS`` can't be understood.
    """
    served = served or default_model(root, environ)
    name, folder = served.registered, served.folder
    if folder is not None:
        if not folder.is_dir():
            said = f"{served.setting} is" if served.setting == BUNDLE_DIR else f"{served.setting}: {served.name} is"
            raise BundleError(
                f"{said} {str(folder)!r}, which is not a folder. Name a bundle's folder, such as data/bundle, or unset "
                "it to serve the registry's champion."
            )
        check(folder)
        return champion_in_folder(folder.resolve(), name)
    packed, kept = served.packed, served.last_good
    if packed is not None and _is_bento(root):
        check(packed)
        return champion_in_folder(packed, name)
    address = watched_registry(root, environ, served)
    problem = "there is no registry (no mlflow.db beside the repository, and MLFLOW_TRACKING_URI is not set)"
    if address is not None:
        try:
            champion = fetch_checked(
                address, champion_version(address, name), download_to, refused_models(root, environ), check
            )
            save_last_good(champion, kept)
            return champion
        except BundleError as error:
            problem = str(error)
    for folder in (kept, packed):
        if folder is None or not folder.is_dir():
            continue
        try:
            check(folder)
            champion = champion_in_folder(folder, name)
        except BundleError as error:
            problem = f"{problem}; and the bundle in {folder} can't be served: {error}"
            continue
        if address is not None:
            _log.warning("%s; serving the bundle in %s instead.", problem, folder)
        return champion
    raise BundleError(
        f"no champion to serve: {problem}, and there is no other bundle in {packed or kept}. {NO_CHAMPION}; "
        f"or set {served.setting} to a bundle's folder."
    )


def fetch_checked(
    address: str, registered: Registered, to: Path, refused: RefusedModels, check: Check = check_model
) -> Champion:
    """Fetch a version and let a child process check it; what was refused before is not fetched.

    Parameters
    ----------
    address : str
        The registry.
    registered : Registered
        Which version.
    to : Path
        Holds one folder per version.
    refused : RefusedModels
        What was refused; a new refusal is added.
    check : callable
        Takes the bundle's folder.

    Raises
    ------
    RegistryError
        The registry or its artifact store does not answer.
    ModelRefusedError
        It can't be served, now or as was found before.
    BundleError
        It is not the bundle that was registered, or the check came to no end: trying again may help.
    """
    name, version = registered.name, registered.version
    refusal = refused.find(name, version, registered.sha256)
    if refusal is not None:
        raise _refusal(refusal)
    champion = fetch(address, registered, to)
    try:
        sha256 = bundle_hash(champion.folder)
        check(champion.folder)
    except BundleError as error:
        shutil.rmtree(champion.folder, ignore_errors=True)
        if not isinstance(error, ModelRefusedError):
            raise
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        refusal = RefusedModel(sha256, name, version, error.reason, at, reader())
        refused.add(refusal)
        raise _refusal(refusal) from error
    return champion


def _refusal(refusal: RefusedModel) -> ModelRefusedError:
    return ModelRefusedError(
        refusal.reason,
        f"{refusal.name}, version {refusal.version}, is refused since {refusal.at}: {refusal.reason}. Publish another "
        f"version, or have it checked again with `python -m serving.models clear {refusal.sha256[:12]}`",
    )


def watched_registry(root: Path, environ: Mapping[str, str], served: ServedModel) -> str | None:
    """Name the registry that is watched for a new champion; None where a folder or a Bento pins the bundle, or there is none.

    Parameters
    ----------
    root, environ, served
        As for `find_champion`.
    """
    is_pinned = served.folder is not None or (served.packed is not None and _is_bento(root))
    return None if is_pinned else registry_address(root, environ)


def refused_models(root: Path, environ: Mapping[str, str]) -> RefusedModels:
    """Open the list of refused models, one for all: ``LEAD_REFUSED_MODELS``, else a file beside the last champions."""
    by_hand = environ.get(REFUSED)
    beside = default_model(root, environ).last_good
    return RefusedModels(Path(by_hand).expanduser() if by_hand else beside.with_name(REFUSED_FILE))


def save_last_good(champion: Champion, folder: Path) -> None:
    """Keep a copy of a champion for a start without the registry; a failure is logged, and no reason to stop.

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


def champion_in_folder(folder: Path, name: str) -> Champion:
    """Read name and version from the `provenance.json` that publishing put into the bundle's folder."""
    path = folder / "provenance.json"
    if not path.exists():
        return Champion(folder, name, UNREGISTERED)
    try:
        provenance = parse_object(read_text(path).decode("utf-8"), path.name)
        return Champion(folder, str(provenance.get("name") or name), str(provenance.get("version") or UNREGISTERED))
    except BundleError as error:
        raise BundleError(f"{path} cannot be read ({error}). Publish again, or delete the file.") from error
