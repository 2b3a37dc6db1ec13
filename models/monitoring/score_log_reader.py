"""Reads a score log: the rows that one model answered, with their features."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import DataError
from models.monitoring.score_log import FILE_SUFFIX, FOLDER, SHOWN, SINCE_REPLAY, Model, log_schema

__all__ = ["ScoreLog", "log_tables", "read_log"]

LEFT_OUT = ("features", *SINCE_REPLAY)
"""Columns that monitoring does not look at."""


@dataclass(frozen=True, eq=False)
class ScoreLog:
    """What was read of a log, for one model.

    Attributes
    ----------
    rows : DataFrame
        The columns that monitoring looks at, of answers to requests, for the model asked for; in the order of snapshot_at,
        scored_at, lead_id.
    matrix : ndarray of float32 [rows, features]
        Row for row.
    others : dict of str to int
        Rows of other models, by "name version".
    files : int
        How many files were read.
    """

    rows: pd.DataFrame
    matrix: np.ndarray
    others: dict[str, int]
    files: int


def read_log(folder: Path, model: Model, features: int) -> ScoreLog:
    """Read the rows that a model answered; those of other models are counted.

    Parameters
    ----------
    folder : Path
        The log, with its folders per day.
    model : Model
    features : int
        How many the model has.

    Raises
    ------
    DataError
        If there is no log, or a file in it is none of the log's.
    """
    paths = sorted(folder.rglob(f"*{FILE_SUFFIX}"))
    if not paths:
        raise DataError(
            f"{folder}: no score log here. Start the service with {FOLDER}={folder}, score with `python -m pipeline.score "
            f"--log {folder}`, or try `python -m pipeline.monitor --replay`."
        )
    others: dict[str, int] = {}
    parts, vectors = [], []
    for path in paths:
        table = _read(path)
        table = table.filter(pc.invert(pc.is_in(table["origin"], pa.array(SHOWN))))
        is_of_model = np.ones(len(table), dtype=bool)
        for name, wanted in (
            ("model_name", model.name),
            ("model_version", model.version),
            ("fingerprint", model.fingerprint),
        ):
            is_of_model &= np.asarray(table[name].to_numpy(zero_copy_only=False) == wanted)
        if not is_of_model.all():
            foreign = table.filter(pa.array(~is_of_model))
            for name, version in zip(
                foreign["model_name"].to_pylist(), foreign["model_version"].to_pylist(), strict=True
            ):
                others[f"{name} {version}"] = others.get(f"{name} {version}", 0) + 1
        table = table.filter(pa.array(is_of_model))
        if not len(table):
            continue
        if table.schema.field("features").type.list_size != features:
            raise DataError(
                f"{path}: {table.schema.field('features').type} for a model of {features} features. Remove it."
            )
        vectors.append(table["features"].combine_chunks().flatten().to_numpy().reshape(-1, features))
        parts.append(table.drop_columns([name for name in LEFT_OUT if name in table.column_names]).to_pandas())
    if not parts:
        empty = log_schema(features).empty_table().drop_columns(list(LEFT_OUT)).to_pandas()
        return ScoreLog(empty, np.empty((0, features), dtype=np.float32), others, len(paths))
    rows = pd.concat(parts, ignore_index=True).sort_values(["snapshot_at", "scored_at", "lead_id"], kind="stable")
    order = rows.index.to_numpy()
    return ScoreLog(rows.reset_index(drop=True), np.concatenate(vectors)[order], others, len(paths))


def log_tables(folder: Path) -> Iterator[tuple[Path, pa.Table]]:
    """Read the files of a log one after another, in the order of their days; none where there is no log.

    Parameters
    ----------
    folder : Path
        The log.

    Raises
    ------
    DataError
        A file in it is none of the log's.
    """
    for path in sorted(folder.rglob(f"*{FILE_SUFFIX}")):
        yield path, _read(path)


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: not readable as Parquet ({error}). Remove it from the log.") from error
    expected = [name for name in log_schema(1).names if name not in (*table.column_names, *SINCE_REPLAY)]
    if expected:
        raise DataError(f"{path}: column(s) {', '.join(expected)} missing; it is no file of a score log. Remove it.")
    return table
