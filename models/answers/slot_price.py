"""What the last slot of a week goes for: worked out over a whole queue, stored with its moment, read for each decision.

A lead whose first contact now would bring less is called later. The price is kept apart from the bundle, as queues change from
day to day; where no run over the queue is recent the price of training counts.
"""

import datetime as dt
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from features.errors import DataError, LeadQualificationError
from features.timeline import DAY_US, from_micros, to_micros
from models.bundle import Bundle
from models.timing.policy import shadow_price

__all__ = ["PRICE_FILE", "SlotPrice", "price_of_queue", "price_that_counts", "read_price", "write_price"]

PRICE_FILE = "slot_price.json"
"""In the folder of data: where score runs of canonical tables leave it."""

AHEAD_US = DAY_US
"""A price may be so much younger than the moment that is scored: clocks differ, and a run over the queue takes a while."""

_ANEW = "Remove it, or write it anew: `python -m pipeline.score --out ...`."


class SlotPrice(NamedTuple):
    """The chance that the last slot of a week goes for.

    Attributes
    ----------
    value : float
        P(qualified within the horizon | first contact now) of the last lead that gets a slot; 0: there are slots for all.
    at : int
        The moment that the queue is of, UTC microseconds.
    slots : int
        Leads that sales calls in a week.
    waiting : int
        Leads in the queue, with those that are held.
    is_cost : bool
        The value is what a contact costs: slots go for less.
    """

    value: float
    at: int
    slots: int
    waiting: int
    is_cost: bool = False


def price_of_queue(now: Sequence[float], held: Sequence[bool], bundle: Bundle, at: int) -> SlotPrice | None:
    """Work out the price over a whole queue; None: the bundle knows nothing of timing, or nobody waits.

    Parameters
    ----------
    now : sequence of float
        Per lead that waits for a first contact, P(qualified within the horizon | first contact now).
    held : sequence of bool
        Whether marketing keeps it for now.
    bundle : Bundle
        Knows how many leads sales calls in a week.
    at : int
        The moment of the queue, UTC microseconds.
    """
    if bundle.timing is None or not len(now):
        return None
    slots = round(bundle.timing.facts["slots_per_week"])
    chances = np.asarray(now, dtype=np.float64)
    return SlotPrice(shadow_price(chances, np.asarray(held, dtype=bool), slots), at, slots, len(chances))


def price_that_counts(stored: SlotPrice | None, bundle: Bundle, at: int) -> tuple[SlotPrice | None, bool]:
    """Choose the price that a lead is decided against.

    Parameters
    ----------
    stored : SlotPrice or None
        Of the newest run over the queue.
    bundle : Bundle
        Holds the price of training, and for how many days a price counts (``price_days``).
    at : int
        The moment that is scored, UTC microseconds.

    Returns
    -------
    price : SlotPrice or None
        None: the bundle knows nothing of timing.
    of_training : bool
        True: no price is recent, so that of training counts; worth a warning.
    """
    if bundle.timing is None:
        return None, False
    facts = bundle.timing.facts
    of_training = SlotPrice(facts["price"], bundle.timing.price_at, round(facts["slots_per_week"]), 0)
    oldest = at - int(facts["price_days"] * DAY_US)
    for price in (stored, of_training):
        if price is not None and oldest < price.at <= at + AHEAD_US:
            return _at_least(price, facts["contact_cost"]), False
    return _at_least(of_training, facts["contact_cost"]), True


def _at_least(price: SlotPrice, cost: float) -> SlotPrice:
    return price if price.value >= cost else price._replace(value=cost, is_cost=True)


def write_price(price: SlotPrice, path: Path) -> None:
    """Store a price where score runs of files, and services without a store, find it."""
    content = {**price._asdict(), "is_cost": False, "at": from_micros(price.at).isoformat()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_price(path: Path) -> SlotPrice | None:
    """Read a stored price; None: there is none.

    Raises
    ------
    DataError
        The file is no price.
    """
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        at = to_micros(dt.datetime.fromisoformat(content["at"]), "at")
        price = SlotPrice(float(content["value"]), at, int(content["slots"]), int(content["waiting"]))
    except (ValueError, TypeError, KeyError, LeadQualificationError) as error:
        raise DataError(f"{path}: no price of a slot ({type(error).__name__}). {_ANEW}") from error
    if not math.isfinite(price.value) or not 0.0 <= price.value <= 1.0:
        raise DataError(f"{path}: value is {price.value!r}, expected 0 to 1. {_ANEW}")
    return price
