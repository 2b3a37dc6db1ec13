"""How Spark's engine grows beside the local one, on this machine's processors: `python -m bench.spark_scale`.

Both compute the same features of the same touchpoints (those of `bench.feature_scale`), Parquet to Parquet. Spark runs on a
`local-cluster` of two worker processes with one core each; its session has been started and has computed once before the clock
runs, as on a cluster that stays up. With `--picture` the figures become docs/images/spark_scaling.png.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from bench.feature_scale import LEADS, MILLION, MOMENT, catalog_of, enlarge, fresh, world, write_snapshots
from bench.spark_picture import picture_png
from pipeline.console import console, progress, run_main
from pipeline.spark.matrix import write_matrix
from pipeline.spark.session import spark_session

WORKERS = "local-cluster[2,1,3072]"
CONF = {
    "spark.master": WORKERS,
    "spark.executor.memory": "3072m",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "16",
    "spark.driver.host": "127.0.0.1",
}


def write_leads(folder: Path) -> None:
    """Write the canonical table of leads, none of which has an account."""
    lead_ids = pq.read_table(folder / "snapshots.parquet")["lead_id"].combine_chunks().unique()
    nothing, created = pa.nulls(len(lead_ids), pa.string()), pa.array([0] * len(lead_ids), MOMENT)
    table = pa.table({"lead_id": lead_ids, "account_id": nothing, "created_at": created})
    pq.write_table(table, folder / "leads.parquet")


def spark_seconds(session: Any, folder: Path, catalog: Any) -> float:
    """Build the matrix once on the cluster; give the seconds."""
    from pyspark.sql import functions as F  # noqa: N812

    snapshots = session.read.parquet(str(folder / "snapshots.parquet"))
    snapshots = snapshots.select("lead_id", F.lit(None).cast("string").alias("account_id"), "snapshot_at")
    snapshots = snapshots.withColumn("part", F.lit(-1).cast("long"))
    begin = time.perf_counter()
    write_matrix(session, folder, snapshots, catalog, folder / "spark.parquet")
    return time.perf_counter() - begin


def same(folder: Path) -> bool:
    """Compare both results, row by row, to the bit."""
    local, cluster = (pq.read_table(folder / name) for name in ("out.parquet", "spark.parquet"))
    keys = [("lead_id", "ascending"), ("snapshot_at", "ascending")]
    local, cluster = local.sort_by(keys), cluster.sort_by(keys).select(local.column_names)
    return all(
        pc.all(pc.equal(a.cast(pa.string()), b.cast(pa.string())).fill_null(True)).as_py()
        and a.null_count == b.null_count
        for a, b in zip(local.columns, cluster.columns, strict=True)
    )


def compare(sizes: list[int], leads: int) -> list[dict[str, float]]:
    """Measure both engines at each size."""
    catalog = catalog_of()
    found = []
    with tempfile.TemporaryDirectory() as name, progress() as bar:
        folder = Path(name)
        table = world(folder, leads)
        session = spark_session(CONF)
        task = bar.add_task("measurements", total=2 * len(sizes))
        for number, size in enumerate(sizes):
            copies = enlarge(table, size, folder / "touchpoints.parquet")
            write_snapshots(table, copies, 1, folder / "snapshots.parquet")
            write_leads(folder)
            if number == 0:
                spark_seconds(session, folder, catalog)  # workers load Python and the kernels
            local = fresh("engine", folder)["seconds"]
            bar.advance(task)
            cluster = spark_seconds(session, folder, catalog)
            bar.advance(task)
            if number == 0 and not same(folder):
                raise AssertionError("the two engines disagree")
            found.append({"touchpoints": size, "local": local, "spark": cluster})
        session.stop()
    return found


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth and a tenth of a million touchpoints")
    parser.add_argument("--most", type=int, default=100, help="largest size, in millions of touchpoints")
    parser.add_argument("--picture", type=Path, help="write the plot to this file")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    arguments = parser.parse_args()
    sizes, leads = [size * MILLION for size in (1, 10, 100) if size <= arguments.most], LEADS
    if arguments.quick:
        sizes, leads = [10_000, 100_000], 2_500
    found = compare(sizes, leads)
    shown = Table(
        "touchpoints", "local, s", "spark, s", "spark / local", title=f"{len(catalog_of())} features, {WORKERS}"
    )
    for item in found:
        row = (f"{item['local']:.1f}", f"{item['spark']:.1f}", f"{item['spark'] / item['local']:.1f}")
        shown.add_row(f"{item['touchpoints']:,.0f}", *row)
    console.print(shown)
    if arguments.out:
        arguments.out.write_text(json.dumps(found), encoding="utf-8")
    if arguments.picture:
        arguments.picture.parent.mkdir(parents=True, exist_ok=True)
        arguments.picture.write_bytes(picture_png(found))


if __name__ == "__main__":
    run_main(main)
