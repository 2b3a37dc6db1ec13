"""How good answers were that leads really got: by month, from those whose outcome is known by now, with intervals."""

from typing import Any

import numpy as np
import pandas as pd

from features.errors import DataError
from models.params import EvaluateParams, MonitorParams
from models.quality.bootstrap import interval, resample_weights
from models.quality.metrics import evaluate

__all__ = ["COLUMNS", "calibration_ratio", "live_quality", "months_of", "quality_by_month"]

COLUMNS = ("snapshot_at", "group", "probability", "label", "matured")
ONE_CLASS = ("auc", "average_precision", "lift_at_capacity", "precision_at_capacity")


def months_of(snapshot_at: pd.Series) -> pd.Series:
    """Give each moment its calendar month in UTC, as text that sorts, such as 2026-03."""
    return pd.Series(snapshot_at.dt.strftime("%Y-%m"))


def calibration_ratio(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, resamples: int, seed: int
) -> dict[str, float | None]:
    """Divide the observed rate by the mean probability, with a 95 % interval over groups; 1 is calibrated on the whole.

    Above 1 more happened than the model said. It has no unit, so one limit suits rates of 5 % and of 50 %.

    Examples
    --------
    >>> calibration_ratio(np.array([1, 0, 0, 1]), np.full(4, 0.25), np.arange(4), 50, 1)["value"]
    2.0
    """
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    drawn = [block @ y / (block @ p) for block in resample_weights(groups, np.ones(len(y)), resamples, seed)]
    return interval(float(y.sum() / p.sum()), np.concatenate(drawn))


def live_quality(frame: pd.DataFrame, capacity_share: float, params: MonitorParams) -> dict[str, Any]:
    """Measure the answers for one set of leads; only matured rows count.

    A label is known when its whole window has passed, for positives and negatives alike. Early positives of a window that is
    still open would count without the negatives beside them, so they don't: what is measured of a young month are the leads of
    its first days, and `known` says how many these are.

    Parameters
    ----------
    frame : DataFrame
        Columns as `COLUMNS`: one row per lead and risk period; label is missing where immature.
    capacity_share : float
        Part of the rows that sales can work, in (0, 1].
    params : MonitorParams
        Resamples and seed.

    Returns
    -------
    dict
        rows, matured, known (matured over rows), positives, mean_probability and observed (of matured rows), and as value, low,
        high: ratio (observed over mean probability), ece, auc, lift_at_capacity; None where nothing can be said.
    """
    _check(frame)
    matured = frame[frame["matured"].to_numpy(dtype=bool)]
    labels = matured["label"].to_numpy(dtype=np.float64)
    probability = matured["probability"].to_numpy(dtype=np.float64)
    quality: dict[str, Any] = {
        "rows": len(frame),
        "matured": len(matured),
        "known": len(matured) / len(frame) if len(frame) else None,
        "positives": int(labels.sum()),
        "mean_probability": float(probability.mean()) if len(matured) else None,
        "observed": float(labels.mean()) if len(matured) else None,
        **dict.fromkeys(("ratio", "ece", "auc", "lift_at_capacity")),
    }
    if not len(matured):
        return quality
    groups = matured["group"].to_numpy()
    capacity = min(max(round(capacity_share * len(matured)), 1), len(matured))
    settings = EvaluateParams(bootstrap=params.bootstrap, seed=params.seed)
    measured = evaluate(labels, probability, groups, None, capacity, settings)
    quality["ratio"] = calibration_ratio(labels, probability, groups, params.bootstrap, params.seed)
    both = 0 < quality["positives"] < len(matured)
    return quality | {
        name: measured[name] for name in ("ece", "auc", "lift_at_capacity") if both or name not in ONE_CLASS
    }


def quality_by_month(frame: pd.DataFrame, capacity_share: float, params: MonitorParams) -> list[dict[str, Any]]:
    """Measure each calendar month (UTC) of snapshots, oldest first; as `live_quality`, with `month`."""
    _check(frame)
    month = months_of(frame["snapshot_at"])
    return [
        {"month": name, **live_quality(frame[(month == name).to_numpy()], capacity_share, params)}
        for name in sorted(month.unique())
    ]


def _check(frame: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise DataError(f"live quality: column(s) {', '.join(missing)} missing. Hand in {', '.join(COLUMNS)}.")
