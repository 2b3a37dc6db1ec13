"""Operations that measure rather than count: rhythm, path, likeness, value."""

from collections.abc import Callable

from features.wording.units import ago_words, day_words, number, percent, window_words

__all__ = ["FALLING", "MEASURED", "RISING", "UNMEASURED", "likeness_text", "measured_text"]

_LEVELS = {
    "en": ("of no known depth", "a first look", "weighing up", "deciding"),
    "de": ("ohne bekannte Tiefe", "Orientierung", "Abwägung", "Entscheidung"),
}
RISING, FALLING = 0.55, 0.45
"""From where on a trend counts as one; 0.5 is steady."""

MANY_DAYS = 10

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


def _trend(label: str, days: int, value: float, language: str) -> str:
    # a quarter of a window of many days needs no decimals
    recent, before = (round(part) if part >= MANY_DAYS else part for part in (days / 4, 3 * days / 4))
    lately, rest = window_words(recent, language), number(before, language)
    if language == "en":
        how = "more often" if value > RISING else "less often" if value < FALLING else "as often"
        return f"{label}: {how} {lately} {'as' if how == 'as often' else 'than'} in the {rest} days before"
    how = "häufiger als" if value > RISING else "seltener als" if value < FALLING else "so oft wie"
    return f"{label}: {lately} {how} in den {rest} Tagen davor"


def _acceleration(label: str, days: int, value: float, language: str) -> str:
    span, size = number(days, language), number(abs(value), language)
    if language == "en":
        what = f"{size} {'more' if value > 0 else 'fewer'} a day" if value else "as many"
        return f"{label}: {what} in the second half of the last {span} days"
    what = f"{size} {'mehr' if value > 0 else 'weniger'} pro Tag" if value else "gleich viele"
    return f"{label}: {what} in der zweiten Hälfte der letzten {span} Tage"


def _content(label: str, days: int, value: float, language: str) -> str:
    deepest = {"en": "deepest content", "de": "tiefster Inhalt"}[language]
    return f"{label}: {deepest} {_LEVELS[language][int(value)]} {window_words(days, language)}"


_Measured = Callable[[str, int, float, str], str]


def _pair(english: str, german: str, show: Callable[[float, str], str]) -> _Measured:
    def say(label: str, days: int, value: float, language: str) -> str:
        text = english if language == "en" else german
        return text.format(label=label, window=window_words(days, language), n=show(value, language))

    return say


MEASURED: dict[str, _Measured] = {
    "sum_value": _pair("{label}, total value {window}: {n}", "{label}, Gesamtwert {window}: {n}", number),
    "mean_gap": _pair(
        "{label}: {n} between visits on average {window}",
        "{label}: im Schnitt {n} zwischen Besuchen {window}",
        day_words,
    ),
    "gap_ratio": _pair(
        "{label}: the latest {n} times as long ago as usual between visits",
        "{label}: zuletzt vor dem {n}-Fachen des üblichen Abstands",
        number,
    ),
    "longest_gap": _pair("{label}: longest gap {n} {window}", "{label}: längste Lücke {n} {window}", day_words),
    "days_since_return": _pair(
        "{label}: returned after a long pause {n}", "{label}: Rückkehr nach langer Pause {n}", ago_words
    ),
    "trend": _trend,
    "acceleration": _acceleration,
    "working_hours_share": _pair(
        "{label}: {n} in working hours {window}", "{label}: {n} in der Arbeitszeit {window}", percent
    ),
    "weekend_share": _pair("{label}: {n} at weekends {window}", "{label}: {n} am Wochenende {window}", percent),
    "deepest_content": _content,
    "mean_content": _pair(
        "{label}: mean depth of content {n} of 3 {window}",
        "{label}: mittlere Tiefe der Inhalte {n} von 3 {window}",
        number,
    ),
    "progress": _pair(
        "{n} of what buyers typically do is done", "{n} dessen, was Käufer üblicherweise tun, ist getan", percent
    ),
}
_ORDERS_NOT_VISITS = {"en": ("visits", "orders"), "de": ("Besuche", "Bestellungen")}
# what is said where there is nothing to measure; others: none of them
UNMEASURED = {
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


def measured_text(operation: str, selector: str, label: str, days: int, value: float, language: str) -> str:
    """Say what was measured; NaN: nothing to measure, for operations in `UNMEASURED`."""
    if value != value:
        text = UNMEASURED[operation][language == "de"].format(label=label, window=window_words(days, language))
    else:
        text = MEASURED[operation](label, days, value, language)
    # an account's orders have no visits: each stands for itself
    return text.replace(*_ORDERS_NOT_VISITS[language]) if selector == "orders" else text


def likeness_text(operation: str, label: str, days: int, value: float, language: str) -> str:
    """Say whether the order, the mix or the pace is more like that of journeys that ended well."""
    compared = _LIKENESS[operation.removeprefix("mean_").removesuffix("_likeness")][language]
    says = _LIKE[language][0 if value > 0 else 2 if value < 0 else 1]
    return f"{label}, {compared} {window_words(days, language)}: {says}"
