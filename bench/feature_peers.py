"""The same 116 features from pandas, Polars, DuckDB, Featuretools and this engine, side by side; see bench/README.md.

Run it with ``make bench-peers``, or, where the peers' environments are there already, ``python -m bench.feature_peers``.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.peers.data import SETTINGS, write_data
from bench.peers.definition import FEATURES
from bench.peers.picture import picture_png
from bench.peers.rounds import CONTENDERS, EXTRAPOLATED, ROOT, measure, missing, summary
from bench.results import record
from pipeline.console import console

TITLES = {"one": "1 snapshot per lead", "weekly": "26 weekly snapshots per lead"}
TARGETS = {"one": {"end_to_end": 3.0, "compute": 8.0}, "weekly": {"end_to_end": 5.0, "compute": 15.0}}
"""Times faster than the fastest peer."""
FEATURETOOLS_TARGET, LIMIT_TARGET = 50.0, 0.5
MEASURES = {"end_to_end": "end to end", "compute": "in memory"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 leads, one round: does everything work?")
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--touchpoints", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="with one snapshot per lead")
    parser.add_argument("--weekly-rounds", type=int, default=3, help="with weekly snapshots")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument(
        "--data", type=Path, default=ROOT / "data" / "bench" / "feature_peers", help="where data is kept"
    )
    parser.add_argument(
        "--out", type=Path, help="JSON of the figures; default: bench/feature_peers.json, not with --quick"
    )
    parser.add_argument("--record", action="store_true", help="write the figures into docs/results.json and its table")
    parser.add_argument("--picture", type=Path, help="PNG; default: docs/images/feature_peers.png, not with --quick")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.leads, arguments.touchpoints, arguments.rounds, arguments.weekly_rounds = 2_000, 80_000, 1, 1
    folder = arguments.data / f"{arguments.leads}_leads_{arguments.touchpoints}_touchpoints"
    arguments.data = folder
    arguments.out = arguments.out or (folder if arguments.quick else ROOT / "bench") / "feature_peers.json"
    arguments.picture = (
        arguments.picture or (folder if arguments.quick else ROOT / "docs" / "images") / "feature_peers.png"
    )
    return arguments


def verdicts(setting: str, table: dict[str, dict[str, float]]) -> list[str]:
    """Say of every target whether it was met, in one line each."""
    peers = {name: row for name, row in table.items() if name not in ("engine", "limit", EXTRAPOLATED)}
    lines = []
    for measure_name, target in TARGETS[setting].items():
        if peers:
            fastest = min(peers, key=lambda name: peers[name][f"{measure_name}_ratio"])
            ratio = peers[fastest][f"{measure_name}_ratio"]
            lines.append(_verdict(f"{MEASURES[measure_name]}, against {CONTENDERS[fastest].title}", ratio, target))
    if EXTRAPOLATED in table:
        ratio = min(table[EXTRAPOLATED][f"{name}_ratio"] for name in MEASURES)
        lines.append(_verdict(f"against {CONTENDERS[EXTRAPOLATED].title} (extrapolated)", ratio, FEATURETOOLS_TARGET))
    if "limit" in table:
        lines.append(
            _verdict("end to end, share of the limit's speed", table["limit"]["end_to_end_ratio"], LIMIT_TARGET)
        )
    return lines


def _verdict(what: str, got: float, target: float) -> str:
    return f"{'met   ' if got >= target else 'MISSED'}  {what}: {got:.2f}, wanted {target:g}"


def layout(setting: str, measured: dict[str, Any], table: dict[str, dict[str, float]]) -> Table:
    """Lay out one setting; one row per contender, fastest end to end first."""
    shown = Table(title=f"{TITLES[setting]}: median seconds, and in brackets how many times the engine's")
    shown.add_column("contender", no_wrap=True)
    for title in ("end to end", "processor", "load", "in memory", "processor", "GB", "rows"):
        shown.add_column(title, justify="right", no_wrap=True)
    for name, row in sorted(table.items(), key=lambda item: item[1]["end_to_end"]):
        shown.add_row(
            CONTENDERS[name].title + ("*" if name == EXTRAPOLATED else ""),
            _cell(row, "end_to_end"),
            f"({row['end_to_end_processor_ratio']:.2f})",
            f"{row['load']:.2f}" if "load" in row else "",
            _cell(row, "compute"),
            f"({row['compute_processor_ratio']:.2f})" if "compute" in row else "",
            f"{row['memory_gb']:.1f}" if "memory_gb" in row else "",
            f"{measured['compared'][name]:,}" if name in measured["compared"] else "",
            style="bold" if name == "engine" else "",
        )
    if EXTRAPOLATED in table:
        shown.caption = (
            f"* from {' and '.join(f'{leads:,}' for leads in measured['subsets'])} leads, by a straight line"
        )
    return shown


def _cell(row: dict[str, float], measure_name: str) -> str:
    if measure_name not in row:
        return ""
    return f"{row[measure_name]:,.2f} ({row[f'{measure_name}_ratio']:.2f})"


def peers_row(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Take from a setting's summary what the documents' table says: seconds, and how many times the engine's."""
    said = [f"{measure}{ending}" for measure in MEASURES for ending in ("", "_ratio")]
    return {name: {key: row[key] for key in said if key in row} for name, row in table.items()}


def main() -> None:
    """Measure, compare, print, and write the figures and their picture."""
    arguments = _arguments()
    absent = missing(arguments.contenders)
    if absent:
        names = ", ".join(CONTENDERS[name].title for name in absent)
        console.print(f"Not installed, so not compared: {names}. `make bench-peers` installs them.")
    names = [name for name in arguments.contenders if name not in absent]
    write_data(arguments.data, arguments.leads, arguments.touchpoints)
    figures: dict[str, Any] = {"settings": {}}
    if arguments.out.exists():  # settings may be measured one by one
        figures = json.loads(arguments.out.read_text(encoding="utf-8"))
    size = {"leads": arguments.leads, "touchpoints": arguments.touchpoints, "features": len(FEATURES)}
    size |= {"processors": os.cpu_count(), "not_installed": absent}
    for setting in arguments.settings:
        rounds = arguments.rounds if setting == "one" else arguments.weekly_rounds
        for measured in measure(names, arguments.data, setting, arguments.leads, rounds, console.print):
            table = summary(measured, arguments.leads)
            more = {"rounds": rounds, "summary": table, "verdicts": verdicts(setting, table)}
            figures["settings"][setting] = size | measured | more
            # written after every round: a long run that is stopped leaves what it found
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        console.print(layout(setting, measured, table))
        for line in figures["settings"][setting]["verdicts"]:
            console.print(line)
    if arguments.record:
        record("peers", {setting: peers_row(figures["settings"][setting]["summary"]) for setting in arguments.settings})
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    arguments.picture.write_bytes(picture_png(figures))
    console.print(f"Figures: {arguments.out}, picture: {arguments.picture}")


if __name__ == "__main__":
    main()
