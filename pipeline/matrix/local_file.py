"""One machine, two files: unsorted touchpoints and snapshots in, the feature matrix out, in memory or streamed from disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.compute import Snapshots, compute_features
from features.errors import DataError, ParameterError
from features.journeys import Journeys
from features.vocabulary import CODED_FIELDS, TOUCHPOINT_FIELDS
from pipeline.matrix.account_order import write_in_account_order
from pipeline.tables.matrix_file import MatrixWriter

__all__ = ["MEMORY", "features_from_parquet"]

MEMORY = 2 * 2**30
"""Bytes that the touchpoints in memory may take."""

TEXT = ("lead_id", *CODED_FIELDS, "by")
OPTIONAL = tuple(field.name for field in TOUCHPOINT_FIELDS if not field.required)
ELSEWHERE = ("account", "orders", "stages", "attributes")  # groups that look at other tables
_Part: TypeAlias = tuple[pa.Table, str | None]
"""Touchpoints of whole leads, and the lead that they come before; None: there is no other."""
_BYTES_OF_A_TOUCHPOINT = 250  # read, encoded, packed for sorting, and sorted, at the peak
_ROWS_OF_A_PART = 1_000_000  # larger ones take half of their time for fresh memory pages
_ROWS_OF_A_BLOCK = 25_000


def features_from_parquet(touchpoints: Path, snapshots: Path, out: Path, catalog: Catalog, memory: int = MEMORY) -> int:
    """Compute the features of snapshots from a file of touchpoints; return how many rows were written.

    What fits into memory is read and sorted there. Else the file is read in parts: as it is where its row groups stand by lead,
    which their statistics say, and sorted on disk first where not.

    Parameters
    ----------
    touchpoints : Path
        Parquet in any order: lead_id, occurred_at, kind and optionally recorded_at, channel, asset, campaign, value, by,
        touchpoint_id, as `Journeys.from_arrow` takes them. Touchpoints without a lead, and of leads without a snapshot, are not
        looked at.
    snapshots : Path
        Parquet: lead_id, snapshot_at (UTC), in any order, several per lead or one.
    out : Path
        Parquet to write: lead_id, snapshot_at and the features as float32, by lead_id and time.
    catalog : Catalog
        Of groups that look at a lead's own touchpoints; for all others there are canonical tables, see
        `pipeline.build_features`.
    memory : int
        Bytes that the touchpoints in memory may take; the features of one part come on top.

    Raises
    ------
    ParameterError
        If the catalog looks at other tables.
    DataError
        If a snapshot has no lead or no moment.
    """
    asked = sorted({feature.group for feature in catalog.features} & set(ELSEWHERE))
    if asked:
        raise ParameterError(
            f"features.groups: {', '.join(asked)} look at other tables than touchpoints. Leave them out, or build the features "
            "from canonical tables: python -m pipeline.build_features."
        )
    looks = _Looks.read(snapshots)
    rows = pq.read_metadata(touchpoints).num_rows
    if rows * _BYTES_OF_A_TOUCHPOINT <= memory:
        return _write(out, catalog, looks, iter([(_read(touchpoints), None)]))
    with TemporaryDirectory(prefix="lead-touchpoints-") as folder:
        if not _by_lead(touchpoints):
            ordered = Path(folder, "touchpoints.parquet")
            write_in_account_order(touchpoints, None, ordered)
            touchpoints = ordered
        # one part is read while the one before is computed
        parts = _whole_leads(touchpoints, min(memory // (2 * _BYTES_OF_A_TOUCHPOINT), _ROWS_OF_A_PART))
        return _write(out, catalog, looks, _ahead(parts))


class _Looks:
    """Snapshots by lead and time.

    Attributes
    ----------
    lead_ids : Array of str
        Distinct, ascending by UTF-8 bytes.
    lead, at : ndarray of int64 [snapshots]
        Position in `lead_ids`, and moment in UTC microseconds; sorted.
    """

    def __init__(self, lead_ids: pa.Array, lead: np.ndarray, at: np.ndarray) -> None:
        self.lead_ids, self.lead, self.at = lead_ids, lead, at

    @staticmethod
    def read(path: Path) -> "_Looks":
        with pq.ParquetFile(path) as file:  # read_table would import pyarrow.dataset, which takes longer than reading
            table = file.read(["lead_id", "snapshot_at"])
        for name in table.column_names:
            if table[name].null_count:
                raise DataError(
                    f"{path}: {table[name].null_count:,} value(s) of {name} missing; every snapshot needs it."
                )
        encoded = table["lead_id"].cast(pa.string()).dictionary_encode().unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):  # no row at all
            encoded = pa.array([], pa.string()).dictionary_encode()
        order = pc.sort_indices(encoded.dictionary).to_numpy()
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        lead = position[encoded.indices.to_numpy()]
        at = table["snapshot_at"].cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64()).to_numpy()
        sort = np.lexsort((at, lead))
        return _Looks(encoded.dictionary.take(pa.array(order)), lead[sort], at[sort])

    def before(self, lead_id: str) -> int:
        """Count the leads that come before one."""
        return int(pc.sum(pc.less(self.lead_ids, lead_id)).as_py() or 0)


def _write(out: Path, catalog: Catalog, looks: _Looks, parts: Iterator[_Part]) -> int:
    begin = 0
    with MatrixWriter(out, catalog.names) as writer:
        for table, until in parts:
            end = len(looks.lead_ids) if until is None else looks.before(until)
            lead_ids = looks.lead_ids.slice(begin, end - begin)
            journeys = Journeys.from_arrow(table, None, None, lead_ids.to_pylist(), unknown_leads="ignore")
            first, last = np.searchsorted(looks.lead, (begin, end))
            for block in range(first, last, _ROWS_OF_A_BLOCK):
                rows = slice(block, min(block + _ROWS_OF_A_BLOCK, last))
                chosen = Snapshots(looks.lead[rows] - begin, looks.at[rows])
                matrix = compute_features(journeys, chosen, catalog)
                moments = pa.array(looks.at[rows]).cast(pa.timestamp("us", tz="UTC"))
                writer.write(looks.lead_ids.take(pa.array(looks.lead[rows])), moments, matrix)
            begin = end
    return len(looks.at)


def _read(path: Path, row_groups: list[int] | None = None) -> pa.Table:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        columns = [name for name in ("lead_id", "occurred_at", "kind", *OPTIONAL) if name in names]
    text = [name for name in TEXT if name in columns]
    with pq.ParquetFile(path, read_dictionary=text, pre_buffer=True) as file:
        table = file.read(columns) if row_groups is None else file.read_row_groups(row_groups, columns)
    missing = table["lead_id"].null_count
    return table.filter(table["lead_id"].is_valid()) if missing else table


def _statistics(path: Path) -> list[tuple[int, str | None, str | None]]:
    """Give each row group's rows and its least and greatest lead_id; None: not known."""
    metadata = pq.read_metadata(path)
    column = metadata.schema.names.index("lead_id")
    found: list[tuple[int, str | None, str | None]] = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        known = group.column(column).statistics
        bounds = (known.min, known.max) if known is not None and known.has_min_max else (None, None)
        found.append((group.num_rows, *bounds))
    return found


def _by_lead(path: Path) -> bool:
    """Say whether each row group's leads come after those of the one before; within one they may stand in any order."""
    last = ""
    for _, least, greatest in _statistics(path):
        if least is None or greatest is None or least.encode() < last.encode():
            return False
        last = greatest
    return True


def _whole_leads(path: Path, rows_at_once: int) -> Iterator[_Part]:
    """Yield a file that stands by lead in parts of whole leads."""
    groups = _statistics(path)
    some: list[int] = []
    rows = 0
    rest: pa.Table | None = None
    for index, (size, _, greatest) in enumerate(groups):
        some.append(index)
        rows += size
        if rows < rows_at_once and index + 1 < len(groups):
            continue
        table = _read(path, some)
        table = table if rest is None else pa.concat_tables([rest, table])
        some, rows = [], 0
        if index + 1 == len(groups):
            yield table, None
        else:  # the greatest lead may go on in the next row group
            before, rest = _parted(table, str(greatest))
            if len(before):
                yield before, str(greatest)


def _parted(table: pa.Table, lead_id: str) -> tuple[pa.Table, pa.Table]:
    chunks = table["lead_id"].chunks
    code = [pc.index(chunk.dictionary, lead_id).as_py() for chunk in chunks]
    own = np.concatenate([chunk.indices.to_numpy() == own for chunk, own in zip(chunks, code, strict=True)])
    count = np.count_nonzero(own)
    if own[len(own) - count :].all():
        return table.slice(0, len(own) - count), table.slice(len(own) - count)
    return table.filter(pa.array(~own)), table.filter(pa.array(own))


def _ahead(items: Iterator[_Part]) -> Iterator[_Part]:
    """Fetch the next item in a thread while the present one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item
