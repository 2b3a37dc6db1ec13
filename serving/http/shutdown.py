"""Graceful shutdown of a worker: who reached it is answered first, and it does not outlive the process that started it."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any

from features.errors import LeadQualificationError
from serving.http.answers import App, Message, Receive, Scope, Send

__all__ = ["PARENT_PID", "GracefulShutdown", "drain_seconds"]

PARENT_PID = "LEAD_PARENT_PID"  # from the process that starts the workers
DRAIN = "LEAD_DRAIN_SECONDS"
DEFAULT_DRAIN = "10"
"""Two checks of a load balancer that looks every five seconds."""

WATCH_SECONDS = 1.0

_log = logging.getLogger("bentoml.lead_qualification")


def drain_seconds(environ: Mapping[str, str]) -> float:
    """Read ``LEAD_DRAIN_SECONDS``: how long to go on after SIGTERM, not ready, until load balancers look elsewhere (10).

    Raises
    ------
    LeadQualificationError
        It is no number from 0 to 600.
    """
    text = environ.get(DRAIN) or DEFAULT_DRAIN
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 600.0:
        raise LeadQualificationError(f"{DRAIN} is {text!r}; a number from 0 to 600 is expected. Correct or unset it.")
    return seconds


class GracefulShutdown:
    """An ASGI middleware around all others that puts time between SIGTERM and the server's own shutdown.

    The server closes its socket at once, and with it resets connections that it has not accepted yet; and it closes kept-alive
    connections while a caller may be writing to them. So, on SIGTERM: for `seconds` the worker is not ready, but answers, and
    closes each connection with its answer. By then load balancers send nothing more, and the server ends, which waits for all
    requests under way.

    Parameters
    ----------
    seconds : float
        See `drain_seconds`.
    parent : int or None
        Process id of who started this process: when it is gone, the worker ends, too. None: nobody is watched.
    """

    def __init__(self, seconds: float, parent: int | None) -> None:
        self.seconds, self.parent = seconds, parent
        self.is_shutting_down = False
        self._task: asyncio.Task[None] | None = None

    def around(self, app: App) -> App:
        """Put the middleware around an application."""

        async def shutdown(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                self._begin()
            await app(scope, receive, self._closing(send))

        return shutdown

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if self.is_shutting_down and message["type"] == "http.response.start":
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
            if not self.is_shutting_down:
                self.is_shutting_down = True
                loop.call_soon_threadsafe(drain)

        def drain() -> None:
            self._task = loop.create_task(self._drain(server))

        signal.signal(signal.SIGTERM, on_signal)
        if self.parent is not None:
            threading.Thread(target=self._watch, args=(self.parent,), name="lead-parent", daemon=True).start()

    async def _drain(self, server: Any) -> None:
        _log.info("shutting down: not ready any more, answering for %g s more", self.seconds)
        await asyncio.sleep(self.seconds)
        server(signal.SIGTERM, None)

    def _watch(self, parent: int) -> None:
        waiting = threading.Event()
        while not waiting.wait(WATCH_SECONDS):
            if self.is_shutting_down:
                return
            if os.getppid() != parent:
                _log.warning("the process that started this worker is gone; ending.")
                os.kill(os.getpid(), signal.SIGTERM)
                return
