"""Whether the online store takes writes, for readiness: asked in bounded time, and at most about once a second."""

import asyncio
import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from serving.store.connect import Store, StoreUnavailableError
from serving.store.probe import try_read, try_write

__all__ = ["StoreState"]

CHECK_SECONDS = 1.0
"""That a try to write, and then one to read, may take."""
KEEP_SECONDS = 1.0


class StoreState:
    """What the store takes: ``up``: reads and writes; ``read_only``: reads, as when it is locked or full; ``down``: nothing.

    Callers at the same time share one check, and its result holds for a second. A check that hangs goes on in its thread, and
    no second one is begun meanwhile.

    Parameters
    ----------
    store : Store
        The store to check.
    clock : callable
        Seconds of a clock that never goes back.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock = store, clock
        self._check: asyncio.Task[str] | None = None
        self._until = 0.0
        self._tries: dict[Callable[[Store], None], asyncio.Task[bool]] = {}

    async def now(self) -> str:
        """Give the state; it takes two seconds at most."""
        if self._check is None or (self._check.done() and self.clock() >= self._until):
            self._check = asyncio.create_task(self._checked())
        return await asyncio.shield(self._check)

    async def _checked(self) -> str:
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
        done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
        return bool(done) and task.result()

    async def _tried(self, attempt: Callable[[Store], None]) -> bool:
        try:
            # A limiter of its own: looking does not wait for those who write, nor they for it
            await anyio.to_thread.run_sync(attempt, self.store, limiter=anyio.CapacityLimiter(1))
        except StoreUnavailableError:
            return False
        return True
