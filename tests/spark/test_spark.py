"""The same features, to the bit, from a cluster of two worker processes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from features.catalog import Catalog
from features.errors import DataError, JourneyError
from features.operations import GROUPS
from pipeline.engines.spark import local_snapshots, write_matrix
from pipeline.feature_rows import feature_rows
from tests.spark.conftest import World, make_catalog, with_profile

pytestmark = pytest.mark.spark

CATALOG = with_profile(make_catalog(), 1)
HELD_OUT = (with_profile(make_catalog(), 2), with_profile(make_catalog(), 3))
KEYS = ["lead_id", "snapshot_at"]


def expected(world: World, catalog: Catalog, held_out: tuple[Catalog, ...] = ()) -> np.ndarray:
    """What the local function says of all tables at once."""
    return feature_rows(world.tables, world.tables["leads"]["lead_id"].to_pylist(), world.snapshots, catalog, held_out)


def from_spark(
    spark: SparkSession, world: World, out: Path, catalog: Catalog, held_out: tuple[Catalog, ...] = ()
) -> np.ndarray:
    write_matrix(spark, world.canonical, local_snapshots(spark, world.snapshots), catalog, out, held_out)
    table = pq.read_table(out)
    assert table.column_names == [*KEYS, *catalog.names]
    assert table.schema.field("snapshot_at").type == pa.timestamp("us", tz="UTC")
    assert set(table.schema.types[2:]) == {pa.float32()}
    frame = table.to_pandas().sort_values(KEYS)
    assert frame["lead_id"].tolist() == world.snapshots["lead_id"].tolist()
    assert frame["snapshot_at"].tolist() == world.snapshots["snapshot_at"].tolist()
    return frame[list(catalog.names)].to_numpy(dtype=np.float32)


def assert_same_bits(got: np.ndarray, wanted: np.ndarray, names: tuple[str, ...]) -> None:
    different = (got.view(np.uint32) != wanted.view(np.uint32)).any(axis=0)
    assert not different.any(), [name for name, wrong in zip(names, different, strict=True) if wrong]


def test_the_cluster_has_two_workers_of_their_own(spark: SparkSession) -> None:
    def process(batches):
        import os
        import time

        rows = sum(len(batch) for batch in batches)
        time.sleep(1.0)  # the other task must find this worker busy
        yield pa.RecordBatch.from_pydict({"python": [os.getpid()], "jvm": [os.getppid()], "rows": [rows]})

    found = spark.range(20).repartition(2).mapInArrow(process, "python long, jvm long, rows long").toPandas()
    assert found["python"].nunique() == 2
    assert found["jvm"].nunique() == 2
    assert spark.sparkContext.master.startswith("local-cluster")
    assert spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() == 3  # two executors and the driver


def test_all_groups_are_equal_to_the_bit(spark: SparkSession, world: World, tmp_path: Path) -> None:
    assert CATALOG.params.groups == GROUPS
    got = from_spark(spark, world, tmp_path / "matrix", CATALOG, HELD_OUT)
    assert_same_bits(got, expected(world, CATALOG, HELD_OUT), CATALOG.names)


def test_without_the_buying_group_every_lead_stands_alone(spark: SparkSession, world: World, tmp_path: Path) -> None:
    catalog = make_catalog(tuple(group for group in GROUPS if group not in ("account", "buyer_profile")))
    got = from_spark(spark, world, tmp_path / "matrix", catalog)
    assert_same_bits(got, expected(world, catalog), catalog.names)
