"""The touchpoint that drew each lead: its first one that names a campaign, with its channel and asset."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.tables.contract import TABLES

__all__ = ["FirstTouches", "first_touches"]

FIELDS = ("campaign", "channel", "asset", "kind")
ROWS = 2_000_000


class FirstTouches(NamedTuple):
    """Row for row with the leads that were asked for; None where no touchpoint names a campaign.

    Attributes
    ----------
    lead_id : Series of str
    campaign, channel, asset, kind : Series of str
    occurred_at : Series of datetime64[us, UTC]
    """

    lead_id: pd.Series
    campaign: pd.Series
    channel: pd.Series
    asset: pd.Series
    kind: pd.Series
    occurred_at: pd.Series

    def of(self, lead_ids: pd.Series) -> "FirstTouches":
        """Pick some of the leads, in another order."""
        rows = pd.Index(self.lead_id.astype(object)).get_indexer(pd.Index(lead_ids.astype(object)))
        return FirstTouches(*(column.iloc[rows].reset_index(drop=True) for column in self))


def first_touches(canonical: Path, lead_ids: pd.Series) -> FirstTouches:
    """Find them, reading the file in parts.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; without touchpoints nobody has a campaign.
    lead_ids : Series of str
    """
    index = pd.Index(lead_ids.astype(object))
    parts = []
    path = canonical / "touchpoints.parquet"
    if path.exists():
        known = pq.read_schema(path).names
        columns = [column.name for column in TABLES["touchpoints"].columns if column.name in (*FIELDS, "lead_id")]
        columns = [name for name in (*columns, "occurred_at") if name in known]
        with pq.ParquetFile(path, read_dictionary=["lead_id"]) as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=columns):
                table = pa.table(batch)
                if "campaign" in table.column_names:
                    parts.append(
                        _first(table.filter(pc.and_(table["campaign"].is_valid(), table["lead_id"].is_valid())))
                    )
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in (*FIELDS, "lead_id", "occurred_at")})
    found = _earliest(pd.concat(parts)) if parts else empty
    found = found.set_index("lead_id").reindex(index)
    series = {
        name: (found[name].astype(object) if name in found else pd.Series(None, found.index, dtype=object))
        .where(lambda values: values.notna(), None)
        .reset_index(drop=True)
        for name in FIELDS
    }
    moments = pd.to_datetime(found["occurred_at"], utc=True).reset_index(drop=True)
    return FirstTouches(lead_ids.reset_index(drop=True), **series, occurred_at=moments)


def _first(table: pa.Table) -> pd.DataFrame:
    """Keep each lead's earliest rows; those at one moment are told apart in `_earliest`."""
    lead = table["lead_id"].combine_chunks()
    if isinstance(lead, pa.ChunkedArray):  # no row at all
        return pd.DataFrame(table.to_pandas())
    code = lead.indices.to_numpy()
    at = table["occurred_at"].cast(pa.int64()).to_numpy()
    best = np.full(len(lead.dictionary), np.iinfo(np.int64).max)
    np.minimum.at(best, code, at)
    kept = table.filter(pa.array(at == best[code]))
    plain = kept.set_column(kept.column_names.index("lead_id"), "lead_id", kept["lead_id"].cast(pa.string()))
    return pd.DataFrame(plain.to_pandas())


def _earliest(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep each lead's earliest row; of several at one moment the first by kind, channel and asset."""
    by = [name for name in ("occurred_at", "kind", "channel", "asset", "campaign") if name in rows]
    return rows.sort_values(by, kind="stable").drop_duplicates("lead_id")
