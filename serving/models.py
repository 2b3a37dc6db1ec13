"""Command `models`: list the models and versions that this machine's service knows, and let a refused one be checked again.

A running service takes up a cleared refusal at its next check of the registry.
"""

import argparse
import os
import sys
from pathlib import Path

from features.errors import BundleError, LeadQualificationError
from models.bundle import bundle_hash
from serving.scoring.champion import champion_in_folder, refused_models, watched_registry
from serving.scoring.registry import champion_version, versions
from serving.scoring.served_models import ServedModel, served_models

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "list", help="list the version served last, those in the registry, and those refused, with reasons"
    )
    clear = commands.add_parser("clear", help="forget refusals, so that the versions are checked again")
    which = clear.add_mutually_exclusive_group(required=True)
    which.add_argument("which", nargs="?", help="a version, or the beginning of a hash, as in list")
    which.add_argument("--all", action="store_true", help="forget all")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Show versions and refusals, or forget refusals."""
    arguments = _arguments(given)
    try:
        if arguments.command == "list":
            _list()
            return
        refused = refused_models(ROOT, os.environ)
    except LeadQualificationError as error:
        raise SystemExit(f"models: {error}") from None
    try:
        gone = refused.clear(None if arguments.all else arguments.which)
    except OSError as error:
        raise SystemExit(f"{refused.path} can't be changed ({error}). Run this where it may be written.") from None
    if not gone and not arguments.all:
        raise SystemExit(f"models: no refusal of {arguments.which!r}; see `python -m serving.models list`.")
    for item in gone:
        _say(f"models: version {item.version} of {item.name} ({item.sha256[:12]}) will be checked again")
    _say(f"models: {len(gone)} refusals forgotten; {refused.path}")


def _list() -> None:
    for item in refused_models(ROOT, os.environ).read():
        _say(f"refused: version {item.version} of {item.name}  {_short(item.sha256)}  since {item.at}: {item.reason}")
    models = served_models(ROOT, os.environ)
    for served in models:
        if len(models) > 1:
            _say(f"model {served.name}:")
        _list_model(served)


def _list_model(served: ServedModel) -> None:
    if served.folder is not None:
        _say(f"served: the bundle in {served.folder}, whatever is registered")
        return
    folder, name = served.last_good, served.registered
    try:
        if folder.is_dir():
            champion = champion_in_folder(folder, name)
            _say(f"served last: version {champion.version} of {champion.name}  {_short(bundle_hash(folder))}  {folder}")
        else:
            _say(f"served last: none; nothing is kept in {folder}")
    except LeadQualificationError as error:
        _say(f"served last: {error}")
    address = watched_registry(ROOT, os.environ, served)
    if address is None:
        _say("registry: none is followed")
        return
    try:
        registered = versions(address, name)
        for version in registered:
            _say(f"registered: version {version.version} of {version.name}  {_short(version.sha256)}")
        _say(f"champion: version {champion_version(address, name).version} of {name}")
    except BundleError as error:
        _say(f"registry: {error}")


def _short(sha256: str | None) -> str:
    return "(no hash)" if sha256 is None else sha256[:12]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
