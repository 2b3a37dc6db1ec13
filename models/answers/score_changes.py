"""Why a lead's probability changed: the difference between two of its snapshots, split over reasons."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from features.catalog import Catalog
from features.changed import change_polarity, change_text, is_same
from features.timeline import DAY_US, before, from_micros
from features.wording.direction import despite
from features.wording.units import moment_words
from models.answers.reasons import HARD_TO_READ, NEARLY, Reason, merged_topics, topics
from models.answers.requests import LeadRequest, build_inputs, drop_unfit_values
from models.answers.scoring import score
from models.bundle import Bundle

__all__ = ["Change", "Moment", "change_reasons", "changes", "not_yet"]

# Two moments closer than this are told apart by the time of day
TELL_THE_TIME_DAYS = 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """What is different from an earlier moment.

    Attributes
    ----------
    since : int
        The earlier moment, in microseconds since 1970 UTC.
    probability_before : float or None
        Calibrated, as at that moment, rounded to float32; None: the lead was not to be scored then.
    difference : float or None
        Raw log-odds now less those before; all reasons for the change sum to it.
    reasons : tuple of Reason
        Largest first.
    not_scored : str or None
        Why there is nothing to compare with: ``not_yet_created``, ``not_yet_mql``, or why a lead is not scored.
    """

    since: int
    probability_before: float | None
    difference: float | None
    reasons: tuple[Reason, ...]
    not_scored: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One row at one moment.

    Attributes
    ----------
    at : int
        UTC microseconds.
    values : ndarray of float32 [features]
        The row of the matrix.
    contributions : ndarray of float64 [features + 1]
        As `Classifier.contributions` returns them.
    """

    at: int
    values: np.ndarray
    contributions: np.ndarray


def change_reasons(earlier: Moment, later: Moment, catalog: Catalog, language: str) -> list[Reason]:
    """Split the difference of raw log-odds over topics; the base value cancels.

    Parameters
    ----------
    earlier, later : Moment
        Of one lead, by one model.
    catalog : Catalog
        Names and wording.
    language : {"en", "de"}
        Of the texts.

    Returns
    -------
    list of Reason
        Largest first, all topics whose contribution changed; they sum to the difference.
    """
    moved = (later.contributions - earlier.contributions)[:-1]
    topic = merged_topics(later.values, catalog)[topics(catalog).of]
    total = np.bincount(topic, weights=moved, minlength=len(topics(catalog).members))
    elapsed = (later.at - earlier.at) / DAY_US
    since = _since(earlier.at, elapsed, catalog, language)
    reasons = []
    for number in np.argsort(-np.abs(total), kind="stable").tolist():
        amount = float(total[number])
        if amount == 0.0:
            break
        column = _speaker(np.flatnonzero(topic == number), moved, earlier, later, catalog, np.sign(amount))
        feature = catalog.features[column]
        then, now = float(earlier.values[column]), float(later.values[column])
        text = change_text(feature, then, now, elapsed, amount > 0.0, since, language)
        if change_polarity(feature, then, now, elapsed) * amount < 0.0:
            text = despite(text, amount, language)
        reasons.append(Reason(feature.name, text, amount))
    return reasons


def _speaker(
    members: np.ndarray, moved: np.ndarray, earlier: Moment, later: Moment, catalog: Catalog, sign: float
) -> int:
    """Choose the feature whose words stand for a topic's change: one that changed, in that direction, and of that polarity."""
    elapsed = (later.at - earlier.at) / DAY_US
    able = members[moved[members] * sign >= NEARLY * (moved[members] * sign).max()].tolist()

    def fitness(member: int) -> tuple[bool, float, bool, float]:
        feature = catalog.features[member]
        then, now = float(earlier.values[member]), float(later.values[member])
        agreement = change_polarity(feature, then, now, elapsed) * sign
        return not is_same(then, now), agreement, feature.operation not in HARD_TO_READ, abs(float(moved[member]))

    return int(max(able, key=fitness))


def _since(at: int, elapsed: float, catalog: Catalog, language: str) -> str:
    local: dt.datetime = from_micros(at).astimezone(ZoneInfo(catalog.params.time_zone))
    return moment_words(local, language, to_the_minute=elapsed < TELL_THE_TIME_DAYS)


def changes(
    bundle: Bundle, leads: Sequence[LeadRequest], *, n_reasons: int = 3, language: str = "en"
) -> list[Change | None]:
    """Explain for each lead of a request what changed since its `changed_since`; None: it has none, or is not scored now.

    The attributes that were sent stand for both moments, as a request holds no history of them.

    Parameters
    ----------
    bundle : Bundle
        The model.
    leads : sequence of LeadRequest
        As for `models.answers.scoring.score_requests`.
    n_reasons : int
        At most so many reasons per lead.
    language : {"en", "de"}
        Of the texts.
    """
    answers: list[Change | None] = [None] * len(leads)
    entries = [(position, lead, lead.changed_since) for position, lead in enumerate(leads) if not lead.objected]
    both = [
        moment for _, lead, since in entries if since is not None for moment in (replace(lead, snapshot_at=since), lead)
    ]
    if not both:
        return answers
    readable = [drop_unfit_values(lead, bundle.catalog) for lead in both]
    journeys, snapshots, attributes = build_inputs(readable, bundle.catalog)
    scores = score(bundle, journeys, snapshots, attributes, explain=False, debug=True)
    matrix = np.array([item.vector for item in scores], dtype=np.float32)
    contributions = bundle.classifier.contributions(matrix)
    rows = [Moment(*row) for row in zip(snapshots.snapshot_at.tolist(), matrix, contributions, strict=True)]
    for k, (position, lead, since) in enumerate(item for item in entries if item[2] is not None):
        earlier, later = rows[2 * k], rows[2 * k + 1]
        if since is None or scores[2 * k + 1].not_scored:
            continue
        missing = not_yet(bundle, lead, since) or scores[2 * k].not_scored
        if missing:
            answers[position] = Change(since, None, None, (), missing)
            continue
        reasons = change_reasons(earlier, later, bundle.catalog, language)
        difference = sum(reason.contribution for reason in reasons)
        shown_reasons = tuple(reasons[:n_reasons])
        answers[position] = Change(since, scores[2 * k].probability, difference, shown_reasons, None)
    return answers


def not_yet(bundle: Bundle, lead: LeadRequest, since: int) -> str:
    """Say why there was no such lead to score at an earlier moment: ``not_yet_created``, ``not_yet_mql``; empty: there was.

    Parameters
    ----------
    bundle : Bundle
        Its risk set decides whether an MQL is needed.
    lead : LeadRequest
        All that is known of it now.
    since : int
        UTC microseconds: the earlier moment.
    """
    journey = lead.journey
    touchpoint_moments = [max(item.occurred_at, item.recorded_at or item.occurred_at) for item in journey.touchpoints]
    stages = [
        (item.stage, max(item.occurred_at, item.recorded_at or item.occurred_at)) for item in journey.stage_changes
    ]
    created = (
        [journey.created_at] if journey.created_at is not None else [*touchpoint_moments, *(at for _, at in stages)]
    )
    if not any(before(at, since) for at in created):
        return "not_yet_created"
    handed_over = [at for stage, at in stages if stage == "mql"]
    late = bool(handed_over) and not any(before(at, since) for at in handed_over)
    return "not_yet_mql" if late and bundle.metadata.get("risk_set") == "mql" else ""
