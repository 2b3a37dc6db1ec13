"""Operations that count: what is said of none, of one, of many."""

from features.wording.units import number, window_words

__all__ = ["COUNTED", "counted_text"]

# (nothing, one, many); {label}, {window} and {n} are filled in. An empty first text: as a count of none.
COUNTED: dict[str, dict[str, tuple[str, str, str]]] = {
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


def counted_text(operation: str, label: str, days: int, value: float, language: str) -> str:
    """Say how many there were; empty where there is nothing to say but that there were none."""
    nothing, one, many = COUNTED[operation][language]
    phrase = nothing if value == 0 else one if value == 1 else many
    return phrase.format(label=label, window=window_words(days, language), n=number(value, language))
