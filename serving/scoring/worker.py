"""What one worker process answers `POST /score` with: the scorers of the moment, their logs, and where the work is done."""

import asyncio
import datetime as dt
import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request

from features.errors import BundleError
from features.timeline import to_micros
from models.answers.confirmation import confirmation_is_required
from models.audit_log.writer import AuditLogWriter
from models.data_protection.redactor import redactor_of
from models.monitoring.score_log import LogSettings, Model
from models.monitoring.score_log_writer import ScoreLogWriter
from serving.access.guard import may_debug, models_allowed
from serving.contract.body_shape import check_shape
from serving.contract.errors import RequestError, error_body
from serving.contract.limits import SMALL_BYTES, SMALL_LEADS, SMALL_RECORDS, WAIT_SECONDS
from serving.contract.strict_json import parse_json
from serving.http.bodies import read_body
from serving.http.middleware import Answer, Receive, Scope
from serving.scoring import metrics
from serving.scoring.registry_watch import CurrentScorer
from serving.scoring.scorer import Marked, Scorer, nobody_objected
from serving.scoring.served_scorers import Allowed, ServedScorers

__all__ = ["Incoming", "Worker", "is_small", "read_incoming"]

RETRY_AFTER = b"5"  # seconds
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter's lock while another wants it. A score on the event loop takes the lock anew at
each read, write and kernel, about ten times; with Python's own 5 ms, it would wait so long each
time while a large request is worked on."""

_log = logging.getLogger("bentoml.lead_qualification")


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the scorer needs of an HTTP request; an error found while reading comes along."""

    body: bytes
    may_debug: bool
    allowed: Allowed = None
    error: RequestError | None = None


async def read_incoming(request: Request) -> Incoming:
    """Read the body, within the limits of size and time."""
    try:
        async with read_body(request) as body:
            return Incoming(body, _may_debug(request), models_allowed(request.scope))
    except RequestError as error:
        return Incoming(b"", False, error=error)


def is_small(value: Any) -> bool:
    """Tell whether a parsed request may be answered on the event loop: by its leads, and by their records and attributes.

    Parameters
    ----------
    value : object
        As `parse_json` returns it; what is no request is refused at once, so it is small.

    Examples
    --------
    >>> is_small({"leads": [{"lead_id": "L-1"}] * 16}), is_small({"leads": [{"lead_id": "L-1"}] * 17})
    (True, False)
    """
    leads = value.get("leads") if isinstance(value, dict) else None
    if not isinstance(leads, list):
        return True
    return len(leads) <= SMALL_LEADS and sum(_records(lead) for lead in leads) <= SMALL_RECORDS


def _records(lead: Any) -> int:
    """Count what lists and attributes of a lead and of its account hold."""
    if not isinstance(lead, dict):
        return 0
    held = [item for item in lead.values() if isinstance(item, (list, dict))]
    inner = [item for account in held if isinstance(account, dict) for item in account.values()]
    return sum(len(item) for item in (*held, *inner) if isinstance(item, (list, dict)))


def _may_debug(request: Request) -> bool:
    allowed = may_debug(request.scope)
    return _is_local(request) if allowed is None else allowed


def _is_local(request: Request) -> bool:
    """Tell whether the caller is on this machine, and no proxy stands between."""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    host = request.client.host if request.client else ""
    return not forwarded and (host in ("::1", "::ffff:127.0.0.1") or host.startswith("127."))


class Worker:
    """Answers with one scorer per request: that of the model asked for, whichever is current when it begins.

    Parameters
    ----------
    notices : mapping of str to Path
        By model, the file that names its champion; the first model is the one that a request without a model means.
    threads : int
        How many requests are worked on in threads at once.
    audit : AuditLogWriter or None
        Where it is said who asked for whose score.
    marked : callable
        Marks the leads that objected; asked with each request.
    is_erased : callable
        Tells whether a lead was erased; asked when the score log is written.
    root : Path or None
        The folder whose keys make pseudonyms of direct identifiers; None: they are made without a key.

    Raises
    ------
    BundleError
        No model can be served. One of several that can't be is no obstacle to the others.
    """

    def __init__(
        self,
        notices: Mapping[str, Path],
        threads: int,
        audit: AuditLogWriter | None = None,
        marked: Marked = nobody_objected,
        is_erased: Callable[[str], bool] = lambda lead_id: False,
        root: Path | None = None,
    ) -> None:
        self._root = root
        self._audit, self._marked, self._is_erased = audit, marked, is_erased
        self._logs: dict[str, list[ScoreLogWriter]] = {name: [] for name in notices}
        self.models = ServedScorers(
            {
                name: CurrentScorer(name, notice, self._prepare, partial(metrics.refused_model, name))
                for name, notice in notices.items()
            },
            root,
        )
        if not self.models.now():
            raise BundleError(f"none of the models can be served: {', '.join(notices)}. The lines above say why.")
        for name, current in self.models.current.items():
            current.start(partial(metrics.observe_notice, name))
        self.turns, self.limiter = asyncio.Semaphore(threads), anyio.CapacityLimiter(threads)
        check_shape(b"{}")  # compiled, or loaded, before it is needed
        sys.setswitchinterval(SWITCH_SECONDS)
        # Nothing of what stands by now is garbage, and looking through it would stop all threads for 0.15 s now and then
        gc.collect()
        gc.freeze()

    def _prepare(self, scorer: Scorer) -> None:
        """Let a scorer, warm by now, be counted and logged."""
        scorer.observe = partial(metrics.observe_scores, scorer.served_as)
        scorer.audit, scorer.marked = self._audit, self._marked
        if self._root is not None:
            scorer.redactor = redactor_of(self._root, scorer.bundle.identifiers)
        scorer.needs_confirmation = confirmation_is_required()
        settings = LogSettings.from_environment(os.environ)
        if settings is not None:
            bundle = scorer.bundle
            model = Model(scorer.name, scorer.version, bundle.catalog.fingerprint, bundle.sha256)
            scorer.log = ScoreLogWriter(settings, model)
            scorer.log.is_erased = self._is_erased
            logs = self._logs[scorer.served_as]
            logs.append(scorer.log)
            for log in logs[:-2]:  # requests that began with the scorer before may still be under way, and log
                log.close()
            del logs[:-2]
        metrics.serving_model(scorer.served_as, scorer.name, scorer.version)

    def answer(self, incoming: Incoming) -> Answer:
        """Score the leads of a request with one scorer from beginning to end."""
        if incoming.error is not None:
            return _refused(incoming.error)
        return self._answer(lambda: parse_json(incoming.body), incoming.may_debug, incoming.allowed)

    def _answer(self, parsed: Callable[[], Any], may_debug: bool, allowed: Allowed) -> Answer:
        try:
            value = parsed()
            name = value.get("model") if isinstance(value, dict) else None
            # What is no text is refused as a wrong type, by any scorer
            scorer = self.models.choose(name if isinstance(name, str) else None, allowed)
            body, leads = scorer.answer_parsed(value, to_micros(dt.datetime.now(dt.UTC)), may_debug)
        except RequestError as error:
            return _refused(error)
        return Answer(body, leads=leads, version=scorer.version, model=scorer.served_as)

    async def score(self, scope: Scope, receive: Receive) -> Answer:
        """Answer ``POST /score``: a small body is parsed on the event loop, and answered there if it asks for little.

        Parameters
        ----------
        scope, receive
            As ASGI has them.
        """
        request = Request(scope, receive)
        try:
            async with read_body(request) as body:
                caller = _may_debug(request), models_allowed(scope)
                if len(body) > SMALL_BYTES:
                    return await self._in_thread(lambda: parse_json(body), *caller)
                value = parse_json(body)
                if is_small(value):
                    return self._answer(lambda: value, *caller)
                return await self._in_thread(lambda: value, *caller)
        except RequestError as error:
            return _refused(error)

    async def _in_thread(self, parsed: Callable[[], Any], may_debug: bool, allowed: Allowed) -> Answer:
        """Answer in a thread; work that began is not given up, as its thread and its memory would not be free."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.turns.acquire()
        except TimeoutError:
            message = f"the request waited for longer than {WAIT_SECONDS} s."
            raise RequestError(503, "too_busy", message, hint="Send it again later, or fewer leads at once.") from None
        try:
            return await anyio.to_thread.run_sync(self._answer, parsed, may_debug, allowed, limiter=self.limiter)
        finally:
            self.turns.release()

    def close(self) -> None:
        """Stop reading notices, and write what the score log still holds."""
        for current in self.models.current.values():
            current.stop()
        for log in (log for logs in self._logs.values() for log in logs):
            log.close()


def _refused(error: RequestError) -> Answer:
    headers = ((b"retry-after", RETRY_AFTER),) if error.status == 503 else ()
    return Answer(error_body(error), error.status, error.code, headers=headers)
