"""The operations: what can be measured of a set of touchpoints, with unit, windows, and the value for an empty journey."""

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = [
    "ACCOUNT_OPERATIONS",
    "GROUPS",
    "JOURNEY_OPERATIONS",
    "OPERATIONS",
    "SELECTOR_OPERATIONS",
    "Group",
    "Operation",
    "SelectorOperation",
    "Spans",
]

Group = Literal["engagement", "rhythm", "path", "buyer_profile", "sales", "account", "orders", "stages", "attributes"]
GROUPS: tuple[Group, ...] = get_args(Group)
"""What features speak of; the order is that of the matrix's columns."""

Spans = Literal["windows", "long_windows", "half_lives", "once"]

SelectorOperation = Literal[
    "count",
    "decayed_count",
    "days_since_last",
    "days_since_first",
    "distinct_days",
    "distinct_channels",
    "distinct_assets",
    "sum_value",
    "visits",
    "mean_gap",
    "gap_ratio",
    "longest_gap",
    "pauses",
    "returns",
    "days_since_return",
    "busiest_day",
    "trend",
    "acceleration",
    "working_hours_share",
    "weekend_share",
    "channel_switches",
]
SELECTOR_OPERATIONS: tuple[SelectorOperation, ...] = get_args(SelectorOperation)
"""What a selector in `params.yaml` may ask for."""


@dataclass(frozen=True)
class Operation:
    """One measurement of a selector's touchpoints.

    Attributes
    ----------
    unit : str
        Of the value.
    spans : {"windows", "long_windows", "half_lives", "once"}
        What it is made for: each of `windows_days` or `long_windows_days` (the observation is always one of them), each
        half-life, or all that is seen, once.
    group : Group
        Where it belongs, when it measures what the lead itself did.
    empty : float
        The value where there is no touchpoint: 0, or NaN where there is nothing to measure.
    """

    unit: str
    spans: Spans
    group: Group
    empty: float


_NAN = float("nan")

OPERATIONS: dict[str, Operation] = {
    "count": Operation("touchpoints", "windows", "engagement", 0.0),
    "decayed_count": Operation("touchpoints", "half_lives", "engagement", 0.0),
    "days_since_last": Operation("days", "once", "engagement", _NAN),
    "days_since_first": Operation("days", "once", "engagement", _NAN),
    "distinct_days": Operation("calendar days (UTC)", "windows", "engagement", 0.0),
    "distinct_channels": Operation("channels", "windows", "engagement", 0.0),
    "distinct_assets": Operation("assets", "windows", "engagement", 0.0),
    "sum_value": Operation("value", "windows", "engagement", 0.0),
    "visits": Operation("visits", "long_windows", "rhythm", 0.0),
    "mean_gap": Operation("days", "long_windows", "rhythm", _NAN),
    "gap_ratio": Operation("multiple of the usual gap", "long_windows", "rhythm", _NAN),
    "longest_gap": Operation("days", "long_windows", "rhythm", _NAN),
    "pauses": Operation("pauses", "long_windows", "rhythm", 0.0),
    "returns": Operation("returns", "long_windows", "rhythm", 0.0),
    "days_since_return": Operation("days", "once", "rhythm", _NAN),
    "busiest_day": Operation("touchpoints", "long_windows", "rhythm", 0.0),
    "trend": Operation("share", "windows", "rhythm", _NAN),
    "acceleration": Operation("touchpoints per day", "windows", "rhythm", 0.0),
    "working_hours_share": Operation("share", "long_windows", "rhythm", _NAN),
    "weekend_share": Operation("share", "long_windows", "rhythm", _NAN),
    "channel_switches": Operation("switches", "long_windows", "path", 0.0),
    "first_channel": Operation("category", "once", "path", _NAN),
    "last_channel": Operation("category", "once", "path", _NAN),
    "deepest_content": Operation("level, 0 to 3", "windows", "path", 0.0),
    "mean_content": Operation("level, 1 to 3", "long_windows", "path", _NAN),
    "step_backs": Operation("steps", "long_windows", "path", 0.0),
    "transition_likeness": Operation("log-likelihood ratio (nats)", "long_windows", "buyer_profile", 0.0),
    "mean_transition_likeness": Operation("nats per touchpoint", "long_windows", "buyer_profile", _NAN),
    "mix_likeness": Operation("log-likelihood ratio (nats)", "long_windows", "buyer_profile", 0.0),
    "mean_mix_likeness": Operation("nats per touchpoint", "long_windows", "buyer_profile", _NAN),
    "pace_likeness": Operation("log-likelihood ratio (nats)", "long_windows", "buyer_profile", 0.0),
    "mean_pace_likeness": Operation("nats per touchpoint", "long_windows", "buyer_profile", _NAN),
    "progress": Operation("share", "once", "buyer_profile", 0.0),
    "days_before": Operation("days", "once", "path", _NAN),
    "active_leads": Operation("leads", "windows", "account", 0.0),
    "attribute": Operation("", "once", "attributes", _NAN),
    "missing": Operation("attributes", "once", "attributes", 0.0),
}
"""Every operation."""

JOURNEY_OPERATIONS: tuple[str, ...] = (
    *SELECTOR_OPERATIONS,
    "first_channel",
    "last_channel",
    "deepest_content",
    "mean_content",
    "step_backs",
    "transition_likeness",
    "mean_transition_likeness",
    "mix_likeness",
    "mean_mix_likeness",
    "pace_likeness",
    "mean_pace_likeness",
    "progress",
)
"""Operations that the fold over a journey computes per selector; kernels address them by their position here."""

ACCOUNT_OPERATIONS: tuple[str, ...] = ("count", "days_since_last", "decayed_count", "active_leads")
"""Operations of the fold over an account's other leads; kernels know them by their place here."""
