"""A proposed points table, judged beside the company's on later handed-over leads, and its threshold."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.analyses.figures import Shortage
from models.analyses.points_audit import DecayStep, ProposedRule, ProposedTable
from models.params import PointsParams
from models.quality.metrics import paired_auc_gain
from pipeline.population.micros import micros
from pipeline.sales_funnel.estimates import estimate_of
from pipeline.sales_funnel.points_counts import Counted
from pipeline.sales_funnel.points_replay import replay_points
from pipeline.sales_funnel.points_setting import PointsSetting, rule_labels
from pipeline.sales_funnel.points_table import fit_points_table, shares_of

__all__ = ["propose"]

JUDGED_SHARE = 0.3
MOST_LOOKS = 150_000
MIN_POSITIVES = 50
"""Sales-qualified leads that a table needs to be fitted, and half as many to be judged."""


def propose(
    canonical: Path,
    looks: pd.DataFrame,
    counted: Counted,
    leads: pd.Series,
    reached: np.ndarray,
    setting: PointsSetting,
) -> tuple[ProposedTable | None, Shortage | None]:
    """Fit a table on the older handed-over leads and judge it on the newer ones.

    A lead is fitted on only if its outcome was known before the first judged hand-over.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    looks : DataFrame
        Hand-overs, as `labelled_looks` gives them.
    counted : Counted
        With `handed`, row for row with `looks`.
    leads : Series of str
        All leads.
    reached : ndarray of float [leads]
        The most points that each has by the company's table.
    setting : PointsSetting
        Parameters.

    Returns
    -------
    table : ProposedTable or None
    why_not : str or None
        Where there is none.
    """
    features, points = setting.features, setting.points
    is_known = _sampled(looks["label"].notna().to_numpy())
    known = looks[is_known].reset_index(drop=True)
    if known.empty:
        return None, "not_known"
    moments: pd.Series = known["snapshot_at"]
    cut = moments.quantile(1.0 - JUDGED_SHARE)
    window = pd.Timedelta(days=setting.labels.label_days + setting.labels.recording_delay_days)
    judged = np.asarray(moments >= cut)
    fitted = np.asarray(moments + window <= cut)
    labels = known["label"].to_numpy()
    for rows, least in ((fitted, MIN_POSITIVES), (judged, MIN_POSITIVES // 2)):
        if min(labels[rows].sum(), rows.sum() - labels[rows].sum()) < least:
            return None, "too_few"
    candidates, windows = counted.candidates, counted.windows
    counts = counted.of_candidates("handed", is_known)
    table = fit_points_table(counts[fitted], labels[fitted], micros(moments)[fitted], windows)
    if not table.points.any():
        return None, "not_separable"
    scores = counts @ shares_of(table.decay, windows) @ table.points
    present = counted.points("handed", points, features.observation_days)[is_known].sum(axis=1)
    gain = paired_auc_gain(
        labels[judged], scores[judged], present[judged], known["group"].to_numpy()[judged], None, setting.evaluate
    )
    interactions: dict[str, float] = {
        name: int(value) for name, value in zip(candidates, table.points, strict=True) if value
    }
    ever = replay_points(
        canonical,
        leads,
        looks.iloc[:0],
        PointsParams(interactions=interactions, mql_threshold=1, decay=table.decay),
        features,
    ).ever
    threshold = _threshold(np.nan_to_num(ever), int((reached >= points.mql_threshold).sum()))
    ranked = sorted(interactions, key=lambda name: -interactions[name])
    return (
        ProposedTable(
            rules=tuple(_rule(name, interactions[name], setting) for name in ranked),
            decay=tuple(DecayStep(after_days=step.after_days, share=step.share) for step in table.decay),
            fitted_on=int(fitted.sum()),
            judged_on=int(judged.sum()),
            gain=estimate_of(gain),
            threshold=threshold,
            reached=int((np.nan_to_num(ever) >= threshold).sum()),
        ),
        None,
    )


def _sampled(rows: np.ndarray) -> np.ndarray:
    """Keep at most `MOST_LOOKS` of the rows, drawn evenly: more would sharpen nothing that is rounded to whole points."""
    chosen = np.flatnonzero(rows)
    kept = np.zeros(len(rows), dtype=bool)
    kept[chosen[:: max(1, -(-len(chosen) // MOST_LOOKS))]] = True
    return kept


def _threshold(ever: np.ndarray, most: int) -> int:
    """Find the lowest whole threshold that no more leads reach than `most`."""
    if most <= 0:
        return int(np.floor(ever.max(initial=0.0))) + 1
    ranked = np.sort(ever)[::-1]
    lowest = max(int(np.ceil(ranked[min(most, len(ranked)) - 1])), 1)
    return lowest + int((ever >= lowest).sum() > most)


def _rule(name: str, points: float, setting: PointsSetting) -> ProposedRule:
    return ProposedRule(
        name=name,
        labels=rule_labels(name, setting.features),
        points=int(points),
        present=setting.points.interactions.get(name),
    )
