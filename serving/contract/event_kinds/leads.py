"""What the CRM says of leads and their accounts."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from models.answers.limits import MAX_ORDERS
from models.answers.requests.fields import Attributes, Moment, Most, Text
from models.answers.requests.records import order_records
from models.answers.requests.schemas import Order, Strict
from serving.contract.event_kinds.kind import EventKind, refuse_nul, refuse_nul_names
from serving.contract.event_rows import LeadRow
from serving.contract.limits import MAX_LEADS

__all__ = ["LEADS"]


class StoredAccount(Strict):
    """The lead's account."""

    account_id: Text
    attributes: Attributes | None = None
    orders: Annotated[list[Order], Most(MAX_ORDERS)] | None = None


class StoredLead(Strict):
    """What the CRM says of a lead; what is left out stays as it is."""

    lead_id: Text = Field(examples=["L-1001"])
    created_at: Moment | None = Field(None, description="When the lead was created in the CRM.")
    occurred_at: Moment | None = Field(None, description="From when on this is so; missing: now.")
    recorded_at: Moment | None = Field(None, description="When your systems first knew; missing: now.")
    attributes: Attributes | None = None
    account: StoredAccount | None = None


def _rows(items: Sequence[StoredLead], path: str) -> list[LeadRow]:
    return [_row(item, f"{path}[{position}]") for position, item in enumerate(items)]


def _row(item: StoredLead, path: str) -> LeadRow:
    account = item.account
    refuse_nul(item, path)
    refuse_nul_names(item.attributes or {}, f"{path}.attributes")
    if account is not None:
        refuse_nul(account, f"{path}.account")
        refuse_nul_names(account.attributes or {}, f"{path}.account.attributes")
        for position, order in enumerate(account.orders or ()):
            refuse_nul(order, f"{path}.account.orders[{position}]")
    return LeadRow(
        item.lead_id,
        item.created_at,
        None if account is None else account.account_id,
        item.attributes or {},
        (account and account.attributes) or {},
        [] if account is None else order_records(account.orders or ()),
        item.occurred_at,
        item.recorded_at,
    )


LEADS = EventKind(
    name="leads",
    item=StoredLead,
    most=MAX_LEADS,
    rows=_rows,
    summary="Send what the CRM knows of leads and their accounts; what is left out stays as it is.",
    example={
        "lead_id": "L-1001",
        "created_at": "2026-02-10T08:00:00Z",
        "account": {"account_id": "A-17", "attributes": {}},
    },
    conflict_hint="For a correction, send since when it is so (occurred_at) or known (recorded_at), later than before.",
)
