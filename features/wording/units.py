"""Numbers, lengths of time and windows in words."""

import datetime as dt

from features.wording.numbers import written

__all__ = [
    "LANGUAGES",
    "ago_words",
    "check_language",
    "day_words",
    "moment_words",
    "number",
    "percent",
    "spoken",
    "window_words",
]

LANGUAGES = ("en", "de")
"""The languages that reasons speak; their grammar is that of this package."""
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


def number(value: float, language: str) -> str:
    """Write a number with at most one decimal, separators as the language has them.

    Examples
    --------
    >>> number(1234.56, "en"), number(1234.56, "de"), number(3.0, "de"), number(0.0231, "de"), number(4.1e-05, "en")
    ('1,234.6', '1.234,6', '3', '0,023', '0')
    """
    # numbers below 1 keep two digits that mean something
    text = f"{value:,.2g}" if 0.001 <= abs(value) < 1 else f"{value:,.1f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return written(text, language)


def spoken(language: str) -> str:
    """Give the language in which reasons speak to a reader: his own, or English where they don't speak it."""
    return language if language in LANGUAGES else "en"


def check_language(language: str) -> None:
    """Refuse what is neither English nor German."""
    if language not in LANGUAGES:
        raise ValueError(f"language: got {language!r}; allowed are 'en' and 'de'")


def window_words(days: float, language: str) -> str:
    """Say how far back a window looks."""
    if days == 1:
        return "in the last 24 hours" if language == "en" else "in den letzten 24 Stunden"
    text = number(days, language)
    return f"in the last {text} days" if language == "en" else f"in den letzten {text} Tagen"


def ago_words(days: float, language: str) -> str:
    """Say how long ago something was, in whole days."""
    whole = int(days)
    if whole == 0:
        return "less than a day ago" if language == "en" else "vor weniger als einem Tag"
    if language == "en":
        return "1 day ago" if whole == 1 else f"{whole:,} days ago"
    return "vor 1 Tag" if whole == 1 else f"vor {number(whole, language)} Tagen"


_DAYS = {"en": ("1 day", "{} days"), "de": ("1 Tag", "{} Tage")}


def day_words(days: float, language: str) -> str:
    """Say how long something took."""
    text = number(days, language)
    return _DAYS[language][0] if text == "1" else _DAYS[language][1].format(text)


def percent(share: float, language: str) -> str:
    """Write a share."""
    return f"{100 * share:.0f}%" if language == "en" else f"{100 * share:.0f} %"


def moment_words(at: dt.datetime, language: str, to_the_minute: bool = False) -> str:
    """Write a day, and where asked for the time of day.

    Examples
    --------
    >>> at = dt.datetime(2026, 3, 2, 9, 5)
    >>> moment_words(at, "en"), moment_words(at, "de", to_the_minute=True)
    ('2 March 2026', '2. März 2026, 09:05 Uhr')
    """
    month = _MONTHS[language].split()[at.month - 1]
    day = f"{at.day} {month} {at.year}" if language == "en" else f"{at.day}. {month} {at.year}"
    if not to_the_minute:
        return day
    return f"{day}, {at:%H:%M}" if language == "en" else f"{day}, {at:%H:%M} Uhr"
