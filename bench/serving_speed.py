"""`POST /score` under load: against an empty BentoML service and `mlflow models serve`, in one run; see bench/README.md.

Needs wrk and a champion in data/champion (`make demo`). Run it with ``make bench-serving``.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from bench.serving.contenders import Contender, contenders, save_for_mlflow
from bench.serving.memory import memory_over
from bench.serving.payload import draw_leads, write_script
from bench.serving.processes import ROOT, Figures, Running, require_wrk, run_wrk, serve
from models.bundle import Bundle
from pipeline.console import console

BODIES = 64


class Target(NamedTuple):
    """A ratio of one contender to another, and what it has to reach."""

    title: str
    contender: str
    to: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None

    def verdict(self, ratio: float) -> str:
        """Say whether the ratio reaches it."""
        met = ratio >= self.at_least if self.at_least is not None else ratio <= (self.at_most or 0.0)
        return "met" if met else "missed"


TARGETS = (
    Target("throughput, no reasons : empty", "scores", "empty", "per_second", at_least=0.7),
    Target("median latency, no reasons : empty", "scores", "empty", "p50", at_most=1.5),
    Target("throughput, 3 reasons : empty", "reasons", "empty", "per_second", at_least=0.5),
    Target("median latency, 3 reasons : empty", "reasons", "empty", "p50", at_most=2.0),
    Target("throughput, 3 reasons : mlflow with 3 reasons", "reasons", "mlflow", "per_second", at_least=3.0),
)
REPORTED = (
    Target("throughput, no reasons : empty, async", "scores", "empty_async", "per_second"),
    Target("throughput, 3 reasons : empty, async", "reasons", "empty_async", "per_second"),
)
Rounds = dict[tuple[str, int], list[Figures]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: does everything work?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="per contender, connections and round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--touchpoints", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--requests", type=int, default=100_000, help="for the memory of a worker")
    parser.add_argument("--contenders", nargs="+", help="only these; the first figures to look at are `scores`")
    parser.add_argument("--bundle", type=Path, default=ROOT / "data" / "champion")
    parser.add_argument("--out", type=Path, help="JSON of the figures")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.requests = 1, 1.0, 2_000
    return arguments


def measure(
    running: dict[str, Running], scripts: dict[str, Path], connections: list[int], rounds: int, seconds: float
) -> Rounds:
    """Load all contenders in each round, in turning order; the first pass only warms up."""
    seen: Rounds = {}
    names = list(running)
    for name in names:
        run_wrk(running[name], scripts[name], 8, min(seconds, 2.0))
    for number in range(rounds):
        shift = number % len(names)
        for count in connections:
            for name in names[shift:] + names[:shift]:
                seen.setdefault((name, count), []).append(run_wrk(running[name], scripts[name], count, seconds))
        console.print(f"round {number + 1} of {rounds} done")
    return seen


def ratio(seen: Rounds, target: Target, count: int) -> float:
    """Take the ratio within each round; their median."""
    pairs = zip(seen[target.contender, count], seen[target.to, count], strict=True)
    return statistics.median(getattr(one, target.measure) / getattr(other, target.measure) for one, other in pairs)


def figures_table(seen: Rounds, titles: dict[str, str]) -> Table:
    """Lay out the medians over the rounds."""
    table = Table("contender", "connections", "requests/s", "p50 ms", "p99 ms", "requests", "errors")
    for (name, count), rounds in sorted(seen.items(), key=lambda item: (item[0][1], list(titles).index(item[0][0]))):
        middle = [statistics.median(getattr(one, part) for one in rounds) for part in ("per_second", "p50", "p99")]
        totals = [sum(getattr(one, part) for one in rounds) for part in ("requests", "errors")]
        table.add_row(
            titles[name], str(count), f"{middle[0]:,.0f}", f"{middle[1]:.2f}", f"{middle[2]:.2f}", *map(str, totals)
        )
    return table


def ratio_rows(seen: Rounds, connections: list[int]) -> Iterator[dict[str, Any]]:
    """Give each ratio with its target and verdict."""
    for target in (*TARGETS, *REPORTED):
        if (target.contender, connections[0]) not in seen or (target.to, connections[0]) not in seen:
            continue
        for count in connections:
            value = ratio(seen, target, count)
            wanted = f">= {target.at_least}" if target.at_least is not None else f"<= {target.at_most}"
            is_target = target in TARGETS
            yield {
                "ratio": target.title,
                "connections": count,
                "value": value,
                "target": wanted if is_target else "",
                "verdict": target.verdict(value) if is_target else "",
            }


def main() -> None:
    """Run the contenders and print what they did."""
    arguments = _arguments()
    require_wrk()
    if not arguments.bundle.is_dir():
        raise SystemExit(f"{arguments.bundle} holds no champion. Run `make demo`, which trains and publishes one.")
    bundle = Bundle.load(arguments.bundle)
    leads = draw_leads(ROOT / "data", bundle.catalog, BODIES, arguments.touchpoints)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        everyone = contenders(
            arguments.bundle, save_for_mlflow(bundle, arguments.bundle, folder / "model"), arguments.workers
        )
        chosen = {name: one for name, one in everyone.items() if name in (arguments.contenders or everyone)}
        scripts, running, starts = {}, {}, {}
        for name, one in chosen.items():
            bodies = [one.body(lead) for lead in leads]
            scripts[name] = write_script(folder / f"{name}.lua", bodies)
            if one.start is not None:
                starts[one.start] = _starts(one, bodies[0], folder)
            log = folder / f"{name}.log"
            running[name] = stack.enter_context(serve(one.command, one.path, bodies[0], one.environment, log))
        seen = measure(running, scripts, arguments.connections, arguments.rounds, arguments.seconds)
        flood = {
            name: run_wrk(running[name], scripts[name], 256, arguments.seconds)
            for name in ("scores", "reasons")
            if name in running
        }
        memory = memory_over(running["scores"], scripts["scores"], arguments.requests) if "scores" in running else None
    titles = {name: one.title for name, one in chosen.items()}
    console.print(figures_table(seen, titles))
    rows = list(ratio_rows(seen, arguments.connections))
    table = Table("ratio, median of the rounds' own", "connections", "value", "target", "")
    for row in rows:
        table.add_row(row["ratio"], str(row["connections"]), f"{row['value']:.2f}", row["target"], row["verdict"])
    console.print(table)
    for name, figures in flood.items():
        console.print(
            f"{titles[name]}, 256 connections: {figures.requests} requests, {figures.errors} errors, p99 {figures.p99:.0f} ms"
        )
    for title, (cold, warm) in starts.items():
        console.print(f"start to first answer, {title}: cold {cold:.1f} s, warm {warm:.1f} s (target: warm below 5 s)")
    if memory is not None:
        console.print(memory.sentence())
    if arguments.out:
        content = {
            "figures": {f"{name}, {count}": [one.__dict__ for one in rounds] for (name, count), rounds in seen.items()},
            "ratios": rows,
            "starts": starts,
            "memory": None if memory is None else memory.__dict__,
        }
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _starts(one: Contender, body: str, folder: Path) -> tuple[float, float]:
    """Start once with nothing compiled, and once more."""
    kept = {**one.environment, "NUMBA_CACHE_DIR": str(folder / "numba")}
    times = []
    for name in ("cold", "warm"):
        with serve(one.command, one.path, body, kept, folder / f"{name}.log") as running:
            times.append(running.started)
    return times[0], times[1]


if __name__ == "__main__":
    main()
