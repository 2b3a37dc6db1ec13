"""How often people decide otherwise than was advised: near zero they may follow without thinking, near one trust is gone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from models.quality.rates import wilson

__all__ = ["FOLLOWED", "Overrides", "Verdict", "override_rate"]

FOLLOWED = {
    ("hand_over_now", "sal"),
    ("hand_over_now", "sales_qualified"),
    ("wait_until", "recycled"),
    ("later", "recycled"),
}
"""Advice, and the first verdict that does what it says. No advice says to reject: a rejection is always a person's."""

SILENT = ("unknown", "too_little_data")
"""Nothing was advised, so nothing can be overridden."""


@dataclass(frozen=True)
class Verdict:
    """What a person decided about a lead, and what was advised then."""

    lead_id: str
    occurred_at: int
    outcome: str
    advice: str


@dataclass(frozen=True)
class Overrides:
    """Decisions of people beside what was advised.

    Attributes
    ----------
    decisions, overridden : int
        First verdicts on leads with advice, and those that do otherwise.
    share, low, high : float or None
        Overridden of decisions, with its 95 % interval (Wilson 1927); None: there are no decisions.
    counts : dict of (advice, outcome) to int
    """

    decisions: int
    overridden: int
    share: float | None
    low: float | None
    high: float | None
    counts: dict[tuple[str, str], int]


def override_rate(verdicts: Iterable[Verdict]) -> Overrides:
    """Count overrides: of each lead the first verdict, as later ones answer to a talk and not to the advice.

    Parameters
    ----------
    verdicts : iterable of Verdict
        Those that were not taken back, in any order.

    Examples
    --------
    >>> followed, after_a_talk = Verdict("a", 1, "sal", "hand_over_now"), Verdict("a", 2, "disqualified", "hand_over_now")
    >>> found = override_rate([followed, after_a_talk, Verdict("b", 1, "sal", "later")])
    >>> found.decisions, found.overridden, found.share
    (2, 1, 0.5)
    """
    first: dict[str, Verdict] = {}
    for verdict in sorted(verdicts, key=lambda item: (item.occurred_at, item.lead_id)):
        first.setdefault(verdict.lead_id, verdict)
    counts = Counter((item.advice, item.outcome) for item in first.values() if item.advice not in SILENT)
    decisions = sum(counts.values())
    overridden = sum(count for pair, count in counts.items() if pair not in FOLLOWED)
    if not decisions:
        return Overrides(0, 0, None, None, None, {})
    low, high = wilson(overridden, decisions)
    return Overrides(
        decisions, overridden, overridden / decisions, float(low), float(high), dict(sorted(counts.items()))
    )
