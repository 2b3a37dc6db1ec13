"""Subcommand `replay`: compute logged scores again, bit by bit, from their feature vectors and bundles; say what differs."""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table

from features.errors import DataError, ParameterError
from models.audit_log.settings import say
from models.bundle import Bundle, bundle_hash
from models.data_protection.crm_ids import crm_ids
from models.monitoring.score_log import FOLDER, KEY, pseudonym
from models.monitoring.score_log_reader import log_tables
from models.monitoring.score_replay import Difference, replay
from pipeline.console import console
from pipeline.mlflow_runs.registry import Registry
from pipeline.params import load_params

__all__ = ["HELP", "SECTIONS", "Bundles", "Replayed", "add_arguments", "ids_in_log", "replay_log", "run"]

HELP = "compute logged scores again, bit by bit, and say what differs"
SECTIONS = ("paths", "publish")
SHOWN = 20


@dataclass
class Replayed:
    """What became of the rows of a log.

    Attributes
    ----------
    rows : int
        Computed again.
    differences : list of Difference
    without : Counter of str to int
        Rows by the bundle that is not there any more.
    earlier : int
        Rows of versions that logged no bundle.
    """

    rows: int = 0
    differences: list[Difference] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)
    earlier: int = 0


class Bundles:
    """Finds bundles by their hash: in folders, then among the registered versions.

    Parameters
    ----------
    folders : iterable of Path
        Those that are no bundle are passed over.
    registry : Registry or None
    """

    def __init__(self, folders: list[Path], registry: Registry | None) -> None:
        self._folders = {bundle_hash(path): path for path in folders if (path / "checksums.json").exists()}
        self._registry = registry
        self._loaded: dict[str, Bundle | None] = {}

    def find(self, sha256: str) -> Bundle | None:
        """Give a bundle; None: it is nowhere."""
        if sha256 not in self._loaded:
            folder = self._folders.get(sha256)
            if folder is None and self._registry is not None:
                version = self._registry.with_bundle(sha256)
                folder = None if version is None else self._registry.bundle(version)
            self._loaded[sha256] = None if folder is None else Bundle.load(folder)
        return self._loaded[sha256]


def ids_in_log(lead_ids: list[str]) -> list[str]:
    """Give the ids under which leads stand in the log: as they are, and as pseudonyms where a key is set."""
    key = os.environ.get(KEY, "")
    return [*lead_ids, *(pseudonym(key, lead_id) for lead_id in lead_ids if key)]


def replay_log(folder: Path, find: Callable[[str], Bundle | None], ids: list[str] | None = None) -> Replayed:
    """Compute the rows of a log again, file by file.

    Parameters
    ----------
    folder : Path
        The log.
    find : callable
        Takes the hash of a bundle; gives it, or None.
    ids : list of str, optional
        Only of these leads, as the log has them.

    Raises
    ------
    DataError
        A file in it is none of the log's.
    """
    result = Replayed()
    for _, table in log_tables(folder):
        wanted = table if ids is None else table.filter(pc.is_in(table["lead_id"], pa.array(ids, pa.string())))
        for sha256, rows in _by_bundle(wanted):
            bundle = find(sha256) if sha256 else None
            if bundle is not None:
                result.rows += len(rows)
                result.differences += replay(bundle, rows)
            elif sha256:
                result.without[sha256] += len(rows)
            else:
                result.earlier += len(rows)
    return result


def _by_bundle(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    if "bundle_sha256" not in table.column_names:
        yield "", table
        return
    hashes = pc.fill_null(table["bundle_sha256"], "")
    for sha256 in sorted(pc.unique(hashes).to_pylist()):
        yield sha256, table.filter(pc.equal(hashes, sha256))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--log", type=Path, metavar="FOLDER", help=f"the score log (default: {FOLDER})")
    parser.add_argument("--lead", metavar="LEAD", help="only the scores of this lead")
    parser.add_argument(
        "--bundle", type=Path, action="append", default=[], metavar="DIR", help="look for bundles here, too; repeatable"
    )


def run(arguments: argparse.Namespace) -> None:
    """Replay, and print what differs.

    Raises
    ------
    DataError
        A score is not what its vector and bundle give, or can't be computed as its bundle is gone.
    """
    params = load_params(SECTIONS)
    folder = arguments.log or (Path(os.environ[FOLDER]).expanduser() if os.environ.get(FOLDER) else None)
    if folder is None:
        raise ParameterError(f"there is no score log: {FOLDER} is not set. Name its folder by --log.")
    data = params.paths.data_dir
    known = [*arguments.bundle, *(data / name for name in ("champion", "bundle", "last_champion"))]
    bundles = Bundles(known, Registry.find(Path.cwd(), params.publish.model_name))
    ids = crm_ids(Path.cwd(), "as_given")
    lead_ids = [] if arguments.lead is None else [arguments.lead]
    known_as = sorted(ids.all_names(lead_ids))
    replayed = replay_log(folder, bundles.find, ids_in_log(known_as) if known_as else None)
    say(
        Path.cwd(),
        "replayed",
        [ids.inward(one) for one in lead_ids],
        rows=replayed.rows,
        differences=len(replayed.differences),
    )
    _show(replayed)
    if replayed.differences:
        raise DataError(
            f"{folder}: {len(replayed.differences):,} difference(s) in {replayed.rows:,} scores. The log or the bundle was "
            "changed, or library versions or the processor are others than those that served (docs/privacy.md)."
        )
    if replayed.without:
        names = ", ".join(sha256[:12] for sha256 in replayed.without)
        raise DataError(
            f"{folder}: the bundles of {sum(replayed.without.values()):,} scores are neither in {data} nor registered as "
            f"{params.publish.model_name}: {names}. Name their folders by --bundle."
        )


def _show(replayed: Replayed) -> None:
    if replayed.differences:
        table = Table("scored at", "lead", "what", "logged", "computed", title="differences")
        for item in replayed.differences[:SHOWN]:
            table.add_row(item.scored_at, item.lead_id, item.field, str(item.logged), str(item.computed))
        console.print(table)
    console.print(f"replay: {replayed.rows:,} scores computed again, {len(replayed.differences):,} differences")
    if replayed.earlier:
        console.print(
            f"replay: {replayed.earlier:,} scores are of versions that logged no bundle; they can't be computed again"
        )
