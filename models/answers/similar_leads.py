"""Which of the leads that became qualified are most like a lead: alike in what the model weighs, as known at the same age.

A profile is a lead's contributions to its log-odds, summed by topic, so that what moves the number counts and what does not is
ignored (supervised clustering by attributions: Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree
ensembles", 2018). Distances are Euclidean. A lead without anything special has a profile of zeros: who is farther away than
that is not similar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.answers.reasons import topics
from models.answers.requests import LeadRequest
from models.answers.scoring import score_requests
from models.bundle import Bundle

__all__ = ["AGES_DAYS", "PastLead", "Profile", "Similar", "most_similar", "profiles"]

AGES_DAYS = (0, 7, 14, 28, 56)
"""Days after the hand-over at which a past lead is looked at, with what was known of it by then."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A lead at one moment.

    Attributes
    ----------
    age_days : float
        Since its hand-over.
    probability : float
        Calibrated, as the model gives it for that moment.
    topics : ndarray of float64 [topics]
        Log-odds by topic of `models.answers.reasons.topics`.
    """

    age_days: float
    probability: float
    topics: np.ndarray


@dataclass(frozen=True, slots=True)
class PastLead:
    """A lead that became qualified, with its profiles by age, the youngest first."""

    lead_id: str
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True)
class Similar:
    """A past lead, and the profile that was compared."""

    lead_id: str
    then: Profile
    distance: float


def profiles(bundle: Bundle, moments: Sequence[tuple[float, LeadRequest]]) -> tuple[Profile, ...]:
    """Give a lead's profiles; moments at which it is not scored are left out.

    Parameters
    ----------
    bundle : Bundle
        The model.
    moments : sequence of (float, LeadRequest)
        Age in days, and the lead as it was known then.
    """
    scores = score_requests(bundle, [lead for _, lead in moments], explain=False, debug=True)
    scored = [(age, score) for (age, _), score in zip(moments, scores, strict=True) if score.probability is not None]
    if not scored:
        return ()
    matrix = np.array([score.vector for _, score in scored], dtype=np.float32)
    columns = topics(bundle.catalog)
    contributions = bundle.classifier.contributions(matrix)[:, :-1]
    return tuple(
        Profile(age, float(score.probability or 0.0), _by_topic(row, columns.of, len(columns.members)))
        for (age, score), row in zip(scored, contributions, strict=True)
    )


def _by_topic(contributions: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(of, weights=contributions, minlength=count)


def most_similar(own: Profile, past: Sequence[PastLead], most: int) -> list[Similar]:
    """Give the past leads that are nearest, each at the last of its ages that is not beyond the lead's own.

    Parameters
    ----------
    own : Profile
        The lead now.
    past : sequence of PastLead
        By the same model.
    most : int
        At most so many; fewer where others are farther away than a lead without anything special.

    Examples
    --------
    >>> def profile(age, *topics):
    ...     return Profile(age, 0.5, np.array(topics))
    >>> past = [PastLead("far", (profile(0, -1.0, 0.0),)), PastLead("near", (profile(0, 0.0, 0.0), profile(7, 1.0, 0.4)))]
    >>> [(item.lead_id, item.then.age_days) for item in most_similar(profile(8.5, 1.0, 0.5), past, 3)]
    [('near', 7)]
    >>> most_similar(profile(6.9, 1.0, 0.5), past, 3)
    []
    """
    seen = []
    for lead in past:
        until_then = [item for item in lead.profiles if item.age_days <= max(own.age_days, 0.0)]
        if until_then and until_then[-1].topics.shape == own.topics.shape:
            then = until_then[-1]
            seen.append(Similar(lead.lead_id, then, float(np.linalg.norm(then.topics - own.topics))))
    limit = float(np.linalg.norm(own.topics))
    near = sorted((item for item in seen if item.distance < limit), key=lambda item: (item.distance, item.lead_id))
    return near[:most]
