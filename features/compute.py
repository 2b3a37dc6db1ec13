"""`compute_features`: the one entry point, offline for millions of snapshots and online for one."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from features import kernels, timeline
from features.attributes import AttributeSpec, AttributeValues, encode
from features.catalog import Catalog, build_catalog
from features.errors import JourneyError
from features.journeys import CREATED, STAGE_PREFIX, Journeys, LeadJourney, TouchpointRecord
from features.params import FeaturesParams

__all__ = [
    "AttributeValues",
    "Snapshots",
    "compute_features",
    "ignored_touchpoints",
    "unknown_categories",
    "unknown_values",
    "warm_up",
]

_SECTIONS = {
    "count": kernels.COUNT,
    "decayed_count": kernels.DECAYED_COUNT,
    "days_since_last": kernels.DAYS_SINCE_LAST,
    "days_since_first": kernels.DAYS_SINCE_FIRST,
    "distinct_days": kernels.DISTINCT,
    "distinct_channels": kernels.DISTINCT,
    "distinct_assets": kernels.DISTINCT,
    "sum_value": kernels.SUM_VALUE,
}
_DISTINCT_FIELDS = {
    "distinct_days": kernels.DAY,
    "distinct_channels": kernels.CHANNEL,
    "distinct_assets": kernels.ASSET,
}

# below this many touchpoints and cells a thread costs more than it saves
_WORTH_A_THREAD = 200_000
_CHUNKS_PER_THREAD = 4


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Moments at which leads are looked at; one row each, in any order.

    Attributes
    ----------
    lead_index : ndarray of int64 [rows]
        Positions in `Journeys.lead_ids`.
    snapshot_at : ndarray of int64 [rows]
        UTC microseconds.
    """

    lead_index: np.ndarray
    snapshot_at: np.ndarray

    def __post_init__(self) -> None:
        for name in ("lead_index", "snapshot_at"):
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
                raise JourneyError(
                    f"snapshots: {name} has type {array.dtype} and {array.ndim} dimension(s); expected whole numbers in one "
                    "dimension. Convert moments with features.timeline.to_micros.",
                    field=name,
                )
            object.__setattr__(self, name, np.array(array, dtype=np.int64))
        if len(self.lead_index) != len(self.snapshot_at):
            raise JourneyError(
                f"snapshots: {len(self.lead_index)} values of lead_index, {len(self.snapshot_at)} of snapshot_at. "
                "Give one of each per snapshot.",
                field="snapshot_at",
            )

    def __len__(self) -> int:
        """Count the snapshots."""
        return len(self.lead_index)


@dataclass(frozen=True)
class _Plan:
    """A catalog in the kernel's terms; see `kernels.fold` for the arrays."""

    windows: np.ndarray
    observation_us: int
    half_lives: np.ndarray
    decay_us: np.ndarray
    pairs: np.ndarray
    pair_begin: np.ndarray
    pair_ids: np.ndarray
    sum_slot: np.ndarray
    features: np.ndarray
    sections: np.ndarray
    first_attribute: int


@lru_cache(maxsize=16)
def _plan(catalog: Catalog) -> _Plan:
    journey = [feature for feature in catalog.features if feature.operation != "attribute"]
    bit = {name: position for position, name in enumerate(catalog.selectors)}
    halves = sorted({f.window_days or 0 for f in journey if f.operation == "decayed_count"})
    windows = sorted({f.window_days or catalog.observation_days for f in journey if f.operation != "decayed_count"})
    pairs = sorted(
        {(bit[f.selector], _DISTINCT_FIELDS[f.operation]) for f in journey if f.operation in _DISTINCT_FIELDS}
    )
    sums = sorted({bit[f.selector] for f in journey if f.operation == "sum_value"})

    rows: list[tuple[int, int, int, int]] = []
    for column, feature in enumerate(journey):
        selector = bit[feature.selector]
        days = feature.window_days or catalog.observation_days
        where = halves.index(days) if feature.operation == "decayed_count" else windows.index(days)
        if feature.operation in _DISTINCT_FIELDS:
            what = pairs.index((selector, _DISTINCT_FIELDS[feature.operation]))
        elif feature.operation == "sum_value":
            what = sums.index(selector)
        else:
            what = selector
        rows.append((_SECTIONS[feature.operation], column, what, where))
    rows.sort()
    of_section = np.array([row[0] for row in rows], dtype=np.int64)
    seen = kernels.HALF_LIVES_SEEN
    sum_slot = np.full(len(bit), -1, dtype=np.int64)
    sum_slot[sums] = np.arange(len(sums))
    return _Plan(
        windows=np.array(windows, dtype=np.int64) * timeline.DAY_US,
        observation_us=catalog.observation_days * timeline.DAY_US,
        half_lives=np.array(halves, dtype=np.int64) * timeline.DAY_US,
        decay_us=np.array([min(catalog.observation_days, seen * half) for half in halves], dtype=np.int64)
        * timeline.DAY_US,
        pairs=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        pair_begin=np.searchsorted([pair[0] for pair in pairs], np.arange(len(bit) + 1)).astype(np.int64),
        pair_ids=np.arange(len(pairs), dtype=np.int64),
        sum_slot=sum_slot,
        features=np.array([row[1:] for row in rows], dtype=np.int64).reshape(-1, 3),
        sections=np.searchsorted(of_section, np.arange(len(set(_SECTIONS.values())) + 1)).astype(np.int64),
        first_attribute=len(journey),
    )


def compute_features(
    journeys: Journeys,
    snapshots: Snapshots,
    catalog: Catalog,
    attributes: AttributeValues | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Compute what was known about each lead at each snapshot; one row per snapshot, in the order of `snapshots`.

    A snapshot sees touchpoints with ``occurred_at`` in ``[snapshot_at - observation_days, snapshot_at)`` and
    ``recorded_at < snapshot_at``; a window of n days those in ``[snapshot_at - n days, snapshot_at)``. A row depends on its own
    lead's journey, attributes and moment only: other leads, other snapshots, their order and the number of threads change no
    bit of it.

    Operations, per selector: `count`, `sum_value` (the touchpoints' values), `distinct_days` (calendar days in UTC),
    `distinct_channels` and `distinct_assets` (missing is not one); `days_since_last` and `days_since_first` (fractions of 24
    hours; NaN: none); `decayed_count`, the sum of ``2 ** (-age / half_life)`` over what is seen, each term rounded to 2**-25
    of itself, terms older than 32 half-lives left out.

    Parameters
    ----------
    journeys : Journeys
        Of at least the leads that the snapshots name.
    snapshots : Snapshots
        Rows.
    catalog : Catalog
        Columns.
    attributes : mapping of str to sequence, optional
        Attribute to values, one per snapshot; an attribute that is not there is missing in every row, one that the catalog
        does not name is not looked at.
    threads : int, optional
        At most so many; None: as many as this process may use. Small work never starts one.

    Returns
    -------
    ndarray of float32 [snapshots, features]
        In catalog order. No touchpoint: 0, for `days_since_*` NaN. Missing attribute: NaN.

    Raises
    ------
    JourneyError
        If a snapshot names a lead that is not there, or an attribute has the wrong type.

    Examples
    --------
    >>> from features.journeys import TouchpointRecord
    >>> day = timeline.DAY_US
    >>> params = FeaturesParams(
    ...     observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement",), selectors={}
    ... )
    >>> visits = [TouchpointRecord("page_view", occurred_at) for occurred_at in (0, 3 * day, 10 * day)]
    >>> journeys = Journeys.from_records([LeadJourney("L-1", visits)])
    >>> row = compute_features(journeys, Snapshots(np.array([0]), np.array([10 * day])), build_catalog(params, []))[0]
    >>> row[:4].tolist()  # in [3, 10) days, in [-20, 10), days since the last, since the first
    [1.0, 2.0, 7.0, 10.0]
    """
    plan = _plan(catalog)
    rows = len(snapshots)
    if rows and (snapshots.lead_index.min() < 0 or snapshots.lead_index.max() >= len(journeys)):
        wrong = int(np.flatnonzero((snapshots.lead_index < 0) | (snapshots.lead_index >= len(journeys)))[0])
        raise JourneyError(
            f"snapshot {wrong}: lead_index is {snapshots.lead_index[wrong]}; there are {len(journeys)} leads, counted from 0. "
            "Index the journeys handed in.",
            field="lead_index",
        )
    out = np.empty((rows, len(catalog)), dtype=np.float32)
    if catalog.attributes:
        ids, of = journeys.lead_ids, snapshots.lead_index
        encoded, _ = encode(attributes or {}, catalog.attributes, rows, lambda row: ids[of[row]])
        out[:, plan.first_attribute :] = encoded
    if plan.first_attribute and rows:
        _fold(journeys, snapshots, catalog, plan, out, threads)
    return out


def _fold(
    journeys: Journeys, snapshots: Snapshots, catalog: Catalog, plan: _Plan, out: np.ndarray, threads: int | None
) -> None:
    lead, at = snapshots.lead_index, snapshots.snapshot_at
    order = np.arange(len(lead))
    if len(lead) > 1 and not ((lead[1:] > lead[:-1]) | ((lead[1:] == lead[:-1]) & (at[1:] >= at[:-1]))).all():
        order = np.lexsort((at, lead))
        lead, at = lead[order], at[order]
    snapshot_offsets = np.zeros(len(journeys) + 1, dtype=np.int64)
    np.cumsum(np.bincount(lead, minlength=len(journeys)), out=snapshot_offsets[1:])
    tables = catalog.matcher.compile(journeys.kinds, journeys.channels, journeys.assets, journeys.campaigns)

    def fold(lead_from: int, lead_until: int) -> None:
        kernels.fold(
            lead_from,
            lead_until,
            journeys.offsets,
            journeys.occurred_at,
            journeys.recorded_at,
            journeys.kind,
            journeys.channel,
            journeys.asset,
            journeys.campaign,
            journeys.by,
            journeys.value,
            (len(journeys.channels), len(journeys.assets)),
            tables.masks,
            tables.starts,
            snapshot_offsets,
            at,
            order,
            plan.windows,
            plan.observation_us,
            plan.half_lives,
            plan.decay_us,
            plan.pairs,
            plan.pair_begin,
            plan.pair_ids,
            plan.sum_slot,
            plan.features,
            plan.sections,
            out,
        )

    work = len(journeys.occurred_at) + out.size // 10
    workers = 1
    if work >= _WORTH_A_THREAD:
        workers = threads if threads is not None else len(os.sched_getaffinity(0))
    if workers <= 1:
        fold(0, len(journeys))
        return
    cost = np.cumsum(np.diff(journeys.offsets) + np.diff(snapshot_offsets) * (len(catalog) // 10 + 1))
    parts = workers * _CHUNKS_PER_THREAD
    bounds = [0, *np.searchsorted(cost, cost[-1] * np.arange(1, parts) // parts).tolist(), len(journeys)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(fold, begin, end) for begin, end in zip(bounds[:-1], bounds[1:], strict=True)]:
            done.result()


def unknown_values(journeys: Journeys, catalog: Catalog) -> list[list[tuple[str, str]]]:
    """List, per lead, the kinds and channels of its journey that training never saw; for warnings only.

    They still count in `all` and wherever a selector's pattern fits.

    Parameters
    ----------
    journeys : Journeys
        All touchpoints are looked at, future ones too. Stage changes and the creation are not.
    catalog : Catalog
        An empty list of known values means that none was recorded: nothing is reported.

    Returns
    -------
    list of list of (field, value)
        One list per lead, sorted; field is "kind" or "channel".
    """
    found: list[set[tuple[str, str]]] = [set() for _ in range(len(journeys))]
    for field, values, codes, known in (
        ("kind", journeys.kinds, journeys.kind, set(catalog.known_kinds)),
        ("channel", journeys.channels, journeys.channel, set(catalog.known_channels)),
    ):
        if not known:
            continue
        new = [value not in known for value in values]
        if field == "kind":
            new = [
                is_new and value != CREATED and not value.startswith(STAGE_PREFIX)
                for is_new, value in zip(new, values, strict=True)
            ]
        if not any(new):
            continue
        rows = np.flatnonzero(np.array([*new, False])[codes])  # code -1, missing, looks up the last entry
        leads = np.searchsorted(journeys.offsets, rows, side="right") - 1
        for lead, code in set(zip(leads.tolist(), codes[rows].tolist(), strict=True)):
            found[lead].add((field, values[code]))
    return [sorted(pairs) for pairs in found]


def ignored_touchpoints(journeys: Journeys, snapshots: Snapshots) -> np.ndarray:
    """Count, per snapshot, the lead's touchpoints and stage changes that it can't see because they were still to come.

    Parameters
    ----------
    journeys : Journeys
        Of at least the leads that the snapshots name.
    snapshots : Snapshots
        Rows.

    Returns
    -------
    ndarray of int64 [snapshots]
        How many occurred, or were recorded, at or after `snapshot_at`. The lead's creation counts too.
    """
    out = np.zeros(len(snapshots), dtype=np.int64)
    known_after = np.maximum(journeys.occurred_at, journeys.recorded_at)
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        mine = known_after[journeys.offsets[lead] : journeys.offsets[lead + 1]]
        out[row] = len(mine) - np.count_nonzero(timeline.before(mine, at))
    return out


def unknown_categories(
    attributes: AttributeValues, catalog: Catalog, rows: int | None = None
) -> list[list[tuple[str, str]]]:
    """List, per snapshot, the categories without a code of their own: never seen in training, or rare there.

    Parameters
    ----------
    attributes : mapping of str to sequence
        As for `compute_features`.
    catalog : Catalog
        With the known categories.
    rows : int, optional
        Number of snapshots; needed only when `attributes` may be empty.

    Returns
    -------
    list of list of (attribute, value)
    """
    specs: Sequence[AttributeSpec] = [spec for spec in catalog.attributes if spec.type == "category"]
    return encode(attributes, specs, rows)[1]


def warm_up() -> None:
    """Compile the kernel, or load it from numba's cache on disk, so that the first request does not wait for it."""
    params = FeaturesParams(
        observation_days=30, windows_days=(7,), half_lives_days=(7,), groups=("engagement", "stages"), selectors={}
    )
    lead = LeadJourney("warm-up", [TouchpointRecord("page_view", 0)], created_at=0)
    snapshots = Snapshots(np.array([0]), np.array([timeline.DAY_US]))
    compute_features(Journeys.from_records([lead]), snapshots, build_catalog(params, []))
