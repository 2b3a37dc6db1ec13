"""Whole accounts brought together on a cluster: Spark reads, joins, shuffles and sorts, and calls a function with them.

What a feature is, Spark does not know. All tables become one relation (`pipeline.spark.chunks`), whose rows get a key
and a home: the
partition that their key belongs to. Where columns speak of colleagues, the key is the account. Elsewhere it is the lead, so
that a large account costs no more than other leads, and what belongs to accounts goes to every home of their leads.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from features.catalog import Catalog
from features.errors import DataError
from pipeline.population.attribute_history import History
from pipeline.spark.chunks import OPEN, SHARED, WholeAccounts, whole_accounts
from pipeline.spark.session import tell_errors

__all__ = ["Compute", "map_accounts"]

ROWS_PER_PARTITION = 1_000_000
"""About so many touchpoints, stage changes and snapshots go to one task."""

ROWS_PER_CHUNK = 200_000
"""A worker computes whole accounts of about so many rows at a time."""

SNAPSHOTS_PER_CALL = 20_000
"""Of an account with more snapshots the results are computed in parts."""

ROWS_PER_BATCH = 2_000
"""Results go back to the JVM in batches of so many rows."""

FEW_LEADS = 1_000_000
"""A list of so many leads is sent to every executor; a longer one is joined by shuffling."""

Compute = Callable[[WholeAccounts, pd.DataFrame], pa.Table]
"""From whole accounts and some of their snapshots to a table of results."""


def map_accounts(
    session: SparkSession,
    canonical: Path | str,
    snapshots: DataFrame,
    catalog: Catalog,
    prepare: Callable[[], Compute],
    schema: StructType,
) -> DataFrame:
    """Bring whole accounts together and call a function with them, on the workers.

    Parameters
    ----------
    session : SparkSession
        As `spark_session` gives it.
    canonical : Path or str
        Folder of canonical tables, of files or folders ``<table>.parquet``; a path or address that all workers can read.
    snapshots : DataFrame of Spark
        lead_id, account_id, snapshot_at, part.
    catalog : Catalog
        Says which tables and attributes are read, and whether accounts must be whole.
    prepare : callable
        Called once per task; gives the function.
    schema : StructType
        Of its results.

    Returns
    -------
    DataFrame of Spark
        Not computed yet.
    """
    tables = {
        name: _shared_columns(name, session.read.parquet(_path(canonical, name)), catalog)
        for name in _needed(catalog)
        if _exists(session, canonical, name)
    }
    if "leads" not in tables:
        raise DataError(
            f"{_path(canonical, 'leads')}: no such file or folder. Run `dvc repro ingest`, or name another folder."
        )
    history = _history(tables.get("attribute_changes"))
    tables["snapshots"] = _shared_columns("snapshots", snapshots, catalog)
    rows = sum(tables[name].count() for name in ("touchpoints", "stage_changes", "snapshots") if name in tables)
    partitions = max(session.sparkContext.defaultParallelism, -(-rows // ROWS_PER_PARTITION))
    keyed = _by_account(tables) if "account" in catalog.params.groups else _by_lead(tables, partitions)
    tags = list(SHARED)
    tagged = [table.withColumn("table", F.lit(tags.index(name)).cast("byte")) for name, table in keyed.items()]
    union = functools.reduce(functools.partial(DataFrame.unionByName, allowMissingColumns=True), tagged)
    placed = union.withColumn("home", F.coalesce("home", _home(F.col("key"), partitions)))
    together = placed.repartitionById(partitions, "home").drop("home").sortWithinPartitions("key")
    present = [name for name in tables if name != "snapshots"]
    return together.mapInArrow(_mapper(prepare, present, history), schema)


def _mapper(
    prepare: Callable[[], Compute], present: Sequence[str], history: History
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with tell_errors():
            compute = None
            for accounts in whole_accounts(batches, present, history, ROWS_PER_CHUNK):
                compute = compute or prepare()
                for begin in range(0, len(accounts.snapshots), SNAPSHOTS_PER_CALL):
                    chosen = accounts.snapshots.iloc[begin : begin + SNAPSHOTS_PER_CALL].reset_index(drop=True)
                    yield from compute(accounts, chosen).to_batches(max_chunksize=ROWS_PER_BATCH)

    return mapped


def _needed(catalog: Catalog) -> list[str]:
    entities = {spec.entity for spec in catalog.attributes}
    return [
        "leads",
        "touchpoints",
        "stage_changes",
        *(["orders"] if "orders" in catalog.params.groups else []),
        *(["accounts"] if "account" in entities else []),
        *(["attribute_changes"] if entities or catalog.role_attribute is not None else []),
    ]


def _path(canonical: Path | str, name: str) -> str:
    return f"{str(canonical).rstrip('/')}/{name}.parquet"


def _exists(session: SparkSession, canonical: Path | str, name: str) -> bool:
    path = session._jvm.org.apache.hadoop.fs.Path(_path(canonical, name))  # type: ignore[union-attr]
    return bool(path.getFileSystem(session._jsc.hadoopConfiguration()).exists(path))


def _shared_columns(name: str, table: DataFrame, catalog: Catalog) -> DataFrame:
    """Rename a table's columns to those of the union; one that the table lacks is left out, attributes become one struct."""
    columns = [F.col(own).alias(shared) for own, shared in SHARED[name].items() if own in table.columns]
    wanted = [spec.name for spec in catalog.attributes if f"{spec.entity}s" == name]
    if name == "leads" and catalog.role_attribute is not None and catalog.role_attribute not in wanted:
        wanted.append(catalog.role_attribute)
    inside = [F.col(attribute) for attribute in wanted if attribute in table.columns]
    if inside:
        columns.append(F.struct(*inside).alias(OPEN[name]))
    chosen = table.select(*columns)
    return chosen.withColumn("value", F.col("value").cast("double")) if "value" in chosen.columns else chosen


def _history(changes: DataFrame | None) -> History:
    """List the attributes with a recorded change anywhere, as `attribute_history.history_of`."""
    if changes is None:
        return frozenset()
    keys = [key for key in ("lead_id", "account_id") if key in changes.columns]
    found = changes.select("kind", *(F.col(key).isNotNull().alias(key) for key in keys)).distinct().collect()
    return frozenset((key, row["kind"]) for row in found for key in keys if row[key])


def _home(column: Column, partitions: int) -> Column:
    return F.pmod(F.xxhash64(column), F.lit(partitions)).cast("int")


def _listed(rows: DataFrame) -> DataFrame:
    """Send a short list to every executor, so that large tables need not be shuffled to be joined with it."""
    return F.broadcast(rows) if rows.count() <= FEW_LEADS else rows


def _by_account(tables: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Key every row by its account, or its lead where that has none."""
    leads = tables["leads"]
    if "account_id" not in leads.columns:
        leads = leads.withColumn("account_id", F.lit(None).cast("string"))
    leads = leads.withColumn("key", F.coalesce("account_id", "lead_id"))
    key_of = leads.select("lead_id", "key")
    snapshots = tables["snapshots"].join(key_of, "lead_id")
    # journeys at accounts that no snapshot looks at need not travel
    key_of = _listed(key_of.join(snapshots.select("key").distinct(), "key", "left_semi"))
    keyed = {"leads": leads, "snapshots": snapshots}
    keyed |= {name: tables[name].join(key_of, "lead_id") for name in ("touchpoints", "stage_changes") if name in tables}
    by_account_id = F.col("account_id").alias("key")
    keyed |= {name: tables[name].select("*", by_account_id) for name in ("accounts", "orders") if name in tables}
    if "attribute_changes" in tables:
        changes = tables["attribute_changes"]
        of_accounts = changes.where(F.col("account_id").isNotNull()).select("*", by_account_id)
        keyed["attribute_changes"] = changes.join(key_of, "lead_id").unionByName(of_accounts)
    return {name: table.withColumn("home", F.lit(None).cast("int")) for name, table in keyed.items()}


def _by_lead(tables: Mapping[str, DataFrame], partitions: int) -> dict[str, DataFrame]:
    """Key every row by its lead; what belongs to an account goes to each home of a lead of it, without a key."""
    looked_at = _listed(tables["snapshots"].select("lead_id").distinct())
    keyed: dict[str, DataFrame] = {}
    for name in ("leads", "snapshots", "touchpoints", "stage_changes", "attribute_changes"):
        if name in tables:
            rows = tables[name].where(F.col("lead_id").isNotNull())
            if name != "snapshots":
                rows = rows.join(looked_at, "lead_id", "left_semi")
            keyed[name] = rows.withColumn("key", F.col("lead_id")).withColumn("home", F.lit(None).cast("int"))
    of_accounts = [name for name in ("accounts", "orders", "attribute_changes") if name in tables]
    if of_accounts and "account_id" in keyed["leads"].columns:
        homes = keyed["leads"].where(F.col("account_id").isNotNull())
        homes = homes.select("account_id", _home(F.col("key"), partitions).alias("home")).distinct()
        for name in of_accounts:
            spread = tables[name].join(homes, "account_id").withColumn("key", F.lit(None).cast("string"))
            keyed[name] = keyed[name].unionByName(spread) if name in keyed else spread
    return keyed
