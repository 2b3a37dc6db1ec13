"""One feature's value in words that a salesperson understands, in English and German; right for any count.

Labels are plural nouns, sometimes with an adjective ("geöffnete Mails"), so a phrase never inflects them: "3 views of the
pricing page", but "views of the pricing page: 1".
"""

import math
from collections.abc import Sequence

__all__ = ["attribute_text", "default_label", "journey_text", "number"]

_LANGUAGES = ("en", "de")


def number(value: float, language: str) -> str:
    """Write a number with at most one decimal, separators as the language has them.

    Examples
    --------
    >>> number(1234.56, "en"), number(1234.56, "de"), number(3.0, "de"), number(12345.0, "de")
    ('1,234.6', '1.234,6', '3', '12.345')
    """
    # numbers below 1 keep two digits that mean something
    text = f"{value:,.2g}" if 0 < abs(value) < 1 else f"{value:,.1f}"
    if "e" not in text and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def default_label(name: str) -> str:
    """Turn a selector's or attribute's name into words.

    Examples
    --------
    >>> default_label("pricing_page")
    'pricing page'
    """
    return name.replace("_", " ")


def _check(language: str) -> None:
    if language not in _LANGUAGES:
        raise ValueError(f"language: got {language!r}; allowed are 'en' and 'de'")


def _window(days: int, language: str) -> str:
    if days == 1:
        return "in the last 24 hours" if language == "en" else "in den letzten 24 Stunden"
    return f"in the last {days} days" if language == "en" else f"in den letzten {days} Tagen"


def _none(label: str, days: int, language: str) -> str:
    window = _window(days, language)
    return f"no {label} {window}" if language == "en" else f"{label} {window}: keine"


def _ago(days: float, language: str) -> str:
    whole = int(days)
    if whole == 0:
        return "less than a day ago" if language == "en" else "vor weniger als einem Tag"
    if language == "en":
        return "1 day ago" if whole == 1 else f"{whole:,} days ago"
    return "vor 1 Tag" if whole == 1 else f"vor {number(whole, language)} Tagen"


_DISTINCT = {
    ("distinct_days", "en"): ("on 1 day", "on {} different days"),
    ("distinct_days", "de"): ("an 1 Tag", "an {} verschiedenen Tagen"),
    ("distinct_channels", "en"): ("through 1 channel", "through {} different channels"),
    ("distinct_channels", "de"): ("über 1 Kanal", "über {} verschiedene Kanäle"),
    ("distinct_assets", "en"): ("with 1 page or material", "with {} different pages and materials"),
    ("distinct_assets", "de"): ("mit 1 Seite oder Material", "mit {} verschiedenen Seiten und Materialien"),
}
_NO_DISTINCT = {
    ("distinct_channels", "en"): "through no known channel",
    ("distinct_channels", "de"): "über keinen bekannten Kanal",
    ("distinct_assets", "en"): "with no known page or material",
    ("distinct_assets", "de"): "mit keiner bekannten Seite und keinem bekannten Material",
}


def journey_text(
    operation: str, selector: str, label: str, days: int, seen_days: int, value: float, language: str
) -> str:
    """Say what a journey feature's value means.

    Parameters
    ----------
    operation : str
        As in the catalog.
    selector : str
        The selector's name.
    label : str
        What the selector picks, plural, in the language.
    days : int
        Window, or half-life of a decayed count; ignored by `days_since_*`.
    seen_days : int
        How far back the feature sees at all.
    value : float
        The feature; NaN where there was nothing.
    language : {"en", "de"}
        Of the answer.

    Examples
    --------
    >>> journey_text("count", "pricing", "views of the pricing page", 7, 365, 3.0, "en")
    '3 views of the pricing page in the last 7 days'
    >>> journey_text("count", "pricing", "views of the pricing page", 7, 365, 0.0, "en")
    'no views of the pricing page in the last 7 days'
    >>> journey_text("days_since_last", "pricing", "Aufrufe der Preisseite", 0, 365, 4.2, "de")
    'Aufrufe der Preisseite: zuletzt vor 4 Tagen'
    """
    _check(language)
    english = language == "en"
    if operation in ("days_since_last", "days_since_first"):
        return _since(operation, selector, label, seen_days, value, language)
    if operation == "sum_value":
        amount = number(value, language)
        what = "total value" if english else "Gesamtwert"
        return f"{label}, {what} {_window(days, language)}: {amount}"
    if operation == "decayed_count":
        if value == 0:
            return _none(label, seen_days, language)
        half = _half_life(days, language)
        return f"{label}, {half}: {number(value, language)}"
    if operation in ("distinct_channels", "distinct_assets") and value == 0:
        return f"{label} {_NO_DISTINCT[operation, language]} {_window(days, language)}"
    if value == 0:
        return _none(label, days, language)
    window = _window(days, language)
    if operation == "count":
        return f"{label} {window}: 1" if value == 1 else f"{number(value, language)} {label} {window}"
    one, many = _DISTINCT[operation, language]
    return f"{label} {one if value == 1 else many.format(number(value, language))} {window}"


def _half_life(days: int, language: str) -> str:
    if language == "en":
        every = "day" if days == 1 else f"{days} days"
        return f"each weighing half as much after every {every}"
    every = "jedem Tag" if days == 1 else f"jeweils {days} Tagen"
    return f"nach {every} nur noch halb gewichtet"


def _since(operation: str, selector: str, label: str, seen_days: int, value: float, language: str) -> str:
    if selector == "created":
        if math.isnan(value):
            return (
                f"lead created more than {seen_days} days ago, or not known when"
                if language == "en"
                else f"Lead vor mehr als {number(seen_days, language)} Tagen oder zu unbekannter Zeit angelegt"
            )
        ago = _ago(value, language)
        return f"lead created {ago}" if language == "en" else f"Lead {ago} angelegt"
    if math.isnan(value):
        return _none(label, seen_days, language)
    if operation == "days_since_last":
        which = "the latest" if language == "en" else "zuletzt"
    else:
        which = "the first" if language == "en" else "zuerst"
    return f"{label}: {which} {_ago(value, language)}"


def attribute_text(name: str, kind: str, categories: Sequence[str], value: float, language: str) -> str:
    """Say what an attribute's encoded value means.

    Parameters
    ----------
    name : str
        The attribute.
    kind : {"number", "category", "boolean"}
        Its type.
    categories : sequence of str
        Known values in code order; empty unless the type is category.
    value : float
        As encoded; NaN: not known.
    language : {"en", "de"}
        Of the answer.

    Examples
    --------
    >>> attribute_text("industry", "category", ("energy", "manufacturing"), 1.0, "en")
    'industry: manufacturing'
    >>> attribute_text("industry", "category", ("energy",), float("nan"), "de")
    'industry nicht bekannt'
    """
    _check(language)
    english = language == "en"
    label = default_label(name)
    if math.isnan(value):
        return f"{label} not known" if english else f"{label} nicht bekannt"
    if kind == "category":
        code = int(value)
        if code < len(categories):
            return f"{label}: {categories[code]}"
        return f"{label}: rare or new" if english else f"{label}: selten oder neu"
    if kind == "boolean":
        words = ("no", "yes") if english else ("nein", "ja")
        return f"{label}: {words[int(value != 0)]}"
    return f"{label}: {number(value, language)}"
