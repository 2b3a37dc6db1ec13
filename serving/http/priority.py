"""Programs come before people: a page that is being made stops for a moment while the API has something to answer.

Threads of one process share the interpreter, so a page of a tenth of a second would double the time of each answer beside it.
The work on a page calls `give_way` between its steps, each of a few milliseconds.
"""

import contextlib
import time
from collections.abc import Iterator

__all__ = ["answering", "give_way", "programs"]

STEP_SECONDS = 0.001
MOST_SECONDS = 0.1
"""A page waits so long at most at one place: it is made even where the API never rests."""


class _Programs:
    """How many requests of programs this process is answering; only the event loop changes it."""

    count = 0


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Count a request of a program while it is answered; to be used on the event loop."""
    _Programs.count += 1
    try:
        yield
    finally:
        _Programs.count -= 1


def programs() -> int:
    """Count the requests of programs that this process is answering."""
    return _Programs.count


def give_way() -> None:
    """Wait until no program is being answered; to be called by threads that make pages."""
    end = time.monotonic() + MOST_SECONDS
    while _Programs.count and time.monotonic() < end:
        time.sleep(STEP_SECONDS)
