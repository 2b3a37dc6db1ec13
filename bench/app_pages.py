"""How long the pages take: the list at 100,000 open leads, a lead's page, and the API beside people who click.

`python -m bench.app_pages` fills a store of its own from data/canonical (or ``--canonical``), adds made-up rows to the list of
open leads, serves ``--bundle`` on two workers, and times all rounds in one run. Times are of the caller on the same machine, so
at least the server's. Ratios compare with ``/health`` of the same run, or the API's p99 with that of the round without people.
"""

import argparse
import random
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.serving.demonstration import MADE_UP, demonstration, scored_leads
from serving.store.open_leads import OpenLead

SECONDS_BETWEEN_CLICKS = 3.0
LIST_PAGES = {
    "list": "/app",
    "list, all": "/app?show=all",
    "search": "/app?show=all&search=A-77",
    "owner": "/app?show=all&owner=owner%203",
    "risen": "/app?show=all&order=risen",
    "page 2,000": "/app?show=all&page=2000",
}


def made_up(count: int, now: int) -> list[OpenLead]:
    draw = random.Random(7)
    reasons = [
        {"feature": "x", "text": f"a reason of ordinary length, number {n}", "contribution": 0.3} for n in range(3)
    ]
    change = {"not_scored": None, "reasons": reasons[:2]}
    rows = []
    for number in range(count):
        share = draw.betavariate(1.2, 8.0)
        decision = {"tier": "C", "within_capacity": share > 0.3, "advice": "unknown", "until": None, "text": ""}
        details = {
            "reasons": {"en": reasons, "de": reasons}, "change": {"en": change, "de": change},
            "probability_before": share * draw.random(), "decision": decision,
            "warnings": [], "last_touchpoint": {"channel": "web", "asset": "pricing"},
        }  # fmt: skip
        rows.append(
            OpenLead(
                f"{MADE_UP}{number}",
                f"A-{number // 3}",
                f"owner {number % 40}",
                "mql",
                share,
                share * 0.6,
                min(share * 1.5, 1.0),
                "C",
                None,
                share > 0.3,
                "unknown",
                None,
                details["probability_before"],
                now - draw.randrange(10**13),
                "page_view",
                now,
                details,
            )
        )
    return rows


def ask(port: int, path: str, data: bytes | None = None) -> float:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    begin = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:
        answer.read()
    return 1000.0 * (time.perf_counter() - begin)


def people(port: int, count: int, paths: list[str], stop: threading.Event) -> list[threading.Thread]:
    def click(seed: int) -> None:
        draw = random.Random(seed)
        while not stop.wait(draw.uniform(0.3, 1.7) * SECONDS_BETWEEN_CLICKS):
            ask(port, draw.choice(paths))

    threads = [threading.Thread(target=click, args=(seed,), daemon=True) for seed in range(count)]
    for thread in threads:
        thread.start()
    return threads


def timed(rounds: int, work: Callable[[], float]) -> np.ndarray:
    return np.array([work() for _ in range(rounds)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.app_pages", description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=30, help="requests per page, and ten times as many to the API")
    parser.add_argument("--canonical", type=Path, default=Path("data/canonical"))
    parser.add_argument("--bundle", type=Path, default=Path("data/champion"))
    arguments = parser.parse_args()
    console, now = Console(), time.time_ns() // 1000
    listed, settings = made_up(arguments.leads, now), {"LEAD_WORKERS": "2", "LEAD_SWEEP_MINUTES": "0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        demonstration(Path(folder), arguments.canonical, arguments.bundle, listed, **settings) as served,
    ):
        port, lead_ids = served.port, scored_leads(served.url)
        results = {"/health": timed(arguments.rounds, lambda: ask(port, "/health"))}
        for name, path in LIST_PAGES.items():
            results[name] = timed(arguments.rounds, lambda path=path: ask(port, path))
        results["lead's page"] = np.array(
            [ask(port, f"/app/leads/{lead_id}") for lead_id in lead_ids[: arguments.rounds]]
        )
        paths = ["/app", "/app?show=all&page=3", *(f"/app/leads/{lead_id}" for lead_id in lead_ids[:10])]
        api = lambda: ask(port, f"/leads/{lead_ids[0]}/score")  # noqa: E731
        timed(arguments.rounds, api)
        results["API alone"] = timed(10 * arguments.rounds, api)
        stop = threading.Event()
        threads = people(port, arguments.people, paths, stop)
        time.sleep(SECONDS_BETWEEN_CLICKS)
        results[f"API beside {arguments.people} people"] = timed(10 * arguments.rounds, api)
        stop.set()
        for thread in threads:
            thread.join(timeout=120)
    table = Table(title=f"{arguments.leads:,} open leads in the list, {served.imported.leads:,} leads in the store")
    for heading in ("", "median ms", "p99 ms", "times /health"):
        table.add_column(heading, justify="left" if not heading else "right")
    base = float(np.median(results["/health"]))
    for name, times in results.items():
        median, p99 = float(np.median(times)), float(np.quantile(times, 0.99))
        table.add_row(name, f"{median:.1f}", f"{p99:.1f}", f"{median / base:.1f}")
    console.print(table)
    alone, beside = (float(np.quantile(results[name], 0.99)) for name in results if name.startswith("API"))
    console.print(f"p99 of the API beside {arguments.people} people: {beside / alone:.2f} times that without them")


if __name__ == "__main__":
    main()
