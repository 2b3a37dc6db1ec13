"""How the engine grows: 1, 10 and 100 million touchpoints from Parquet to Parquet: `python -m bench.feature_scale`.

The project's simulator makes a world of about a million touchpoints; larger ones are that world many times over, each copy with
leads of its own (`0007-<lead_id>`) and its moments shifted by as many hours. Each figure comes from a fresh process, whose peak
memory is that of the whole process. The limit is the time to read the same file and to write a result of that size, with
nothing computed in between.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from features.catalog import Catalog, build_catalog
from features.compute import warm_up
from pipeline.console import console, progress
from pipeline.ingest import SOURCES
from pipeline.matrix.local_file import TEXT, features_from_parquet
from pipeline.params import load_params
from pipeline.simulate import SECTIONS, simulate
from pipeline.tables.ingested import ingest
from pipeline.tables.matrix_file import PARQUET, MatrixWriter, matrix_schema

MILLION = 1_000_000
LEADS = 24_000  # about a million touchpoints
DAY = 86_400_000_000
HOUR = DAY // 24
MOMENT = pa.timestamp("us", tz="UTC")
COLUMNS = ("lead_id", "occurred_at", "recorded_at", "kind", "channel", "asset", "campaign", "value", "by")
ROW_GROUP = 131_072
BLOCK = 25_000


def catalog_of() -> Catalog:
    """Give the catalog of params.yaml as far as it looks at a lead's own touchpoints alone: about 120 features."""
    params = load_params(("features",)).features
    return build_catalog(params.model_copy(update={"groups": ("engagement",)}), [])


def world(folder: Path, leads: int) -> pa.Table:
    """Simulate and ingest; give the touchpoints of leads, by lead and time."""
    params = load_params(SECTIONS)
    simulator = params.simulator.model_copy(update={"leads": leads})
    with progress() as bar:
        simulate(simulator, params, folder / "raw", folder / "truth", bar)
    ingest(SOURCES / "simulated.sql", folder / "raw", folder / "canonical", folder / "quarantine", 0.05)
    table = pq.read_table(folder / "canonical" / "touchpoints.parquet", columns=list(COLUMNS))
    table = table.filter(table["lead_id"].is_valid())
    return table.sort_by([("lead_id", "ascending"), ("occurred_at", "ascending")])


def enlarge(table: pa.Table, rows: int, path: Path) -> int:
    """Write a world many times over, until there are so many rows; return how many copies were begun."""
    leads = table["lead_id"].combine_chunks().dictionary_encode()
    text = [name for name in TEXT if name != "lead_id"]
    coded = {name: table[name].combine_chunks().dictionary_encode() for name in text}
    coded["value"] = table["value"].combine_chunks()
    moments = {name: table[name].combine_chunks().cast(pa.int64()) for name in ("occurred_at", "recorded_at")}
    copies = -(-rows // len(table))
    writer: pq.ParquetWriter | None = None
    with progress() as bar:
        task = bar.add_task(f"{rows / MILLION:g} M touchpoints", total=copies)
        for copy in range(copies):
            ids = pc.binary_join_element_wise(f"{copy:04d}", leads.dictionary, "-")
            columns = {
                "lead_id": pa.DictionaryArray.from_arrays(leads.indices, ids),
                **{name: pc.add(values, copy * HOUR).cast(MOMENT) for name, values in moments.items()},
                **coded,
            }
            part = pa.table(columns).slice(0, rows - copy * len(table))
            writer = writer or pq.ParquetWriter(path, part.schema, compression="snappy")
            writer.write_table(part, row_group_size=ROW_GROUP)
            bar.advance(task)
    if writer is not None:
        writer.close()
    return copies


def write_snapshots(table: pa.Table, copies: int, per_lead: int, path: Path) -> None:
    """Look at each lead of each copy so many times, a week apart, the last time a day after its last touchpoint."""
    last = table.group_by("lead_id").aggregate([("occurred_at", "max")])
    end = last["occurred_at_max"].cast(pa.int64()).to_numpy() + DAY
    at = (end[:, None] - 7 * DAY * np.arange(per_lead)[None, ::-1]).ravel()
    lead = last["lead_id"].combine_chunks().take(pa.array(np.repeat(np.arange(len(last)), per_lead)))
    schema = pa.schema([("lead_id", pa.string()), ("snapshot_at", MOMENT)])
    with pq.ParquetWriter(path, schema) as writer:
        for copy in range(copies):
            ids = pc.binary_join_element_wise(f"{copy:04d}", lead, "-")
            writer.write_table(pa.table([ids, pa.array(at + copy * HOUR).cast(MOMENT)], schema=schema))


def limit(touchpoints: Path, snapshots: Path, out: Path, catalog: Catalog) -> int:
    """Read the file as the engine does, and write a matrix of that size."""
    with pq.ParquetFile(touchpoints, read_dictionary=list(TEXT), pre_buffer=True) as file:
        for begin in range(0, file.num_row_groups, 32):
            file.read_row_groups(list(range(begin, min(begin + 32, file.num_row_groups))))
    table = pq.read_table(snapshots)
    block = np.random.default_rng(0).poisson(1.0, (BLOCK, len(catalog))).astype(np.float32)
    with MatrixWriter(out, catalog.names) as writer:
        for begin in range(0, len(table), BLOCK):
            keys = table.slice(begin, BLOCK)
            writer.write(keys["lead_id"], keys["snapshot_at"], block[: len(keys)])
    return len(table)


def measure(what: str, folder: Path) -> None:
    """Print seconds, rows and peak memory of this process as JSON."""
    catalog = catalog_of()
    warm_up()
    paths = (folder / "touchpoints.parquet", folder / "snapshots.parquet", folder / "out.parquet")
    run: Callable[..., int] = features_from_parquet if what == "engine" else limit
    begin, used = time.perf_counter(), time.process_time()
    rows = run(*paths, catalog)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rows": rows, "peak": peak}))  # noqa: T201 - read by the caller


def fresh(what: str, folder: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "bench.feature_scale", "--measure", what, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def formats() -> None:
    """Print time and size of Parquet settings for a matrix of the world's features."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = world(folder, LEADS)
        copies = enlarge(table, MILLION, folder / "touchpoints.parquet")
        write_snapshots(table, copies, 4, folder / "snapshots.parquet")
        catalog = catalog_of()
        paths = (folder / "touchpoints.parquet", folder / "snapshots.parquet", folder / "out.parquet")
        features_from_parquet(*paths, catalog)
        matrix = pq.read_table(paths[2])
        shown = Table("settings", "seconds of one core", "MiB", title=f"{len(matrix):,} rows x {len(catalog)} features")
        split = {"use_dictionary": ["lead_id"], "column_encoding": dict.fromkeys(catalog.names, "BYTE_STREAM_SPLIT")}
        for label, settings in {
            "PARQUET, the choice": PARQUET,
            "zstd, dictionaries and statistics": {"compression": "zstd"},
            **{c: {**PARQUET, "compression": c} for c in ("none", "snappy", "zstd")},
            "lz4, byte stream split": {**PARQUET, **split},
            "lz4, data pages of version 2": {**PARQUET, "data_page_version": "2.0"},
        }.items():
            begin = time.process_time()
            pq.write_table(matrix, paths[2], **settings)
            shown.add_row(label, f"{time.process_time() - begin:.2f}", f"{os.path.getsize(paths[2]) / 2**20:.1f}")
        console.print(shown)


def compare(sizes: list[int], per_lead: list[int], leads: int) -> None:
    """Measure the engine and the limit at each size, and for the smallest with more snapshots per lead."""
    features = len(matrix_schema(catalog_of().names)) - 2
    shown = Table(
        "touchpoints", "snapshots", "seconds", "M touchpoints/s", "of the limit's speed", "peak MiB", "growth",
        title=f"{features} features, from Parquet to Parquet",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = world(folder, leads)
        before: dict[tuple[str, int], float] = {}
        plan = [(size, 1) for size in sizes] + [(sizes[0], count) for count in per_lead]
        with progress() as bar:
            task = bar.add_task("measurements", total=2 * len(plan))
            written = 0
            for size, count in plan:
                if size != written:
                    copies = enlarge(table, size, folder / "touchpoints.parquet")
                    written = size
                write_snapshots(table, copies, count, folder / "snapshots.parquet")
                engine = fresh("engine", folder)
                bar.advance(task)
                least = fresh("limit", folder)
                bar.advance(task)
                times = engine["seconds"] / before.get(("size", size // 10), np.nan) if count == 1 else np.nan
                before["size", size] = engine["seconds"]
                shown.add_row(
                    f"{size:,}", f"{engine['rows']:,}", f"{engine['seconds']:.2f}",
                    f"{size / engine['seconds'] / MILLION:.2f}", f"{least['seconds'] / engine['seconds']:.0%}",
                    f"{engine['peak']:,.0f}", "" if np.isnan(times) else f"x {times:.1f}",
                )  # fmt: skip
    console.print(shown)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth and a hundredth of a million touchpoints")
    parser.add_argument("--most", type=int, default=100, help="largest size, in millions of touchpoints")
    parser.add_argument("--formats", action="store_true", help="measure Parquet settings instead")
    parser.add_argument("--measure", choices=["engine", "limit"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.folder)
    elif arguments.formats:
        formats()
    elif arguments.quick:
        compare([10_000, 100_000], [10], 2_500)
    else:
        compare([size * MILLION for size in (1, 10, 100) if size <= arguments.most], [10, 26], LEADS)


if __name__ == "__main__":
    main()
