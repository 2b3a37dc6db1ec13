"""The same features, to the bit, from a cluster of two worker processes."""

import shutil
from dataclasses import replace
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
from pipeline.matrix.build import matrix_batches
from pipeline.matrix.feature_rows import feature_rows
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.scoring.snapshots import score_open_leads
from pipeline.spark import accounts
from pipeline.spark.matrix import spark_snapshots, write_matrix, write_matrix_file
from pipeline.spark.scoring import score_leads
from tests.pipeline.spark.conftest import World, make_bundle, make_catalog, with_profile

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
    write_matrix(spark, world.canonical, spark_snapshots(spark, world.snapshots), catalog, out, held_out)
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


def test_without_the_buying_group_every_lead_stands_alone(
    spark: SparkSession, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # many more partitions than leads have homes for, and chunks and calls far smaller than the large account
    monkeypatch.setattr(accounts, "ROWS_PER_PARTITION", 1_000)
    catalog = make_catalog(tuple(group for group in GROUPS if group not in ("account", "buyer_profile")))
    few = world._replace(snapshots=world.snapshots.iloc[:3].reset_index(drop=True))
    got = from_spark(spark, few, tmp_path / "few", catalog)
    assert_same_bits(got, expected(few, catalog), catalog.names)
    assert len(list((tmp_path / "few").glob("part-*"))) <= 3  # three leads, no file of an empty partition
    got = from_spark(spark, world, tmp_path / "matrix", catalog)
    assert_same_bits(got, expected(world, catalog), catalog.names)


def test_the_world_holds_what_is_hard(world: World) -> None:
    touchpoints, leads = world.tables["touchpoints"], world.tables["leads"].to_pandas()
    by_account = touchpoints.to_pandas().merge(leads, on="lead_id")["account_id"].value_counts(dropna=False)
    assert by_account["A-0"] >= 0.45 * len(touchpoints)
    assert set(world.snapshots["lead_id"]) - set(touchpoints["lead_id"].to_pylist())
    assert leads["account_id"].isna().any()
    matrix = expected(world, CATALOG, HELD_OUT)
    assert np.isnan(matrix).any()
    varied = [name for name, column in zip(CATALOG.names, matrix.T, strict=True) if len(np.unique(column)) > 1]
    assert len(varied) > 0.9 * len(CATALOG)


def test_a_worker_names_the_error_as_the_local_engine_does(spark: SparkSession, world: World, tmp_path: Path) -> None:
    touchpoints = world.tables["touchpoints"]
    by = pa.array(["robot", *touchpoints["by"].to_pylist()[1:]], pa.string())
    wrong = touchpoints.set_column(touchpoints.column_names.index("by"), "by", by)
    broken = world._replace(canonical=tmp_path / "canonical")
    shutil.copytree(world.canonical, broken.canonical)
    shutil.rmtree(broken.canonical / "touchpoints.parquet")
    pq.write_table(wrong, broken.canonical / "touchpoints.parquet")
    with pytest.raises(JourneyError, match="by is 'robot'; allowed: lead, sales, system"):
        from_spark(spark, broken, tmp_path / "matrix", CATALOG)


def test_a_snapshot_of_an_unknown_lead_is_an_error(spark: SparkSession, world: World, tmp_path: Path) -> None:
    stranger = world.snapshots.iloc[:2].assign(lead_id=["nobody", world.snapshots["lead_id"].iloc[1]])
    with pytest.raises(DataError, match="1 rows came back for 2 snapshots"):
        from_spark(spark, world._replace(snapshots=stranger), tmp_path / "matrix", CATALOG)


def test_a_folder_without_tables_is_an_error(spark: SparkSession, world: World, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"leads\.parquet: no such file or folder\. Run `dvc repro ingest`"):
        from_spark(spark, world._replace(canonical=tmp_path), tmp_path / "matrix", CATALOG)


def test_the_stage_gets_the_rows_of_the_local_engine(world: World, spark: SparkSession, tmp_path: Path) -> None:
    local = np.empty((len(world.snapshots), len(CATALOG)), dtype=np.float32)
    for rows, matrix in matrix_batches(world.single_files, world.snapshots, CATALOG, HELD_OUT, cost_per_batch=1_000):
        local[rows] = matrix
    fitted = FittedCatalog(CATALOG, HELD_OUT, world.snapshots["part"].to_numpy())
    batches: list[int] = []
    write_matrix_file(world.canonical, world.snapshots, fitted, tmp_path, batches.append)
    frame = pq.read_table(tmp_path / "matrix.parquet").to_pandas().sort_values(KEYS)
    assert_same_bits(frame[list(CATALOG.names)].to_numpy(dtype=np.float32), local, CATALOG.names)
    assert sum(batches) == len(world.snapshots)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.json", "matrix.parquet"]


def test_scores_of_open_leads_are_equal(spark: SparkSession, world: World) -> None:
    bundle = make_bundle(CATALOG, world.snapshots, expected(world, CATALOG))
    known = {**bundle.metadata, "risk_set": "mql", "expire_days": 30, "capacity_cutoff": 0.3}
    bundle = replace(bundle, metadata=known)
    leads = world.snapshots.drop_duplicates("lead_id", ignore_index=True)
    local = score_open_leads(bundle, world.single_files, leads, "de")
    assert local["warnings"].str.contains("outside_population:").any()
    assert local["within_capacity"].notna().any()
    assert local["probability"].notna().sum() > 20
    assert local["probability"].nunique() > 5
    got = score_leads(bundle, world.single_files, leads, "de")
    pd.testing.assert_frame_equal(got, local, check_exact=True)
