"""Leads of a request as records: checked against the schema, and read into what journeys are made of.

The shape is that of one entry of `leads` in ``POST /score``. The service and the model in MLflow share this module, so that
both understand and refuse the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from features.journeys import CREATED, STAGE_PREFIX, LeadJourney, OrderRecord, StageChangeRecord, TouchpointRecord
from features.timeline import before
from features.vocabulary import optional_text_fields
from models.answers.requests.fields import shown
from models.answers.requests.problems import INVALID_VALUE, fail, read
from models.answers.requests.schemas import Account, AccountTouchpoint, Lead, Order, StageChange, Touchpoint
from models.data_protection.consent import is_refused
from models.data_protection.redactor import Redactor

__all__ = [
    "LeadRequest",
    "Note",
    "order_records",
    "parse_lead",
    "stage_change_record",
    "touchpoint_records",
]

WITHOUT_KEY = Redactor()
_texts_of = attrgetter(*optional_text_fields())
_Person = tuple[str | None, str | None]


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
    touchpoint_ids : sequence of str
        Keys of the lead's own touchpoints where they were read from the store.
    objected : bool
        The person objected, or was erased: it must not be scored, whatever is known of it.
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
    touchpoint_ids: Sequence[str] = ()
    objected: bool = False


def parse_lead(
    value: Any, path: str = "lead", default_snapshot_at: int | None = None, redactor: Redactor | None = None
) -> LeadRequest:
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
    redactor : Redactor, optional
        Replaces direct identifiers in the lead's texts, in place; None: without a key.

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
    lead = read((redactor or WITHOUT_KEY).request(value), Lead, path)
    at = default_snapshot_at if lead.snapshot_at is None else lead.snapshot_at
    if at is None:
        fail(f"{path}.snapshot_at", "is missing", "Send the moment to score at, with an offset.")
    since = lead.changed_since
    if since is not None and not before(since, at):
        sent = shown(value["changed_since"])
        code = INVALID_VALUE if lead.snapshot_at is None else "out_of_range"
        where, problem = f"{path}.changed_since", f"is {sent}, not before the lead's snapshot_at"
        fail(where, problem, "Send an earlier moment, or leave it out.", code)
    sent_touchpoints = touchpoint_records(lead.touchpoints or (), f"{path}.touchpoints")
    sent_touchpoints = [
        record
        for one, record in zip(lead.touchpoints or (), sent_touchpoints, strict=True)
        if not is_refused(one.consent)
    ]
    touchpoints, changes = _without_repeats(sent_touchpoints), _different(lead.stage_changes or ())
    repeats = len(sent_touchpoints) - len(touchpoints) + len(lead.stage_changes or ()) - len(changes)
    account = lead.account
    return LeadRequest(
        LeadJourney(lead.lead_id, touchpoints, changes, lead.created_at),
        at,
        lead.attributes or {},
        (account and account.attributes) or {},
        [] if account is None else _colleagues(account, f"{path}.account", lead.lead_id),
        [] if account is None else order_records(account.orders or ()),
        repeats,
        path,
        since,
        _notes(lead),
    )


def _notes(lead: Lead) -> list[Note]:
    """Count the touchpoints that are left out."""
    of_account = () if lead.account is None else lead.account.touchpoints or ()
    sent: dict[str, Sequence[Touchpoint]] = {"touchpoints": lead.touchpoints or (), "account.touchpoints": of_account}
    refused = {field: sum(is_refused(one.consent) for one in touchpoints) for field, touchpoints in sent.items()}
    return [Note("without_consent", field, str(count)) for field, count in refused.items() if count]


def touchpoint_records(touchpoints: Sequence[Touchpoint], path: str) -> list[TouchpointRecord]:
    """Make records of touchpoints, repeats too.

    Raises
    ------
    JourneyError
        A touchpoint calls itself one of those that stage changes and creations become.
    """
    records = []
    for position, sent in enumerate(touchpoints):
        kind, by = sent.kind, sent.by
        if by == "system" and (kind == CREATED or kind.startswith(STAGE_PREFIX)):
            problem = f"is {shown(kind)}, reserved for the system"
            fail(f"{path}[{position}].kind", problem, "Use stage_changes and created_at.")
        records.append(
            TouchpointRecord._make(
                [
                    kind,
                    sent.occurred_at,
                    sent.recorded_at,
                    *[text or None for text in _texts_of(sent)],
                    sent.value,
                    by or None,
                    sent.touchpoint_id or None,
                ]
            )
        )
    return records


def stage_change_record(sent: StageChange) -> StageChangeRecord:
    """Make the record of a stage change."""
    return StageChangeRecord(sent.stage, sent.occurred_at, sent.recorded_at)


def order_records(orders: Sequence[Order]) -> list[OrderRecord]:
    """Make records of an account's orders."""
    return [OrderRecord(sent.ordered_at, sent.amount, sent.product or None) for sent in orders]


def _colleagues(account: Account, path: str, lead_id: str) -> list[LeadJourney]:
    """Read what the account's other leads did, and what became of them, one journey per person.

    A person is a lead_id; of what came without one, those of one role.
    """
    sent, changes_sent = account.touchpoints or (), account.stage_changes or ()
    touchpoints: dict[_Person, list[TouchpointRecord]] = {}
    changes: dict[_Person, list[StageChange]] = {}
    roles = _roles(sent, f"{path}.touchpoints")
    for one, record in zip(sent, touchpoint_records(sent, f"{path}.touchpoints"), strict=True):
        if is_refused(one.consent):
            continue
        touchpoints.setdefault(_person(one), []).append(record)
    for change in changes_sent:
        changes.setdefault((change.lead_id or None, None), []).append(change)
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


def _person(sent: AccountTouchpoint) -> _Person:
    who = sent.lead_id or None
    return who, (sent.role or None) if who is None else None


def _roles(touchpoints: Sequence[AccountTouchpoint], path: str) -> dict[_Person, str | None]:
    """Give each person's role; it stands in any of their touchpoints, and is the same in all."""
    roles: dict[_Person, str | None] = {}
    for position, sent in enumerate(touchpoints):
        person, role = _person(sent), sent.role or None
        former = roles.get(person)
        if former is not None and role not in (None, former):
            problem = f"is {shown(role)}, and {shown(former)} before, of the same lead"
            fail(f"{path}[{position}].role", problem, "Send one role per lead.")
        roles[person] = former or role
    return roles


def _without_repeats(touchpoints: list[TouchpointRecord]) -> list[TouchpointRecord]:
    named = dict.fromkeys(item for item in touchpoints if item.touchpoint_id is not None)
    return [*named, *(item for item in touchpoints if item.touchpoint_id is None)] if named else touchpoints


def _different(changes: Sequence[StageChange]) -> list[StageChangeRecord]:
    """Leave out what was sent twice; changes with different reasons, owners or teams are different."""
    whole = ((stage_change_record(one), one.reason or None, one.owner or None, one.team or None) for one in changes)
    return [record for record, *_ in dict.fromkeys(whole)]
