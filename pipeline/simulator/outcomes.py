"""What becomes of an MQL: chances at any moment of a first call, the drawn outcome, and the truth at a snapshot.

The log-odds of qualification at a first call add up fit, need, budget, decision power, readiness at that moment, colleagues
who are looking too, the salesperson's skill and former pushes; on top, a competitor may have won by then.
"""

from dataclasses import dataclass, fields

import numpy as np

from pipeline.simulator.clocks import OFFICE_DAY, BoolArray, FloatArray, IntArray, WeekClock
from pipeline.simulator.handovers import NEVER, Periods
from pipeline.simulator.phases import PhasePaths
from pipeline.simulator.population import Population
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["ENDINGS", "REASONS", "Chances", "Endings", "chances", "end_periods", "probability_within", "reason_weights"]

ENDINGS = ("open", "sales_qualified", "disqualified", "recycled")
OPEN, SALES_QUALIFIED, DISQUALIFIED, RECYCLED = range(4)
REASONS = ("no_decision_maker", "no_budget", "no_need", "bad_timing", "competitor", "unreachable")
NO_DECISION_MAKER, NO_BUDGET, NO_NEED, BAD_TIMING, COMPETITOR, UNREACHABLE = range(6)

BASE, FIT, NEED, BUDGET, POWER = -1.60, 0.55, 0.85, 0.32, 0.52
READINESS, COLLEAGUES, PUSHED = 3.0, 0.35, -1.2
READY_ENOUGH = 0.30
"""Who is called while less ready than this feels pushed, unless the call succeeds."""

READINESS_LOST, RECOVERY_PACE = 0.5, 0.02
"""Share of readiness that a too early call takes away where pushes work at the call, and how fast it comes back, per day."""

COMPETITOR_DAYS, COMPETITOR_SHAPE = 40.0, 1.8
"""Weibull scale in days since the first decision phase; the shape above 1 makes the hazard rise."""

LEFT_OPEN = 0.18
"""Share of rejections that sales never enters: those MQLs stay open."""

WRONG_REASON = 0.10
"""Share of entered reasons that are not the true one."""

# Office days from the first call to the entry, by ending: Weibull scale and shape.
SCALE = np.array([1.0, 9.0, 6.0, 7.0]) * OFFICE_DAY
SHAPE = np.array([1.0, 1.3, 1.0, 1.2])


@dataclass(frozen=True)
class Chances:
    """What a first call at one moment would lead to, one element per call.

    Attributes
    ----------
    qualified : float64[k]
        Probability that the lead becomes sales-qualified.
    lost : float64[k]
        Probability that a competitor has won by then.
    readiness : float64[k]
        The lead's readiness at that moment.
    """

    qualified: FloatArray
    lost: FloatArray
    readiness: FloatArray

    @property
    def too_early(self) -> BoolArray:
        """Whether the lead would feel pushed, should the call not succeed."""
        result: BoolArray = self.readiness < READY_ENOUGH
        return result


def chances(
    people: Population,
    paths: PhasePaths,
    lead: IntArray,
    day: FloatArray,
    skill: FloatArray,
    pushes: IntArray,
    pushed_at: IntArray | None = None,
) -> Chances:
    """Work out the chances of a first call.

    Parameters
    ----------
    people, paths
        The chunk.
    lead : int64[k]
        Lead, 0-based in the chunk.
    day : float64[k]
        Moment of the call, days since the start; beyond the latent paths' horizon the last day counts.
    skill : float64[k]
        The salesperson's, in log-odds.
    pushes : int64[k]
        Former calls that came too early.
    pushed_at : int64[k], optional
        Seconds of the former call that took readiness away; NEVER, and the default: none did.
    """
    column = np.minimum(day.astype(np.int64), paths.daily.shape[1] - 1)
    readiness = paths.readiness[lead, column].astype(np.float64)
    if pushed_at is not None:
        since_push = np.where(pushed_at < NEVER, np.maximum(day - pushed_at / DAY_SECONDS, 0.0), np.inf)
        readiness = readiness * (1.0 - READINESS_LOST * np.exp(-RECOVERY_PACE * since_push))
    colleagues = np.minimum(paths.colleagues[lead, column], 3)
    account = people.account[lead]
    log_odds = (
        BASE
        + FIT * people.fit[account]
        + NEED * people.need[lead]
        + BUDGET * people.budget[account]
        + POWER * people.power[lead]
        + READINESS * (readiness - 0.4)
        + COLLEAGUES * colleagues
        + skill
        + PUSHED * pushes
    )
    since = np.maximum(day - paths.decided[lead], 0.0)
    lost = 1.0 - np.exp(-((since / COMPETITOR_DAYS) ** COMPETITOR_SHAPE))
    return Chances(qualified=(1.0 - lost) / (1.0 + np.exp(-log_odds)), lost=lost, readiness=readiness)


def reason_weights(people: Population, lead: IntArray, at: Chances) -> FloatArray:
    """Weigh the reasons why a lead that does not qualify is rejected.

    Returns
    -------
    float64[k, len(REASONS)]
        At least 0; not normalised. What is weakest weighs most.
    """
    account = people.account[lead]
    return np.column_stack(
        (
            np.exp(-1.1 * people.power[lead] - 0.3),
            np.exp(-1.1 * people.budget[account] - 0.5),
            np.exp(-1.2 * people.need[lead] - 0.2),
            np.exp(3.0 * (READY_ENOUGH - at.readiness) + 0.4),
            8.0 * at.lost,
            np.exp(1.5 * (0.1 - at.readiness) - 0.6),
        )
    )


@dataclass(frozen=True)
class Endings:
    """How periods end, one element per period.

    Attributes
    ----------
    qualified : float64[k]
        Probability of qualification, given the moment of the first call; 0 without one.
    recycled : float64[k]
        Probability of recycling, likewise.
    disqualified : float64[k]
        Probability of an entered rejection, likewise.
    chance : float64[k]
        The uniform number below which the lead qualifies; the same for a call on any other day.
    ending : int64[k]
        Code into ENDINGS; `open`: nothing is ever entered.
    reason, entered_reason : int64[k]
        The true reason and the one that sales enters, codes into REASONS; -1 where the lead qualifies or nobody calls.
    at : int64[k]
        Seconds since the start when the ending occurs; NEVER while open.
    pushed : bool[k]
        The call came too early, and the lead felt pushed.
    too_early : bool[k]
        The call came too early, whatever it led to.
    """

    qualified: FloatArray
    recycled: FloatArray
    disqualified: FloatArray
    chance: FloatArray
    ending: IntArray
    reason: IntArray
    entered_reason: IntArray
    at: IntArray
    pushed: BoolArray
    too_early: BoolArray

    def take(self, which: IntArray) -> "Endings":
        """Pick periods."""
        return Endings(*(getattr(self, column.name)[which] for column in fields(self)))


def end_periods(
    rng: np.random.Generator,
    people: Population,
    paths: PhasePaths,
    periods: Periods,
    lead: IntArray,
    office: WeekClock,
) -> Endings:
    """Draw how one chunk's periods end.

    Parameters
    ----------
    rng : Generator
        The chunk's own.
    people, paths
        The chunk.
    periods : Periods
        The chunk's periods.
    lead : int64[k]
        Their leads, 0-based in the chunk.
    office : WeekClock
        Office hours.
    """
    size = len(lead)
    called = periods.contacted < NEVER
    moment = np.where(called, periods.contacted, periods.mql) / DAY_SECONDS
    at = chances(people, paths, lead, moment, periods.skill, periods.pushes, periods.pushed_at)
    qualified = np.where(called, at.qualified, 0.0)
    weights = reason_weights(people, lead, at)
    share = weights / weights.sum(axis=1, keepdims=True)
    rejected = np.where(called, 1.0 - qualified, 0.0) * (1.0 - LEFT_OPEN)
    chance = rng.random(size)
    won = chance < qualified
    reason = (np.cumsum(share, axis=1) < rng.random(size)[:, None]).sum(axis=1)
    reason = np.minimum(reason, len(REASONS) - 1)
    entered = np.where(rng.random(size) < WRONG_REASON, rng.integers(0, len(REASONS), size), reason)
    ending = np.where(reason == BAD_TIMING, RECYCLED, DISQUALIFIED)
    ending = np.where(rng.random(size) < LEFT_OPEN, OPEN, ending)
    ending = np.where(won, SALES_QUALIFIED, ending)
    ending = np.where(called, ending, OPEN)
    # A recycled lead is one whom sales gives back for later: the entered reason says so.
    entered = np.where(ending == RECYCLED, BAD_TIMING, entered)
    delay = SCALE[ending] * rng.exponential(1.0, size) ** (1.0 / SHAPE[ending])
    entry = office.calendar(office.own(moment) + delay)
    silent = won | ~called
    return Endings(
        qualified=qualified,
        recycled=rejected * share[:, BAD_TIMING],
        disqualified=rejected * (1.0 - share[:, BAD_TIMING]),
        chance=chance,
        ending=ending,
        reason=np.where(silent, -1, reason),
        entered_reason=np.where(silent, -1, entered),
        at=np.where(ending == OPEN, NEVER, np.ceil(entry * DAY_SECONDS).astype(np.int64)),
        pushed=called & ~won & at.too_early,
        too_early=called & at.too_early,
    )


def probability_within(
    contacted: IntArray, endings: Endings, snapshot: IntArray, days: float, office: WeekClock
) -> FloatArray:
    """Give the true probability of qualification in [snapshot, snapshot + days) for periods still open at the snapshot.

    It is conditional on everything but the outcome's own draws: the latent traits, the phases, the queue and the moment of
    the first call. With F_e the distribution of the delay from the call to ending e, in office hours, and c the call:
    ``p_q (F_q(end - c) - F_q(start - c)) / (1 - sum_e p_e F_e(start - c))``.

    Parameters
    ----------
    contacted : int64[k]
        Seconds of the first call; NEVER: none.
    endings : Endings
        Of the same periods.
    snapshot : int64[k]
        Seconds.
    days : float
        Length of the window in days of 24 hours.
    office : WeekClock
        Office hours.

    Returns
    -------
    float64[k]
        In [0, 1].
    """
    call = np.where(contacted < NEVER, contacted, snapshot)
    origin = office.own(call / DAY_SECONDS)
    start = office.own(snapshot / DAY_SECONDS) - origin
    end = office.own(snapshot / DAY_SECONDS + days) - origin
    left = 1.0 - sum(
        probability * _entered(start, ending)
        for probability, ending in (
            (endings.qualified, SALES_QUALIFIED),
            (endings.disqualified, DISQUALIFIED),
            (endings.recycled, RECYCLED),
        )
    )
    gain = endings.qualified * (_entered(end, SALES_QUALIFIED) - _entered(start, SALES_QUALIFIED))
    result: FloatArray = np.where(contacted < NEVER, gain / np.maximum(left, 1e-12), 0.0)
    return result


def _entered(hours: FloatArray, ending: int) -> FloatArray:
    """Share of endings entered by so many office hours after the call."""
    result: FloatArray = 1.0 - np.exp(-((np.maximum(hours, 0.0) / SCALE[ending]) ** SHAPE[ending]))
    return result
