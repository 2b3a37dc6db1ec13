"""What sales can work: how many rows, and the probability down to which that reaches.

Metrics at capacity (precision, lift, fairness) rank the rows of a test: how good are the best n? Whether one lead is within
capacity is another question, which `models.answers.decision` answers by the cut-off, whoever else is there. A lead is worked
once, as soon as it reaches the cut-off: so `leads_per_week` reach it per week, each counted by the best moment of its risk
period. A `share` is a share of the lists of leads at risk.
"""

import numpy as np
import pandas as pd

from models.fitting.time_cuts import micros
from models.params import CapacityParams

__all__ = ["best_of_periods", "capacity_cutoff", "capacity_rows", "fit_capacity_cutoff"]

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
        Calibrated probabilities of the rows of the newest lists.
    params : CapacityParams
        The `capacity` section.

    Returns
    -------
    float
        As `capacity_cutoff` gives it.
    """
    if params.share is not None:
        return capacity_cutoff(listed, params.share * len(listed))
    headline = frame[frame["is_headline"].to_numpy(dtype=bool)]
    return capacity_cutoff(best_of_periods(frame, probabilities), capacity_rows(headline, params))


def capacity_cutoff(probabilities: np.ndarray, wanted: float) -> float:
    """Find the lowest probability that capacity reaches, half-way to the next one, so that float32 does not move it.

    Parameters
    ----------
    probabilities : ndarray of float64
        Of rows that ask for attention as future ones will; at least one.
    wanted : float
        How many of them sales can work, as `capacity_rows` counts them.

    Returns
    -------
    float
        In [0, 1]; 0 where sales can work all of them. Rows with equal probability are all within capacity or all beyond.

    Examples
    --------
    >>> round(capacity_cutoff(np.array([0.1, 0.4, 0.2]), 1), 3), capacity_cutoff(np.array([0.1, 0.4]), 2)
    (0.3, 0.0)
    """
    ranked = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    edge = ranked[min(max(int(np.ceil(wanted)) - 1, 0), len(ranked) - 1)]
    below = ranked[ranked < edge]
    return float((edge + below[0]) / 2.0) if len(below) else 0.0


def best_of_periods(frame: pd.DataFrame, probabilities: np.ndarray) -> np.ndarray:
    """Give, for each risk period that begins among the rows, the highest probability that it reaches.

    So often would sales be handed a lead that is worked as soon as it reaches a cut-off: once per period, whether at its first
    row or later.

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at, is_headline: the first row of a risk period, which lasts until the lead's next one.
    probabilities : ndarray of float64
        One per row.

    Returns
    -------
    ndarray of float64, one per headline row, in their order

    Examples
    --------
    >>> at = pd.date_range("2026-01-05", periods=4, freq="7D", tz="UTC")
    >>> rows = pd.DataFrame({"lead_id": "L", "snapshot_at": at, "is_headline": [False, True, False, True]})
    >>> best_of_periods(rows, np.array([0.9, 0.2, 0.4, 0.1])).tolist()
    [0.4, 0.1]
    """
    leads = pd.factorize(frame["lead_id"])[0]
    headline = frame["is_headline"].to_numpy(dtype=bool)
    order = np.lexsort((micros(frame["snapshot_at"]), leads))
    starts = np.flatnonzero(headline[order] | np.append(True, leads[order][1:] != leads[order][:-1]))
    best = np.empty(len(frame))
    best[order[starts]] = np.maximum.reduceat(np.asarray(probabilities, dtype=np.float64)[order], starts)
    return np.asarray(best[headline])
