"""A time zone as a table of its offsets from UTC, from the pinned `tzdata`, so that every machine has the same one."""

import datetime as dt
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import numpy as np

__all__ = ["FIRST_YEAR", "LAST_YEAR", "offsets"]

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Before and after these years the nearest offset goes on."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@lru_cache(maxsize=16)
def offsets(time_zone: str) -> tuple[np.ndarray, np.ndarray]:
    """List when a zone's offset changes.

    Parameters
    ----------
    time_zone : str
        Name in the IANA database.

    Returns
    -------
    changes_at : ndarray of int64
        UTC microseconds, rising; the first is the start of `FIRST_YEAR`.
    offset : ndarray of int64
        Microseconds to add to UTC from then on.

    Examples
    --------
    >>> changes_at, offset = offsets("Europe/Berlin")
    >>> noon_in_july = 1_784_980_800 * 1_000_000
    >>> int(offset[np.searchsorted(changes_at, noon_in_july, side="right") - 1]) // 3_600_000_000
    2
    """
    with resources.files("tzdata").joinpath("zoneinfo", *time_zone.split("/")).open("rb") as file:
        zone = ZoneInfo.from_file(file)

    def offset_at(second: int) -> int:
        shift = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
        return 0 if shift is None else round(shift.total_seconds())

    day = 86_400
    first = (dt.datetime(FIRST_YEAR, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * day
    last = (dt.datetime(LAST_YEAR + 1, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * day
    changes, values = [first], [offset_at(first)]
    for begin in range(first, last, 7 * day):
        low, high, target = begin, begin + 7 * day, offset_at(begin + 7 * day)
        if target == values[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_at(middle) == values[-1] else (low, middle)
        changes.append(high)
        values.append(target)
    micro = 1_000_000
    return np.array(changes, dtype=np.int64) * micro, np.array(values, dtype=np.int64) * micro
