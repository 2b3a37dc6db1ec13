"""Scores leads again after writes, keeps the lists of open leads, and sends webhooks about changed decisions.

The work is queued in the store. Threads claim it with a lease, so that one of many processes does it, and another one if that
process dies: a webhook is sent at least once, in each lead's order, and its id tells repeats apart.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from features.timeline import DAY_US
from models.audit_log.writer import AuditLogWriter
from serving.contract.model_names import DEFAULT_MODEL
from serving.http.actor import SERVICE
from serving.http.lead_ids import lead_ids, pseudonyms_in, with_names
from serving.online.scored_leads import score_leads, write_scored
from serving.online.slot_prices import SlotPrices
from serving.online.webhooks import Sender, WebhookSettings, retry_wait
from serving.scoring import metrics
from serving.scoring.scorer import Scorer
from serving.store.connect import Store, StoreUnavailableError
from serving.store.outbox import (
    Event,
    claim_events,
    events_wait,
    mark_failed,
    mark_sent,
    purge_sent,
)
from serving.store.qualified_leads import queue_qualified
from serving.store.rescoring import claim_leads, count_leads, finish_leads, leads_wait, sweep, sweep_is_due

__all__ = ["Dispatcher"]

LEADS_AT_ONCE = 50
EVENTS_AT_ONCE = 8
CONNECTIONS = 4
LEASE_US = 60_000_000  # longer than the slowest of receivers can take: 8 events over 4 connections, twice DEADLINE
KEEP_SENT_US = 7 * DAY_US
COUNT_US = 10_000_000  # between two counts of the queue
IDLE_SECONDS = 1.0
PAUSE_SECONDS = 5.0

_log = logging.getLogger("bentoml.lead_qualification.dispatcher")


class Dispatcher:
    """Keeps decisions and the lists of open leads up to date, and sends webhooks about changes; each on a thread of its own.

    Parameters
    ----------
    store : Store
        Holds the queue and the outbox.
    scorers : callable
        Gives the scorers of the moment, one per model.
    settings : WebhookSettings or None
        Where to send webhooks; None: nowhere.
    sweep_minutes : float
        Time between two sweeps, which score all open leads again; 0: never.
    clock : callable
        Gives the present moment in UTC microseconds.
    audit : AuditLogWriter or None
        Where it is said what was sent of whom.
    price_file : Path or None
        Where score runs of files leave the price of a slot of the model `DEFAULT_MODEL`; the newest price counts, wherever it
        was worked out.
    first : str
        The model that decides of every lead, whatever its population.
    """

    def __init__(
        self,
        store: Store,
        scorers: Callable[[], Sequence[Scorer]],
        settings: WebhookSettings | None,
        sweep_minutes: float,
        clock: Callable[[], int],
        audit: AuditLogWriter | None = None,
        price_file: Path | None = None,
        first: str = DEFAULT_MODEL,
    ) -> None:
        self.store, self.scorers, self.settings, self.clock = store, scorers, settings, clock
        self.audit, self.first, self._price_file = audit, first, price_file
        self.prices: dict[str, SlotPrices] = {}
        self.sweep_us = int(sweep_minutes * 60_000_000)
        self.sender = None if settings is None else Sender(settings)
        self._counted_at = -COUNT_US
        self._stopping = threading.Event()
        self._news = threading.Event()
        steps = [("lead-rescore", self.rescore), *([("lead-send", self.send)] if settings is not None else [])]
        self._threads = [
            threading.Thread(target=self._repeat, args=(step,), name=name, daemon=True) for name, step in steps
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Start at once after a write; other processes' writes are found within a second."""
        self._news.set()

    def stop(self) -> None:
        """Finish what is under way."""
        self._stopping.set()
        self._news.set()
        for thread in self._threads:
            thread.join(timeout=15.0)
        if self.sender is not None:
            self.sender.close()

    def _repeat(self, step: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            try:
                if not step():
                    self._news.wait(IDLE_SECONDS)
                    self._news.clear()
            except StoreUnavailableError as error:
                _log.warning("%s; trying again.", error)
                self._stopping.wait(PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 a thread that ends would end all webhooks; what was taken comes again
                # Not its message: it could be personal
                where = error.__traceback__
                while where is not None and where.tb_next is not None:
                    where = where.tb_next
                place = f"{where.tb_frame.f_code.co_qualname}:{where.tb_lineno}" if where is not None else "?"
                _log.error("%s in %s; trying again.", type(error).__name__, place)
                self._stopping.wait(PAUSE_SECONDS)

    def rescore(self) -> bool:
        """Score some of the leads that are due, write them into the list, and queue the events of changed decisions.

        Returns
        -------
        bool
            Whether there was anything to do.
        """
        now = self.clock()
        every_us = self.sweep_us
        with self.store.read() as connection:
            waiting, is_time = leads_wait(connection, now), every_us and sweep_is_due(connection, now)
            if not 0 <= now - self._counted_at < COUNT_US:
                self._counted_at = now
                metrics.observe_rescoring(**count_leads(connection, now))
                for scorer in self.scorers():
                    self._prices(scorer.served_as).refresh(connection)
                self._priced()
        if is_time:
            scorers = self.scorers()
            with self.store.write() as connection:
                swept = sweep(connection, [scorer.served_as for scorer in scorers], now, every_us)
                if swept is not None:
                    for scorer in scorers:
                        queue_qualified(connection, scorer.served_as, scorer.model_key, now)
                    purge_sent(connection, now - KEEP_SENT_US)
                waiting = leads_wait(connection, now)
            if self.audit is not None and swept is not None:
                self.audit.add(now, SERVICE, "scored", [], what="sweep", leads=swept)
        if not waiting:
            if every_us:
                for scorer in self.scorers():
                    self._prices(scorer.served_as).make_anew(scorer.bundle, now, every_us)
                self._priced()
            return False
        with self.store.write() as connection:
            taken = claim_leads(connection, now, LEASE_US, LEADS_AT_ONCE)
        if not taken:
            return False
        self._score(taken, now)
        self._news.set()
        return True

    def score_now(self, lead_ids: Sequence[str]) -> None:
        """Score leads at once, with their colleagues where the model looks at them, for somebody who waits to see the list.

        They stay in the queue, so that a failure here loses nothing.
        """
        self._score(dict.fromkeys(lead_ids, -1), self.clock())

    def _score(self, taken: dict[str, int], now: int) -> None:
        """Score leads that were claimed with all models, and write what follows, of all models or of none."""
        scorers = self._priced()
        tells = self.settings is not None
        made = [
            score_leads(self.store, scorer, list(taken), now, is_first=scorer.served_as == self.first, tells=tells)
            for scorer in scorers
        ]
        everything = {lead_id: error for scored in made for lead_id, error in scored.failed.items()}
        failed = {lead_id: error for lead_id, error in everything.items() if lead_id in taken}
        if failed:
            # Not which leads: ids could be personal
            _log.error(
                "%d leads can't be scored (%s); trying again.", len(failed), ", ".join(sorted({*failed.values()}))
            )

        def write(connection: Any) -> None:
            # One that another process changed meanwhile stays taken; its lease ends, and it comes again
            again = {lead for scored in made for lead in write_scored(connection, scored, now, tells=tells)}
            finished = {lead_id: asked for lead_id, asked in taken.items() if lead_id not in again}
            finish_leads(connection, finished, failed, now)

        self.store.run(write)

    def _priced(self) -> list[Scorer]:
        """Give the scorers of the moment, each with the price of its own queue."""
        scorers = list(self.scorers())
        for scorer in scorers:
            scorer.price = self._prices(scorer.served_as).newest
        return scorers

    def _prices(self, model: str) -> SlotPrices:
        if model not in self.prices:
            # The file is the pipeline's, which works for the default model
            file = self._price_file if model == DEFAULT_MODEL else None
            self.prices[model] = SlotPrices(self.store, model, file)
        return self.prices[model]

    def send(self) -> bool:
        """Send some of the events that are due.

        Returns
        -------
        bool
            Whether there was anything to do.
        """
        if self.settings is None:
            return False
        now = self.clock()
        with self.store.read() as connection:
            if not events_wait(connection, now):
                return False
        with self.store.write() as connection:
            events = claim_events(connection, now, LEASE_US, EVENTS_AT_ONCE)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            answers = list(pool.map(self._send, events))
        now = self.clock()
        sent = [event.lead_id for event, (error, _) in zip(events, answers, strict=True) if error is None]
        if self.audit is not None and sent:
            self.audit.add(now, SERVICE, "sent", sent, to="webhook")
        with self.store.write() as connection:
            for event, (error, asked) in zip(events, answers, strict=True):
                if error is None:
                    mark_sent(connection, event.event_id, now)
                    continue
                wait = retry_wait(event.attempts, self.settings.first_wait, random.random(), asked)
                again = event.attempts < self.settings.attempts
                mark_failed(connection, event.event_id, error, now + int(wait * 1e6) if again else None)
                if not again:
                    _log.error("webhook %s is dead after %d attempts: %s", event.event_id, event.attempts, error)
        return bool(events)

    def _send(self, event: Event) -> tuple[str | None, float]:
        if self.sender is None:
            raise LeadQualificationError("no webhooks are wanted: LEAD_WEBHOOK_URL is not set")
        ids, body = lead_ids(), event.body.encode()
        if ids is not None:  # the outbox holds pseudonyms, the receiver knows the CRM's ids
            body = with_names(body, ids.names_of(pseudonyms_in(body)))
        return self.sender.send(event.event_id, body, self.clock() // 1_000_000)
