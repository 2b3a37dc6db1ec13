"""Polarity: whether a feature's words, read by themselves, sound as if they spoke for a lead or against it."""

import math

from features.feature import Feature
from features.wording.measured import FALLING, RISING

__all__ = ["polarity"]

# What the CRM, sales, or a master record says may be good or bad news; only the model knows
_NEUTRAL_GROUPS = ("stages", "sales", "attributes")
_NEUTRAL = (
    "days_since_first",
    "mean_gap",
    "gap_ratio",
    "longest_gap",
    "pauses",
    "returns",
    "days_since_return",
    "busiest_day",
    "working_hours_share",
    "weekend_share",
    "channel_switches",
    "first_channel",
    "last_channel",
    "mean_content",
    "step_backs",
    "progress",
    "days_before",
)
_LONG_AGO_DAYS = 28.0
_LATELY_DAYS = 7.0


def polarity(feature: Feature, value: float) -> int:
    """Give the polarity of the words for a value.

    Activity sounds good, its absence bad; so do growth and decline, likeness and unlikeness to buyers, and what was less than
    7 or more than 28 days ago. All else sounds like neither.

    Parameters
    ----------
    feature : Feature
        Of the catalog.
    value : float
        As in the matrix; NaN: there was nothing.

    Returns
    -------
    int
        1: for; -1: against; 0: neither.

    Examples
    --------
    >>> from features.params import Label
    >>> webinars = Label(en="webinars", de="Webinare")
    >>> feature = Feature("count__webinar__7d", "count", "webinar", 7, "touchpoints", "engagement", 0.0, 365, webinars)
    >>> polarity(feature, 3.0), polarity(feature, 0.0)
    (1, -1)
    """
    operation = feature.operation
    if feature.group in _NEUTRAL_GROUPS:
        return 0
    if math.isnan(value):
        return -1 if operation not in ("days_before", "days_since_return") else 0
    if operation in _NEUTRAL:
        return 0
    if operation == "days_since_last":
        return 1 if value < _LATELY_DAYS else -1 if value > _LONG_AGO_DAYS else 0
    if operation == "trend":
        return 1 if value > RISING else -1 if value < FALLING else 0
    if operation == "acceleration" or operation.endswith("_likeness"):
        return (value > 0) - (value < 0)
    if operation == "deepest_content":
        return int(value == 3)
    return 1 if value > 0 else -1
