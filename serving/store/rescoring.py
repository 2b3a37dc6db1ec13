"""The queue of leads to score again: filled with each write, emptied by dispatchers, of which there may be many."""

from collections.abc import Mapping

import sqlalchemy as sa

from serving.store import schema
from serving.store.writing import insert

__all__ = ["MOST_ATTEMPTS", "claim_leads", "finish_leads", "leads_wait", "sweep", "sweep_is_due"]

MOST_ATTEMPTS = 5
"""A lead that could not be scored so often, because the process died each time, waits for its next write."""

SWEEP = "sweep"


def leads_wait(connection: sa.Connection, now: int) -> bool:
    """Tell whether there is something to claim; a question that takes no lock."""
    return connection.execute(sa.select(schema.rescore.c.lead_id).where(_is_due(now)).limit(1)).first() is not None


def claim_leads(connection: sa.Connection, now: int, lease_us: int, most: int) -> dict[str, int]:
    """Take leads that are due; nobody else gets them until the lease ends.

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
    query = sa.select(table.c.lead_id, table.c.asked).where(_is_due(now)).order_by(table.c.due_at).limit(most)
    taken = {row.lead_id: int(row.asked) for row in connection.execute(query.with_for_update(skip_locked=True))}
    values = {"lease_until": now + lease_us, "attempts": table.c.attempts + 1}
    connection.execute(sa.update(table).where(table.c.lead_id.in_(list(taken))).values(**values))
    return taken


def finish_leads(connection: sa.Connection, taken: Mapping[str, int]) -> None:
    """Remove leads that were scored; one that was written again in between is due at once."""
    table = schema.rescore
    for lead_id, asked in sorted(taken.items()):  # in the order in which writers lock them
        mine = table.c.lead_id == lead_id
        connection.execute(sa.delete(table).where(mine, table.c.asked == asked))
        connection.execute(sa.update(table).where(mine).values(lease_until=0, attempts=0))


def sweep_is_due(connection: sa.Connection, now: int) -> bool:
    """Tell whether it is time to look at all open leads; a question that takes no lock."""
    next_at = connection.execute(sa.select(schema.tasks.c.next_at).where(schema.tasks.c.name == SWEEP)).scalar()
    return next_at is None or next_at <= now


def sweep(connection: sa.Connection, now: int, every_us: int) -> bool:
    """Queue all open leads, if it is time to: decisions change as time passes in silence, too.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`; of several processes one sweeps.
    now, every_us : int
        UTC microseconds, and how many lie between two sweeps.

    Returns
    -------
    bool
        Whether it was this process that swept.
    """
    task = schema.tasks
    connection.execute(insert(connection, task).on_conflict_do_nothing(), [{"name": SWEEP, "next_at": now + every_us}])
    mine = sa.update(task).where(task.c.name == SWEEP, task.c.next_at <= now).values(next_at=now + every_us)
    if not connection.execute(mine).rowcount:
        return False
    decisions, queue = schema.decisions, schema.rescore
    # A lead that is not scored any more opens again only by a write, which queues it itself
    rows = sa.select(decisions.c.lead_id, sa.literal(1), sa.literal(now)).where(decisions.c.not_scored.is_(None))
    statement = insert(connection, queue).from_select(["lead_id", "asked", "due_at"], rows).on_conflict_do_nothing()
    connection.execute(statement)
    return True


def _is_due(now: int) -> sa.ColumnElement[bool]:
    table = schema.rescore
    return sa.and_(table.c.due_at <= now, table.c.lease_until <= now, table.c.attempts < MOST_ATTEMPTS)
