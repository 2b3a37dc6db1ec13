"""The engine `spark`: the feature matrix from a cluster, equal to that of one machine to the bit.

Workers get the catalog as its JSON, and call `pipeline.matrix.feature_rows`.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from features.catalog import Catalog
from features.errors import DataError
from pipeline.matrix.feature_rows import feature_rows
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.spark.accounts import Compute, map_accounts
from pipeline.spark.chunks import WholeAccounts
from pipeline.spark.session import read_errors, spark_session
from pipeline.tables.matrix_file import MatrixWriter

__all__ = ["check_count", "matrix_tables", "spark_snapshots", "write_matrix", "write_matrix_file"]

MOMENT = pa.timestamp("us", tz="UTC")


def spark_snapshots(session: SparkSession, snapshots: pd.DataFrame) -> DataFrame:
    """Hand snapshots from this process to Spark: lead_id, account_id, snapshot_at, and part (-1 where there is none)."""
    part = snapshots["part"] if "part" in snapshots.columns else pd.Series(-1, index=snapshots.index)
    table = pa.table(
        {
            "lead_id": pa.array(snapshots["lead_id"], pa.string()),
            "account_id": pa.array(snapshots["account_id"], pa.string()),
            "snapshot_at": pa.array(snapshots["snapshot_at"], MOMENT),
            "part": pa.array(part, pa.int64()),
        }
    )
    return session.createDataFrame(table)


def write_matrix(
    session: SparkSession,
    canonical: Path | str,
    snapshots: DataFrame,
    catalog: Catalog,
    out: Path | str,
    held_out: Sequence[Catalog] = (),
) -> None:
    """Compute features on a cluster and write them as partitioned Parquet; what was there is replaced.

    Parameters
    ----------
    session : SparkSession
        As `spark_session` gives it.
    canonical : Path or str
        Folder of canonical tables, of files or folders ``<table>.parquet``; a path or address that all workers can read.
    snapshots : DataFrame of Spark
        lead_id, account_id, snapshot_at, part.
    catalog : Catalog
        What to compute.
    out : Path or str
        Folder to write, in no order; a path or address that all workers can write to.
    held_out : sequence of Catalog
        See `feature_rows`.

    Raises
    ------
    LeadQualificationError
        The error of a worker, as the local engine would raise it.
    DataError
        If a snapshot's lead is not in the table of leads.
    """
    texts = session.sparkContext.broadcast([one.to_json() for one in (catalog, *held_out)])
    columns = [pa.field(name, pa.float32()) for name in catalog.names]
    schema = pa.schema([pa.field("lead_id", pa.string(), False), pa.field("snapshot_at", MOMENT, False), *columns])

    def prepare() -> Compute:
        main, *others = (Catalog.from_json(text) for text in texts.value)

        def compute(accounts: WholeAccounts, chosen: pd.DataFrame) -> pa.Table:
            tables, lead_ids, history, _ = accounts
            # a task is one thread: Spark gives each core its own
            matrix = feature_rows(tables, lead_ids, chosen, main, others, recorded=history, threads=1)
            keys = [pa.array(chosen["lead_id"], pa.string()), pa.array(chosen["snapshot_at"], MOMENT)]
            return pa.Table.from_arrays([*keys, *(pa.array(column) for column in matrix.T)], schema=schema)

        return compute

    with read_errors():
        rows = map_accounts(session, canonical, snapshots, catalog, prepare, from_arrow_schema(schema))
        rows.write.mode("overwrite").option("compression", "zstd").parquet(str(out))
        written = session.read.parquet(str(out)).count()
        check_count(written, snapshots.count(), canonical)


def matrix_tables(
    canonical: Path, snapshots: pd.DataFrame, catalog: Catalog, held_out: Sequence[Catalog], folder: Path
) -> Iterator[pa.Table]:
    """Compute features on a cluster and read them back, some at a time: lead_id, snapshot_at, features; in no order.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, part.
    catalog, held_out
        As for `write_matrix`.
    folder : Path
        Where workers write in the meantime; both they and this process must see it.
    """
    session = spark_session()
    with tempfile.TemporaryDirectory(dir=folder, prefix="parts-") as parts:
        out = Path(parts).resolve() / "matrix.parquet"
        write_matrix(session, canonical.resolve(), spark_snapshots(session, snapshots), catalog, out, held_out)
        for batch in ds.dataset(out, format="parquet").to_batches():
            if len(batch):
                yield pa.Table.from_batches([batch])


def write_matrix_file(
    canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path, advance: Callable[[int], None]
) -> None:
    """Write `catalog.json` and `matrix.parquet` as one machine does; the same rows, in an order of their own.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    fitted : FittedCatalog
        Of these snapshots.
    out : Path
        Folder to write; both workers and this process must see it.
    advance : callable
        Called with the number of rows of each batch that was read back.
    """
    catalog = fitted.catalog
    out.mkdir(parents=True, exist_ok=True)
    (out / "catalog.json").write_text(catalog.to_json(), encoding="utf-8")
    with MatrixWriter(out / "matrix.parquet", catalog.names) as writer:
        for table in matrix_tables(canonical, snapshots.assign(part=fitted.part), catalog, fitted.held_out, out):
            matrix = np.column_stack([table[name].to_numpy() for name in catalog.names])
            writer.write(table["lead_id"], table["snapshot_at"], matrix)
            advance(len(matrix))


def check_count(got: int, expected: int, canonical: Path | str) -> None:
    """Hold a cluster to one row per snapshot.

    Raises
    ------
    DataError
        If some are missing.
    """
    if got != expected:
        raise DataError(
            f"{canonical}: {got:,} rows came back for {expected:,} snapshots. Of a snapshot whose lead has no row in table "
            "'leads' nothing is known: make the snapshots again from these tables."
        )
