"""Handlers of the routes that tell what happens, and that ask for the score of a lead as the store knows it."""

import datetime as dt
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request

from features.timeline import to_micros
from serving.contract.errors import RequestError
from serving.contract.routes import MATCH, TOLD
from serving.http.answers import Answer, Handler, Receive, Scope, refused
from serving.http.bodies import read_body
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.online.store_state import StoreState
from serving.online.webhooks import WebhookSettings
from serving.scoring.scorer import Scorer
from serving.store.connect import Store, StoreUnavailableError, store_url

__all__ = ["HANDLERS", "connect", "prepare", "start", "stop", "store_state"]

RETRY_AFTER = b"5"
THREADS = 4  # for writes, and as many for scores
MOST_WAITING = 256

_log = logging.getLogger("bentoml.lead_qualification.store")


class _Ways:
    """What the handlers of one process share."""

    store: Store
    state: StoreState
    scorer: Callable[[], Scorer]
    writes: anyio.CapacityLimiter
    scores: anyio.CapacityLimiter
    dispatcher: Dispatcher | None = None


_ways = _Ways()


def prepare(root: Path) -> None:
    """Bring the embedded store to this version before the workers start; a server's is migrated by its operator.

    A store that does not answer is no reason to stay down: what needs it answers 503.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.

    Raises
    ------
    LeadQualificationError
        ``LEAD_STORE_URL`` or a setting of the webhooks can't be understood.
    """
    WebhookSettings.from_environ(os.environ)
    store = Store(store_url(root))
    store.close()
    if store.is_sqlite:
        from serving.store.migrate import migrate  # alembic is slow to import, and workers don't need it

        try:
            migrate(store_url(root))
        except StoreUnavailableError as error:
            _log.warning("%s; serving without it.", error)


def connect(root: Path, scorer: Callable[[], Scorer]) -> None:
    """Say where the store is and what scores.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    scorer : callable
        Gives the scorer of the moment.
    """
    _ways.store, _ways.scorer = Store(store_url(root)), scorer
    _ways.state = StoreState(_ways.store)
    settings = WebhookSettings.from_environ(os.environ)
    _ways.dispatcher = None if settings is None else Dispatcher(_ways.store, scorer, settings, _now)


async def start() -> None:
    """Get ready to answer, and begin to tell of decisions; in the event loop that will answer."""
    _ways.writes, _ways.scores = anyio.CapacityLimiter(THREADS), anyio.CapacityLimiter(THREADS)
    if _ways.dispatcher is not None:
        _ways.dispatcher.start()


async def stop() -> None:
    """End what `start` began, and close the store."""
    if _ways.dispatcher is not None:
        await anyio.to_thread.run_sync(_ways.dispatcher.stop)
    _ways.store.close()


async def store_state() -> str:
    """Say what the store takes at this moment; see `serving.online.store_state.StoreState`."""
    return await _ways.state.now()


async def _write(kind: str, scope: Scope, receive: Receive) -> Answer:
    async def answer() -> Any:
        async with read_body(Request(scope, receive)) as body:
            catalog = _ways.scorer().bundle.catalog
            accepted = await _in_thread(_ways.writes, accept, _ways.store, kind, body, _now(), catalog)
        if _ways.dispatcher is not None:
            _ways.dispatcher.wake()
        return accepted

    return await _answered(answer)


async def _score(scope: Scope, receive: Receive) -> Answer:
    async def answer() -> Any:
        items = Request(scope).query_params.multi_items()
        query = dict(items)
        if len(query) != len(items):
            raise RequestError(400, "duplicate_key", "a parameter stands twice in the address.", hint="Send each once.")
        lead_id = scope[MATCH].lead_id
        return await _in_thread(_ways.scores, score_lead, _ways.store, _ways.scorer(), lead_id, query, _now())

    return await _answered(answer)


async def _answered(answer: Callable[[], Awaitable[Any]]) -> Answer:
    try:
        content = json.dumps(await answer(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Answer(content.encode())
    except RequestError as error:
        failure = error
    except StoreUnavailableError as error:
        _log.warning("%s", error)
        # A connection that breaks while it commits leaves open whether it did, so this does not say that nothing was written
        hint = "Send it again later: what was written already changes nothing. POST /score works without the store."
        failure = RequestError(503, "store_unavailable", "the store does not answer; nothing was accepted.", hint=hint)
    return refused(failure, *([(b"retry-after", RETRY_AFTER)] if failure.status == 503 else []))


async def _in_thread(limiter: anyio.CapacityLimiter, work: Callable[..., Any], *arguments: Any) -> Any:
    """Work beside the event loop, on few threads: while the store is stuck, the others still answer."""
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise RequestError(503, "store_busy", "too many requests wait for the store.", hint="Try again later.")
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _now() -> int:
    return to_micros(dt.datetime.now(dt.UTC))


HANDLERS: Mapping[str, Handler] = {**{kind: partial(_write, kind) for kind in TOLD}, "lead_score": _score}
"""By the names of `serving.contract.routes.ROUTES`."""
