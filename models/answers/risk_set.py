"""The risk set: when a lead belongs to a model's population. Stated once, for snapshots, scoring and the monitor.

Risk set `mql`: a lead is at risk from its MQL until it is qualified, disqualified, recycled or a customer, and at most
``expire_days``. Risk set `customers`: from an account's first order on, as soon as the lead itself is known. What happened
decides (``occurred_at``), not when it was recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from features.errors import BundleError
from features.records import MQL
from features.timeline import DAY_US, LATEST, before

__all__ = [
    "CUSTOMERS",
    "ENDS",
    "NEVER",
    "RISK_SETS",
    "STARTS",
    "RiskPeriod",
    "RiskSet",
    "at_risk",
    "customer_since",
    "in_order",
    "is_customer",
    "periods_of",
]

CUSTOMERS = "customers"
RISK_SETS = (MQL, CUSTOMERS)

STARTS = MQL
# Of what was recorded together at one instant a start comes before an end, so that a period never has a negative length.
ENDS = ("sales_qualified", "disqualified", "recycled", "customer")

MOST_DAYS = 36_600

NEVER = LATEST + 1
"""The end of a period that nothing ended."""


class RiskSet(NamedTuple):
    """The population of one model.

    Attributes
    ----------
    name : {"mql", "customers"} or None
        None: the model does not say; nothing is known of its population.
    expire_days : int or None
        A period is left so many days after its start; None: never, or the model does not say.
    """

    name: str | None
    expire_days: int | None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "RiskSet":
        """Read a model's metadata; older models say no ``expire_days``, and some no ``risk_set``.

        Raises
        ------
        BundleError
            If one of them is there and is no risk set, or no whole number of days within a hundred years.

        Examples
        --------
        >>> RiskSet.of({"risk_set": "mql", "expire_days": 120}), RiskSet.of({})
        (RiskSet(name='mql', expire_days=120), RiskSet(name=None, expire_days=None))
        """
        name, days = metadata.get("risk_set"), metadata.get("expire_days")
        if name is not None and name not in RISK_SETS:
            raise BundleError(f"bundle: the risk set is {name!r:.40}; allowed are {', '.join(RISK_SETS)}. Train anew.")
        if days is not None and (type(days) is not int or not 1 <= days <= MOST_DAYS):
            raise BundleError(
                f"bundle: expire_days is {days!r:.40}; allowed are whole numbers from 1 to {MOST_DAYS:,}, or none. Train anew."
            )
        return cls(name, days)

    @property
    def expire_us(self) -> int | None:
        """`expire_days` in microseconds."""
        return None if self.expire_days is None else self.expire_days * DAY_US


class RiskPeriod(NamedTuple):
    """One stay of a lead in the risk set `mql`.

    Attributes
    ----------
    lead : object
        As given to `periods_of`.
    number : int
        0-based per lead.
    started_at, ended_at : int
        UTC microseconds, both included: a stage change at a snapshot is not yet visible at it. `NEVER`: still open.
    ended_by : str or None
        The stage, or `mql` when a new period took over; None: open.
    """

    lead: Any
    number: int
    started_at: int
    ended_at: int
    ended_by: str | None


def in_order(lead: Any, occurred_at: np.ndarray, recorded_at: np.ndarray, stage: Any) -> np.ndarray:
    """Order stage changes as `periods_of` takes them: by lead and time; at one instant what was recorded later comes later.

    Parameters
    ----------
    lead, stage : array-like [rows]
    occurred_at, recorded_at : ndarray of int64 [rows]
        UTC microseconds; an unknown `recorded_at` equals `occurred_at`.
    """
    stages = np.asarray(stage, dtype=str)
    return np.lexsort((stages, stages != STARTS, recorded_at, occurred_at, np.asarray(lead)))


def periods_of(
    lead: Sequence[Any],
    stage: Sequence[str],
    occurred_at: Sequence[int],
    recorded_at: Sequence[int],
    expire_us: int | None,
) -> Iterator[RiskPeriod]:
    """Cut stage changes into risk periods, in the order of leads and time.

    A period starts with an MQL while none is open and ends with the first later one of `ENDS`. An MQL that comes `expire_us` or
    more after an open period's start begins a new period, and thereby ends the old one; an earlier MQL changes nothing. Of
    several ends at one instant the one that was recorded last is what the period ended by. Other stages change nothing.

    Parameters
    ----------
    lead, stage, occurred_at, recorded_at : sequence
        Stage changes as `in_order` orders them.
    expire_us : int or None
        Microseconds after which a period is left; None: never.
    """
    number, started, whose = 0, NEVER, None
    over: RiskPeriod | None = None  # the last period that ended, until nothing can change what it ended by
    over_known = NEVER
    for who, what, at, recorded in zip(lead, stage, occurred_at, recorded_at, strict=True):
        if who != whose:
            yield from _left(over, whose, number, started)
            number, started, whose, over = 0, NEVER, who, None
        if what == STARTS:
            if started != NEVER:
                if expire_us is None or before(at, started + expire_us):
                    continue
                yield RiskPeriod(who, number, started, at, STARTS)
                number += 1
            elif over is not None:
                yield over
                over = None
            started = at
        elif what in ENDS and started != NEVER:
            over, over_known = RiskPeriod(who, number, started, at, what), recorded
            number, started = number + 1, NEVER
        elif what in ENDS and over is not None and over.ended_at == at and before(over_known, recorded):
            over, over_known = over._replace(ended_by=what), recorded
    yield from _left(over, whose, number, started)


def _left(over: RiskPeriod | None, lead: Any, number: int, started: int) -> Iterator[RiskPeriod]:
    """Give what of a lead's periods was not given yet: one that just ended, or one that is open."""
    if over is not None:
        yield over
    if started != NEVER:
        yield RiskPeriod(lead, number, started, NEVER, None)


def at_risk(at: Any, started_at: Any, ended_at: Any, expire_us: int | None) -> Any:
    """Tell whether moments lie within risk periods, row for row.

    Parameters
    ----------
    at, started_at, ended_at : int or ndarray of int64
        UTC microseconds; `NEVER` is the end of an open period.
    expire_us : int or None
        As for `periods_of`.

    Examples
    --------
    >>> [bool(at_risk(at, 10, 20, 15)) for at in (9, 10, 20, 21)], bool(at_risk(25, 10, NEVER, 15))
    ([False, True, True, False], False)
    """
    inside = before(started_at - 1, at) & before(at - 1, ended_at)  # both ends are included
    return inside if expire_us is None else inside & before(at, started_at + expire_us)


def customer_since(first_order: Any, created_at: Any) -> Any:
    """Give since when leads are an existing customer's: the account's first order, or their own creation where that is later.

    Parameters
    ----------
    first_order, created_at : int or ndarray of int64
        UTC microseconds.
    """
    return np.maximum(first_order, created_at)


def is_customer(at: Any, since: Any) -> Any:
    """Tell whether moments lie after `customer_since`; at that very moment a lead is not yet at risk."""
    return before(since, at)
