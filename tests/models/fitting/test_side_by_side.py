"""Tasks at the same time: their results keep their order, and the first failure is the one that is told."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from models.fitting.recipe import fit_baselines, fit_product
from models.fitting.side_by_side import on_one_blas_thread, side_by_side, together


def test_tasks_run_at_the_same_time_and_answer_in_their_order() -> None:
    together = threading.Barrier(2, timeout=30)

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


def test_parts_that_run_together_share_the_turns_of_the_process() -> None:
    working, most, lock = 0, 0, threading.Lock()

    def task() -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.01)
        with lock:
            working -= 1

    together(*(lambda: side_by_side([task] * 10, 2) for _ in range(3)))
    assert most == 2


def test_tasks_that_can_wait_begin_when_all_others_have_begun() -> None:
    begun, asked = [], threading.Event()

    def pressing() -> None:
        asked.set()
        begun.append("now")
        time.sleep(0.01)

    def part_that_can_wait() -> None:
        assert asked.wait(30)
        side_by_side([lambda: begun.append("later")] * 2, 1, later=True)

    together(lambda: side_by_side([pressing] * 5, 1), part_that_can_wait)
    assert begun == ["now"] * 5 + ["later"] * 2
    with pytest.raises(ZeroDivisionError):  # what never begins holds nobody up
        side_by_side([lambda: 1 / 0, *[lambda: 1.0] * 1_000], 1)
    assert side_by_side([lambda: "later"], 1, later=True) == ["later"]
