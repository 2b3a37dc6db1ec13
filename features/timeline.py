"""The boundary rule: what a snapshot may see. No other module of `features` decides it.

A touchpoint is visible at a snapshot when

- it happened in ``[snapshot_at - observation_days, snapshot_at)``, and
- our systems knew it before the snapshot: ``recorded_at < snapshot_at``.

A feature's own window is ``[snapshot_at - window_days, snapshot_at)``. Starts are included, ends are not: what happens at the
very moment of the snapshot belongs to the label, and no instant is lost or shared. A day is a period of 24 hours counted
back from the snapshot, except in `distinct_days`, which counts calendar days in UTC. Moments are int64 microseconds since
1970-01-01T00:00Z.

Two things are seen at their very own moment, for a snapshot is taken because of them: a lead's creation, and its becoming MQL
(`seen_at_once`). Else training, which looks at the MQL moment, would not see the MQL that every later call to the service sees.

`before` and `window_start` are compiled into `features.kernels` as they stand here.
"""

import datetime as dt
from typing import Any

import numpy as np

from features.errors import JourneyError

__all__ = [
    "ALWAYS",
    "DAY_US",
    "EARLIEST",
    "LATEST",
    "before",
    "from_micros",
    "seen_at_once",
    "to_micros",
    "visible",
    "window_start",
]

DAY_US = 86_400_000_000
"""Microseconds of 24 hours."""

EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""First and last microsecond of the years 1 to 9999."""

ALWAYS = EARLIEST - 1
"""When something was known that was known from the beginning."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def before(moment: int, bound: int) -> bool:
    """Tell whether a moment lies before a bound; the only comparison of moments there is.

    Examples
    --------
    >>> before(9, 10), before(10, 10)
    (True, False)
    """
    return moment < bound


def window_start(snapshot_at: int, length_us: int) -> int:
    """Give the first moment, included, of a window of `length_us` microseconds that ends at the snapshot, excluded.

    Examples
    --------
    >>> window_start(3 * DAY_US, 2 * DAY_US) == DAY_US
    True
    """
    return snapshot_at - length_us


def visible(occurred_at: int, recorded_at: int, snapshot_at: int, observed_from: int) -> bool:
    """Tell whether a snapshot sees a touchpoint: in ``[observed_from, snapshot_at)``, and recorded before ``snapshot_at``.

    Parameters
    ----------
    occurred_at, recorded_at, snapshot_at : int
        UTC microseconds. A touchpoint without `recorded_at` counts as recorded when it occurred.
    observed_from : int
        First moment seen, included; usually ``window_start(snapshot_at, observation_days * DAY_US)``.

    Examples
    --------
    >>> visible(9, 9, snapshot_at=10, observed_from=5)  # just before the snapshot
    True
    >>> visible(10, 10, snapshot_at=10, observed_from=5)  # at the snapshot: future
    False
    >>> visible(9, 10, snapshot_at=10, observed_from=5)  # happened, but nobody knew yet
    False
    >>> visible(5, 5, snapshot_at=10, observed_from=5)  # at the window's start: included
    True
    """
    return (
        before(occurred_at, snapshot_at) and before(recorded_at, snapshot_at) and not before(occurred_at, observed_from)
    )


def seen_at_once(moment: Any) -> Any:
    """Move the moment of a creation or an MQL one microsecond back, so that a snapshot at that very moment sees it.

    Parameters
    ----------
    moment : int or ndarray of int64
        UTC microseconds. The first microsecond of the year 1 stays.

    Examples
    --------
    >>> bool(before(seen_at_once(10), 10)), bool(before(seen_at_once(10), 9))
    (True, False)
    """
    return np.maximum(moment - 1, EARLIEST)


def to_micros(moment: dt.datetime, field: str = "moment") -> int:
    """Convert an aware datetime to UTC microseconds, exactly.

    Parameters
    ----------
    moment : datetime
        With a time zone; any.
    field : str
        How to call it in the message.

    Raises
    ------
    JourneyError
        If the datetime has no time zone.

    Examples
    --------
    >>> to_micros(dt.datetime(1970, 1, 2, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))) == DAY_US
    True
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise JourneyError(
            f"{field} has no time zone: {moment.isoformat()!r}. Send an offset, e.g. '{moment.isoformat()}+01:00'.",
            field=field,
            hint="Send an offset, such as +01:00 or Z.",
        )
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> dt.datetime:
    """Convert UTC microseconds to an aware datetime in UTC.

    Examples
    --------
    >>> from_micros(DAY_US).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return _EPOCH + dt.timedelta(microseconds=int(micros))
