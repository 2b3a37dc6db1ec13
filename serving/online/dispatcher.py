"""Scores leads again after writes, keeps the list of open leads, and sends webhooks about changed decisions.

The work is queued in the store. Threads claim it with a lease, so that one of many processes does it, and another one if that
process dies: a webhook is sent at least once, in each lead's order, and its id tells repeats apart.
"""

import json
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from features.timeline import DAY_US
from models.answers.decision import decision_of, gist
from models.answers.lead_list import ListEntry
from models.answers.requests import LeadRequest
from models.audit_log.writer import AuditLogWriter
from serving.http.actor import SERVICE
from serving.http.lead_ids import lead_ids, pseudonyms_in, with_names
from serving.online.decision_events import decision_json_of, event_of
from serving.online.open_leads import CHANGED_US, entries_of, update_list
from serving.online.qualified_leads import qualified_of, update_qualified
from serving.online.slot_prices import SlotPrices
from serving.online.store_score import entry_of
from serving.online.webhooks import Sender, WebhookSettings, retry_wait
from serving.scoring import metrics
from serving.scoring.scorer import Scorer
from serving.store.connect import Store, StoreUnavailableError
from serving.store.outbox import (
    Event,
    NewDecision,
    StoredDecision,
    apply_decision,
    claim_events,
    events_wait,
    mark_failed,
    mark_sent,
    purge_sent,
    stored_decisions,
)
from serving.store.qualified_leads import queue_qualified
from serving.store.reading import account_members, read_leads
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
REASONS = 3

_log = logging.getLogger("bentoml.lead_qualification.dispatcher")


class Dispatcher:
    """Keeps decisions and the list of open leads up to date, and sends webhooks about changes; each on a thread of its own.

    Parameters
    ----------
    store : Store
        Holds the queue and the outbox.
    scorer : callable
        Gives the scorer of the moment.
    settings : WebhookSettings or None
        Where to send webhooks; None: nowhere.
    sweep_minutes : float
        Time between two sweeps, which score all open leads again; 0: never.
    clock : callable
        Gives the present moment in UTC microseconds.
    audit : AuditLogWriter or None
        Where it is said what was sent of whom.
    price_file : Path or None
        Where score runs of files leave the price of a slot; the newest price counts, wherever it was worked out.
    """

    def __init__(
        self,
        store: Store,
        scorer: Callable[[], Scorer],
        settings: WebhookSettings | None,
        sweep_minutes: float,
        clock: Callable[[], int],
        audit: AuditLogWriter | None = None,
        price_file: Path | None = None,
    ) -> None:
        self.store, self.scorer, self.settings, self.clock = store, scorer, settings, clock
        self.prices, self.audit = SlotPrices(store, price_file), audit
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
                self.prices.refresh(connection)
                self.scorer().price = self.prices.newest
        if is_time:
            with self.store.write() as connection:
                swept = sweep(connection, now, every_us)
                if swept is not None:
                    queue_qualified(connection, self.scorer().model_key, now)
                    purge_sent(connection, now - KEEP_SENT_US)
                waiting = leads_wait(connection, now)
            if self.audit is not None and swept is not None:
                self.audit.add(now, SERVICE, "scored", [], what="sweep", leads=swept)
        if not waiting:
            if every_us:
                self.prices.make_anew(self.scorer().bundle, now, every_us)
                self.scorer().price = self.prices.newest
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
        """Score leads that were claimed, and write what follows."""
        scorer = self.scorer()
        scorer.price = self.prices.newest
        leads, earlier, stored, failed = self._read(list(taken), scorer, now)
        entries, unscored = entries_of(scorer.bundle, [(lead, earlier[lead_id]) for lead_id, lead in leads.items()])
        with self.store.read() as connection:
            qualified = qualified_of(connection, scorer, leads, entries, now)
        decided, unwritten = self._decide(entries, leads, stored, scorer, now)
        unscored |= unwritten
        failed = {lead_id: error for lead_id, error in {**failed, **unscored}.items() if lead_id in taken}
        if failed:
            # Not which leads: ids could be personal
            _log.error(
                "%d leads can't be scored (%s); trying again.", len(failed), ", ".join(sorted({*failed.values()}))
            )

        def write(connection: Any) -> None:
            stored_now = stored_decisions(connection, [item.lead_id for item, _ in decided], lock=True)
            kept, finished = set[str](), dict(taken)
            for item, entry in decided:
                previous = stored_now.get(item.lead_id)
                if item.decision != decision_json_of(previous) and entry is None and self.settings is not None:
                    # another process changed it meanwhile; its lease ends, and it comes again
                    finished.pop(item.lead_id, None)
                    continue
                apply_decision(connection, item, previous, now, event_of(item, previous, entry, scorer, now))
                if previous is None or previous.decided_at <= item.decided_at:
                    kept.add(item.lead_id)
            newest = [item for item in entries if item.score.lead_id in kept]
            update_list(connection, scorer.bundle, leads, newest, scorer.price)
            update_qualified(connection, scorer, [lead for lead in qualified if lead.lead_id in kept], newest)
            finish_leads(connection, finished, failed, now)

        self.store.run(write)

    def _read(
        self, lead_ids: list[str], scorer: Scorer, now: int
    ) -> tuple[dict[str, LeadRequest], dict[str, LeadRequest], dict[str, StoredDecision], dict[str, str]]:
        catalog = scorer.bundle.catalog
        with self.store.read() as connection:
            everyone = dict.fromkeys(lead_ids)
            if "account" in catalog.params.groups:  # what one does is news of its colleagues, too
                everyone |= {other: None for lead_id in lead_ids for other in account_members(connection, lead_id)}
            leads, failed = read_leads(connection, list(everyone), catalog, now)
            earlier, failed_then = read_leads(connection, list(leads), catalog, now, now - CHANGED_US)
            marked = scorer.marked([lead for lead_id, lead in leads.items() if lead_id in earlier])
            leads = {lead.journey.lead_id: lead for lead in marked}
            return leads, earlier, stored_decisions(connection, list(everyone)), {**failed, **failed_then}

    def _decide(
        self,
        entries: Sequence[ListEntry],
        leads: Mapping[str, LeadRequest],
        stored: Mapping[str, StoredDecision],
        scorer: Scorer,
        now: int,
    ) -> tuple[list[tuple[NewDecision, dict[str, Any] | None]], dict[str, str]]:
        """Give the decisions, with what a webhook says of those that changed, and what failed."""
        decided, failed = [], dict[str, str]()
        for score in (entry.score for entry in entries):
            decision, entry = gist(decision_of(score, scorer.bundle, stored=scorer.price)), None
            try:
                if self.settings is not None and decision != decision_json_of(stored.get(score.lead_id)):
                    entry = entry_of(scorer, leads[score.lead_id], "en", REASONS, now, shown="webhook")
                    # What can't be written as JSON fails here, for this lead alone
                    json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
                decided.append((NewDecision(score.lead_id, decision, score.not_scored, score.snapshot_at), entry))
            except Exception as error:  # noqa: BLE001 whatever it is, the other leads are scored
                failed[score.lead_id] = type(error).__name__
        return decided, failed

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
