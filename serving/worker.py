"""What one worker process answers `POST /score` with: the scorer of the moment, its log, and where the work is done."""

import asyncio
import datetime as dt
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
from starlette.requests import Request

from features.timeline import to_micros
from models.score_log import LogSettings, Model
from models.score_log_writer import ScoreLogWriter
from serving import metrics
from serving.bodies import read_body
from serving.edge import Answer, Receive, Scope
from serving.errors import RequestError, error_body
from serving.following import Current
from serving.scorer import Scorer
from serving.security import may_debug

__all__ = ["Incoming", "Worker", "read_incoming"]

WORK_SECONDS = 60
SMALL_BYTES, SMALL_LEADS = 64 * 1024, 16
"""Up to here a request is answered on the event loop: at most a few milliseconds, less than a thread would cost others."""

_log = logging.getLogger("bentoml.lead_qualification")


@dataclass(frozen=True, slots=True)
class Incoming:
    """What the scorer needs of an HTTP request; an error found while reading comes along."""

    body: bytes
    may_debug: bool
    error: RequestError | None = None


async def read_incoming(request: Request) -> Incoming:
    """Read the body, within the limits of size and time."""
    allowed = may_debug(request.scope)
    allowed = _is_local(request) if allowed is None else allowed
    try:
        return Incoming(await read_body(request), allowed)
    except RequestError as error:
        return Incoming(b"", allowed, error)


def _is_local(request: Request) -> bool:
    """Tell whether the caller is on this machine, and no proxy stands between."""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    host = request.client.host if request.client else ""
    return not forwarded and (host in ("::1", "::ffff:127.0.0.1") or host.startswith("127."))


class Worker:
    """Answers with one scorer per request, whichever is current when it begins.

    Parameters
    ----------
    notice : Path
        The file that names the champion.
    threads : int
        How many requests are worked on beside the event loop at once.
    """

    def __init__(self, notice: Path, threads: int) -> None:
        self._logs: list[ScoreLogWriter] = []
        self.current = Current(notice, self._prepare, metrics.refused_model)
        self.current.start(metrics.saw_notice)
        self.limiter = anyio.CapacityLimiter(threads)
        _log.info("serving %s version %s", self.scorer.name, self.scorer.version)

    @property
    def scorer(self) -> Scorer:
        """What scores at this moment."""
        return self.current.scorer

    def _prepare(self, scorer: Scorer) -> None:
        """Let a scorer, warm by now, be counted and logged."""
        scorer.observe = metrics.observe_scores
        settings = LogSettings.from_environment(os.environ)
        if settings is not None:
            scorer.log = ScoreLogWriter(settings, Model(scorer.name, scorer.version, scorer.bundle.catalog.fingerprint))
            self._logs.append(scorer.log)
        for log in self._logs[:-2]:  # requests that began with the scorer before may still be under way, and log
            log.close()
        del self._logs[:-2]
        metrics.serving_model(scorer.name, scorer.version)

    def answer(self, incoming: Incoming) -> Answer:
        """Score the leads of a request with one scorer from beginning to end."""
        scorer = self.scorer
        try:
            if incoming.error is not None:
                raise incoming.error
            body, leads = scorer.answer(incoming.body, to_micros(dt.datetime.now(dt.UTC)), incoming.may_debug)
        except RequestError as error:
            return Answer(error_body(error), error.status, error.code)
        return Answer(body, leads=leads, version=scorer.version)

    async def score(self, scope: Scope, receive: Receive) -> Answer:
        """Answer ``POST /score``, small requests on the event loop, others beside it.

        Parameters
        ----------
        scope, receive
            As ASGI has them.
        """
        incoming = await read_incoming(Request(scope, receive))
        if len(incoming.body) <= SMALL_BYTES and incoming.body.count(b'"lead_id"') <= SMALL_LEADS:
            return self.answer(incoming)
        try:
            async with asyncio.timeout(WORK_SECONDS):
                return await anyio.to_thread.run_sync(
                    self.answer, incoming, limiter=self.limiter, abandon_on_cancel=True
                )
        except TimeoutError:
            message = f"the request waited, and was worked on, for longer than {WORK_SECONDS} s."
            error = RequestError(503, "too_busy", message, hint="Send fewer leads per request, or send it again later.")
            return Answer(error_body(error), error.status, error.code, headers=((b"retry-after", b"5"),))

    def close(self) -> None:
        """Stop following, and write what the score log still holds."""
        self.current.stop()
        for log in self._logs:
            log.close()
