"""One lead of a request, as plain JSON values: checked, and turned into what features are computed from.

The shape is that of one entry of `leads` in ``POST /score``. The service and the model in MLflow share this module, so that
both understand and refuse the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from features.attributes import AttributeSpec, encode
from features.catalog import STAGES, Catalog
from features.compute import Snapshots
from features.errors import JourneyError
from features.journeys import (
    CREATED,
    STAGE_PREFIX,
    Journeys,
    LeadJourney,
    OrderRecord,
    StageChangeRecord,
    TouchpointRecord,
)
from features.selectors import BY
from features.timeline import before
from models.answers.limits import MAX_ATTRIBUTES, MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from models.answers.request_fields import (
    check_list,
    check_object,
    fail,
    optional_moment,
    optional_number,
    optional_text,
    parse_moment,
    required_text,
    shown,
)

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_ORDERS",
    "MAX_STAGE_CHANGES",
    "MAX_TOUCHPOINTS",
    "LeadRequest",
    "Note",
    "attribute_error",
    "build_inputs",
    "drop_unfit_values",
    "parse_attributes",
    "parse_lead",
    "parse_orders",
    "parse_stage_changes",
    "parse_touchpoints",
    "unread_attributes",
]

_LEAD = (
    "lead_id",
    "snapshot_at",
    "changed_since",
    "created_at",
    "attributes",
    "account",
    "touchpoints",
    "stage_changes",
)
_ACCOUNT = ("account_id", "attributes", "touchpoints", "stage_changes", "orders")
_TOUCHPOINT = ("kind", "occurred_at", "recorded_at", "channel", "asset", "campaign", "value", "by", "touchpoint_id")
_STAGE_CHANGE = ("stage", "occurred_at", "recorded_at", "reason", "owner", "team")
_ORDER = ("ordered_at", "amount", "product")

_Person = tuple[str | None, str | None]
_StageChange = tuple[StageChangeRecord, tuple[str | None, ...]]


class Note(NamedTuple):
    """Something odd that was found while a lead was read; it becomes a warning.

    Attributes
    ----------
    code : str
        One of `models.answers.warnings.CODES`.
    field : str
        Path within the lead.
    value : str
        For the message; never a stored value.
    """

    code: str
    field: str
    value: str


@dataclass(frozen=True)
class LeadRequest:
    """One lead at one moment, checked.

    Attributes
    ----------
    journey : LeadJourney
        lead_id, touchpoints, stage changes, creation.
    snapshot_at : int
        UTC microseconds.
    attributes, account_attributes : mapping of str to value
        As sent: text, number, boolean or None. Names are unique over both, so either may hold any of them.
    colleagues : sequence of LeadJourney
        The account's other leads, as far as they were sent; what came without a lead_id is one person's.
    orders : sequence of OrderRecord
        The account's.
    repeats : int
        How many touchpoints and stage changes were sent twice, and left out of the journey.
    path : str
        Where the lead stands in the request, such as ``leads[0]``; for messages.
    changed_since : int or None
        UTC microseconds, before `snapshot_at`; None: what changed is not asked for.
    notes : sequence of Note
        What was odd while it was read, such as from the store.
    """

    journey: LeadJourney
    snapshot_at: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    account_attributes: Mapping[str, Any] = field(default_factory=dict)
    colleagues: Sequence[LeadJourney] = ()
    orders: Sequence[OrderRecord] = ()
    repeats: int = 0
    path: str = "lead"
    changed_since: int | None = None
    notes: Sequence[Note] = ()


def parse_lead(value: Any, path: str = "lead", default_snapshot_at: int | None = None) -> LeadRequest:
    """Check one lead of a request, given as the plain values that a JSON parser yields.

    What was sent twice counts once, as in ingest: equal touchpoints with the same id, and equal stage changes. Equal
    touchpoints without an id may both have happened, and are kept; so are those that share an id and differ, as which one is
    right can't be told from here.

    Parameters
    ----------
    value : object
        lead_id; optionally snapshot_at, changed_since, created_at, attributes, account (account_id, attributes,
        touchpoints, stage_changes, orders), touchpoints, stage_changes. Those of the account may name their lead_id
        and role, and what is the lead's own among them is left out. Null counts as missing. Moments are ISO 8601 text with an
        offset.
    path : str
        Where the lead stands, such as ``leads[0]``.
    default_snapshot_at : int, optional
        UTC microseconds, for a lead without `snapshot_at`; None: then it must have one.

    Raises
    ------
    JourneyError
        Names the first wrong field by its path, and the next step.

    Examples
    --------
    >>> parse_lead({"lead_id": "L-1", "snapshot_at": "1970-01-02T01:00:00+01:00"}).snapshot_at
    86400000000
    >>> parse_lead({"lead_id": "L-1", "snapshot_at": "2026-01-05T10:00"})
    Traceback (most recent call last):
    ...
    features.errors.JourneyError: lead.snapshot_at has no time zone: '2026-01-05T10:00'. Send an offset, such as +01:00 or Z.
    """
    raw = check_object(value, path, _LEAD)
    lead_id = required_text(raw.get("lead_id"), f"{path}.lead_id")
    at = optional_moment(raw.get("snapshot_at"), f"{path}.snapshot_at")
    at = default_snapshot_at if at is None else at
    if at is None:
        fail(f"{path}.snapshot_at", "is missing", "Send the moment to score at, with an offset.")
    since = optional_moment(raw.get("changed_since"), f"{path}.changed_since")
    if since is not None and not before(since, at):
        where, text = f"{path}.changed_since", f"is {shown(raw['changed_since'])}, not before the lead's snapshot_at"
        fail(where, text, "Send an earlier moment, or leave it out.")
    account: Mapping[str, Any] = {}
    if raw.get("account") is not None:
        account = check_object(raw["account"], f"{path}.account", _ACCOUNT)
        required_text(account.get("account_id"), f"{path}.account.account_id")
    sent = parse_touchpoints(raw.get("touchpoints"), f"{path}.touchpoints")
    changes_sent = parse_stage_changes(raw.get("stage_changes"), f"{path}.stage_changes")
    touchpoints, changes = _without_repeats(sent), _different(changes_sent)
    created_at = optional_moment(raw.get("created_at"), f"{path}.created_at")
    journey = LeadJourney(lead_id, touchpoints, changes, created_at)
    return LeadRequest(
        journey,
        at,
        parse_attributes(raw.get("attributes"), f"{path}.attributes"),
        parse_attributes(account.get("attributes"), f"{path}.account.attributes"),
        _colleagues(account, f"{path}.account", lead_id),
        parse_orders(account.get("orders"), f"{path}.account.orders"),
        len(sent) - len(touchpoints) + len(changes_sent) - len(changes),
        path,
        since,
    )


def build_inputs(leads: Sequence[LeadRequest], catalog: Catalog) -> tuple[Journeys, Snapshots, dict[str, list[Any]]]:
    """Build the inputs of `models.answers.scoring.score`; one snapshot per entry, in their order.

    Parameters
    ----------
    leads : sequence of LeadRequest
        The same lead_id may come more than once: each entry is scored with its own journey, at its own moment.
    catalog : Catalog
        Says which attributes the model uses, and whether it uses colleagues and orders.

    Returns
    -------
    journeys : Journeys
        One lead per entry, then their colleagues; each entry is an account of its own.
    snapshots : Snapshots
        One row per entry.
    attributes : dict of str to list
        Attribute to values, None where an entry does not give it.

    Raises
    ------
    JourneyError
        If the values of a lead's touchpoints are too large to be summed.
    """
    try:
        # Under numbers, as one lead_id may come twice; the names come back below
        numbered = [_named(lead.journey, str(position), str(position)) for position, lead in enumerate(leads)]
        colleagues = [
            _named(other, f"{position}/{number}", str(position))
            for position, lead in enumerate(leads)
            for number, other in enumerate(lead.colleagues)
            if "account" in catalog.params.groups
        ]
        orders = {str(position): lead.orders for position, lead in enumerate(leads)}
        bought = orders if "orders" in catalog.params.groups else None
        journeys = Journeys.from_records([*numbered, *colleagues], bought)
    except JourneyError:
        for lead in leads:
            _check_alone(lead)
        raise
    others = journeys.lead_ids[len(leads) :]
    journeys = replace(journeys, lead_ids=(*(lead.journey.lead_id for lead in leads), *others))
    at = np.array([lead.snapshot_at for lead in leads], dtype=np.int64)
    attributes = {spec.name: [_value_of(lead, spec) for lead in leads] for spec in catalog.attributes}
    return journeys, Snapshots(np.arange(len(leads)), at), attributes


def _named(journey: LeadJourney, lead_id: str, account_id: str) -> LeadJourney:
    return journey._replace(lead_id=lead_id, account_id=account_id)


def _check_alone(lead: LeadRequest) -> None:
    for where, journey in ((lead.path, lead.journey), *((f"{lead.path}.account", one) for one in lead.colleagues)):
        try:
            Journeys.from_records([journey])
        except JourneyError as error:
            raise JourneyError(str(error), f"{where}.{error.field}", error.hint) from error
    accounts = {"": lead.orders}
    try:
        Journeys.from_records([lead.journey._replace(account_id="")], accounts)
    except JourneyError as error:
        raise JourneyError(str(error), f"{lead.path}.account.orders", error.hint) from error


def attribute_error(leads: Sequence[LeadRequest], catalog: Catalog) -> JourneyError | None:
    """Find the first attribute whose type is not the one the model takes, and name its place in the request.

    Scoring finds such values too, but does not know the request.

    Parameters
    ----------
    leads : sequence of LeadRequest
        As sent.
    catalog : Catalog
        With the types.
    """
    for lead in leads:
        lead_id = lead.journey.lead_id
        for spec in catalog.attributes:
            try:
                encode({spec.name: [_value_of(lead, spec)]}, [spec], 1, lambda _, lead_id=lead_id: lead_id)  # type: ignore[misc]
            except JourneyError as error:
                outer = "account." if _entity_of(lead, spec) == "account" else ""
                return JourneyError(str(error), f"{lead.path}.{outer}attributes.{spec.name}", error.hint)
    return None


def unread_attributes(lead: LeadRequest, catalog: Catalog) -> list[str]:
    """List, as paths within the lead, the attributes that the model does not take; for warnings."""
    taken = {spec.name for spec in catalog.attributes}
    return [
        *(f"attributes.{name}" for name in sorted(set(lead.attributes) - taken)),
        *(f"account.attributes.{name}" for name in sorted(set(lead.account_attributes) - taken)),
    ]


def drop_unfit_values(lead: LeadRequest, catalog: Catalog) -> LeadRequest:
    """Set attribute values of a type that the model can't read to None, and note it; for values that were stored unread.

    Parameters
    ----------
    lead : LeadRequest
        As stored.
    catalog : Catalog
        With the types.

    Returns
    -------
    LeadRequest
        `build_inputs` and scoring take it, whatever was stored.
    """
    names: dict[str, list[str]] = {"lead": [], "account": []}
    notes = []
    for spec in catalog.attributes:
        entity = _entity_of(lead, spec)
        if not spec.takes(_value_of(lead, spec)):
            names[entity].append(spec.name)
            path = f"attributes.{spec.name}" if entity == "lead" else f"account.attributes.{spec.name}"
            notes.append(Note("attribute_type", path, f"{spec.name}: {spec.type}"))
    if not notes:
        return lead
    return replace(
        lead,
        attributes={**lead.attributes, **dict.fromkeys(names["lead"])},
        account_attributes={**lead.account_attributes, **dict.fromkeys(names["account"])},
        notes=(*lead.notes, *notes),
    )


def _value_of(lead: LeadRequest, spec: AttributeSpec) -> Any:
    return (lead.attributes if _entity_of(lead, spec) == "lead" else lead.account_attributes).get(spec.name)


def _entity_of(lead: LeadRequest, spec: AttributeSpec) -> str:
    """Say whose attributes an attribute's value stands among: its own entity's, unless only the other one has it."""
    of_entity, of_other, other_entity = lead.attributes, lead.account_attributes, "account"
    if spec.entity == "account":
        of_entity, of_other, other_entity = of_other, of_entity, "lead"
    return other_entity if spec.name not in of_entity and spec.name in of_other else spec.entity


def _colleagues(account: Mapping[str, Any], path: str, lead_id: str) -> list[LeadJourney]:
    """Read what the account's other leads did, and what became of them, one journey per person.

    A person is a lead_id; of what came without one, those of one role.
    """
    touchpoints: dict[_Person, list[TouchpointRecord]] = {}
    changes: dict[_Person, list[_StageChange]] = {}
    roles: dict[_Person, str | None] = {}
    where = f"{path}.touchpoints"
    plain, whose = _apart(account.get("touchpoints"), where, MAX_TOUCHPOINTS, ("lead_id", "role"))
    for index, (item, (who, role)) in enumerate(zip(parse_touchpoints(plain, where), whose, strict=True)):
        person = (who, role if who is None else None)
        before = roles.get(person)
        if before is not None and role not in (None, before):
            place = f"{where}[{index}].role"
            fail(place, f"is {shown(role)}, and {shown(before)} before, of the same lead", "Send one role per lead.")
        roles[person] = before or role
        touchpoints.setdefault(person, []).append(item)
    where = f"{path}.stage_changes"
    plain, whose = _apart(account.get("stage_changes"), where, MAX_STAGE_CHANGES, ("lead_id",))
    for change, (who,) in zip(parse_stage_changes(plain, where), whose, strict=True):
        changes.setdefault((who, None), []).append(change)
    return [
        LeadJourney(
            person[0] or "",
            _without_repeats(touchpoints.get(person, [])),
            _different(changes.get(person, [])),
            role=roles.get(person),
        )
        for person in dict.fromkeys([*touchpoints, *changes])
        if person[0] != lead_id
    ]


def _apart(value: Any, path: str, most: int, names: tuple[str, ...]) -> tuple[list[Any], list[tuple[str | None, ...]]]:
    """Take the fields that say whose it is from each entry; what is no object is left for the entry's own check."""
    rest, whose = [], []
    for index, item in enumerate(check_list(value, path, most)):
        taken = item if isinstance(item, dict) else {}
        whose.append(tuple(optional_text(taken.get(name), f"{path}[{index}].{name}") for name in names))
        rest.append({name: field for name, field in item.items() if name not in names} if taken else item)
    return rest, whose


def parse_orders(value: Any, path: str) -> list[OrderRecord]:
    """Read orders of an account; raises `JourneyError` for the first that is wrong."""
    records = []
    for index, item in enumerate(check_list(value, path, MAX_ORDERS)):
        where = f"{path}[{index}]"
        raw = check_object(item, where, _ORDER)
        records.append(
            OrderRecord(
                parse_moment(raw.get("ordered_at"), f"{where}.ordered_at"),
                optional_number(raw.get("amount"), f"{where}.amount"),
                optional_text(raw.get("product"), f"{where}.product"),
            )
        )
    return records


def parse_touchpoints(value: Any, path: str) -> list[TouchpointRecord]:
    """Read touchpoints, repeats too; raises `JourneyError` for the first that is wrong."""
    records = []
    for index, item in enumerate(check_list(value, path, MAX_TOUCHPOINTS)):
        where = f"{path}[{index}]"
        raw = check_object(item, where, _TOUCHPOINT)
        kind, by = required_text(raw.get("kind"), f"{where}.kind"), optional_text(raw.get("by"), f"{where}.by")
        if by is not None and by not in BY:
            fail(f"{where}.by", f"is {shown(by)}", f"Send one of {', '.join(BY)}, or leave it out.")
        if by == "system" and (kind == CREATED or kind.startswith(STAGE_PREFIX)):
            fail(f"{where}.kind", f"is {shown(kind)}, reserved for the system", "Use stage_changes and created_at.")
        records.append(
            TouchpointRecord(
                kind,
                parse_moment(raw.get("occurred_at"), f"{where}.occurred_at"),
                optional_moment(raw.get("recorded_at"), f"{where}.recorded_at"),
                optional_text(raw.get("channel"), f"{where}.channel"),
                optional_text(raw.get("asset"), f"{where}.asset"),
                optional_text(raw.get("campaign"), f"{where}.campaign"),
                optional_number(raw.get("value"), f"{where}.value"),
                by,
                optional_text(raw.get("touchpoint_id"), f"{where}.touchpoint_id"),
            )
        )
    return records


def _without_repeats(touchpoints: list[TouchpointRecord]) -> list[TouchpointRecord]:
    named = dict.fromkeys(item for item in touchpoints if item.touchpoint_id is not None)
    return [*named, *(item for item in touchpoints if item.touchpoint_id is None)] if named else touchpoints


def _different(changes: Sequence[_StageChange]) -> list[StageChangeRecord]:
    """Leave out what was sent twice; changes with different reasons, owners or teams are different."""
    return [change for change, _ in dict.fromkeys(changes)]


def parse_stage_changes(value: Any, path: str) -> list[_StageChange]:
    """Read stage changes, each with its reason, owner and team; raises `JourneyError` for the first that is wrong."""
    records = []
    for index, item in enumerate(check_list(value, path, MAX_STAGE_CHANGES)):
        where = f"{path}[{index}]"
        raw = check_object(item, where, _STAGE_CHANGE)
        stage = required_text(raw.get("stage"), f"{where}.stage")
        if stage not in STAGES:
            fail(f"{where}.stage", f"is {shown(stage)}", f"Send one of {', '.join(STAGES)}.")
        people = tuple(optional_text(raw.get(name), f"{where}.{name}") for name in ("reason", "owner", "team"))
        occurred = parse_moment(raw.get("occurred_at"), f"{where}.occurred_at")
        recorded = optional_moment(raw.get("recorded_at"), f"{where}.recorded_at")
        records.append((StageChangeRecord(stage, occurred, recorded), people))
    return records


def parse_attributes(value: Any, path: str) -> Mapping[str, Any]:
    """Read attributes as they were sent; raises `JourneyError` for the first that is wrong."""
    raw = check_object({} if value is None else value, path, None)
    if len(raw) > MAX_ATTRIBUTES:
        fail(path, f"has {len(raw)} entries; allowed are {MAX_ATTRIBUTES}", "Send only what the model takes.")
    for name, item in raw.items():
        where = f"{path}.{required_text(name, path)}"
        # The value may be personal, and messages end up in logs: only its type is named
        if isinstance(item, str):
            optional_text(item, where)
        elif isinstance(item, float) and not math.isfinite(item):
            fail(where, "is not a finite number", "Send a finite number, or leave it out.")
        elif item is not None and not isinstance(item, (bool, int, float)):
            fail(where, f"is {shown(item)}", "Send text, a number, true, false or null.")
    return raw
