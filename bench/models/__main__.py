"""The product against its contenders on all sets: one table, with the gap to the truth and the curve against size.

    python -m bench.models [--seconds 60] [--sets saas_logins ...] [--as-is] [--curves saas_logins ...]

Run in the repository. A set whose files are absent is named and left out.
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.models.contenders import ENVIRONMENT, fit_all
from bench.models.learning_curve import curve, curve_table
from bench.models.picture import picture_png
from bench.models.sets import SETS, load_set
from bench.models.table import contenders_row, judge_set, markdown, rich_table
from bench.models.truth import gap_table, truth_gap
from bench.results import record
from features.errors import DataError
from models.fitting.row_weights import row_groups
from pipeline.console import console, progress, run_main
from pipeline.tables.json_files import write_json

RESULTS = Path("bench/results")
PICTURE = Path("docs/images/learning_curve.png")
CURVES = ("simulated", "saas_logins")


def main() -> None:
    """Load, fit, judge, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each contender on each set (default 60)")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--as-is", action="store_true", help="take the features that are there; run no stage")
    parser.add_argument(
        "--curves", nargs="*", choices=list(SETS), default=list(CURVES), help="sets drawn by training size"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of models.json and models.md")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--record", action="store_true", help="write the sets into docs/results.json and its tables")
    arguments = parser.parse_args()
    if not ENVIRONMENT.exists():
        console.print("[yellow]FLAML is not installed and left out; `make bench-models` installs it.[/yellow]")
    results: dict[str, dict[str, Any]] = {}
    curves: dict[str, list[dict[str, Any]]] = {}
    gap = None
    with progress() as bar:
        task = bar.add_task("sets", total=len(arguments.sets))
        for name in arguments.sets:
            bar.update(task, description=name)
            try:
                some = load_set(Path.cwd(), name, arguments.as_is)
            except DataError as error:
                console.print(f"{name} is left out: {error}", markup=False)
                bar.advance(task)
                continue
            found = fit_all(some, arguments.seconds)
            rows = some.frame.iloc[some.test]
            groups = row_groups(rows)
            judged = judge_set(some.labels[some.test], groups, some.capacity, some.params.evaluate, found.scores)
            results[name] = {**judged, "notes": found.notes}
            if name == "simulated":
                gap = truth_gap(some, found.scores)
            if name in arguments.curves:
                curves[name] = curve(some)
            found_so_far = {"seconds": arguments.seconds, "sets": results, "truth": gap, "curves": curves}
            write_json(arguments.out / "models.json", found_so_far)  # hours of work are not lost with the last set
            bar.advance(task)
    wide = Console(highlight=False, width=max(console.width, 150))
    wide.print(rich_table(results, arguments.seconds))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "models.md").write_text(markdown(results) + "\n", encoding="utf-8")
    if arguments.record:
        record("contenders", {name: contenders_row(result) for name, result in results.items()})
    if gap:
        wide.print(gap_table(gap))
    for name, points in curves.items():
        wide.print(curve_table(name, points))
    if curves:
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        arguments.picture.write_bytes(picture_png(curves))
    console.print(f"written: {arguments.out / 'models.json'}, {arguments.out / 'models.md'}")


if __name__ == "__main__":
    run_main(main)
