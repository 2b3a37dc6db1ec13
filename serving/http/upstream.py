"""Routes that BentoML's own application answers: it sees nothing of the caller, and its errors get the usual shape."""

from collections.abc import Awaitable, Callable
from typing import Any

from serving.contract.errors import RequestError, error_body
from serving.contract.routes import Route
from serving.http.answers import (
    CODE_HEADER,
    ID_HEADER,
    App,
    Message,
    Receive,
    ResponseRecord,
    Scope,
    Send,
)

__all__ = ["ask"]

_FALLBACK = {
    404: ("not_found", "there is nothing at this address.", "POST /score scores leads; / describes the service."),
    405: ("method_not_allowed", "this address does not answer to this method.", "See /docs.json."),
    503: ("not_ready", "the service is not ready.", "Try again shortly."),
}
_BROKEN = ("internal_error", "the service failed; its log says why.", "Try again; if it persists, tell the operator.")
_BAD = ("bad_request", "bad request.", None)


async def ask(
    app: App, route: Route, scope: Scope, receive: Receive, send: Send, seen: ResponseRecord, request_id: bytes
) -> None:
    """Let BentoML's application answer, and note its answer for the access log.

    It gets the route's own path and the method, and no header, query, body or address of the caller, which it could log or
    redirect by.

    Parameters
    ----------
    app : callable
        BentoML's application.
    route : Route
        Of the request; its template is literal.
    scope, receive, send
        As ASGI has them.
    seen : ResponseRecord
        Takes in status, code and size.
    request_id : bytes
        For the answer.
    """
    inside = {name: scope[name] for name in ("type", "asgi", "http_version", "method", "scheme") if name in scope}
    path = route.template
    inside |= {"path": path, "raw_path": path.encode("ascii"), "root_path": "", "query_string": b"", "headers": []}
    inside |= {"server": scope.get("server"), "client": None, "state": scope.get("state", {})}
    await app(inside, _empty(receive), _shaping(send, seen, request_id))


def _empty(receive: Receive) -> Receive:
    """Receive an empty body, and after it only the message that the caller is gone."""
    is_sent = False

    async def receive_nothing() -> Message:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while (message := await receive())["type"] == "http.request":
            continue
        return message

    return receive_nothing


def _shaping(send: Send, seen: ResponseRecord, request_id: bytes) -> Callable[[Message], Awaitable[None]]:
    replaced: bytes | None = None

    async def shaped(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start":
            seen.status = message["status"]
            headers = [(name.lower(), value) for name, value in message.get("headers", [])]
            if seen.status >= 400:
                replaced, headers = _in_shape(seen, headers)
            message = {**message, "headers": [*headers, (ID_HEADER, request_id)]}
        elif message["type"] == "http.response.body":
            if replaced is not None:
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": replaced, "more_body": False}
            seen.bytes += len(message.get("body", b""))
        await send(message)

    return shaped


def _in_shape(seen: ResponseRecord, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, list[Any]]:
    code, text, hint = _FALLBACK.get(seen.status, _BROKEN if seen.status >= 500 else _BAD)
    seen.code = code
    body = error_body(RequestError(seen.status, code, text, hint=hint))
    kept = [item for item in headers if item[0] not in (b"content-length", b"content-type", b"transfer-encoding")]
    length = str(len(body)).encode("ascii")
    new = [(b"content-type", b"application/json"), (b"content-length", length), (CODE_HEADER, code.encode("ascii"))]
    return body, [*kept, *new]
