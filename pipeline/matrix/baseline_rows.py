"""What the stage `baselines` predicted, beside the product's predictions of the same rows."""

from pathlib import Path

import pandas as pd

from features.errors import DataError
from pipeline.tables.parquet import read_table

__all__ = ["with_baselines"]


def with_baselines(rows: pd.DataFrame, data: Path) -> pd.DataFrame:
    """Add the columns of `baselines.parquet` to rows of the same snapshots.

    Parameters
    ----------
    rows : DataFrame
        One per snapshot (lead_id, snapshot_at); their order stays.
    data : Path
        The folder that stages pass their tables in.

    Raises
    ------
    DataError
        If the baselines were fitted on other snapshots.
    """
    baselines = read_table(data / "baselines.parquet", "baselines").to_pandas()
    keys = ["lead_id", "snapshot_at"]
    merged = rows.merge(baselines, on=keys, how="left", validate="one_to_one", indicator=True)
    missing = int((merged["_merge"] != "both").sum())
    if missing or len(baselines) != len(rows):
        raise DataError(
            f"{data / 'baselines.parquet'}: it has {len(baselines):,} rows, but {len(rows):,} snapshots are to be predicted, "
            f"and {missing:,} of them are not in it. It was made of other snapshots: run `dvc repro baselines`."
        )
    return merged.drop(columns="_merge")
