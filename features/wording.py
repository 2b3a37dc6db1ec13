"""One feature's value in words that a salesperson understands, in English and German; right for any count.

Labels are plural nouns, sometimes with an adjective ("geöffnete Mails"), so a phrase never inflects them: "3 views of the
pricing page", but "views of the pricing page: 1". All sentences of both languages stand in this one file, so that they sound
alike.
"""

import math
from collections.abc import Callable, Sequence

__all__ = ["attribute_text", "category_text", "default_label", "journey_text", "missing_text", "number"]

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


_DAYS = {"en": ("1 day", "{} days"), "de": ("1 Tag", "{} Tage")}


def _days(days: float, language: str) -> str:
    text = number(days, language)
    return _DAYS[language][0] if text == "1" else _DAYS[language][1].format(text)


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


def _half_life(days: int, language: str) -> str:
    if language == "en":
        every = "day" if days == 1 else f"{days} days"
        return f"each weighing half as much after every {every}"
    every = "jedem Tag" if days == 1 else f"jeweils {days} Tagen"
    return f"nach {every} nur noch halb gewichtet"


# (nothing, one, many); {label}, {window} and {n} are filled in. An empty first text: as a count of none.
_COUNTED: dict[str, dict[str, tuple[str, str, str]]] = {
    "count": {
        "en": ("", "{label} {window}: 1", "{n} {label} {window}"),
        "de": ("", "{label} {window}: 1", "{n} {label} {window}"),
    },
    "distinct_days": {
        "en": ("", "{label} on 1 day {window}", "{label} on {n} different days {window}"),
        "de": ("", "{label} an 1 Tag {window}", "{label} an {n} verschiedenen Tagen {window}"),
    },
    "distinct_channels": {
        "en": (
            "{label} through no known channel {window}",
            "{label} through 1 channel {window}",
            "{label} through {n} different channels {window}",
        ),
        "de": (
            "{label} über keinen bekannten Kanal {window}",
            "{label} über 1 Kanal {window}",
            "{label} über {n} verschiedene Kanäle {window}",
        ),
    },
    "distinct_assets": {
        "en": (
            "{label} with no known page or material {window}",
            "{label} with 1 page or material {window}",
            "{label} with {n} different pages and materials {window}",
        ),
        "de": (
            "{label} mit keiner bekannten Seite und keinem bekannten Material {window}",
            "{label} mit 1 Seite oder Material {window}",
            "{label} mit {n} verschiedenen Seiten und Materialien {window}",
        ),
    },
    "visits": {
        "en": ("", "{label} in 1 visit {window}", "{label} in {n} visits {window}"),
        "de": ("", "{label} in 1 Besuch {window}", "{label} in {n} Besuchen {window}"),
    },
    "pauses": {
        "en": (
            "{label}: no long pause {window}",
            "{label}: 1 long pause {window}",
            "{label}: {n} long pauses {window}",
        ),
        "de": (
            "{label}: keine lange Pause {window}",
            "{label}: 1 lange Pause {window}",
            "{label}: {n} lange Pausen {window}",
        ),
    },
    "returns": {
        "en": (
            "{label}: no return after a long pause {window}",
            "{label}: 1 return after a long pause {window}",
            "{label}: {n} returns after long pauses {window}",
        ),
        "de": (
            "{label}: keine Rückkehr nach langer Pause {window}",
            "{label}: 1 Rückkehr nach langer Pause {window}",
            "{label}: {n}-mal Rückkehr nach langer Pause {window}",
        ),
    },
    "busiest_day": {
        "en": ("", "{label}: at most 1 on one day {window}", "{label}: at most {n} on one day {window}"),
        "de": ("", "{label}: höchstens 1 an einem Tag {window}", "{label}: höchstens {n} an einem Tag {window}"),
    },
    "channel_switches": {
        "en": (
            "{label}: no change of channel {window}",
            "{label}: 1 change of channel {window}",
            "{label}: {n} changes of channel {window}",
        ),
        "de": (
            "{label}: kein Wechsel des Kanals {window}",
            "{label}: 1 Wechsel des Kanals {window}",
            "{label}: {n} Wechsel des Kanals {window}",
        ),
    },
    "step_backs": {
        "en": (
            "{label}: no step back from deciding to a first look {window}",
            "{label}: 1 step back from deciding to a first look {window}",
            "{label}: {n} steps back from deciding to a first look {window}",
        ),
        "de": (
            "{label}: kein Rückschritt von Entscheidung zu Orientierung {window}",
            "{label}: 1 Rückschritt von Entscheidung zu Orientierung {window}",
            "{label}: {n} Rückschritte von Entscheidung zu Orientierung {window}",
        ),
    },
    "active_leads": {
        "en": ("", "{label} {window}: from 1 person", "{label} {window}: from {n} people"),
        "de": ("", "{label} {window}: von 1 Person", "{label} {window}: von {n} Personen"),
    },
    "distinct_products": {
        "en": (
            "{label} with no known product {window}",
            "{label} with 1 product {window}",
            "{label} with {n} different products {window}",
        ),
        "de": (
            "{label} ohne bekanntes Produkt {window}",
            "{label} mit 1 Produkt {window}",
            "{label} mit {n} verschiedenen Produkten {window}",
        ),
    },
}

_LEVELS = {
    "en": ("of no known depth", "a first look", "weighing up", "deciding"),
    "de": ("ohne bekannte Tiefe", "Orientierung", "Abwägung", "Entscheidung"),
}
# what a likeness compares, and what it says: for a buyer, nothing, against
_LIKENESS = {
    "transition": {"en": "order of steps", "de": "Reihenfolge der Schritte"},
    "mix": {"en": "mix", "de": "Mischung"},
    "pace": {"en": "pace", "de": "Tempo"},
}
_LIKE = {
    "en": ("more like buyers'", "says nothing of buyers", "less like buyers'"),
    "de": ("eher wie bei Käufern", "sagt nichts über Käufer", "eher nicht wie bei Käufern"),
}


def _percent(share: float, language: str) -> str:
    return f"{100 * share:.0f}%" if language == "en" else f"{100 * share:.0f} %"


def _trend(label: str, days: int, value: float, language: str) -> str:
    recent, before = number(days / 4, language), number(3 * days / 4, language)
    if language == "en":
        how = "more often" if value > 0.55 else "less often" if value < 0.45 else "as often"
        than = "as" if how == "as often" else "than"
        return f"{label}: {how} in the last {recent} days {than} in the {before} days before"
    how = "häufiger als" if value > 0.55 else "seltener als" if value < 0.45 else "so oft wie"
    return f"{label}: in den letzten {recent} Tagen {how} in den {before} Tagen davor"


def _acceleration(label: str, days: int, value: float, language: str) -> str:
    window = _window(days, language)
    size = number(abs(value), language)
    if language == "en":
        what = f"{size} {'more' if value > 0 else 'fewer'} a day" if value else "as many"
        return f"{label}: {what} in the second half {window}"
    what = f"{size} {'mehr' if value > 0 else 'weniger'} pro Tag" if value else "gleich viele"
    return f"{label}: {what} in der zweiten Hälfte {window}"


def _content(label: str, days: int, value: float, language: str) -> str:
    window, level = _window(days, language), _LEVELS[language][int(value)]
    if language == "en":
        return f"{label}: deepest content {level} {window}"
    return f"{label}: tiefster Inhalt {level} {window}"


_Measured = Callable[[str, int, float, str], str]


def _pair(english: str, german: str, show: Callable[[float, str], str]) -> _Measured:
    def say(label: str, days: int, value: float, language: str) -> str:
        text = english if language == "en" else german
        return text.format(label=label, window=_window(days, language), n=show(value, language))

    return say


_MEASURED: dict[str, _Measured] = {
    "sum_value": _pair("{label}, total value {window}: {n}", "{label}, Gesamtwert {window}: {n}", number),
    "mean_gap": _pair(
        "{label}: {n} between visits on average {window}", "{label}: im Schnitt {n} zwischen Besuchen {window}", _days
    ),
    "gap_ratio": _pair(
        "{label}: the latest {n} times as long ago as usual between visits",
        "{label}: zuletzt vor dem {n}-Fachen des üblichen Abstands",
        number,
    ),
    "longest_gap": _pair("{label}: longest gap {n} {window}", "{label}: längste Lücke {n} {window}", _days),
    "days_since_return": _pair(
        "{label}: returned after a long pause {n}", "{label}: Rückkehr nach langer Pause {n}", _ago
    ),
    "trend": _trend,
    "acceleration": _acceleration,
    "working_hours_share": _pair(
        "{label}: {n} in working hours {window}", "{label}: {n} in der Arbeitszeit {window}", _percent
    ),
    "weekend_share": _pair("{label}: {n} at weekends {window}", "{label}: {n} am Wochenende {window}", _percent),
    "deepest_content": _content,
    "mean_content": _pair(
        "{label}: mean depth of content {n} of 3 {window}",
        "{label}: mittlere Tiefe der Inhalte {n} von 3 {window}",
        number,
    ),
    "progress": _pair(
        "{n} of what buyers typically do is done", "{n} dessen, was Käufer üblicherweise tun, ist getan", _percent
    ),
}
# an account's orders have no visits: each stands for itself
_ORDERS_NOT_VISITS = {"en": ("visits", "orders"), "de": ("Besuche", "Bestellungen")}
# what is said where there is nothing to measure; others: none of them
_UNMEASURED = {
    "mean_gap": ("{label}: fewer than two visits {window}", "{label}: weniger als zwei Besuche {window}"),
    "gap_ratio": ("{label}: fewer than two visits {window}", "{label}: weniger als zwei Besuche {window}"),
    "longest_gap": ("{label}: fewer than two {window}", "{label}: weniger als zwei {window}"),
    "days_since_return": (
        "{label}: no return after a long pause {window}",
        "{label}: keine Rückkehr nach langer Pause {window}",
    ),
    "mean_content": ("{label}: no content of known depth {window}", "{label}: kein Inhalt bekannter Tiefe {window}"),
    "mean_pace_likeness": ("{label}: fewer than two {window}", "{label}: weniger als zwei {window}"),
}


def journey_text(
    operation: str, selector: str, label: str, days: int, seen_days: int, value: float, language: str, other: str = ""
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
    if operation in ("days_since_last", "days_since_first"):
        return _since(operation, selector, label, seen_days, value, language)
    if operation == "days_before":
        return _before(label, other, seen_days, value, language)
    if math.isnan(value):
        unmeasured = _UNMEASURED.get(operation)
        if unmeasured is None:
            return _none(label, days, language)
        text = unmeasured[language == "de"].format(label=label, window=_window(days, language))
        return text.replace(*_ORDERS_NOT_VISITS[language]) if selector == "orders" else text
    if operation == "decayed_count":
        if value == 0:
            return _none(label, seen_days, language)
        return f"{label}, {_half_life(days, language)}: {number(value, language)}"
    if operation.endswith("_likeness"):
        return _likeness(operation, label, days, value, language)
    if operation in _MEASURED:
        text = _MEASURED[operation](label, days, value, language)
        return text.replace(*_ORDERS_NOT_VISITS[language]) if selector == "orders" else text
    if operation == "distinct_assets" and selector == "orders":
        operation = "distinct_products"
    nothing, one, many = _COUNTED[operation][language]
    if value == 0 and not nothing:
        return _none(label, days, language)
    phrase = nothing if value == 0 else one if value == 1 else many
    return phrase.format(label=label, window=_window(days, language), n=number(value, language))


def _before(label: str, other: str, seen_days: int, value: float, language: str) -> str:
    english = language == "en"
    if math.isnan(value):
        both = f"{label} and {other}: not both" if english else f"{label} und {other}: nicht beides"
        return f"{both} {_window(seen_days, language)}"
    if value == 0:
        return (
            f"{label} and {other} first at the same time"
            if english
            else f"{label} und {other} zuerst zur gleichen Zeit"
        )
    gap = _days(abs(value), language)
    if english:
        return f"{label} first {gap} {'before' if value > 0 else 'after'} {other}"
    return f"{label} zuerst {gap} {'vor' if value > 0 else 'nach'} dem ersten Mal: {other}"


def _likeness(operation: str, label: str, days: int, value: float, language: str) -> str:
    compared = _LIKENESS[operation.removeprefix("mean_").removesuffix("_likeness")][language]
    says = _LIKE[language][0 if value > 0 else 2 if value < 0 else 1]
    return f"{label}, {compared} {_window(days, language)}: {says}"


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
        return category_text(label, categories, value, language)
    if kind == "boolean":
        words = ("no", "yes") if english else ("nein", "ja")
        return f"{label}: {words[int(value != 0)]}"
    return f"{label}: {number(value, language)}"


def category_text(label: str, categories: Sequence[str], value: float, language: str) -> str:
    """Say which category a code stands for; see `attribute_text`."""
    code = int(value)
    if code < len(categories):
        return f"{label}: {categories[code]}"
    return f"{label}: rare or new" if language == "en" else f"{label}: selten oder neu"


def missing_text(entity: str, value: float, language: str) -> str:
    """Say how many attributes of a lead or account are not known.

    Examples
    --------
    >>> missing_text("account", 2.0, "de")
    'Merkmale des Unternehmens nicht bekannt: 2'
    """
    _check(language)
    whose = {"lead": ("the lead", "des Leads"), "account": ("the account", "des Unternehmens")}[entity]
    if language == "en":
        return f"attributes of {whose[0]} not known: {number(value, language)}"
    return f"Merkmale {whose[1]} nicht bekannt: {number(value, language)}"
