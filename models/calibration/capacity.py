"""What sales can work: how many rows, and the probability down to which that reaches.

Metrics at capacity (precision, lift, fairness) rank the rows of a test: how good are the best n? Whether one lead is within
capacity is another question, which `models.answers.decision` answers by the cut-off, whoever else is there.
"""

import numpy as np
import pandas as pd

from models.params import CapacityParams

__all__ = ["capacity_cutoff", "capacity_rows"]

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


def capacity_cutoff(probabilities: np.ndarray, rows: int) -> float:
    """Find the lowest probability that capacity reaches, half-way to the next one, so that float32 does not move it.

    Parameters
    ----------
    probabilities : ndarray of float64
        Of rows that ask for attention as future ones will; at least one.
    rows : int
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
    below = ranked[ranked < ranked[min(rows, len(ranked)) - 1]]
    return float((ranked[min(rows, len(ranked)) - 1] + below[0]) / 2.0) if len(below) else 0.0
