"""From judged scores to all that the monitor shows, as plain values: quality and drift by month, and the verdict."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.errors import BundleError
from features.wording.units import number as say_number
from features.wording.units import spoken
from models.bundle import Bundle
from models.calibration.capacity import capacity_rows
from models.monitoring.drift import Drift, feature_drift, score_drift, score_shift
from models.monitoring.live_quality import live_quality, quality_by_month
from models.monitoring.reference import Reference
from models.monitoring.retrain_verdict import DriftRun, decide_retrain
from models.monitoring.score_log_reader import ScoreLog
from models.params import CapacityParams, MonitorParams
from models.presentation.catalogues import LANGUAGES, words
from pipeline.monitoring.rows import Monitored
from pipeline.tables.export import Export

__all__ = ["assess", "bin_words"]

ALMOST_NOTHING = 1e-2  # of a count that decays with time

DAY = pd.Timedelta(days=1)
# Training looks at the very moment of the MQL, when that change is not yet visible; a call comes a little later and sees it.
DIFFERENT_BY_DESIGN = "stage_mql"


def assess(
    bundle: Bundle,
    log: ScoreLog,
    found: Monitored,
    export: Export,
    promise: Mapping[str, Any] | None,
    capacity: CapacityParams,
    params: MonitorParams,
) -> dict[str, Any]:
    """Measure all that the report shows, and decide.

    Parameters
    ----------
    bundle : Bundle
        The model, with its reference.
    log : ScoreLog
        What it answered.
    found : Monitored
        What of it can be judged.
    export : Export
        Until when outcomes are known.
    promise : mapping or None
        rows, capacity, base_rate and metrics of the test that the model was published with; None: not known.
    capacity, params
        Parameter sections.

    Returns
    -------
    dict
        Plain values: verdict, findings, months, pool, features, log, promise.

    Raises
    ------
    BundleError
        If the bundle has no reference.
    """
    if bundle.reference is None:
        raise BundleError("this bundle holds nothing to compare with (reference.json). Train anew: `dvc repro train`.")
    rows = found.rows
    share = _capacity_share(rows, promise, capacity)
    months = quality_by_month(rows, share, params) if len(rows) else []
    drifts, scores = _drift_by_month(bundle.reference, found, params)
    for month in months:
        if month["month"] in scores:
            month |= {"score": asdict(scores[month["month"]][0]), "shift": list(scores[month["month"]][1])}
    pooled = [month["month"] for month in months if month["matured"]][-params.months :]
    pool_rows = rows[rows["month"].isin(pooled)]
    pool = live_quality(pool_rows, share, params)
    pool |= {"first_month": pooled[0] if pooled else None, "last_month": pooled[-1] if pooled else None}
    importance = _importance(bundle)
    deciding = [
        position
        for position, feature in enumerate(bundle.catalog.features)
        if importance[position] >= params.importance and feature.selector != DIFFERENT_BY_DESIGN
    ]
    names = bundle.catalog.names
    # Without a month of enough rows there is nothing to say of drift.
    runs = [
        _run(names[position], {m: d[position] for m, d in drifts.items()}, months, params)
        for position in deciding
        if drifts
    ]
    if scores:
        runs.insert(0, _run("probability", {m: s[0] for m, s in scores.items()}, months, params))
    recent = rows[rows["month"].isin([month["month"] for month in months[-params.months :]])]
    odd = {code: _share_of(recent, code) for code in ("unknown_kind", "unknown_channel", "unknown_category")}
    matured = rows.loc[rows["matured"].to_numpy(dtype=bool), "snapshot_at"]
    used_until = pd.Timestamp(bundle.metadata["data_used_until"])
    age = float((matured.max() - used_until) / DAY) if len(matured) else 0.0
    decision = decide_retrain(
        pool, None if promise is None else promise["lift_at_capacity"], runs or None, age, max(odd.values()), params
    )
    delay = (bundle.metadata["label_days"] + bundle.metadata["recording_delay_days"]) * DAY
    return {
        "verdict": decision.verdict,
        "quality_known": decision.quality_known,
        "drift_known": decision.drift_known,
        "findings": [asdict(finding) for finding in decision.findings],
        "exported_at": export.exported_at.isoformat(),
        "known_until": (export.exported_at - delay).isoformat(),
        "data_used_until": bundle.metadata["data_used_until"],
        "label_days": bundle.metadata["label_days"],
        "recording_delay_days": bundle.metadata["recording_delay_days"],
        "capacity_share": share,
        "promise": promise,
        "months": months,
        "pool": pool,
        "features": _feature_rows(bundle, found, drifts, importance, set(deciding)),
        "unknown": odd,
        "log": {
            "files": log.files,
            "rows": len(log.rows),
            "leads": int(log.rows["lead_id"].nunique()),
            "judged": len(rows),
            "left_out": found.left_out,
            "other_models": log.others,
            "origins": {str(k): int(v) for k, v in log.rows["origin"].value_counts().items()},
            "not_scored": {str(k): int(v) for k, v in log.rows["not_scored"].value_counts().items()},
        },
        "params": params.model_dump(),
    }


def _capacity_share(rows: pd.DataFrame, promise: Mapping[str, Any] | None, capacity: CapacityParams) -> float:
    """Lift depends on how many are worked: the same share as when it was promised, else what params.yaml says."""
    if promise is not None:
        return float(promise["capacity"]) / float(promise["rows"])
    return capacity_rows(rows, capacity) / len(rows) if len(rows) else 1.0


def _drift_by_month(
    reference: Reference, found: Monitored, params: MonitorParams
) -> tuple[dict[str, list[Drift]], dict[str, tuple[Drift, tuple[float, float]]]]:
    drifts, scores = {}, {}
    months = found.rows["month"].to_numpy()
    groups, probability = found.rows["group"].to_numpy(), found.rows["probability"].to_numpy()
    for month in sorted(set(months)):
        own = months == month
        if own.sum() < params.min_rows:
            continue
        again = (params.bootstrap, params.seed)
        drifts[month] = feature_drift(reference.features, found.matrix[own], groups[own], *again)
        drift = score_drift(reference, probability[own], groups[own], *again)
        scores[month] = (drift, score_shift(reference, probability[own]))
    return drifts, scores


def _run(name: str, by_month: Mapping[str, Drift], months: list[dict[str, Any]], params: MonitorParams) -> DriftRun:
    """See how a column stands in its newest month, and since when it has been beyond the limit without a break."""
    newest = by_month[max(by_month)]
    since = ""
    for month in sorted(by_month, reverse=True):
        if by_month[month].low <= params.psi_alarm:
            break
        since = month
    later = [month for month in months if since and month["month"] >= since]
    positives, labels = (sum(month[key] for month in later) for key in ("positives", "matured"))
    return DriftRun(name, newest.value, newest.low, newest.high, since, positives, labels)


def _importance(bundle: Bundle) -> np.ndarray:
    gains = bundle.classifier.importance()
    values = np.array([float(gains.get(name, 0.0)) for name in bundle.catalog.names])
    return values / (values.sum() or 1.0)


def _share_of(rows: pd.DataFrame, code: str) -> float:
    return float(np.mean([code in found for found in rows["warnings"]])) if len(rows) else 0.0


def _feature_rows(
    bundle: Bundle, found: Monitored, drifts: Mapping[str, list[Drift]], importance: np.ndarray, deciding: set[int]
) -> list[dict[str, Any]]:
    """Describe every feature's drift; those that decide first, then by the drift of the newest month."""
    if not drifts or bundle.reference is None:
        return []
    newest = max(drifts)
    own = (found.rows["month"] == newest).to_numpy()
    described = []
    for position, (feature, bins) in enumerate(zip(bundle.catalog.features, bundle.reference.features, strict=True)):
        counts = np.bincount(bins.codes(found.matrix[own, position]), minlength=len(bins.counts))
        before, now = bins.counts / bins.counts.sum(), counts / counts.sum()
        moved = int(np.argmax(np.abs(now - before)))
        described.append(
            {
                "name": feature.name,
                "text": {code: feature.meaning(code) for code in LANGUAGES},
                "importance": float(importance[position]),
                "decides": position in deciding,
                "by_design": feature.selector == DIFFERENT_BY_DESIGN,
                "moved": {
                    "text": {code: bin_words(bundle.catalog, position, bins.edges, moved, code) for code in LANGUAGES},
                    "before": float(before[moved]),
                    "now": float(now[moved]),
                },
                "months": {month: asdict(drift[position]) for month, drift in drifts.items()},
            }
        )
    return sorted(described, key=lambda item: (not item["decides"], -item["months"][newest]["value"], item["name"]))


def bin_words(catalog: Catalog, position: int, edges: np.ndarray, code: int, language: str) -> str:
    """Say in words what values a bin of a feature holds."""
    feature, say = catalog.features[position], words(language)
    if code == len(edges) + 1 or not len(edges):
        return say.gettext("nothing known")
    if position in catalog.categorical:
        return feature.text(float(code), spoken(language))
    if code == 0 and 0.0 < edges[0] < ALMOST_NOTHING:
        return say.gettext("almost 0")
    low = say_number(float(edges[code - 1]), language) if code else ""
    high = say_number(float(edges[code]), language) if code < len(edges) else ""
    if low and high:
        return say.gettext("{low} to below {high}", low=low, high=high)
    return say.gettext("{low} or more", low=low) if low else say.gettext("below {high}", high=high)
