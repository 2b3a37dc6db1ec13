"""Handlers of the event routes, and of the route that scores a lead from what the online store holds."""

import datetime as dt
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request

from features.timeline import to_micros
from models.answers.requests import LeadRequest
from models.answers.slot_price import PRICE_FILE
from models.audit_log.vocabulary import Action
from models.audit_log.writer import AuditLogWriter
from models.data_protection.pseudonyms import id_pseudonyms, served_ids
from serving.access.guard import models_allowed
from serving.contract.errors import RequestError
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.routes import MATCH
from serving.contract.strict_json import parse_json
from serving.http.actor import ACTOR
from serving.http.answers import Answer, Handler, Receive, Scope, error_answer
from serving.http.bodies import read_body
from serving.http.lead_ids import lead_ids, use_lead_ids
from serving.online.dispatcher import Dispatcher
from serving.online.erasing import erase
from serving.online.id_edge import edge_of
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.online.store_state import StoreState
from serving.online.suppressed import Suppressed, check_list
from serving.online.webhooks import WebhookSettings, sweep_minutes
from serving.scoring.served_scorers import ServedScorers
from serving.store.connect import Store, StoreUnavailableError, store_url

__all__ = ["HANDLERS", "Online", "connect", "is_erased", "marked", "online", "prepare", "start", "stop", "store_state"]

RETRY_AFTER = b"5"
THREADS = 4  # for writes, and as many for scores
PAGE_THREADS = 1  # more would take the interpreter from each other, and from programs
MOST_WAITING = 256

_log = logging.getLogger("bentoml.lead_qualification.store")


class Online:
    """What the handlers of one process share; `pages` limits how many pages are made at once."""

    store: Store
    state: StoreState
    models: ServedScorers
    writes: anyio.CapacityLimiter
    scores: anyio.CapacityLimiter
    pages: anyio.CapacityLimiter
    dispatcher: Dispatcher
    suppressed: Suppressed
    root: Path
    audit: AuditLogWriter | None

    def say(self, action: Action, lead_ids: Sequence[str], now: int, **details: str | int | bool | None) -> None:
        """Tell the audit log what is done, and by whom, where there is one."""
        if self.audit is not None:
            self.audit.add(now, ACTOR.get(), action, lead_ids, **details)


_shared = Online()


def online() -> Online:
    """Give what the handlers of this process share; the pages use it, too."""
    return _shared


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
        ``LEAD_STORE_URL`` or a setting of the webhooks can't be understood, the suppression list can't be read, or pseudonyms
        are asked for and there are no keys.
    """
    WebhookSettings.from_environ(os.environ)
    sweep_minutes(os.environ)
    check_list(root)
    id_pseudonyms(root, served_ids())
    store = Store(store_url(root))
    store.close()
    if store.is_sqlite:
        from serving.store.migrate import migrate  # alembic is slow to import, and workers don't need it

        try:
            migrate(store_url(root))
        except StoreUnavailableError as error:
            _log.warning("%s; serving without it.", error)


def connect(root: Path, models: ServedScorers, audit: AuditLogWriter | None = None) -> None:
    """Open the store, and set the models, for the handlers of this process.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    models : ServedScorers
        The scorers of the moment.
    audit : AuditLogWriter or None
        Where it is said who did what; None: nowhere.
    """
    _shared.store, _shared.models, _shared.audit = Store(store_url(root)), models, audit
    use_lead_ids(edge_of(_shared.store, root))
    _shared.state = StoreState(_shared.store)
    _shared.suppressed, _shared.root = Suppressed(_shared.store, root, _now), root
    settings = WebhookSettings.from_environ(os.environ)
    _shared.dispatcher = Dispatcher(
        _shared.store,
        models.now,
        settings,
        sweep_minutes(os.environ),
        _now,
        audit,
        root / "data" / PRICE_FILE,
        models.names[0],
    )


async def start() -> None:
    """Make the limiters, and start the dispatcher; to be called in the event loop that will answer."""
    _shared.writes, _shared.scores = anyio.CapacityLimiter(THREADS), anyio.CapacityLimiter(THREADS)
    _shared.pages = anyio.CapacityLimiter(PAGE_THREADS)
    _shared.suppressed.start()
    _shared.dispatcher.start()


async def stop() -> None:
    """End what `start` began, and close the store."""
    await anyio.to_thread.run_sync(_shared.dispatcher.stop)
    await anyio.to_thread.run_sync(_shared.suppressed.stop)
    _shared.store.close()


async def store_state() -> str:
    """Tell what the store takes at this moment; see `serving.online.store_state.StoreState`."""
    return await _shared.state.now()


def marked(leads: list[LeadRequest]) -> list[LeadRequest]:
    """Mark the leads that objected; see `serving.online.suppressed.Suppressed.mark`."""
    return _shared.suppressed.mark(leads)


def is_erased(lead_id: str) -> bool:
    """Tell whether nothing may be stored of a lead; see `serving.online.suppressed.Suppressed.is_erased`."""
    return _shared.suppressed.is_erased(lead_id)


async def _write(kind: str, scope: Scope, receive: Receive) -> Answer:
    async def answer() -> Any:
        async with read_body(Request(scope, receive)) as body:
            catalogs = [scorer.bundle.catalog for scorer in _shared.models.now()]
            accepted = await _in_thread(
                _shared.writes,
                accept,
                _shared.store,
                kind,
                body,
                _now(),
                catalogs,
                scope[MATCH].lead_id,
                _shared.suppressed.is_erased,
                _shared.models.redactor(),
            )
            if kind in ("objections", "merged_leads"):  # obeyed here before it is answered, elsewhere within a second
                await _in_thread(_shared.writes, _shared.suppressed.look)
            if kind == "objections":
                _shared.say("objected", _leads_of(body, kind), _now(), on="api")
            if kind == "outcomes" and _shared.audit is not None:
                _shared.say("decided", _leads_of(body, kind), _now(), on="api")
        _shared.dispatcher.wake()
        return accepted

    return await _answered(answer)


def _leads_of(body: bytes, kind: str) -> list[str]:
    """List the leads of a body that was accepted, as the store has them."""
    ids, value = lead_ids(), parse_json(body)
    return sorted({item["lead_id"] for item in (value if ids is None else ids.inward(value))[kind]})


async def _score(scope: Scope, receive: Receive) -> Answer:
    async def answer() -> Any:
        items = Request(scope).query_params.multi_items()
        query = dict(items)
        if len(query) != len(items):
            raise RequestError(400, "duplicate_key", "a parameter stands twice in the address.", hint="Send each once.")
        lead_id, scorer = scope[MATCH].lead_id, _shared.models.choose(query.get("model"), models_allowed(scope))
        return await _in_thread(_shared.scores, score_lead, _shared.store, scorer, lead_id, query, _now())

    return await _answered(answer)


async def _erase(scope: Scope, receive: Receive) -> Answer:
    async def answer() -> Any:
        lead_id = scope[MATCH].lead_id
        answer = await _in_thread(_shared.writes, erase, _shared.store, _shared.root, lead_id, _now())
        await _in_thread(_shared.writes, _shared.suppressed.look)
        _shared.say("erased", [str(lead_id)], _now(), receipt=answer["receipt"])
        return answer

    return await _answered(answer, 202)


async def _answered(answer: Callable[[], Awaitable[Any]], status: int = 200) -> Answer:
    try:
        content = json.dumps(await answer(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Answer(content.encode(), status)
    except RequestError as error:
        failure = error
    except StoreUnavailableError as error:
        _log.warning("%s", error)
        # A connection that breaks while it commits leaves open whether it did, so this does not say that nothing was written
        hint = "Send it again later: what was written already changes nothing. POST /score works without the store."
        failure = RequestError(503, "store_unavailable", "the store does not answer; nothing was accepted.", hint=hint)
    return error_answer(failure, *([(b"retry-after", RETRY_AFTER)] if failure.status == 503 else []))


async def _in_thread(limiter: anyio.CapacityLimiter, work: Callable[..., Any], *arguments: Any) -> Any:
    """Run blocking work on few threads of its own, so that routes without the store still answer while it is stuck."""
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise RequestError(503, "store_busy", "too many requests wait for the store.", hint="Try again later.")
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _now() -> int:
    return to_micros(dt.datetime.now(dt.UTC))


HANDLERS: Mapping[str, Handler] = {
    **{kind: partial(_write, kind) for kind in EVENT_KINDS},
    "lead_score": _score,
    "erase": _erase,
}
"""By the names of `serving.contract.routes.ROUTES`."""
