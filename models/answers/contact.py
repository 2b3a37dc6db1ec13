"""What a first contact with each lead would bring, now and later, where the bundle knows of hand-over timing."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from features.compute import Snapshots
from features.journeys import STAGE_PREFIX, Journeys
from features.selectors import BY
from features.timeline import DAY_US, before
from models.answers.open_questions import questions_of
from models.answers.population import open_since
from models.answers.risk_set import RiskSet
from models.bundle import Bundle
from models.timing.exploration import NEAR, WEEKS, drawn_week, hold_propensity
from models.timing.model import STEP_DAYS, Chances, Timing
from models.timing.policy import threshold

__all__ = ["Contact", "Silence", "Trial", "contacts"]

Silence = Literal["no_timing", "outside", "contacted", "waited_long"]
"""Why nothing is said: the bundle knows nothing of timing, the lead is not in the queue, sales speaks with it already, or it
has waited longer than nearly all leads that were ever called."""

_LEAD = BY.index("lead")
_SALES = BY.index("sales")
_SYSTEM = BY.index("system")
_ACCEPTED = STAGE_PREFIX + "sal"


class Trial(NamedTuple):
    """A random week of contact, see `models.timing.exploration`.

    Attributes
    ----------
    week : int or None
        The week since the lead was queued in which it is to be contacted; None: it was not drawn, or its week has passed.
    propensity : float
        The probability with which the lead is held, or not held, as it is.
    """

    week: int | None
    propensity: float


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
    questions : tuple of str
        Of a lead that is held what it is likely to ask, keys of `models.answers.open_questions.OPEN_QUESTIONS`.
    next_content : tuple of str
        Of a lead that is held what leads which had looked at the same thing last looked at next before they were qualified,
        most frequent first: a description, no promise.
    trial : Trial or None
        Of a lead near the boundary where some get a random week of contact.
    """

    silence: Silence | None
    now: tuple[float, float, float] = (0.0, 0.0, 0.0)
    later: tuple[float, float, float] = (0.0, 0.0, 0.0)
    days: int = 0
    hold: bool = False
    until: int = 0
    questions: tuple[str, ...] = ()
    next_content: tuple[str, ...] = ()
    trial: Trial | None = None


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
    rows, ages = [], []
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
    if not rows:
        return found
    chances = timing.predict(matrix[rows])
    held = timing.holds(chances, np.array(ages))
    for k, row in enumerate(rows):
        found[row] = _contact(
            journeys, snapshots, row, timing, Chances(*(part[..., k] for part in chances)), bool(held[k]), ages[k]
        )
    return found


def _contact(
    journeys: Journeys, snapshots: Snapshots, row: int, timing: Timing, chances: Chances, held: bool, age: float
) -> Contact:
    """Put together what is known of one lead that waits; `chances` are its own, `age` its days in the queue."""
    at, lead = int(snapshots.snapshot_at[row]), int(snapshots.lead_index[row])
    step = int(chances.later.argmax())
    queued_at = at - round(age * DAY_US)
    trial = _trial(journeys.lead_ids[lead], queued_at, timing, chances, held, age)
    until = min(at + timing.days[step] * DAY_US, queued_at + int(timing.facts["hold_days"] * DAY_US))
    if trial is not None and trial.week is not None:
        held = trial.week > int(age // STEP_DAYS)
        until = queued_at + trial.week * STEP_DAYS * DAY_US
    now, later = (
        (chances.now, chances.now_low, chances.now_high),
        (chances.later, chances.later_low, chances.later_high),
    )
    return Contact(
        None,
        (float(now[0]), float(now[1]), float(now[2])),
        (float(later[0][step]), float(later[1][step]), float(later[2][step])),
        timing.days[step],
        held,
        until if held else 0,
        *(_for_marketing(journeys, snapshots, row, timing) if held else ((), ())),
        trial,
    )


def _trial(lead_id: str, queued_at: int, timing: Timing, chances: Chances, held: bool, age: float) -> Trial | None:
    """Draw a week of contact for a lead near the boundary; None: it is not near it, or nothing is drawn."""
    share, week = timing.facts["explore_share"], int(age // STEP_DAYS)
    needed = float(threshold(timing.facts["hold"], np.array(age)))
    gain = float(chances.later.max() / chances.now) - 1.0 - needed
    if not share or week >= WEEKS or abs(gain) >= NEAR:
        return None
    drawn = drawn_week(lead_id, queued_at, share)
    of_hold = hold_propensity(held, week, share)
    is_drawn = drawn is not None and drawn >= week
    holds = drawn > week if drawn is not None and is_drawn else held
    return Trial(drawn if is_drawn else None, of_hold if holds else 1.0 - of_hold)


def _for_marketing(
    journeys: Journeys, snapshots: Snapshots, row: int, timing: Timing
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the likely questions of a lead, and what leads like it looked at next, from what is seen of it."""
    lead, at = int(snapshots.lead_index[row]), int(snapshots.snapshot_at[row])
    rows = slice(journeys.offsets[lead], journeys.offsets[lead + 1])
    known_at: Any = np.maximum(journeys.occurred_at[rows], journeys.recorded_at[rows])
    own = before(known_at, at) & (journeys.by[rows] == _LEAD)
    codes = list(zip(journeys.asset[rows][own].tolist(), journeys.campaign[rows][own].tolist(), strict=True))
    read = [journeys.assets[a] if a >= 0 else journeys.campaigns[c] if c >= 0 else "" for a, c in codes]
    last = next((journeys.assets[asset] for asset, _ in reversed(codes) if asset >= 0), None)
    return tuple(questions_of(read)), () if last is None else timing.next_content.get(last, ())


def _spoke(journeys: Journeys, lead: int, begun: int, at: int) -> bool:
    """Tell whether sales had spoken with the lead since it was queued, as far as was known at the moment."""
    rows = slice(journeys.offsets[lead], journeys.offsets[lead + 1])
    occurred: Any = journeys.occurred_at[rows]
    known_at: Any = np.maximum(occurred, journeys.recorded_at[rows])
    accepted = np.array([kind == _ACCEPTED for kind in (*journeys.kinds, "")], dtype=bool)[journeys.kind[rows]]
    by = journeys.by[rows]
    by_sales = (by == _SALES) | ((by == _SYSTEM) & accepted)
    return bool((by_sales & before(begun - 1, occurred) & before(known_at, at)).any())
