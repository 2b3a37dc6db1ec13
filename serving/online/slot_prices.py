"""The price of a slot in this process: made anew over the list of open leads, read from store and file."""

import logging
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.answers.slot_price import SlotPrice, price_of_queue, read_price
from models.bundle import Bundle
from serving.store.connect import Store
from serving.store.slot_prices import newest_price, price_is_due, put_price, read_queue

__all__ = ["SlotPrices"]

_log = logging.getLogger("bentoml.lead_qualification.slot_prices")


class SlotPrices:
    """The newest price of a model's queue.

    Parameters
    ----------
    store : Store
    model : str
    file : Path or None
        As `models.answers.slot_price.write_price` writes it; None: there is none.

    Attributes
    ----------
    newest : SlotPrice or None
        As it was read last; None: no run has made one.
    """

    def __init__(self, store: Store, model: str, file: Path | None) -> None:
        self.store, self.model, self.file = store, model, file
        self.newest: SlotPrice | None = None
        self._refused: str | None = None

    def refresh(self, connection: Any) -> None:
        """Read the newest price, of store and file."""
        prices = [price for price in (newest_price(connection, self.model), self._of_file()) if price is not None]
        self.newest = max(prices, key=lambda price: price.at, default=None)

    def make_anew(self, bundle: Bundle, now: int, every_us: int) -> None:
        """Work the price out over the whole queue, once all open leads are scored, if it is as old as `every_us`."""
        if bundle.timing is None:
            return
        with self.store.read() as connection:
            if not price_is_due(connection, self.model, now, every_us):
                return
            queue = read_queue(connection, self.model)
        price = price_of_queue(queue.now, queue.held, bundle, now)
        if price is None:
            return
        with self.store.write() as connection:
            put_price(connection, self.model, price)
            self.refresh(connection)

    def _of_file(self) -> SlotPrice | None:
        if self.file is None:
            return None
        try:
            price = read_price(self.file)
        except DataError as error:
            if str(error) != self._refused:
                _log.warning("%s", error)
            self._refused = str(error)
            return None
        self._refused = None
        return price
