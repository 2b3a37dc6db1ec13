"""How much a lead did, and how long ago."""

from features.operations.operation import NEUTRAL, Operation, Polarity
from features.wording.phrases import FeatureValue, Forms, Pair, counted, measured, nothing
from features.wording.units import ago_words, number

__all__ = ["OPERATIONS"]

_NAN = float("nan")
_LATELY_DAYS, _LONG_AGO_DAYS = 7.0, 28.0
_OFTEN = {1: "once", 2: "twice"}

_counted = counted(
    en=Forms("", "{label} {window}: 1", "{n} {label} {window}"),
    de=Forms("", "{label} {window}: 1", "{n} {label} {window}"),
)
_assets = counted(
    en=Forms(
        "{label} with no known page or material {window}",
        "{label} with 1 page or material {window}",
        "{label} with {n} different pages and materials {window}",
    ),
    de=Forms(
        "{label} mit keiner bekannten Seite und keinem bekannten Material {window}",
        "{label} mit 1 Seite oder Material {window}",
        "{label} mit {n} verschiedenen Seiten und Materialien {window}",
    ),
)
_products = counted(
    en=Forms(
        "{label} with no known product {window}",
        "{label} with 1 product {window}",
        "{label} with {n} different products {window}",
    ),
    de=Forms(
        "{label} ohne bekanntes Produkt {window}",
        "{label} mit 1 Produkt {window}",
        "{label} mit {n} verschiedenen Produkten {window}",
    ),
)


def _times(feature: FeatureValue) -> str:
    if feature.is_missing or not feature.did or feature.value != int(feature.value):
        return _counted(feature)
    if not feature.value:
        return nothing(feature)
    often = number(feature.value, feature.language)
    if feature.language == "en":
        return f"{feature.did} {_OFTEN.get(int(feature.value), f'{often} times')} {feature.window}"
    return f"hat {feature.window} {often}-mal {feature.did}"


_HARDLY_ANY = 0.05
"""A decayed count below it says no more than that all is long ago."""


def _recently(feature: FeatureValue) -> str:
    if not feature.value or feature.is_missing:
        return nothing(feature, None if feature.is_missing else feature.seen_days)
    size, days, few = number(feature.value, feature.language), feature.days, feature.value < _HARDLY_ANY
    if feature.language == "en":
        old = "1 day" if days == 1 else f"{days} days"
        return f"{'hardly any' if few else f'about {size}'} recent {feature.label}, those {old} old counting half"
    old = "1 Tag" if days == 1 else f"{days} Tage"
    return f"{feature.label} in letzter Zeit: {'fast keine' if few else f'etwa {size}'}, {old} alte zählen halb"


def _since_last(feature: FeatureValue) -> str:
    if feature.selector == "created":
        return _created(feature)
    return _since(feature, did=Pair("last", "zuletzt"), label=Pair("the latest", "zuletzt"))


def _since_first(feature: FeatureValue) -> str:
    if feature.selector == "created":
        return _created(feature)
    return _since(feature, did=Pair("first", "zum ersten Mal"), label=Pair("the first", "zuerst"))


def _since(feature: FeatureValue, did: Pair, label: Pair) -> str:
    language = feature.language
    if feature.is_missing:
        return nothing(feature, feature.seen_days)
    ago = ago_words(feature.value, language)
    if feature.did:
        word = did.of(language)
        return f"{word} {feature.did} {ago}" if language == "en" else f"hat {word} {ago} {feature.did}"
    return f"{feature.label}: {label.of(language)} {ago}"


def _created(feature: FeatureValue) -> str:
    english = feature.language == "en"
    if feature.is_missing:
        days = number(feature.seen_days, feature.language)
        if english:
            return f"lead created more than {days} days ago, or not known when"
        return f"Lead vor mehr als {days} Tagen oder zu unbekannter Zeit angelegt"
    ago = ago_words(feature.value, feature.language)
    return f"lead created {ago}" if english else f"Lead {ago} angelegt"


def _recency(days: float) -> int:
    return 1 if days < _LATELY_DAYS else -1 if days > _LONG_AGO_DAYS else 0


OPERATIONS = (
    Operation(
        name="count",
        unit="touchpoints",
        spans="windows",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: number {lately}", "{label}: Anzahl {lately}"),
        words=_times,
        change="count",
    ),
    Operation(
        name="decayed_count",
        unit="touchpoints",
        spans="half_lives",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair(
            "{label}: weighted by recency (half-life {days} days)",
            "{label}: nach Aktualität gewichtet (Halbwertszeit {days} Tage)",
        ),
        words=_recently,
        change="count",
    ),
    Operation(
        name="days_since_last",
        unit="days",
        spans="once",
        group="engagement",
        empty=_NAN,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: days since the latest", "{label}: Tage seit dem letzten Mal"),
        words=_since_last,
        polarity=Polarity(_recency),
        change="recency",
    ),
    Operation(
        name="days_since_first",
        unit="days",
        spans="once",
        group="engagement",
        empty=_NAN,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: days since the first", "{label}: Tage seit dem ersten Mal"),
        words=_since_first,
        polarity=NEUTRAL,
        change="recency",
    ),
    Operation(
        name="distinct_days",
        unit="calendar days (UTC)",
        spans="windows",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: different days {lately}", "{label}: verschiedene Tage {lately}"),
        words=counted(
            en=Forms("", "{label} on 1 day {window}", "{label} on {n} different days {window}"),
            de=Forms("", "{label} an 1 Tag {window}", "{label} an {n} verschiedenen Tagen {window}"),
        ),
        change="count",
    ),
    Operation(
        name="distinct_channels",
        unit="channels",
        spans="windows",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: channels {lately}", "{label}: Kanäle {lately}"),
        words=counted(
            en=Forms(
                "{label} through no known channel {window}",
                "{label} through 1 channel {window}",
                "{label} through {n} different channels {window}",
            ),
            de=Forms(
                "{label} über keinen bekannten Kanal {window}",
                "{label} über 1 Kanal {window}",
                "{label} über {n} verschiedene Kanäle {window}",
            ),
        ),
        change="count",
    ),
    Operation(
        name="distinct_assets",
        unit="assets",
        spans="windows",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair(
            "{label}: different pages and materials (for orders: products) {lately}",
            "{label}: verschiedene Seiten und Materialien (bei Bestellungen: Produkte) {lately}",
        ),
        words=lambda feature: (_products if feature.selector == "orders" else _assets)(feature),
        change="count",
    ),
    Operation(
        name="sum_value",
        unit="value",
        spans="windows",
        group="engagement",
        empty=0.0,
        kernel="counts",
        asked_by="selector",
        meaning=Pair("{label}: total value {lately}", "{label}: Gesamtwert {lately}"),
        words=measured(Pair("{label}, total value {window}: {n}", "{label}, Gesamtwert {window}: {n}"), number),
    ),
)
"""In column order."""
