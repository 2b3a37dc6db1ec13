"""`compute_features`: the one entry point, offline for millions of snapshots and online for one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features import timeline
from features.attributes import AttributeValues, encode
from features.catalog import Catalog, build_catalog
from features.errors import JourneyError
from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.kernels import account as account_kernel
from features.kernels import fold as kernel
from features.kernels.structs import Plan
from features.kernels.structs import Snapshots as SortedSnapshots
from features.kernels.structs_account import AccountSnapshots
from features.params import FeaturesParams
from features.plan import ORDERS_MATCHER, CatalogPlan, account_masks, lookups, plan_of
from features.records import moment_error
from features.selectors import Selectors
from features.threads import run_in_ranges

__all__ = [
    "AttributeValues",
    "Snapshots",
    "compute_features",
    "warm_up",
]

_ONE = np.array([0, 1], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Snapshots: a lead and a moment each, in any order.

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
        """Check and copy the arrays."""
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
        at = self.snapshot_at
        if len(at) and not (at.min() >= timeline.EARLIEST and at.max() <= timeline.LATEST):
            row = int(np.flatnonzero((at < timeline.EARLIEST) | (at > timeline.LATEST))[0])
            raise moment_error(int(at[row]), "snapshot_at", f"snapshot {row}")

    def __len__(self) -> int:
        """Count the snapshots."""
        return len(self.lead_index)


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
    lead's journey, attributes and moment only, and on its account where columns speak of that: leads of other accounts, other
    snapshots, their order and the number of threads change no bit of it.

    `features.meaning` says what each operation measures, ADR 9 how it is defined. Columns of the group `account` see the
    touchpoints of the other leads of the lead's account in `journeys`, by the same rule, and never the lead's own; columns of
    the group `orders` see the account's orders before the snapshot.

    Parameters
    ----------
    journeys : Journeys
        Of at least the leads that the snapshots name, and of the other leads of their accounts.
    snapshots : Snapshots
        Rows.
    catalog : Catalog
        Columns.
    attributes : mapping of str to sequence, optional
        Attribute to values, one per snapshot; an attribute that is not there is missing in every row, one that the catalog
        does not name is ignored.
    threads : int, optional
        At most so many; None: as many as this process may use. Small work never starts one.

    Returns
    -------
    ndarray of float32 [snapshots, features]
        In catalog order. No touchpoint: `Feature.empty`. Missing attribute: NaN.

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
    plan = plan_of(catalog)
    rows = len(snapshots)
    if rows and (snapshots.lead_index.min() < 0 or snapshots.lead_index.max() >= len(journeys)):
        wrong = int(np.flatnonzero((snapshots.lead_index < 0) | (snapshots.lead_index >= len(journeys)))[0])
        raise JourneyError(
            f"snapshot {wrong}: lead_index is {snapshots.lead_index[wrong]}; there are {len(journeys)} leads, counted from 0. "
            "Index the journeys handed in.",
            field="lead_index",
        )
    out = np.empty((rows, len(catalog)), dtype=np.float32)
    _write_attributes(journeys, snapshots, catalog, attributes or {}, plan.of_entity, out[:, len(plan.empty) :])
    if len(plan.empty) and rows:
        lead, at = snapshots.lead_index, snapshots.snapshot_at
        _fold(journeys, lead, at, np.arange(rows), catalog.matcher, plan.own, catalog, plan, out, threads)
        if plan.account is not None and len(journeys) > 1:
            _fold_accounts(journeys, lead, at, catalog, plan.account, out, threads)
        if plan.orders is not None and journeys.orders is not None:
            bought, account = journeys.orders, journeys.account[lead]
            with_account = np.flatnonzero(account >= 0)
            # its columns are filled already, and sequences are a matter of the lead's own journey
            plain = plan._replace(empty=plan.empty[:0], pairs=plan.pairs[:0])
            _fold(
                bought,
                account[with_account],
                at[with_account],
                with_account,
                ORDERS_MATCHER,
                plan.orders,
                catalog,
                plain,
                out,
                threads,
            )
    return out


def _write_attributes(
    journeys: Journeys,
    snapshots: Snapshots,
    catalog: Catalog,
    values: AttributeValues,
    of_entity: Sequence[np.ndarray],
    out: np.ndarray,
) -> None:
    """Fill the columns of the group `attributes`: how many are missing, per entity, then their values."""
    specs = catalog.attributes
    if not specs:
        return
    ids, of = journeys.lead_ids, snapshots.lead_index
    encoded, _ = encode(values, specs, len(snapshots), lambda row: ids[of[row]])
    counts = out.shape[1] - len(specs)
    unknown = np.isnan(encoded)
    for column, attribute_columns in enumerate(of_entity):
        out[:, column] = unknown[:, attribute_columns].sum(axis=1)
    out[:, counts:] = encoded


def _by_time(group: np.ndarray, at: np.ndarray, groups: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Sort snapshots by group and time: their order (None: as they stand), and where each group's begin."""
    if groups == 1 and len(group) == 1:
        return None, _ONE
    order = None
    if len(group) > 1 and not ((group[1:] > group[:-1]) | ((group[1:] == group[:-1]) & (at[1:] >= at[:-1]))).all():
        order = np.lexsort((at, group))
    offsets = np.zeros(groups + 1, dtype=np.int64)
    np.cumsum(np.bincount(group, minlength=groups), out=offsets[1:])
    return order, offsets


def _fold(
    journeys: Journeys,
    lead: np.ndarray,
    at: np.ndarray,
    row: np.ndarray,
    matcher: Selectors,
    plan: Plan,
    catalog: Catalog,
    of_catalog: CatalogPlan,
    out: np.ndarray,
    threads: int | None,
) -> None:
    order, snapshot_offsets = _by_time(lead, at, len(journeys))
    if order is not None:
        at, row = at[order], row[order]
    selectors = matcher.compile(journeys.vocabulary)
    offsets, columns, needed = journeys.offsets, journeys.columns, lookups(catalog, of_catalog, journeys)
    snapshots, empty, features = SortedSnapshots(snapshot_offsets, at, row), of_catalog.empty, len(plan.features)

    def fold(begin: int, end: int) -> None:
        kernel.fold(begin, end, offsets, columns, selectors, snapshots, plan, needed, empty, out)

    def cost() -> np.ndarray:
        return np.asarray(np.diff(offsets) + np.diff(snapshot_offsets) * (features // 10 + 1))

    run_in_ranges(fold, len(journeys), cost, len(journeys.occurred_at) + len(row) * features // 10, threads)


def _fold_accounts(
    journeys: Journeys,
    lead: np.ndarray,
    at: np.ndarray,
    catalog: Catalog,
    plan: Plan,
    out: np.ndarray,
    threads: int | None,
) -> None:
    accounts = len(journeys.account_ids)
    sizes = np.bincount(journeys.account[journeys.account >= 0], minlength=accounts)
    # without a colleague there is nothing to look at
    row = np.flatnonzero((journeys.account[lead] >= 0) & (np.append(sizes, 0)[journeys.account[lead]] > 1))
    if not len(row):
        return
    account = journeys.account[lead[row]]
    order, snapshot_offsets = _by_time(account, at[row], accounts)
    row = row if order is None else row[order]
    account_offsets = np.zeros(accounts + 1, dtype=np.int64)
    np.cumsum(sizes, out=account_offsets[1:])
    members = np.argsort(journeys.account, kind="stable")[len(journeys) - account_offsets[-1] :]
    selectors, columns, offsets = account_masks(catalog, journeys), journeys.columns, journeys.offsets
    snapshots = AccountSnapshots(snapshot_offsets, at[row], row, lead[row])

    def fold(begin: int, end: int) -> None:
        account_kernel.fold_accounts(
            begin, end, account_offsets, members, offsets, columns, journeys.role, journeys.role_known_at, selectors,
            snapshots, plan, out,
        )  # fmt: skip

    touchpoints = np.bincount(
        journeys.account[journeys.account >= 0], np.diff(offsets)[journeys.account >= 0], accounts
    )
    cost = touchpoints + np.diff(snapshot_offsets) * (len(plan.features) // 3 + 1)
    run_in_ranges(fold, accounts, lambda: cost, int(cost.sum()), threads)


def warm_up(catalog: Catalog | None = None) -> None:
    """Compile the kernels, or load what was compiled before, so that the first request does not wait for it.

    Parameters
    ----------
    catalog : Catalog, optional
        Whose kernels to make ready; None: those that every catalog needs.
    """
    accounts = catalog is not None and plan_of(catalog).account is not None
    params = FeaturesParams(
        observation_days=30,
        windows_days=(7,),
        half_lives_days=(7,),
        groups=("engagement", "account") if accounts else ("engagement",),
        selectors={},
    )
    people = [
        LeadJourney(name, [TouchpointRecord("page_view", 0)], created_at=0, account_id="A") for name in ("L-1", "L-2")
    ]
    snapshots = Snapshots(np.array([0]), np.array([timeline.DAY_US]))
    compute_features(Journeys.from_records(people), snapshots, build_catalog(params, []))
