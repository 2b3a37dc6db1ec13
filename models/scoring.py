"""The one function that scores: batch, MLflow, the gate and the service all come here."""

from dataclasses import dataclass

import numpy as np

from features.attributes import AttributeValues
from features.catalog import Catalog
from features.compute import Snapshots, compute_features, ignored_touchpoints, unknown_categories, unknown_values
from features.journeys import STAGE_PREFIX, Journeys
from features.timeline import before
from models.bundle import Bundle
from models.reasons import Reason, parts, top_reasons
from models.tiers import tier

__all__ = ["Score", "Warning", "probabilities", "score"]

ROWS_AT_ONCE = 100_000

# The newest of these decides whether a lead is at risk; any other stage says nothing about it.
_ENDED_BY = {
    "sales_qualified": "already_qualified",
    "customer": "already_qualified",
    "disqualified": "disqualified",
    "recycled": None,
    "mql": None,
}
_MESSAGES = {
    "unknown_kind": {
        "en": "kind {value!r} was not seen in training; it counts among all touchpoints only",
        "de": "Art {value!r} kam im Training nicht vor; sie zählt nur bei allen Kontaktpunkten",
    },
    "unknown_channel": {
        "en": "channel {value!r} was not seen in training",
        "de": "Kanal {value!r} kam im Training nicht vor",
    },
    "unknown_category": {
        "en": "{field} {value!r} was rare or not seen in training",
        "de": "{field} {value!r} war im Training selten oder kam nicht vor",
    },
    "future_ignored": {
        "en": "{value} touchpoint(s) or stage change(s) at or after snapshot_at were ignored",
        "de": "{value} Kontaktpunkt(e) oder Stufenwechsel ab snapshot_at wurden nicht beachtet",
    },
}


@dataclass(frozen=True, slots=True)
class Warning:
    """Something odd in the input that did not prevent a score.

    Attributes
    ----------
    code : str
        ``unknown_kind``, ``unknown_channel``, ``unknown_category`` or ``future_ignored``.
    message : str
        In the language asked for.
    field : str
        Which input.
    """

    code: str
    message: str
    field: str


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
    warnings : tuple of Warning
    not_scored : str or None
        ``already_qualified`` or ``disqualified``; None: it was scored.
    vector : ndarray of float32 or None
        The features, when asked for.
    """

    lead_id: str
    snapshot_at: int
    probability: float | None
    low: float | None
    high: float | None
    tier: str | None
    fit: float | None
    engagement: float | None
    base_value: float | None
    reasons: tuple[Reason, ...]
    warnings: tuple[Warning, ...]
    not_scored: str | None
    vector: np.ndarray | None


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
        out[:, block] = bundle.calibration.apply(bundle.classifier.predict_log_odds(matrix[block]))
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
    """Score snapshots; one answer per snapshot, in their order.

    Parameters
    ----------
    bundle : Bundle
        The model.
    journeys : Journeys
        Of at least the leads that the snapshots name; what is at or after a snapshot is ignored, and counted in a warning.
    snapshots : Snapshots
        Rows.
    attributes : mapping of str to sequence, optional
        Attribute to values, one per snapshot.
    n_reasons : int
        Reasons per lead.
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
    """
    catalog = bundle.catalog
    matrix = compute_features(journeys, snapshots, catalog, attributes)
    probability, low, high = probabilities(bundle, matrix)
    tiers = tier(probability, bundle.cutoffs)
    contributions = bundle.classifier.contributions(matrix) if explain else None
    sums = None if contributions is None else parts(contributions, catalog)
    not_scored = _not_scored(journeys, snapshots) if bundle.metadata.get("risk_set") != "customers" else {}
    warnings = _warnings(journeys, snapshots, attributes or {}, catalog, language)
    answers = []
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        why_not = not_scored.get(row)
        explained = contributions is not None and sums is not None and why_not is None
        answers.append(
            Score(
                lead_id=journeys.lead_ids[lead],
                snapshot_at=at,
                probability=None if why_not else float(probability[row]),
                low=None if why_not else float(low[row]),
                high=None if why_not else float(high[row]),
                tier=None if why_not else str(tiers[row]),
                fit=float(sums[0][row]) if explained and sums else None,
                engagement=float(sums[1][row]) if explained and sums else None,
                base_value=float(sums[2][row]) if explained and sums else None,
                reasons=tuple(top_reasons(contributions[row], matrix[row], catalog, n_reasons, language))
                if explained and contributions is not None and n_reasons
                else (),
                warnings=tuple(warnings[row]),
                not_scored=why_not,
                vector=matrix[row] if debug else None,
            )
        )
    return answers


def _not_scored(journeys: Journeys, snapshots: Snapshots) -> dict[int, str]:
    """Find the snapshots whose lead had been qualified or disqualified by then, and not been reopened."""
    outcome = [
        _ENDED_BY.get(kind.removeprefix(STAGE_PREFIX), "") if kind.startswith(STAGE_PREFIX) else ""
        for kind in journeys.kinds
    ]
    if not any(outcome):
        return {}
    decides = np.array([found != "" for found in outcome], dtype=bool)
    known_at = np.maximum(journeys.occurred_at, journeys.recorded_at)
    found: dict[int, str] = {}
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        mine = slice(journeys.offsets[lead], journeys.offsets[lead + 1])
        kinds = journeys.kind[mine][before(known_at[mine], at) & decides[journeys.kind[mine]]]
        why = outcome[kinds[-1]] if len(kinds) else None
        if why:
            found[row] = why
    return found


def _warnings(
    journeys: Journeys, snapshots: Snapshots, attributes: AttributeValues, catalog: Catalog, language: str
) -> list[list[Warning]]:
    found: list[list[Warning]] = [[] for _ in range(len(snapshots))]

    def add(row: int, code: str, field: str, value: object) -> None:
        found[row].append(Warning(code, _MESSAGES[code][language].format(field=field, value=value), field))

    values = unknown_values(journeys, catalog)
    for row, lead in enumerate(snapshots.lead_index.tolist()):
        for field, value in values[lead]:
            add(row, f"unknown_{field}", f"touchpoints.{field}", value)
    for row, categories in enumerate(unknown_categories(attributes, catalog, len(snapshots))):
        for attribute, category in categories:
            add(row, "unknown_category", f"attributes.{attribute}", category)
    for row, ignored in enumerate(ignored_touchpoints(journeys, snapshots).tolist()):
        if ignored:
            add(row, "future_ignored", "touchpoints", ignored)
    return found
