"""The feature matrix as a Parquet file, written beside the computing."""

import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["PARQUET", "MatrixWriter", "matrix_schema"]

# Measured on 100,000 rows x 130 features: without dictionaries and statistics, of which a matrix that is read whole has no use,
# lz4 writes four times as fast as zstd with them at the same size (0.07 s of one core, 19 MiB; uncompressed 0.05 s, 52 MiB;
# zstd at its fastest 0.11 s, 14 MiB); splitting floats into byte streams gains nothing here. bench/feature_scale.py --formats
PARQUET: dict[str, Any] = {"compression": "lz4", "write_statistics": False, "use_dictionary": ["lead_id"]}
"""How matrices are written: `pyarrow.parquet.ParquetWriter`'s arguments."""

_ROWS_IN_CACHE = 512


def matrix_schema(names: Sequence[str]) -> pa.Schema:
    """Give the file's columns: lead_id, snapshot_at, then the features as float32."""
    return pa.schema(
        [
            pa.field("lead_id", pa.string(), nullable=False),
            pa.field("snapshot_at", pa.timestamp("us", tz="UTC"), nullable=False),
            *(pa.field(name, pa.float32()) for name in names),
        ]
    )


class MatrixWriter:
    """Writes feature rows in a thread of its own; at most one batch waits while another is written.

    Parameters
    ----------
    path : Path
        The file; it has a row group per batch.
    names : sequence of str
        Of the features, in column order.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.schema = matrix_schema(names)
        self._path = path
        self._waiting: queue.Queue[tuple[pa.Array, pa.Array, np.ndarray] | None] = queue.Queue(maxsize=1)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="matrix-writer")

    def __enter__(self) -> "MatrixWriter":
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait until all is written; raise what went wrong there, unless something else did already."""
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def write(self, lead_ids: Any, snapshot_at: Any, matrix: np.ndarray) -> None:
        """Hand over rows; `matrix` [rows, features] must not be changed afterwards.

        Parameters
        ----------
        lead_ids : sequence of str, or Array
        snapshot_at : sequence of moments with a zone, or Array
        matrix : ndarray of float32 [rows, features]
        """
        if self._error is not None:
            raise self._error
        keys = [
            values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, field.type)
            for values, field in zip((lead_ids, snapshot_at), self.schema, strict=False)
        ]
        self._waiting.put((keys[0], keys[1], matrix))

    def _work(self) -> None:
        ended = False
        try:
            with pq.ParquetWriter(self._path, self.schema, **PARQUET) as writer:
                while (rows := self._waiting.get()) is not None:
                    lead_ids, snapshot_at, matrix = rows
                    columns = [pa.array(column) for column in _columns(matrix)]
                    writer.write_table(pa.Table.from_arrays([lead_ids, snapshot_at, *columns], schema=self.schema))
                ended = True
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where rows are handed over
            self._error = error
            while not ended:  # who hands over must not wait for ever
                ended = self._waiting.get() is None


def _columns(matrix: np.ndarray) -> np.ndarray:
    """Turn rows into contiguous columns, a few rows at a time so that they stay in the cache."""
    out = np.empty((matrix.shape[1], matrix.shape[0]), dtype=np.float32)
    for begin in range(0, len(matrix), _ROWS_IN_CACHE):
        out[:, begin : begin + _ROWS_IN_CACHE] = matrix[begin : begin + _ROWS_IN_CACHE].T
    return out
