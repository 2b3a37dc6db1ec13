"""From the body of an event route to rows in the store: checked as strictly as a request to score, all written or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model

from features.catalog import Catalog
from features.errors import JourneyError
from features.timeline import from_micros
from models.answers.request_fields import (
    check_object,
    fail,
    optional_moment,
    optional_text,
    required_text,
    shown,
)
from models.answers.requests import parse_attributes, parse_orders, parse_stage_changes, parse_touchpoints
from serving.contract import events
from serving.contract.errors import RequestError
from serving.contract.limits import MAX_LEADS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.contract.strict_json import parse_json
from serving.contract.validation import explain, read_envelope
from serving.online.intake_clocks import clock_warnings
from serving.online.intake_types import type_warnings
from serving.store.connect import Store
from serving.store.records import ChangeRow, ConflictError, LeadRow, OutcomeRow, TouchpointRow, after_last
from serving.store.writing import add_outcomes, add_stage_changes, add_touchpoints, last_write
from serving.store.writing_leads import put_leads

__all__ = ["KINDS", "accept"]

_LEAD = ("lead_id", "created_at", "occurred_at", "recorded_at", "attributes", "account")
_ACCOUNT = ("account_id", "attributes", "orders")
_OF_CHANGE = ("occurred_at", "recorded_at", "reason", "owner", "team")
_OUTCOME = ("lead_id", "outcome", "outcome_id", *_OF_CHANGE)
_VERDICTS = get_args(events.Verdict)
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
        rows = event_kind.parse(items, kind)
    except JourneyError as error:
        raise explain(value, error, event_kind.schema) from None
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


def _touchpoints(items: Rows, path: str) -> list[TouchpointRow]:
    ids, rest = _whose(items, path)
    return [TouchpointRow(*pair) for pair in zip(ids, parse_touchpoints(rest, path), strict=True)]


def _stage_changes(items: Rows, path: str) -> list[ChangeRow]:
    ids, rest = _whose(items, path)
    parsed = zip(ids, parse_stage_changes(rest, path), strict=True)
    return [ChangeRow(lead_id, change, *people) for lead_id, (change, people) in parsed]


def _whose(items: Rows, path: str) -> tuple[list[str], list[Any]]:
    """Take the lead_id from each entry; what is no object is left for the entry's own check."""
    ids, rest = [], []
    for position, item in enumerate(items):
        where = f"{path}[{position}]"
        if isinstance(item, dict):
            _refuse_nul(item, where)
            ids.append(required_text(item.get("lead_id"), f"{where}.lead_id"))
            item = {name: value for name, value in item.items() if name != "lead_id"}
        rest.append(item)
    return ids, rest


def _outcomes(items: Rows, path: str) -> list[OutcomeRow]:
    ids, changes = [], []
    for position, item in enumerate(items):
        where = f"{path}[{position}]"
        raw = check_object(item, where, _OUTCOME)
        _refuse_nul(raw, where)
        outcome = required_text(raw.get("outcome"), f"{where}.outcome")
        if outcome not in _VERDICTS:
            fail(f"{where}.outcome", f"is {shown(outcome)}", f"Send one of {', '.join(_VERDICTS)}.")
        if outcome in _NEED_REASON:
            required_text(raw.get("reason"), f"{where}.reason")
        outcome_id = optional_text(raw.get("outcome_id"), f"{where}.outcome_id")
        ids.append((required_text(raw.get("lead_id"), f"{where}.lead_id"), outcome_id))
        changes.append({"stage": outcome, **{name: raw.get(name) for name in _OF_CHANGE}})
    parsed = zip(ids, parse_stage_changes(changes, path), strict=True)
    return [OutcomeRow(sent_id, ChangeRow(lead_id, change, *people)) for (lead_id, sent_id), (change, people) in parsed]


def _leads(items: Rows, path: str) -> list[LeadRow]:
    rows = []
    for position, item in enumerate(items):
        where = f"{path}[{position}]"
        raw = check_object(item, where, _LEAD)
        account: Mapping[str, Any] = {}
        if raw.get("account") is not None:
            account = check_object(raw["account"], f"{where}.account", _ACCOUNT)
            required_text(account.get("account_id"), f"{where}.account.account_id")
        inside = f"{where}.account"
        _refuse_nul(raw, where)
        _refuse_nul(account, inside)
        orders = parse_orders(account.get("orders"), f"{inside}.orders")
        for index, order in enumerate(orders):
            _refuse_nul({"product": order.product}, f"{inside}.orders[{index}]")
        rows.append(
            LeadRow(
                required_text(raw.get("lead_id"), f"{where}.lead_id"),
                optional_moment(raw.get("created_at"), f"{where}.created_at"),
                account.get("account_id"),
                _attributes(raw, where),
                _attributes(account, inside),
                orders,
                optional_moment(raw.get("occurred_at"), f"{where}.occurred_at"),
                optional_moment(raw.get("recorded_at"), f"{where}.recorded_at"),
            )
        )
    return rows


def _attributes(entity: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    attributes = parse_attributes(entity.get("attributes"), f"{path}.attributes")
    _refuse_nul(
        {name: name for name in attributes}, f"{path}.attributes"
    )  # values are stored as JSON, which escapes it
    return attributes


def _refuse_nul(item: Mapping[str, Any], path: str) -> None:
    """PostgreSQL's text can't hold the character 0; SQLite's can, and both shall take the same."""
    for name, value in item.items():
        if isinstance(value, str) and "\0" in value:
            fail(f"{path}.{name}", "holds the character NUL", "Leave it out.")


class Kind(NamedTuple):
    """How one kind of body is read and written."""

    schema: type[BaseModel]
    envelope: type[BaseModel]
    parse: Callable[[Rows, str], Rows]
    write: Callable[[Any, Any, int], int]


def _kind(name: str, schema: type[BaseModel], most: int, parse: Any, write: Any) -> Kind:
    fields: dict[str, Any] = {name: (list[Any], Field(min_length=1, max_length=most))}
    outer = create_model(f"{name}_envelope", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    return Kind(schema, outer, parse, write)


KINDS: Mapping[str, Kind] = {
    "touchpoints": _kind("touchpoints", events.TouchpointsBody, MAX_TOUCHPOINTS, _touchpoints, add_touchpoints),
    "leads": _kind("leads", events.LeadsBody, MAX_LEADS, _leads, put_leads),
    "stage_changes": _kind(
        "stage_changes", events.StageChangesBody, MAX_STAGE_CHANGES, _stage_changes, add_stage_changes
    ),
    "outcomes": _kind("outcomes", events.OutcomesBody, MAX_STAGE_CHANGES, _outcomes, add_outcomes),
}
"""How each of `serving.contract.routes.EVENT_KINDS` is read and written."""
