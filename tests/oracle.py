"""The features by their definition: plain loops over one journey, nothing shared with the engine, no care for speed."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from features.catalog import Catalog, Feature
from features.journeys import LeadJourney, OrderRecord, TouchpointRecord
from features.params import FeaturesParams, SelectorParams

DAY = 24 * 60 * 60 * 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def oracle_row(
    lead: LeadJourney,
    snapshot_at: int,
    catalog: Catalog,
    attributes: Mapping[str, Any] | None = None,
    colleagues: Sequence[LeadJourney] = (),
    orders: Sequence[OrderRecord] = (),
) -> list[float]:
    """Return one lead's features at one snapshot, in catalog order, as Python floats."""
    params, values = catalog.params, attributes or {}
    days = params.observation_days
    seen = in_order([item for item in everything(lead) if sees(item, snapshot_at, days)])
    row = []
    for feature in catalog.features:
        if feature.operation == "attribute":
            row.append(attribute(feature, values.get(feature.selector)))
        elif feature.operation == "missing":
            mine = [spec.name for spec in catalog.attributes if spec.entity == feature.selector]
            row.append(float(sum(values.get(name) in (None, "") for name in mine)))
        elif feature.group == "account":
            row.append(account_value(feature, colleagues, snapshot_at, catalog))
        elif feature.group == "orders":
            items = [TouchpointRecord("order", o.ordered_at, asset=o.product, value=o.amount) for o in orders]
            picked = in_order([item for item in items if sees(item, snapshot_at, days)])
            row.append(journey_value(feature, picked, snapshot_at, catalog))
        elif feature.operation == "days_before":
            first, second = (
                [item.occurred_at for item in seen if picks(catalog.selectors[name], item)]
                for name in (feature.selector, feature.other)
            )
            row.append((min(second) - min(first)) / DAY if first and second else math.nan)
        else:
            picked = [item for item in seen if picks(catalog.selectors[feature.selector], item)]
            row.append(journey_value(feature, picked, snapshot_at, catalog))
    return row


def in_order(items: list[TouchpointRecord]) -> list[TouchpointRecord]:
    """Sort by what the contract says, missing first, text by its bytes."""

    def text(value: str | None) -> tuple[bool, bytes]:
        return value is not None, (value or "").encode()

    def key(item: TouchpointRecord) -> tuple[Any, ...]:
        recorded_at = item.occurred_at if item.recorded_at is None else item.recorded_at
        value = round((item.value or 0.0) * 1_000_000)
        by = ("lead", "sales", "system").index(item.by or "lead")
        texts = [text(part) for part in (item.kind, item.channel, item.asset)]
        return item.occurred_at, recorded_at, *texts, value, text(item.touchpoint_id), text(item.campaign), by

    return sorted(items, key=key)


def everything(lead: LeadJourney) -> list[TouchpointRecord]:
    """Return touchpoints, stage changes and the creation as one list."""
    items = list(lead.touchpoints)
    # An MQL and the creation are seen at their own moment: they count a microsecond earlier
    for c in lead.stage_changes:
        early = c.stage == "mql"
        recorded_at = c.occurred_at if c.recorded_at is None else c.recorded_at
        items.append(TouchpointRecord("stage:" + c.stage, c.occurred_at - early, recorded_at - early, by="system"))
    if lead.created_at is not None:
        items.append(TouchpointRecord("created", lead.created_at - 1, by="system"))
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


def journey_value(feature: Feature, picked: list[TouchpointRecord], snapshot_at: int, catalog: Catalog) -> float:
    """Measure touchpoints, given in order."""
    params = catalog.params
    ages = [snapshot_at - item.occurred_at for item in picked]
    if feature.operation == "decayed_count":
        half_life = feature.window_days * DAY
        return math.fsum(2.0 ** (-age / half_life) for age in ages if age <= 32 * half_life)
    if feature.operation == "days_since_last":
        return min(ages) / DAY if ages else math.nan
    if feature.operation == "days_since_first":
        return max(ages) / DAY if ages else math.nan
    days = feature.window_days or params.observation_days
    inside = [item for item in picked if snapshot_at - days * DAY <= item.occurred_at]
    if feature.operation == "count":
        return float(len(inside))
    if feature.operation == "sum_value":
        return sum(round((item.value or 0.0) * 1_000_000) for item in inside) / 1_000_000
    if feature.operation == "distinct_days":
        return float(len({date_of(item) for item in inside}))
    if feature.operation == "distinct_channels":
        return float(len({item.channel for item in inside} - {None}))
    if feature.operation == "distinct_assets":
        return float(len({item.asset for item in inside} - {None}))
    if feature.group in ("rhythm", "orders"):
        return rhythm(feature.operation, inside, snapshot_at, days, params)
    if feature.group == "path":
        return path(feature.operation, inside, catalog)
    return likeness(feature.operation, inside, catalog)


def date_of(item: TouchpointRecord) -> Any:
    return (EPOCH + timedelta(microseconds=item.occurred_at)).date()


def rhythm(operation: str, items: list[TouchpointRecord], snapshot_at: int, days: int, params: FeaturesParams) -> float:
    times = [item.occurred_at for item in items]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    begins = times[:1] + [times[j + 1] for j, gap in enumerate(gaps) if gap > params.visit_minutes * 60_000_000]
    long = [j for j, gap in enumerate(gaps) if gap > params.pause_days * DAY]
    if operation == "visits":
        return float(len(begins))
    if operation in ("mean_gap", "gap_ratio"):
        if len(begins) < 2:
            return math.nan
        usual = (begins[-1] - begins[0]) / (len(begins) - 1)
        return usual / DAY if operation == "mean_gap" else (snapshot_at - times[-1]) / usual
    if operation == "longest_gap":
        return max(gaps) / DAY if gaps else math.nan
    if operation == "returns":
        return float(len(long))
    if operation == "pauses":
        return float(len(long) + bool(times and snapshot_at - times[-1] > params.pause_days * DAY))
    if operation == "days_since_return":
        return (snapshot_at - times[long[-1] + 1]) / DAY if long else math.nan
    if operation == "busiest_day":
        dates = [date_of(item) for item in items]
        return float(max((dates.count(date) for date in dates), default=0))
    if operation == "trend":
        late = sum(time >= snapshot_at - days * DAY // 4 for time in times)
        return 3 * late / (3 * late + len(times) - late) if times else math.nan
    if operation == "acceleration":
        late = sum(time >= snapshot_at - days * DAY // 2 for time in times)
        return (2 * late - len(times)) / (0.5 * days)
    clocks = [(EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(params.time_zone)) for time in times]
    if operation == "weekend_share":
        return sum(clock.weekday() >= 5 for clock in clocks) / len(clocks) if clocks else math.nan
    if operation == "working_hours_share":
        begin, end = params.working_hours
        working = [clock.weekday() < 5 and begin <= clock.hour < end for clock in clocks]
        return sum(working) / len(working) if working else math.nan
    raise NotImplementedError(operation)


def path(operation: str, items: list[TouchpointRecord], catalog: Catalog) -> float:
    channels = [item.channel for item in items if item.channel is not None]
    if operation == "channel_switches":
        return float(sum(one != other for one, other in pairwise(channels)))
    if operation in ("first_channel", "last_channel"):
        if not channels:
            return math.nan
        channel, known = channels[0 if operation == "first_channel" else -1], catalog.known_channels
        return float(known.index(channel) if channel in known else len(known))
    levels = [level for level in (level_of(item, catalog) for item in items) if level]
    if operation == "deepest_content":
        return float(max(levels, default=0))
    if operation == "mean_content":
        return sum(levels) / len(levels) if levels else math.nan
    if operation == "step_backs":
        return float(sum(pair == (3, 1) for pair in pairwise(levels)))
    raise NotImplementedError(operation)


def level_of(item: TouchpointRecord, catalog: Catalog) -> int:
    content = catalog.params.content
    for level, names in ((3, content.decision), (2, content.consideration), (1, content.awareness)):
        if any(picks(catalog.selectors[name], item) for name in names):
            return level
    return 0


def likeness(operation: str, items: list[TouchpointRecord], catalog: Catalog) -> float:
    profile = catalog.buyer_profile
    pairs = list(profile.states.pairs)
    states = [
        pairs.index((item.kind, item.channel)) if (item.kind, item.channel) in pairs else len(pairs) for item in items
    ]
    if operation == "progress":
        whole = sum(profile.milestone)
        return float(sum(profile.milestone[state] for state in set(states))) / float(whole) if whole else 0.0
    if "transition" in operation:
        terms = [profile.transition[before + 1][now] for before, now in pairwise([-1, *states])]
    elif "mix" in operation:
        terms = [profile.mix[state] for state in states]
    else:
        bounds = [30 * 60 * 1_000_000, 3 * 60 * 60 * 1_000_000, *(days * DAY for days in (1, 3, 7, 14, 30, 60))]
        gaps = [later.occurred_at - earlier.occurred_at for earlier, later in pairwise(items)]
        terms = [profile.pace[sum(gap >= bound for bound in bounds)] for gap in gaps]
    if operation.startswith("mean_"):
        return float(sum(terms)) / (1e6 * len(terms)) if terms else math.nan
    return float(sum(terms)) / 1e6


def account_value(feature: Feature, colleagues: Sequence[LeadJourney], snapshot_at: int, catalog: Catalog) -> float:
    """Measure what the others of the account did; a selector of a role picks those who have it."""
    days = catalog.params.observation_days
    prefix = "account_role_"
    by_person = []
    for person in colleagues:
        if feature.selector.startswith(prefix) and person.role != feature.selector.removeprefix(prefix):
            continue
        rule = catalog.account_selectors[feature.selector]
        by_person.append([i for i in everything(person) if sees(i, snapshot_at, days) and picks(rule, i)])
    if feature.operation == "active_leads":
        window = (feature.window_days or days) * DAY
        return float(sum(any(i.occurred_at >= snapshot_at - window for i in items) for items in by_person))
    return journey_value(feature, in_order([i for items in by_person for i in items]), snapshot_at, catalog)


def attribute(feature: Feature, value: Any) -> float:
    if value is None or value == "" or value != value:
        return math.nan
    if feature.unit == "category":
        return float(feature.categories.index(value) if value in feature.categories else len(feature.categories))
    return float(value)
