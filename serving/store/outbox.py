"""The last decision of each lead by each model, and the outbox of webhooks about changed decisions."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from serving.store import schema

__all__ = [
    "DecisionJson",
    "Event",
    "NewDecision",
    "StoredDecision",
    "apply_decision",
    "claim_events",
    "count_events",
    "events_wait",
    "list_events",
    "mark_failed",
    "mark_sent",
    "purge_sent",
    "retry_events",
    "stored_decisions",
]


DecisionJson: TypeAlias = dict[str, Any] | None
"""A decision as JSON values, as in answers; None: the lead is not scored."""


class StoredDecision(NamedTuple):
    """The last decision of a lead, as the store holds it."""

    sequence: int
    decision: DecisionJson
    decided_at: int


class NewDecision(NamedTuple):
    """A decision that was just made."""

    lead_id: str
    decision: DecisionJson
    not_scored: str | None
    decided_at: int


class Event(NamedTuple):
    """One webhook to send."""

    event_id: str
    body: str
    attempts: int
    lead_id: str


def stored_decisions(
    connection: sa.Connection, model: str, lead_ids: Sequence[str], *, lock: bool = False
) -> dict[str, StoredDecision]:
    """Read a model's last decisions of those leads that have one; `lock` keeps other transactions from changing them."""
    table = schema.decisions
    query = sa.select(table).where(table.c.lead_id.in_(lead_ids), table.c.model == model).order_by(table.c.lead_id)
    rows = connection.execute(query.with_for_update() if lock else query).mappings()
    return {
        row["lead_id"]: StoredDecision(
            row["sequence"],
            None if row["decision"] is None else json.loads(row["decision"]),
            row["decided_at"],
        )
        for row in rows
    }


def apply_decision(
    connection: sa.Connection,
    model: str,
    new: NewDecision,
    stored: StoredDecision | None,
    now: int,
    event: Callable[[int], tuple[str, str]] | None,
) -> None:
    """Write a decision, and its event if the decision changed; in one transaction, so that neither is lost.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    model : str
        That decided.
    new : NewDecision
        The decision; one that was made for an earlier moment than the stored one changes nothing.
    stored : StoredDecision or None
        As read in this transaction.
    now : int
        UTC microseconds.
    event : callable or None
        Gives event_id and body of the event with this sequence; None: no webhook is sent.
    """
    if stored is not None and new.decided_at < stored.decided_at:
        return
    before = None if stored is None else stored.decision
    changed = new.decision != before
    sequence = (0 if stored is None else stored.sequence) + int(changed)
    values: dict[str, Any] = {
        "sequence": sequence,
        "decision": None if new.decision is None else json.dumps(new.decision),
        "not_scored": new.not_scored,
        "decided_at": new.decided_at,
    }
    table = schema.decisions
    if stored is None:
        connection.execute(sa.insert(table).values(lead_id=new.lead_id, model=model, changed_at=now, **values))
    else:
        values |= {"changed_at": now} if changed else {}
        is_same = sa.and_(table.c.lead_id == new.lead_id, table.c.model == model)
        connection.execute(sa.update(table).where(is_same).values(**values))
    if changed and event is not None:
        event_id, body = event(sequence)
        row = {"event_id": event_id, "lead_id": new.lead_id, "model": model, "sequence": sequence, "body": body}
        connection.execute(sa.insert(schema.outbox).values(**row, created_at=now, state="pending", next_at=now))


def events_wait(connection: sa.Connection, now: int) -> bool:
    """Tell whether there is something to send; a question that takes no lock."""
    return connection.execute(_due(now).limit(1)).first() is not None


def claim_events(connection: sa.Connection, now: int, lease_us: int, most: int) -> list[Event]:
    """Take events that are due, of each lead and model the oldest one; nobody else gets them until the lease ends.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    now, lease_us : int
        UTC microseconds, and for how many the events are taken.
    most : int
        At most so many.
    """
    table = schema.outbox
    query = _due(now).order_by(table.c.next_at).limit(most).with_for_update(skip_locked=True, of=table)
    events = [Event(row.event_id, row.body, row.attempts + 1, row.lead_id) for row in connection.execute(query)]
    claimed = sa.update(table).where(table.c.event_id.in_([event.event_id for event in events]))
    connection.execute(claimed.values(next_at=now + lease_us, attempts=table.c.attempts + 1))
    return events


def _due(now: int) -> sa.Select[Any]:
    table, earlier = schema.outbox, schema.outbox.alias("earlier")
    first = ~sa.exists().where(
        earlier.c.lead_id == table.c.lead_id,
        earlier.c.model == table.c.model,
        earlier.c.state == "pending",
        earlier.c.sequence < table.c.sequence,
    )
    return sa.select(table).where(table.c.state == "pending", table.c.next_at <= now, first)


def mark_sent(connection: sa.Connection, event_id: str, now: int) -> None:
    """Note that an event was taken by its receiver."""
    values = {"state": "sent", "sent_at": now, "last_error": None}
    connection.execute(sa.update(schema.outbox).where(schema.outbox.c.event_id == event_id).values(**values))


def mark_failed(connection: sa.Connection, event_id: str, error: str, next_at: int | None) -> None:
    """Note that an event was not taken, and when to try again; None: never, it is parked as dead."""
    values: dict[str, Any] = {"last_error": error, **({"state": "dead"} if next_at is None else {"next_at": next_at})}
    table = schema.outbox
    connection.execute(sa.update(table).where(table.c.event_id == event_id, table.c.state != "sent").values(**values))


def purge_sent(connection: sa.Connection, sent_before: int) -> int:
    """Delete events that were sent before a moment."""
    table = schema.outbox
    return int(
        connection.execute(sa.delete(table).where(table.c.state == "sent", table.c.sent_at < sent_before)).rowcount
    )


def list_events(connection: sa.Connection, state: str, most: int) -> list[Mapping[Any, Any]]:
    """List events of a state without their bodies, oldest first."""
    table = schema.outbox
    columns = [column for column in table.columns if column.name != "body"]
    query = sa.select(*columns).where(table.c.state == state).order_by(table.c.created_at, table.c.event_id)
    return list(connection.execute(query.limit(most)).mappings())


def count_events(connection: sa.Connection) -> dict[str, int]:
    """Count the events by state."""
    table = schema.outbox
    query = sa.select(table.c.state, sa.func.count().label("count")).group_by(table.c.state)
    return {row.state: int(row._mapping["count"]) for row in connection.execute(query)}


def retry_events(connection: sa.Connection, event_ids: Sequence[str] | None, now: int) -> int:
    """Send dead events again, all or those named; they get all their attempts anew."""
    table = schema.outbox
    query = sa.update(table).where(table.c.state == "dead").values(state="pending", next_at=now, attempts=0)
    if event_ids is not None:
        query = query.where(table.c.event_id.in_(event_ids))
    return int(connection.execute(query).rowcount)
