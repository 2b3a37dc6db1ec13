"""Tasks at the same time: their results keep their order, and the first failure is the one that is told."""

import threading

import pytest

from models.fitting.side_by_side import side_by_side


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
