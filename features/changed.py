"""The change of a feature between two moments: its words and their polarity."""

from features.feature import Feature
from features.operations import OPERATIONS
from features.polarity import polarity
from features.wording.attribute import attribute_value
from features.wording.change import (
    attribute_change,
    count_change,
    other_change,
    since_change,
    time_passed,
    unchanged,
)

__all__ = ["change_polarity", "change_text", "is_same"]


# A stage that a lead is in is not waited for again
_HAPPEN_ONCE = ("stages",)


def is_same(before: float, after: float) -> bool:
    """Tell whether two values are equal, missing ones included."""
    return before == after or (before != before and after != after)


def change_text(
    feature: Feature, before: float, after: float, elapsed_days: float, more: bool, since: str, language: str
) -> str:
    """Say what is different.

    Parameters
    ----------
    feature : Feature
        Of the catalog.
    before, after : float
        Its values; NaN: there was nothing.
    elapsed_days : float
        Between the two moments.
    more : bool
        Whether it speaks more for the lead than before; said where the value is the same.
    since : str
        The earlier moment in words.
    language : {"en", "de"}
        Of the answer.
    """
    now = feature.text(after, language)
    if is_same(before, after):
        return unchanged(now, more, language)
    label = feature.label.de if language == "de" else feature.label.en
    if feature.operation == "attribute":
        words = [attribute_value(feature.unit, feature.categories, value, language) for value in (before, after)]
        if words[0] == words[1]:  # numbers that differ in decimals that are not said
            return unchanged(now, more, language)
        return attribute_change(label, words[0], words[1], language)
    if OPERATIONS[feature.operation].change == "count":
        return count_change(now, before, after, since, language)
    again = _again(feature, before, after, elapsed_days)
    if again or (again is False and feature.operation == "days_since_last" and feature.group not in _HAPPEN_ONCE):
        return since_change(now, again, since, language)
    if again is False:
        return time_passed(now, since, language)
    then = feature.text(before, language)
    if then == now:
        return unchanged(now, more, language)
    return other_change(now, then.removeprefix(f"{label}: "), since, language)


def change_polarity(feature: Feature, before: float, after: float, elapsed_days: float) -> int:
    """Give the polarity of the words for a change: 1 for the lead, -1 against, 0 neither; see `features.polarity`."""
    if is_same(before, after):
        return 0
    again = _again(feature, before, after, elapsed_days)
    if again is not None:
        neutral = feature.group in (*_HAPPEN_ONCE, "sales") or feature.operation == "days_since_first"
        return 0 if neutral else 1 if again else -1
    first, second = polarity(feature, before), polarity(feature, after)
    if first == second != 0 and OPERATIONS[feature.operation].change == "count":
        return 1 if after > before else -1
    return (second > first) - (second < first)


def _again(feature: Feature, before: float, after: float, elapsed_days: float) -> bool | None:
    """Tell whether something happened again since; None: the feature does not measure that."""
    if OPERATIONS[feature.operation].change != "recency" or before != before or after != after:
        return None
    return after < elapsed_days
