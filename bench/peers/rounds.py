"""Running contenders side by side: each in a process and an environment of its own, round after round."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.peers.compare import check_equal
from bench.peers.data import leads_part

__all__ = ["CONTENDERS", "ENVIRONMENTS", "Contender", "ContenderError", "extrapolated", "measure", "missing", "summary"]

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-bench"
_SUBSETS = (1_000, 8_000)
"""Leads of the two measurements from which a contender that is too slow is extrapolated."""


class Contender(NamedTuple):
    """Who computes: its title, and its environment under ``.venv-bench`` ("": the project's own)."""

    title: str
    environment: str

    @property
    def python(self) -> Path:
        """The interpreter to run it with."""
        return ENVIRONMENTS / self.environment / "bin" / "python" if self.environment else Path(sys.executable)


CONTENDERS = {
    "engine": Contender("this engine", ""),
    "polars": Contender("Polars", "peers"),
    "duckdb": Contender("DuckDB", "peers"),
    "pandas": Contender("pandas", "peers"),
    "featuretools": Contender("Featuretools", "featuretools"),
    "limit": Contender("limit", ""),
}
EXTRAPOLATED = "featuretools"
_RATIOS = {"end_to_end", "compute", "end_to_end_processor", "compute_processor"}

Timings = dict[str, float]


class ContenderError(Exception):
    """A contender's process failed."""


def missing(names: list[str]) -> list[str]:
    """List the contenders whose environment is not there."""
    return [name for name in names if not CONTENDERS[name].python.exists()]


def _run(name: str, data: Path, snapshots: Path, folder: Path) -> Timings:
    folder.mkdir(parents=True, exist_ok=True)
    timings = folder / f"{name}.json"
    paths = [str(path) for path in (data / "touchpoints.parquet", snapshots, folder, timings)]
    command = [str(CONTENDERS[name].python), "-W", "ignore", "-m", "bench.peers.worker", name, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContenderError(f"{CONTENDERS[name].title} failed with code {done.returncode}:\n{done.stderr[-3000:]}")
    result: Timings = json.loads(timings.read_text(encoding="utf-8"))
    return result


def measure(
    names: list[str], data: Path, setting: str, leads: int, rounds: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Run all contenders round after round; after each round, give what was measured so far.

    The engine comes first, for the limit writes its result and the others are compared with it; the others' order turns from
    round to round. In the first round every row of every contender is compared with the engine's.

    Parameters
    ----------
    names : list of str
        Keys of `CONTENDERS`.
    data : Path
        Folder made by `bench.peers.data.write_data`.
    setting : str
        Key of `bench.peers.data.SETTINGS`.
    leads : int
        How many there are in the data.
    rounds : int
        How many.
    say : callable
        Told of every measurement.
    """
    folder, snapshots = data / setting, data / f"snapshots_{setting}.parquet"
    others = [name for name in names if name not in ("engine", EXTRAPOLATED)]
    timings: dict[str, list[Timings]] = {name: [] for name in ("engine", *others)}
    sizes = _SUBSETS if leads >= _SUBSETS[-1] else (leads // 8, leads)
    measured: dict[str, Any] = {"timings": timings, "compared": {}}
    for number in range(rounds):
        turned = others[number % len(others) :] + others[: number % len(others)] if others else []
        for name in ("engine", *turned):
            timings[name].append(_run(name, data, snapshots, folder))
            say(f"{setting}, round {number + 1}: {CONTENDERS[name].title} {_words(timings[name][-1])}")
            if number == 0 and name not in ("engine", "limit"):
                measured["compared"][name] = check_equal(folder / "engine.parquet", folder / f"{name}.parquet")
        if number == 0 and EXTRAPOLATED in names:
            measured["subsets"] = {leads: _run_part(leads, data, snapshots, folder, say) for leads in sizes}
            part = folder / f"part_{sizes[-1]}" / f"{EXTRAPOLATED}.parquet"
            measured["compared"][EXTRAPOLATED] = check_equal(folder / "engine.parquet", part)
        yield measured


def _run_part(leads: int, data: Path, snapshots: Path, folder: Path, say: Callable[[str], None]) -> Timings:
    part = folder / f"part_{leads}"
    part.mkdir(parents=True, exist_ok=True)
    leads_part(data / "touchpoints.parquet", part / "touchpoints.parquet", leads)
    result = _run(EXTRAPOLATED, part, leads_part(snapshots, part / snapshots.name, leads), part)
    say(f"{folder.name}, first {leads:,} leads: {CONTENDERS[EXTRAPOLATED].title} {_words(result)}")
    return result


def _words(timings: Timings) -> str:
    words = [f"end to end {timings['end_to_end']:.2f} s"]
    if "compute" in timings:
        words.append(f"load {timings['load']:.2f} s, in memory {timings['compute']:.2f} s")
    return ", ".join(words) + f", peak {timings['memory_gb']:.1f} GB"


def extrapolated(subsets: dict[int, Timings], leads: int) -> Timings:
    """Draw a straight line through two measurements: a fixed part, and one that grows with the leads.

    Examples
    --------
    >>> extrapolated({200: {"compute": 12.0}, 1000: {"compute": 20.0}}, 10_000)
    {'compute': 110.0}
    """
    (few, low), (many, high) = sorted(subsets.items())
    return {
        measure: high[measure] + max(high[measure] - low[measure], 0.0) / (many - few) * (leads - many)
        for measure in high
        if measure != "memory_gb"
    }


def summary(measured: dict[str, Any], leads: int) -> dict[str, dict[str, float]]:
    """Give each contender's median seconds, and the median over rounds of its ratio to the engine in the same round.

    Returns
    -------
    dict
        Contender to the worker's measures, and ``<measure>_ratio``: above 1, the engine was faster.
    """
    engine = measured["timings"]["engine"]
    table: dict[str, dict[str, float]] = {}
    for name, rounds in measured["timings"].items():
        row = {measure: median(timings[measure] for timings in rounds) for measure in rounds[0]}
        for measure in _RATIOS & set(rounds[0]):
            pairs = itertools.zip_longest(rounds, engine[: len(rounds)])
            row[f"{measure}_ratio"] = median(mine[measure] / reference[measure] for mine, reference in pairs)
        table[name] = row
    if "subsets" in measured:
        row = extrapolated(measured["subsets"], leads)
        for measure in sorted(_RATIOS):
            row[f"{measure}_ratio"] = row[measure] / table["engine"][measure]
        table[EXTRAPOLATED] = row
    return table
