"""One lead's probability over time, each moment with what was known then, and why it moved from one moment to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.answers.reasons import Reason
from models.answers.requests import LeadRequest
from models.answers.score_changes import Moment, change_reasons, not_yet
from models.answers.scoring import score_requests
from models.bundle import Bundle

__all__ = ["Point", "probability_history"]

REASONS = 3


@dataclass(frozen=True, slots=True)
class Point:
    """One moment.

    Attributes
    ----------
    at : int
        UTC microseconds.
    probability, low, high : float or None
        As `models.answers.scoring.Score` has them; None: not scored then.
    difference : float or None
        Probability less the one at the moment before; None: one of the two is not known.
    reasons : tuple of Reason
        For the difference, largest first.
    """

    at: int
    probability: float | None
    low: float | None
    high: float | None
    difference: float | None
    reasons: tuple[Reason, ...]


def probability_history(bundle: Bundle, moments: Sequence[LeadRequest], language: str) -> list[Point]:
    """Score one lead at several moments; moments before it was handed over are left out where the model needs an MQL.

    Parameters
    ----------
    bundle : Bundle
        The model; all moments by the same one, so a new model changes no history.
    moments : sequence of LeadRequest
        The lead as it was known at each, in time order; the last one knows of all stage changes.
    language : {"en", "de"}
        Of the reasons.
    """
    if not moments:
        return []
    wanted = [lead for lead in moments if not not_yet(bundle, moments[-1], lead.snapshot_at)]
    if not wanted:
        return []
    scores = score_requests(bundle, wanted, explain=False, debug=True)
    matrix = np.array([score.vector for score in scores], dtype=np.float32)
    contributions = bundle.classifier.contributions(matrix)
    points = list[Point]()
    for row, score in enumerate(scores):
        difference, reasons = None, list[Reason]()
        former = scores[row - 1].probability if row else None
        if former is not None and score.probability is not None:
            difference = score.probability - former
            before, after = (Moment(scores[i].snapshot_at, matrix[i], contributions[i]) for i in (row - 1, row))
            reasons = change_reasons(before, after, bundle.catalog, language)
        shown = tuple(item for item in reasons if item.contribution * (difference or 0.0) > 0.0)[:REASONS]
        points.append(Point(score.snapshot_at, score.probability, score.low, score.high, difference, shown))
    return points
