"""Work spread over threads, where there is enough of it. Kernels and Arrow let other threads run."""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

__all__ = ["WORTH_A_THREAD", "available", "run_all", "run_in_ranges"]

WORTH_A_THREAD = 200_000
"""Below so many touchpoints a thread costs more than it saves."""
_CHUNKS_PER_THREAD = 4

T = TypeVar("T")


def available() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def run_in_ranges(
    action: Callable[[int, int], Any],
    things: int,
    cost: Callable[[], np.ndarray],
    work: int,
    threads: int | None = None,
) -> None:
    """Run an action on ranges of about equal cost that cover all things; small work never starts a thread.

    Parameters
    ----------
    action : callable
        Takes where a range begins and ends.
    things : int
        How many.
    cost : callable
        Gives the cost of each, as ndarray of int64 [things]; asked where there are threads to share it.
    work : int
        In touchpoints; decides whether threads are worth it.
    threads : int, optional
        At most so many; None: as many as this process may use.
    """
    if work < WORTH_A_THREAD or (workers := threads or available()) <= 1:
        action(0, things)
        return
    so_far = np.cumsum(cost())
    parts = workers * _CHUNKS_PER_THREAD
    inner = np.searchsorted(so_far, so_far[-1] * np.arange(1, parts) / parts).tolist()
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(action, begin, end) for begin, end in itertools.pairwise([0, *inner, things])]:
            done.result()


def run_all(actions: Sequence[Callable[[], T]], work: int) -> list[T]:
    """Run independent actions and give their results in order; the first error in that order is raised."""
    if work < WORTH_A_THREAD or len(actions) < 2 or available() <= 1:
        return [action() for action in actions]
    with ThreadPoolExecutor(available()) as pool:
        return [done.result() for done in [pool.submit(action) for action in actions]]
