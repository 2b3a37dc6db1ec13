"""Journeys of many leads in bounded memory: batches of leads cut at lead boundaries."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from features.journeys import Journeys
from pipeline.engines.duckdb import connect

__all__ = ["lead_batches", "rows_with"]

LEADS_PER_BATCH = 50_000


def lead_batches(canonical: Path, lead_ids: list[str], leads_per_batch: int = LEADS_PER_BATCH) -> Iterator[Journeys]:
    """Yield the journeys of the given leads, one `Journeys` per batch of leads.

    Touchpoint files are sorted by lead, so a batch reads only the row groups that hold its leads; peak memory depends on
    the batch, not on the table.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; touchpoints and stage_changes may be absent.
    lead_ids : list of str
        Distinct ids, ascending by UTF-8 bytes (the order of the touchpoint file); a lead without touchpoints yields an
        empty journey.
    leads_per_batch : int
        Upper bound of leads in one batch.

    Yields
    ------
    Journeys
        In the order of `lead_ids`.
    """
    with connect() as connection:
        for begin in range(0, len(lead_ids), leads_per_batch):
            batch = lead_ids[begin : begin + leads_per_batch]
            connection.register("batch", pa.table({"lead_id": pa.array(batch, pa.string())}))
            tables: dict[str, pa.Table | None] = {}
            for name, columns in (
                ("touchpoints", "t.*"),
                ("stage_changes", "t.lead_id, t.stage, t.occurred_at, t.recorded_at"),
                ("leads", "t.lead_id, t.created_at"),
            ):
                path = canonical / f"{name}.parquet"
                tables[name] = (
                    connection.sql(
                        f"SELECT {columns} FROM read_parquet(?) t SEMI JOIN batch USING (lead_id) "
                        "WHERE t.lead_id BETWEEN ? AND ?",
                        params=[str(path), batch[0], batch[-1]],
                    ).to_arrow_table()
                    if path.exists()
                    else None
                )
            connection.unregister("batch")
            yield Journeys.from_arrow(tables["touchpoints"], tables["stage_changes"], tables["leads"], batch)


def rows_with(path: Path, key: str, values: list[str]) -> pd.DataFrame:
    """Read the rows of a canonical table whose `key` is one of some values, as they stand in the file."""
    with connect() as connection:
        connection.register("chosen", pa.table({key: pa.array(values, pa.string())}))
        query = f'SELECT t.* FROM read_parquet(?) t SEMI JOIN chosen USING ("{key}")'
        return pd.DataFrame(connection.sql(query, params=[str(path)]).to_arrow_table().to_pandas())
