"""Where time may be cut: moments in microseconds, whole UTC days, and cuts that leave the wanted shares of rows."""

import datetime as dt

import numpy as np
import pandas as pd

from features.errors import DataError

__all__ = ["DAY_US", "NEVER", "ceil_day", "floor_day", "inner_cuts", "known", "micros", "midnight", "outer_cut"]

DAY_US = 86_400_000_000
NEVER = int(np.iinfo(np.int64).max)


def known(at: np.ndarray, start: int, gap: int) -> np.ndarray:
    """Tell which snapshots lie before `start` and have a label that is known by then, `gap` microseconds later."""
    return np.asarray((at < start) & (at <= start - gap))


def micros(times: pd.Series) -> np.ndarray:
    """Convert moments (datetime64 with a time zone) to int64 microseconds since 1970; raise DataError for naive ones."""
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        raise DataError(f"snapshot_at is {times.dtype}, not datetime64 in UTC. Convert it with a time zone first")
    return np.asarray(times.dt.tz_convert("UTC").dt.as_unit("us").astype("int64"), dtype=np.int64)


def midnight(date: dt.date) -> int:
    """Convert a date to the microsecond at which it begins, in UTC."""
    return (date - dt.date(1970, 1, 1)).days * DAY_US


def floor_day(moment: int, real: bool) -> int:
    """Round down to the start of the UTC day; an ordinal clock has no days and keeps the moment."""
    return moment // DAY_US * DAY_US if real else moment


def ceil_day(moment: int, real: bool) -> int:
    """Round up to the start of a UTC day; an ordinal clock has no days and keeps the moment."""
    return -(-moment // DAY_US) * DAY_US if real else moment


def outer_cut(moments: np.ndarray, share: float, real: bool) -> int:
    """Find the start of the test: of the two midnights around the wanted row, the one nearer to the wanted share."""
    wanted = len(moments) * share
    pick = int(moments[min(round(len(moments) - wanted), len(moments) - 1)])
    if not real:
        return pick
    midnights = [floor_day(pick, real), floor_day(pick, real) + DAY_US]
    return min(midnights, key=lambda cut: abs(len(moments) - int(np.searchsorted(moments, cut)) - wanted))


def inner_cuts(
    moments: np.ndarray, test: int, gap: int, stopping_share: float, calibration_share: float, real: bool
) -> tuple[int, int]:
    """Place the starts of early stopping and calibration so that what the purge leaves has the wanted shares.

    `moments` are the sorted headline moments before the test. The number of rows that remain depends on the cuts and the
    cuts on that number; the larger the slices, the smaller what is left for training, so bisection finds it.
    """

    def start(end: int, rows: int) -> int:
        before = moments[known(moments, end, gap)]
        return floor_day(int(before[max(len(before) - rows, 0)]), real) if rows and len(before) else end

    def cuts(kept: int) -> tuple[int, int, int]:
        calibration = start(test, round(calibration_share * kept))
        stopping = start(calibration, round(stopping_share * kept))
        return stopping, calibration, int(known(moments, stopping, gap).sum())

    train_share = 1.0 - stopping_share - calibration_share
    low, high = 0, len(moments)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cuts(middle)[2] >= train_share * middle else (low, middle - 1)
    return cuts(max(low, 1))[:2]
