"""Files that `init` wrote: known by a checksum in their first line, so that what a person edited is never overwritten."""

import difflib
import hashlib
import re
from pathlib import Path

__all__ = ["is_untouched", "write_unless_edited"]

HEADER = (
    "{comment} Written by `python -m pipeline.init`, yours to correct: never overwritten once edited. Checksum {sum}"
)
FIRST = re.compile(r"(--|#) Written by `python -m pipeline\.init`.* Checksum ([0-9a-f]{16})")


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8")).hexdigest()[:16]


def is_untouched(text: str) -> bool:
    """Whether a text is as it was written: its first line's checksum is that of the rest."""
    first, _, body = text.partition("\n")
    match = FIRST.fullmatch(first)
    return match is not None and match[2] == _checksum(body)


def write_unless_edited(path: Path, body: str) -> str | None:
    """Write a file with its header, unless somebody edited it or wrote it by hand.

    Parameters
    ----------
    path : Path
        Ends in `.sql` or `.yaml`.
    body : str
        All but the first line.

    Returns
    -------
    str or None
        None: written. Else the file stays, and this is the difference from what is there to what would have been written.
    """
    comment = "--" if path.suffix == ".sql" else "#"
    text = HEADER.format(comment=comment, sum=_checksum(body)) + "\n" + body
    if path.exists():
        old = path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")
        if not is_untouched(old):
            lines = difflib.unified_diff(
                old.splitlines(), text.splitlines(), str(path), f"{path} (proposed)", lineterm=""
            )
            return "\n".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return None
