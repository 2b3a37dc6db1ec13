"""Clocks that run at the pace of a week: sales works in office hours, leads are busier then.

A clock maps calendar time (days since the simulation's start, 00:00 UTC) to its own time in hours, which advances with
the hour's weight. Delays drawn in a clock's own time are exact: their distribution never has to be bent to fit weekends.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["OFFICE_DAY", "BoolArray", "Clocks", "FloatArray", "IntArray", "WeekClock", "clocks_from"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

HOURS_PER_WEEK = 168


class WeekClock:
    """A weekly periodic clock with one weight per hour of the week.

    Parameters
    ----------
    weights : array of float, shape (168,)
        Pace of the clock in each hour of the week that begins at day 0, at least 0 and not all 0; 1 is calendar pace.

    Examples
    --------
    >>> half = WeekClock(np.r_[np.ones(84), np.zeros(84)])
    >>> half.own(np.array([3.5, 7.0, 7.5])).tolist()
    [84.0, 84.0, 96.0]
    >>> half.calendar(np.array([96.0])).tolist()
    [7.5]
    """

    def __init__(self, weights: FloatArray) -> None:
        if weights.shape != (HOURS_PER_WEEK,) or (weights < 0).any() or not weights.any():
            raise ValueError(f"weights: expected {HOURS_PER_WEEK} numbers >= 0 that are not all 0")
        self._cumulated = np.concatenate(([0.0], np.cumsum(weights)))
        self._running = np.flatnonzero(weights > 0)
        self._starts = self._cumulated[self._running]
        self._pace = weights[self._running]
        self.week = float(self._cumulated[-1])

    def own(self, day: FloatArray) -> FloatArray:
        """Convert days since the start to the clock's own hours; non-decreasing."""
        week, hour = np.divmod(day * 24.0, HOURS_PER_WEEK)
        whole = np.minimum(hour.astype(np.int64), HOURS_PER_WEEK - 1)
        base = self._cumulated[whole]
        result: FloatArray = week * self.week + base + (hour - whole) * (self._cumulated[whole + 1] - base)
        return result

    def calendar(self, own: FloatArray) -> FloatArray:
        """Convert the clock's own hours to days since the start; in running hours the inverse of `own`."""
        week, rest = np.divmod(own, self.week)
        piece = np.clip(np.searchsorted(self._starts, rest, side="right") - 1, 0, None)
        hour = self._running[piece] + (rest - self._starts[piece]) / self._pace[piece]
        result: FloatArray = (week * HOURS_PER_WEEK + hour) / 24.0
        return result


@dataclass(frozen=True)
class Clocks:
    """The two clocks of a world.

    Attributes
    ----------
    office : WeekClock
        Sales works Monday to Friday, 07:00 to 16:00 UTC; own time in office hours.
    lead : WeekClock
        When leads open mails and browse: office hours mostly, evenings some, weekends little; mean pace 1.
    """

    office: WeekClock
    lead: WeekClock


OFFICE_DAY = 9.0
"""Office hours in one office day."""


def clocks_from(start: dt.date) -> Clocks:
    """Make the clocks of a world whose day 0 is `start`."""
    office = np.zeros((7, 24))
    office[:5, 7:16] = 1.0
    day = np.array(
        [2, 1, 1, 1, 1, 3, 8, 20, 38, 46, 48, 46, 34, 40, 44, 42, 36, 26, 18, 17, 18, 16, 10, 5], dtype=float
    )
    lead = np.outer(np.array([1.0, 1.15, 1.15, 1.1, 0.85, 0.22, 0.28]), day)
    shift = -24 * start.weekday()
    return Clocks(
        office=WeekClock(np.roll(office.ravel(), shift)), lead=WeekClock(np.roll(lead.ravel() / lead.mean(), shift))
    )
