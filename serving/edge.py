"""The outermost layer: one shape for every error, whoever made it, and an access log without personal data."""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from serving.addresses import address_of
from serving.bodies import skip_body
from serving.errors import RequestError, error_body

__all__ = [
    "ACCESS_LOG",
    "CODE_HEADER",
    "Answer",
    "Edge",
    "Gate",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "configure_access_log",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ACCESS_LOG = "lead_qualification.access"
CODE_HEADER = b"x-error-code"
ID_HEADER = b"x-request-id"
QUIET = frozenset({"/livez", "/readyz", "/healthz", "/health", "/ready", "/metrics"})

_FALLBACK = {
    404: ("not_found", "there is nothing at this address.", "POST /score scores leads; / describes the service."),
    405: ("method_not_allowed", "this address does not answer to this method.", "See /docs.json."),
    415: ("unsupported_media_type", "this content type is not taken.", "Send Content-Type: application/json."),
    503: ("not_ready", "the service is not ready.", "Try again shortly."),
}
_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")
_BROKEN = ("internal_error", "the service failed; its log says why.", "Try again; if it persists, tell the operator.")

_log = logging.getLogger("bentoml.lead_qualification")


def configure_access_log(path: str | None = None) -> None:
    """Send the access log, one JSON object per line, to standard output, or to a file."""
    logger = logging.getLogger(ACCESS_LOG)
    if logger.handlers:
        return
    handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and what the log may say of it.

    Attributes
    ----------
    body : bytes
        JSON.
    status : int
        HTTP status.
    code : str or None
        Of an error.
    leads : int or None
        How many were scored.
    version : str or None
        Of the model that scored.
    headers : tuple of (bytes, bytes)
        Beyond those that every answer has.
    """

    body: bytes
    status: int = 200
    code: str | None = None
    leads: int | None = None
    version: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


Direct = Callable[[Scope, Receive], Awaitable[Answer]]


class Gate(Protocol):
    """Who may come in; `serving.security.Guard` is one."""

    def refuse(self, scope: Scope) -> Answer | None:
        """Say why a request is refused; None: it is not."""

    def charge(self, scope: Scope, leads: int) -> None:
        """Count the leads that an admitted request was answered with."""

    def name(self, scope: Scope) -> str | None:
        """Say whose the request is, for the log; no secret."""


class Edge:
    """The outermost ASGI layer.

    The log holds the moment, method, address (unknown ones as ``other``: an address can carry a name), status, error code, size
    of the answer, duration, number of leads, model version, request id and, where keys are needed, the id of the key; never a
    key, a client's IP address, a query, a body or a lead's id. A request's ``X-Request-ID`` comes back, and is logged, if it
    looks like one; otherwise it gets one.

    Parameters
    ----------
    app : callable
        The ASGI application inside.
    direct : mapping of (method, path) to callable, optional
        What is answered here, without the layers and routes inside; see ADR 17.
    observe : callable, optional
        Called with address, status and seconds of each answer.
    gate : Gate, optional
        Asked before anything else; None: everyone may come in.
    """

    def __init__(
        self,
        app: App,
        direct: Mapping[tuple[str, str], Direct] | None = None,
        observe: Callable[[str, int, float], None] = lambda path, status, seconds: None,
        gate: Gate | None = None,
    ) -> None:
        self.app = app
        self.direct = direct or {}
        self.observe = observe
        self.gate = gate
        self.log = logging.getLogger(ACCESS_LOG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # there are none, and no key was asked for
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        refusal = None if self.gate is None else self.gate.refuse(scope)
        request_id = _request_id(scope)
        direct = self.direct.get((scope["method"], scope["path"]))
        seen: dict[str, Any] = {"status": 0, "bytes": 0, "code": None, "replaced": None, "leads": None, "version": None}
        if refusal is None and (scope["path"] in QUIET or scope["path"].startswith("/static_content/")):
            await self.app(scope, receive, _shaping(send, seen, request_id))  # not logged
            return
        try:
            answer = refusal
            if refusal is not None:
                await skip_body(receive)
            elif direct is not None:
                answer = await _answered(direct, scope, receive)
            if answer is not None:
                seen |= {"status": answer.status, "code": answer.code, "bytes": len(answer.body)}
                seen |= {"leads": answer.leads, "version": answer.version}
                if self.gate is not None and answer.leads is not None:
                    self.gate.charge(scope, answer.leads)
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": _headers(answer, request_id)}
                )
                await send({"type": "http.response.body", "body": answer.body})
            else:
                await self.app(scope, receive, _shaping(send, seen, request_id))
        finally:
            self._write(scope, seen, request_id, time.perf_counter() - begin)

    def _write(self, scope: Scope, seen: dict[str, Any], request_id: bytes, seconds: float) -> None:
        path = address_of(scope["path"])
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other",
            "path": path,
            "status": seen["status"],
            "code": seen["code"],
            "bytes": seen["bytes"],
            "ms": round(seconds * 1000.0, 2),
            "leads": seen["leads"],
            "model_version": seen["version"],
            "request_id": request_id.decode("ascii"),
        }
        if self.gate is not None:
            line["key"] = self.gate.name(scope)
        self.observe(path, seen["status"], seconds)
        self.log.info(json.dumps(line))


async def _answered(direct: Direct, scope: Scope, receive: Receive) -> Answer:
    try:
        return await direct(scope, receive)
    except Exception:  # noqa: BLE001 - whatever fails is logged, and the caller gets the one shape of errors
        _log.exception("%s %s failed", scope["method"], scope["path"])
        code, text, hint = _BROKEN
        return Answer(error_body(RequestError(500, code, text, hint=hint)), 500, code)


def _headers(answer: Answer, request_id: bytes) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode("ascii")),
        (ID_HEADER, request_id),
        *answer.headers,
    ]
    if answer.code is not None:
        headers.append((CODE_HEADER, answer.code.encode("ascii")))
    return headers


def _request_id(scope: Scope) -> bytes:
    """Take the caller's, if it can't hold much more than a number; or make one."""
    for name, value in scope["headers"]:
        if name == ID_HEADER and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return os.urandom(8).hex().encode("ascii")


def _shaping(send: Send, seen: dict[str, Any], request_id: bytes) -> Send:
    """Bring what others answer into our shape, and look at it."""

    async def shaped(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen["status"] = message["status"]
            if message["status"] >= 400:
                message = _in_shape(message, seen)
            message = {**message, "headers": [*message.get("headers", []), (ID_HEADER, request_id)]}
        elif message["type"] == "http.response.body":
            if seen["replaced"] is not None:
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": seen["replaced"], "more_body": False}
            seen["bytes"] += len(message.get("body", b""))
        await send(message)

    return shaped


def _in_shape(message: Message, seen: dict[str, Any]) -> Message:
    """Keep an error in our shape, replace any other."""
    headers = [(name.lower(), value) for name, value in message.get("headers", [])]
    for name, value in headers:
        if name == CODE_HEADER:
            seen["code"] = value.decode("ascii")
            return message
    status = message["status"]
    code, text, hint = _FALLBACK.get(status, _BROKEN if status >= 500 else ("bad_request", "bad request.", None))
    seen["code"] = code
    seen["replaced"] = error_body(RequestError(status, code, text, hint=hint))
    kept = [item for item in headers if item[0] not in (b"content-length", b"content-type", b"transfer-encoding")]
    length = str(len(seen["replaced"])).encode("ascii")
    new = [(b"content-type", b"application/json"), (b"content-length", length), (CODE_HEADER, code.encode("ascii"))]
    return {**message, "headers": [*kept, *new]}
