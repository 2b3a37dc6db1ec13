"""One lead's journey as a request brings it, and what a touchpoint may be."""

from collections.abc import Sequence
from typing import NamedTuple

from features.errors import JourneyError
from features.selectors import BY

__all__ = [
    "CREATED",
    "MAX_TOUCHPOINTS",
    "MAX_VALUE",
    "MICRO_UNITS",
    "MQL",
    "ORDER",
    "STAGE_PREFIX",
    "LeadJourney",
    "OrderRecord",
    "StageChangeRecord",
    "TouchpointRecord",
    "moment_error",
    "plain_value_and_by",
    "reserved_error",
    "value_error",
]

CREATED = "created"
"""Kind of the touchpoint that stands for the lead's creation."""

STAGE_PREFIX = "stage:"
"""A stage change to `mql` is the touchpoint kind ``stage:mql``."""

MQL = "mql"
"""The stage whose snapshot is taken at its own moment; see `features.timeline.seen_at_once`."""

ORDER = "order"
"""Kind of the touchpoints in an account's journey of orders."""

MAX_VALUE = 1e12
"""Largest magnitude of a touchpoint's value; in micro-units it still fits int64 with room for sums."""

MAX_TOUCHPOINTS = 4_000_000
"""Most touchpoints of one lead: the kernel's fixed-point sums are exact up to here."""


MICRO_UNITS = 1_000_000
"""A value is kept as a whole number of millionths, rounded half to even."""


class TouchpointRecord(NamedTuple):
    """One touchpoint of a request. Moments are UTC microseconds; `recorded_at` None: known when it happened."""

    kind: str
    occurred_at: int
    recorded_at: int | None = None
    channel: str | None = None
    asset: str | None = None
    campaign: str | None = None
    value: float | None = None
    by: str | None = None
    touchpoint_id: str | None = None


class StageChangeRecord(NamedTuple):
    """One stage change of a request. Moments are UTC microseconds; `recorded_at` None: known when it happened."""

    stage: str
    occurred_at: int
    recorded_at: int | None = None


class OrderRecord(NamedTuple):
    """One order of an account. The moment is UTC microseconds; an order is known when it is placed."""

    ordered_at: int
    amount: float | None = None
    product: str | None = None


class LeadJourney(NamedTuple):
    """One lead; its touchpoints and stage changes in any order.

    Leads with the same `account_id` belong together: each one's buying group is the others. A lead without one has none.
    """

    lead_id: str
    touchpoints: Sequence[TouchpointRecord] = ()
    stage_changes: Sequence[StageChangeRecord] = ()
    created_at: int | None = None
    account_id: str | None = None
    role: str | None = None


def plain_value_and_by(item: TouchpointRecord, lead_id: str, index: int) -> tuple[int, int]:
    """Check a touchpoint's value and `by`, and give them as micro-units and code.

    Raises
    ------
    JourneyError
        If the value is not finite or too large, `by` is unknown, or the kind is reserved.
    """
    value = 0.0 if item.value is None else float(item.value)
    if not abs(value) <= MAX_VALUE:
        raise value_error(value, f"touchpoint {index} of lead {lead_id!r}", f"touchpoints[{index}].value")
    by = "lead" if item.by is None else item.by
    if by not in BY:
        raise JourneyError(
            f"touchpoint {index} of lead {lead_id!r}: by is {by!r}; allowed: {', '.join(BY)}, or leave it out.",
            field=f"touchpoints[{index}].by",
        )
    if by == "system" and (item.kind == CREATED or item.kind.startswith(STAGE_PREFIX)):
        raise reserved_error(item.kind, f"touchpoint {index} of lead {lead_id!r}", f"touchpoints[{index}].kind")
    return round(value * MICRO_UNITS), BY.index(by)


def value_error(value: float, where: str, field: str = "value") -> JourneyError:
    """Say that a touchpoint's value is not a number that can be summed."""
    return JourneyError(
        f"{where}: value is {value}; allowed are finite numbers within +-{MAX_VALUE:.0e}. Correct it or leave it out.",
        field=field,
        hint="Send a finite number, or leave it out.",
    )


def reserved_error(kind: str, where: str, field: str = "kind") -> JourneyError:
    """Say that a touchpoint by the system may not pass for a stage change."""
    return JourneyError(
        f"{where}: kind {kind!r} by system is reserved for stage changes and the lead's creation. "
        "Send stage changes as such, or rename the kind.",
        field=field,
        hint="Use stage_changes and created_at.",
    )


def moment_error(micros: int, field: str, where: str) -> JourneyError:
    """Say that a moment lies outside the years 1 to 9999."""
    return JourneyError(
        f"{where}: {field} is {micros} microseconds since 1970, outside the years 1 to 9999. Check its unit.",
        field=field,
        hint="Moments are microseconds since 1970-01-01T00:00Z.",
    )
