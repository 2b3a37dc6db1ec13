"""How a worker ends: everyone who reached it is answered first, and it does not outlive the process that started it."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any

from features.errors import LeadQualificationError
from serving.accepting import keep_out, let_in, listening
from serving.edge import App, Message, Receive, Scope, Send
from serving.errors import RequestError, error_body

__all__ = ["PARENT", "Ending", "drain_seconds"]

PARENT = "LEAD_PARENT_PID"  # from the process that starts the workers
DRAIN = "LEAD_DRAIN_SECONDS"
QUEUE_SECONDS = 0.5
"""For connections that are in the kernel's queue to be accepted, and their requests to be read."""

WATCH_SECONDS = 1.0
READY = frozenset({"/ready", "/readyz"})

_log = logging.getLogger("bentoml.lead_qualification")


def drain_seconds(environ: Mapping[str, str]) -> float:
    """Read ``LEAD_DRAIN_SECONDS``: how long to go on after SIGTERM, not ready, until load balancers look elsewhere.

    Raises
    ------
    LeadQualificationError
        It is no number from 0 to 600.
    """
    text = environ.get(DRAIN) or "0"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 600.0:
        raise LeadQualificationError(f"{DRAIN} is {text!r}; a number from 0 to 600 is expected. Correct or unset it.")
    return seconds


class Ending:
    """An ASGI layer around all others that puts time between SIGTERM and the server's own way of ending.

    The server closes its socket at once, and with it resets connections that it has not accepted yet; and it closes kept-alive
    connections while a caller may be writing to them. So, on SIGTERM: for `seconds` the worker is not ready, but answers, and
    closes each connection with its answer; then new connections are kept out and those in the queue are accepted and answered;
    then the server ends, which waits for all requests under way.

    Parameters
    ----------
    app : callable
        The application.
    seconds : float
        See `drain_seconds`.
    parent : int or None
        Process id of who started this process: when it is gone, the worker ends, too. None: nobody is watched.
    """

    def __init__(self, app: App, seconds: float, parent: int | None) -> None:
        self.app, self.seconds, self.parent = app, seconds, parent
        self.is_ending = False
        self._descriptors: list[int] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            self._begin()
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and self.is_ending and scope["path"] in READY:
            await _not_ready(self._closing(send))
        else:
            await self.app(scope, receive, self._closing(send))

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if self.is_ending and message["type"] == "http.response.start":
                kept = [item for item in message.get("headers", []) if item[0].lower() != b"connection"]
                message = {**message, "headers": [*kept, (b"connection", b"close")]}
            await send(message)

        return closing

    def _begin(self) -> None:
        """Stand in for the server's handler of SIGTERM, which is there by now, and watch the parent."""
        server, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread() or not callable(server):
            return  # not a worker of our own, such as an application under test

        def on_signal(number: int, frame: FrameType | None) -> None:
            if not self.is_ending:
                self.is_ending = True
                loop.call_soon_threadsafe(drain)

        def drain() -> None:
            self._task = loop.create_task(self._drain(server))

        self._descriptors = listening()
        signal.signal(signal.SIGTERM, on_signal)
        threading.Thread(target=self._watch, name="lead-parent", daemon=True).start()

    async def _drain(self, server: Any) -> None:
        _log.info("ending: not ready any more, answering for %g s more", self.seconds + QUEUE_SECONDS)
        await asyncio.sleep(self.seconds)
        for descriptor in self._descriptors:
            try:
                keep_out(descriptor)
            except OSError as error:
                _log.warning("new connections can't be kept out (%s); some may be reset.", error)
        await asyncio.sleep(QUEUE_SECONDS)
        server(signal.SIGTERM, None)

    def _watch(self) -> None:
        waiting = threading.Event()
        while not waiting.wait(WATCH_SECONDS):
            if self.is_ending:
                return
            if self.parent is not None and os.getppid() != self.parent:
                _log.warning("the process that started this worker is gone; ending.")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            for descriptor in self._descriptors:  # another worker may have ended alone
                let_in(descriptor)


async def _not_ready(send: Send) -> None:
    error = RequestError(503, "not_ready", "the service is ending.", hint="Ask another instance.")
    body = error_body(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
