"""The outermost layer: one shape for every error, whoever made it, and an access log without personal data."""

import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.addresses import address_of
from serving.errors import RequestError, error_body

__all__ = ["ACCESS_LOG", "CODE_HEADER", "Edge", "configure_access_log"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ACCESS_LOG = "lead_qualification.access"
CODE_HEADER = b"x-error-code"
QUIET = ("/livez", "/readyz", "/healthz", "/metrics", "/static_content")

_FALLBACK = {
    404: ("not_found", "there is nothing at this address.", "POST /score scores leads; / describes the service."),
    405: ("method_not_allowed", "this address does not answer to this method.", "See /docs.json."),
    415: ("unsupported_media_type", "this content type is not taken.", "Send Content-Type: application/json."),
    503: ("not_ready", "the service is not ready.", "Try again shortly."),
}
_BROKEN = ("internal_error", "the service failed; its log says why.", "Try again; if it persists, tell the operator.")


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


class Edge:
    """ASGI middleware.

    The log holds the moment, method, address (unknown ones as ``other``: an address can carry a name), status, error code,
    size of the answer and duration; never a client's IP address, a query, a body or an id.

    Parameters
    ----------
    app : callable
        The ASGI application inside.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.log = logging.getLogger(ACCESS_LOG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith(QUIET):
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        seen: dict[str, Any] = {"status": 0, "bytes": 0, "code": None, "replaced": None}

        async def edge_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                if message["status"] >= 400:
                    message = _in_shape(message, seen)
            elif message["type"] == "http.response.body":
                if seen["replaced"] is not None:
                    if message.get("more_body", False):
                        return
                    message = {"type": "http.response.body", "body": seen["replaced"], "more_body": False}
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, edge_send)
        finally:
            self._write(scope, seen, begin)

    def _write(self, scope: Scope, seen: dict[str, Any], begin: float) -> None:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other",
            "path": address_of(scope["path"]),
            "status": seen["status"],
            "code": seen["code"],
            "bytes": seen["bytes"],
            "ms": round((time.perf_counter() - begin) * 1000.0, 2),
        }
        self.log.info(json.dumps(line))


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
