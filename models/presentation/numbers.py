"""Numbers, shares, intervals, days and months, as a language writes them (Unicode CLDR, by Babel)."""

import datetime as dt
from collections.abc import Mapping

from features.wording.numbers import MISSING, number, percent

__all__ = ["MISSING", "bounds", "date", "interval", "moment", "month", "number", "percent", "points"]


def points(difference: float | None, language: str, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, with its sign and without a unit.

    Examples
    --------
    >>> points(0.0981, "de"), points(-0.02, "en"), points(None, "en")
    ('+9,8', '-2.0', '–')
    """
    if difference is None or difference != difference:
        return MISSING
    text = number(100.0 * difference, digits, language)
    return text if text.startswith("-") else f"+{text}"


def bounds(low: float | None, high: float | None, digits: int, language: str) -> str:
    """Write the two ends of an interval; empty without them.

    Examples
    --------
    >>> bounds(0.25, 0.5, 2, "de"), bounds(-0.5, 0.5, 1, "en"), bounds(None, None, 2, "en")
    ('0,25–0,50', '-0.5 – 0.5', '')
    """
    if low is None or high is None:
        return ""
    dash = "–" if low >= 0 else " – "
    return f"{number(low, digits, language)}{dash}{number(high, digits, language)}"


def interval(metric: Mapping[str, float | None] | None, digits: int, language: str) -> str:
    """Write the ends of a metric with ``low`` and ``high``; empty without them."""
    return "" if metric is None else bounds(metric["low"], metric["high"], digits, language)


def date(value: str | dt.date | dt.datetime | None, language: str) -> str:
    """Write a day; of a moment, its day in the time zone that it carries.

    Parameters
    ----------
    value : str or date or datetime, optional
        Text is ISO 8601. Missing: a dash.

    Examples
    --------
    >>> date("2025-03-09T10:00:00+00:00", "en"), date("2025-03-09", "de"), date(None, "de")
    ('Mar 9, 2025', '09.03.2025', '–')
    """
    from babel.dates import format_date  # on first use, as in `features.wording.numbers`

    return MISSING if not value else format_date(_read(value), format="medium", locale=language)


def month(value: str | dt.date | None, language: str) -> str:
    """Write a month of a year.

    Examples
    --------
    >>> month("2026-03", "en"), month(dt.date(2026, 3, 1), "de")
    ('Mar 2026', 'März 2026')
    """
    from babel.dates import format_skeleton

    if not value:
        return MISSING
    first = _read(f"{value}-01") if isinstance(value, str) and len(value) == 7 else _read(value)
    return str(format_skeleton("yMMM", first, locale=language))


def moment(value: str | dt.datetime | None, language: str, zone: dt.tzinfo = dt.UTC) -> str:
    """Write a day and a time of day to the minute, in a time zone.

    Parameters
    ----------
    value : str or datetime, optional
        With a time zone. Missing: a dash.
    zone : tzinfo
        That the reader lives in.

    Examples
    --------
    >>> moment("2025-03-09T22:05:00+00:00", "de"), moment("2025-03-09T22:05:00+00:00", "en").replace(chr(0x202f), " ")
    ('09.03.2025, 22:05', 'Mar 9, 2025, 10:05 PM')
    """
    from babel.dates import format_datetime

    if not value:
        return MISSING
    at = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if at.tzinfo is None:
        raise ValueError(f"moment {at.isoformat()} has no time zone. Hand in one that has.")
    short = format_datetime(at.astimezone(zone), format="short", locale=language)
    time_of_day = short.rpartition(", ")[2]
    return f"{date(at.astimezone(zone), language)}, {time_of_day}"


def _read(value: str | dt.date | dt.datetime) -> dt.date:
    return dt.datetime.fromisoformat(value) if isinstance(value, str) else value
