"""What the last slot of a week goes for, as runs over the whole queue stored it, and the queue that they look at."""

from typing import NamedTuple

import sqlalchemy as sa

from models.answers.slot_price import SlotPrice
from serving.store import schema
from serving.store.writing import insert

__all__ = ["Queue", "newest_price", "price_is_due", "put_price", "read_queue"]

KEEP_US = 400 * 86_400_000_000

_TABLE = schema.slot_prices


class Queue(NamedTuple):
    """Leads that wait for a first contact, as they were scored last.

    Attributes
    ----------
    now : list of float
        P(qualified within the horizon | first contact now).
    held : list of bool
        Whether marketing keeps the lead for now.
    """

    now: list[float]
    held: list[bool]


def read_queue(connection: sa.Connection, model: str) -> Queue:
    """Read who of a model's list waits for a first contact, of those of whom it can be told when to call."""
    table = schema.open_leads
    query = sa.select(table.c.chance_now, table.c.advice).where(
        table.c.model == model,
        table.c.advice.in_(("hand_over_now", "later", "wait_until")),
        table.c.chance_now.is_not(None),
    )
    rows = connection.execute(query).all()
    return Queue([float(row.chance_now) for row in rows], [row.advice == "wait_until" for row in rows])


def newest_price(connection: sa.Connection, model: str) -> SlotPrice | None:
    """Read the price of a model's newest run; None: there was none."""
    newest = sa.select(_TABLE).where(_TABLE.c.model == model).order_by(_TABLE.c.priced_at.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else SlotPrice(float(row.price), int(row.priced_at), int(row.slots), int(row.waiting))


def price_is_due(connection: sa.Connection, model: str, now: int, every_us: int) -> bool:
    """Tell whether a model's newest price is as old as the time between two sweeps."""
    newest = connection.execute(sa.select(sa.func.max(_TABLE.c.priced_at)).where(_TABLE.c.model == model)).scalar()
    return newest is None or newest <= now - every_us


def put_price(connection: sa.Connection, model: str, price: SlotPrice) -> None:
    """Store a price of a model's queue; those older than a year go.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    model : str
    price : SlotPrice
    """
    row = {"model": model, "priced_at": price.at, "price": price.value, "slots": price.slots, "waiting": price.waiting}
    connection.execute(insert(connection, _TABLE).on_conflict_do_nothing(), [row])
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.priced_at < price.at - KEEP_US))
