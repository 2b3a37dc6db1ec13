"""The mapping table: from pseudonyms to the CRM's ids and the owners' names; a sealed file per source."""

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from features.errors import LeadQualificationError
from models.data_protection.folder import privacy_folder
from models.data_protection.key_ring import KeyRing
from models.data_protection.private_file import replace_private_file
from models.data_protection.sealing import Seal

__all__ = ["MOST_BYTES", "forget_names", "names_folder", "read_names", "write_names"]

FOLDER, ENDING, LOCK = "names", ".sealed", "names.lock"
SOURCE = re.compile(r"[a-z][a-z0-9_]*")

MOST_BYTES = 2_000_000_000
"""Of one file; some 25 million names."""


def names_folder(root: Path) -> Path:
    """Say where the files are: in the privacy folder, never in the data folder."""
    return privacy_folder(root) / FOLDER


def read_names(root: Path, ring: KeyRing) -> dict[str, str]:
    """Read what all sources' pseudonyms stand for; empty where no ingest made any.

    Parameters
    ----------
    root : Path
        The folder that a stage or a command runs in.
    ring : KeyRing
        Of the purpose `pseudonyms`.

    Raises
    ------
    LeadQualificationError
        A file can be read by others, was changed, is too large, or its key is gone.
    """
    names: dict[str, str] = {}
    for path in _files(root):
        names |= _read(path, Seal(ring))
    return names


def write_names(root: Path, ring: KeyRing, source: str, names: Mapping[str, str], *, keep: bool = False) -> None:
    """Replace what one source's pseudonyms stand for; whoever reads sees the old table or the new one.

    Parameters
    ----------
    root, ring
        As for `read_names`.
    source : str
        Names the file.
    names : mapping of str to str
        From pseudonyms to ids.
    keep : bool
        What the file held stays, too.

    Raises
    ------
    LeadQualificationError
        As for `read_names`.
    """
    if not SOURCE.fullmatch(source):
        raise LeadQualificationError(f"{source!r} is no name of a source: small letters, digits and underscores are.")
    path = names_folder(root) / f"{source}{ENDING}"
    with _changing(root):
        former = _read(path, Seal(ring)) if keep and path.exists() else {}
        _write(path, Seal(ring), former | dict(names))


def forget_names(root: Path, ring: KeyRing, pseudonyms: Iterable[str]) -> int:
    """Take pseudonyms out of every file; give how many entries went."""
    gone, taken = set(pseudonyms), 0
    with _changing(root):
        for path in _files(root):
            names = _read(path, Seal(ring))
            kept = {name: text for name, text in names.items() if name not in gone}
            if len(kept) < len(names):
                _write(path, Seal(ring), kept)
                taken += len(names) - len(kept)
    return taken


def _files(root: Path) -> list[Path]:
    return sorted(names_folder(root).glob(f"*{ENDING}"))


@contextmanager
def _changing(root: Path) -> Iterator[None]:
    """Let one process at a time change the files."""
    folder = names_folder(root)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path, seal: Seal) -> dict[str, str]:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_mode & 0o077:
            raise LeadQualificationError(
                f"{path} can be read by others; expected is mode 0600. Run `chmod 600 {path}`."
            )
        if status.st_size > MOST_BYTES:
            raise LeadQualificationError(
                f"{path}: {status.st_size:,} bytes; {MOST_BYTES:,} are allowed. Remove it, and let ingest write it anew."
            )
        sealed = file.read()
    names = json.loads(seal.open(sealed, path.name.encode(), str(path)))
    return dict(names)


def _write(path: Path, seal: Seal, names: Mapping[str, str]) -> None:
    content = json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(content) >= MOST_BYTES:
        raise LeadQualificationError(
            f"{path}: {len(names):,} names take {len(content):,} bytes; {MOST_BYTES:,} are allowed. Read fewer leads."
        )
    replace_private_file(path, seal.close(content, path.name.encode()))
