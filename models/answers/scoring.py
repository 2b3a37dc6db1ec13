"""The one function that scores: batch, the model in MLflow, the gate and the service all come here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.attributes import AttributeValues
from features.compute import Snapshots, compute_features
from features.errors import ParameterError
from features.journeys import STAGE_PREFIX, Journeys
from features.records import MQL
from features.selectors import BY
from features.timeline import before, seen_at_once
from features.wording.units import LANGUAGES
from models.answers.contact import Contact, contacts
from models.answers.population_warnings import population_warnings
from models.answers.reasons import Reason, fit_and_engagement, top_reasons
from models.answers.requests import LeadRequest, build_inputs, drop_unfit_values
from models.answers.warnings import (
    InputWarning,
    journey_warnings,
    request_warnings,
    wide_interval,
)
from models.bundle import Bundle
from models.calibration.tiers import tier

__all__ = ["MAX_REASONS", "NOT_SCORED", "InputWarning", "Score", "probabilities", "score", "score_requests"]

ROWS_AT_ONCE = 100_000
MAX_REASONS = 10
WIDE = 0.5  # of the widest interval that is still answered: from there on the answer says so

# The latest of these decides whether a lead may be scored; other stages say nothing about it.
_DECIDES = {
    "sales_qualified": "already_qualified",
    "customer": "already_qualified",
    "disqualified": "disqualified",
    "recycled": "",
    "mql": "",
}
NOT_SCORED = ("already_qualified", "disqualified", "objected", "too_little_data")
"""Why a lead may have no probability."""


@dataclass(frozen=True, slots=True)
class Score:
    """The answer for one snapshot.

    Attributes
    ----------
    lead_id : str
    snapshot_at : int
        Microseconds since 1970 UTC.
    probability, low, high : float or None
        Calibrated P(sales_qualified in [snapshot_at, snapshot_at + label_days)) and its interval, rounded to float32; None: not
        scored.
    tier : str or None
    fit, engagement, base_value : float or None
        They sum to the raw log-odds; None: not scored, or not explained.
    reasons : tuple of Reason
        Strongest first.
    warnings : tuple of InputWarning
    not_scored : str or None
        ``already_qualified``, ``disqualified``, ``objected`` or ``too_little_data`` (the interval would be wider than
        the bundle allows); None: it was scored.
    vector : ndarray of float32 or None
        The features, when asked for.
    contact : Contact or None
        What a first contact would bring; None: not scored.
    """

    lead_id: str
    snapshot_at: int
    probability: float | None
    low: float | None
    high: float | None
    tier: str | None
    fit: float | None = None
    engagement: float | None = None
    base_value: float | None = None
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[InputWarning, ...] = ()
    not_scored: str | None = None
    vector: np.ndarray | None = None
    contact: Contact | None = None


def probabilities(bundle: Bundle, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give each feature row its calibrated probability and interval; no row depends on another.

    Parameters
    ----------
    bundle : Bundle
    matrix : ndarray of float32 [rows, features]
        In catalog order.

    Returns
    -------
    probability, low, high : ndarray of float32 [rows]
    """
    out = np.empty((3, len(matrix)), dtype=np.float32)
    for begin in range(0, len(matrix), ROWS_AT_ONCE):
        block = slice(begin, begin + ROWS_AT_ONCE)
        log_odds = bundle.classifier.predict_log_odds(matrix[block])
        out[:, block] = bundle.calibration.apply(log_odds, bundle.uncertainty.predict(matrix[block]))
    return out[0], out[1], out[2]


def score(
    bundle: Bundle,
    journeys: Journeys,
    snapshots: Snapshots,
    attributes: AttributeValues | None = None,
    *,
    n_reasons: int = 3,
    language: str = "en",
    explain: bool = True,
    debug: bool = False,
) -> list[Score]:
    """Score snapshots; one answer per snapshot, in their order. No answer depends on the other snapshots or leads.

    A lead that was qualified, became a customer or was disqualified before ``snapshot_at``, as far as was known then, is not
    scored, unless a later MQL or recycling reopened it; with ``risk_set: customers`` all leads are scored. So are leads outside
    of the model's population, with a warning.

    Parameters
    ----------
    bundle : Bundle
        The model.
    journeys : Journeys
        Of at least the leads that the snapshots name; what lies at or after a snapshot changes nothing but a warning.
    snapshots : Snapshots
        Rows.
    attributes : mapping of str to sequence, optional
        Attribute to values, one per snapshot.
    n_reasons : int
        At most so many reasons per lead, 0 to 10.
    language : {"en", "de"}
        Of reasons and warnings.
    explain : bool
        False leaves out fit, engagement and reasons, which cost most of the time.
    debug : bool
        Also return the feature vector.

    Raises
    ------
    JourneyError
        If an attribute has the wrong type.
    ParameterError
        If the language or the number of reasons is not one of the allowed.
    """
    if language not in LANGUAGES or not 0 <= n_reasons <= MAX_REASONS:
        raise ParameterError(
            f"score: language {language!r}, {n_reasons} reasons; allowed are {' and '.join(LANGUAGES)}, and 0 to {MAX_REASONS} "
            "reasons. Ask for one of these."
        )
    catalog = bundle.catalog
    matrix = compute_features(journeys, snapshots, catalog, attributes)
    probability, low, high = probabilities(bundle, matrix)
    tiers = tier(probability, bundle.cutoffs)
    not_scored = [""] * len(snapshots) if bundle.of_customers else _not_scored(journeys, snapshots)
    population = population_warnings(bundle, journeys, snapshots, language)
    unlike = [
        () if why else outside_warnings for why, outside_warnings in zip(not_scored, population, strict=True)
    ]  # the stage says it already
    widest = bundle.calibration.widest
    not_scored = [
        why or ("too_little_data" if wide else "") for why, wide in zip(not_scored, high - low > widest, strict=True)
    ]
    warnings = journey_warnings(journeys, snapshots, attributes or {}, catalog, language)
    for row in np.flatnonzero(high - low > WIDE * widest).tolist():
        if not not_scored[row]:
            warnings[row].append(wide_interval(float(low[row]), float(high[row]), language))
    first_contacts = contacts(bundle, journeys, snapshots, matrix)
    answers = []
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        scored = not not_scored[row]
        answers.append(
            Score(
                lead_id=journeys.lead_ids[lead],
                snapshot_at=at,
                probability=float(probability[row]) if scored else None,
                low=float(low[row]) if scored else None,
                high=float(high[row]) if scored else None,
                tier=str(tiers[row]) if scored else None,
                warnings=(*unlike[row], *warnings[row]),
                not_scored=not_scored[row] or None,
                vector=matrix[row] if debug else None,
                contact=first_contacts[row] if scored else None,
            )
        )
    return _explained(bundle, matrix, answers, n_reasons, language) if explain else answers


def _explained(bundle: Bundle, matrix: np.ndarray, answers: list[Score], n_reasons: int, language: str) -> list[Score]:
    rows = np.array([row for row, answer in enumerate(answers) if answer.not_scored is None], dtype=np.int64)
    contributions = bundle.classifier.contributions(matrix[rows])
    fit, engagement, base = (part.tolist() for part in fit_and_engagement(contributions, bundle.catalog))
    for k, row in enumerate(rows.tolist()):
        reasons = top_reasons(contributions[k], matrix[row], bundle.catalog, n_reasons, language)
        answers[row] = replace(
            answers[row], fit=fit[k], engagement=engagement[k], base_value=base[k], reasons=tuple(reasons)
        )
    return answers


def score_requests(
    bundle: Bundle,
    leads: Sequence[LeadRequest],
    *,
    n_reasons: int = 3,
    language: str = "en",
    explain: bool = True,
    debug: bool = False,
) -> list[Score]:
    """Score the leads of a request by `score`; errors and warnings name their fields by the request's paths.

    An attribute of another type than the model takes counts as unknown, with a warning: it never costs the lead.

    Parameters
    ----------
    bundle : Bundle
        The model.
    leads : sequence of LeadRequest
        One entry per answer; the same lead_id may stand in several.
    n_reasons, language, explain, debug
        As for `score`.

    Raises
    ------
    JourneyError
        If the values of a lead's touchpoints can't be summed.
    ParameterError
        As for `score`.
    """
    options = {"explain": explain, "debug": debug}
    asked, leads = leads, [lead for lead in leads if not lead.objected]
    if len(leads) < len(asked):
        scored = iter(
            score_requests(bundle, leads, n_reasons=n_reasons, language=language, explain=explain, debug=debug)
            if leads
            else ()
        )
        width = len(bundle.catalog.features) if debug else None
        return [_objected(lead, width) if lead.objected else next(scored) for lead in asked]
    leads = [drop_unfit_values(lead, bundle.catalog) for lead in leads]
    journeys, snapshots, attributes = build_inputs(leads, bundle.catalog)
    answers = score(bundle, journeys, snapshots, attributes, n_reasons=n_reasons, language=language, **options)
    return [
        replace(answer, warnings=request_warnings(answer.warnings, lead, bundle.catalog, language))
        for answer, lead in zip(answers, leads, strict=True)
    ]


def _objected(lead: LeadRequest, width: int | None) -> Score:
    """Answer for a lead that must not be looked at: no feature is computed, and the vector of `width` features is empty."""
    return Score(
        lead_id=lead.journey.lead_id,
        snapshot_at=lead.snapshot_at,
        probability=None,
        low=None,
        high=None,
        tier=None,
        not_scored="objected",
        vector=None if width is None else np.full(width, np.nan, dtype=np.float32),
    )


def _not_scored(journeys: Journeys, snapshots: Snapshots) -> list[str]:
    """Say per snapshot why its lead must not be scored; empty: it may be."""
    why: list[str | None] = [
        _DECIDES.get(kind.removeprefix(STAGE_PREFIX)) if kind.startswith(STAGE_PREFIX) else None
        for kind in journeys.kinds
    ]
    if not any(why):
        return [""] * len(snapshots)
    # A touchpoint of a lead may be called like a stage change, so who caused it is checked, too
    decisive = np.array([reason is not None for reason in why], dtype=bool)[journeys.kind]
    decisive &= journeys.by == BY.index("system")
    known_at = np.maximum(journeys.occurred_at, journeys.recorded_at)
    at_once = np.array([kind == STAGE_PREFIX + MQL for kind in journeys.kinds], dtype=bool)[journeys.kind]
    # An MQL is kept a microsecond earlier already
    happened, recorded = (
        np.where(at_once, moment, seen_at_once(moment)) for moment in (journeys.occurred_at, journeys.recorded_at)
    )
    out = []
    for lead, at in zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True):
        begin, end = journeys.offsets[lead], journeys.offsets[lead + 1]
        rows = begin + np.flatnonzero(decisive[begin:end] & before(known_at[begin:end], at))
        # As in the risk periods of training: at one instant what was recorded later holds; recorded together, an end does
        for moment in (happened, recorded):
            rows = rows[moment[rows] == moment[rows].max()] if len(rows) else rows
        out.append(next((reason for row in rows if (reason := why[journeys.kind[row]])), ""))
    return out
