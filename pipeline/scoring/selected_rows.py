"""Some leads' rows of a canonical table."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.tables.duckdb import connect

__all__ = ["rows_with"]


def rows_with(path: Path, key: str, values: list[str]) -> pd.DataFrame:
    """Read the rows of a canonical table whose `key` is one of some values, as they stand in the file."""
    with connect() as connection:
        connection.register("chosen", pa.table({key: pa.array(values, pa.string())}))
        query = f'SELECT t.* FROM read_parquet(?) t SEMI JOIN chosen USING ("{key}")'
        return pd.DataFrame(connection.sql(query, params=[str(path)]).to_arrow_table().to_pandas())
