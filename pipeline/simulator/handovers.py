"""The queue between marketing and sales: first come, first served, by a team whose capacity lags behind its load."""

from dataclasses import dataclass, fields

import numpy as np

from pipeline.simulator.clocks import OFFICE_DAY, FloatArray, IntArray, WeekClock
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["NEVER", "Periods", "hand_over"]

NEVER = 2**60
"""Stands for a moment that never comes."""

UNATTENDED = 0.03
"""Share of handed-over leads whom nobody ever calls."""

PLANNING_WEEKS = 6
"""Sales plans next week's capacity from the load of so many past weeks."""

BACKLOG_WEEKS = 4.0
"""Within so many weeks sales plans to work off what has piled up."""

UNSTEADINESS = 0.30
"""Spread of a team's weekly pace around the plan, as a logarithm."""

LEADS_PER_PERSON = 6.0
"""MQLs that a salesperson takes on in an average week."""


@dataclass(frozen=True)
class Periods:
    """Risk periods: one element per (lead, MQL).

    Attributes
    ----------
    lead : int64[k]
        Lead, counted over all chunks.
    mql, handed_over, contacted : int64[k]
        Seconds since the start; contacted NEVER: nobody calls.
    owner : int64[k]
        Salesperson of the team.
    skill : float64[k]
        The owner's, in log-odds.
    pushes : int64[k]
        How often sales called the lead too early in former periods.
    """

    lead: IntArray
    mql: IntArray
    handed_over: IntArray
    contacted: IntArray
    owner: IntArray
    skill: FloatArray
    pushes: IntArray

    def take(self, which: IntArray | slice) -> "Periods":
        """Pick periods."""
        return Periods(*(getattr(self, column.name)[which] for column in fields(self)))


def hand_over(
    rng: np.random.Generator, lead: IntArray, mql: IntArray, pushes: IntArray, days: int, office: WeekClock
) -> Periods:
    """Queue all MQLs of all chunks for one team and give each its hand-over and first call.

    The queue is a single server whose pace changes by the week: in the team's own clock, which advances by one per lead
    that it can take on, the departures are ``d[i] = max(arrival[i], d[i - 1]) + 1``, the Lindley recursion, solved by a
    running maximum.

    Parameters
    ----------
    rng : Generator
        The team's own.
    lead, mql, pushes : int64[k]
        As in `Periods`, in any order.
    days : int
        Length of the history.
    office : WeekClock
        Office hours.

    Returns
    -------
    Periods
        Sorted by mql, then lead.
    """
    order = np.lexsort((lead, mql))
    lead, mql, pushes = lead[order], mql[order], pushes[order]
    arrival = office.own(mql / DAY_SECONDS)
    capacity = _weekly_capacity(rng, arrival, days, office.week)
    slots = np.concatenate(([0.0], np.cumsum(capacity)))
    weeks = office.week * np.arange(len(slots))
    place = np.arange(len(lead))
    left = place + 1 + np.maximum.accumulate(np.interp(arrival, weeks, slots) - place) if len(lead) else place
    # Past the last planned week the team goes on at its last pace.
    beyond = np.maximum(left - slots[-1], 0.0) / capacity[-1] * office.week
    handed = np.interp(left, slots, weeks) + beyond
    people = max(3, round(len(lead) / (days / 7.0) / LEADS_PER_PERSON))
    owner = rng.integers(0, people, len(lead))
    skill = rng.normal(0.0, 0.4, people)
    lag = rng.lognormal(np.log(0.7 * OFFICE_DAY), 0.5, people)
    called = handed + lag[owner] * rng.lognormal(0.0, 0.7, len(lead))
    contacted = np.ceil(office.calendar(called) * DAY_SECONDS).astype(np.int64)
    contacted[rng.random(len(lead)) < UNATTENDED] = NEVER
    return Periods(
        lead=lead,
        mql=mql,
        handed_over=np.ceil(office.calendar(handed) * DAY_SECONDS).astype(np.int64),
        contacted=contacted,
        owner=owner,
        skill=skill[owner],
        pushes=pushes,
    )


def _weekly_capacity(rng: np.random.Generator, arrival: FloatArray, days: int, week: float) -> FloatArray:
    weeks = days // 7 + 2
    load = np.bincount((arrival // week).astype(np.int64), minlength=weeks).astype(np.float64)[:weeks]
    # Holidays, sick leave and new hires make a team faster or slower for some weeks on end.
    drift = np.exp(np.convolve(rng.normal(0.0, UNSTEADINESS, weeks + 4), np.ones(5) / 5**0.5, mode="valid"))
    past = np.concatenate((np.full(PLANNING_WEEKS, load[:PLANNING_WEEKS].mean()), load))
    total = np.concatenate(([0.0], np.cumsum(past)))
    planned = (total[PLANNING_WEEKS:-1] - total[: -1 - PLANNING_WEEKS]) / PLANNING_WEEKS
    floor = max(1.0, 0.3 * float(load.mean()))
    capacity, backlog = np.zeros(weeks), 0.0
    for number in range(weeks):
        # A growing backlog brings overtime, but not enough to be gone at once.
        capacity[number] = max((planned[number] + backlog / BACKLOG_WEEKS) * drift[number], floor)
        backlog = max(backlog + load[number] - capacity[number], 0.0)
    return capacity
