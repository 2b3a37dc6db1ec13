"""From the body of an event route to rows in the store: checked as strictly as a request to score, all written or none."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from features.catalog import Catalog
from features.errors import JourneyError
from features.timeline import from_micros
from models.answers.requests.problems import read_all
from models.answers.requests.records import WITHOUT_KEY
from models.data_protection.consent import is_refused
from models.data_protection.redactor import Redactor
from serving.contract.errors import RequestError
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.strict_json import parse_json
from serving.contract.validation import read_envelope, refused
from serving.http.lead_ids import lead_ids
from serving.online.intake_clocks import clock_warnings
from serving.online.intake_types import type_warnings
from serving.store.connect import Store
from serving.store.erasing import scrub
from serving.store.merging import begin_write, carry_over
from serving.store.names import add_names
from serving.store.records import ConflictError, UnknownOutcomeError
from serving.store.withdrawn import holders, withdraw
from serving.store.writers import writer_of

__all__ = ["accept", "accept_parsed"]


IsErased = Callable[[str], bool]
"""Tells whether nothing may be stored of a lead."""


def _nobody(lead_id: str) -> bool:
    """Where nobody was erased."""
    return False


def accept(
    store: Store,
    kind: str,
    body: bytes,
    now: int,
    catalogs: Sequence[Catalog] = (),
    lead_id: str | None = None,
    is_erased: IsErased = _nobody,
    redactor: Redactor = WITHOUT_KEY,
) -> dict[str, Any]:
    """Write the events of a body, in one transaction.

    Parameters
    ----------
    store : Store
        Where to.
    kind : str
        One of `serving.contract.event_kinds.EVENT_KINDS`.
    body : bytes
        JSON: one object with one list, named like the kind; or one entry, for a kind whose route names a lead.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.
    catalogs : sequence of Catalog
        Of the served models, for warnings about attribute values that they can't read.
    lead_id : str, optional
        That of the path, for a kind whose route names a lead.
    is_erased : callable
        Tells of whom nothing is taken in: of a lead that was erased.
    redactor : Redactor
        Replaces direct identifiers, before anything else sees them.

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
    event_kind, value = EVENT_KINDS[kind], parse_json(body)
    if event_kind.single is None:
        return accept_parsed(store, kind, value, now, catalogs, is_erased, redactor)
    read_envelope(redactor.request(value), event_kind.single, "lead_id")
    try:
        return accept_parsed(store, kind, event_kind.around(value, str(lead_id)), now, catalogs, is_erased, redactor)
    except RequestError as error:
        field = event_kind.inside(error.field or "")
        message = error.message.replace(error.field or "", field)
        raise RequestError(error.status, error.code, message, field, error.hint) from None


def accept_parsed(
    store: Store,
    kind: str,
    value: Any,
    now: int,
    catalogs: Sequence[Catalog] = (),
    is_erased: IsErased = _nobody,
    redactor: Redactor = WITHOUT_KEY,
) -> dict[str, Any]:
    """Write events as `accept` does, from plain values as a JSON parser yields them.

    Parameters
    ----------
    store, kind, now, catalogs, is_erased, redactor
        As for `accept`.
    value : object
        One object with one list, named like the kind.

    Returns
    -------
    dict
        As for `accept`.

    Raises
    ------
    RequestError, StoreUnavailableError
        As for `accept`.
    """
    event_kind, ids = EVENT_KINDS[kind], lead_ids()
    value = value if ids is None else ids.inward(value)
    try:
        envelope = read_envelope(redactor.request(value), event_kind.envelope, kind)
        items = read_all(getattr(envelope, kind), event_kind.item, kind)
        rows = event_kind.rows(items, kind)
    except JourneyError as error:
        raise refused(error) from None
    sent = len(rows)
    refused_consent = {position for position, item in enumerate(items) if is_refused(getattr(item, "consent", None))}
    erased = {position for position, item in enumerate(items) if _names_erased(item, is_erased)}
    kept = [position for position in range(sent) if position not in erased | refused_consent]
    without_consent = [rows[position] for position in sorted(refused_consent - erased)]
    items, rows = [items[position] for position in kept], [rows[position] for position in kept]
    written, account_ids, visitor_ids = _written(items)

    def write(connection: Any) -> tuple[int, int, int]:
        reached = sorted({*written, *holders(connection, without_consent)})
        moment = begin_write(connection, reached, account_ids, visitor_ids, now)
        new = writer_of(kind)(connection, rows, moment)
        withdrawn = withdraw(connection, without_consent, moment) if without_consent else 0
        carry_over(connection, written, moment)
        if ids is not None:
            add_names(connection, ids.learned([*written, *visitor_ids]))
        return new, withdrawn, moment

    try:
        new, withdrawn, recorded_at = store.run(write)
    except ConflictError as error:
        field = f"{kind}[{kept[error.position]}].{error.name}"
        message = f"{field}: the same was accepted with other content before; nothing of this body was written."
        raise RequestError(409, "conflict", message, field, event_kind.conflict_hint) from None
    except UnknownOutcomeError as error:
        field = f"{kind}[{kept[error.position]}].retracts"
        message = f"{field}: no verdict with this outcome_id is stored of this lead; nothing of this body was written."
        hint = "Send the verdict first, or check its outcome_id and lead_id."
        raise RequestError(422, "unknown_outcome", message, field, hint) from None
    if withdrawn and store.is_sqlite:  # PostgreSQL's own vacuum takes dead rows away
        scrub(store)
    accepted = {
        "new": new,
        "duplicate": sent - len(refused_consent - erased) - new,
        "recorded_at": from_micros(recorded_at).isoformat().replace("+00:00", "Z"),
    }
    warnings = clock_warnings(items, event_kind, recorded_at)
    for warning in (warning for catalog in catalogs for warning in type_warnings(items, kind, catalog)):
        if warning not in warnings:  # models that take the same attribute as the same type say the same
            warnings.append(warning)
    if refused_consent:
        message = f"{len(refused_consent)} of {sent} touchpoints are without consent; nothing of them is stored."
        message += f" {withdrawn} of them were stored before, and are deleted." if withdrawn else ""
        warnings = [
            *warnings,
            {"code": "without_consent", "message": message, "field": f"{kind}[{min(refused_consent)}].consent"},
        ]
    if erased:
        message = f"{len(erased)} of {sent} entries name a lead that was erased; nothing of them is stored."
        warnings = [*warnings, {"code": "erased_lead", "message": message, "field": kind}]
    return {**accepted, "warnings": warnings} if warnings else accepted


def _names_erased(item: Any, is_erased: IsErased) -> bool:
    names = (item.lead_id, getattr(item, "merged_into", None))
    return any(name is not None and is_erased(name) for name in names)


def _written(items: Sequence[BaseModel]) -> tuple[list[str], list[str], list[str]]:
    """List the leads, the accounts and the visitors that entries write to."""
    sent: Sequence[Any] = items
    accounts = {item.account.account_id for item in sent if getattr(item, "account", None) is not None}
    leads = {name for item in sent for name in (item.lead_id, getattr(item, "merged_into", None)) if name is not None}
    visitors = {item.visitor_id for item in sent if getattr(item, "visitor_id", None) is not None}
    return sorted(leads), sorted(accounts), sorted(visitors)
