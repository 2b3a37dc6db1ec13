"""Calls to a CRM: paced below its burst limit, repeated after what passes, given up with words after what doesn't."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from features.errors import CrmError

__all__ = ["Caller", "Failure"]

Result = TypeVar("Result")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds


@dataclass(frozen=True)
class Failure:
    """What a failed call means: words for a person, whether to try again, and the pause asked for (seconds)."""

    message: str
    again: bool
    wait: float | None = None


class Caller:
    """Makes calls one after the other.

    Parameters
    ----------
    errors : tuple of exception types
        What the client raises; anything else is a defect and passes through.
    explain : callable
        Says what such an exception means.
    attempts : int
        Calls in all, >= 1.
    per_window : int or None
        Calls per `window` seconds, rolling; None: unlimited.
    sleep, clock, jitter
        Replaced in tests.
    """

    def __init__(
        self,
        errors: tuple[type[Exception], ...],
        explain: Callable[[Any], Failure],
        attempts: int,
        per_window: int | None = None,
        window: float = 10.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._errors, self._explain, self._attempts = errors, explain, attempts
        self._window, self._sleep, self._clock, self._jitter = window, sleep, clock, jitter
        self._begun: deque[float] | None = deque(maxlen=per_window) if per_window else None

    def __call__(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call until it succeeds; pauses double from 1 s to 60 s, shortened at random so that programs don't march in step.

        Raises
        ------
        CrmError
            If the failure does not pass, or the attempts are used up. The client's own exception is left out of it: it
            holds headers and bodies, and so tokens and personal data.
        """
        for attempt in range(1, self._attempts + 1):
            self._pace()
            try:
                return function(*args, **kwargs)
            except self._errors as error:
                failure = self._explain(error)
            if not failure.again:
                break
            if attempt == self._attempts:
                raise CrmError(f"{failure.message} Gave up after {attempt} attempt(s); run the command again later.")
            self.pause(attempt, failure.wait)
        raise CrmError(failure.message)

    def pause(self, attempt: int, wait: float | None = None) -> None:
        """Pause before attempt number `attempt + 1`: at least `wait` seconds, which the CRM asked for."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
        self._sleep((wait or 0.0) + self._jitter(longest / 2, longest) * (1.0 if wait is None else 0.1))

    def _pace(self) -> None:
        if self._begun is None:
            return
        if len(self._begun) == self._begun.maxlen:
            rest = self._begun[0] + self._window - self._clock()
            if rest > 0:
                self._sleep(rest)
        self._begun.append(self._clock())
