"""Points of the curves behind the plots: ROC, precision-recall, gain and lift, reliability. At most 200 points each."""

import numpy as np
import pandas as pd

from models.quality.bootstrap import check_rows
from models.quality.metric_kernels import mass_bins

__all__ = ["MAX_POINTS", "gain_points", "pr_points", "reliability_points", "roc_points"]

MAX_POINTS = 200


def _ends(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum weight and positives from the best score down; one entry per distinct score, thinned evenly in weight."""
    y, s, w = check_rows(labels, scores, weights)
    order = np.argsort(-s, kind="stable")
    ranked = s[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    mass, hits = np.cumsum(w[order])[ends], np.cumsum((w * y)[order])[ends]
    if len(ends) > MAX_POINTS - 1:
        wanted = np.linspace(0.0, mass[-1], MAX_POINTS)[1:-1]
        keep = np.unique(np.append(np.searchsorted(mass, wanted), len(mass) - 1))
        mass, hits, ends = mass[keep], hits[keep], ends[keep]
    return mass, hits, ranked[ends]


def _ratio(part: np.ndarray, whole: float) -> np.ndarray:
    return part / whole if whole else np.zeros_like(part)


def roc_points(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Make the ROC curve; one row per point, from (0, 0) to (1, 1).

    Returns
    -------
    DataFrame
        false_positive_rate, true_positive_rate, both in [0, 1].

    Examples
    --------
    >>> roc_points(np.array([1, 0]), np.array([0.9, 0.1])).to_numpy().tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    mass, hits, _ = _ends(labels, scores, weights)
    misses = mass - hits
    return pd.DataFrame(
        {
            "false_positive_rate": np.append(0.0, _ratio(misses, float(misses[-1]))),
            "true_positive_rate": np.append(0.0, _ratio(hits, float(hits[-1]))),
        }
    )


def pr_points(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Make the precision-recall curve; one row per point, best scores first.

    Returns
    -------
    DataFrame
        recall, precision, both in [0, 1].
    """
    mass, hits, _ = _ends(labels, scores, weights)
    return pd.DataFrame({"recall": _ratio(hits, float(hits[-1])), "precision": hits / mass})


def gain_points(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Make the gain and lift curves; one row per point, best scores first.

    Returns
    -------
    DataFrame
        share (of the rows worked, in (0, 1]), gain (share of the positives found), lift (gain / share).
    """
    mass, hits, _ = _ends(labels, scores, weights)
    share, gain = mass / mass[-1], _ratio(hits, float(hits[-1]))
    return pd.DataFrame({"share": share, "gain": gain, "lift": gain / share})


def reliability_points(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None, bins: int = 10
) -> pd.DataFrame:
    """Compare probabilities with what happened; one row per equal-mass bin that has rows.

    Returns
    -------
    DataFrame
        probability (mean), observed (rate), low and high (95 % Wilson interval of the rate, on the summed weights), rows.
    """
    y, p, w = check_rows(labels, probabilities, weights)
    member = mass_bins(p, w, bins)
    mass, rows = np.bincount(member, weights=w, minlength=bins), np.bincount(member, minlength=bins)
    hits, total = (np.bincount(member, weights=w * x, minlength=bins) for x in (y, p))
    used = rows > 0
    mass, rows, hits, total = mass[used], rows[used], hits[used], total[used]
    rate, z2 = hits / mass, 1.959963984540054**2
    centre = (rate + z2 / (2 * mass)) / (1 + z2 / mass)
    half = np.sqrt(z2 * (rate * (1 - rate) / mass + z2 / (4 * mass**2))) / (1 + z2 / mass)
    return pd.DataFrame(
        {
            "probability": total / mass,
            "observed": rate,
            "low": np.clip(centre - half, 0.0, 1.0),
            "high": np.clip(centre + half, 0.0, 1.0),
            "rows": rows,
        }
    )
