"""The outermost middleware: matches each path once, asks who may come in, lets the route's handler answer, and logs.

Every error has one shape, whoever made it: JSON for programs, and below ``/app`` a page for browsers. The access log holds no
personal data.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from serving.contract.errors import RequestError
from serving.contract.routes import MATCH, OTHER, ROUTES, Match, is_clean, match
from serving.http import upstream
from serving.http.actor import ACTOR, LOCAL
from serving.http.answers import (
    CODE_HEADER,
    ID_HEADER,
    JSON,
    Answer,
    App,
    Handler,
    Message,
    Receive,
    ResponseRecord,
    Scope,
    Send,
    error_answer,
)
from serving.http.bodies import skip_body
from serving.http.lead_ids import lead_ids
from serving.http.logs import ACCESS_LOG
from serving.http.priority import answering
from serving.http.reader import wants_page

__all__ = ["CODE_HEADER", "Answer", "App", "Gate", "Message", "Middleware", "Receive", "Scope", "Send"]

_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")

_log = logging.getLogger("bentoml.lead_qualification")


class Gate(Protocol):
    """Who may come in; `serving.access.guard.Guard` is one."""

    def refuse(self, scope: Scope) -> Answer | None:
        """Give the answer to a request that is refused, by the route in its scope; None: it is admitted."""

    def charge(self, scope: Scope, leads: int) -> None:
        """Count the leads that an admitted request was answered with."""

    def key_id(self, scope: Scope) -> str | None:
        """Give the id of the request's key, for the access log; no secret."""


class Middleware:
    """The outermost ASGI middleware.

    The access log holds the moment, method, route's template (``other`` where there is none: a path can carry a name),
    status, error code, size of the answer, duration, number of leads, model and version, request id and, where keys are needed,
    the id of the key; never a key, a client's IP address, a query, a body, a header or a lead's id. Of errors it holds
    `serving.http.logs.MOST` per status and code in a minute, and a sum. A request's ``X-Request-ID`` comes back, and
    is logged, if it looks like one; otherwise it gets one.

    Parameters
    ----------
    app : callable
        BentoML's application, which answers the routes of the table that are upstream.
    handlers : mapping of str to callable
        Handlers of all other routes, by the route's name.
    observe : callable, optional
        Called with template, status and seconds of each answer.
    gate : Gate, optional
        Asked before anything else; None: everyone may come in.
    is_shutting_down : callable, optional
        Whether the service shuts down.
    error_page : callable, optional
        Makes the page of an error that a browser gets below ``/app``, of its scope, status and code; None: JSON for everyone.

    Raises
    ------
    ValueError
        Handlers and table of routes differ.
    """

    def __init__(
        self,
        app: App,
        handlers: Mapping[str, Handler],
        observe: Callable[[str, int, float], None] = lambda path, status, seconds: None,
        gate: Gate | None = None,
        is_shutting_down: Callable[[], bool] = lambda: False,
        error_page: Callable[[Scope, int, str], Answer] | None = None,
    ) -> None:
        expected = {route.name for route in ROUTES if not route.is_upstream}
        if expected != set(handlers):
            raise ValueError(f"routes and handlers differ: {sorted(expected ^ set(handlers))}")
        self.app, self.handlers = app, handlers
        self.observe, self.gate, self.is_shutting_down = observe, gate, is_shutting_down
        self.error_page = error_page
        self.log = logging.getLogger(ACCESS_LOG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # there are none, and no key was asked for
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, request_id, seen = time.perf_counter(), _request_id(scope), ResponseRecord()
        matched = scope[MATCH] = match(scope["path"])
        is_refused = True
        try:
            answer = self._refusal(scope, matched)
            is_refused = answer is not None
            if not is_refused:
                key_id = None if self.gate is None else self.gate.key_id(scope)
                ACTOR.set(LOCAL if key_id is None else f"key:{key_id}")
            if is_refused or (scope["method"] != "POST" and _has_body(scope)):
                # nobody reads it, and a caller whose body is left unread may not see the answer
                await skip_body(receive)
            if matched is not None and not is_refused and matched.route.is_upstream:
                await upstream.ask(self.app, matched.route, scope, receive, send, seen, request_id)
                return
            if answer is None and matched is not None:
                answer = await self._handled(matched, scope, receive)
            await self._send(self._readable(answer or _nothing_here(), scope), scope, send, seen, request_id)
        finally:
            if is_refused or matched is None or not matched.route.is_quiet or seen.status >= 400:
                self._write(scope, matched, seen, request_id, time.perf_counter() - begin)

    def _refusal(self, scope: Scope, matched: Match | None) -> Answer | None:
        if not is_clean(scope["path"]):
            message = "the path holds a control character."
            return error_answer(RequestError(400, "invalid_path", message, hint="Leave it out: no address has one."))
        refusal = None if self.gate is None else self.gate.refuse(scope)
        if refusal is not None:
            return refusal
        if matched is None:
            return _nothing_here()
        route = matched.route
        if scope["method"] not in route.methods:
            allowed = ", ".join(route.methods)
            message = "this address does not answer to this method."
            error = RequestError(405, "method_not_allowed", message, hint=f"It answers to {allowed}; see /docs.json.")
            return error_answer(error, (b"allow", allowed.encode("ascii")))
        if route.is_readiness and self.is_shutting_down():
            error = RequestError(503, "not_ready", "the service shuts down.", hint="Ask another instance.")
            return error_answer(error, (b"retry-after", b"5"))
        return None

    async def _handled(self, matched: Match, scope: Scope, receive: Receive) -> Answer:
        of_program = contextlib.nullcontext() if matched.route.is_page else answering()
        handler, ids = self.handlers[matched.route.name], lead_ids()
        try:
            with of_program:
                if ids is None:
                    return await handler(scope, receive)
                with ids.request():
                    if matched.lead_id is not None:
                        scope[MATCH] = matched._replace(lead_id=ids.of("lead", matched.lead_id))
                    return await ids.outward(await handler(scope, receive))
        except Exception:  # noqa: BLE001 - whatever fails is logged, and the caller gets the one shape of errors
            _log.exception("%s failed", matched.route.template)
            hint = "Try again; if it persists, tell the operator."
            return error_answer(RequestError(500, "internal_error", "the service failed; its log says why.", hint=hint))

    def _readable(self, answer: Answer, scope: Scope) -> Answer:
        """Give a browser the page of an error that was written for programs."""
        is_json_error = answer.code is not None and answer.media_type == JSON
        if self.error_page is None or not is_json_error or not wants_page(scope):
            return answer
        try:
            page = self.error_page(scope, answer.status, answer.code or "")
        except Exception:  # noqa: BLE001 - as in `_handled`; the error itself is answered all the same
            _log.exception("the page of an error failed")
            return answer
        return replace(page, headers=(*answer.headers, *page.headers))

    async def _send(self, answer: Answer, scope: Scope, send: Send, seen: ResponseRecord, request_id: bytes) -> None:
        seen.status, seen.code, seen.bytes = answer.status, answer.code, len(answer.body)
        seen.leads, seen.version, seen.model = answer.leads, answer.version, answer.model
        if self.gate is not None and answer.leads is not None:
            self.gate.charge(scope, answer.leads)
        headers = answer.all_headers(request_id)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def _write(
        self, scope: Scope, matched: Match | None, seen: ResponseRecord, request_id: bytes, seconds: float
    ) -> None:
        path = OTHER if matched is None else matched.route.template
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        fields = {
            "method": method,
            "path": path,
            "status": seen.status,
            "code": seen.code,
            "bytes": seen.bytes,
            "ms": round(seconds * 1000.0, 2),
            "leads": seen.leads,
            "model": seen.model,
            "model_version": seen.version,
            "request_id": request_id.decode("ascii"),
        }
        if self.gate is not None:
            fields["key"] = self.gate.key_id(scope)
        self.observe(path, seen.status, seconds)
        kind = None if seen.status < 400 else (ACCESS_LOG, seen.status, seen.code)
        self.log.info("answered", extra={"fields": fields, "kind": kind, "where": path})


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") and value != b"0" for name, value in scope["headers"])


def _nothing_here() -> Answer:
    hint = "POST /score scores leads; / describes the service."
    return error_answer(RequestError(404, "not_found", "there is nothing at this address.", hint=hint))


def _request_id(scope: Scope) -> bytes:
    """Take the caller's, if it can't hold much more than a number; or make one."""
    for name, value in scope["headers"]:
        if name == ID_HEADER and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return os.urandom(8).hex().encode("ascii")
