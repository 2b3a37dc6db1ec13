"""By what the test is cut: the value of each row in each configured dimension, as it was known at the snapshot."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import ParameterError
from models.quality.segments import cut_points, number_bands
from pipeline.population.attribute_history import read_attribute_values
from pipeline.tables.contract import TABLES
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

__all__ = ["TOUCH", "allowed_dimensions", "first_touch", "segment_values"]

TOUCH = ("channel", "campaign")
ORDER = ("occurred_at", "recorded_at", "kind", "channel", "asset", "touchpoint_id")


def allowed_dimensions(canonical: Path) -> list[str]:
    """List by what this data may be cut.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.

    Returns
    -------
    list of str
        `month` where there is a clock, `channel` and `campaign` where touchpoints name any, and every declared attribute but
        those known `after` the outcome: by them, segments would differ because of it.
    """
    declared = read_table(canonical / "attributes.parquet", "attributes").to_pandas()
    names = [] if read_export(canonical).ordinal else ["month"]
    path = canonical / "touchpoints.parquet"
    if path.exists():
        # A column of nulls says so in the file's statistics, without reading millions of rows.
        names += [name for name in TOUCH if _has_values(path, name)]
    return [*names, *declared.loc[declared["known_at"] != "after", "attribute"]]


def _has_values(path: Path, column: str) -> bool:
    with pq.ParquetFile(path) as file:
        at = file.schema_arrow.get_field_index(column)
        for group in range(file.num_row_groups):
            part = file.metadata.row_group(group)
            statistics = part.column(at).statistics
            if statistics is None or statistics.null_count is None or statistics.null_count < part.num_rows:
                return True
    return False


def segment_values(
    canonical: Path, rows: pd.DataFrame, training: pd.DataFrame, names: Sequence[str], where: str = "segments.by"
) -> dict[str, pd.Categorical]:
    """Look up the value of each row in each dimension.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    rows : DataFrame
        lead_id, account_id, snapshot_at; the rows to cut.
    training : DataFrame
        The same columns; at the quartiles of these rows a number is cut, so that its bands stay where they are.
    names : sequence of str
        Dimensions: `month` (of the snapshot, UTC), `channel` or `campaign` (of the first touchpoint that names one and was
        known before the snapshot: what drew the lead), or an attribute, as it was known at the snapshot.
    where : str
        The parameter that names them, for messages.

    Returns
    -------
    dict of str to Categorical
        Row for row with `rows`; months and bands in their order, other values from the most frequent down.

    Raises
    ------
    ParameterError
        If this source has no such dimension.
    """
    allowed = allowed_dimensions(canonical)
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise ParameterError(
            f"{where}: this source has no dimension {', '.join(map(repr, unknown))}. Allowed: {', '.join(allowed)}. "
            "Change it in params.yaml."
        )
    declared = read_table(canonical / "attributes.parquet", "attributes").to_pandas()
    declared = declared[declared["attribute"].isin(names)].reset_index(drop=True)
    keys = ["lead_id", "account_id", "snapshot_at"]
    both = pd.concat([rows[keys], training[keys]], ignore_index=True)
    values = read_attribute_values(canonical, both, declared) if len(declared) else pd.DataFrame(index=both.index)
    kinds = dict(zip(declared["attribute"], declared["type"], strict=True))
    touches = first_touch(canonical, rows, [name for name in names if name in TOUCH and name not in kinds])
    found: dict[str, pd.Categorical] = {}
    for name in names:
        if name in kinds and kinds[name] == "number":
            numbers = values[name].to_numpy(dtype=np.float64, na_value=np.nan)
            found[name] = number_bands(numbers[: len(rows)], cut_points(numbers[len(rows) :]))
        elif name in kinds:
            found[name] = _by_frequency(values[name].iloc[: len(rows)])
        elif name in TOUCH:
            found[name] = _by_frequency(touches[name])
        else:
            months = rows["snapshot_at"].dt.strftime("%Y-%m")
            found[name] = pd.Categorical(months, categories=sorted(months.unique()))
    return found


def _by_frequency(values: pd.Series) -> pd.Categorical:
    text = [
        None
        if value is None or pd.isna(value)
        else str(value).lower()
        if isinstance(value, bool | np.bool_)
        else str(value)
        for value in values
    ]
    counts: dict[str, int] = {}
    for name in text:
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    return pd.Categorical(text, categories=sorted(counts, key=lambda name: (-counts[name], name)))


def first_touch(canonical: Path, rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Find the channel and the campaign that drew each lead: of its first touchpoint that names one.

    Only what occurred and was recorded before the row's snapshot counts, however long ago.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    rows : DataFrame
        lead_id, snapshot_at.
    names : sequence of str
        Of `TOUCH`.

    Returns
    -------
    DataFrame
        One column per name, row for row with `rows`; None where no touchpoint names one.
    """
    if not names:
        return pd.DataFrame(index=range(len(rows)))
    leads = pa.array(rows["lead_id"].unique(), pa.string())
    columns = [column.name for column in TABLES["touchpoints"].columns if column.name in (*ORDER, *TOUCH, "lead_id")]
    table = pq.read_table(
        canonical / "touchpoints.parquet", columns=columns, filters=pc.field("lead_id").isin(leads)
    ).to_pandas()
    table["recorded_at"] = table["recorded_at"].fillna(table["occurred_at"])
    table = table.sort_values(list(ORDER), kind="stable")
    keys = rows[["lead_id", "snapshot_at"]].reset_index(drop=True).rename_axis("row").reset_index()
    seen = keys.merge(table, on="lead_id", how="inner")
    seen = seen[(seen["occurred_at"] < seen["snapshot_at"]) & (seen["recorded_at"] < seen["snapshot_at"])]
    # merge keeps the right side's order within a key, so the first is the earliest
    found = {}
    for name in names:
        first = seen[seen[name].notna()].drop_duplicates("row").set_index("row")[name]
        found[name] = first.reindex(keys["row"]).astype(object).to_numpy()
    return pd.DataFrame(found)
