"""What is known of another threshold: observed, extrapolated, or not without a trial."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.analyses.points_audit import Threshold, Trial
from models.quality.rates import trial_size
from pipeline.sales_funnel.estimates import estimate, rate
from pipeline.sales_funnel.points_replay import Replay

__all__ = ["thresholds"]

MOVES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
OVERLAP = 100
"""Handed-over leads with fewer points than the threshold, and a known outcome, that modelled numbers need."""

NEAR = 1.5  # leads up to this multiple of the threshold say what leads just below it would do at most
WORSE = 0.5  # a trial must tell leads below the threshold from half as good ones
POWER, CONFIDENCE = 0.8, 0.95


def thresholds(
    looks: Mapping[str, pd.DataFrame], points: Mapping[str, np.ndarray], replayed: Replay, threshold: float
) -> tuple[Threshold, ...]:
    """Say what is known of lower and stricter thresholds.

    Parameters
    ----------
    looks : mapping of str to DataFrame
        ``mql`` and ``handed``, as `labelled_looks` gives them.
    points : mapping of str to ndarray [looks, rules]
        Points of each rule at these looks.
    replayed : Replay
        Of the table; its looks are the hand-overs.
    threshold : float
        The present one; not above 0: there is nothing to move.
    """
    if threshold <= 0.0:
        return ()
    handed = looks["handed"]
    known = handed["label"].notna().to_numpy()
    labels = handed["label"].to_numpy()[known]
    highest = np.nan_to_num(replayed.until[known])
    ever = np.nan_to_num(replayed.ever)
    at_mql = looks["mql"]["label"].notna().to_numpy()
    mql_points, mql_labels = points["mql"][at_mql].sum(axis=1), looks["mql"]["label"].to_numpy()[at_mql]
    result = []
    for move in MOVES:
        value = float(np.rint(threshold * move)) if threshold >= 4 else threshold * move
        leads = int((ever >= value).sum())
        if move >= 1.0:
            passed = highest >= value
            result.append(
                Threshold(
                    threshold=value,
                    move="current" if move == 1.0 else "stricter",
                    leads=leads,
                    observed=rate(int(labels[passed].sum()), int(passed.sum())),
                    unknown=int((~passed).sum()),
                    evidence="observed",
                )
            )
            continue
        result.append(_lower(value, leads, mql_points, mql_labels, threshold))
    return tuple(result)


def _lower(value: float, leads: int, points: np.ndarray, labels: np.ndarray, threshold: float) -> Threshold:
    """Say what is known below the threshold: of leads that became MQL with fewer points, if there are enough."""
    between = (points >= value) & (points < threshold)
    near = (points >= threshold) & (points < NEAR * threshold)
    bare = Threshold(threshold=value, move="lower", leads=leads, evidence="trial")
    if between.sum() >= OVERLAP:
        added = rate(int(labels[between].sum()), int(between.sum()))
        modelled = estimate(added.value, added.low, added.high)
        return bare.model_copy(update={"added": added, "modelled": modelled, "evidence": "extrapolated"})
    base = float(labels[near].mean()) if near.any() else 0.0
    if not 0.0 < base < 1.0:
        return bare
    size = trial_size(base, base * WORSE, POWER, CONFIDENCE)
    trial = Trial(leads_per_group=size, rate=base, other_rate=base * WORSE, power=POWER, confidence=CONFIDENCE)
    return bare.model_copy(update={"trial": trial})
