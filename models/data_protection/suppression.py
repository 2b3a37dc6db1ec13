"""The suppression list: who objected or was erased, as keyed hashes that recognise a lead and name none.

A file of JSON lines that only grows. What a lead's newest line says holds; of two lines of one moment, the objection.
"""

import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from features.errors import LeadQualificationError
from models.data_protection.folder import privacy_folder
from models.data_protection.key_ring import KeyRing, keys_file, read_keys

__all__ = [
    "SUPPRESSION_FILE",
    "Cause",
    "Entry",
    "SuppressionList",
    "append_entries",
    "read_suppression",
    "suppression_file",
    "suppression_list",
]

SUPPRESSION_FILE = "suppression.jsonl"

Cause: TypeAlias = Literal["objection", "withdrawal", "erasure"]
"""The lead objected; it took the objection back; it was erased, and a new import must not bring it back."""

CAUSES: tuple[Cause, ...] = ("objection", "withdrawal", "erasure")


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened to one lead.

    Attributes
    ----------
    lead_id : str
        As its CRM knows it.
    cause : str
        Of `CAUSES`.
    at : datetime
        When, with a time zone.
    """

    lead_id: str
    cause: Cause
    at: dt.datetime


class SuppressionList:
    """Who must not be scored.

    Parameters
    ----------
    ring : KeyRing or None
        The keys of the purpose `suppression`; None: there are none yet, and so no entries.
    entries : mapping of (str, str) to (datetime, str)
        From a key's id and a lead's HMAC under it to the newest entry's moment and cause.
    """

    def __init__(self, ring: KeyRing | None, entries: Mapping[tuple[str, str], tuple[dt.datetime, Cause]]) -> None:
        self.ring, self.entries = ring, dict(entries)

    def __bool__(self) -> bool:
        """Tell whether there is any entry."""
        return bool(self.entries)

    def cause(self, lead_id: str) -> Cause | None:
        """Say why a lead must not be scored; None: it may be. All keys are tried, so a rotation forgets nobody."""
        newest = self.newest(lead_id)
        return None if newest is None or newest[1] == "withdrawal" else newest[1]

    def newest(self, lead_id: str) -> tuple[dt.datetime, Cause] | None:
        """Give the moment and cause of a lead's newest entry; None: there is none."""
        if self.ring is None or not self.entries:
            return None
        found = [self.entries[name] for name in self.ring.macs(lead_id).items() if name in self.entries]
        return max(found, key=_rank, default=None)

    def suppressed(self, lead_ids: Iterable[str]) -> set[str]:
        """Select the leads that must not be scored."""
        return {lead_id for lead_id in lead_ids if self.cause(lead_id) is not None} if self.entries else set()

    def erased(self, lead_ids: Iterable[str]) -> set[str]:
        """Select the leads that were erased, of whom nothing may be stored again."""
        return {lead_id for lead_id in lead_ids if self.cause(lead_id) == "erasure"} if self.entries else set()

    def news(self, entries: Iterable[Entry]) -> list[Entry]:
        """Select the entries that say something the list does not know; a repeated import has none."""
        if self.ring is None:
            return list(entries)
        known = self.entries
        return [
            entry
            for entry in entries
            if not any(
                name in known and _rank(known[name]) >= _rank((entry.at, entry.cause))
                for name in self.ring.macs(entry.lead_id).items()
            )
        ]


def _rank(entry: tuple[dt.datetime, Cause]) -> tuple[dt.datetime, int]:
    """Order entries; an erasure is final at its moment, and only a later withdrawal (consent given anew) lifts one."""
    return entry[0], ("withdrawal", "objection", "erasure").index(entry[1])


def suppression_file(root: Path) -> Path:
    """Say where the list is: beside the keys' folder, see `models.data_protection.folder.privacy_folder`."""
    return privacy_folder(root) / SUPPRESSION_FILE


def read_suppression(file: Path, keys: Path) -> SuppressionList:
    """Read the list.

    Parameters
    ----------
    file : Path
        The list; one that is not there is empty.
    keys : Path
        The file of keys.

    Raises
    ------
    LeadQualificationError
        A line can't be read; or there are entries, but not the key that made them. A lead that objected would be scored.
    """
    lines = _lines(file)
    if not lines:
        return SuppressionList(read_keys(keys)["suppression"] if keys.exists() else None, {})
    ring = read_keys(keys)["suppression"]
    known = {key.id for key in ring.keys}
    entries: dict[tuple[str, str], tuple[dt.datetime, Cause]] = {}
    for number, line in enumerate(lines, 1):
        name, entry = _parsed(line, f"{file}:{number}")
        if name[0] not in known:
            raise LeadQualificationError(
                f"{file}:{number}: the key {name[0]} that made this entry is not in {keys}, so an objection could not be "
                "honoured. Restore the file of keys from its backup."
            )
        if name not in entries or _rank(entries[name]) <= _rank(entry):
            entries[name] = entry
    return SuppressionList(ring, entries)


def append_entries(file: Path, ring: KeyRing, entries: Iterable[Entry]) -> None:
    """Add entries under the newest key; they are on the disk when this returns.

    Parameters
    ----------
    file : Path
        The list; made if it is not there. A last line that an interrupted process left unfinished is taken away first.
    ring : KeyRing
        Of the purpose `suppression`.
    entries : iterable of Entry
    """
    key = ring.newest
    text = "".join(
        json.dumps({"key": key.id, "lead": key.mac(entry.lead_id), "cause": entry.cause, "at": entry.at.isoformat()})
        + "\n"
        for entry in entries
    )
    if not text:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        whole = opened.read().rpartition(b"\n")
        opened.truncate(len(whole[0]) + len(whole[1]))
        opened.seek(0, os.SEEK_END)
        opened.write(text.encode("ascii"))
        opened.flush()
        os.fsync(opened.fileno())


def suppression_list(root: Path) -> SuppressionList:
    """Read the list of the folder that a stage or the service runs in."""
    return read_suppression(suppression_file(root), keys_file(root))


def remember(root: Path, entries: Sequence[Entry]) -> None:
    """Add entries to the list of the folder that a stage or a command runs in; nothing is needed where there are none.

    Raises
    ------
    LeadQualificationError
        There are no keys.
    """
    if entries:
        append_entries(suppression_file(root), read_keys(keys_file(root))["suppression"], entries)


def count_entries(root: Path) -> int:
    """Count the entries of the list; it only grows, so the number says which objections a workspace obeys."""
    return len(_lines(suppression_file(root)))


def _lines(file: Path) -> list[bytes]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return []
    return content.split(b"\n")[:-1]  # what comes after the last line's end was never acknowledged


def _parsed(line: bytes, where: str) -> tuple[tuple[str, str], tuple[dt.datetime, Cause]]:
    try:
        item = json.loads(line)
        at = dt.datetime.fromisoformat(item["at"])
        if item["cause"] not in CAUSES or at.tzinfo is None:
            raise ValueError
        return (str(item["key"]), str(item["lead"])), (at, item["cause"])
    except (ValueError, KeyError, TypeError) as error:
        raise LeadQualificationError(
            f"{where} is no entry of the suppression list. Restore the file from its backup: an objection could be lost."
        ) from error
