"""What hand-over timing is learned from: first contacts with what became of them, and weeks in the queue."""

from dataclasses import dataclass

import numpy as np

__all__ = ["CALLED", "CUT", "LEFT", "STAYED", "Calls", "QueueWeeks"]

STAYED, CALLED, LEFT, CUT = range(4)
"""What became of a lead in the week after a look at the queue: still there and not called; called; gone without a call; the
history ended before the week did."""


@dataclass(frozen=True, eq=False)
class Calls:
    """First contacts; one row per risk period with one.

    Attributes
    ----------
    matrix : ndarray of float32 [calls, features]
        What was known at the contact, in catalog order.
    label : ndarray of float64 [calls]
        1: qualified within the horizon of the contact, 0: not, NaN: not matured.
    group : ndarray of object [calls]
        Account, or lead without one.
    """

    matrix: np.ndarray
    label: np.ndarray
    group: np.ndarray


@dataclass(frozen=True, eq=False)
class QueueWeeks:
    """Looks at leads in the queue, a week apart, from the MQL moment on; one row per lead and week not yet called.

    Attributes
    ----------
    matrix : ndarray of float32 [weeks, features]
        What was known at the look, in catalog order.
    became : ndarray of int8 [weeks]
        `STAYED`, `CALLED`, `LEFT` or `CUT`, within [look, look + 7 days).
    next_week : ndarray of int64 [weeks]
        Row of the same lead a week later; -1 unless `STAYED`.
    call : ndarray of int64 [weeks]
        Row in `Calls`; -1 unless `CALLED`.
    value : ndarray of float64 [weeks]
        Of a lead that `LEFT`: 1 if it qualified without a call, else 0. NaN of all others.
    group : ndarray of object [weeks]
        Account, or lead without one.
    """

    matrix: np.ndarray
    became: np.ndarray
    next_week: np.ndarray
    call: np.ndarray
    value: np.ndarray
    group: np.ndarray

    @property
    def pairs(self) -> int:
        """Weeks that a lead went through without a call: what waiting is learned from."""
        return int((self.became == STAYED).sum())
