"""Should a model be trained anew? A pure decision from drift, live quality and age, with its reasons as codes and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.params import MonitorParams

__all__ = ["FINE", "RETRAIN", "TOO_LITTLE", "WATCH", "DriftRun", "Finding", "Verdict", "decide_retrain"]

RETRAIN, WATCH, FINE, TOO_LITTLE = "retrain recommended", "watch", "fine", "too little data"


@dataclass(frozen=True)
class DriftRun:
    """How one column stands in the newest month that has enough rows.

    Attributes
    ----------
    name : str
        Of the feature; ``probability`` for the score.
    psi, low, high : float
        Population stability, less what chance adds, and its interval.
    since : str
        First month from which on, without a break, the lower end lies above `psi_alarm`; empty: it doesn't.
    positives_since, labels_since : int
        Matured positives and rows from that month on: what a retraining could learn the change from.
    """

    name: str
    psi: float
    low: float
    high: float
    since: str = ""
    positives_since: int = 0
    labels_since: int = 0


@dataclass(frozen=True)
class Finding:
    """One thing that speaks for a retraining, or for a look.

    Attributes
    ----------
    code : str
        ``calibration``, ``lift``, ``feature``, ``score``, ``age`` or ``unknown``.
    level : str
        `RETRAIN` or `WATCH`.
    figures : mapping
        The numbers it rests on.
    """

    code: str
    level: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The decision.

    Attributes
    ----------
    verdict : str
        `RETRAIN`, `WATCH`, `FINE` or `TOO_LITTLE`.
    findings : tuple of Finding
        Those that recommend come first.
    quality_known, drift_known : bool
        Whether there were enough outcomes, and enough leads, to tell.
    """

    verdict: str
    findings: tuple[Finding, ...]
    quality_known: bool
    drift_known: bool


def decide_retrain(
    quality: Mapping[str, Any],
    promised_lift: Mapping[str, float | None] | None,
    drift: Sequence[DriftRun] | None,
    age_days: float,
    unknown_share: float,
    params: MonitorParams,
) -> Verdict:
    """Decide from what live rows show.

    Retraining is recommended when one of these holds:
    (1) outcomes are rarer or more frequent than predicted by more than `calibration_gap`, the whole interval included;
    (2) the live lift's upper end lies below the lower end of the lift that the model was published with;
    (3) a feature that matters, or the score, has drifted (lower end above `psi_alarm`), and at least `min_positives` positives
        have matured since: without them a retraining would learn nothing about the change, so it is only watched;
    (4) the model is older than `max_age_days`, and there are `min_positives` new positives to learn from.
    The same in a weaker form is watched: the ratio itself beyond the gap, and 1 outside of its interval; the live upper end
    below the promised value; drift above `psi_watch`. So are unknown kinds or categories in more than
    `unknown_share` of the leads.

    Parameters
    ----------
    quality : mapping
        As `models.monitoring.live_quality.live_quality` returns it, of the newest months with known outcomes.
    promised_lift : mapping or None
        value, low, high on the test rows; None: not known, (2) is left out.
    drift : sequence of DriftRun or None
        Of the score and of the features that matter; None: no month has enough rows.
    age_days : float
        From the newest row that the model learned from to the newest whose outcome is known by now.
    unknown_share : float
        Of the newest months' leads, in [0, 1].
    params : MonitorParams

    Examples
    --------
    >>> nothing = {"positives": 0, "matured": 0, "ratio": None, "lift_at_capacity": None}
    >>> decide_retrain(nothing, None, None, 10, 0.0, MonitorParams()).verdict
    'too little data'
    """
    enough = quality["positives"] >= params.min_positives and quality["matured"] > quality["positives"]
    findings = [*_quality(quality, promised_lift, params)] if enough else []
    for run in drift or ():
        findings += _drift(run, params)
    if enough and age_days > params.max_age_days:
        findings.append(Finding("age", RETRAIN, {"days": age_days, "limit": params.max_age_days}))
    if unknown_share > params.unknown_share:
        findings.append(Finding("unknown", WATCH, {"share": unknown_share, "limit": params.unknown_share}))
    findings.sort(key=lambda finding: finding.level != RETRAIN)
    if findings and findings[0].level == RETRAIN:
        verdict = RETRAIN
    elif findings:
        verdict = WATCH
    else:
        verdict = FINE if enough and drift is not None else TOO_LITTLE
    return Verdict(verdict, tuple(findings), enough, drift is not None)


def _quality(
    quality: Mapping[str, Any], promised: Mapping[str, float | None] | None, params: MonitorParams
) -> list[Finding]:
    findings = []
    ratio, lift = quality["ratio"], quality["lift_at_capacity"]
    context = {
        name: quality.get(name) for name in ("mean_probability", "observed", "matured", "first_month", "last_month")
    }
    if ratio is not None and ratio["low"] is not None:
        off = ratio["low"] > 1.0 + params.calibration_gap or ratio["high"] < 1.0 - params.calibration_gap
        likely = abs(ratio["value"] - 1.0) > params.calibration_gap and not ratio["low"] <= 1.0 <= ratio["high"]
        if off or likely:
            findings.append(
                Finding("calibration", RETRAIN if off else WATCH, {**context, **ratio, "gap": params.calibration_gap})
            )
    if lift is not None and promised is not None and lift["high"] is not None and promised["low"] is not None:
        worse = lift["high"] < promised["low"]
        if worse or lift["high"] < (promised["value"] or 0.0):
            terms = {f"promised_{key}": value for key, value in promised.items()}
            findings.append(Finding("lift", RETRAIN if worse else WATCH, {**context, **lift, **terms}))
    return findings


def _drift(run: DriftRun, params: MonitorParams) -> list[Finding]:
    if run.low <= params.psi_watch:
        return []
    level = RETRAIN if run.since and run.positives_since >= params.min_positives else WATCH
    code = "score" if run.name == "probability" else "feature"
    return [
        Finding(
            code,
            level,
            {
                "name": run.name,
                "psi": run.psi,
                "low": run.low,
                "high": run.high,
                "since": run.since,
                "positives_since": run.positives_since,
                "waits": bool(run.since) and level == WATCH,
            },
        )
    ]
