"""Appending to the audit log: one chain for all processes of a machine, held together by a lock on a file.

One chain, not one per process: a chain per process would end with it, and whoever removed all of one chain's files and its head
would leave no gap. Processes collect entries and append them about once a second, so they hardly ever wait for each other.
"""

import datetime as dt
import fcntl
import getpass
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from features.errors import DataError
from features.timeline import DAY_US, to_micros
from models.audit_log.entries import MOST_LEADS, AuditKey, Detail, Entry, line_of, moment_text, read_line
from models.audit_log.head import FILE, Chain, Head, read_head, write_head
from models.audit_log.vocabulary import Action

__all__ = ["ENDING", "AuditLog", "chain_files"]

ENDING = ".jsonl"
LOCK = "audit_head.lock"


def chain_files(folder: Path, chain: str = "*") -> list[Path]:
    """List the files of one chain, or of all, in the order of their entries."""
    return sorted(folder.glob(f"audit-{chain}-*{ENDING}"), key=lambda path: path.name)


@dataclass(frozen=True)
class AuditLog:
    """An audit log, as any process of this machine may append to it.

    Attributes
    ----------
    folder : Path
        Of the entries.
    head_folder : Path
        The second place: who can change the entries should not be able to change it.
    keys : tuple of AuditKey
        Newest first; the newest writes, all of them verify.
    file_bytes : int
        From this size on a new file is begun.
    most_bytes : int
        Of all files; beyond, the oldest are removed.
    days : int
        So old files are removed; each removal is an entry, and the head says where the log begins from then on.
    """

    folder: Path
    head_folder: Path
    keys: tuple[AuditKey, ...]
    file_bytes: int = 16_000_000
    most_bytes: int = 4_000_000_000
    days: int = 1_095

    @property
    def key(self) -> AuditKey:
        """The key that entries are written with."""
        return self.keys[0]

    def pseudonyms(self, identifier: str) -> set[str]:
        """Give what stands for an id in entries of any key."""
        return {key.pseudonym(identifier) for key in self.keys}

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries; when this returns, they are on the disk.

        Raises
        ------
        DataError
            They can't be written.
        """
        if not entries:
            return
        try:
            with self._locked():
                head = self._head(entries[0].at)
                head = self._written(self._room(head, entries[-1].at), entries)
                write_head(self.head_folder, head, self.key)
        except OSError as error:
            raise DataError(
                f"{self.folder}: the audit log can't be written ({error}). Make room, or correct the rights of "
                f"{self.folder} and {self.head_folder}."
            ) from error

    def say(
        self,
        action: Action,
        lead_ids: Sequence[str] = (),
        actor: str | None = None,
        at: int | None = None,
        **details: Detail,
    ) -> None:
        """Write at once what somebody does to leads.

        Parameters
        ----------
        action : str
        lead_ids : sequence of str
            The leads as everybody knows them; the log holds their pseudonyms.
        actor : str, optional
            As `Entry` has it; the user who runs this command where it is missing.
        at : int, optional
            UTC microseconds; now.
        details : str, number or bool
            Numbers and codes.
        """
        at = to_micros(dt.datetime.now(dt.UTC)) if at is None else at
        self.append(self.entries(action, lead_ids, actor or self.user(), at, details))

    def user(self) -> str:
        """Give the user who runs this process, as an actor."""
        return f"command:{self.key.pseudonym(getpass.getuser())}"

    def entries(
        self, action: Action, lead_ids: Sequence[str], actor: str, at: int, details: Mapping[str, Detail]
    ) -> list[Entry]:
        """Make the entries of something that concerns any number of leads."""
        leads = [self.key.pseudonym(lead_id) for lead_id in lead_ids]
        parts = [leads[begin : begin + MOST_LEADS] for begin in range(0, len(leads), MOST_LEADS)] or [[]]
        return [Entry(at, actor, action, part, details) for part in parts]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        for folder in (self.folder, self.head_folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.head_folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _head(self, at: int) -> Head:
        """Give the head whose last chain can be added to; what is not as it was left stays, and a new chain begins."""
        try:
            head = read_head(self.head_folder, self.keys)
        except DataError:
            # Kept as it is for whoever looks into it; verifying names its chains as unknown
            os.replace(self.head_folder / FILE, self.head_folder / f"damaged-{uuid.uuid4().hex[:8]}-{FILE}")
            return self._begun(Head(), at, "head_damaged")
        if head is None:
            there = chain_files(self.folder)
            return self._begun(Head(), at, "head_missing" if there else "new")
        chain = head.chains[-1]
        path = self.folder / chain.file
        size = path.stat().st_size if path.exists() else -1
        if size < chain.size:
            return self._begun(head.with_last(replace(chain, ended="damaged")), at, "entries_missing")
        key = next(key for key in self.keys if key.id == chain.key)
        adopted = chain if size == chain.size else self._adopted(path, chain, key)
        if adopted is None:
            return self._begun(head.with_last(replace(chain, ended="damaged")), at, "entries_altered")
        if key is not self.key:
            return self._begun(head.with_last(replace(adopted, ended="rotated")), at, "another_key")
        return head.with_last(adopted)

    def _adopted(self, path: Path, chain: Chain, key: AuditKey) -> Chain | None:
        """Take entries into the head that a process wrote before it ended; half a line at the end is cut off."""
        with path.open("r+b") as file:
            file.seek(chain.size)
            for line in file.read(self.file_bytes).splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    file.truncate(chain.size)
                    break
                read = read_line(line[:-1], chain.count + 1, chain.mac, key)
                if read is None:
                    return None
                chain = replace(chain, count=chain.count + 1, mac=read[1], size=chain.size + len(line))
        return chain

    def _begun(self, head: Head, at: int, why: str) -> Head:
        name = uuid.uuid4().hex[:12]
        chain = Chain(name, self.key.id, file=_file_name(name, 1))
        begun = Entry(at, "service", "began", details={"why": why})
        return self._written(Head((*head.chains, chain)), [begun])

    def _written(self, head: Head, entries: Sequence[Entry]) -> Head:
        chain = head.chains[-1]
        lines = []
        for entry in entries:
            line, mac = line_of(entry, chain.count + 1, chain.mac, self.key)
            lines.append(line)
            chain = replace(chain, count=chain.count + 1, mac=mac, size=chain.size + len(line))
        descriptor = os.open(self.folder / chain.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        return head.with_last(chain)

    def _room(self, head: Head, at: int) -> Head:
        """Begin a new file where the last is full, and remove what is past its retention."""
        chain = head.chains[-1]
        if chain.size < self.file_bytes:
            return head
        head = head.with_last(replace(chain, file=_file_name(chain.name, chain.count + 1), size=0))
        return self._trimmed(head, at)

    def _trimmed(self, head: Head, at: int) -> Head:
        """Remove the oldest files; the entry comes first, then the head, then the files go."""
        chains = {chain.name: chain for chain in head.chains}
        last = head.chains[-1]
        # Whole files of one chain after the other, as they were written
        files = [path for chain in head.chains for path in chain_files(self.folder, chain.name)]
        total = sum(path.stat().st_size for path in files)
        gone: list[Path] = []
        oldest = moment_text(at - self.days * DAY_US)
        for path in files:
            if path.name == last.file:
                break
            chain, end = chains[path.name.split("-")[1]], _end_of(path)
            if end["number"] >= chain.first:  # else an earlier trimming did not come to its end
                if total <= self.most_bytes and end["at"] >= oldest:
                    break
                chains[chain.name] = replace(chain, first=end["number"] + 1, previous=end["mac"])
            total -= path.stat().st_size
            gone.append(path)
        if not gone:
            return head
        head = Head(tuple(chains[chain.name] for chain in head.chains))
        head = self._written(head, [Entry(at, "service", "trimmed", details={"files": len(gone), "days": self.days})])
        write_head(self.head_folder, head, self.key)
        for path in gone:
            path.unlink()
        return head


def _file_name(chain: str, number: int) -> str:
    return f"audit-{chain}-{number:012d}{ENDING}"


def _end_of(path: Path) -> dict[str, Any]:
    """Read a file's last entry."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 65_536, 0))
        entry: dict[str, Any] = json.loads(file.read().splitlines()[-1])
    return entry
