"""The features that every contender computes, as plain data: the standard library only, for every environment imports it.

A snapshot sees touchpoints with ``occurred_at`` in ``[snapshot_at - 365 days, snapshot_at)`` that were recorded before it; a
window of n days those in ``[snapshot_at - n days, snapshot_at)``. A missing `recorded_at` equals `occurred_at`, a missing
`value` is 0; a missing channel or asset is not counted as one, and a rule that names the field never picks it.
"""

from typing import NamedTuple

__all__ = [
    "DAY_US",
    "FEATURES",
    "HALF_LIVES",
    "KEYS",
    "LATEST_OF",
    "OBSERVATION_DAYS",
    "SELECTORS",
    "WINDOWS",
    "Feature",
    "Selector",
]

DAY_US = 86_400_000_000
OBSERVATION_DAYS = 365
WINDOWS = (7, 30, 90, OBSERVATION_DAYS)
HALF_LIVES = (7, 30)
KEYS = ("lead_id", "snapshot_at")
"""What identifies a row of a result."""

LATEST_OF = {"distinct_days": "day", "distinct_channels": "channel", "distinct_assets": "asset"}
"""What distinct counts count. Windows end together, so a value is in all that reach back to its latest touchpoint."""


class Selector(NamedTuple):
    """Which touchpoints: those where every named field has one of the values; an asset is named by how it begins."""

    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    asset_prefix: str = ""
    operations: tuple[str, ...] = ()


class Feature(NamedTuple):
    """One column: the operation, on whose touchpoints, over how many days (a half-life for `decayed_count`; 0: all seen)."""

    name: str
    operation: str
    selector: str
    days: int


_BASICS = ("count", "decayed_count", "days_since_last", "days_since_first")

SELECTORS = {
    "all": Selector(operations=(*_BASICS, *LATEST_OF, "sum_value")),
    "web": Selector(channels=("web",), operations=(*_BASICS, "distinct_days", "distinct_assets")),
    "mail": Selector(kinds=("mail_open", "mail_click"), operations=(*_BASICS, "distinct_days")),
    "pricing": Selector(kinds=("page_view",), asset_prefix="pricing/", operations=(*_BASICS, "distinct_days")),
    "downloads": Selector(kinds=("download",), operations=(*_BASICS, "distinct_assets")),
    "events": Selector(kinds=("webinar", "trade_fair"), operations=(*_BASICS, "distinct_channels")),
    "requests": Selector(kinds=("contact_form", "demo_request", "quote_request"), operations=(*_BASICS, "sum_value")),
    "social": Selector(channels=("social", "community"), operations=_BASICS),
    "documentation": Selector(asset_prefix="documentation/", operations=_BASICS),
}


def _days_of(operation: str) -> tuple[int, ...]:
    if operation in ("days_since_last", "days_since_first"):
        return (0,)
    return HALF_LIVES if operation == "decayed_count" else WINDOWS


FEATURES = tuple(
    Feature(f"{operation}__{name}" + (f"__{days}d" if days else ""), operation, name, days)
    for name, selector in SELECTORS.items()
    for operation in selector.operations
    for days in _days_of(operation)
)
