"""Replay of a hand-over policy: on every Monday slots go to leads that wait; wins are true probabilities at the call."""

from typing import NamedTuple

import numpy as np

from bench.timing.companies import BURN_IN_WEEKS, WEEKS, Replayed

__all__ = ["CAPACITIES", "HOLD_DAYS", "Policy", "replay"]

CAPACITIES = (0.25, 0.5, 1.0, 1.5)
"""Slots per week, times the MQLs that arrive in one."""
HOLD_DAYS = 28
"""Nobody is held back longer after the MQL."""


class Policy(NamedTuple):
    """What a policy makes of each row of a company.

    Attributes
    ----------
    value : ndarray of float64 [rows]
        Who gets the slots: the highest.
    hold : ndarray of bool [rows]
        Who gets none this week, whatever is free.
    """

    value: np.ndarray
    hold: np.ndarray


def replay(company: Replayed, policy: Policy, capacity: float) -> tuple[float, int]:
    """Run one policy over a company.

    Parameters
    ----------
    company : Replayed
    policy : Policy
    capacity : float
        Slots per week, times the MQLs that arrive in one; parts of a slot add up over the weeks.

    Returns
    -------
    wins : float
        Sum of the true probabilities at the calls of the weeks after the burn-in.
    calls : int
        Of these weeks.
    """
    called = np.zeros(int(company.lead.max(initial=-1)) + 1, dtype=bool)
    wins, calls, taken = 0.0, 0, 0
    hold = policy.hold & (company.age_days <= HOLD_DAYS)
    for week in range(BURN_IN_WEEKS + WEEKS):
        slots = int((week + 1) * capacity * company.arrivals) - taken
        taken += slots
        waiting = np.flatnonzero((company.week == week) & ~called[company.lead] & ~hold)
        chosen = waiting[np.argsort(-policy.value[waiting], kind="stable")[:slots]]
        called[company.lead[chosen]] = True
        if week >= BURN_IN_WEEKS:
            wins += float(company.ahead[chosen, 0].sum())
            calls += len(chosen)
    return wins, calls
