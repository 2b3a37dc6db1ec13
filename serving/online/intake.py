"""From the body of an event route to rows in the store: checked as strictly as a request to score, all written or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, create_model

from features.catalog import Catalog
from features.errors import JourneyError
from features.timeline import from_micros
from models.answers.requests.problems import fail, read_all
from models.answers.requests.records import order_records, stage_change_record, touchpoint_records
from models.answers.requests.schemas import StageChange
from serving.contract import events
from serving.contract.errors import RequestError
from serving.contract.limits import MAX_LEADS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.contract.strict_json import parse_json
from serving.contract.validation import read_envelope, refused
from serving.online.intake_clocks import clock_warnings
from serving.online.intake_types import type_warnings
from serving.store.connect import Store
from serving.store.records import ChangeRow, ConflictError, LeadRow, OutcomeRow, TouchpointRow, after_last
from serving.store.writing import add_outcomes, add_stage_changes, add_touchpoints, last_write
from serving.store.writing_leads import put_leads

__all__ = ["KINDS", "accept"]

_NEED_REASON = ("disqualified", "recycled")

Rows = Sequence[Any]


def accept(store: Store, kind: str, body: bytes, now: int, catalog: Catalog | None = None) -> dict[str, Any]:
    """Write the events of a body, in one transaction.

    Parameters
    ----------
    store : Store
        Where to.
    kind : str
        One of `KINDS`.
    body : bytes
        JSON: one object with one list, named like the kind.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.
    catalog : Catalog, optional
        Of the served model, for warnings about attribute values that it can't read; None: no such warnings.

    Returns
    -------
    dict
        As `serving.contract.events.Accepted`; what it counts is durable.

    Raises
    ------
    RequestError
        Nothing was written: 4xx for a body that is wrong, 409 where an id was accepted with other content before.
    StoreUnavailableError
        Nothing may be acknowledged.
    """
    event_kind = KINDS[kind]
    value = parse_json(body)
    items = getattr(read_envelope(value, event_kind.envelope, kind), kind)
    try:
        rows = event_kind.parse(read_all(items, event_kind.item, kind), kind)
    except JourneyError as error:
        raise refused(error) from None
    try:
        with store.write() as connection:
            now = after_last(now, last_write(connection, *_written(rows)))
            new = event_kind.write(connection, rows, now)
    except ConflictError as error:
        field = f"{kind}[{error.position}].{error.name}"
        message = f"{field}: the same was accepted with other content before; nothing of this body was written."
        hint = "Send the same content under one id, or a new id for a correction."
        raise RequestError(409, "conflict", message, field, hint) from None
    accepted = {
        "new": new,
        "duplicate": len(rows) - new,
        "recorded_at": from_micros(now).isoformat().replace("+00:00", "Z"),
    }
    warnings = clock_warnings(rows, kind, now) + ([] if catalog is None else type_warnings(rows, kind, catalog))
    return {**accepted, "warnings": warnings} if warnings else accepted


def _written(rows: Rows) -> tuple[list[str], list[str]]:
    """List the leads and the accounts that rows write to."""
    plain = [row.row if isinstance(row, OutcomeRow) else row for row in rows]
    accounts = {row.account_id for row in plain if isinstance(row, LeadRow) and row.account_id is not None}
    return sorted({row.lead_id for row in plain}), sorted(accounts)


def _touchpoints(items: Sequence[events.LeadTouchpoint], path: str) -> list[TouchpointRow]:
    _refuse_nuls(items, path)
    return [TouchpointRow(item.lead_id, one) for item, one in zip(items, touchpoint_records(items, path), strict=True)]


def _stage_changes(items: Sequence[events.LeadStageChange], path: str) -> list[ChangeRow]:
    _refuse_nuls(items, path)
    return [_change_row(item.lead_id, item) for item in items]


def _outcomes(items: Sequence[events.Outcome], path: str) -> list[OutcomeRow]:
    _refuse_nuls(items, path)
    for position, item in enumerate(items):
        if item.outcome in _NEED_REASON and not item.reason:
            fail(f"{path}[{position}].reason", "is missing" if item.reason is None else "is empty", "Send text.")
    return [OutcomeRow(item.outcome_id or None, _change_row(item.lead_id, item.as_stage_change())) for item in items]


def _change_row(lead_id: str, sent: StageChange) -> ChangeRow:
    return ChangeRow(lead_id, stage_change_record(sent), sent.reason or None, sent.owner or None, sent.team or None)


def _leads(items: Sequence[events.StoredLead], path: str) -> list[LeadRow]:
    rows = []
    for position, item in enumerate(items):
        where, account = f"{path}[{position}]", item.account
        _refuse_nul(item, where)
        _refuse_nul_names(item.attributes or {}, f"{where}.attributes")
        if account is not None:
            _refuse_nul(account, f"{where}.account")
            _refuse_nul_names(account.attributes or {}, f"{where}.account.attributes")
            _refuse_nuls(account.orders or (), f"{where}.account.orders")
        rows.append(
            LeadRow(
                item.lead_id,
                item.created_at,
                None if account is None else account.account_id,
                item.attributes or {},
                (account and account.attributes) or {},
                [] if account is None else order_records(account.orders or ()),
                item.occurred_at,
                item.recorded_at,
            )
        )
    return rows


def _refuse_nuls(items: Sequence[BaseModel], path: str) -> None:
    for position, item in enumerate(items):
        _refuse_nul(item, f"{path}[{position}]")


def _refuse_nul(item: BaseModel, path: str) -> None:
    """PostgreSQL's text can't hold the character 0; SQLite's can, and both shall take the same."""
    for name, value in item:
        if isinstance(value, str) and "\0" in value:
            fail(f"{path}.{name}", "holds the character NUL", "Leave it out.")


def _refuse_nul_names(attributes: Mapping[str, Any], path: str) -> None:
    # Values are stored as JSON, which escapes it
    for name in attributes:
        if "\0" in name:
            fail(f"{path}.{name}", "holds the character NUL", "Leave it out.")


class Kind(NamedTuple):
    """How one kind of body is read and written."""

    item: type[BaseModel]
    envelope: type[BaseModel]
    parse: Callable[[Sequence[Any], str], Rows]
    write: Callable[[Any, Any, int], int]


def _kind(name: str, item: type[BaseModel], most: int, parse: Any, write: Any) -> Kind:
    fields: dict[str, Any] = {name: (list[Any], Field(min_length=1, max_length=most))}
    outer = create_model(f"{name}_envelope", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    return Kind(item, outer, parse, write)


KINDS: Mapping[str, Kind] = {
    "touchpoints": _kind("touchpoints", events.LeadTouchpoint, MAX_TOUCHPOINTS, _touchpoints, add_touchpoints),
    "leads": _kind("leads", events.StoredLead, MAX_LEADS, _leads, put_leads),
    "stage_changes": _kind(
        "stage_changes", events.LeadStageChange, MAX_STAGE_CHANGES, _stage_changes, add_stage_changes
    ),
    "outcomes": _kind("outcomes", events.Outcome, MAX_STAGE_CHANGES, _outcomes, add_outcomes),
}
"""How each of `serving.contract.routes.EVENT_KINDS` is read and written."""
