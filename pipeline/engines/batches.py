"""Some leads' rows of a canonical table."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.engines.duckdb import connect

__all__ = ["rows_of_leads"]


def rows_of_leads(path: Path, lead_ids: list[str]) -> pd.DataFrame:
    """Read the rows of the given leads from a canonical table, as they stand in the file."""
    with connect() as connection:
        connection.register("chosen", pa.table({"lead_id": pa.array(lead_ids, pa.string())}))
        query = "SELECT t.* FROM read_parquet(?) t SEMI JOIN chosen USING (lead_id)"
        return pd.DataFrame(connection.sql(query, params=[str(path)]).to_arrow_table().to_pandas())
