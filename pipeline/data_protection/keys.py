"""Subcommand `keys`: make the keys of pseudonyms, objections and logs, or give a purpose a new one."""

import argparse
import datetime as dt
from pathlib import Path

from rich.table import Table

from features.errors import LeadQualificationError
from models.data_protection.key_ring import PURPOSES, KeyRing, changing_keys, keys_file, new_key
from models.data_protection.names import names_folder
from pipeline.console import console

__all__ = ["HELP", "add_arguments", "keys_where_none", "make_keys", "replace_leaked", "run"]

HELP = "make the keys of pseudonyms, objections and logs; rotate or replace one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--leaked",
        choices=("pseudonyms",),
        help="replace all keys of this purpose: pseudonyms change, mapping tables go; see docs/privacy.md first",
    )
    either.add_argument(
        "--rotate",
        choices=PURPOSES,
        help="make a new key for this purpose; the old ones stay, to recognise what they made",
    )


def make_keys(path: Path, now: dt.datetime, rotate: str | None = None) -> dict[str, KeyRing]:
    """Make what is missing, and one more key for the purpose to rotate. Running it again changes nothing.

    Parameters
    ----------
    path : Path
        The file of keys.
    now : datetime
        With a time zone.
    rotate : str, optional
        Of `PURPOSES`.
    """
    with changing_keys(path) as rings:
        for purpose in PURPOSES:
            if purpose not in rings:
                rings[purpose] = KeyRing(purpose, (new_key(now),))
            elif purpose == rotate:
                rings[purpose] = KeyRing(purpose, (new_key(now), *rings[purpose].keys))
        return dict(rings)


def replace_leaked(path: Path, root: Path, now: dt.datetime) -> KeyRing:
    """Give the purpose `pseudonyms` one new key instead of all it had; remove the mapping tables, which nobody can open then.

    Interrupted, it can be run again: each run makes another key.

    Parameters
    ----------
    path : Path
        The file of keys.
    root : Path
        The folder that the command runs in, for the mapping tables.
    now : datetime
        With a time zone.
    """
    with changing_keys(path) as rings:
        if not rings:
            raise LeadQualificationError(f"there are no keys at {path}, so none can have leaked from there.")
        rings["pseudonyms"] = KeyRing("pseudonyms", (new_key(now),))
        ring = rings["pseudonyms"]
    for table in sorted(names_folder(root).glob("*.sealed")):
        table.unlink()
    return ring


def keys_where_none(path: Path, now: dt.datetime) -> None:
    """Make the keys that pseudonyms need before the first import, and say where they are; those that are there stay."""
    if not path.exists():
        make_keys(path, now)
        console.print(
            f"written: {path}: the keys of pseudonyms; keep a backup apart from that of the data", markup=False
        )


def run(arguments: argparse.Namespace) -> None:
    """Make or rotate the keys, and say where they are; never what they are."""
    path, now = keys_file(Path.cwd()), dt.datetime.now(dt.UTC)
    if arguments.leaked:
        replace_leaked(path, Path.cwd(), now)
        console.print(
            "keys: pseudonyms change with the next ingest. If a CRM is pulled, pull everything first, without --since: ids of "
            "Salesforce's accounts are made by the key, too. Then run `dvc repro -f ingest` and `dvc repro`, publish, and fill "
            "a new store; docs/privacy.md, “When a key leaked”."
        )
    rings = make_keys(path, now, arguments.rotate)
    table = Table("purpose", "key", "made", "older keys", title="keys")
    for purpose, ring in rings.items():
        table.add_row(purpose, ring.newest.id, f"{ring.newest.created_at:%Y-%m-%d}", str(len(ring.keys) - 1))
    console.print(table)
    console.print(f"They are in {path}, for its owner alone. Keep a backup apart from that of the data.", markup=False)
