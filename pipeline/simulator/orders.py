"""Orders of one chunk's accounts: what customers bought before the history, their first orders in it, and their further ones.

A customer orders again at a pace and in a rhythm of its own, sooner while its people are ready to buy, until it leaves.
Readiness also drives what its leads look at, so touchpoints tell of orders to come; no touchpoint is drawn from an order.
"""

import numpy as np
import pyarrow as pa

from pipeline.simulator import behaviour
from pipeline.simulator.arrow import iso, named
from pipeline.simulator.chunks import Chunk, Setting, Story, stream
from pipeline.simulator.clocks import OFFICE_DAY, FloatArray, IntArray
from pipeline.simulator.crm import account_ids, exported_accounts
from pipeline.simulator.dirt import BAD_SHARE, duplicates
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.stages import purchases
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["PRODUCTS", "further_orders", "orders"]

PRODUCTS = ("core", "module_planning", "module_shop_floor", "service")

USUAL_GAP_DAYS = 260.0
"""Mean days from one order to the next of a customer of mean pace and fit whose people look at nothing."""
PACE_SHAPE = 1.6
"""Shape of the gamma distribution of paces, mean 1: the smaller, the more customers differ."""
RHYTHM_SHAPE = 4.0
"""Shape of the gamma distribution of gaps, mean 1: 1 has no rhythm, the larger, the more regular."""
READY_PULL = 6.0
"""How much faster a customer's clock runs while one of its people is fully ready to buy."""
STAY_DAYS = 900.0
"""Mean days until a customer leaves, without a word: exponential."""
UNPLANNED_GAP_DAYS = 1200.0
"""Mean days between orders that follow no rhythm: a spare licence, a day of service."""
MOST_ORDERS = 64


def orders(setting: Setting, chunk: Chunk, stories: tuple[Story, ...], start: int) -> pa.Table:
    """Make orders.csv: what accounts bought before the history and in it, further orders included; one row per order."""
    rng = stream(setting.seed, "tables", chunk.number, 6)
    people = chunk.people
    lead = np.concatenate([story.lead for story in stories])
    when = np.concatenate([purchases(setting, chunk, story, number) for number, story in enumerate(stories)])
    lead, when = lead[when < setting.export], when[when < setting.export]
    new = people.account[lead]
    old = np.flatnonzero(people.customer)
    past = np.repeat(old, rng.poisson(2.0, len(old)) + 1)
    past_at = -rng.integers(1, 720 * DAY_SECONDS, len(past))

    since = np.full(people.accounts, NEVER)
    np.minimum.at(since, new, when)
    since[old] = 0
    further, further_at = further_orders(setting, chunk, since)
    accounts, moments = np.concatenate((past, new, further)), np.concatenate((past_at, when, further_at))
    product = rng.integers(0, len(PRODUCTS), len(accounts))
    product[len(past) : len(past) + len(new)] = 0
    amount = _amounts(rng, people.employees[accounts], product)
    kept = np.flatnonzero(exported_accounts(chunk)[accounts])
    table = pa.table(
        {
            "account_id": account_ids(setting, chunk).take(pa.array(accounts[kept])),
            "ordered_at": iso(moments[kept], start),
            "amount": amount[kept],
            "product": named(product[kept], PRODUCTS).cast(pa.string()),
        }
    )
    spoiled = table.take(pa.array(duplicates(rng, table.num_rows, BAD_SHARE)))
    broken = pa.array(["31.02.2024 12:00"] * spoiled.num_rows, pa.string())
    return pa.concat_tables([table, spoiled.set_column(1, "ordered_at", broken)])


def further_orders(setting: Setting, chunk: Chunk, since: IntArray) -> tuple[IntArray, IntArray]:
    """Draw the orders of customers after the moment at which they became one.

    A customer's own clock runs at its pace, faster while its people are ready to buy, slower in high summer and at the year's
    end; in that clock, orders are a renewal process with gamma gaps. What is wished for is ordered some office hours later.

    Parameters
    ----------
    setting, chunk
        The chunk before sales comes in.
    since : int64[accounts]
        Seconds at which each account became a customer; NEVER: it did not, and has no orders.

    Returns
    -------
    tuple of int64[k], int64[k]
        Account and seconds of each order, after `since` and before the export.
    """
    people, office = chunk.people, setting.clocks.office
    rng = stream(setting.seed, "orders", chunk.number)
    # Drawn for every account, so that an account's orders do not depend on who else is a customer.
    size = people.accounts
    pace = rng.gamma(PACE_SHAPE, 1.0 / PACE_SHAPE, size) * np.exp(0.3 * people.fit) / USUAL_GAP_DAYS
    gaps = rng.gamma(RHYTHM_SHAPE, 1.0 / RHYTHM_SHAPE, (size, MOST_ORDERS))
    stays = rng.exponential(STAY_DAYS, size)
    into_rhythm = rng.random(size)
    unplanned = rng.poisson(setting.days / UNPLANNED_GAP_DAYS, size)
    unplanned_at = rng.random(int(unplanned.sum())) * setting.days
    delay = 0.4 * OFFICE_DAY * rng.exponential(1.0, (size, MOST_ORDERS))
    # Who is a customer from before the history on is somewhere between two orders when it begins.
    gaps[since == 0, 0] *= into_rhythm[since == 0]

    customers = np.flatnonzero(since < NEVER)
    begin = since[customers] / DAY_SECONDS
    clock = _own_clock(setting, chunk, pace)[customers]
    target = _at(clock, begin)[:, None] + np.cumsum(gaps[customers], axis=1)
    reached = target < clock[:, -1:]
    row, column = np.nonzero(reached)
    wish = _when(clock, row, target[row, column])
    account = customers[row]
    moment = office.calendar(office.own(wish) + delay[account, column])

    account = np.concatenate((account, np.repeat(np.arange(size), unplanned)))
    day = np.concatenate((moment, unplanned_at))
    seconds = np.ceil(day * DAY_SECONDS).astype(np.int64)
    from_then = np.where(since < NEVER, since, setting.export)[account]
    kept = (seconds > from_then) & (seconds < setting.export) & (day < from_then / DAY_SECONDS + stays[account])
    return account[kept], seconds[kept]


def _own_clock(setting: Setting, chunk: Chunk, pace: FloatArray) -> FloatArray:
    """Cumulate each account's pace at the edges of days: float64[accounts, days + 1], increasing along days."""
    ready = chunk.paths.readiness[:, : setting.days]
    first = np.flatnonzero(np.diff(chunk.people.account, prepend=-1))
    readiest = np.maximum.reduceat(ready, first, axis=0).astype(np.float64)
    midday: FloatArray = np.arange(setting.days, dtype=np.float64) + 0.5
    speed = (1.0 + READY_PULL * readiest) * behaviour.season(midday) * pace[:, None]
    return np.concatenate((np.zeros((len(pace), 1)), np.cumsum(speed, axis=1)), axis=1)


def _at(clock: FloatArray, day: FloatArray) -> FloatArray:
    """Read each row's clock at one moment, in days since the start."""
    whole = np.floor(day).astype(np.int64)
    row = np.arange(len(clock))
    result: FloatArray = clock[row, whole] + (day - whole) * (clock[row, whole + 1] - clock[row, whole])
    return result


def _when(clock: FloatArray, row: IntArray, own: FloatArray) -> FloatArray:
    """Convert readings of a row's clock, below its last one, to days since the start; the inverse of `_at`."""
    whole = np.array([np.searchsorted(clock[r], o, side="right") - 1 for r, o in zip(row, own, strict=True)], np.int64)
    result: FloatArray = whole + (own - clock[row, whole]) / (clock[row, whole + 1] - clock[row, whole])
    return result


def _amounts(rng: np.random.Generator, employees: FloatArray, product: IntArray) -> FloatArray:
    size = np.array([9.0, 8.0, 8.2, 6.5])[product] + 0.35 * (np.log(employees) - 4.9)
    result: FloatArray = np.exp(size + rng.normal(0.0, 0.5, len(product))).round(2).astype(np.float64)
    return result
