"""What the online store costs: telling it of touchpoints, and scoring a lead from it, in one process with one client.

`python -m bench.online_store` uses a SQLite file in a temporary folder (on whatever disk that is), or with
``LEAD_STORE_URL`` that store, which is filled with made-up leads. Each write is a transaction on the disk.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.intake import accept
from serving.online import score_lead
from serving.scorer import Scorer
from serving.store.connect import STORE_URL, Store
from serving.store.migrate import migrate

TOUCHPOINTS = 40
NOW = 1_780_000_000_000_000


def body(lead_id: str, count: int) -> bytes:
    items = [
        {
            "lead_id": lead_id,
            "touchpoint_id": f"T-{number}",
            "occurred_at": f"2026-05-01T10:{number % 60:02d}:00Z",
            "kind": "page_view",
            "channel": "web",
            "asset": "pricing/plans",
        }
        for number in range(count)
    ]
    return json.dumps({"touchpoints": items}).encode()


def seconds(work: Callable[[int], object], times: int) -> np.ndarray:
    taken = []
    for number in range(times):
        begin = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - begin)
    return np.array(taken)


def measure(url: str, scorer: Scorer) -> Table:
    migrate(url)
    store = Store(url)
    table = Table("what", "median ms", "95 % ms", "per second", title=f"online store on {store.url.get_backend_name()}")
    run = time.time_ns()

    def add(what: str, taken: np.ndarray, each: int) -> None:
        figures = (np.median(taken) * 1e3, np.quantile(taken, 0.95) * 1e3)
        table.add_row(what, *(f"{figure:.2f}" for figure in figures), f"{each * len(taken) / taken.sum():,.0f}")

    for count, times in ((1, 300), (TOUCHPOINTS, 300), (1_000, 20)):
        bodies = [body(f"{run}-{count}-{number}", count) for number in range(times)]
        accept(store, "touchpoints", body(f"{run}-{count}-first", count), NOW)
        taken = seconds(lambda number, bodies=bodies: accept(store, "touchpoints", bodies[number], NOW), times)
        add(f"touchpoints, {count:,} per body", taken, count)
    for reasons in ("0", "3"):
        taken = seconds(
            lambda number, reasons=reasons: score_lead(
                store, scorer, f"{run}-{TOUCHPOINTS}-{number}", {"reasons": reasons}, NOW
            ),
            300,
        )
        add(f"score of a lead of {TOUCHPOINTS} touchpoints, {reasons} reasons", taken, 1)
    store.close()
    return table


def main() -> None:
    scorer = Scorer.load(Path("data/champion"), "champion", "")
    scorer.warm_up()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(measure(os.environ.get(STORE_URL) or f"sqlite:///{folder}/store.db", scorer))


if __name__ == "__main__":
    main()
