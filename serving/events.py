"""The addresses that tell what happens, and ask for the score of a lead as the store knows it."""

import contextlib
import datetime as dt
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from features.timeline import to_micros
from serving.addresses import LEAD_SCORE, TOLD
from serving.bodies import read_body
from serving.dispatcher import Dispatcher
from serving.edge import CODE_HEADER
from serving.errors import RequestError, error_body
from serving.intake import accept
from serving.online import score_lead
from serving.scorer import Scorer
from serving.store.connect import Store, StoreUnavailableError, store_url
from serving.webhooks import WebhookSettings

__all__ = ["connect", "lifespan", "prepare", "routes", "store_state"]

RETRY_AFTER = "5"
THREADS = 4  # for writes, and as many for scores
MOST_WAITING = 256
LOOK_SECONDS = 1.0

_log = logging.getLogger("bentoml.lead_qualification.store")


class _Ways:
    """What the addresses of one process share."""

    store: Store
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
    settings = WebhookSettings.from_environ(os.environ)
    _ways.dispatcher = None if settings is None else Dispatcher(_ways.store, scorer, settings, _now)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Serve the addresses, and tell of decisions, until the block ends."""
    _ways.writes, _ways.scores = anyio.CapacityLimiter(THREADS), anyio.CapacityLimiter(THREADS)
    if _ways.dispatcher is not None:
        _ways.dispatcher.start()
    try:
        yield
    finally:
        if _ways.dispatcher is not None:
            await anyio.to_thread.run_sync(_ways.dispatcher.stop)
        _ways.store.close()


async def store_state() -> str:
    """Say whether the store answers: ``up`` or ``down``."""

    def look() -> None:
        with _ways.store.read():
            pass

    with anyio.move_on_after(LOOK_SECONDS):
        try:
            await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
        except StoreUnavailableError:
            return "down"
        return "up"
    return "down"


async def _write(request: Request) -> Response:
    kind = request.url.path.rsplit("/", 1)[-1]

    async def answer() -> Any:
        async with read_body(request) as body:
            accepted = await _in_thread(_ways.writes, accept, _ways.store, kind, body, _now())
        if _ways.dispatcher is not None:
            _ways.dispatcher.wake()
        return accepted

    return await _answer(answer)


async def _score(request: Request) -> Response:
    async def answer() -> Any:
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()):
            raise RequestError(400, "duplicate_key", "a parameter stands twice in the address.", hint="Send each once.")
        lead_id = request.path_params["lead_id"]
        return await _in_thread(_ways.scores, score_lead, _ways.store, _ways.scorer(), lead_id, query, _now())

    return await _answer(answer)


async def _answer(answer: Callable[[], Any]) -> Response:
    headers = {}
    try:
        content = json.dumps(await answer(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        return Response(content, media_type="application/json")
    except RequestError as error:
        failure = error
    except StoreUnavailableError as error:
        _log.warning("%s", error)
        # A connection that breaks while it commits leaves open whether it did, so this does not say that nothing was written
        hint = "Send it again later: what was written already changes nothing. POST /score works without the store."
        failure = RequestError(503, "store_unavailable", "the store does not answer; nothing was accepted.", hint=hint)
    if failure.status == 503:
        headers["retry-after"] = RETRY_AFTER
    headers[CODE_HEADER.decode("ascii")] = failure.code
    return Response(error_body(failure), failure.status, headers, media_type="application/json")


async def _in_thread(limiter: anyio.CapacityLimiter, work: Callable[..., Any], *arguments: Any) -> Any:
    """Work beside the event loop, on few threads: while the store is stuck, the others still answer."""
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise RequestError(503, "store_busy", "too many requests wait for the store.", hint="Try again later.")
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _now() -> int:
    return to_micros(dt.datetime.now(dt.UTC))


routes = [
    *(Route(f"/{kind}", _write, methods=["POST"]) for kind in TOLD),
    Route(LEAD_SCORE.replace("{lead_id}", "{lead_id:path}"), _score, methods=["GET"]),  # an id may hold a slash
]
