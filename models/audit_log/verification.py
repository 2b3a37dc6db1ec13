"""Verifying the audit log: every line against its MAC, every chain against the signed head."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.audit_log.entries import AuditKey, read_line
from models.audit_log.head import Chain, read_head
from models.audit_log.log import AuditLog, chain_files

__all__ = ["Finding", "Verified", "read_entries", "verify"]

MOST_LINE = 100_000


@dataclass(frozen=True)
class Finding:
    """One way in which the log is not as it was written.

    Attributes
    ----------
    code : str
        ``head_missing``, ``head_altered``, ``entry_altered``, ``entries_missing``, ``file_missing``, ``unknown_chain``,
        ``no_key``, ``broken_off`` (a chain was found damaged while it was written, and another was begun) or ``another_log``
        (an entry that was noted earlier is not there).
    text : str
        What is wrong where.
    """

    code: str
    text: str


@dataclass(frozen=True)
class Verified:
    """What verifying found.

    Attributes
    ----------
    entries : int
        Authentic ones.
    findings : tuple of Finding
        Empty: nothing was changed.
    count, mac : int and str
        Of the newest entry that the head knows: to be noted elsewhere, and given to a later verification.
    """

    entries: int
    findings: tuple[Finding, ...]
    count: int = 0
    mac: str = ""


def verify(log: AuditLog, noted: tuple[int, str] | None = None) -> Verified:
    """Verify the whole log.

    Parameters
    ----------
    log : AuditLog
        Nothing is written.
    noted : tuple of int and str, optional
        Number and MAC (or its beginning) of an entry as an earlier verification gave them: finds that log and head were both
        put back to an older state.
    """
    try:
        head = read_head(log.head_folder, log.keys)
    except DataError as error:
        return Verified(0, (Finding("head_altered", str(error)),))
    if head is None:
        where = f"{log.head_folder}: there is no head of an audit log"
        files = chain_files(log.folder)
        text = (
            f"{where}, but {len(files)} file(s) of entries in {log.folder}."
            if files
            else f"{where}; nothing was logged yet."
        )
        return Verified(0, (Finding("head_missing", text),))
    findings: list[Finding] = []
    total, seen = 0, noted is None
    for chain in head.chains:
        walk = _Walk(log, chain)
        for entry in walk.entries():
            seen = seen or (noted is not None and (entry["number"], entry["mac"][: len(noted[1])]) == noted)
        total += walk.authentic
        findings += walk.findings
        if chain.ended == "damaged":
            text = f"chain {chain.name}: it was found damaged after entry {chain.count:,}, and another chain was begun."
            findings.append(Finding("broken_off", text))
    known = {chain.name for chain in head.chains}
    unknown = sorted({path.name.split("-")[1] for path in chain_files(log.folder)} - known)
    findings += [
        Finding("unknown_chain", f"chain {name}: there are files of it, and the head has none.") for name in unknown
    ]
    last = head.chains[-1]
    if not seen and noted is not None and not (last.first > noted[0]):
        findings.append(
            Finding("another_log", f"entry {noted[0]:,} with MAC {noted[1][:12]}... is not in the log any more.")
        )
    return Verified(total, tuple(findings), last.count, last.mac)


def read_entries(log: AuditLog, lead_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Read authentic entries in their order; of one lead, or all.

    Raises
    ------
    DataError
        The head is not the one that was signed.
    """
    head = read_head(log.head_folder, log.keys)
    pseudonyms = None if lead_id is None else log.pseudonyms(lead_id)
    for chain in () if head is None else head.chains:
        for entry in _Walk(log, chain).entries():
            if pseudonyms is None or not pseudonyms.isdisjoint(entry.get("leads", ())):
                yield entry


class _Walk:
    """Goes through one chain from its first kept entry on, and notes what is not as it was written."""

    def __init__(self, log: AuditLog, chain: Chain) -> None:
        self.log, self.chain = log, chain
        self._key = next((key for key in log.keys if key.id == chain.key), None)
        self.authentic = 0
        self.findings: list[Finding] = []
        self._number, self._mac = chain.first, chain.previous
        self._reached = chain.first == chain.count + 1 and chain.previous == chain.mac

    def entries(self) -> Iterator[dict[str, Any]]:
        """Give the authentic entries; each with its MAC."""
        name = self.chain.name
        if self._key is None:
            text = (
                f"chain {name}: its key {self.chain.key} is not there any more; restore it from the backup of the keys."
            )
            self._miss("no_key", text)
            return
        key = self._key
        # Older files are what an interrupted trimming left behind
        for path in chain_files(self.log.folder, name):
            begin = int(path.stem.split("-")[2])
            if begin < self.chain.first:
                continue
            if begin > self._number:
                self._miss("file_missing", f"chain {name}: entries {self._number:,} to {begin - 1:,} are missing.")
                return
            yield from self._of_file(path, key)
            if self.findings:
                return
        if not self._reached:
            text = f"chain {name}: the log ends before entry {self._number:,}, the head has {self.chain.count:,}."
            self._miss("entries_missing", text)

    def _of_file(self, path: Path, key: AuditKey) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE):
                if not line.endswith(b"\n") and self._reached:
                    return  # half a line of a process that ended; the head never knew it
                read = read_line(line.rstrip(b"\n"), self._number, self._mac, key)
                if read is None:
                    text = f"{path}: entry {self._number:,} is not the one that was written there."
                    self._miss("entry_altered", text)
                    return
                entry, self._mac = read
                self.authentic += 1
                if self._number == self.chain.count:
                    if self._mac != self.chain.mac:
                        self._miss("entry_altered", f"{path}: entry {self._number:,} is another one than the head has.")
                        return
                    self._reached = True
                self._number += 1
                yield {**entry, "mac": self._mac}

    def _miss(self, code: str, text: str) -> None:
        self.findings.append(Finding(code, text))
