"""The score log: one row per lead that was scored, as Parquet files in a folder. Its format and its pseudonyms.

The service writes it in a thread (`models.monitoring.score_log_writer`), the monitor reads it
(`models.monitoring.score_log_reader`).
"""

import hashlib
import hmac
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ParameterError
from features.timeline import from_micros

__all__ = [
    "FOLDER",
    "KEY",
    "SHOWN",
    "SINCE_REPLAY",
    "LogSettings",
    "Model",
    "Record",
    "in_sample",
    "log_schema",
    "log_table",
    "pseudonym",
    "vector_hash",
    "write_log_file",
    "writer_name",
]

FOLDER = "LEAD_SCORE_LOG"
SHARE = "LEAD_SCORE_LOG_SHARE"
SECONDS = "LEAD_SCORE_LOG_SECONDS"
KEY = "LEAD_PSEUDONYM_KEY"
FILE_SUFFIX = ".parquet"
"""Of complete files of the log."""
TIME = pa.timestamp("us", tz="UTC")
REPLAYED = ("bundle_sha256", "features_sha256")
SHOWN = ("page", "webhook")
"""Origins of scores that nobody asked for by a request: a person opened a lead's page, or a decision changed. They can be
computed again, and monitoring leaves them out, as a lead that is looked at often would count often."""
SINCE_REPLAY = (*REPLAYED, "touchpoint_ids", "advice", "within_capacity")
"""Columns that files of earlier versions lack: their rows can be monitored, and not computed again."""


def log_schema(features: int) -> pa.Schema:
    """Give the columns of a log of a model with so many features."""
    return pa.schema(
        [
            ("scored_at", TIME),
            ("lead_id", pa.string()),
            ("snapshot_at", TIME),
            *((name, pa.float32()) for name in ("probability", "low", "high")),
            ("tier", pa.string()),
            ("not_scored", pa.string()),
            ("warnings", pa.list_(pa.string())),
            ("keyed", pa.bool_()),
            *((name, pa.string()) for name in ("origin", "model_name", "model_version", "fingerprint", *REPLAYED)),
            ("touchpoint_ids", pa.list_(pa.string())),
            ("advice", pa.string()),
            ("within_capacity", pa.bool_()),
            ("features", pa.list_(pa.float32(), features)),
        ]
    )


@dataclass(frozen=True)
class Model:
    """Which model answered: name, version, the fingerprint of its catalog, whose order `features` has, and the bundle's hash.

    Two models are the same by their first three; the hash says which bundle computes the row again.
    """

    name: str
    version: str
    fingerprint: str
    bundle_sha256: str = field(default="", compare=False)


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """One answer.

    Attributes
    ----------
    scored_at, snapshot_at : int
        UTC microseconds: when it was answered, and the moment that it speaks of.
    lead_id : str
        As it came in; the log holds a pseudonym where a key is set.
    probability, low, high, tier
        None for a lead that was not scored.
    not_scored : str or None
        Why it was not.
    warnings : tuple of str
        Codes of what was odd in the input, such as ``unknown_kind``; without the values.
    vector : ndarray of float32 [features]
    touchpoint_ids : sequence of str
        Of a score from the store: the lead's own touchpoints that it read, by their keys there. Empty: they came with the
        request, or from canonical tables.
    origin : str
        As for `log_table`; empty: that of its writer.
    advice, within_capacity : str and bool, or None
        Of the decision that was answered beside the score; None: not known, or there was none.
    """

    scored_at: int
    lead_id: str
    snapshot_at: int
    probability: float | None
    low: float | None
    high: float | None
    tier: str | None
    not_scored: str | None
    warnings: tuple[str, ...]
    vector: np.ndarray
    touchpoint_ids: Sequence[str] = ()
    origin: str = ""
    advice: str | None = None
    within_capacity: bool | None = None


@dataclass(frozen=True)
class LogSettings:
    """Where and what to log.

    Attributes
    ----------
    folder : Path
        It is made as needed.
    share : float
        Of the leads, in (0, 1]; a lead is logged always or never.
    seconds : float
        The longest time that a record waits before it is written.
    key : str
        Of the pseudonyms; empty: ids are logged as they are.
    """

    folder: Path
    share: float = 1.0
    seconds: float = 300.0
    key: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "LogSettings | None":
        """Read the settings; None where `LEAD_SCORE_LOG` is not set: then nothing is logged.

        Raises
        ------
        ParameterError
            If a number is none, or out of range.

        Examples
        --------
        >>> LogSettings.from_environment({}) is None
        True
        """
        folder = environ.get(FOLDER)
        if not folder:
            return None
        share = _number(environ, SHARE, cls.share, 1.0, "above 0, at most 1")
        seconds = _number(environ, SECONDS, cls.seconds, 86_400.0, "of seconds above 0, at most 86400")
        return cls(Path(folder).expanduser(), share, seconds, environ.get(KEY, ""))


def _number(environ: Mapping[str, str], name: str, default: float, most: float, allowed: str) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value <= most:
        raise ParameterError(f"{name} is {text!r}; a number {allowed}, is expected. Correct or unset it.")
    return value


def pseudonym(key: str, identifier: str) -> str:
    """Replace an id by HMAC-SHA-256 of it, 32 hexadecimal digits: the same each time, and not to be undone without the key.

    The one place where ids of the log become pseudonyms; the monitor sends the ids of the canonical tables through it to find
    a logged lead's outcome.

    Examples
    --------
    >>> pseudonym("k", "L-17") == pseudonym("k", "L-17") != pseudonym("other", "L-17")
    True
    """
    return hmac.new(key.encode(), identifier.encode(), hashlib.sha256).hexdigest()[:32]


def in_sample(lead_id: str, share: float) -> bool:
    """Tell whether a lead is among the share that is logged; by its id, so that all or none of its scores are.

    Examples
    --------
    >>> sum(in_sample(f"L-{i}", 0.25) for i in range(1000))
    243
    """
    drawn = int.from_bytes(hashlib.blake2b(lead_id.encode(), digest_size=8).digest(), "big")
    return drawn < share * 2.0**64


def log_table(records: Iterable[Record], model: Model, origin: str, settings: LogSettings) -> pa.Table:
    """Lay out records as the log's table; leads outside of the sample are left out.

    Parameters
    ----------
    records : iterable of Record
    model : Model
    origin : {"service", "batch", "replay", "page", "webhook"}
        Of all of them, but those that name their own.
    settings : LogSettings
    """
    kept = [record for record in records if in_sample(record.lead_id, settings.share)]
    if not kept:
        return log_schema(1).empty_table()
    width, key = len(kept[0].vector), settings.key

    flat = np.concatenate([record.vector for record in kept])
    columns: dict[str, object] = {
        "scored_at": pa.array([record.scored_at for record in kept], pa.int64()).cast(TIME),
        "lead_id": [pseudonym(key, record.lead_id) if key else record.lead_id for record in kept],
        "snapshot_at": pa.array([record.snapshot_at for record in kept], pa.int64()).cast(TIME),
        **{
            name: [getattr(record, name) for record in kept]
            for name in ("probability", "low", "high", "tier", "not_scored", "advice", "within_capacity")
        },
        "warnings": [list(record.warnings) for record in kept],
        "keyed": [bool(key)] * len(kept),
        "origin": [record.origin or origin for record in kept],
        "model_name": [model.name] * len(kept),
        "model_version": [model.version] * len(kept),
        "fingerprint": [model.fingerprint] * len(kept),
        "bundle_sha256": [model.bundle_sha256] * len(kept),
        "features_sha256": [vector_hash(record.vector) for record in kept],
        "touchpoint_ids": [list(record.touchpoint_ids) for record in kept],
        "features": pa.FixedSizeListArray.from_arrays(pa.array(flat.astype(np.float32)), width),
    }
    schema = log_schema(width)
    arrays = [
        pa.array(columns[field.name], field.type) if isinstance(columns[field.name], list) else columns[field.name]
        for field in schema
    ]
    return pa.table(arrays, schema)


def vector_hash(vector: np.ndarray) -> str:
    """Hash a feature vector: SHA-256 over its little-endian float32 bytes, missing values as they are.

    Examples
    --------
    >>> vector_hash(np.array([1.0], dtype=np.float32))[:12]
    'e00e5eb94441'
    """
    return hashlib.sha256(np.ascontiguousarray(vector, dtype="<f4").tobytes()).hexdigest()


def write_log_file(folder: Path, writer: str, number: int, table: pa.Table) -> Path:
    """Write one file of the log; a reader sees all of it or nothing.

    Files lie in a folder per UTC day of their first record, so that old ones can be deleted by the day.

    Parameters
    ----------
    folder : Path
        The log.
    writer : str
        Unique among all that write to this log.
    number : int
        Of the file, for this writer.
    table : Table
        At least one row.
    """
    day = folder / f"{from_micros(table['scored_at'][0].value):%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    path = day / f"scores-{writer}-{number:06d}{FILE_SUFFIX}"
    unfinished = path.with_suffix(".unfinished")
    try:
        pq.write_table(table, unfinished, compression="zstd")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def writer_name() -> str:
    """Make a name that no other writer has, on any machine."""
    return uuid.uuid4().hex[:16]
