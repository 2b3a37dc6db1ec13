"""The path of a lead through channels and content."""

from features.operations.operation import NEUTRAL, SILENT, Operation, Polarity
from features.wording.attribute import attribute_value
from features.wording.phrases import FeatureValue, Forms, Pair, counted, measured, nothing
from features.wording.units import day_words, number, window_words

__all__ = ["OPERATIONS"]

_NAN = float("nan")
_LEVELS = {
    "en": ("of no known depth", "a first look", "weighing up", "deciding"),
    "de": ("ohne bekannte Tiefe", "Orientierung", "Abwägung", "Entscheidung"),
}
_DECIDING = 3


def _channel(feature: FeatureValue, which: Pair) -> str:
    if feature.is_missing:
        return nothing(feature)
    channel = {"en": "channel", "de": "Kanal"}[feature.language]
    value = attribute_value("category", feature.categories, feature.value, feature.language)
    return f"{feature.label}, {which.of(feature.language)} {channel}: {value}"


def _content(feature: FeatureValue) -> str:
    if feature.is_missing:
        return nothing(feature)
    deepest = {"en": "deepest content", "de": "tiefster Inhalt"}[feature.language]
    return f"{feature.label}: {deepest} {_LEVELS[feature.language][int(feature.value)]} {feature.window}"


def _before(feature: FeatureValue) -> str:
    english, label, other = feature.language == "en", feature.label, feature.other
    both = f"{label} and {other}" if english else f"{label} und {other}"
    if feature.is_missing:
        neither = f"{both}: not both" if english else f"{both}: nicht beides"
        return f"{neither} {window_words(feature.seen_days, feature.language)}"
    if feature.value == 0:
        return f"{both} first at the same time" if english else f"{both} zuerst zur gleichen Zeit"
    gap = day_words(abs(feature.value), feature.language)
    if english:
        return f"{label} first {gap} {'before' if feature.value > 0 else 'after'} {other}"
    return f"{label} zuerst {gap} {'vor' if feature.value > 0 else 'nach'} dem ersten Mal: {other}"


OPERATIONS = (
    Operation(
        name="channel_switches",
        unit="switches",
        spans="long_windows",
        group="path",
        empty=0.0,
        kernel="channels",
        asked_by="selector",
        meaning=Pair("{label}: changes of channel {lately}", "{label}: Wechsel des Kanals {lately}"),
        words=counted(
            en=Forms(
                "{label}: no change of channel {window}",
                "{label}: 1 change of channel {window}",
                "{label}: {n} changes of channel {window}",
            ),
            de=Forms(
                "{label}: kein Wechsel des Kanals {window}",
                "{label}: 1 Wechsel des Kanals {window}",
                "{label}: {n} Wechsel des Kanals {window}",
            ),
        ),
        polarity=NEUTRAL,
        change="count",
    ),
    Operation(
        name="first_channel",
        unit="category",
        spans="once",
        group="path",
        empty=_NAN,
        kernel="channels",
        asked_by="all",
        meaning=Pair("{label}: channel of the first", "{label}: Kanal des ersten Mals"),
        words=lambda feature: _channel(feature, Pair("first", "erster")),
        polarity=NEUTRAL,
    ),
    Operation(
        name="last_channel",
        unit="category",
        spans="once",
        group="path",
        empty=_NAN,
        kernel="channels",
        asked_by="all",
        meaning=Pair("{label}: channel of the latest", "{label}: Kanal des letzten Mals"),
        words=lambda feature: _channel(feature, Pair("latest", "letzter")),
        polarity=NEUTRAL,
    ),
    Operation(
        name="deepest_content",
        unit="level, 0 to 3",
        spans="windows",
        group="path",
        empty=0.0,
        kernel="content",
        asked_by="all",
        meaning=Pair(
            "{label}: deepest content {lately}: 1 a first look, 2 weighing up, 3 deciding",
            "{label}: tiefster Inhalt {lately}: 1 Orientierung, 2 Abwägung, 3 Entscheidung",
        ),
        words=_content,
        polarity=Polarity(lambda level: int(level == _DECIDING)),
    ),
    Operation(
        name="mean_content",
        unit="level, 1 to 3",
        spans="long_windows",
        group="path",
        empty=_NAN,
        kernel="content",
        asked_by="all",
        meaning=Pair(
            "{label}: mean depth of content {lately}, 1 to 3", "{label}: mittlere Tiefe der Inhalte {lately}, 1 bis 3"
        ),
        words=measured(
            Pair(
                "{label}: mean depth of content {n} of 3 {window}",
                "{label}: mittlere Tiefe der Inhalte {n} von 3 {window}",
            ),
            number,
            unmeasured=Pair(
                "{label}: no content of known depth {window}", "{label}: kein Inhalt bekannter Tiefe {window}"
            ),
        ),
        polarity=NEUTRAL,
    ),
    Operation(
        name="step_backs",
        unit="steps",
        spans="long_windows",
        group="path",
        empty=0.0,
        kernel="content",
        asked_by="all",
        meaning=Pair(
            "{label}: steps back from content for deciding to a first look {lately}",
            "{label}: Rückschritte von Inhalten zur Entscheidung zu solchen zur Orientierung {lately}",
        ),
        words=counted(
            en=Forms(
                "{label}: no step back from deciding to a first look {window}",
                "{label}: 1 step back from deciding to a first look {window}",
                "{label}: {n} steps back from deciding to a first look {window}",
            ),
            de=Forms(
                "{label}: kein Rückschritt von Entscheidung zu Orientierung {window}",
                "{label}: 1 Rückschritt von Entscheidung zu Orientierung {window}",
                "{label}: {n} Rückschritte von Entscheidung zu Orientierung {window}",
            ),
        ),
        polarity=NEUTRAL,
        change="count",
    ),
    Operation(
        name="days_before",
        unit="days",
        spans="once",
        group="path",
        empty=_NAN,
        kernel="pairs",
        asked_by="built_in",
        meaning=Pair(
            "{label}: days by which the first came before the first of {other}",
            "{label}: Tage, um die das erste Mal vor dem ersten Mal lag von: {other}",
        ),
        words=_before,
        polarity=SILENT,
    ),
)
"""In column order."""
