"""How long the funnel, the ledger and the points audit take, and how much memory: `python -m bench.sales_funnel.scale [LEADS]`.

Simulating and reading the company in are not counted. The test rows that the points audit takes from training are made up.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from models.answers.risk_set import RiskSet
from pipeline.console import console, progress
from pipeline.params import load_params
from pipeline.population.risk_set import risk_periods
from pipeline.sales_funnel.funnel_analysis import FunnelSetting, analyse_funnel
from pipeline.sales_funnel.points_audit import audit_points
from pipeline.sales_funnel.points_setting import PointsSetting
from pipeline.simulate import simulate
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest

__all__ = ["analyse", "made_up_predictions", "main"]

SECTIONS = ("capacity", "evaluate", "features", "funnel", "labels", "points", "simulator", "snapshots")
ROWS = 20_000


def made_up_predictions(periods: pd.DataFrame) -> pd.DataFrame:
    """Make up the rows that training would leave: a fifth is the test."""
    rows = periods.sample(min(ROWS, len(periods)), random_state=1).sort_values("started_at", ignore_index=True)
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "lead_id": rows["lead_id"],
            "account_id": rows["account_id"],
            "snapshot_at": rows["started_at"],
            "is_headline": True,
            "slice": np.where(np.arange(len(rows)) < 0.8 * len(rows), "train", "test"),
            "label": (rows["ended_by"] == "sales_qualified").astype("int8"),
            "probability": random.random(len(rows)),
            "points": random.integers(50, 200, len(rows)),
        }
    )


def _timed(name: str, work: Any) -> None:
    started, used = time.perf_counter(), time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{name}: {time.perf_counter() - started:.1f} s, {time.process_time() - used:.1f} s of processor time, peak so far "
        f"{peak:,.0f} MiB",
        soft_wrap=True,
    )


def analyse(folder: Path) -> None:
    """Time both analyses on what was read in, in a process that did nothing else."""
    params = load_params(SECTIONS)
    canonical = folder / "canonical"
    periods = risk_periods(canonical, RiskSet("mql", params.snapshots.expire_days))
    export = read_export(canonical)
    console.print(f"{len(periods):,} risk periods")
    funnel = FunnelSetting(params.funnel, params.features, params.labels, params.snapshots)
    _timed("funnel and ledger", lambda: analyse_funnel(canonical, periods, export, "simulated", funnel))
    points = PointsSetting(params.points, params.features, params.labels, params.capacity, params.evaluate)
    predictions = made_up_predictions(periods)
    _timed("points audit", lambda: audit_points(canonical, periods, predictions, export, "simulated", points))


def main(leads: int = 100_000) -> None:
    """Simulate a company, read it in, and time both analyses."""
    params = load_params(SECTIONS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with progress() as bar:
            simulator = params.simulator.model_copy(update={"leads": leads, "teams": 4})
            simulate(simulator, params, folder / "raw", folder / "truth", bar)
        ingest(
            Path("pipeline/sources/simulated.sql"), folder / "raw", folder / "canonical", folder / "quarantine", 0.05
        )
        console.print(f"{leads:,} leads")
        command = [sys.executable, "-m", "bench.sales_funnel.scale", "--analyse", name]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--analyse"]:
        analyse(Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:2]))
