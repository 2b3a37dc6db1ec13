"""A catalog in the kernel's terms: flat tables of what to write where."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from features.catalog import Catalog
from features.kernels.fold import HALF_LIVES_SEEN, OPERATIONS
from features.timeline import DAY_US

__all__ = ["Plan", "plan_of"]


class Plan(NamedTuple):
    """What the kernel needs to know of a catalog.

    Attributes
    ----------
    tables : tuple of ndarray of int64
        As `kernels.fold` takes them: windows, half-lives, reach of decayed counts, features, sections.
    empty : ndarray of float32
        The journey columns of a lead without touchpoints; the attributes' columns follow them.
    """

    tables: tuple[np.ndarray, ...]
    empty: np.ndarray


@lru_cache(maxsize=16)
def plan_of(catalog: Catalog) -> Plan:
    """Translate a catalog.

    Parameters
    ----------
    catalog : Catalog
        Journey features come before attributes.
    """
    journey = [feature for feature in catalog.features if feature.operation != "attribute"]
    bit = {name: position for position, name in enumerate(catalog.selectors)}
    halves = sorted({f.window_days or 0 for f in journey if f.operation == "decayed_count"})
    windows = {f.window_days for f in journey if f.operation != "decayed_count" and f.window_days}
    # the longest window is all that is seen, and stands last
    lengths = [*sorted(windows - {catalog.observation_days}), catalog.observation_days]

    rows: list[tuple[int, int, int, int]] = []
    for column, feature in enumerate(journey):
        days = feature.window_days or catalog.observation_days
        where = halves.index(days) if feature.operation == "decayed_count" else lengths.index(days)
        rows.append((bit[feature.selector], OPERATIONS.index(feature.operation), column, where))
    rows.sort()
    keys = np.array([selector * len(OPERATIONS) + operation for selector, operation, _, _ in rows], dtype=np.int64)
    corners = np.arange(len(bit))[:, None] * len(OPERATIONS) + np.arange(len(OPERATIONS) + 1)[None, :]
    reach = [min(catalog.observation_days, HALF_LIVES_SEEN * half) for half in halves]
    return Plan(
        tables=(
            np.array(lengths, dtype=np.int64) * DAY_US,
            np.array(halves, dtype=np.int64) * DAY_US,
            np.array(reach, dtype=np.int64) * DAY_US,
            np.array([row[2:] for row in rows], dtype=np.int64).reshape(-1, 2),
            np.searchsorted(keys, corners).astype(np.int64),
        ),
        empty=np.array([feature.empty for feature in journey], dtype=np.float32),
    )
