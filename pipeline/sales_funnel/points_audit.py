"""The points audit: from canonical tables, risk periods and predictions to its figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.params import FeaturesParams
from models.analyses.points_audit import DecayStep, Looks, PointsAudit, Replay, Rule
from models.params import PointsParams
from models.quality.log_odds import fit_log_odds
from pipeline.sales_funnel.estimates import estimate
from pipeline.sales_funnel.handed_over import HandedOver, handed_over, labelled_looks
from pipeline.sales_funnel.points_bands import looks_by_band
from pipeline.sales_funnel.points_counts import count_rules
from pipeline.sales_funnel.points_later import judge_later
from pipeline.sales_funnel.points_proposal import propose
from pipeline.sales_funnel.points_replay import replay_points
from pipeline.sales_funnel.points_setting import PointsSetting, rule_labels
from pipeline.sales_funnel.points_thresholds import thresholds
from pipeline.tables.export import Export
from pipeline.tables.parquet import read_table

__all__ = ["audit_points", "judge_rules"]

MIN_LEADS = 30
"""With fewer leads that have a rule's touchpoints, or fewer positives among all, nothing is said of the rule."""


def audit_points(
    canonical: Path,
    periods: pd.DataFrame,
    predictions: pd.DataFrame,
    export: Export,
    source: str,
    setting: PointsSetting,
) -> PointsAudit:
    """Audit the company's points table.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    periods : DataFrame
        Risk periods of MQLs.
    predictions : DataFrame
        As `predictions.parquet` has them, with the column `points`.
    export : Export
        When nothing more was known.
    source : str
        Name of the source.
    setting : PointsSetting
        Parameters.
    """
    points, features = setting.points, setting.features
    exported_at = pd.Timestamp(export.exported_at)
    handed = handed_over(canonical, periods)
    looks = {
        "mql": labelled_looks(periods, periods["started_at"], setting.labels, exported_at),
        "handed": labelled_looks(periods, handed.at, setting.labels, exported_at),
    }
    counted = count_rules(canonical, looks, points, features)
    each = {name: counted.points(name, points, features.observation_days) for name in looks}
    leads = read_table(canonical / "leads.parquet", "leads").to_pandas()["lead_id"]
    replayed = replay_points(canonical, leads, looks["handed"], points, features)
    by_rule = judge_rules(looks["handed"], each["handed"], points, features)
    later, facts = judge_later(predictions, setting.capacity, setting.evaluate)
    proposed, why_not = propose(canonical, looks["handed"], counted, leads, replayed.ever, setting)
    is_mql = leads.isin(periods["lead_id"]).to_numpy()
    reached = replayed.ever >= points.mql_threshold
    return PointsAudit(
        source=source,
        exported_at=exported_at.to_pydatetime(),
        threshold=points.mql_threshold,
        observation_days=features.observation_days,
        label_days=setting.labels.label_days,
        decay=tuple(DecayStep(after_days=step.after_days, share=step.share) for step in points.decay),
        replay=Replay(
            leads=len(leads),
            reached=int(reached.sum()),
            mqls=int(is_mql.sum()),
            both=int((reached & is_mql).sum()),
            highest=float(np.nanmax(replayed.ever)) if np.isfinite(replayed.ever).any() else None,
        ),
        looks=_both_looks(looks, each, handed, points.mql_threshold),
        rules=by_rule,
        later=later,
        later_leads=facts.leads,
        later_positives=facts.positives,
        capacity=facts.capacity,
        thresholds=thresholds(looks, each, replayed, points.mql_threshold),
        proposed=proposed,
        no_proposal=why_not,
    )


def _both_looks(
    looks: Mapping[str, pd.DataFrame], each: Mapping[str, np.ndarray], handed: HandedOver, threshold: float
) -> tuple[Looks, ...]:
    shown = [looks_by_band("mql", looks["mql"], each["mql"].sum(axis=1), threshold)]
    if handed.moment is not None:
        shown.append(looks_by_band(handed.moment, looks["handed"], each["handed"].sum(axis=1), threshold))
    return tuple(shown)


def judge_rules(
    looks: pd.DataFrame, by_rule: np.ndarray, points: PointsParams, features: FeaturesParams
) -> tuple[Rule, ...]:
    """Say which rules carry signal: log-odds per point among handed-over leads, the other rules' points being equal.

    Parameters
    ----------
    looks : DataFrame
        As `labelled_looks` gives them.
    by_rule : ndarray [looks, rules]
        Points of each rule.
    points, features
        For names, points and words.
    """
    known = looks["label"].notna().to_numpy()
    labels, figures = looks["label"].to_numpy()[known], by_rule[known]
    leads = (figures != 0.0).sum(axis=0)
    enough = min(labels.sum(), len(labels) - labels.sum()) >= MIN_LEADS
    fitted = fit_log_odds(figures, labels, looks["group"].to_numpy()[known]) if enough else None
    rules = []
    for place, (name, value) in enumerate(points.interactions.items()):
        told: dict[str, Any] = {"log_odds": estimate(None), "verdict": "too_few"}
        if fitted is not None and leads[place] >= MIN_LEADS:
            low, high = float(fitted.low[place]), float(fitted.high[place])
            verdict = "signal" if low > 0.0 else "misleads" if high < 0.0 else "unclear"
            told = {"log_odds": estimate(float(fitted.value[place]), low, high), "verdict": verdict}
        labels_of = rule_labels(name, features)
        rules.append(Rule(name=name, labels=labels_of, points=value, leads=int(leads[place]), **told))
    return tuple(rules)
