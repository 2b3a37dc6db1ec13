"""Batch scores from a cluster, equal to those of one machine to the bit; workers get the bundle as its files."""

import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema

from models.bundle import Bundle
from pipeline.scoring.rows import SCORES, score_rows
from pipeline.scoring.snapshots import best_first, check_attributes
from pipeline.spark.accounts import Compute, map_accounts
from pipeline.spark.chunks import WholeAccounts
from pipeline.spark.matrix import check_count, spark_snapshots
from pipeline.spark.session import read_errors, spark_session

__all__ = ["score_leads"]


def score_leads(bundle: Bundle, canonical: Path, leads: pd.DataFrame, language: str = "en") -> pd.DataFrame:
    """Score leads on a cluster; the answer of `pipeline.scoring.snapshots.score_open_leads`, one row per lead, best first.

    Parameters
    ----------
    bundle, language
        As for `score_open_leads`.
    canonical : Path
        Folder of canonical tables.
    leads : DataFrame
        lead_id, account_id, snapshot_at.

    Returns
    -------
    DataFrame
        As `SCORES`.

    Raises
    ------
    DataError
        If the data do not declare an attribute that the model takes.
    """
    check_attributes(bundle, canonical)
    session = spark_session()
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(Path(folder))
        files = session.sparkContext.broadcast({path.name: path.read_bytes() for path in Path(folder).iterdir()})

    def prepare() -> Compute:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.value.items():
                Path(folder, name).write_bytes(content)
            mine = Bundle.load(folder)

        def compute(accounts: WholeAccounts, chosen: pd.DataFrame) -> pa.Table:
            tables, lead_ids, history, _ = accounts
            return score_rows(mine, tables, lead_ids, chosen, history, language)

        return compute

    with read_errors():
        looks = spark_snapshots(session, leads)
        schema = from_arrow_schema(SCORES)
        scores = map_accounts(session, canonical.resolve(), looks, bundle.catalog, prepare, schema).toArrow()
    check_count(len(scores), len(leads), canonical)
    return best_first(scores.cast(SCORES))
