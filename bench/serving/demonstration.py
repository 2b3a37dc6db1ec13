"""A service with the open leads of the demonstration, in a store of its own."""

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.serving.processes import BIN, serve
from serving.contract import examples
from serving.import_store import Imported, import_store
from serving.store.connect import Store
from serving.store.migrate import migrate
from serving.store.open_leads import ListFilter, OpenLead, list_open_leads, put_open_leads

__all__ = ["MADE_UP", "Demonstration", "demonstration", "scored_leads"]

MADE_UP = "M-"
"""Begins the ids of leads that are only on the list."""


class Demonstration(NamedTuple):
    """A service that has scored all leads; `url` is that of its store."""

    port: int
    url: str
    imported: Imported


@contextlib.contextmanager
def demonstration(
    folder: Path, canonical: Path, bundle: Path, listed: list[OpenLead] | None = None, **settings: str
) -> Iterator[Demonstration]:
    """Fill a store, serve it, and wait until nothing is left to score.

    Parameters
    ----------
    folder : Path
        Empty; for the store and what the service writes.
    canonical, bundle : Path
        The leads' tables, moved to now, and the model.
    listed : list of OpenLead, optional
        More rows for the list, without leads behind them.
    settings : str
        More environment variables.
    """
    url = f"sqlite:///{folder}/store.db"
    migrate(url)
    store = Store(url)
    imported = import_store(store, canonical, time.time_ns() // 1000, until_now=True, only_open=True)
    with store.write() as connection:
        put_open_leads(connection, listed or [])
    store.close()
    environment = {"LEAD_STORE_URL": url, "LEAD_BUNDLE_DIR": str(bundle.resolve()), "LEAD_DRAIN_SECONDS": "0"}
    environment |= {"BENTOML_HOME": f"{folder}/bentoml", **settings}
    command = [str(BIN / "python"), "-m", "serving", "--port", "PORT"]
    with serve(command, "/score", json.dumps(examples.REQUEST), environment, folder / "log.txt") as running:
        _wait_until_scored(running.port)
        yield Demonstration(running.port, url, imported)


def _wait_until_scored(port: int) -> None:
    """Wait until the queue is empty: the page says so as long as it is not."""
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/app?lang=en", timeout=120) as answer:
            if b"being scored" not in answer.read():
                return
        time.sleep(2.0)


def scored_leads(url: str) -> list[str]:
    """List the leads that have a journey, likeliest first."""
    store = Store(url)
    with store.read() as connection:
        listed = list_open_leads(connection, ListFilter(shown="all", search="L-"), 0, 200).leads
    store.close()
    return [lead.lead_id for lead in listed if not lead.lead_id.startswith(MADE_UP)]
