"""What is known of another threshold: observed, extrapolated, or not without a trial."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.analyses.points_audit import Threshold, Trial
from models.quality.rates import trial_size
from pipeline.sales_funnel.estimates import estimate, rate
from pipeline.sales_funnel.points_replay import Replay

__all__ = ["thresholds"]

MOVES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
OVERLAP = 100
"""Leads handed over with points between a lower threshold and the present one, and a known outcome, that bounds need."""

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
    at_best = ever[replayed.lead[known]]
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
        near = (mql_points >= threshold) & (mql_points < NEAR * threshold)
        between = (highest >= value) & (highest < threshold)
        stayed = (at_best >= value) & (at_best < threshold)
        bounds = _bounds(labels, between, stayed) if between.sum() >= OVERLAP else _trial(mql_labels[near])
        result.append(Threshold(threshold=value, move="lower", leads=leads, **bounds))
    return tuple(result)


def _bounds(labels: np.ndarray, between: np.ndarray, stayed: np.ndarray) -> dict[str, Any]:
    """Bound the rate of the leads that a lower threshold adds by that of leads which were handed over with such points.

    Added are leads that reach the lower threshold and never the present one. Those that were handed over with such points are
    better: some of them were on their way up. Those that were handed over and never reached the present one look worse than
    they were: whoever qualifies goes on collecting points, and leaves them. The upper end of the first and the lower end of
    the second hold what lies between.
    """
    added, stay = (rate(int(labels[rows].sum()), int(rows.sum())) for rows in (between, stayed))
    low, high = stay.low or 0.0, added.high
    return {"added": added, "modelled": estimate(None, low, high), "evidence": "extrapolated"}


def _trial(near: np.ndarray) -> dict[str, Any]:
    """Say how large a trial must be that tells leads below the threshold from those just above it."""
    base = float(near.mean()) if len(near) else 0.0
    if not 0.0 < base < 1.0:
        return {"evidence": "trial"}
    size = trial_size(base, base * WORSE, POWER, CONFIDENCE)
    trial = Trial(leads_per_group=size, rate=base, other_rate=base * WORSE, power=POWER, confidence=CONFIDENCE)
    return {"trial": trial, "evidence": "trial"}
