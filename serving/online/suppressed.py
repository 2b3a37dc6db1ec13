"""Who must not be scored: by the suppression list beside the repository, by objections in the store, and by erasures there."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from features.errors import LeadQualificationError
from models.answers.requests import LeadRequest
from models.data_protection.key_ring import keys_file
from models.data_protection.suppression import SuppressionList, read_suppression, suppression_file
from serving.http.lead_ids import lead_ids
from serving.store.connect import Store, StoreUnavailableError
from serving.store.objections import erased_hashes, objected_leads
from serving.store.open_leads import drop_open_leads, listed_ids
from serving.store.writing import mark as queue_leads

__all__ = ["LOOK_SECONDS", "Suppressed", "check_list"]

LOOK_SECONDS = 1.0

_log = logging.getLogger("bentoml.lead_qualification.objections")


def check_list(root: Path) -> None:
    """Refuse to start where the suppression list can't be read.

    Raises
    ------
    LeadQualificationError
        It is damaged, or its key is missing.
    """
    read_suppression(suppression_file(root), keys_file(root))


class Suppressed:
    """Knows who objected or was erased; looks for news once a second, on a thread of its own.

    Where the store or the list can't be read, what was known stays.

    Parameters
    ----------
    store : Store
    root : Path
        The folder that holds the packages.
    clock : callable
        Gives the present moment in UTC microseconds.
    """

    def __init__(self, store: Store, root: Path, clock: Callable[[], int]) -> None:
        self.store, self.clock = store, clock
        self._file, self._keys = suppression_file(root), keys_file(root)
        self._listed = SuppressionList(None, {})
        self._objected: set[str] = set()
        self._erased: set[tuple[str, str]] = set()
        self._seen: object = None
        self._said: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="lead-objections", daemon=True)
        self.look()

    def start(self) -> None:
        """Begin to look for news."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15.0)

    def _repeat(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Take over what is new; a lead that is on the list of open leads leaves it."""
        former = (self._objected, self._erased, self._listed)
        try:
            self._look_at_list()
            with self.store.read() as connection:
                self._objected, self._erased = objected_leads(connection), erased_hashes(connection)
            if former != (self._objected, self._erased, self._listed):
                self._take_off_lists()
            self._said = None
        except (LeadQualificationError, OSError) as error:
            if str(error) != self._said:  # not each second again
                self._said = str(error)
                level = logging.WARNING if isinstance(error, StoreUnavailableError) else logging.ERROR
                _log.log(level, "Objections can't be read, so those read before stay: %s", error)

    def _look_at_list(self) -> None:
        seen = [_version(path) for path in (self._file, self._keys)]
        if seen != self._seen:
            self._listed, self._seen = read_suppression(self._file, self._keys), seen

    def _take_off_lists(self) -> None:
        with self.store.read() as connection:
            out = sorted(lead_id for lead_id in listed_ids(connection) if self.is_out(lead_id))
        if out:
            with self.store.write() as connection:
                drop_open_leads(connection, out)
                queue_leads(connection, out, self.clock())

    def is_out(self, lead_id: str) -> bool:
        """Tell whether a lead must not be scored."""
        return lead_id in self._objected or any(
            self._listed.cause(name) is not None or self._was_erased_here(name) for name in _names_of(lead_id)
        )

    def is_erased(self, lead_id: str) -> bool:
        """Tell whether nothing may be stored of a lead."""
        return any(self._was_erased_here(name) or self._listed.cause(name) == "erasure" for name in _names_of(lead_id))

    def _was_erased_here(self, lead_id: str) -> bool:
        ring = self._listed.ring
        return bool(self._erased) and ring is not None and not self._erased.isdisjoint(ring.macs(lead_id).items())

    def mark(self, leads: list[LeadRequest]) -> list[LeadRequest]:
        """Mark the leads that must not be scored, and take such colleagues out of the others' accounts."""
        if not (self._objected or self._erased or self._listed):
            return leads
        return [self._marked(lead) for lead in leads]

    def _marked(self, lead: LeadRequest) -> LeadRequest:
        colleagues = [item for item in lead.colleagues if not self.is_out(item.lead_id)]
        return replace(lead, objected=self.is_out(lead.journey.lead_id), colleagues=colleagues)


def _names_of(lead_id: str) -> tuple[str, ...]:
    """Give a lead's pseudonym, and what the request called it: an entry may be older than pseudonyms are."""
    ids = lead_ids()
    said = None if ids is None else ids.said(lead_id)
    return (lead_id,) if said is None else (lead_id, said)


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
