"""Spark: whole accounts brought together on many machines, and handed to the same functions as on one.

Spark reads, joins, shuffles and sorts; what a feature is, it does not know. Workers get the catalog as its JSON and call
`pipeline.feature_rows`, so that the results are those of the local engine to the bit.
"""

import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import FloatType, StringType, StructField, StructType, TimestampType

import features.errors
from features.catalog import Catalog
from features.errors import DataError, LeadQualificationError, ParameterError
from pipeline.engines.account_chunks import OPEN, SHARED, WholeAccounts, whole_accounts
from pipeline.feature_rows import feature_rows

__all__ = ["Needs", "local_snapshots", "map_accounts", "read_errors", "spark_session", "write_matrix"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "pipeline")

ROWS_PER_PARTITION = 1_000_000
"""About so many rows of the union go to one task."""

ROWS_PER_CHUNK = 200_000
"""A worker computes whole accounts of about so many rows at a time."""

SNAPSHOTS_PER_CALL = 20_000
"""Of an account with more snapshots the features are computed in parts."""

ROWS_PER_BATCH = 2_000
"""Results go back to the JVM in batches of so many rows."""

FEW_LEADS = 1_000_000
"""So many leads are sent to every executor, to drop the touchpoints of others before they are shuffled."""

_SHIPPED = "spark.lead.code"
_ERROR = re.compile(r"<lead-error>(.*?)</lead-error>", re.DOTALL)

Compute = Callable[[WholeAccounts, pd.DataFrame], pa.Table]
"""From whole accounts and some of their snapshots to a table of results."""


class Needs:
    """What of the canonical tables a catalog takes.

    Attributes
    ----------
    tables : tuple of str
        Names; the source may lack all but `leads`.
    by_account : bool
        An account's leads must stand together. Otherwise every lead stands alone, and a large account costs no more than
        other leads.
    attributes : dict of {"leads", "accounts"} to list of str
        Columns of these tables.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Read a catalog."""
        groups = catalog.params.groups
        names: dict[str, list[str]] = {
            table: [spec.name for spec in catalog.attributes if spec.entity == entity]
            for table, entity in (("leads", "lead"), ("accounts", "account"))
        }
        role = catalog.role_attribute
        self.optional = [] if role is None or role in names["leads"] else [role]
        self.by_account = "account" in groups
        self.attributes = names
        self.tables = (
            "leads",
            "touchpoints",
            "stage_changes",
            *(("orders",) if "orders" in groups else ()),
            *(("accounts",) if names["accounts"] else ()),
            *(("attribute_changes",) if catalog.attributes or role is not None else ()),
        )


def spark_session(conf: Mapping[str, str] | None = None) -> SparkSession:
    """Start Spark, or take the session that runs.

    Parameters
    ----------
    conf : mapping of str to str, optional
        Spark's own settings. What is not given comes from where Spark looks by itself: `PYSPARK_SUBMIT_ARGS`, or
        ``spark-defaults.conf`` in `SPARK_CONF_DIR`; without a master it is this machine.

    Raises
    ------
    ParameterError
        If Spark does not start, mostly for want of Java.
    """
    # workers on this machine must be the same Python; on a cluster PYSPARK_PYTHON names the one of the shipped environment
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("lead-qualification")
    for name, value in (conf or {}).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise ParameterError(
            f"features.engine is 'spark', but Spark does not start ({str(error).splitlines()[0]}). It needs Java 17 or newer: "
            "`make system` installs it; or set JAVA_HOME, or features.engine to 'duckdb'."
        ) from error
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    _ship_code(session)
    return session


def _ship_code(session: SparkSession) -> None:
    """Give the workers this code, unless it is installed where they run, or they can read it where it stands."""
    context = session.sparkContext
    if "site-packages" in ROOT.parts or session.conf.get(_SHIPPED, None) is not None:
        return
    session.conf.set(_SHIPPED, str(ROOT))
    if context.master.startswith("local"):
        # where it stands, the kernels' machine code is kept beside it
        others = context.environment.get("PYTHONPATH")
        context.environment["PYTHONPATH"] = str(ROOT) if others is None else os.pathsep.join([str(ROOT), others])
        return
    folder = tempfile.mkdtemp(prefix="lead-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # executors fetch it when they start, at any time
    archive = Path(folder) / "lead_qualification.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for package in PACKAGES:
            for source in sorted((ROOT / package).rglob("*.py")):
                file.write(source, source.relative_to(ROOT))
    context.addPyFile(str(archive))


def local_snapshots(session: SparkSession, snapshots: pd.DataFrame) -> DataFrame:
    """Hand snapshots from this process to Spark: lead_id, account_id, snapshot_at, and part (-1 where there is none)."""
    part = snapshots["part"] if "part" in snapshots.columns else -1
    table = pa.table(
        {
            "lead_id": pa.array(snapshots["lead_id"], pa.string()),
            "account_id": pa.array(snapshots["account_id"], pa.string()),
            "snapshot_at": pa.array(snapshots["snapshot_at"], pa.timestamp("us", tz="UTC")),
            "part": pa.array(pd.Series(part, index=snapshots.index), pa.int64()),
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
        Folder to write; all workers must be able to.
    held_out : sequence of Catalog
        See `feature_rows`.

    Raises
    ------
    LeadQualificationError
        The error of a worker, as the local engine would raise it.
    """
    texts = session.sparkContext.broadcast([one.to_json() for one in (catalog, *held_out)])
    schema = StructType(
        [StructField("lead_id", StringType(), False), StructField("snapshot_at", TimestampType(), False)]
        + [StructField(name, FloatType()) for name in catalog.names]
    )

    def prepare() -> Compute:
        main, *others = (Catalog.from_json(text) for text in texts.value)

        def compute(accounts: WholeAccounts, chosen: pd.DataFrame) -> pa.Table:
            matrix = feature_rows(accounts.tables, accounts.lead_ids, chosen, main, others, threads=1)
            columns: dict[str, Any] = {
                "lead_id": pa.array(chosen["lead_id"], pa.string()),
                "snapshot_at": pa.array(chosen["snapshot_at"], pa.timestamp("us", tz="UTC")),
            }
            return pa.table(columns | {name: pa.array(matrix[:, j]) for j, name in enumerate(main.names)})

        return compute

    with read_errors():
        rows = map_accounts(session, canonical, snapshots, Needs(catalog), prepare, schema)
        rows.write.mode("overwrite").option("compression", "zstd").parquet(str(out))
        written, expected = session.read.parquet(str(out)).count(), snapshots.count()
    if written != expected:
        raise DataError(
            f"{out}: {written:,} rows for {expected:,} snapshots. Snapshots whose lead has no row in table 'leads' are lost: "
            "run stage `snapshots` again on these tables."
        )


@contextlib.contextmanager
def read_errors() -> Iterator[None]:
    """Turn what Spark says of a failed task back into the product's error that a worker raised."""
    try:
        yield
    except Exception as error:
        found = _ERROR.search(str(error))
        if found is None:
            raise
        name, message = json.loads(found.group(1))
        raise getattr(features.errors, name)(message) from None


def _mapper(
    prepare: Callable[[], Compute], present: Sequence[str], recorded: Mapping[str, list[str]]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            compute = None
            for accounts in whole_accounts(batches, present, recorded, ROWS_PER_CHUNK):
                compute = compute or prepare()
                for begin in range(0, len(accounts.snapshots), SNAPSHOTS_PER_CALL):
                    chosen = accounts.snapshots.iloc[begin : begin + SNAPSHOTS_PER_CALL].reset_index(drop=True)
                    yield from compute(accounts, chosen).to_batches(max_chunksize=ROWS_PER_BATCH)
        except LeadQualificationError as error:
            # Spark keeps only the text of a worker's error
            told = json.dumps([type(error).__name__, str(error)])
            raise RuntimeError(f"<lead-error>{told}</lead-error>") from error

    return mapped


def map_accounts(
    session: SparkSession,
    canonical: Path | str,
    snapshots: DataFrame,
    needs: Needs,
    prepare: Callable[[], Compute],
    schema: StructType,
) -> DataFrame:
    """Bring whole accounts together and call a function with them, on the workers.

    Parameters
    ----------
    session : SparkSession
    canonical : Path or str
        Folder of canonical tables.
    snapshots : DataFrame of Spark
        lead_id, account_id, snapshot_at, part.
    needs : Needs
        Which tables, and whether accounts must be whole.
    prepare : callable
        Called once per task; gives the function.
    schema : StructType
        Of its results.

    Returns
    -------
    DataFrame of Spark
    """
    tables = {name: _read(session, canonical, name) for name in needs.tables if _exists(session, canonical, name)}
    if "leads" not in tables:
        raise DataError(f"{canonical}: no table 'leads' there. Run `dvc repro ingest`, or name the folder of canonical tables.")
    tables = {name: _shared_columns(name, table, needs) for name, table in tables.items()}
    tables["snapshots"] = _shared_columns("snapshots", snapshots, needs)
    recorded = _recorded(tables.get("attribute_changes"), needs)
    rows = sum(table.count() for name, table in tables.items() if name in ("touchpoints", "stage_changes", "snapshots"))
    partitions = max(session.sparkContext.defaultParallelism, -(-rows // ROWS_PER_PARTITION))
    keyed = _by_account(tables) if needs.by_account else _by_lead(tables, partitions)
    tagged = [rows.withColumn("table", F.lit(list(SHARED).index(name)).cast("byte")) for name, rows in keyed.items()]
    union = functools.reduce(functools.partial(DataFrame.unionByName, allowMissingColumns=True), tagged)
    placed = union.withColumn("home", F.coalesce("home", _home(F.col("key"), partitions)))
    together = placed.repartitionById(partitions, "home").drop("home").sortWithinPartitions("key")
    present = [name for name in SHARED if name in tables and name != "snapshots"]
    return together.mapInArrow(_mapper(prepare, present, recorded), schema)


def _path(canonical: Path | str, name: str) -> str:
    return f"{str(canonical).rstrip('/')}/{name}.parquet"


def _exists(session: SparkSession, canonical: Path | str, name: str) -> bool:
    path = session._jvm.org.apache.hadoop.fs.Path(_path(canonical, name))  # type: ignore[union-attr]
    return bool(path.getFileSystem(session._jsc.hadoopConfiguration()).exists(path))  # type: ignore[attr-defined]


def _read(session: SparkSession, canonical: Path | str, name: str) -> DataFrame:
    return session.read.parquet(_path(canonical, name))


def _shared_columns(name: str, table: DataFrame, needs: Needs) -> DataFrame:
    """Rename a table's columns to those of the union; one that the table lacks is left out, attributes become one struct."""
    columns = [F.col(own).alias(shared) for own, shared in SHARED[name].items() if own in table.columns]
    wanted = [*needs.attributes.get(name, ()), *(needs.optional if name == "leads" else ())]
    inside = [attribute for attribute in wanted if attribute in table.columns]
    if name in OPEN and inside:
        columns.append(F.struct(*(F.col(attribute) for attribute in inside)).alias(OPEN[name]))
    chosen = table.select(*columns)
    return chosen.withColumn("value", F.col("value").cast("double")) if "value" in chosen.columns else chosen


def _recorded(changes: DataFrame | None, needs: Needs) -> dict[str, list[str]]:
    """List the attributes that have a history anywhere, per entity."""
    recorded: dict[str, list[str]] = {"lead": [], "account": []}
    if changes is not None:
        has = changes.select("kind", F.col("lead_id").isNotNull().alias("lead"), F.col("account_id").isNotNull().alias("account"))
        for row in has.distinct().collect():
            for entity, names in recorded.items():
                if row[entity] and row["kind"] not in names:
                    names.append(row["kind"])
    return recorded


def _home(column: Column, partitions: int) -> Column:
    return F.pmod(F.xxhash64(column), F.lit(partitions)).cast("int")


def _by_account(tables: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Key every row by its account, or its lead where that has none; what no snapshot looks at is dropped."""
    leads = tables["leads"].withColumn("key", F.coalesce("account_id", "lead_id"))
    key_of = leads.select("lead_id", "key")
    snapshots = tables["snapshots"].join(key_of, "lead_id")
    keys = snapshots.select("key").distinct()
    leads = leads.join(keys, "key", "left_semi")
    key_of = leads.select("lead_id", "key")
    keyed = {"leads": leads, "snapshots": snapshots}
    for name in ("touchpoints", "stage_changes"):
        if name in tables:
            keyed[name] = tables[name].join(key_of, "lead_id")
    for name in ("accounts", "orders"):
        if name in tables:
            keyed[name] = tables[name].withColumn("key", F.col("account_id")).join(keys, "key", "left_semi")
    if "attribute_changes" in tables:
        changes = tables["attribute_changes"]
        of_leads = changes.where(F.col("lead_id").isNotNull()).join(key_of, "lead_id")
        of_accounts = changes.where(F.col("account_id").isNotNull()).withColumn("key", F.col("account_id"))
        keyed["attribute_changes"] = of_leads.unionByName(of_accounts.join(keys, "key", "left_semi"))
    return {name: table.withColumn("home", F.lit(None).cast("int")) for name, table in keyed.items()}


def _by_lead(tables: Mapping[str, DataFrame], partitions: int) -> dict[str, DataFrame]:
    """Key every row by its lead; what belongs to an account goes to each partition that holds leads of it, without a key."""
    looked_at = tables["snapshots"].select("lead_id").distinct()
    few = looked_at.count() <= FEW_LEADS
    keyed: dict[str, DataFrame] = {}
    for name in ("leads", "snapshots", "touchpoints", "stage_changes", "attribute_changes"):
        if name in tables:
            rows = tables[name].where(F.col("lead_id").isNotNull())
            if name == "leads" or (few and name != "snapshots"):
                rows = rows.join(F.broadcast(looked_at) if few else looked_at, "lead_id", "left_semi")
            keyed[name] = rows.withColumn("key", F.col("lead_id")).withColumn("home", F.lit(None).cast("int"))
    homes = keyed["leads"].where(F.col("account_id").isNotNull())
    homes = homes.select("account_id", _home(F.col("key"), partitions).alias("home")).distinct()
    for name in ("accounts", "orders", "attribute_changes"):
        if name in tables:
            rows = tables[name]
            if name == "attribute_changes":
                rows = rows.where(F.col("account_id").isNotNull())
            spread = rows.join(homes, "account_id").withColumn("key", F.lit(None).cast("string"))
            keyed[name] = keyed[name].unionByName(spread) if name in keyed else spread
    return keyed
