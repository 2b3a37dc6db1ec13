"""How long it takes to erase one of many leads: `python -m bench.erasure 10000 1000000`, without DVC's cache.

Makes the tables of a company of each size in a temporary workspace (leads and their list as CSV, too, touchpoints, stage
changes, snapshots, features and predictions), runs `python -m pipeline.privacy erase` on one lead there, with its progress, and
says what it took.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from rich.table import Table

from pipeline.console import console, run_main

ROOT = Path(__file__).resolve().parents[1]
START = 1_704_067_200_000_000  # 2024-01-01 in UTC microseconds
MOMENT = pa.timestamp("us", tz="UTC")
LEADS_AT_ONCE = 100_000
KINDS, CHANNELS = ("page_view", "mail_open", "mail_click", "webinar"), ("web", "mail", "event")
ASSETS = tuple(f"page/{number}" for number in range(200))
ROLES = ("purchasing", "head of it", "developer", "student")


def _texts(random: np.random.Generator, names: tuple[str, ...], rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(random.integers(len(names), size=rows), pa.int32()), list(names)
    ).cast("string")


def _moments(random: np.random.Generator, rows: int) -> pa.Array:
    return pa.array(START + random.integers(60_000_000_000_000, size=rows), pa.int64()).cast(MOMENT)


def tables(first: int, leads: int, touchpoints: int, columns: int, random: np.random.Generator) -> dict[str, pa.Table]:
    """Make the rows of some leads."""
    ids = pa.array([f"L-{number:09d}" for number in range(first, first + leads)])
    each = np.arange(leads)
    often, twice = ids.take(pa.array(np.repeat(each, touchpoints))), ids.take(pa.array(np.repeat(each, 2)))
    numbers = {f"feature_{column}": pa.array(random.random(leads, dtype=np.float32)) for column in range(columns)}
    at = _moments(random, leads)
    return {
        "canonical/leads": pa.table(
            {"lead_id": ids, "account_id": ids, "created_at": at, "role": _texts(random, ROLES, leads)}
        ),
        "canonical/touchpoints": pa.table(
            {
                "lead_id": often,
                "occurred_at": _moments(random, len(often)),
                "kind": _texts(random, KINDS, len(often)),
                "channel": _texts(random, CHANNELS, len(often)),
                "asset": _texts(random, ASSETS, len(often)),
            }
        ),
        "canonical/stage_changes": pa.table(
            {
                "lead_id": twice,
                "stage": _texts(random, ("mql", "sal"), len(twice)),
                "occurred_at": _moments(random, len(twice)),
            }
        ),
        "snapshots": pa.table({"lead_id": ids, "snapshot_at": at}),
        "features/matrix": pa.table({"lead_id": ids, "snapshot_at": at, **numbers}),
        "predictions": pa.table(
            {
                "lead_id": ids,
                "snapshot_at": at,
                "slice": _texts(random, ("train", "test"), leads),
                "probability": pa.array(random.random(leads)),
            }
        ),
    }


def fill(folder: Path, leads: int, touchpoints: int, columns: int) -> int:
    """Write the tables, and leads as CSV as a CRM exports them and as a list that somebody took along; give their bytes."""
    random, writers = np.random.default_rng(leads), dict[str, pq.ParquetWriter]()
    lists = {name: folder / "data" / name for name in ("raw/leads.csv", "scores.csv")}
    for begin in range(0, leads, LEADS_AT_ONCE):
        made = tables(begin, min(LEADS_AT_ONCE, leads - begin), touchpoints, columns, random)
        for name, table in made.items():
            path = folder / "data" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            if name not in writers:
                writers[name] = pq.ParquetWriter(path, table.schema, compression="zstd")
            writers[name].write_table(table)
        for name, of in (("raw/leads.csv", "canonical/leads"), ("scores.csv", "predictions")):
            lists[name].parent.mkdir(parents=True, exist_ok=True)
            with lists[name].open("ab") as file:
                pa_csv.write_csv(made[of], file, pa_csv.WriteOptions(include_header=begin == 0))
    for writer in writers.values():
        writer.close()
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def commands(folder: Path, lead_id: str) -> Iterator[list[str]]:
    """Give the commands to run: keys, and the erasure that is measured."""
    for arguments in (["keys"], ["erase", lead_id]):
        yield [sys.executable, "-m", "pipeline.privacy", *arguments]


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(prog="python -m bench.erasure", description=__doc__)
    parser.add_argument("leads", nargs="*", type=int, default=[1_000_000], help="how many leads there are")
    parser.add_argument("--touchpoints", type=int, default=10, help="of each lead")
    parser.add_argument("--columns", type=int, default=100, help="of the feature matrix")
    arguments = parser.parse_args()
    table = Table("leads", "touchpoints", "MB", "seconds", "of processors", title="erasing one lead")
    for leads in arguments.leads:
        with tempfile.TemporaryDirectory(prefix="lead-erasure-") as name:
            folder = Path(name)
            shutil.copy2(ROOT / "params.yaml", folder / "params.yaml")
            size = fill(folder, leads, arguments.touchpoints, arguments.columns)
            console.print(f"{leads:,} leads are made: {size / 1e6:,.0f} MB")
            kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_"))}
            environment = {**kept, "PYTHONPATH": str(ROOT), "LEAD_PRIVACY_DIR": str(folder / "privacy")}
            for command in commands(folder, f"L-{leads // 2:09d}"):
                began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(command, cwd=folder, env=environment, check=True)
                seconds, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            busy = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        table.add_row(
            f"{leads:,}", f"{leads * arguments.touchpoints:,}", f"{size / 1e6:,.0f}", f"{seconds:.1f}", f"{busy:.1f}"
        )
    console.print(table)


if __name__ == "__main__":
    run_main(main)
