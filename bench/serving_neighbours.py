"""How long single scores take beside eight callers of other bodies, in times of what they take beside eight ordinary callers.

Needs a champion in data/champion (`make demo`), or `--bundle`. Each round measures every shape after the ordinary one, and a
ratio is taken within a round; the table shows medians. Run it with ``python -m bench.serving_neighbours``.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from bench.serving.processes import BIN, ROOT, Running, serve
from bench.serving.shapes import ORDINARY, SHAPES
from pipeline.console import console
from serving.http.memory import PAUSE_SECONDS

CALLERS = 8
CONNECTIONS = 8  # that take turns, so that all workers are measured
SETTLE_SECONDS = 0.5


class Beside(NamedTuple):
    """What single scores took beside one shape, in ms; memory of the largest worker, in MiB; the callers' statuses."""

    p50: float
    p99: float
    count: int
    mib: float
    statuses: dict[str, int]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="per shape and round")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--bundle", type=Path, default=ROOT / "data" / "champion")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON of the figures")
    return parser.parse_args()


def measure(running: Running, body: Path, seconds: float) -> Beside:
    """Score one lead after the other while the callers are at work."""
    command = [sys.executable, "-m", "bench.serving.callers", str(running.port), running.path, str(body), str(CALLERS)]
    callers = subprocess.Popen([*command, str(seconds + SETTLE_SECONDS)], cwd=ROOT, stdout=subprocess.PIPE)
    with ExitStack() as stack:
        stack.callback(callers.kill)
        connections = [http.client.HTTPConnection("127.0.0.1", running.port, timeout=60) for _ in range(CONNECTIONS)]
        for connection in connections:
            stack.callback(connection.close)
            score(connection)
        time.sleep(SETTLE_SECONDS)
        until, times = time.monotonic() + seconds, []
        while time.monotonic() < until:
            times.append(score(connections[len(times) % CONNECTIONS]))
        printed, _ = callers.communicate(timeout=120)
    time.sleep(SETTLE_SECONDS)
    p50, p99 = np.percentile(times, [50, 99]).tolist()
    return Beside(p50, p99, len(times), max(running.workers().values()), json.loads(printed))


def score(connection: http.client.HTTPConnection) -> float:
    """Score one lead; return the milliseconds."""
    begin = time.perf_counter()
    connection.request("POST", "/score", ORDINARY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"a single score was answered {answer.status}: {content[:300]!r}")
    return (time.perf_counter() - begin) * 1e3


def main() -> None:
    """Measure, and print a row per shape."""
    arguments = _arguments()
    shapes = list(dict.fromkeys(["ordinary", *arguments.shapes]))
    seen: dict[str, list[Beside]] = {name: [] for name in shapes}
    command = [
        str(BIN / "bentoml"),
        "serve",
        "serving.service:LeadQualification",
        "--host",
        "127.0.0.1",
        "--port",
        "PORT",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = {"LEAD_WORKERS": str(arguments.workers), "LEAD_BUNDLE_DIR": str(arguments.bundle.resolve())}
        environment |= {"LEAD_STORE_URL": f"sqlite:///{folder / 'store.db'}", "BENTOML_HOME": str(folder / "bentoml")}
        for name in shapes:
            (folder / name).write_bytes(SHAPES[name].make())
        with serve(command, "/score", ORDINARY.decode(), environment, folder / "log.txt") as running:
            measure(running, folder / "ordinary", 1.0)
            before = max(running.workers().values())
            for number in range(arguments.rounds):
                for name in shapes:
                    seen[name].append(measure(running, folder / name, arguments.seconds))
                console.print(f"round {number + 1} of {arguments.rounds} done")
            time.sleep(2 * PAUSE_SECONDS)
            after = max(running.workers().values())
        sizes = {name: (folder / name).stat().st_size / 2**20 for name in shapes}
    console.print(_table(seen, sizes))
    console.print(
        f"the larger worker holds {before:.0f} MiB at first, {after:.0f} MiB {2 * PAUSE_SECONDS:.0f} s after everything; "
        "the column shows what it holds right after each shape."
    )
    if arguments.out:
        content: dict[str, Any] = {name: [one._asdict() for one in rounds] for name, rounds in seen.items()}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _table(seen: dict[str, list[Beside]], sizes: dict[str, float]) -> Table:
    table = Table(
        "beside eight callers of", "MiB", "p50 ms", "p99 ms", "p99 : ordinary", "at most", "", "MiB held", "answers"
    )
    for name, rounds in seen.items():
        pairs = zip(rounds, seen["ordinary"], strict=True)
        ratio = statistics.median(one.p99 / other.p99 for one, other in pairs)
        p50, p99, mib = (statistics.median(getattr(one, part) for one in rounds) for part in ("p50", "p99", "mib"))
        statuses: dict[str, int] = {}
        for one in rounds:
            for status, count in one.statuses.items():
                statuses[status] = statuses.get(status, 0) + count
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        most = SHAPES[name].at_most
        table.add_row(
            *(SHAPES[name].title, f"{sizes[name]:.1f}", f"{p50:.1f}", f"{p99:.1f}", f"{ratio:.1f}", f"{most:g}"),
            *("met" if ratio <= most else "missed", f"{mib:.0f}", answers),
        )
    return table


if __name__ == "__main__":
    main()
