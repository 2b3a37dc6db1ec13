"""Timeouts for the head of a request and for the whole of it; the server itself has one for idle connections only.

Uvicorn waits forever for the rest of a request's head, and for a caller that does not read its answer. Each such connection
holds a file descriptor and memory, so whoever opens many of them slowly keeps everyone else out.
"""

import asyncio
import logging
import math
from typing import Any

import uvicorn
import uvicorn.config

from serving.contract.errors import RequestError, error_body

__all__ = ["HEAD_SECONDS", "REQUEST_SECONDS", "TimeoutProtocol", "install"]

HEAD_SECONDS = 10.0
"""From the first byte of a request, or the connection's beginning, to the end of its head."""
REQUEST_SECONDS = 120.0
"""From there to the last byte of the answer; longer than everything inside may take."""
CHECK_SECONDS = 2.0

OVERRIDDEN = (
    "connection_made",
    "data_received",
    "on_response_complete",
    "connection_lost",
    "send_400_response",
    "_should_upgrade",
)

_log = logging.getLogger("bentoml.lead_qualification")


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stand in for an application, without which settings can't be read."""


def _servers_own() -> Any:
    """Find the class that the server would use, through its public settings."""
    config = uvicorn.Config(_nothing, http="auto", ws="none", lifespan="off", log_config=None)
    config.load()
    return config.http_protocol_class


_Protocol: Any = _servers_own()


class TimeoutProtocol(_Protocol):  # type: ignore[misc]
    """Uvicorn's protocol with timeouts; a request that is no HTTP is answered with an error of the usual shape."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._is_waiting, self._since = True, self.loop.time()
        self._timer = self.loop.call_later(CHECK_SECONDS, self._check_timeout)

    def data_received(self, data: bytes) -> None:
        """Take what came, and note when a head or a request began."""
        is_first = not self._is_busy() and not self._is_waiting
        if is_first:
            self._is_waiting, self._since = True, self.loop.time()
        super().data_received(data)
        if self._is_waiting and self._is_busy():
            self._is_waiting, self._since = False, self.loop.time()

    def on_response_complete(self) -> None:
        """Begin to wait for the next head; while nothing of it came, uvicorn's own limit for idle connections counts."""
        self._is_waiting, self._since = False, self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        error = RequestError(400, "invalid_http", "this is no HTTP request, or its head is too large.")
        body = error_body(error)
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: "
        self.transport.write(head + str(len(body)).encode("ascii") + b"\r\n\r\n" + body)
        self.transport.close()

    def _should_upgrade(self) -> bool:
        """Take a request for a WebSocket, of which there are none, as the plain request that it is, too."""
        return False

    def _is_busy(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _check_timeout(self) -> None:
        waited = self.loop.time() - self._since
        if waited > (HEAD_SECONDS if self._is_waiting else REQUEST_SECONDS if self._is_busy() else math.inf):
            _log.warning("a connection was closed: its %s took too long.", "head" if self._is_waiting else "request")
            self.transport.abort()
            return
        self._timer = self.loop.call_later(CHECK_SECONDS, self._check_timeout)


def install() -> None:
    """Make the server of this process use `TimeoutProtocol`.

    Raises
    ------
    RuntimeError
        The server has no such methods any more: without them nobody would be cut off, and nobody would notice.
    """
    missing = [name for name in OVERRIDDEN if not callable(getattr(_Protocol, name, None))]
    if missing:
        text = f"uvicorn {uvicorn.__version__}: {_Protocol.__name__} has no {', '.join(missing)}"
        raise RuntimeError(f"{text}. Adapt {__name__}, or install the version of requirements.lock.")
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{TimeoutProtocol.__name__}"
