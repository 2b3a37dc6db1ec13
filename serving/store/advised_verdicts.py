"""Verdicts of people with the advice that they had before them."""

import sqlalchemy as sa

from models.monitoring.overrides import Verdict
from serving.store import schema

__all__ = ["advised_verdicts"]

MOST = 100_000


def advised_verdicts(connection: sa.Connection, since: int) -> list[Verdict]:
    """Read the verdicts since a moment that hold advice and were not taken back, at most the newest `MOST`.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.read`.
    since : int
        UTC microseconds.
    """
    table = schema.outcomes
    query = sa.select(table.c.lead_id, table.c.occurred_at, table.c.outcome, table.c.advice).where(
        table.c.occurred_at >= since, table.c.advice.is_not(None), table.c.retracted_at.is_(None)
    )
    rows = connection.execute(query.order_by(table.c.occurred_at.desc()).limit(MOST))
    return [Verdict(row.lead_id, row.occurred_at, row.outcome, row.advice) for row in rows]
