"""Pages on their way: each is on disk before the next is asked for, so that an interrupted pull goes on where it was."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Page", "Pull"]

DONE = ""


@dataclass(frozen=True)
class Page:
    """Some records of one object of the CRM, the cursor of the next page (None: there is none), and what is missing in it."""

    records: list[dict[str, Any]]
    next: str | None
    notes: list[str] = field(default_factory=list)


class Pull:
    """One pull's pages, in a folder of their own until they are merged.

    Parameters
    ----------
    folder : Path
        Kept between runs while the pull is unfinished.
    began_at, since : str or None
        In ISO 8601, UTC. An unfinished pull keeps its own: `began_at` and `since` say what they really are.
    """

    def __init__(self, folder: Path, began_at: str, since: str | None) -> None:
        self._folder = folder
        meta = folder / "pull.json"
        self.resumed = meta.exists()
        if self.resumed:
            kept = json.loads(meta.read_text(encoding="utf-8"))
            began_at, since = kept["began_at"], kept["since"]
        else:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / "pull.json.tmp"
            temporary.write_text(json.dumps({"began_at": began_at, "since": since}), encoding="utf-8")
            os.replace(temporary, meta)
        self.began_at, self.since = began_at, since

    def fetch(self, name: str, page: Callable[[str | None], Page], seen: Callable[[int], None]) -> None:
        """Ask for the pages of one object that are not here yet; `seen` hears of the records that came in.

        Parameters
        ----------
        name : str
            Of the object; a file name.
        page : callable
            Fetches the page at a cursor; None: the first.
        """
        path = self._folder / f"{name}.jsonl"
        cursor: str | None = None
        whole = 0
        for end, kept in _whole_lines(path):
            whole, cursor = end, kept["next"]
            seen(len(kept["records"]))
        if cursor == DONE:
            return
        with path.open("ab") as file:
            file.truncate(whole)  # a line that was being written when the power went
            while cursor != DONE:
                got = page(cursor)
                cursor = DONE if got.next is None else got.next
                file.write(json.dumps({"next": cursor, "records": got.records, "notes": got.notes}).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                seen(len(got.records))

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        """Give the records of one object in the order they came."""
        for _, kept in _whole_lines(self._folder / f"{name}.jsonl"):
            yield from kept["records"]

    def notes(self) -> list[str]:
        """List what the pages say is missing in them, also those that an interrupted run fetched."""
        kept = (line for path in sorted(self._folder.glob("*.jsonl")) for _, line in _whole_lines(path))
        return list(dict.fromkeys(note for line in kept for note in line.get("notes", [])))

    def finish(self) -> None:
        """Forget the pages: they are merged."""
        shutil.rmtree(self._folder)


def _whole_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    end = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                yield end, json.loads(line)
