"""What sales can work: how many rows, and the probability down to which that reaches.

Metrics at capacity (precision, lift, fairness) rank the rows of a test: how good are the best n? Whether one lead is within
capacity is another question, which `models.answers.decision` answers by the cut-off, whoever else is there. A lead is worked
once, as soon as it reaches the cut-off: so `leads_per_week` reach it per week, each counted by the best moment of its risk
period. A `share` is a share of the lists of leads at risk.
"""

import numpy as np
import pandas as pd

from models.calibration.day_lists import best_of_periods
from models.params import CapacityParams

__all__ = ["capacity_cutoff", "capacity_rows", "fit_capacity_cutoff"]

WEEK = pd.Timedelta(days=7)


def capacity_rows(frame: pd.DataFrame, params: CapacityParams) -> int:
    """Count the leads that sales could work out of these rows: a share of them, or so many per week of their time span.

    Parameters
    ----------
    frame : DataFrame
        snapshot_at; one row per lead that asks for attention.
    params : CapacityParams
        The `capacity` section.

    Returns
    -------
    int
        At least 1, at most the number of rows.
    """
    if params.share is not None:
        wanted = params.share * len(frame)
    else:
        span = frame["snapshot_at"].max() - frame["snapshot_at"].min()
        wanted = (params.leads_per_week or 0.0) * max(span / WEEK, 1.0)
    return int(min(max(round(wanted), 1), len(frame)))


def fit_capacity_cutoff(
    frame: pd.DataFrame, probabilities: np.ndarray, listed: np.ndarray, params: CapacityParams
) -> float:
    """Find the probability down to which sales' capacity reaches, for leads that are looked at again and again.

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at, is_headline, of rows that the model had not seen; at least one is a headline row.
    probabilities : ndarray of float64
        Calibrated, one per row.
    listed : ndarray of float64
        As `models.calibration.day_lists.days_listed` counts them.
    params : CapacityParams
        The `capacity` section.

    Returns
    -------
    float
        As `capacity_cutoff` gives it.
    """
    if params.share is not None:
        return capacity_cutoff(probabilities, params.share * float(listed.sum()), listed)
    headline = frame[frame["is_headline"].to_numpy(dtype=bool)]
    return capacity_cutoff(best_of_periods(frame, probabilities), capacity_rows(headline, params))


def capacity_cutoff(probabilities: np.ndarray, wanted: float, weights: np.ndarray | None = None) -> float:
    """Find the lowest probability that capacity reaches, half-way to the next one, so that float32 does not move it.

    Parameters
    ----------
    probabilities : ndarray of float64
        Of rows that ask for attention as future ones will; at least one.
    wanted : float
        How many of them sales can work, as `capacity_rows` counts them; with weights: of their sum.
    weights : ndarray of float64, optional
        Not negative, one per row; rows of weight 0 do not count. None: all are 1.

    Returns
    -------
    float
        In [0, 1]; 0 where sales can work all of them. Rows with equal probability are all within capacity or all beyond.

    Examples
    --------
    >>> round(capacity_cutoff(np.array([0.1, 0.4, 0.2]), 1), 3), capacity_cutoff(np.array([0.1, 0.4]), 2)
    (0.3, 0.0)
    """
    p = np.asarray(probabilities, dtype=np.float64)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(-p[w > 0], kind="stable")
    ranked, reached = p[w > 0][order], np.cumsum(w[w > 0][order])
    edge = ranked[min(int(np.searchsorted(reached, wanted, "left")), len(ranked) - 1)]
    below = ranked[ranked < edge]
    return float((edge + below[0]) / 2.0) if len(below) else 0.0
