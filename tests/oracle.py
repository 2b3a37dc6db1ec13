"""The features by their definition: plain loops over one journey, nothing shared with the engine, no care for speed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from features.catalog import Catalog, Feature
from features.journeys import LeadJourney, OrderRecord, TouchpointRecord
from features.params import SelectorParams
from features.vocabulary import CODED_FIELDS

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
        last = [text(getattr(item, name)) for name in CODED_FIELDS[3:]]
        return item.occurred_at, recorded_at, *texts, value, text(item.touchpoint_id), *last, by

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
    for field in CODED_FIELDS:
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


@dataclass(frozen=True)
class Look:
    """What one feature looks at: the selector's touchpoints in its window, in order, and from when."""

    items: list[TouchpointRecord]
    snapshot_at: int
    days: int
    catalog: Catalog

    @property
    def times(self) -> list[int]:
        return [item.occurred_at for item in self.items]

    @property
    def gaps(self) -> list[int]:
        return [later - earlier for earlier, later in pairwise(self.times)]

    @property
    def visit_begins(self) -> list[int]:
        longest = self.catalog.params.visit_minutes * 60_000_000
        return self.times[:1] + [self.times[j + 1] for j, gap in enumerate(self.gaps) if gap > longest]

    @property
    def returns(self) -> list[int]:
        return [self.times[j + 1] for j, gap in enumerate(self.gaps) if gap > self.catalog.params.pause_days * DAY]

    @property
    def clocks(self) -> list[datetime]:
        zone = ZoneInfo(self.catalog.params.time_zone)
        return [(EPOCH + timedelta(microseconds=time)).astimezone(zone) for time in self.times]

    @property
    def channels(self) -> list[str]:
        return [item.channel for item in self.items if item.channel is not None]

    @property
    def levels(self) -> list[int]:
        return [level for level in (level_of(item, self.catalog) for item in self.items) if level]


DEFINITIONS: dict[str, Callable[[Look], float]] = {}


def defines(name: str) -> Callable[[Callable[[Look], float]], Callable[[Look], float]]:
    def keep(definition: Callable[[Look], float]) -> Callable[[Look], float]:
        DEFINITIONS[name] = definition
        return definition

    return keep


def journey_value(feature: Feature, picked: list[TouchpointRecord], snapshot_at: int, catalog: Catalog) -> float:
    """Measure touchpoints, given in order. The window of a decayed count is its half-life: it looks at all that is seen."""
    days = feature.window_days or catalog.params.observation_days
    if feature.operation == "decayed_count":
        return decayed_count(picked, snapshot_at, days)
    inside = [item for item in picked if snapshot_at - days * DAY <= item.occurred_at]
    return DEFINITIONS[feature.operation](Look(inside, snapshot_at, days, catalog))


def decayed_count(items: list[TouchpointRecord], snapshot_at: int, half_life_days: int) -> float:
    ages = [snapshot_at - item.occurred_at for item in items]
    half_life = half_life_days * DAY
    return math.fsum(2.0 ** (-age / half_life) for age in ages if age <= 32 * half_life)


@defines("count")
def count(look: Look) -> float:
    return float(len(look.items))


@defines("days_since_last")
def days_since_last(look: Look) -> float:
    return (look.snapshot_at - max(look.times)) / DAY if look.items else math.nan


@defines("days_since_first")
def days_since_first(look: Look) -> float:
    return (look.snapshot_at - min(look.times)) / DAY if look.items else math.nan


@defines("distinct_days")
def distinct_days(look: Look) -> float:
    return float(len({date_of(item) for item in look.items}))


@defines("distinct_channels")
def distinct_channels(look: Look) -> float:
    return float(len(set(look.channels)))


@defines("distinct_assets")
def distinct_assets(look: Look) -> float:
    return float(len({item.asset for item in look.items} - {None}))


@defines("sum_value")
def sum_value(look: Look) -> float:
    return sum(round((item.value or 0.0) * 1_000_000) for item in look.items) / 1_000_000


@defines("visits")
def visits(look: Look) -> float:
    return float(len(look.visit_begins))


def usual_gap(look: Look) -> float:
    begins = look.visit_begins
    return (begins[-1] - begins[0]) / (len(begins) - 1) if len(begins) > 1 else math.nan


@defines("mean_gap")
def mean_gap(look: Look) -> float:
    return usual_gap(look) / DAY


@defines("gap_ratio")
def gap_ratio(look: Look) -> float:
    return (look.snapshot_at - look.times[-1]) / usual_gap(look) if look.items else math.nan


@defines("longest_gap")
def longest_gap(look: Look) -> float:
    return max(look.gaps) / DAY if look.gaps else math.nan


@defines("returns")
def returns(look: Look) -> float:
    return float(len(look.returns))


@defines("pauses")
def pauses(look: Look) -> float:
    away = bool(look.items) and look.snapshot_at - look.times[-1] > look.catalog.params.pause_days * DAY
    return float(len(look.returns) + away)


@defines("days_since_return")
def days_since_return(look: Look) -> float:
    return (look.snapshot_at - look.returns[-1]) / DAY if look.returns else math.nan


@defines("busiest_day")
def busiest_day(look: Look) -> float:
    dates = [date_of(item) for item in look.items]
    return float(max((dates.count(date) for date in dates), default=0))


@defines("trend")
def trend(look: Look) -> float:
    late = sum(time >= look.snapshot_at - look.days * DAY // 4 for time in look.times)
    return 3 * late / (3 * late + len(look.items) - late) if look.items else math.nan


@defines("acceleration")
def acceleration(look: Look) -> float:
    late = sum(time >= look.snapshot_at - look.days * DAY // 2 for time in look.times)
    return (2 * late - len(look.items)) / (0.5 * look.days)


@defines("weekend_share")
def weekend_share(look: Look) -> float:
    return sum(clock.weekday() >= 5 for clock in look.clocks) / len(look.clocks) if look.clocks else math.nan


@defines("working_hours_share")
def working_hours_share(look: Look) -> float:
    begin, end = look.catalog.params.working_hours
    working = [clock.weekday() < 5 and begin <= clock.hour < end for clock in look.clocks]
    return sum(working) / len(working) if working else math.nan


@defines("channel_switches")
def channel_switches(look: Look) -> float:
    return float(sum(one != other for one, other in pairwise(look.channels)))


def code_of(channel: str, catalog: Catalog) -> float:
    known = catalog.known_channels
    return float(known.index(channel) if channel in known else len(known))


@defines("first_channel")
def first_channel(look: Look) -> float:
    return code_of(look.channels[0], look.catalog) if look.channels else math.nan


@defines("last_channel")
def last_channel(look: Look) -> float:
    return code_of(look.channels[-1], look.catalog) if look.channels else math.nan


@defines("deepest_content")
def deepest_content(look: Look) -> float:
    return float(max(look.levels, default=0))


@defines("mean_content")
def mean_content(look: Look) -> float:
    return sum(look.levels) / len(look.levels) if look.levels else math.nan


@defines("step_backs")
def step_backs(look: Look) -> float:
    return float(sum(pair == (3, 1) for pair in pairwise(look.levels)))


def states_of(look: Look) -> list[int]:
    pairs = list(look.catalog.buyer_profile.states.pairs)
    states = [(item.kind, item.channel) for item in look.items]
    return [pairs.index(state) if state in pairs else len(pairs) for state in states]


@defines("progress")
def progress(look: Look) -> float:
    milestone = look.catalog.buyer_profile.milestone
    whole = sum(milestone)
    return float(sum(milestone[state] for state in set(states_of(look)))) / float(whole) if whole else 0.0


def transition_terms(look: Look) -> list[int]:
    transition = look.catalog.buyer_profile.transition
    return [transition[before + 1][now] for before, now in pairwise([-1, *states_of(look)])]


def mix_terms(look: Look) -> list[int]:
    return [look.catalog.buyer_profile.mix[state] for state in states_of(look)]


def pace_terms(look: Look) -> list[int]:
    bounds = [30 * 60 * 1_000_000, 3 * 60 * 60 * 1_000_000, *(days * DAY for days in (1, 3, 7, 14, 30, 60))]
    return [look.catalog.buyer_profile.pace[sum(gap >= bound for bound in bounds)] for gap in look.gaps]


def total(terms: list[int]) -> float:
    return float(sum(terms)) / 1e6


def mean(terms: list[int]) -> float:
    return float(sum(terms)) / (1e6 * len(terms)) if terms else math.nan


for ratio, terms_of in (("transition", transition_terms), ("mix", mix_terms), ("pace", pace_terms)):
    defines(f"{ratio}_likeness")(lambda look, terms_of=terms_of: total(terms_of(look)))
    defines(f"mean_{ratio}_likeness")(lambda look, terms_of=terms_of: mean(terms_of(look)))


def date_of(item: TouchpointRecord) -> Any:
    return (EPOCH + timedelta(microseconds=item.occurred_at)).date()


def level_of(item: TouchpointRecord, catalog: Catalog) -> int:
    content = catalog.params.content
    for level, names in ((3, content.decision), (2, content.consideration), (1, content.awareness)):
        if any(picks(catalog.selectors[name], item) for name in names):
            return level
    return 0


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
