"""Journeys: the touchpoints of many leads as flat arrays, one block per lead, each block in time order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from features.errors import JourneyError
from features.journeys_order import Membership, Rows, arrange
from features.journeys_records import code_column, distinct_ids, order_rows, record_rows, without_accounts
from features.kernels.structs import Columns
from features.records import (
    CREATED,
    MAX_TOUCHPOINTS,
    MAX_VALUE,
    MICRO_UNITS,
    STAGE_PREFIX,
    LeadJourney,
    OrderRecord,
    StageChangeRecord,
    TouchpointRecord,
    moment_error,
)
from features.timeline import ALWAYS, EARLIEST, LATEST

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CREATED",
    "MAX_TOUCHPOINTS",
    "MAX_VALUE",
    "STAGE_PREFIX",
    "Journeys",
    "LeadJourney",
    "OrderRecord",
    "StageChangeRecord",
    "TouchpointRecord",
]

_MAX_SUM = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Journeys:
    """Touchpoints of many leads: lead i has the rows ``offsets[i]:offsets[i + 1]``.

    Stage changes are touchpoints of kind ``stage:<stage>`` and a lead's creation is one of kind ``created``, both by
    ``system``, so that one time rule covers all that is known of a lead. Rows of a lead stand in a total order that depends on
    values alone, never on the order of the input: `occurred_at`, `recorded_at`, kind, channel, asset, `value`,
    `touchpoint_id`, then campaign and by; text by its UTF-8 bytes, missing first. Repeated touchpoints are kept: ingest and the
    service's edge decide what is one.

    Attributes
    ----------
    lead_ids : tuple of str
        In the order given.
    offsets : ndarray of int64 [leads + 1]
        Row ranges.
    occurred_at, recorded_at : ndarray of int64 [rows]
        UTC microseconds; an unknown `recorded_at` equals `occurred_at`.
    kind, channel, asset, campaign : ndarray of int32 [rows]
        Codes into the value tuples; -1 is missing.
    kinds, channels, assets, campaigns : tuple of str
        Values in the order of their UTF-8 bytes.
    value : ndarray of int64 [rows]
        Micro-units, 0 where missing.
    by : ndarray of int8 [rows]
        0 lead, 1 sales, 2 system.
    late : ndarray of bool [leads]
        The lead has a touchpoint that was recorded after it occurred.
    account : ndarray of int64 [leads]
        Codes into `account_ids`; -1: the lead has none.
    account_ids : tuple of str
        In the order of their first lead.
    role : ndarray of int32 [leads]
        Codes into `roles`; -1 is missing.
    role_known_at : ndarray of int64 [leads]
        The role is seen by later snapshots only; before all moments where it was known from the beginning.
    roles : tuple of str
        Values in the order of their UTF-8 bytes.
    orders : Journeys or None
        The accounts' orders as journeys of their own: "lead" i is the account of code i, an order is a touchpoint of kind
        ``order`` by ``system`` with the product as its asset and the amount as its value. None: nothing is known of orders.
    """

    lead_ids: tuple[str, ...]
    offsets: np.ndarray
    occurred_at: np.ndarray
    recorded_at: np.ndarray
    kind: np.ndarray
    channel: np.ndarray
    asset: np.ndarray
    campaign: np.ndarray
    kinds: tuple[str, ...]
    channels: tuple[str, ...]
    assets: tuple[str, ...]
    campaigns: tuple[str, ...]
    value: np.ndarray
    by: np.ndarray
    late: np.ndarray
    account: np.ndarray
    account_ids: tuple[str, ...]
    role: np.ndarray
    role_known_at: np.ndarray
    roles: tuple[str, ...]
    orders: "Journeys | None" = None

    def __len__(self) -> int:
        """Count the leads."""
        return len(self.lead_ids)

    @property
    def columns(self) -> Columns:
        """The touchpoints' columns, as kernels take them."""
        return Columns(
            self.occurred_at,
            self.recorded_at,
            self.kind,
            self.channel,
            self.asset,
            self.campaign,
            self.by,
            self.value,
        )

    @property
    def vocabulary(self) -> tuple[tuple[str, ...], ...]:
        """The values of the coded fields, in the order of `features.vocabulary.CODED_FIELDS`."""
        return self.kinds, self.channels, self.assets, self.campaigns

    @classmethod
    def from_arrow(
        cls,
        touchpoints: "pa.Table | None",
        stage_changes: "pa.Table | None",
        leads: "pa.Table | None",
        lead_ids: Sequence[str],
        unknown_leads: Literal["error", "ignore"] = "error",
        orders: "pa.Table | None" = None,
    ) -> "Journeys":
        """Build journeys from canonical tables, in any row order.

        Parameters
        ----------
        touchpoints : Table or None
            lead_id, occurred_at, kind and optionally recorded_at, channel, asset, campaign, value, by, touchpoint_id. Times are
            timestamps with a zone; text is plain or dictionary-encoded. Null: `recorded_at` equals `occurred_at`, `value` is 0,
            `by` is lead, the others are missing.
        stage_changes : Table or None
            lead_id, stage, occurred_at and optionally recorded_at.
        leads : Table or None
            lead_id, created_at and optionally account_id, role, role_known_at (null: known from the beginning).
        lead_ids : sequence of str
            The leads, distinct; one without rows has an empty journey.
        unknown_leads : {"error", "ignore"}
            What to do with rows of other leads.
        orders : Table or None
            account_id, ordered_at and optionally amount, product; those of accounts without a lead here are left out.

        Raises
        ------
        JourneyError
            If a column is missing or has the wrong type, a required value is null, a value is not finite or too large, or a
            row's lead is not in `lead_ids`.

        Examples
        --------
        >>> import datetime as dt
        >>> import pyarrow as pa
        >>> day = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
        >>> table = pa.table({"lead_id": ["L-1"], "occurred_at": [day], "kind": ["webinar"]})
        >>> journeys = Journeys.from_arrow(table, None, None, ["L-1", "L-2"])
        >>> journeys.offsets.tolist(), journeys.kinds
        ([0, 1, 1], ('webinar',))
        """
        from features.journeys_arrow import read_membership, read_orders, read_tables

        ids = distinct_ids(lead_ids)
        membership = read_membership(leads, ids)
        bought = None
        if orders is not None:
            accounts = membership.account_ids
            bought = assemble(accounts, read_orders(orders, accounts), without_accounts(len(accounts)))
        rows = read_tables(touchpoints, stage_changes, leads, ids, unknown_leads)
        return assemble(ids, rows, membership, bought)

    @classmethod
    def from_records(
        cls, leads: Sequence[LeadJourney], orders: Mapping[str, Sequence[OrderRecord]] | None = None
    ) -> "Journeys":
        """Build journeys from a request's records; the same as `from_arrow` of the same touchpoints.

        Parameters
        ----------
        leads : sequence of LeadJourney
            One per lead, lead_id distinct. Repeated touchpoints are kept, as in `from_arrow`.
        orders : mapping of str to sequence of OrderRecord, optional
            account_id to the account's orders; None: nothing is known of orders.

        Raises
        ------
        JourneyError
            If a value is not finite or too large, `by` is unknown, or a `lead_id` is given twice.

        Examples
        --------
        >>> lead = LeadJourney("L-1", [TouchpointRecord("webinar", 5)], [StageChangeRecord("mql", 3)], created_at=1)
        >>> [lead.kinds[code] for lead in [Journeys.from_records([lead])] for code in lead.kind]
        ['created', 'stage:mql', 'webinar']
        """
        account_ids = tuple(dict.fromkeys(lead.account_id for lead in leads if lead.account_id is not None))
        code = {account_id: position for position, account_id in enumerate(account_ids)}
        membership = Membership(
            np.array([-1 if lead.account_id is None else code[lead.account_id] for lead in leads], dtype=np.int64),
            account_ids,
            code_column([lead.role for lead in leads]),
            np.full(len(leads), ALWAYS, dtype=np.int64),
        )
        bought = None
        if orders is not None:
            bought = assemble(account_ids, order_rows(orders, account_ids), without_accounts(len(account_ids)))
        return assemble(distinct_ids([lead.lead_id for lead in leads]), record_rows(leads), membership, bought)


def assemble(lead_ids: tuple[str, ...], rows: Rows, membership: Membership, orders: Journeys | None = None) -> Journeys:
    """Sort rows into journeys; the one constructor behind `from_arrow` and `from_records`.

    Parameters
    ----------
    lead_ids : tuple of str
        The leads; `rows.lead` are positions in it.
    rows : Rows
        In any order.
    membership : Membership
        Accounts and roles, one per lead.
    orders : Journeys or None
        Of the accounts.
    """
    for field, moments in (("occurred_at", rows.occurred_at), ("recorded_at", rows.recorded_at)):
        if len(moments) and not (moments.min() >= EARLIEST and moments.max() <= LATEST):
            row = int(np.flatnonzero((moments < EARLIEST) | (moments > LATEST))[0])
            raise moment_error(int(moments[row]), field, f"lead {lead_ids[int(rows.lead[row])]!r}")
    arranged = arrange(rows, len(lead_ids))
    _check_sizes(lead_ids, arranged.offsets, rows)
    occurred, recorded, kind, channel, asset, campaign, by, value = arranged.columns
    return Journeys(
        lead_ids=lead_ids,
        offsets=arranged.offsets,
        occurred_at=occurred,
        recorded_at=recorded,
        kind=kind,
        channel=channel,
        asset=asset,
        campaign=campaign,
        kinds=rows.coded["kind"].values,
        channels=rows.coded["channel"].values,
        assets=rows.coded["asset"].values,
        campaigns=rows.coded["campaign"].values,
        value=value,
        by=by,
        late=arranged.late,
        account=membership.account,
        account_ids=membership.account_ids,
        role=membership.role.codes,
        role_known_at=membership.role_known_at,
        roles=membership.role.values,
        orders=orders,
    )


def _check_sizes(lead_ids: tuple[str, ...], offsets: np.ndarray, rows: Rows) -> None:
    if not len(rows.lead):
        return
    sizes = np.diff(offsets)
    most = int(sizes.max())
    if most > MAX_TOUCHPOINTS:
        raise JourneyError(
            f"lead {lead_ids[int(sizes.argmax())]!r} has {most:,} touchpoints; allowed are {MAX_TOUCHPOINTS:,}. "
            "No person does that: look for a machine, or for a default id that many share.",
            field="touchpoints",
        )
    largest = max(int(rows.value.max()), -int(rows.value.min()))
    if largest * most > _MAX_SUM:
        totals = np.bincount(rows.lead, weights=np.abs(rows.value.astype(np.float64)), minlength=len(lead_ids))
        if totals.max() > 0.999 * _MAX_SUM:
            worst = int(totals.argmax())
            raise JourneyError(
                f"lead {lead_ids[worst]!r}: the values of its touchpoints add up to {totals[worst] / MICRO_UNITS:.3g}; "
                f"allowed is {_MAX_SUM / MICRO_UNITS:.2g}. Send values in a larger unit.",
                field="touchpoints",
            )
