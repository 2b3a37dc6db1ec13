"""A catalog in the kernels' terms: flat tables of what to write where."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from features.built_in import ORDERS, orders_selector, role_selector
from features.buyer_profile import BuyerProfile
from features.catalog import Catalog, Feature
from features.journeys import Journeys
from features.kernels.windows import HALF_LIVES_SEEN
from features.local_time import offsets
from features.operations import ACCOUNT_OPERATIONS, JOURNEY_OPERATIONS
from features.selectors import Selectors, SelectorTables
from features.timeline import DAY_US

__all__ = ["ORDERS_MATCHER", "Plan", "account_tables", "lookups", "plan_of"]

ORDERS_MATCHER = Selectors({ORDERS: orders_selector()})

Tables = tuple[np.ndarray, ...]


class Plan(NamedTuple):
    """What the kernels need to know of a catalog.

    Attributes
    ----------
    own, account, orders : tuple of ndarray of int64, or None
        As the kernels take them: windows, half-lives, reach of decayed counts, features, sections; of the lead's own journey,
        of what its colleagues did, of the account's orders. None: no feature asks for it.
    empty : ndarray of float32
        The journey columns of a lead without touchpoints; the attributes' columns follow them.
    rules : tuple of int
        Longest silence within a visit and shortest of a pause, in microseconds.
    zone : tuple of ndarray of int64
        Offsets of the company's time zone (see `local_time`), and its working hours in microseconds.
    content : ndarray of uint64 [3, words]
        Selectors of awareness, consideration and decision as bits.
    pairs : ndarray of int64 [sequences, 3]
        Column, first and second selector of `days_before`.
    of_entity : tuple of ndarray of int64
        The attributes that each count of missing ones looks at.
    """

    own: Tables
    account: Tables | None
    orders: Tables | None
    empty: np.ndarray
    rules: tuple[int, int]
    zone: Tables
    content: np.ndarray
    pairs: np.ndarray
    of_entity: Tables


@lru_cache(maxsize=16)
def plan_of(catalog: Catalog) -> Plan:
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
    own = [(c, f) for c, f in columns if f.group not in others and f.operation != "days_before"]
    account = [(c, f) for c, f in columns if f.group == "account"]
    orders = [(c, f) for c, f in columns if f.group == "orders"]
    return Plan(
        own=_tables(own, bit, JOURNEY_OPERATIONS, params.observation_days),
        account=_tables(account, list(catalog.account_selectors), ACCOUNT_OPERATIONS, params.observation_days)
        if account
        else None,
        orders=_tables(orders, [ORDERS], JOURNEY_OPERATIONS, params.observation_days) if orders else None,
        empty=np.array([feature.empty for _, feature in columns], dtype=np.float32),
        rules=(params.visit_minutes * 60_000_000, params.pause_days * DAY_US),
        zone=(*offsets(params.time_zone), work),
        content=content,
        pairs=np.array(pairs, dtype=np.int64).reshape(-1, 3),
        of_entity=tuple(
            np.array([i for i, spec in enumerate(catalog.attributes) if spec.entity == entity], dtype=np.int64)
            for entity in counted
        ),
    )


def _tables(
    columns: list[tuple[int, Feature]], selectors: Any, operations: Sequence[str], observation_days: int
) -> Tables:
    bit = {name: position for position, name in enumerate(selectors)}
    halves = sorted({f.window_days or 0 for _, f in columns if f.operation == "decayed_count"})
    windows = {f.window_days for _, f in columns if f.operation != "decayed_count" and f.window_days}
    # the longest window is all that is seen, and stands last
    lengths = [*sorted(windows - {observation_days}), observation_days]
    rows: list[tuple[int, int, int, int]] = []
    for column, feature in columns:
        days = feature.window_days or observation_days
        where = halves.index(days) if feature.operation == "decayed_count" else lengths.index(days)
        rows.append((bit[feature.selector], operations.index(feature.operation), column, where))
    rows.sort()
    keys = np.array([selector * len(operations) + operation for selector, operation, _, _ in rows], dtype=np.int64)
    corners = np.arange(len(bit))[:, None] * len(operations) + np.arange(len(operations) + 1)[None, :]
    reach = [min(observation_days, HALF_LIVES_SEEN * half) for half in halves]
    return (
        np.array(lengths, dtype=np.int64) * DAY_US,
        np.array(halves, dtype=np.int64) * DAY_US,
        np.array(reach, dtype=np.int64) * DAY_US,
        np.array([row[2:] for row in rows], dtype=np.int64).reshape(-1, 2),
        np.searchsorted(keys, corners).astype(np.int64).reshape(-1, len(operations) + 1),
    )


_NEUTRAL = BuyerProfile.neutral()


def lookups(catalog: Catalog, plan: Plan, journeys: Journeys) -> tuple[Any, ...]:
    """Give what single operations need beside the plan, for the vocabulary of some journeys.

    Returns
    -------
    tuple
        rules, zone, each channel's code as a feature, content, the buyer profile's lookup and tables, pairs.
    """
    known = {channel: code for code, channel in enumerate(catalog.known_channels)}
    category = [known.get(channel, len(known)) for channel in journeys.channels]
    profile = catalog.buyer_profile or _NEUTRAL
    states = profile.states.lookup(journeys.kinds, journeys.channels)
    codes = np.array([*category, -1], dtype=np.float32)
    return plan.rules, plan.zone, codes, plan.content, (*states, *profile.tables), plan.pairs


def account_tables(catalog: Catalog, journeys: Journeys) -> SelectorTables:
    """Look up a vocabulary for the selectors over what colleagues did; a sixth table is for the role.

    Row 0 of that table, a missing role, holds the selectors that ask for none.
    """
    tables = catalog.account_matcher.compile(journeys.kinds, journeys.channels, journeys.assets, journeys.campaigns)
    position = {name: bit for bit, name in enumerate(catalog.account_selectors)}
    # roles that differ only in capitals or signs share a selector
    asked = {role: 1 << position[role_selector(role)] for role in catalog.known_roles}
    free = (1 << len(position)) - 1
    for bits in asked.values():
        free &= ~bits
    rows = [free, *(free | asked.get(role, 0) for role in journeys.roles)]
    masks = np.concatenate([tables.masks, np.array(rows, dtype=np.uint64)[:, None]])
    return SelectorTables(masks, np.append(tables.starts, len(tables.masks) + 1))
