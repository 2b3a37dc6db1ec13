"""Canonical tables in bounded memory: batches of whole accounts, cut by how much there is to compute."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import DataError
from features.vocabulary import CODED_FIELDS, TOUCHPOINT_FIELDS
from pipeline.matrix.account_groups import Groups, group_leads, in_account_order, positions
from pipeline.matrix.account_order import write_in_account_order
from pipeline.population.attribute_history import History, history_of
from pipeline.tables.parquet import read_table

__all__ = ["COST_PER_BATCH", "Batch", "account_batches", "snapshot_batches"]

COST_PER_BATCH = 4_000_000
"""In touchpoints; see `account_batches`."""
COST_OF_A_ROW = 8  # a feature row takes about as much memory as so many touchpoints
ROWS_AT_ONCE = 8_000_000

TEXT = ("lead_id", *CODED_FIELDS, "by")
TOUCHPOINTS = ("lead_id", *(field.name for field in TOUCHPOINT_FIELDS))
SMALL: dict[str, tuple[str, ...] | None] = {
    "stage_changes": ("lead_id", "stage", "occurred_at", "recorded_at"),
    "attribute_changes": ("lead_id", "account_id", "attribute", "value", "occurred_at", "recorded_at"),
    "orders": ("account_id", "ordered_at", "amount", "product"),
    "accounts": None,
}
"""Tables that stay in memory, and what is read of them; None: all columns."""


class Batch(NamedTuple):
    """The canonical tables of some whole accounts.

    Attributes
    ----------
    tables : dict of str to Table
        touchpoints, stage_changes, leads, accounts, attribute_changes, orders: those that there are.
    lead_ids : list of str
        All leads of these accounts, by account and within it by lead_id.
    history : frozenset
        The attributes with a recorded history anywhere, not in this batch alone; see `attributes_at`.
    """

    tables: dict[str, pa.Table]
    lead_ids: list[str]
    history: History


def account_batches(
    canonical: Path,
    lead_ids: Sequence[str] | pa.Array,
    cost_per_batch: int = COST_PER_BATCH,
    beside: Collection[str] = tuple(SMALL),
) -> Iterator[Batch]:
    """Yield the tables of the accounts that have some of the given leads, some accounts at a time.

    A touchpoint file in account order takes one pass; one that is not is first sorted on disk. The other tables are far smaller
    and are held in memory. Peak memory depends on them and on the batch, not on the number of touchpoints.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; all but leads may be absent.
    lead_ids : sequence of str
        The leads to look at, in any order; one that stands there n times is looked at n times.
    cost_per_batch : int
        At most so much in one batch, where a touchpoint costs 1 and a look at a lead `COST_OF_A_ROW`; one account that costs
        more is a batch of its own.
    beside : collection of str
        Which tables are wanted beside leads and touchpoints; without attribute_changes nothing has a recorded history.

    Yields
    ------
    Batch
        With all leads of its accounts, also those that were not asked for.

    Raises
    ------
    DataError
        If a lead, or the lead of a touchpoint, is not in the table of leads.
    """
    groups = group_leads(canonical, lead_ids)
    small = {name: table for name in SMALL if name in beside and (table := _read_small(canonical, name)) is not None}
    history = history_of(small.get("attribute_changes"))
    ordered = {name: in_account_order(table, name, groups) for name, table in small.items()}
    path = canonical / "touchpoints.parquet"
    rows = pq.read_metadata(path).num_rows if path.exists() else 0
    cost = COST_OF_A_ROW * groups.asked
    with TemporaryDirectory(prefix="lead-touchpoints-") as folder:
        starts = None
        if rows + cost.sum() <= cost_per_batch:
            cuts = [(0, len(cost))] if cost.any() else []
        else:
            path, found = _counted(path, canonical / "leads.parquet", groups, Path(folder))
            starts = np.concatenate([[0], np.cumsum(found)])
            cuts = _cuts(cost + np.where(groups.asked > 0, found, 0), cost_per_batch)
        for begin, end in cuts:
            chosen = np.repeat(groups.asked[begin:end] > 0, np.diff(groups.offsets)[begin:end])
            leads = groups.leads.slice(groups.offsets[begin], len(chosen)).filter(pa.array(chosen))
            tables = {"leads": leads}
            for name, (table, group) in ordered.items():
                first, last = np.searchsorted(group, (begin, end))
                tables[name] = _plain(table.slice(first, last - first))
            if path.exists():
                reach = None if starts is None else (int(starts[begin]), int(starts[end]))
                tables["touchpoints"] = _read_touchpoints(path, reach, leads["lead_id"], all(chosen))
            yield Batch(tables, leads["lead_id"].to_pylist(), history)


def snapshot_batches(
    canonical: Path, snapshots: pd.DataFrame, cost_per_batch: int = COST_PER_BATCH
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Yield batches of the accounts of some snapshots, each with its snapshots.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, snapshot_at, in any order.
    cost_per_batch : int
        See `account_batches`.

    Yields
    ------
    batch : Batch
    rows : ndarray of int64
        Positions in `snapshots`, in the order of the batch's leads and then of time.
    """
    code, lead_ids = pd.factorize(snapshots["lead_id"].astype(object))
    at = snapshots["snapshot_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy()
    order = np.lexsort((at, code))
    first = np.searchsorted(code[order], np.arange(len(lead_ids) + 1))
    index = pd.Index(lead_ids)
    for batch in account_batches(canonical, pa.array(lead_ids, pa.string()).take(pa.array(code)), cost_per_batch):
        own = index.get_indexer(pd.Index(batch.lead_ids, dtype=object))
        own = own[own >= 0]
        sizes = first[own + 1] - first[own]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        yield batch, order[np.repeat(first[own], sizes) + within]


def _read_small(canonical: Path, name: str) -> pa.Table | None:
    path = canonical / f"{name}.parquet"
    if not path.exists():
        return None
    columns = SMALL[name]
    if columns is None:
        return read_table(path, name)
    schema = pq.read_schema(path)
    columns = tuple(column for column in columns if column in schema.names)
    text = [column for column in columns if pa.types.is_string(schema.field(column).type)]
    return pq.read_table(path, columns=list(columns), read_dictionary=text)


def _plain(table: pa.Table) -> pa.Table:
    """Give dictionary-encoded text as plain text; the dictionary of a slice is still that of the whole table."""
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _counted(path: Path, leads: Path, groups: Groups, folder: Path) -> tuple[Path, np.ndarray]:
    """Count each group's touchpoints; give the file too, which is another one when it had to be sorted first."""
    if not path.exists():
        return path, np.zeros(len(groups.asked), dtype=np.int64)
    found = _count(path, groups)
    if found is None:
        ordered = folder / path.name
        write_in_account_order(path, leads, ordered)
        path, found = ordered, _count(ordered, groups)
    if found is None:
        raise DataError(
            f"{path}: not in account order, although it was just sorted. Two leads have one lead_id: run ingest."
        )
    return path, found


def _count(path: Path, groups: Groups) -> np.ndarray | None:
    """Count each group's touchpoints; None: the file is not in account order. Those without a lead stand last."""
    found = np.zeros(len(groups.asked), dtype=np.int64)
    last = 0
    with pq.ParquetFile(path, read_dictionary=["lead_id"]) as file:
        for some in _row_groups(file, ROWS_AT_ONCE):
            lead_ids = file.read_row_groups(some, columns=["lead_id"])["lead_id"]
            group = groups.of_leads(lead_ids)
            missing = lead_ids.is_null().to_numpy()
            if (group[~missing] < 0).any():
                row = int(np.flatnonzero((group < 0) & ~missing)[0])
                raise DataError(
                    f"{path}: a touchpoint's lead {lead_ids[row].as_py()!r} is not in leads.parquet. "
                    "Run ingest, which makes both."
                )
            group[missing] = len(found)
            if len(group) and (group[0] < last or (group[1:] < group[:-1]).any()):
                return None
            last = int(group[-1]) if len(group) else last
            found += np.bincount(group, minlength=len(found) + 1)[:-1]
    return found


def _row_groups(file: pq.ParquetFile, rows_at_once: int) -> Iterator[list[int]]:
    some: list[int] = []
    rows = 0
    for index in range(file.num_row_groups):
        some.append(index)
        rows += file.metadata.row_group(index).num_rows
        if rows >= rows_at_once:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _cuts(cost: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Cut groups into ranges of at most so much cost, or of one group; those that cost nothing go along."""
    total = np.concatenate([[0], np.cumsum(cost)])
    cuts, begin = [], 0
    while total[begin] < total[-1]:
        end = max(int(np.searchsorted(total, total[begin] + most, side="right")) - 1, begin + 1)
        if total[end] > total[begin]:
            cuts.append((begin, end))
        begin = end
    return cuts


def _read_touchpoints(
    path: Path, reach: tuple[int, int] | None, lead_ids: pa.ChunkedArray, all_asked: bool
) -> pa.Table:
    """Read some rows of the file, or all of it, of the given leads."""
    schema = pq.read_schema(path)
    text = [name for name in TEXT if name in schema.names]
    with pq.ParquetFile(path, read_dictionary=text, pre_buffer=True) as file:
        columns = [name for name in TOUCHPOINTS if name in schema.names]
        if reach is None:
            table = file.read(columns=columns)
        else:
            sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
            ends = np.cumsum([0, *sizes])
            some = [i for i in range(len(sizes)) if ends[i] < reach[1] and ends[i + 1] > reach[0]]
            if not some:
                return schema.empty_table().select(columns)
            table = file.read_row_groups(some, columns=columns).slice(reach[0] - ends[some[0]], reach[1] - reach[0])
    if all_asked and reach is not None:
        return table
    row = positions(table["lead_id"], lead_ids)
    return table if (row >= 0).all() else table.filter(pa.array(row >= 0))
