"""Polarity: whether a feature's words, read by themselves, sound as if they spoke for a lead or against it."""

from features.feature import Feature
from features.operations import OPERATIONS

__all__ = ["polarity"]

# What the CRM, sales, or a master record says may be good or bad news; only the model knows
_NEUTRAL_GROUPS = ("stages", "sales", "attributes")


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
    if feature.group in _NEUTRAL_GROUPS:
        return 0
    sounds = OPERATIONS[feature.operation].polarity
    return sounds.unmeasured if value != value else sounds.of(value)
