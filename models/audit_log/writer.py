"""Writes the audit log in a thread: a request hands over what it did and goes on."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from features.errors import DataError
from models.audit_log.entries import Detail, Entry
from models.audit_log.log import AuditLog
from models.audit_log.vocabulary import Action

__all__ = ["AuditLogWriter"]

SECONDS = 1.0
MOST_LEADS_WAITING = 200_000
"""Ids that wait for a disk; 20 MB. What comes while so many wait is counted, and the log says so with its next entry."""

_log = logging.getLogger("bentoml.lead_qualification.audit_log")


class _Done(NamedTuple):
    at: int
    actor: str
    action: Action
    lead_ids: Sequence[str]
    details: tuple[tuple[str, Detail], ...]


class AuditLogWriter:
    """Takes what was done without blocking a request, and appends it about once a second.

    What one actor does alike within that second becomes one entry with all its leads and ``requests``, how often.

    Parameters
    ----------
    log : AuditLog
    seconds : float
        The longest time that something waits.
    most_leads : int
        Ids that may wait.
    """

    def __init__(self, log: AuditLog, seconds: float = SECONDS, most_leads: int = MOST_LEADS_WAITING) -> None:
        self.log = log
        self.lost = 0
        self._seconds, self._most = seconds, most_leads
        self._waiting: deque[_Done] = deque()
        self._ids = 0
        self._closing = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="audit-log", daemon=True)
        self._thread.start()

    def add(self, at: int, actor: str, action: Action, lead_ids: Sequence[str], **details: Detail) -> None:
        """Hand over what was done.

        Parameters
        ----------
        at : int
            UTC microseconds.
        actor : str
            As `models.audit_log.entries.Entry` has it; the name of a ``person:`` becomes a pseudonym when it is written.
        action : str
        lead_ids : sequence of str
            Not pseudonyms yet: those take time, which is not the request's.
        details : str, number or bool
            Numbers and codes.
        """
        with self._turn:
            size = len(lead_ids) + 1
            if self._closing or self._ids + size > self._most:
                self.lost += 1
                return
            self._waiting.append(_Done(at, actor, action, lead_ids, tuple(details.items())))
            self._ids += size

    def close(self) -> None:
        """Write what waits, and stop; may be called again."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._thread.join()

    def flush(self) -> None:
        """Write what waits, now.

        Raises
        ------
        DataError
            The log can't be written.
        """
        with self._turn:
            taken, self._waiting = self._waiting, deque()
            self._ids, lost, self.lost = 0, self.lost, 0
        try:
            self.log.append(self._entries(taken, lost))
        except DataError:
            with self._turn:
                self._waiting.extendleft(reversed(taken))
                self._ids += sum(len(done.lead_ids) + 1 for done in taken)
                self.lost += lost
            raise

    def _work(self) -> None:
        failing = False
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closing, self._seconds)
                closing = self._closing
            try:
                self.flush()
                failing = False
            except DataError as error:
                # A full disk must not stop scoring; what waits is written when there is room again
                if not failing or closing:
                    _log.error("%s %d actions wait.", error, len(self._waiting))
                failing = True
            if closing:
                return

    def _entries(self, taken: Sequence[_Done], lost: int) -> list[Entry]:
        groups: dict[tuple[str, Action, tuple[tuple[str, Detail], ...]], list[_Done]] = {}
        for done in taken:
            groups.setdefault((done.actor, done.action, done.details), []).append(done)
        entries = []
        for (actor, action, details), alike in groups.items():
            ids = list(dict.fromkeys(lead_id for done in alike for lead_id in done.lead_ids))
            named = {**dict(details), "requests": len(alike)}
            entries += self.log.entries(action, ids, self._who(actor), alike[0].at, named)
        if lost:
            at = taken[-1].at if taken else 0
            entries.append(Entry(at, "service", "lost", details={"actions": lost}))
        return entries

    def _who(self, actor: str) -> str:
        kind, _, name = actor.partition(":")
        return f"person:{self.log.key.pseudonym(name)}" if kind == "person" else actor
