"""What a first contact with each lead would bring, now and later, where the bundle knows of hand-over timing."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from features.compute import Snapshots
from features.journeys import STAGE_PREFIX, Journeys
from features.selectors import BY
from features.timeline import DAY_US, before
from models.answers.population import open_since
from models.answers.risk_set import RiskSet
from models.bundle import Bundle
from models.timing.policy import hold_back

__all__ = ["Contact", "Silence", "contacts"]

Silence = Literal["no_timing", "outside", "contacted", "waited_long"]
"""Why nothing is said: the bundle knows nothing of timing, the lead is not in the queue, sales speaks with it already, or it
has waited longer than nearly all leads that were ever called."""

_SALES = BY.index("sales")
_SYSTEM = BY.index("system")
_ACCEPTED = STAGE_PREFIX + "sal"


@dataclass(frozen=True, slots=True)
class Contact:
    """The chances of one lead in the queue.

    Attributes
    ----------
    silence : str or None
        Why there are none; None: there are.
    now : (float, float, float)
        P(qualified within the horizon | first contact now), and its interval.
    later : (float, float, float)
        The better of the chances in one and two weeks, and its interval.
    days : int
        Days until then.
    hold : bool
        Whether waiting gains enough, see `models.timing.policy.hold_back`.
    until : int
        When to look again at a lead that is held, UTC microseconds: after `days`, or when it must not be held any longer.
    """

    silence: Silence | None
    now: tuple[float, float, float] = (0.0, 0.0, 0.0)
    later: tuple[float, float, float] = (0.0, 0.0, 0.0)
    days: int = 0
    hold: bool = False
    until: int = 0


_NO_TIMING, _OUTSIDE = Contact("no_timing"), Contact("outside")
_CONTACTED, _WAITED = Contact("contacted"), Contact("waited_long")


def contacts(bundle: Bundle, journeys: Journeys, snapshots: Snapshots, matrix: np.ndarray) -> list[Contact]:
    """Give each snapshot's chances; no answer depends on the other snapshots.

    Parameters
    ----------
    bundle : Bundle
    journeys, snapshots
        As for `models.answers.scoring.score`.
    matrix : ndarray of float32 [snapshots, features]
        Their features.
    """
    timing = bundle.timing
    if timing is None:
        return [_NO_TIMING] * len(snapshots)
    found = [_OUTSIDE] * len(snapshots)
    since = open_since(journeys, snapshots, RiskSet.of(bundle.metadata))
    rows, ages, ends = [], [], []
    longest = int(timing.facts["hold_days"] * DAY_US)
    for row, (lead, at, begun) in enumerate(
        zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), since, strict=True)
    ):
        if begun is None:
            continue
        age = (at - begun) / DAY_US
        if _spoke(journeys, lead, begun, at):
            found[row] = _CONTACTED
        elif age > timing.facts["longest_wait_days"]:
            found[row] = _WAITED
        else:
            rows.append(row)
            ages.append(age)
            ends.append(begun + longest)
    if not rows:
        return found
    chances = timing.predict(matrix[rows])
    held = hold_back(
        chances.now, chances.later, np.array(ages), timing.facts["hold"], timing.facts["hold_days"]
    ).tolist()
    best = chances.later.argmax(axis=0)
    for k, row in enumerate(rows):
        step = int(best[k])
        looked = int(snapshots.snapshot_at[row]) + timing.days[step] * DAY_US
        found[row] = Contact(
            None,
            (float(chances.now[k]), float(chances.now_low[k]), float(chances.now_high[k])),
            (
                float(chances.later[step, k]),
                float(chances.later_low[step, k]),
                float(chances.later_high[step, k]),
            ),
            timing.days[step],
            bool(held[k]),
            min(looked, ends[k]) if held[k] else 0,
        )
    return found


def _spoke(journeys: Journeys, lead: int, begun: int, at: int) -> bool:
    """Tell whether sales had spoken with the lead since it was queued, as far as was known at the moment."""
    rows = slice(journeys.offsets[lead], journeys.offsets[lead + 1])
    occurred: Any = journeys.occurred_at[rows]
    known_at: Any = np.maximum(occurred, journeys.recorded_at[rows])
    accepted = np.array([kind == _ACCEPTED for kind in (*journeys.kinds, "")], dtype=bool)[journeys.kind[rows]]
    by = journeys.by[rows]
    by_sales = (by == _SALES) | ((by == _SYSTEM) & accepted)
    return bool((by_sales & before(begun - 1, occurred) & before(known_at, at)).any())
