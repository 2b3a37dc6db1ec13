"""A catalog in the kernels' terms: flat tables of what to write where."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from features.built_in import ORDERS, orders_selector, role_selector
from features.buyer_profile import BuyerProfile
from features.catalog import Catalog, Feature
from features.journeys import Journeys
from features.kernels.structs import Lookups, Plan, Rules, SelectorMasks, Zone
from features.kernels.windows import HALF_LIVES_SEEN
from features.local_time import offsets
from features.operations import OPERATIONS
from features.selectors import Selectors
from features.timeline import DAY_US

__all__ = ["ORDERS_MATCHER", "CatalogPlan", "account_masks", "lookups", "plan_of"]

ORDERS_MATCHER = Selectors({ORDERS: orders_selector()})


class CatalogPlan(NamedTuple):
    """What the kernels need to know of a catalog.

    Attributes
    ----------
    own, account, orders : Plan or None
        Of the lead's own journey, of what its colleagues did, of the account's orders. None: no feature asks for it.
    empty : ndarray of float32
        The journey columns of a lead without touchpoints; the attributes' columns follow them.
    rules, zone, content, pairs
        As in `Lookups`.
    of_entity : tuple of ndarray of int64
        For each count of missing attributes, the attributes that it covers.
    """

    own: Plan
    account: Plan | None
    orders: Plan | None
    empty: np.ndarray
    rules: Rules
    zone: Zone
    content: np.ndarray
    pairs: np.ndarray
    of_entity: tuple[np.ndarray, ...]


@lru_cache(maxsize=16)
def plan_of(catalog: Catalog) -> CatalogPlan:
    """Translate a catalog.

    Parameters
    ----------
    catalog : Catalog
        Journey features come before attributes.
    """
    columns = [(c, f) for c, f in enumerate(catalog.features) if f.group != "attributes"]
    counted = [f.selector for f in catalog.features[len(columns) : len(catalog) - len(catalog.attributes)]]
    params = catalog.params
    bit = {name: position for position, name in enumerate(catalog.selectors)}
    content = np.zeros((3, catalog.matcher.words), dtype=np.uint64)
    for level, names in enumerate((params.content.awareness, params.content.consideration, params.content.decision)):
        for name in names:
            content[level, bit[name] // 64] |= np.uint64(1 << (bit[name] % 64))
    pairs = [(c, bit[f.selector], bit[f.other]) for c, f in columns if f.operation == "days_before"]
    hour = DAY_US // 24
    work = np.array([params.working_hours[0] * hour, params.working_hours[1] * hour], dtype=np.int64)
    others = ("account", "orders")
    lead_columns = [(c, f) for c, f in columns if f.group not in others and f.operation != "days_before"]
    account_columns = [(c, f) for c, f in columns if f.group == "account"]
    order_columns = [(c, f) for c, f in columns if f.group == "orders"]
    return CatalogPlan(
        own=_plan(lead_columns, bit, params.observation_days),
        account=_plan(account_columns, list(catalog.account_selectors), params.observation_days)
        if account_columns
        else None,
        orders=_plan(order_columns, [ORDERS], params.observation_days) if order_columns else None,
        empty=np.array([feature.empty for _, feature in columns], dtype=np.float32),
        rules=Rules(params.visit_minutes * 60_000_000, params.pause_days * DAY_US),
        zone=Zone(*offsets(params.time_zone), work),
        content=content,
        pairs=np.array(pairs, dtype=np.int64).reshape(-1, 3),
        of_entity=tuple(
            np.array([i for i, spec in enumerate(catalog.attributes) if spec.entity == entity], dtype=np.int64)
            for entity in counted
        ),
    )


def _plan(columns: list[tuple[int, Feature]], selectors: Any, observation_days: int) -> Plan:
    bit = {name: position for position, name in enumerate(selectors)}
    halves = sorted({f.window_days or 0 for _, f in columns if f.operation == "decayed_count"})
    windows = {f.window_days for _, f in columns if f.operation != "decayed_count" and f.window_days}
    # the longest window is all that is seen, and stands last
    lengths = [*sorted(windows - {observation_days}), observation_days]
    operations = tuple(OPERATIONS)
    rows: list[tuple[int, int, int, int]] = []
    for column, feature in columns:
        days = feature.window_days or observation_days
        where = halves.index(days) if feature.operation == "decayed_count" else lengths.index(days)
        rows.append((bit[feature.selector], operations.index(feature.operation), column, where))
    rows.sort()
    keys = np.array([selector * len(operations) + operation for selector, operation, _, _ in rows], dtype=np.int64)
    corners = np.arange(len(bit))[:, None] * len(operations) + np.arange(len(operations) + 1)[None, :]
    reach = [min(observation_days, HALF_LIVES_SEEN * half) for half in halves]
    asked = np.zeros(len(bit), dtype=np.int64)
    for selector, operation, _, _ in rows:
        asked[selector] |= 1 << operation
    return Plan(
        np.array(lengths, dtype=np.int64) * DAY_US,
        np.array(halves, dtype=np.int64) * DAY_US,
        np.array(reach, dtype=np.int64) * DAY_US,
        np.array([row[2:] for row in rows], dtype=np.int64).reshape(-1, 2),
        np.searchsorted(keys, corners).astype(np.int64).reshape(-1, len(operations) + 1),
        asked,
    )


_NEUTRAL = BuyerProfile.neutral()


def lookups(catalog: Catalog, plan: CatalogPlan, journeys: Journeys) -> Lookups:
    """Give what single operations need in addition to the plan, for the vocabulary of these journeys."""
    channel_codes = {channel: code for code, channel in enumerate(catalog.known_channels)}
    category = [channel_codes.get(channel, len(channel_codes)) for channel in journeys.channels]
    profile = catalog.buyer_profile or _NEUTRAL
    states = profile.states.lookup(journeys.kinds, journeys.channels)
    codes = np.array([*category, -1], dtype=np.float32)
    return Lookups(plan.rules, plan.zone, codes, plan.content, states, profile.ratios, plan.pairs)


def account_masks(catalog: Catalog, journeys: Journeys) -> SelectorMasks:
    """Look up a vocabulary for the selectors over what colleagues did; a sixth table is for the role.

    Row 0 of that table, a missing role, holds the selectors that ask for none.
    """
    tables = catalog.account_matcher.compile(journeys.kinds, journeys.channels, journeys.assets, journeys.campaigns)
    position = {name: bit for bit, name in enumerate(catalog.account_selectors)}
    # roles that differ only in capitals or signs share a selector
    bits_of_role = {role: 1 << position[role_selector(role)] for role in catalog.known_roles}
    free = (1 << len(position)) - 1
    for bits in bits_of_role.values():
        free &= ~bits
    rows = [free, *(free | bits_of_role.get(role, 0) for role in journeys.roles)]
    masks = np.concatenate([tables.masks, np.array(rows, dtype=np.uint64)[:, None]])
    return SelectorMasks(masks, np.append(tables.starts, len(tables.masks) + 1))
