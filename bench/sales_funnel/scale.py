"""How long the funnel, the ledger and the points audit take, and how much memory: `python -m bench.sales_funnel.scale [LEADS]`.

Each analysis runs in a process of its own. Simulating and reading the company in are not counted. A company of more than
20,000 leads is one of 20,000 copied so often, each copy with accounts and leads of its own: simulating and reading in take
longer than the analyses. The test rows that the points audit takes from training are made up.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

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
from pipeline.tables.parquet import read_table, write_table

__all__ = ["analyse", "made_up_predictions", "main"]

SECTIONS = ("capacity", "evaluate", "features", "funnel", "labels", "points", "simulator", "snapshots")
ROWS = 20_000
SIMULATED = 20_000
IDS = ("account_id", "lead_id", "touchpoint_id")


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


def _copied(canonical: Path, copies: int) -> None:
    """Write canonical tables anew, with all rows so often; each copy has ids of its own."""
    for path in canonical.glob("*.parquet"):
        table = pq.read_table(path)
        ids = [name for name in table.column_names if name in IDS]
        if not ids:
            continue
        for name in ids:
            table = table.set_column(table.column_names.index(name), name, pc.cast(table[name], pa.string()))
        written = path.with_suffix(".copied")
        with pq.ParquetWriter(written, table.schema, compression="zstd") as writer:
            for number in range(copies):
                copy = table
                for name in ids:
                    # In front, so that the copies stay in account order, as ingest writes them
                    renamed = pc.binary_join_element_wise(f"{number:04d}", table[name], "-")
                    copy = copy.set_column(table.column_names.index(name), name, renamed)
                writer.write_table(copy)
        written.rename(path)


def analyse(folder: Path, name: str) -> None:
    """Time one analysis of what was read in, in a process that did nothing else."""
    params = load_params(SECTIONS)
    canonical = folder / "canonical"
    periods = read_table(folder / "risk_periods.parquet", "risk_periods").to_pandas()
    export = read_export(canonical)
    started, used = time.perf_counter(), time.process_time()
    if name == "funnel":
        funnel = FunnelSetting(params.funnel, params.features, params.labels, params.snapshots)
        analyse_funnel(canonical, periods, export, "simulated", funnel)
    else:
        points = PointsSetting(params.points, params.features, params.labels, params.capacity, params.evaluate)
        audit_points(canonical, periods, made_up_predictions(periods), export, "simulated", points)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{name}: {time.perf_counter() - started:.1f} s, {time.process_time() - used:.1f} s of processor time, peak "
        f"{peak:,.0f} MiB",
        soft_wrap=True,
    )


def main(leads: int = 100_000) -> None:
    """Simulate a company, read it in, and time each analysis."""
    params = load_params(SECTIONS)
    copies = max(leads // SIMULATED, 1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with progress() as bar:
            simulator = params.simulator.model_copy(update={"leads": leads // copies, "teams": 4})
            simulate(simulator, params, folder / "raw", folder / "truth", bar)
        canonical = folder / "canonical"
        ingest(Path("pipeline/sources/simulated.sql"), folder / "raw", canonical, folder / "quarantine", 0.05)
        if copies > 1:
            _copied(canonical, copies)
        periods = risk_periods(canonical, RiskSet("mql", params.snapshots.expire_days))
        write_table(
            folder / "risk_periods.parquet", "risk_periods", pa.Table.from_pandas(periods, preserve_index=False)
        )
        console.print(f"{leads // copies * copies:,} leads, {len(periods):,} risk periods")
        for analysis in ("funnel", "points"):
            subprocess.run([sys.executable, "-m", "bench.sales_funnel.scale", "--analyse", name, analysis], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--analyse"]:
        analyse(Path(sys.argv[2]), sys.argv[3])
    else:
        main(*map(int, sys.argv[1:2]))
