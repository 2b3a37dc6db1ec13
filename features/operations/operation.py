"""The record of one operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from features.wording.phrases import FeatureValue, Pair

__all__ = [
    "DIRECTION",
    "GROUPS",
    "NEUTRAL",
    "PRESENCE",
    "SILENT",
    "AskedBy",
    "Change",
    "Group",
    "Kernel",
    "Operation",
    "Polarity",
    "Spans",
]

Group = Literal["engagement", "rhythm", "path", "buyer_profile", "sales", "account", "orders", "stages", "attributes"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""What features speak of; the order is that of the matrix's columns."""

Spans = Literal["windows", "long_windows", "half_lives", "once"]
Kernel = Literal[
    "counts",
    "gaps",
    "busiest_day",
    "pace",
    "local_hours",
    "channels",
    "content",
    "likeness",
    "pairs",
    "account",
    "none",
]
AskedBy = Literal["selector", "all", "built_in"]
Change = Literal["count", "recency", "value"]


@dataclass(frozen=True)
class Polarity:
    """How the words for a value sound, read by themselves: 1 for a lead, -1 against it, 0 like neither.

    Attributes
    ----------
    of : callable
        The polarity of a value.
    unmeasured : int
        That of NaN.
    """

    of: Callable[[float], int]
    unmeasured: int = -1


PRESENCE = Polarity(lambda value: 1 if value > 0 else -1)
"""Activity sounds good, its absence bad."""

DIRECTION = Polarity(lambda value: (value > 0) - (value < 0))
"""Above zero sounds good, below it bad."""

NEUTRAL = Polarity(lambda _: 0)
"""Only the absence of anything to measure sounds bad."""

SILENT = Polarity(lambda _: 0, unmeasured=0)
"""No value sounds good or bad."""


@dataclass(frozen=True)
class Operation:
    """One measurement of a selector's touchpoints.

    Attributes
    ----------
    name : str
        The first part of its features' names; what `params.yaml` and the catalog call it.
    unit : str
        Of the value.
    spans : {"windows", "long_windows", "half_lives", "once"}
        What it is made for: each of `windows_days` or `long_windows_days` (the observation is always one of them), each
        half-life, or all that is seen, once.
    group : Group
        Where it belongs, when it measures what the lead itself did.
    empty : float
        The value where there is no touchpoint: 0, or NaN where there is nothing to measure.
    kernel : Kernel
        The part of the fold that computes it, see `features.kernels.sections`; "none": it is no matter of touchpoints.
    asked_by : {"selector", "all", "built_in"}
        Who gets it: any selector that asks for it in `params.yaml`, the selector `all` alone, or what the catalog has built in.
    meaning : Pair
        What it measures, in one sentence without a value; `{label}`, `{lately}`, `{days}`, `{other}`, `{selector}` and the
        parameters that it depends on are filled in.
    words : callable
        What a value means, for a salesperson.
    polarity : Polarity
        How these words sound.
    change : {"count", "recency", "value"}
        How a change is said: as more or fewer, as again or not again, or as then and now.
    """

    name: str
    unit: str
    spans: Spans
    group: Group
    empty: float
    kernel: Kernel
    asked_by: AskedBy
    meaning: Pair
    words: Callable[[FeatureValue], str]
    polarity: Polarity = PRESENCE
    change: Change = "value"
