"""What a newcomer waits for, in a fresh clone: installing, the demonstration, the start of each stage and of the service.

Every time is a ratio to a reference that is measured in the same run; see bench/README.md. Run it with
``python -m bench.start``.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from bench.serving.payload import draw_leads, for_service
from bench.serving.processes import ROOT, serve
from models.bundle import Bundle
from pipeline.console import console
from pipeline.params import load_params, read_yaml
from pipeline.workspaces.params_edit import write_section

QUICK_LEADS = 4_000
WORKERS = "2"
TOUCHPOINTS = 20
PIP, PASS, EMPTY = "pip with the same lock", "python -c pass", "start of an empty BentoML service"


class Measured(NamedTuple):
    """One line of the table: seconds, and the reference that they are divided by (None: it is one itself)."""

    what: str
    seconds: float
    reference: str | None = None


class Place(NamedTuple):
    """The clone, what runs its code, and where nothing is compiled or kept yet."""

    clone: Path
    python: Path
    kept: Path

    def environment(self) -> dict[str, str]:
        """Give the environment of its processes: nothing of ours, no cache but its own."""
        ours = ("LEAD_", "MLFLOW_", "NUMBA_", "XDG_CACHE")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.kept / "cache"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.kept / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "DVC_NO_ANALYTICS": "1",
            "BENTOML_DO_NOT_TRACK": "True",
        }

    def forget_compiled(self) -> None:
        """Delete the machine code of the feature engine, beside the code and in the cache."""
        shutil.rmtree(self.kept / "cache", ignore_errors=True)
        for pattern in ("*.nbi", "*.nbc"):
            for file in [*self.clone.rglob(pattern)]:
                file.unlink()


def _seconds(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise SystemExit(f"bench.start: `{' '.join(map(str, command))}` in {folder} failed:\n{told}")
    return time.perf_counter() - begin


def _clone(folder: Path) -> Path:
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True).stdout:
        console.print("[yellow]What is not committed is not measured.[/yellow]")
    return clone


def _megabytes(folder: Path) -> float:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6


def installing(clone: Path, folder: Path) -> list[Measured]:
    """Install into an environment of plain pip, then with ``make env``."""
    environment = {**os.environ}
    plain = folder / "plain"
    _seconds([sys.executable, "-m", "venv", plain], folder, environment)
    lock = clone / "requirements.lock"
    pip = _seconds(
        [plain / "bin" / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", lock], folder, environment
    )
    shutil.rmtree(plain)
    ours = _seconds(["make", "env"], clone, environment)
    size = _megabytes(clone / ".venv")
    return [Measured(PIP, pip), Measured(f"make env ({size:,.0f} MB)", ours, PIP)]


def starting_stages(place: Place, rounds: int) -> list[Measured]:
    """Import each stage's module in a process of its own; medians."""

    def median(code: str) -> float:
        command = [place.python, "-c", code]
        return statistics.median(_seconds(command, place.clone, place.environment()) for _ in range(rounds))

    stages = [stage["cmd"].split()[-1] for stage in read_yaml(place.clone / "dvc.yaml")["stages"].values()]
    times = [Measured(f"start of {stage}", median(f"import {stage}"), PASS) for stage in stages]
    return [Measured(PASS, median("pass")), *times]


def demonstrating(place: Place, leads: int) -> tuple[list[Measured], Path]:
    """Run the demonstration, and what is done after it; returns the times, and where it ran."""
    demo = [place.python, "-m", "pipeline.demo", "--leads", str(leads)]
    repro = [place.python, "-m", "dvc", "repro", "tracking"]
    environment = place.environment()
    place.forget_compiled()
    first = _seconds(demo, place.clone, environment)
    again = _seconds(demo, place.clone, environment)
    resized = place.clone / "runs" / f"simulated_{leads}"
    workspace = resized if resized.exists() else place.clone
    everything = _seconds([*repro, "--force"], workspace, environment)
    params = load_params(("train",), workspace / "params.yaml")
    write_section(workspace / "params.yaml", "train", {"num_leaves": params.train.num_leaves + 1})
    changed = _seconds(repro, workspace, environment)
    times = [
        Measured(f"first demonstration, {leads:,} leads, nothing compiled", first, EMPTY),
        Measured("second demonstration, nothing changed", again, EMPTY),
        Measured("dvc repro of every stage, compiled", everything, EMPTY),
        Measured("dvc repro after a changed parameter of `train`", changed, EMPTY),
    ]
    return times, workspace


def starting_services(place: Place, workspace: Path) -> list[Measured]:
    """Start an empty BentoML service, and the product's twice: with nothing compiled, and again."""
    bundle = workspace / "data" / "bundle"
    lead = draw_leads(workspace / "data", Bundle.load(bundle).catalog, 1, TOUCHPOINTS)[0]
    environment = {
        **place.environment(),
        "LEAD_WORKERS": WORKERS,
        "LEAD_BUNDLE_DIR": str(bundle),
        "LEAD_DRAIN_SECONDS": "0",
    }
    where = ["--host", "127.0.0.1", "--port", "PORT"]
    empty = [str(place.python), "-m", "bentoml", "serve", "bench.serving.empty:Empty", *where]
    product = [str(place.python), "-m", "serving", *where]

    def start(command: list[str]) -> float:
        with serve(
            command, "/score", for_service(lead, 0), environment, place.kept / "service.log", place.clone
        ) as running:
            return running.started

    start(empty)  # its files are read once
    reference = start(empty)
    place.forget_compiled()
    return [
        Measured(EMPTY, reference),
        Measured("start of the service, nothing compiled", start(product), EMPTY),
        Measured("start of the service, compiled", start(product), EMPTY),
    ]


def show(measured: Sequence[Measured]) -> Table:
    """Lay out the times, each beside its reference."""
    table = Table(title="From a clone to the first answer")
    table.add_column("what")
    for name in ("seconds", "times"):
        table.add_column(name, justify="right")
    table.add_column("the reference")
    references = {one.what: one.seconds for one in measured if one.reference is None}
    for one in measured:
        ratio = "" if one.reference is None else f"{one.seconds / references[one.reference]:.2f}"
        table.add_row(one.what, f"{one.seconds:.2f}", ratio, one.reference or "", style="dim" if not ratio else "")
    return table


def main() -> None:
    """Clone, install, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a small company, nothing installed: does everything work?"
    )
    parser.add_argument("--leads", type=int, help="leads of the simulated company (that of params.yaml)")
    parser.add_argument("--rounds", type=int, default=5, help="of each stage's start (5)")
    arguments = parser.parse_args()
    default = QUICK_LEADS if arguments.quick else load_params(("simulator",), ROOT / "params.yaml").simulator.leads
    with tempfile.TemporaryDirectory(prefix="lead-start-") as name:
        folder = Path(name)
        clone = _clone(folder)
        measured: list[Measured] = []
        python = Path(sys.executable)
        if not arguments.quick:
            console.print("installing, twice")
            measured += installing(clone, folder)
            python = clone / ".venv" / "bin" / "python"
        place = Place(clone, python, folder)
        console.print("starting each stage")
        measured += starting_stages(place, 1 if arguments.quick else arguments.rounds)
        console.print("the demonstration, twice, and the pipeline after it")
        times, workspace = demonstrating(place, arguments.leads or default)
        console.print("starting services")
        measured += [*starting_services(place, workspace), *times]
        console.print(show(measured))


if __name__ == "__main__":
    main()
