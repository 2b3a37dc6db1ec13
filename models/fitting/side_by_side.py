"""Independent tasks of training at the same time, on threads: LightGBM and NumPy leave Python's lock alone while they work.

Whoever asks for tasks in a process shares its turns with all others who do. So several parts of training can be under way
together, and whenever one of them waits for its last task, or does what can't be split, another one's tasks run.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

__all__ = ["on_one_blas_thread", "side_by_side", "together"]

Given = ParamSpec("Given")
Result = TypeVar("Result")


def on_one_blas_thread(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Decorate a function so that linear algebra in it, and in the tasks that it runs, has one thread.

    A sum that is split among threads depends on how many there are. And where systems of equations are small, threads that
    wait for one another take more processor time than the equations do.
    """

    @wraps(function)
    def limited(*arguments: Given.args, **named: Given.kwargs) -> Result:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*arguments, **named)

    return limited


class _Turns:
    """Lets so many tasks of the process work at once; those that can wait let all go first that were asked for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._working = 0
        self._pressing = 0  # tasks that were asked for, can't wait, and have not begun

    def press(self, tasks: int) -> None:
        with self._changed:
            self._pressing += tasks
            self._changed.notify_all()

    @contextmanager
    def turn(self, workers: int, later: bool) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._working < workers and not (later and self._pressing))
            self._working += 1
            self._pressing -= not later
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()


_TURNS = _Turns()


def side_by_side(tasks: Sequence[Callable[[], Result]], workers: int, later: bool = False) -> list[Result]:
    """Run tasks, at most `workers` of the process at once; they begin in their order, so put the longest first.

    Parameters
    ----------
    tasks : sequence of callable
        None may depend on another, nor on how many run at once: a fit of LightGBM has one thread. None may
        ask for tasks itself.
    workers : int
        At least 1.
    later : bool
        They begin when no task of another caller waits: for what nothing else depends on.

    Returns
    -------
    list
        What each task returned, in the order of the tasks.

    Raises
    ------
    Exception
        That of the first task, in their order, that failed; tasks that have not begun are dropped.

    Examples
    --------
    >>> side_by_side([lambda: 1, lambda: 2, lambda: 3], 2)
    [1, 2, 3]
    """
    begun = []

    def in_turn(task: Callable[[], Result]) -> Result:
        with _TURNS.turn(workers, later):
            begun.append(task)
            return task()

    pressing = 0 if later else len(tasks)
    _TURNS.press(pressing)
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        return [future.result() for future in [pool.submit(in_turn, task) for task in tasks]]
    finally:
        pool.shutdown(cancel_futures=True)
        _TURNS.press(0 if later else len(begun) - pressing)


def together(*parts: Callable[[], Any]) -> list[Any]:
    """Run parts of training at the same time, each in a thread of its own; their tasks share the turns of `side_by_side`.

    Returns
    -------
    list
        What each part returned, in their order.

    Raises
    ------
    Exception
        That of the first part, in their order, that failed, after all have ended.

    Examples
    --------
    >>> together(lambda: side_by_side([lambda: 1, lambda: 2], 2), lambda: 3)
    [[1, 2], 3]
    """
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        return [future.result() for future in [pool.submit(part) for part in parts]]
