"""Scoring a file of leads as ``POST /score`` takes them: JSON lines, or CSV or Parquet with one row per lead."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import DataError, JourneyError
from models.answers.frames import COLUMNS, lead_of_row
from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.answers.slot_price import SlotPrice
from models.bundle import Bundle
from models.data_protection.redactor import redactor_of
from models.data_protection.suppression import SuppressionList
from pipeline.scoring.rows import REASONS, SCORES, score_table

__all__ = ["ENDINGS", "score_file"]

ENDINGS = (".jsonl", ".csv", ".parquet")
LEADS_AT_ONCE = 500
NOBODY = SuppressionList(None, {})


def score_file(
    bundle: Bundle,
    file: Path,
    snapshot_at: int | None = None,
    language: str = "en",
    price: SlotPrice | None = None,
    listed: SuppressionList = NOBODY,
) -> pd.DataFrame:
    """Score the leads of a file; one row per lead, in the file's order.

    Parameters
    ----------
    bundle : Bundle
        The model.
    file : Path
        ``.jsonl``: one entry of the `leads` of ``POST /score`` per line. ``.csv`` and ``.parquet``: the columns of the model in
        MLflow (`models.answers.frames.COLUMNS`), of which only lead_id must be there.
    snapshot_at : int, optional
        UTC microseconds, for leads without one; None: each must have its own.
    language : {"en", "de"}
        Of the reasons.
    price : SlotPrice or None
        As for `decision_of`: a file is no queue, so it makes no price.
    listed : SuppressionList
        Who objected: such a lead is not scored.

    Returns
    -------
    DataFrame
        As `pipeline.scoring.rows.SCORES`.

    Raises
    ------
    DataError
        The file can't be read.
    JourneyError
        Names the line or row, and the field, that is wrong.
    """
    if file.suffix not in ENDINGS:
        raise DataError(
            f"--in {file}: unknown ending {file.suffix!r}; use a folder of canonical tables, {', '.join(ENDINGS)}"
        )
    redactor = redactor_of(Path.cwd(), bundle.identifiers)()
    parts = [SCORES.empty_table()]
    chunk: list[Any] = []
    for position, (place, value) in enumerate(_leads(file)):
        lead = parse_lead(value, place, snapshot_at, redactor)
        chunk.append(replace(lead, objected=listed.cause(lead.journey.lead_id) is not None))
        if (position + 1) % LEADS_AT_ONCE == 0:
            parts.append(_scores(bundle, chunk, language, price))
            chunk = []
    if chunk:
        parts.append(_scores(bundle, chunk, language, price))
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame


def _scores(bundle: Bundle, leads: list[Any], language: str, price: SlotPrice | None) -> pa.Table:
    scores = score_requests(bundle, leads, n_reasons=REASONS, language=language)
    return score_table(bundle, scores, language, price)


def _leads(file: Path) -> Iterator[tuple[str, Any]]:
    """Give each lead's place and its plain values."""
    if file.suffix == ".jsonl":
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"line {number}", _parsed(line, number)
        return
    for number, row in enumerate(_rows(file), start=1):
        yield f"row {number}", lead_of_row(row, f"row {number}")


def _parsed(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise JourneyError(f"line {number}: not JSON ({error}). Write one lead per line.", f"line {number}") from error


def _rows(file: Path) -> Iterator[dict[Any, Any]]:
    if file.suffix == ".csv":
        for frame in pd.read_csv(file, dtype=str, keep_default_na=False, chunksize=LEADS_AT_ONCE):
            yield from frame.to_dict("records")
        return
    parquet = pq.ParquetFile(file)
    if "lead_id" not in parquet.schema_arrow.names:
        raise DataError(f"--in {file}: no column lead_id; allowed columns are {', '.join(COLUMNS)}.")
    for batch in parquet.iter_batches(LEADS_AT_ONCE):
        yield from batch.to_pylist()
