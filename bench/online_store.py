"""What the online store costs: telling it of touchpoints, and scoring a lead from it, in one process with one client.

The last rows are about a machine: one lead with 100,000 page views of one day, and what it costs the others to stand beside it.

`python -m bench.online_store` uses a SQLite file in a temporary folder (on whatever disk that is), or with
``LEAD_STORE_URL`` that store, which is filled with made-up leads. Each write is a transaction on the disk.
"""

import datetime as dt
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store.connect import STORE_URL, Store
from serving.store.migrate import migrate

TOUCHPOINTS = 40
NOW = 1_780_000_000_000_000
BOT_BODIES, PER_BODY, SCORES = 10, 10_000, 20


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


def bot_body(lead_id: str, number: int) -> bytes:
    """Page views of one day, 0.8 s apart."""
    begin = dt.datetime.fromtimestamp(NOW // 1_000_000, dt.UTC) - dt.timedelta(days=1)
    items = [
        {
            "lead_id": lead_id,
            "touchpoint_id": f"T-{number}-{view}",
            "occurred_at": (begin + dt.timedelta(seconds=0.8 * (number * PER_BODY + view))).isoformat(),
            "kind": "page_view",
            "channel": "web",
            "asset": "pricing/plans",
        }
        for view in range(PER_BODY)
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
    bot, ordinary = f"{run}-bot", f"{run}-{TOUCHPOINTS}-0"
    accept(store, "touchpoints", bot_body(bot, 0), NOW)
    taken = seconds(lambda number: accept(store, "touchpoints", bot_body(bot, number + 1), NOW), BOT_BODIES - 1)
    add(f"a machine's touchpoints, {PER_BODY:,} per body", taken, PER_BODY)

    def score(lead_id: str, times: int) -> np.ndarray:
        return seconds(lambda _: score_lead(store, scorer, lead_id, {}, NOW), times)

    alone, machine = score(ordinary, 10 * SCORES), score(bot, SCORES)
    add(f"score of a lead of {BOT_BODIES * PER_BODY:,} touchpoints", machine, 1)
    for beside, lead_id in (("an ordinary lead", f"{run}-{TOUCHPOINTS}-1"), ("the machine", bot)):
        done = threading.Event()

        def others(lead_id: str = lead_id, done: threading.Event = done) -> None:
            while not done.is_set():
                score(lead_id, 1)

        thread = threading.Thread(target=others)
        thread.start()
        taken = score(ordinary, 10 * SCORES)
        done.set()
        thread.join()
        add(f"ordinary score beside a caller of {beside}", taken, 1)
    table.caption = f"the machine's lead takes {np.median(machine) / np.median(alone):.1f} times an ordinary one"
    store.close()
    return table


def main() -> None:
    scorer = Scorer.load(Path("data/champion"), "champion", "")
    scorer.warm_up()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(measure(os.environ.get(STORE_URL) or f"sqlite:///{folder}/store.db", scorer))


if __name__ == "__main__":
    main()
