"""The advice that was shown of each lead, from when on: one row per change, kept so that its own influence can be seen."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from serving.store import schema
from serving.store.writing import chunks, insert

__all__ = ["ShownAdvice", "put_advices"]

_TABLE = schema.advices


class ShownAdvice(NamedTuple):
    """What was advised of a lead from a moment on.

    Attributes
    ----------
    lead_id : str
    advised_at : int
        UTC microseconds.
    advice, tier : str
    until : str or None
        With `wait_until` the day.
    chance_now, chance_waiting : float or None
        Of a first contact now, and after waiting.
    propensity : float or None
        The probability with which this advice was drawn; None: nothing was drawn.
    """

    lead_id: str
    advised_at: int
    advice: str
    tier: str
    until: str | None
    chance_now: float | None
    chance_waiting: float | None
    propensity: float | None


def put_advices(connection: sa.Connection, model: str, shown: Sequence[ShownAdvice]) -> None:
    """Store a model's advice that is another one than was shown of the lead before; the rest is known already.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    model : str
        That advised.
    shown : sequence of ShownAdvice
        Each lead once.
    """
    for chunk in chunks(sorted(shown)):
        former = _newest(connection, model, [item.lead_id for item in chunk])
        news = [
            {"model": model, **item._asdict()}
            for item in chunk
            if former.get(item.lead_id, (None, None))[0] != item.advice
            and former.get(item.lead_id, (None, 0))[1] <= item.advised_at
        ]
        if news:
            connection.execute(insert(connection, _TABLE).on_conflict_do_nothing(), news)


def _newest(connection: sa.Connection, model: str, lead_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Give each lead's newest advice and its moment."""
    last = (
        sa.select(_TABLE.c.lead_id, sa.func.max(_TABLE.c.advised_at).label("advised_at"))
        .where(_TABLE.c.lead_id.in_(lead_ids), _TABLE.c.model == model)
        .group_by(_TABLE.c.lead_id)
        .subquery()
    )
    query = sa.select(_TABLE.c.lead_id, _TABLE.c.advice, _TABLE.c.advised_at).join(
        last, sa.and_(last.c.lead_id == _TABLE.c.lead_id, last.c.advised_at == _TABLE.c.advised_at)
    )
    query = query.where(_TABLE.c.model == model)
    return {row.lead_id: (row.advice, int(row.advised_at)) for row in connection.execute(query)}
