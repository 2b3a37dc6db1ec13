"""Score logs of batches: what `pipeline.score` scored, or snapshots after a training as if they had been served."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.errors import DataError
from models.answers.scoring import probabilities
from models.answers.warnings import codes_of
from models.bundle import Bundle
from models.calibration.tiers import tier
from models.monitoring.score_log import LogSettings, Model, Record, log_table, write_log_file, writer_name
from pipeline.matrix.build import matrix_batches

__all__ = ["log_snapshots", "model_of", "replayed_snapshots"]


def log_snapshots(
    bundle: Bundle,
    canonical: Path,
    snapshots: pd.DataFrame,
    settings: LogSettings,
    model: Model,
    origin: str,
    scored_at: pd.Series,
) -> int:
    """Score snapshots from canonical tables and write them to a score log; return how many rows were written.

    Parameters
    ----------
    bundle : Bundle
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at; optionally not_scored (text, missing: it is scored) and warnings (as in a score file;
        without it the rows hold no codes of warnings).
    settings : LogSettings
    model : Model
    origin : {"batch", "replay"}
    scored_at : Series of datetime64[us, UTC]
        Row for row with `snapshots`.
    """
    at = snapshots["snapshot_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    answered = scored_at.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    leads = snapshots["lead_id"].astype(object).to_numpy()
    refused = (
        snapshots["not_scored"].astype(object).to_numpy()
        if "not_scored" in snapshots
        else np.full(len(at), None, object)
    )
    warned = (
        snapshots["warnings"].astype(object).to_numpy() if "warnings" in snapshots else np.full(len(at), "", object)
    )
    written, writer = 0, writer_name()
    for number, (rows, matrix) in enumerate(matrix_batches(canonical, snapshots, bundle.catalog)):
        scores = probabilities(bundle, matrix)
        tiers = tier(scores[0], bundle.cutoffs)
        records = []
        for k, row in enumerate(np.arange(len(at))[rows].tolist()):
            why = refused[row] if isinstance(refused[row], str) else None
            probability, low, high = (None if why else float(column[k]) for column in scores)
            records.append(
                Record(
                    scored_at=int(answered[row]),
                    lead_id=str(leads[row]),
                    snapshot_at=int(at[row]),
                    probability=probability,
                    low=low,
                    high=high,
                    tier=None if why else str(tiers[k]),
                    not_scored=why,
                    warnings=codes_of(warned[row]),
                    vector=matrix[k],
                )
            )
        table = log_table(records, model, origin, settings)
        if len(table):
            write_log_file(settings.folder, writer, number, table)
            written += len(table)
    return written


def replayed_snapshots(snapshots: pd.DataFrame, metadata: Any, clock: str) -> pd.DataFrame:
    """Pick the snapshots that the model could have been asked about: those after all that it learned from.

    Raises
    ------
    DataError
        If there are none, or times are only an order.
    """
    if clock == "ordinal":
        raise DataError("replay: this source has no clock, only an order; there is nothing to watch over time.")
    later = snapshots[snapshots["snapshot_at"] > pd.Timestamp(metadata["data_used_until"])].reset_index(drop=True)
    if later.empty:
        raise DataError(
            f"replay: no snapshot lies after {metadata['data_used_until']}, the newest that the model learned from. Wait for "
            "newer data, or train with an earlier split.test_from."
        )
    return later


def model_of(folder: Path, bundle: Bundle, name: str) -> Model:
    """Name the model in a folder as the service does."""
    beside = folder / "provenance.json"
    known = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    return Model(
        str(known.get("name") or name),
        str(known.get("version") or "unregistered"),
        bundle.catalog.fingerprint,
        bundle.sha256,
    )
