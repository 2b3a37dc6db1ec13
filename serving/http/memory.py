"""Gives memory back to the system after large requests, which the C library would keep for the next ones."""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

__all__ = ["PAUSE_SECONDS", "MemoryTrimmer"]

PAUSE_SECONDS = 5.0
"""The shortest time between two trims: other threads that allocate wait some milliseconds for each."""


class MemoryTrimmer:
    """Returns free memory to the system some seconds after `trim_soon`; calls until then share one trim."""

    def __init__(self) -> None:
        self._trim: Callable[[int], Any] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        self._is_waiting = False

    def trim_soon(self) -> None:
        """Schedule a trim; to be called in the event loop."""
        if not self._is_waiting and self._trim is not None:
            self._is_waiting = True
            loop = asyncio.get_running_loop()
            loop.call_later(PAUSE_SECONDS, self._start, loop, self._trim)

    def _start(self, loop: asyncio.AbstractEventLoop, trim: Callable[[int], Any]) -> None:
        self._is_waiting = False
        loop.run_in_executor(None, trim, 0)
