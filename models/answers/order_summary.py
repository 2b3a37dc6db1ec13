"""What a customer's orders look like at a moment: the last one, their rhythm, what they are worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from statistics import median

from features.records import OrderRecord
from features.timeline import DAY_US, before

__all__ = ["OrderSummary", "order_summary"]


@dataclass(frozen=True)
class OrderSummary:
    """The orders of an account, as far as they are known.

    Attributes
    ----------
    count : int
        How many.
    last_at : int
        When the last one was placed, UTC microseconds.
    rhythm_days : float or None
        Median of the days from one order to the next; orders within the same day (UTC) are one. None: there was one such day.
    value : float or None
        Sum of the amounts to a hundredth, credit notes taken off, whatever their order; None: no amount is known.
    """

    count: int
    last_at: int
    rhythm_days: float | None
    value: float | None


def order_summary(orders: Sequence[OrderRecord], at: int) -> OrderSummary | None:
    """Sum up the orders that were placed before a moment; None: there were none.

    Parameters
    ----------
    orders : sequence of OrderRecord
        In any order.
    at : int
        UTC microseconds; an order at this moment is not seen yet.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> placed = [OrderRecord(0, 10.0), OrderRecord(1, 5.0), OrderRecord(30 * day, None), OrderRecord(40 * day, 7.5)]
    >>> order_summary(placed, 40 * day)
    OrderSummary(count=3, last_at=2592000000000, rhythm_days=30.0, value=15.0)
    >>> order_summary(placed, 40 * day + 1).rhythm_days, order_summary(placed, 0)
    (20.0, None)
    >>> order_summary([OrderRecord(0, 2624.19), OrderRecord(1, 1098.59), OrderRecord(2, -0.1)], 3).value
    3722.68
    """
    seen = [order for order in orders if before(order.ordered_at, at)]
    if not seen:
        return None
    days = sorted({order.ordered_at // DAY_US for order in seen})
    gaps = [later - earlier for earlier, later in pairwise(days)]
    amounts = [order.amount for order in seen if order.amount is not None]
    return OrderSummary(
        len(seen),
        max(order.ordered_at for order in seen),
        float(median(gaps)) if gaps else None,
        round(fsum(amounts), 2) if amounts else None,
    )
