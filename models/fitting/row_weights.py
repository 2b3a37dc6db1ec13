"""What training knows of its rows beside their features: whose they are, how much they weigh, how many are positive."""

import numpy as np
import pandas as pd

from models.fitting.splits import FITTED

__all__ = ["row_groups", "sample_rate", "snapshot_weights"]


def row_groups(frame: pd.DataFrame) -> np.ndarray:
    """Name the group whose rows depend on one another: the account, or the lead where there is no account.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id (may be missing).

    Returns
    -------
    ndarray of object, one per row
    """
    account, lead = frame["account_id"].astype(object), frame["lead_id"].astype(object)
    return np.where(account.notna(), "account:" + account.astype(str), "lead:" + lead.astype(str)).astype(object)


def snapshot_weights(frame: pd.DataFrame) -> np.ndarray:
    """Weigh rows so that the many snapshots of one lead do not count as many leads: the k-th weighs 1 / sqrt(k).

    It counts from the lead's last headline row, and so uses only what has passed. A weight of 1 / (number of snapshots)
    would know how long the lead stays open: leads that qualify soon have few snapshots, and would weigh more for it, which
    raises every probability (informative cluster size: Hoffman, Sen and Weinberg, Within-cluster resampling, 2001).

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at, is_headline.

    Returns
    -------
    ndarray of float64, one per row, in (0, 1]

    Examples
    --------
    >>> at = pd.date_range("2026-01-05", periods=4, freq="7D", tz="UTC")
    >>> rows = pd.DataFrame({"lead_id": "L", "snapshot_at": at, "is_headline": [True, False, False, True]})
    >>> snapshot_weights(rows).round(3).tolist()
    [1.0, 0.707, 0.577, 1.0]
    """
    ordered = frame[["lead_id", "is_headline"]].assign(row=np.arange(len(frame)), at=frame["snapshot_at"])
    ordered = ordered.sort_values(["lead_id", "at"], kind="stable")
    since = ordered.groupby("lead_id", sort=False)["is_headline"].cumsum()
    position = ordered.groupby([ordered["lead_id"], since], sort=False).cumcount().to_numpy() + 1.0
    weights = np.empty(len(frame))
    weights[ordered["row"].to_numpy()] = 1.0 / np.sqrt(position)
    return weights


def sample_rate(frame: pd.DataFrame) -> float:
    """Give the share of positives among the headline rows before the test."""
    return float(frame.loc[frame["slice"].isin(FITTED) & frame["is_headline"], "label"].mean())
