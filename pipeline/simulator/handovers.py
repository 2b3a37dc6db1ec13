"""The queue between marketing and sales, worked off by a team whose capacity lags behind its load; or no calls at all."""

import heapq
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from pipeline.simulator.clocks import OFFICE_DAY, FloatArray, IntArray, WeekClock
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["NEVER", "CallOrder", "HandoverRules", "Periods", "hand_over"]

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

LATE_OFFICE_DAYS = (10.0, 30.0)
"""Office days by which the first call of a lead that was put aside is late, drawn evenly."""

POOR_SKILL, POOR_OFFICE_DAYS = -1.5, 6.0
"""What a team that handles leads badly does to their log-odds, and how many office days later it calls."""

CallOrder = Literal["nobody", "visible", "hidden"]


@dataclass(frozen=True)
class HandoverRules:
    """How sales treats the queue. The defaults are the company of `params.yaml`.

    Attributes
    ----------
    calls : bool
        False: nobody is ever called, everything else being drawn from the same random numbers.
    capacity : float
        Multiple of the pace that sales plans from its past load. Below 1 the backlog grows until overtime keeps pace with it.
    first : {"nobody", "visible", "hidden"}
        Who is called first: nobody (first come, first served), or leads with the better traits, visible or hidden.
    first_days : float
        By how many days a lead whose traits are one standard deviation above the mean jumps the queue.
    late_share : float
        Share of leads that are put aside and called 2 to 6 weeks later than their turn.
    push_at_call : bool
        Whoever is called too early loses interest and readiness at the call; False: interest at the ending alone.
    alike : bool
        All salespeople have the same skill and pace.
    teams : int
        Of the first calls; salespeople are dealt to them by turns.
    poor_teams : tuple of int
        0-based: those that handle leads badly, see `POOR_SKILL`.
    """

    calls: bool = True
    capacity: float = 1.0
    first: CallOrder = "nobody"
    first_days: float = 7.0
    late_share: float = 0.0
    push_at_call: bool = False
    alike: bool = False
    teams: int = 1
    poor_teams: tuple[int, ...] = ()


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
    pushed_at : int64[k]
        Seconds of the former call that took readiness away; NEVER: none did.
    """

    lead: IntArray
    mql: IntArray
    handed_over: IntArray
    contacted: IntArray
    owner: IntArray
    skill: FloatArray
    pushes: IntArray
    pushed_at: IntArray

    def take(self, which: IntArray | slice) -> "Periods":
        """Pick periods."""
        return Periods(*(getattr(self, column.name)[which] for column in fields(self)))


def hand_over(
    rng: np.random.Generator,
    lead: IntArray,
    mql: IntArray,
    pushes: IntArray,
    days: int,
    office: WeekClock,
    rules: HandoverRules | None = None,
    pushed_at: IntArray | None = None,
    urgency: FloatArray | None = None,
) -> Periods:
    """Queue all MQLs of all chunks for one team and give each its hand-over and first call.

    The queue is a single server whose pace changes by the week: in the team's own clock, which advances by one per lead
    that it can take on, the departures are ``d[i] = max(arrival[i], d[i - 1]) + 1``, the Lindley recursion, solved by a
    running maximum. Where some are called first, the team takes, whenever it has a slot, the waiting lead with the earliest
    arrival less what its urgency is worth.

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
    rules : HandoverRules, optional
        Default: those of the default company.
    pushed_at : int64[k], optional
        As in `Periods`; default: NEVER.
    urgency : float64[k], optional
        Of traits by which leads are called first, in standard deviations; default: all alike.

    Returns
    -------
    Periods
        Sorted by mql, then lead.
    """
    rules = rules or HandoverRules()
    order = np.lexsort((lead, mql))
    lead, mql, pushes = lead[order], mql[order], pushes[order]
    pushed_at = np.full(len(lead), NEVER) if pushed_at is None else pushed_at[order]
    arrival = office.own(mql / DAY_SECONDS)
    capacity = _weekly_capacity(rng, arrival, days, office.week, rules.capacity)
    slots = np.concatenate(([0.0], np.cumsum(capacity)))
    weeks = office.week * np.arange(len(slots))
    place = np.arange(len(lead), dtype=np.float64)
    if rules.first == "nobody" or urgency is None:
        left = place + 1 + np.maximum.accumulate(np.interp(arrival, weeks, slots) - place) if len(lead) else place
    else:
        turn = mql / DAY_SECONDS - rules.first_days * urgency[order]
        left = _departures_by_turn(np.interp(arrival, weeks, slots), turn)
    # Past the last planned week the team goes on at its last pace.
    beyond = np.maximum(left - slots[-1], 0.0) / capacity[-1] * office.week
    handed = np.interp(left, slots, weeks) + beyond
    people = max(3, rules.teams, round(len(lead) / (days / 7.0) / LEADS_PER_PERSON))
    owner = rng.integers(0, people, len(lead))
    skill = rng.normal(0.0, 0.4, people)
    lag = rng.lognormal(np.log(0.7 * OFFICE_DAY), 0.5, people)
    if rules.alike:
        skill, lag = np.zeros(people), np.full(people, 0.7 * OFFICE_DAY)
    poor = np.isin(np.arange(people) % rules.teams, rules.poor_teams)
    skill = skill + POOR_SKILL * poor
    called = handed + lag[owner] * rng.lognormal(0.0, 0.7, len(lead))
    called = called + POOR_OFFICE_DAYS * OFFICE_DAY * poor[owner]
    unattended = rng.random(len(lead)) < UNATTENDED
    if rules.late_share > 0.0:
        late = rng.random(len(lead)) < rules.late_share
        called = called + np.where(late, rng.uniform(*LATE_OFFICE_DAYS, len(lead)) * OFFICE_DAY, 0.0)
    contacted = np.ceil(office.calendar(called) * DAY_SECONDS).astype(np.int64)
    contacted[unattended] = NEVER
    handed_over = np.ceil(office.calendar(handed) * DAY_SECONDS).astype(np.int64)
    nobody = np.full(len(lead), NEVER)
    return Periods(
        lead=lead,
        mql=mql,
        handed_over=handed_over if rules.calls else nobody,
        contacted=contacted if rules.calls else nobody,
        owner=owner,
        skill=skill[owner],
        pushes=pushes,
        pushed_at=pushed_at,
    )


def _departures_by_turn(arrival: FloatArray, turn: FloatArray) -> FloatArray:
    """Give each lead's departure where the waiting lead whose turn is earliest is taken first.

    Parameters
    ----------
    arrival : float64[k]
        In the team's own clock, ascending.
    turn : float64[k]
        The smaller, the earlier; of equal ones who came first.

    Returns
    -------
    float64[k]
        In the team's own clock.
    """
    departure = np.zeros(len(arrival))
    waiting: list[tuple[float, int]] = []
    now, arrived = 0.0, 0
    for _ in range(len(arrival)):
        if not waiting:
            now = max(now, arrival[arrived])
        while arrived < len(arrival) and arrival[arrived] <= now:
            heapq.heappush(waiting, (turn[arrived], arrived))
            arrived += 1
        _, lead = heapq.heappop(waiting)
        now += 1.0
        departure[lead] = now
    return departure


def _weekly_capacity(
    rng: np.random.Generator, arrival: FloatArray, days: int, week: float, multiple: float
) -> FloatArray:
    weeks = days // 7 + 2
    load = np.bincount((arrival // week).astype(np.int64), minlength=weeks).astype(np.float64)[:weeks]
    # Holidays, sick leave and new hires make a team faster or slower for some weeks on end.
    drift = np.exp(np.convolve(rng.normal(0.0, UNSTEADINESS, weeks + 4), np.ones(5) / 5**0.5, mode="valid"))
    past = np.concatenate((np.full(PLANNING_WEEKS, load[:PLANNING_WEEKS].mean()), load))
    total = np.concatenate(([0.0], np.cumsum(past)))
    planned = (total[PLANNING_WEEKS:-1] - total[: -1 - PLANNING_WEEKS]) / PLANNING_WEEKS
    floor = max(1.0, 0.3 * float(load.mean())) * min(multiple, 1.0)
    capacity, backlog = np.zeros(weeks), 0.0
    for number in range(weeks):
        # A growing backlog brings overtime, but not enough to be gone at once.
        capacity[number] = max((planned[number] + backlog / BACKLOG_WEEKS) * drift[number] * multiple, floor)
        backlog = max(backlog + load[number] - capacity[number], 0.0)
    return capacity
