"""Columns of moments as whole microseconds, and back."""

import numpy as np
import pandas as pd

__all__ = ["from_micros", "micros"]


def micros(times: pd.Series, missing: float | None = None) -> np.ndarray:
    """Give moments as UTC microseconds, and `missing` where there is none; None: none is missing."""
    moments = times.astype("datetime64[us, UTC]")
    found = moments.astype("int64").to_numpy()
    return found if missing is None else np.where(moments.isna(), missing, found)


def from_micros(micros: np.ndarray) -> pd.Series:
    """Give microseconds as moments with their zone."""
    return pd.Series(pd.to_datetime(micros, unit="us", utc=True)).astype("datetime64[us, UTC]")
