"""Whether the online store takes writes, for readiness: asked in bounded time, and at most about once a second."""

import asyncio
import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from serving.store.connect import Store, StoreUnavailableError
from serving.store.probe import try_read, try_write

__all__ = ["StoreState"]

LOOK_SECONDS = 1.0
"""That a try to write, and then one to read, may take."""
KEEP_SECONDS = 1.0


class StoreState:
    """What the store takes: ``up``: reads and writes; ``read_only``: reads, as when it is locked or full; ``down``: nothing.

    However many ask, one looks, and its answer holds for a second. A try that hangs goes on in its thread, and no other one is
    begun beside it.

    Parameters
    ----------
    store : Store
        What is looked at.
    clock : callable
        Seconds of a clock that never goes back.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock = store, clock
        self._look: asyncio.Task[str] | None = None
        self._until = 0.0
        self._tries: dict[Callable[[Store], None], asyncio.Task[bool]] = {}

    async def now(self) -> str:
        """Say it; after two seconds at most."""
        if self._look is None or (self._look.done() and self.clock() >= self._until):
            self._look = asyncio.create_task(self._looked())
        return await asyncio.shield(self._look)

    async def _looked(self) -> str:
        try:
            if await self._works(try_write):
                return "up"
            return "read_only" if await self._works(try_read) else "down"
        finally:
            self._until = self.clock() + KEEP_SECONDS

    async def _works(self, attempt: Callable[[Store], None]) -> bool:
        task = self._tries.get(attempt)
        if task is None or task.done():
            task = self._tries[attempt] = asyncio.create_task(self._tried(attempt))
        done, _ = await asyncio.wait({task}, timeout=LOOK_SECONDS)
        return bool(done) and task.result()

    async def _tried(self, attempt: Callable[[Store], None]) -> bool:
        try:
            # A limiter of its own: looking does not wait for those who write, nor they for it
            await anyio.to_thread.run_sync(attempt, self.store, limiter=anyio.CapacityLimiter(1))
        except StoreUnavailableError:
            return False
        return True
