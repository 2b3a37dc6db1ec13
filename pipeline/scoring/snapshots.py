"""Snapshots of canonical tables scored on one machine: probabilities alone, or all that a CRM imports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features.errors import DataError
from models.answers.scoring import probabilities
from models.bundle import Bundle
from pipeline.matrix.account_batches import snapshot_batches
from pipeline.matrix.build import matrix_batches
from pipeline.scoring.rows import SCORES, score_rows
from pipeline.tables.parquet import read_table

__all__ = ["best_first", "check_attributes", "score_open_leads", "score_snapshots"]

COST_PER_BATCH = 200_000  # the contributions behind the reasons take far more memory than the features


def check_attributes(bundle: Bundle, canonical: Path) -> None:
    """Hold canonical tables to what the model takes.

    Raises
    ------
    DataError
        If an attribute of the model is not declared in table `attributes`.
    """
    declared = read_table(canonical / "attributes.parquet", "attributes")["attribute"].to_pylist()
    missing = sorted({spec.name for spec in bundle.catalog.attributes} - set(declared))
    if missing:
        raise DataError(
            f"{canonical}: the model takes the attribute(s) {', '.join(missing)}, which this data does not declare. "
            "Score the kind of data that the model was trained on, or train a new one."
        )


def score_snapshots(bundle: Bundle, canonical: Path, snapshots: pd.DataFrame) -> pd.DataFrame:
    """Give each snapshot its probability, without explanations; row for row with `snapshots`.

    Parameters
    ----------
    bundle : Bundle
        The model.
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.

    Returns
    -------
    DataFrame
        lead_id, snapshot_at, probability, low, high (float32).
    """
    out = np.empty((3, len(snapshots)), dtype=np.float32)
    check_attributes(bundle, canonical)
    for rows, matrix in matrix_batches(canonical, snapshots, bundle.catalog):
        out[:, rows] = probabilities(bundle, matrix)
    keys = snapshots[["lead_id", "snapshot_at"]].reset_index(drop=True)
    return keys.assign(probability=out[0], low=out[1], high=out[2])


def score_open_leads(
    bundle: Bundle,
    canonical: Path,
    leads: pd.DataFrame,
    language: str = "en",
    advance: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """Score leads with tiers and reasons; one row per lead, best first.

    Parameters
    ----------
    bundle : Bundle
        The model.
    canonical : Path
        Folder of canonical tables.
    leads : DataFrame
        As `leads_at_risk` returns it.
    language : {"en", "de"}
        Of the reasons.
    advance : callable, optional
        Called with the number of leads of each batch that was scored.

    Returns
    -------
    DataFrame
        As `pipeline.scoring.rows.SCORES`.

    Raises
    ------
    DataError
        If the data do not declare an attribute that the model takes.
    """
    check_attributes(bundle, canonical)
    parts = [SCORES.empty_table()]
    for batch, rows in snapshot_batches(canonical, leads, COST_PER_BATCH):
        parts.append(score_rows(bundle, batch.tables, batch.lead_ids, leads.iloc[rows], batch.history, language))
        advance(len(rows))
    return best_first(pa.concat_tables(parts))


def best_first(scores: pa.Table) -> pd.DataFrame:
    """Sort a table of scores by probability, then lead_id; leads without a probability come last."""
    frame: pd.DataFrame = scores.to_pandas()
    return frame.sort_values(["probability", "lead_id"], ascending=[False, True], ignore_index=True)
