"""The lists that a company works from: every lead at risk on a day, each looked at once. What tiers and capacity are cut on."""

import numpy as np
import pandas as pd

from features.timeline import DAY_US
from models.fitting.time_cuts import micros

__all__ = ["best_of_periods", "days_listed"]


def days_listed(frame: pd.DataFrame, *, ordinal: bool) -> np.ndarray:
    """Count on how many days' lists each row stands: it is its lead's newest, and the lead is still at risk.

    A list is made at each midnight (UTC) of the later half of the rows' time: by then leads that became MQLs before the first
    row are there with later rows, and it is the time most like the one to come. Rows weighted by these days are the pooled
    lists. The moment of marketing qualification is not what lists hold: most leads on them became MQLs weeks ago, and nothing
    happened since.

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at (datetime64, UTC), and open_until: the last moment at which the lead is at risk in this row's risk
        period (missing, or no such column: no end is known).
    ordinal : bool
        Times are only an order: there are no days, and every row counts once.

    Returns
    -------
    ndarray of float64, one per row
        Days; 1 for every row where no list holds any, such as in a history of less than two days.

    Examples
    --------
    >>> at = pd.to_datetime(["2026-01-01", "2026-01-08", "2026-01-10", "2026-01-21"], utc=True)
    >>> end = pd.to_datetime(["2026-01-13", "2026-01-13", None, None], utc=True)
    >>> rows = pd.DataFrame({"lead_id": ["L", "L", "M", "N"], "snapshot_at": at, "open_until": end})
    >>> days_listed(rows, ordinal=False).tolist()  # lists of 11 to 21 January
    [0.0, 3.0, 11.0, 1.0]
    """
    every = np.ones(len(frame))
    if ordinal or not len(frame):
        return every
    at = micros(frame["snapshot_at"])
    beyond = int(at.max()) + 1
    until = np.full(len(frame), beyond)
    if "open_until" in frame:
        ends = frame["open_until"].notna().to_numpy()
        if ends.any():
            until[ends] = micros(frame.loc[ends, "open_until"]) + 1  # at its end a lead is still at risk
    leads = pd.factorize(frame["lead_id"])[0]
    order = np.lexsort((at, leads))
    followed = np.append(leads[order][1:] == leads[order][:-1], False)
    until[order] = np.where(followed, np.minimum(until[order], np.append(at[order][1:], beyond)), until[order])
    first = int(at.min()) + (int(at.max()) - int(at.min())) // 2
    midnights = np.arange(-(-first // DAY_US) * DAY_US, beyond, DAY_US)
    days = np.searchsorted(midnights, until, "left") - np.searchsorted(midnights, at, "left")
    counted = np.maximum(days, 0).astype(np.float64)
    return counted if counted.any() else every


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
