"""Independent tasks of training at the same time, on threads: LightGBM and NumPy leave Python's lock alone while they work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

__all__ = ["on_one_blas_thread", "side_by_side"]

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


def side_by_side(tasks: Sequence[Callable[[], Result]], workers: int) -> list[Result]:
    """Run tasks, at most `workers` at once; they begin in their order, so put the longest first.

    Parameters
    ----------
    tasks : sequence of callable
        None may depend on another, nor on how many run at once: a fit of LightGBM has one thread.
    workers : int
        At least 1.

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
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
    finally:
        pool.shutdown(cancel_futures=True)
