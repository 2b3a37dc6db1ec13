"""A journey feature's value in words."""

import math

from features.wording.counted import COUNTED, counted_text
from features.wording.measured import MEASURED, UNMEASURED, likeness_text, measured_text
from features.wording.units import ago_words, check_language, day_words, number, window_words

__all__ = ["journey_text"]


def journey_text(
    operation: str,
    selector: str,
    label: str,
    days: int,
    seen_days: int,
    value: float,
    language: str,
    other: str = "",
    did: str = "",
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
    other : str
        What the second selector of `days_before` picks.
    did : str
        What a lead did that the selector picks, such as "opened the pricing page"; empty: the label says it.

    Examples
    --------
    >>> journey_text("count", "pricing", "views of the pricing page", 7, 365, 3.0, "en", did="opened the pricing page")
    'opened the pricing page 3 times in the last 7 days'
    >>> journey_text("count", "pricing", "Aufrufe der Preisseite", 7, 365, 0.0, "de", did="die Preisseite geöffnet")
    'hat in den letzten 7 Tagen kein Mal die Preisseite geöffnet'
    >>> journey_text("count", "pricing", "views of the pricing page", 7, 365, 3.0, "en")
    '3 views of the pricing page in the last 7 days'
    >>> journey_text("days_since_last", "pricing", "Aufrufe der Preisseite", 0, 365, 4.2, "de")
    'Aufrufe der Preisseite: zuletzt vor 4 Tagen'
    """
    check_language(language)
    if operation in ("days_since_last", "days_since_first"):
        return _since(operation, selector, label, seen_days, value, language, did)
    if operation == "days_before":
        return _before(label, other, seen_days, value, language)
    if operation in MEASURED and (value == value or operation in UNMEASURED):
        return measured_text(operation, selector, label, days, value, language)
    if math.isnan(value):
        if operation in UNMEASURED:
            return measured_text(operation, selector, label, days, value, language)
        return _none(label, days, language, did)
    if operation == "decayed_count":
        return _lately(label, days, value, language) if value else _none(label, seen_days, language, did)
    if operation.endswith("_likeness"):
        return likeness_text(operation, label, days, value, language)
    if operation == "count" and did and value == int(value):
        return _times(did, days, int(value), language)
    if operation == "distinct_assets" and selector == "orders":
        operation = "distinct_products"
    if value == 0 and not COUNTED[operation][language][0]:
        return _none(label, days, language, did)
    return counted_text(operation, label, days, value, language)


_OFTEN = {1: "once", 2: "twice"}


def _times(did: str, days: int, count: int, language: str) -> str:
    if not count:
        return _none("", days, language, did)
    often = number(count, language)
    if language == "en":
        return f"{did} {_OFTEN.get(count, f'{often} times')} {window_words(days, language)}"
    return f"hat {window_words(days, language)} {often}-mal {did}"


def _none(label: str, days: int, language: str, did: str = "") -> str:
    span = window_words(days, language)
    if did:
        return f"has not {did} {span}" if language == "en" else f"hat {span} kein Mal {did}"
    return f"no {label} {span}" if language == "en" else f"{label} {span}: keine"


def _since(operation: str, selector: str, label: str, seen_days: int, value: float, language: str, did: str) -> str:
    if selector == "created":
        return _created(seen_days, value, language)
    if math.isnan(value):
        return _none(label, seen_days, language, did)
    last, ago = operation == "days_since_last", ago_words(value, language)
    if did and language == "en":
        return f"{'last' if last else 'first'} {did} {ago}"
    if did:
        return f"hat {'zuletzt' if last else 'zum ersten Mal'} {ago} {did}"
    words = {"en": ("the first", "the latest"), "de": ("zuerst", "zuletzt")}
    return f"{label}: {words[language][last]} {ago}"


def _created(seen_days: int, value: float, language: str) -> str:
    if math.isnan(value):
        days = number(seen_days, language)
        if language == "en":
            return f"lead created more than {days} days ago, or not known when"
        return f"Lead vor mehr als {days} Tagen oder zu unbekannter Zeit angelegt"
    ago = ago_words(value, language)
    return f"lead created {ago}" if language == "en" else f"Lead {ago} angelegt"


def _lately(label: str, days: int, value: float, language: str) -> str:
    size = number(value, language)
    if language == "en":
        return f"about {size} recent {label}, those {'1 day' if days == 1 else f'{days} days'} old counting half"
    old = "1 Tag" if days == 1 else f"{days} Tage"
    return f"{label} in letzter Zeit: etwa {size}, {old} alte zählen halb"


def _before(label: str, other: str, seen_days: int, value: float, language: str) -> str:
    english = language == "en"
    if math.isnan(value):
        both = f"{label} and {other}: not both" if english else f"{label} und {other}: nicht beides"
        return f"{both} {window_words(seen_days, language)}"
    if value == 0:
        both = f"{label} and {other}" if english else f"{label} und {other}"
        return f"{both} first at the same time" if english else f"{both} zuerst zur gleichen Zeit"
    gap = day_words(abs(value), language)
    if english:
        return f"{label} first {gap} {'before' if value > 0 else 'after'} {other}"
    return f"{label} zuerst {gap} {'vor' if value > 0 else 'nach'} dem ersten Mal: {other}"
