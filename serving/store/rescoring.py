"""The queue of leads to score again: filled with each write, emptied by dispatchers, of which there may be many."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from serving.store import schema
from serving.store.writing import chunks, insert

__all__ = [
    "MOST_ATTEMPTS",
    "claim_leads",
    "count_leads",
    "finish_leads",
    "forget_leads",
    "leads_wait",
    "list_given_up",
    "retry_leads",
    "sweep",
    "sweep_is_due",
]

MOST_ATTEMPTS = 5
"""A lead that could not be scored so often is given up until its next write, or until a sweep takes it up again."""

FIRST_PAUSE_US = 5_000_000
"""After the first failure; doubled with each."""

LONGEST_PAUSE = 2**6
"""Sweeps that are left out at most before a lead is taken up again that keeps failing."""

SWEEP = "sweep"


def leads_wait(connection: sa.Connection, now: int) -> bool:
    """Tell whether there is something to claim; a question that takes no lock."""
    return connection.execute(sa.select(schema.rescore.c.lead_id).where(_is_due(now)).limit(1)).first() is not None


def claim_leads(connection: sa.Connection, now: int, lease_us: int, most: int) -> dict[str, int]:
    """Take leads that are due; nobody else gets them until the lease ends.

    One that was taken before and not finished is taken alone: it may be what ended the process, and must not use up the
    attempts of others.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    now, lease_us : int
        UTC microseconds, and for how many the leads are taken.
    most : int
        At most so many.

    Returns
    -------
    dict of str to int
        lead_id to what `finish_leads` needs to notice a write that came meanwhile.
    """
    table = schema.rescore
    query = sa.select(table.c.lead_id, table.c.asked, table.c.attempts).where(_is_due(now)).order_by(table.c.due_at)
    rows = connection.execute(query.limit(most).with_for_update(skip_locked=True)).all()
    if rows and rows[0].attempts:
        rows = rows[:1]
    taken = {row.lead_id: int(row.asked) for row in rows if not row.attempts or len(rows) == 1}
    values = {"lease_until": now + lease_us, "attempts": table.c.attempts + 1}
    connection.execute(sa.update(table).where(table.c.lead_id.in_(list(taken))).values(**values))
    return taken


def finish_leads(
    connection: sa.Connection, taken: Mapping[str, int], failed: Mapping[str, str] | None = None, now: int = 0
) -> None:
    """Remove leads that were scored; one that failed keeps its place, and is due again after a pause that grows.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    taken : mapping of str to int
        As `claim_leads` gave it; one that was written again meanwhile is due at once.
    failed : mapping of str to str, optional
        Those that could not be scored, to the type of what was raised.
    now : int
        UTC microseconds; where one failed.
    """
    table, failed = schema.rescore, failed or {}
    for lead_id, asked in sorted(taken.items()):  # in the order in which writers lock them
        is_lead = table.c.lead_id == lead_id
        if lead_id not in failed:
            connection.execute(sa.delete(table).where(is_lead, table.c.asked == asked))
            connection.execute(sa.update(table).where(is_lead).values(lease_until=0, attempts=0))
            continue
        row = connection.execute(
            sa.select(table.c.asked, table.c.attempts).where(is_lead).with_for_update()
        ).one_or_none()
        if row is not None:
            pause = FIRST_PAUSE_US * 2 ** min(row.attempts, MOST_ATTEMPTS)
            again = {"due_at": now + pause} if row.asked == asked else {}
            connection.execute(
                sa.update(table).where(is_lead).values(lease_until=0, last_error=failed[lead_id], **again)
            )


def forget_leads(connection: sa.Connection, lead_ids: Sequence[str]) -> None:
    """Take leads out of the queue: nobody needs their scores until their next write."""
    for chunk in chunks(lead_ids):
        connection.execute(sa.delete(schema.rescore).where(schema.rescore.c.lead_id.in_(chunk)))


def sweep_is_due(connection: sa.Connection, now: int) -> bool:
    """Tell whether it is time to look at all open leads; a question that takes no lock."""
    next_at = connection.execute(sa.select(schema.tasks.c.next_at).where(schema.tasks.c.name == SWEEP)).scalar()
    return next_at is None or next_at <= now


def sweep(connection: sa.Connection, models: Sequence[str], now: int, every_us: int) -> int | None:
    """Queue all open leads, if it is time to: decisions change as time passes in silence, too.

    Open is what one of the models scores, or has never seen, as after it was added to the service. A lead that was given up
    gets one more attempt, at first with each sweep, then ever more seldom.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`; of several processes one sweeps.
    models : sequence of str
        Those that are served.
    now, every_us : int
        UTC microseconds, and how many lie between two sweeps.

    Returns
    -------
    int or None
        How many leads are scored again; None: another process swept.
    """
    task = schema.tasks
    connection.execute(insert(connection, task).on_conflict_do_nothing(), [{"name": SWEEP, "next_at": now + every_us}])
    claim = sa.update(task).where(task.c.name == SWEEP, task.c.next_at <= now).values(next_at=now + every_us)
    if not connection.execute(claim).rowcount:
        return None
    decisions, queue = schema.decisions, schema.rescore
    # A lead that is not scored any more opens again only by a write, which queues it itself
    is_served = decisions.c.model.in_(models)
    unseen = sa.select(decisions.c.lead_id).where(is_served).group_by(decisions.c.lead_id)
    is_open = sa.or_(
        sa.and_(is_served, decisions.c.not_scored.is_(None)),
        decisions.c.lead_id.in_(unseen.having(sa.func.count() < len(models))),
    )
    rows = sa.select(decisions.c.lead_id, sa.literal(1), sa.literal(now)).where(is_open).distinct()
    statement = insert(connection, queue).from_select(["lead_id", "asked", "due_at"], rows).on_conflict_do_nothing()
    connection.execute(statement)
    lost = sa.select(queue.c.lead_id, queue.c.given_up).where(_is_given_up(now), queue.c.retry_at <= now)
    for lead_id, times in connection.execute(lost).all():
        pause = every_us * min(2**times, LONGEST_PAUSE)
        values = {"attempts": MOST_ATTEMPTS - 1, "given_up": times + 1, "due_at": now, "retry_at": now + pause}
        connection.execute(sa.update(queue).where(queue.c.lead_id == lead_id, _is_given_up(now)).values(**values))
    still_open = sa.select(sa.func.count()).select_from(decisions).where(decisions.c.not_scored.is_(None))
    return int(connection.execute(still_open).scalar_one())


def count_leads(connection: sa.Connection, now: int) -> dict[str, int]:
    """Count the leads that wait, and those that are given up."""
    count = sa.select(sa.func.count()).select_from(schema.rescore)
    given_up = int(connection.execute(count.where(_is_given_up(now))).scalar_one())
    return {"waiting": int(connection.execute(count).scalar_one()) - given_up, "given_up": given_up}


def list_given_up(connection: sa.Connection, now: int, most: int) -> list[Mapping[Any, Any]]:
    """List leads that are given up, oldest first."""
    table = schema.rescore
    query = sa.select(table).where(_is_given_up(now)).order_by(table.c.due_at, table.c.lead_id).limit(most)
    return list(connection.execute(query).mappings())


def retry_leads(connection: sa.Connection, now: int) -> int:
    """Score leads that are given up again, at once and with all their attempts."""
    values = {"attempts": 0, "given_up": 0, "retry_at": 0, "due_at": now}
    return int(connection.execute(sa.update(schema.rescore).where(_is_given_up(now)).values(**values)).rowcount)


def _is_due(now: int) -> sa.ColumnElement[bool]:
    table = schema.rescore
    return sa.and_(table.c.due_at <= now, table.c.lease_until <= now, table.c.attempts < MOST_ATTEMPTS)


def _is_given_up(now: int) -> sa.ColumnElement[bool]:
    table = schema.rescore
    return sa.and_(table.c.attempts >= MOST_ATTEMPTS, table.c.lease_until <= now)
