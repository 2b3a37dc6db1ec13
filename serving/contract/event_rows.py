"""Events as rows: what was checked, on its way to the store."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from features.journeys import OrderRecord, StageChangeRecord, TouchpointRecord

__all__ = ["ChangeRow", "LeadRow", "OutcomeRow", "RetractionRow", "SalesCheck", "TouchpointRow", "VisitRow"]


class TouchpointRow(NamedTuple):
    """A touchpoint of a lead; its `recorded_at` is None where it was not sent."""

    lead_id: str
    touchpoint: TouchpointRecord


class VisitRow(NamedTuple):
    """A touchpoint of a visitor, whom nobody may have identified yet."""

    visitor_id: str
    touchpoint: TouchpointRecord


class ChangeRow(NamedTuple):
    """A stage change of a lead; its `recorded_at` is None where it was not sent."""

    lead_id: str
    change: StageChangeRecord
    reason: str | None
    owner: str | None
    team: str | None


class SalesCheck(NamedTuple):
    """What sales answered to its four questions (yes, no, open; None: not asked), what was advised, and who decided."""

    need: str | None = None
    budget: str | None = None
    compatibility: str | None = None
    timing: str | None = None
    advice: str | None = None
    decided_by: str | None = None


class OutcomeRow(NamedTuple):
    """A verdict of sales, the stage change that it is, and what it was based on."""

    outcome_id: str | None
    row: ChangeRow
    check: SalesCheck = SalesCheck()


class RetractionRow(NamedTuple):
    """A verdict of the same lead that is taken back, by its `outcome_id`."""

    lead_id: str
    retracts: str
    recorded_at: int | None
    reason: str | None
    decided_by: str | None


class LeadRow(NamedTuple):
    """What the CRM says of a lead and its account, as of `occurred_at`; what it does not say stays as it is."""

    lead_id: str
    created_at: int | None
    account_id: str | None
    attributes: Mapping[str, Any]
    account_attributes: Mapping[str, Any]
    orders: Sequence[OrderRecord]
    occurred_at: int | None
    recorded_at: int | None
