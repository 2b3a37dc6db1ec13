"""Whether a lead is one of those that a model learned from; the rule is `answers.risk_set`, as for training's snapshots."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np

from features.compute import Snapshots
from features.journeys import CREATED, STAGE_PREFIX, Journeys
from features.records import MQL
from features.selectors import BY
from features.timeline import ALWAYS, DAY_US, before, seen_at_once, window_start
from models.answers.risk_set import (
    CUSTOMERS,
    ENDS,
    STARTS,
    RiskPeriod,
    RiskSet,
    at_risk,
    customer_since,
    in_order,
    is_customer,
    periods_of,
)
from models.bundle import Bundle

__all__ = ["OUTSIDE", "Outside", "open_since", "outside_population", "without_touchpoints"]

Outside = Literal["not_yet_created", "not_mql", "past_expiry", "closed", "not_customer"]
OUTSIDE: tuple[Outside, ...] = get_args(Outside)
"""Why a lead is outside of a model's population."""

# Groups of features that speak of something else than the lead's own touchpoints.
_OTHER_GROUPS = ("account", "orders", "stages", "attributes")
_SYSTEM = BY.index("system")


def outside_population(journeys: Journeys, snapshots: Snapshots, risk_set: RiskSet) -> list[Outside | None]:
    """Give per snapshot why its lead is outside the model's population; None: it is inside, or nobody can tell.

    As in training, what happened by the snapshot decides, also where it was recorded later. With the risk set `customers`
    nobody can tell where nothing is known of orders.

    Parameters
    ----------
    journeys : Journeys
        Of at least the leads that the snapshots name.
    snapshots : Snapshots
        Rows.
    risk_set : RiskSet
        The model's own.

    Returns
    -------
    list of str or None
        ``not_yet_created``: the lead was created later. ``not_mql``: it had not become an MQL. ``past_expiry``: its MQL was
        `expire_days` ago or longer. ``closed``: it was qualified, disqualified, recycled or became a customer since its last
        MQL. ``not_customer``: its account had not ordered.
    """
    if risk_set.name is None or (risk_set.name == CUSTOMERS and journeys.orders is None):
        return [None] * len(snapshots)
    created = _created(journeys)
    at = snapshots.snapshot_at.tolist()
    leads = snapshots.lead_index.tolist()
    if risk_set.name == CUSTOMERS:
        first = _first_orders(journeys)
        return [_customer_reason(moment, first[lead], created[lead]) for lead, moment in zip(leads, at, strict=True)]
    periods = _periods(journeys, risk_set.expire_us)
    seen = seen_at_once(snapshots.snapshot_at).tolist()
    return [
        _mql_reason(moment, periods.get(lead, ()), created[lead], risk_set.expire_us)
        for lead, moment in zip(leads, seen, strict=True)
    ]


def open_since(journeys: Journeys, snapshots: Snapshots, risk_set: RiskSet) -> list[int | None]:
    """Give per snapshot when the lead's open risk period began, in UTC microseconds; None: none is open.

    Parameters
    ----------
    journeys, snapshots, risk_set
        As for `outside_population`; with another risk set than `mql` nothing is open.
    """
    if risk_set.name != MQL:
        return [None] * len(snapshots)
    periods = _periods(journeys, risk_set.expire_us)
    found: list[int | None] = []
    for lead, at in zip(snapshots.lead_index.tolist(), seen_at_once(snapshots.snapshot_at).tolist(), strict=True):
        begun = [
            period.started_at
            for period in periods.get(lead, ())
            if at_risk(at, period.started_at, period.ended_at, risk_set.expire_us)
        ]
        found.append(begun[-1] if begun else None)
    return found


def without_touchpoints(bundle: Bundle, journeys: Journeys, snapshots: Snapshots) -> np.ndarray:
    """Tell per snapshot whether no touchpoint of the lead is visible, for a model that uses them.

    Returns
    -------
    ndarray of bool [snapshots]
        All False for a model whose trees split on no such feature.
    """
    none_seen = np.zeros(len(snapshots), dtype=bool)
    if not _looks_at_touchpoints(bundle):
        return none_seen
    is_touchpoint = ~((journeys.by == _SYSTEM) & _kinds(journeys, [_is_record(kind) for kind in journeys.kinds]))
    length = bundle.catalog.params.observation_days * DAY_US
    occurred: Any = journeys.occurred_at
    known_at: Any = np.maximum(occurred, journeys.recorded_at)
    for row, (lead, at) in enumerate(zip(snapshots.lead_index.tolist(), snapshots.snapshot_at.tolist(), strict=True)):
        rows = slice(journeys.offsets[lead], journeys.offsets[lead + 1])
        too_early = before(occurred[rows], window_start(at, length))
        none_seen[row] = not (is_touchpoint[rows] & before(known_at[rows], at) & ~np.asarray(too_early)).any()
    return none_seen


@lru_cache(maxsize=8)  # as many models as a service serves
def _looks_at_touchpoints(bundle: Bundle) -> bool:
    gains = bundle.classifier.importance()
    return any(gains[feature.name] > 0.0 for feature in bundle.catalog.features if feature.group not in _OTHER_GROUPS)


def _is_record(kind: str) -> bool:
    return kind == CREATED or kind.startswith(STAGE_PREFIX)


def _kinds(journeys: Journeys, wanted: Sequence[bool]) -> np.ndarray:
    """Tell per row whether its kind is a chosen one."""
    per_row: np.ndarray = np.array([*wanted, False], dtype=bool)[journeys.kind]
    return per_row


def _created(journeys: Journeys) -> list[int]:
    """Give when each lead was created; before all moments where it is not known."""
    created = np.full(len(journeys), ALWAYS, dtype=np.int64)
    rows = np.flatnonzero((journeys.by == _SYSTEM) & _kinds(journeys, [kind == CREATED for kind in journeys.kinds]))
    created[_lead_of(journeys, rows)] = journeys.occurred_at[rows] + 1  # it is kept as `seen_at_once`
    return created.tolist()


def _lead_of(journeys: Journeys, rows: np.ndarray) -> np.ndarray:
    return np.searchsorted(journeys.offsets, rows, side="right") - 1


def _periods(journeys: Journeys, expire_us: int | None) -> dict[int, list[RiskPeriod]]:
    """Give each lead's risk periods, all moments as `seen_at_once`, which is how MQLs are kept."""
    stages = [kind.removeprefix(STAGE_PREFIX) if kind.startswith(STAGE_PREFIX) else "" for kind in journeys.kinds]
    decisive = _kinds(journeys, [stage == STARTS or stage in ENDS for stage in stages])
    rows = np.flatnonzero(decisive & (journeys.by == _SYSTEM))
    if not len(rows):
        return {}
    kept_so = np.array([stage == MQL for stage in stages], dtype=bool)[journeys.kind[rows]]
    occurred, recorded = (
        np.where(kept_so, moments[rows], seen_at_once(moments[rows]))
        for moments in (journeys.occurred_at, journeys.recorded_at)
    )
    lead = _lead_of(journeys, rows)
    stage = [stages[code] for code in journeys.kind[rows].tolist()]
    order = in_order(lead, occurred, recorded, stage)
    by_lead: dict[int, list[RiskPeriod]] = {}
    leads, moments, recorded_at = (column[order].tolist() for column in (lead, occurred, recorded))
    for period in periods_of(leads, [stage[row] for row in order.tolist()], moments, recorded_at, expire_us):
        by_lead.setdefault(period.lead, []).append(period)
    return by_lead


def _mql_reason(at: int, periods: Sequence[RiskPeriod], created: int, expire_us: int | None) -> Outside | None:
    if any(at_risk(at, period.started_at, period.ended_at, expire_us) for period in periods):
        return None
    begun = [period for period in periods if not before(at, period.started_at)]
    if not begun:
        return "not_yet_created" if before(at, created - 1) else "not_mql"
    return "closed" if before(begun[-1].ended_at, at) else "past_expiry"


def _first_orders(journeys: Journeys) -> list[int | None]:
    """Give when each lead's account ordered first; None: it has no account, or that ordered nothing."""
    orders: Any = journeys.orders
    begin = orders.offsets[:-1]
    of_account = [
        int(orders.occurred_at[start]) if start < end else None
        for start, end in zip(begin.tolist(), orders.offsets[1:].tolist(), strict=True)
    ]
    return [None if account < 0 else of_account[account] for account in journeys.account.tolist()]


def _customer_reason(at: int, first_order: int | None, created: int) -> Outside | None:
    if first_order is not None and is_customer(at, int(customer_since(first_order, created))):
        return None
    return "not_customer" if is_customer(at, created) else "not_yet_created"
