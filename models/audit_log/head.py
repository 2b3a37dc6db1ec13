"""The signed head of the audit log, in a second place: which chains there are, and how far each reaches."""

import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.audit_log.entries import GENESIS, AuditKey

__all__ = ["FILE", "Chain", "Head", "read_head", "write_head"]

FILE = "audit_head.json"
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Chain:
    """One unbroken run of entries.

    Attributes
    ----------
    name : str
        Of the chain, in the names of its files.
    key : str
        Id of the key of its entries.
    first, previous : int and str
        Number of the oldest entry that is kept, and the MAC before it.
    count, mac : int and str
        Number of the newest entry, and its MAC.
    file, size : str and int
        The file that is written now, and its bytes.
    ended : str
        ``rotated``: another key took over; ``damaged``: entries were not as they had been left, and another chain was begun.
    """

    name: str
    key: str
    first: int = 1
    previous: str = GENESIS
    count: int = 0
    mac: str = GENESIS
    file: str = ""
    size: int = 0
    ended: str = ""


@dataclass(frozen=True)
class Head:
    """All chains, oldest first; entries are added to the last one."""

    chains: tuple[Chain, ...] = ()

    def with_last(self, chain: Chain) -> "Head":
        """Replace the last chain."""
        return replace(self, chains=(*self.chains[:-1], chain))


def read_head(folder: Path, keys: Sequence[AuditKey]) -> Head | None:
    """Read the head; None: there is none.

    Raises
    ------
    DataError
        It is not the one that was signed, or can't be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            held: dict[str, Any] = json.loads(file.read(MOST_BYTES))
        signature = str(held["signature"])
        signed = any(hmac.compare_digest(signature, key.sign(_bytes(held["chains"]))) for key in keys)
        chains = tuple(Chain(**chain) for chain in held["chains"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: the head of the audit log can't be read ({type(error).__name__}).") from error
    if not signed:
        raise DataError(
            f"{path}: the head of the audit log is not the one that was signed, or its key is not there any more."
        )
    return Head(chains)


def write_head(folder: Path, head: Head, key: AuditKey) -> None:
    """Replace the head; a reader sees the old one or the new one."""
    chains = [asdict(chain) for chain in head.chains]
    path = folder / FILE
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(json.dumps({"chains": chains, "signature": key.sign(_bytes(chains))}, indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _bytes(chains: Any) -> bytes:
    return json.dumps(chains, sort_keys=True, separators=(",", ":")).encode()
