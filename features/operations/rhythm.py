"""The rhythm of what a lead did: visits, gaps, pauses, busy days, trend, hours of the week."""

from features.operations.operation import DIRECTION, NEUTRAL, SILENT, Operation, Polarity
from features.wording.phrases import FeatureValue, Forms, Pair, counted, measured, nothing
from features.wording.units import ago_words, day_words, number, percent, window_words

__all__ = ["OPERATIONS"]

_NAN = float("nan")
_RISING, _FALLING = 0.55, 0.45  # from where on a trend counts as one; 0.5 is steady
_MANY_DAYS = 10
_FEWER_THAN_TWO_VISITS = Pair("{label}: fewer than two visits {window}", "{label}: weniger als zwei Besuche {window}")


def _trend(feature: FeatureValue) -> str:
    if feature.is_missing:
        return nothing(feature)
    value, language = feature.value, feature.language
    # a quarter of a window of many days needs no decimals
    parts = (feature.days / 4, 3 * feature.days / 4)
    recent, before = (round(part) if part >= _MANY_DAYS else part for part in parts)
    lately, rest = window_words(recent, language), number(before, language)
    if language == "en":
        how = "more often" if value > _RISING else "less often" if value < _FALLING else "as often"
        return f"{feature.label}: {how} {lately} {'as' if how == 'as often' else 'than'} in the {rest} days before"
    how = "häufiger als" if value > _RISING else "seltener als" if value < _FALLING else "so oft wie"
    return f"{feature.label}: {lately} {how} in den {rest} Tagen davor"


def _acceleration(feature: FeatureValue) -> str:
    value, language = feature.value, feature.language
    if feature.is_missing:
        return nothing(feature)
    span, size = number(feature.days, language), number(abs(value), language)
    if language == "en":
        what = f"{size} {'more' if value > 0 else 'fewer'} a day" if value else "as many"
        return f"{feature.label}: {what} in the second half of the last {span} days"
    what = f"{size} {'mehr' if value > 0 else 'weniger'} pro Tag" if value else "gleich viele"
    return f"{feature.label}: {what} in der zweiten Hälfte der letzten {span} Tage"


OPERATIONS = (
    Operation(
        name="visits",
        unit="visits",
        spans="long_windows",
        group="rhythm",
        empty=0.0,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: visits {lately}; a silence of more than {visit_minutes} minutes ends a visit",
            "{label}: Besuche {lately}; mehr als {visit_minutes} Minuten Stille beenden einen Besuch",
        ),
        words=counted(
            en=Forms("", "{label} in 1 visit {window}", "{label} in {n} visits {window}"),
            de=Forms("", "{label} in 1 Besuch {window}", "{label} in {n} Besuchen {window}"),
        ),
        change="count",
    ),
    Operation(
        name="mean_gap",
        unit="days",
        spans="long_windows",
        group="rhythm",
        empty=_NAN,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: mean days from the start of one visit to the next {lately}",
            "{label}: mittlere Tage von Beginn zu Beginn zweier Besuche {lately}",
        ),
        words=measured(
            Pair(
                "{label}: {n} between visits on average {window}", "{label}: im Schnitt {n} zwischen Besuchen {window}"
            ),
            day_words,
            unmeasured=_FEWER_THAN_TWO_VISITS,
        ),
        polarity=NEUTRAL,
    ),
    Operation(
        name="gap_ratio",
        unit="multiple of the usual gap",
        spans="long_windows",
        group="rhythm",
        empty=_NAN,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: time since the latest as a multiple of the usual gap between visits {lately}",
            "{label}: Zeit seit dem letzten Mal als Vielfaches des üblichen Abstands der Besuche {lately}",
        ),
        words=measured(
            Pair(
                "{label}: the latest {n} times as long ago as usual between visits",
                "{label}: zuletzt vor dem {n}-Fachen des üblichen Abstands",
            ),
            number,
            unmeasured=_FEWER_THAN_TWO_VISITS,
        ),
        polarity=NEUTRAL,
    ),
    Operation(
        name="longest_gap",
        unit="days",
        spans="long_windows",
        group="rhythm",
        empty=_NAN,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair("{label}: longest gap between two {lately}", "{label}: längste Lücke zwischen zweien {lately}"),
        words=measured(
            Pair("{label}: longest gap {n} {window}", "{label}: längste Lücke {n} {window}"),
            day_words,
            unmeasured=Pair("{label}: fewer than two {window}", "{label}: weniger als zwei {window}"),
        ),
        polarity=NEUTRAL,
    ),
    Operation(
        name="pauses",
        unit="pauses",
        spans="long_windows",
        group="rhythm",
        empty=0.0,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: gaps of more than {pause_days} days {lately}, the present one included",
            "{label}: Lücken von mehr als {pause_days} Tagen {lately}, die jetzige eingeschlossen",
        ),
        words=counted(
            en=Forms(
                "{label}: no long pause {window}",
                "{label}: 1 long pause {window}",
                "{label}: {n} long pauses {window}",
            ),
            de=Forms(
                "{label}: keine lange Pause {window}",
                "{label}: 1 lange Pause {window}",
                "{label}: {n} lange Pausen {window}",
            ),
        ),
        polarity=NEUTRAL,
        change="count",
    ),
    Operation(
        name="returns",
        unit="returns",
        spans="long_windows",
        group="rhythm",
        empty=0.0,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: returns after more than {pause_days} days {lately}",
            "{label}: Rückkehr nach mehr als {pause_days} Tagen {lately}, Anzahl",
        ),
        words=counted(
            en=Forms(
                "{label}: no return after a long pause {window}",
                "{label}: 1 return after a long pause {window}",
                "{label}: {n} returns after long pauses {window}",
            ),
            de=Forms(
                "{label}: keine Rückkehr nach langer Pause {window}",
                "{label}: 1 Rückkehr nach langer Pause {window}",
                "{label}: {n}-mal Rückkehr nach langer Pause {window}",
            ),
        ),
        polarity=NEUTRAL,
        change="count",
    ),
    Operation(
        name="days_since_return",
        unit="days",
        spans="once",
        group="rhythm",
        empty=_NAN,
        kernel="gaps",
        asked_by="selector",
        meaning=Pair(
            "{label}: days since the latest return after more than {pause_days} days",
            "{label}: Tage seit der letzten Rückkehr nach mehr als {pause_days} Tagen",
        ),
        words=measured(
            Pair("{label}: returned after a long pause {n}", "{label}: Rückkehr nach langer Pause {n}"),
            ago_words,
            unmeasured=Pair(
                "{label}: no return after a long pause {window}", "{label}: keine Rückkehr nach langer Pause {window}"
            ),
        ),
        polarity=SILENT,
    ),
    Operation(
        name="busiest_day",
        unit="touchpoints",
        spans="long_windows",
        group="rhythm",
        empty=0.0,
        kernel="busiest_day",
        asked_by="selector",
        meaning=Pair(
            "{label}: most on one calendar day (UTC) {lately}", "{label}: meiste an einem Kalendertag (UTC) {lately}"
        ),
        words=counted(
            en=Forms("", "{label}: at most 1 on one day {window}", "{label}: at most {n} on one day {window}"),
            de=Forms("", "{label}: höchstens 1 an einem Tag {window}", "{label}: höchstens {n} an einem Tag {window}"),
        ),
        polarity=NEUTRAL,
        change="count",
    ),
    Operation(
        name="trend",
        unit="share",
        spans="windows",
        group="rhythm",
        empty=_NAN,
        kernel="pace",
        asked_by="selector",
        meaning=Pair(
            "{label}: pace of the last quarter {lately} against that of the three before: 0.5 is steady, more is rising",
            "{label}: Tempo des letzten Viertels {lately} gegen das der drei davor: 0,5 ist gleichmäßig, mehr ist steigend",
        ),
        words=_trend,
        polarity=Polarity(lambda share: 1 if share > _RISING else -1 if share < _FALLING else 0),
    ),
    Operation(
        name="acceleration",
        unit="touchpoints per day",
        spans="windows",
        group="rhythm",
        empty=0.0,
        kernel="pace",
        asked_by="selector",
        meaning=Pair(
            "{label}: more per day in the second half than in the first {lately}",
            "{label}: Mehr pro Tag in der zweiten Hälfte als in der ersten {lately}",
        ),
        words=_acceleration,
        polarity=DIRECTION,
    ),
    Operation(
        name="working_hours_share",
        unit="share",
        spans="long_windows",
        group="rhythm",
        empty=_NAN,
        kernel="local_hours",
        asked_by="selector",
        meaning=Pair(
            "{label}: share from {hours} o'clock, Monday to Friday ({time_zone}) {lately}",
            "{label}: Anteil von {hours} Uhr, Montag bis Freitag ({time_zone}) {lately}",
        ),
        words=measured(
            Pair("{label}: {n} in working hours {window}", "{label}: {n} in der Arbeitszeit {window}"), percent
        ),
        polarity=NEUTRAL,
    ),
    Operation(
        name="weekend_share",
        unit="share",
        spans="long_windows",
        group="rhythm",
        empty=_NAN,
        kernel="local_hours",
        asked_by="selector",
        meaning=Pair(
            "{label}: share on Saturdays and Sundays ({time_zone}) {lately}",
            "{label}: Anteil samstags und sonntags ({time_zone}) {lately}",
        ),
        words=measured(Pair("{label}: {n} at weekends {window}", "{label}: {n} am Wochenende {window}"), percent),
        polarity=NEUTRAL,
    ),
)
"""In column order."""
