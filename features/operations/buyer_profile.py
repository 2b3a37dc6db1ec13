"""How like the buyers' a lead's journey is: order of steps, mix, pace, and how much of their path is done."""

from collections.abc import Callable

from features.operations.operation import DIRECTION, NEUTRAL, Operation, Spans
from features.wording.phrases import FeatureValue, Pair, measured, nothing
from features.wording.units import percent

__all__ = ["OPERATIONS"]

_NAN = float("nan")
# what is said of a value above, at and below zero
_LIKE = {
    "en": ("more like buyers'", "says nothing of buyers", "less like buyers'"),
    "de": ("eher wie bei Käufern", "sagt nichts über Käufer", "eher nicht wie bei Käufern"),
}
_ORDER = Pair("order of steps", "Reihenfolge der Schritte")
_MIX = Pair("mix", "Mischung")
_PACE = Pair("pace", "Tempo")


def _likeness(compared: Pair, unmeasured: Pair | None = None) -> Callable[[FeatureValue], str]:
    def say(feature: FeatureValue) -> str:
        language, value = feature.language, feature.value
        if feature.is_missing:
            if unmeasured is None:
                return nothing(feature)
            return unmeasured.of(language).format(label=feature.label, window=feature.window)
        says = _LIKE[language][0 if value > 0 else 2 if value < 0 else 1]
        return f"{feature.label}, {compared.of(language)} {feature.window}: {says}"

    return say


def _ratio(
    name: str, compared: Pair, of_all: Pair, of_each: Pair, each_unmeasured: Pair | None = None
) -> tuple[Operation, Operation]:
    """Make the two operations of one log-likelihood ratio: its sum, and its mean per touchpoint."""
    spans: Spans = "long_windows"
    return (
        Operation(
            name=f"{name}_likeness",
            unit="log-likelihood ratio (nats)",
            spans=spans,
            group="buyer_profile",
            empty=0.0,
            kernel="likeness",
            asked_by="all",
            meaning=of_all,
            words=_likeness(compared),
            polarity=DIRECTION,
        ),
        Operation(
            name=f"mean_{name}_likeness",
            unit="nats per touchpoint",
            spans=spans,
            group="buyer_profile",
            empty=_NAN,
            kernel="likeness",
            asked_by="all",
            meaning=of_each,
            words=_likeness(compared, each_unmeasured),
            polarity=DIRECTION,
        ),
    )


OPERATIONS = (
    *_ratio(
        "transition",
        _ORDER,
        Pair(
            "{label}: how much likelier their order is in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher ihre Reihenfolge in erfolgreichen Journeys ist {lately}",
        ),
        Pair(
            "{label}: how much likelier each step is in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher jeder Schritt in erfolgreichen Journeys ist {lately}",
        ),
    ),
    *_ratio(
        "mix",
        _MIX,
        Pair(
            "{label}: how much likelier their mix is in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher ihre Mischung in erfolgreichen Journeys ist {lately}",
        ),
        Pair(
            "{label}: how much likelier each is in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher jeder in erfolgreichen Journeys ist {lately}",
        ),
    ),
    *_ratio(
        "pace",
        _PACE,
        Pair(
            "{label}: how much likelier their gaps are in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher ihre Abstände in erfolgreichen Journeys sind {lately}",
        ),
        Pair(
            "{label}: how much likelier each gap is in journeys that ended well {lately}",
            "{label}: um wie viel wahrscheinlicher jeder Abstand in erfolgreichen Journeys ist {lately}",
        ),
        each_unmeasured=Pair("{label}: fewer than two {window}", "{label}: weniger als zwei {window}"),
    ),
    Operation(
        name="progress",
        unit="share",
        spans="once",
        group="buyer_profile",
        empty=0.0,
        kernel="likeness",
        asked_by="all",
        meaning=Pair(
            "share of what buyers typically do that the lead has done",
            "Anteil dessen, was Käufer üblicherweise tun, den der Lead getan hat",
        ),
        words=measured(
            Pair("{n} of what buyers typically do is done", "{n} dessen, was Käufer üblicherweise tun, ist getan"),
            percent,
        ),
        polarity=NEUTRAL,
    ),
)
"""In column order."""
