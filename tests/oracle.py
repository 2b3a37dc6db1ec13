"""The features by their definition: plain loops over one journey, nothing shared with the engine, no care for speed."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from features.catalog import Catalog, Feature
from features.journeys import LeadJourney, TouchpointRecord
from features.params import SelectorParams

DAY = 24 * 60 * 60 * 1_000_000


def oracle_row(
    lead: LeadJourney, snapshot_at: int, catalog: Catalog, attributes: Mapping[str, Any] | None = None
) -> list[float]:
    """Return one lead's features at one snapshot, in catalog order, as Python floats."""
    seen = [item for item in everything(lead) if sees(item, snapshot_at, catalog.observation_days)]
    row = []
    for feature in catalog.features:
        if feature.operation == "attribute":
            row.append(attribute(feature, (attributes or {}).get(feature.selector)))
        else:
            picked = [item for item in seen if picks(catalog.selectors[feature.selector], item)]
            row.append(journey_value(feature, picked, snapshot_at, catalog.observation_days))
    return row


def everything(lead: LeadJourney) -> list[TouchpointRecord]:
    """Return touchpoints, stage changes and the creation as one list."""
    items = list(lead.touchpoints)
    items += [
        TouchpointRecord("stage:" + c.stage, c.occurred_at, c.recorded_at, by="system") for c in lead.stage_changes
    ]
    if lead.created_at is not None:
        items.append(TouchpointRecord("created", lead.created_at, by="system"))
    return items


def sees(item: TouchpointRecord, snapshot_at: int, days: int) -> bool:
    recorded_at = item.occurred_at if item.recorded_at is None else item.recorded_at
    return snapshot_at - days * DAY <= item.occurred_at < snapshot_at and recorded_at < snapshot_at


def picks(rule: SelectorParams, item: TouchpointRecord) -> bool:
    if (item.by or "lead") not in rule.by:
        return False
    for field in ("kind", "channel", "asset", "campaign"):
        patterns, value = getattr(rule, field), getattr(item, field)
        if patterns is not None and (value is None or not any(matches(pattern, value) for pattern in patterns)):
            return False
    return True


def matches(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and matches(pattern[1:], text[1:])


def journey_value(feature: Feature, picked: list[TouchpointRecord], snapshot_at: int, observation_days: int) -> float:
    ages = [snapshot_at - item.occurred_at for item in picked]
    if feature.operation == "decayed_count":
        half_life = feature.window_days * DAY
        return math.fsum(2.0 ** (-age / half_life) for age in ages if age <= 32 * half_life)
    if feature.operation == "days_since_last":
        return min(ages) / DAY if ages else math.nan
    if feature.operation == "days_since_first":
        return max(ages) / DAY if ages else math.nan
    days = feature.window_days or observation_days
    inside = [item for item in picked if snapshot_at - days * DAY <= item.occurred_at]
    if feature.operation == "count":
        return float(len(inside))
    if feature.operation == "sum_value":
        return sum(round((item.value or 0.0) * 1_000_000) for item in inside) / 1_000_000
    if feature.operation == "distinct_days":
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return float(len({(epoch + timedelta(microseconds=item.occurred_at)).date() for item in inside}))
    if feature.operation == "distinct_channels":
        return float(len({item.channel for item in inside} - {None}))
    if feature.operation == "distinct_assets":
        return float(len({item.asset for item in inside} - {None}))
    raise NotImplementedError(feature.operation)


def attribute(feature: Feature, value: Any) -> float:
    if value is None or value == "" or value != value:
        return math.nan
    if feature.unit == "category":
        return float(feature.categories.index(value) if value in feature.categories else len(feature.categories))
    return float(value)
