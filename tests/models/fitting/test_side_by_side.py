"""Tasks at the same time: their results keep their order, and the first failure is the one that is told."""

import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from models.fitting.recipe import fit_baselines, fit_product
from models.fitting.side_by_side import on_one_blas_thread, side_by_side


def test_tasks_run_at_the_same_time_and_answer_in_their_order() -> None:
    together = threading.Barrier(2, timeout=300)

    def task(number: int) -> int:
        together.wait()  # breaks unless two tasks are there at once
        return number

    assert side_by_side([lambda number=number: task(number) for number in range(4)], 2) == [0, 1, 2, 3]


def test_the_first_failure_is_raised_and_what_has_not_begun_is_dropped() -> None:
    begun = []

    def fail() -> None:
        raise ValueError("the first")

    with pytest.raises(ValueError, match="the first"):
        side_by_side([fail, *(lambda number=number: begun.append(number) for number in range(100_000))], 1)
    assert len(begun) < 100_000


def _blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_linear_algebra_of_training_has_one_thread_in_its_tasks_too() -> None:
    """A product of few columns is not the same to the bit on one thread and on several, so bundles would not be either."""

    @on_one_blas_thread
    def training(answer: int) -> tuple[int, list[set[int]]]:
        return answer, side_by_side([_blas_threads] * 3, 2)

    with threadpool_limits(limits=2, user_api="blas"):
        before = _blas_threads()
        assert training(answer=7) == (7, [{1}] * 3)
        assert _blas_threads() == before
    for decorated in (fit_product, fit_baselines):
        assert hasattr(decorated, "__wrapped__")
