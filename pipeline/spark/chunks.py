"""Whole accounts out of a stream of Arrow batches: what an engine on many machines hands to `pipeline.matrix.feature_rows`.

All canonical tables travel as one relation, a tagged union: `table` says what a row is, and its columns stand in columns that
the tables share. Rows of one `key` come one after another, so that a stream can be cut between keys in bounded memory.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import DataError
from features.vocabulary import CODED_FIELDS
from pipeline.population.attribute_history import History

__all__ = ["SHARED", "WholeAccounts", "cut_at_keys", "whole_accounts"]

_COMMON = {name: name for name in ("lead_id", "occurred_at", "recorded_at")}
SHARED: dict[str, dict[str, str]] = {
    "touchpoints": {
        **_COMMON,
        **{name: name for name in (*CODED_FIELDS, "value", "by", "touchpoint_id")},
    },
    "stage_changes": {**_COMMON, "stage": "kind"},
    "leads": {"lead_id": "lead_id", "account_id": "account_id", "created_at": "occurred_at"},
    "accounts": {"account_id": "account_id"},
    "attribute_changes": {**_COMMON, "account_id": "account_id", "attribute": "kind", "value": "asset"},
    "orders": {"account_id": "account_id", "ordered_at": "occurred_at", "amount": "value", "product": "asset"},
    "snapshots": {"lead_id": "lead_id", "account_id": "account_id", "snapshot_at": "occurred_at", "part": "value"},
}
"""Table to its own columns and where they stand in the union; the order of the tables gives the tags."""

OPEN = {"leads": "lead_attributes", "accounts": "account_attributes"}
"""Tables with attributes; these travel as one struct."""


class WholeAccounts(NamedTuple):
    """Canonical tables of some whole accounts, as `feature_rows` takes them.

    Attributes
    ----------
    tables : dict of str to Table
    lead_ids : list of str
        All leads of the tables.
    history : frozenset
        The attributes with a recorded history anywhere, not in these tables alone.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, part, sorted by lead_id and snapshot_at.
    """

    tables: dict[str, pa.Table]
    lead_ids: list[str]
    history: History
    snapshots: pd.DataFrame


def cut_at_keys(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Put batches together into tables of whole keys.

    Parameters
    ----------
    batches : iterable of RecordBatch
        With a column key; equal ones stand one after another, null ones first.
    rows : int
        A table ends with the first whole key that fills so many rows. Only a key that is larger by itself exceeds
        ``rows`` and the batches that its ends lie in.

    Yields
    ------
    Table
        In the order of the stream; no key is in two of them, and none is empty.

    Examples
    --------
    >>> batches = [pa.record_batch({"key": list(keys)}) for keys in ("aab", "bb", "bc", "d")]
    >>> ["".join(table["key"].to_pylist()) for table in cut_at_keys(batches, 3)]
    ['aa', 'bbbb', 'cd']
    """
    held: list[pa.RecordBatch] = []
    count, last = 0, None
    open_from = 0  # where the last key of what is held begins
    for batch in batches:
        if not len(batch):
            continue
        keys = batch.column("key")
        newest = keys[-1].as_py()
        if not held or newest != last:
            open_from = count + (0 if newest is None else pc.index(keys, newest).as_py())
        held.append(batch)
        count, last = count + len(batch), newest
        if count >= rows and open_from > 0:
            table = pa.Table.from_batches(held)
            yield table.slice(0, open_from)
            rest = table.slice(open_from)
            held, count, open_from = rest.to_batches(), count - open_from, 0
    if held:
        yield pa.Table.from_batches(held)


def whole_accounts(
    batches: Iterable[pa.RecordBatch], present: Iterable[str], history: History, rows: int
) -> Iterator[WholeAccounts]:
    """Turn a partition of the union into canonical tables of whole accounts, some at a time.

    Parameters
    ----------
    batches : iterable of RecordBatch
        The union, sorted by key. Rows without a key belong to accounts whose leads are spread over partitions; they come first,
        and every lead of theirs sees them.
    present : iterable of str
        The tables that the source has; an absent one is not among the tables, one without rows here is empty.
    history : frozenset
        The attributes with a recorded history anywhere; see `feature_rows`.
    rows : int
        See `cut_at_keys`.

    Yields
    ------
    WholeAccounts
        Only where there is a snapshot.
    """
    keyless: pa.Table | None = None
    for chunk in cut_at_keys(batches, rows):
        nulls = chunk["key"].null_count
        if nulls:
            first = chunk.slice(0, nulls)
            keyless = first if keyless is None else pa.concat_tables([keyless, first])
            chunk = chunk.slice(nulls)
        found = _found(chunk, keyless, tuple(present), history)
        if found is not None:
            yield found


def _found(
    chunk: pa.Table, keyless: pa.Table | None, present: tuple[str, ...], history: History
) -> WholeAccounts | None:
    snapshots = _table(chunk, "snapshots")
    if not len(snapshots):
        return None
    tables = {name: _table(chunk, name) for name in present}
    leads = tables["leads"]
    if keyless is not None:
        mine = keyless.filter(pc.is_in(keyless["account_id"], leads["account_id"].combine_chunks().unique()))
        for name in present:
            tables[name] = pa.concat_tables([tables[name], _table(mine, name)])
    known = leads["lead_id"].combine_chunks()
    missing = pc.filter(snapshots["lead_id"], pc.invert(pc.is_in(snapshots["lead_id"], known)))
    if len(missing):
        raise DataError(
            f"snapshots: lead {missing[0].as_py()!r} has a snapshot, but no row in table 'leads'. Run "
            "stage `snapshots` again on these tables."
        )
    for name in ("touchpoints", "stage_changes"):
        if name in tables:
            tables[name] = tables[name].filter(pc.is_in(tables[name]["lead_id"], known))
    frame = snapshots.to_pandas().sort_values(["lead_id", "snapshot_at"], ignore_index=True)
    return WholeAccounts(tables, known.to_pylist(), history, frame.astype({"part": "int64"}))


def _table(union: pa.Table, name: str) -> pa.Table:
    """Take the rows of one table out of the union, under their own names."""
    rows = union.filter(pc.equal(union["table"], list(SHARED).index(name)))
    columns = {own: rows[shared] for own, shared in SHARED[name].items() if shared in rows.column_names}
    if name in OPEN and OPEN[name] in union.column_names:
        attributes = rows[OPEN[name]].combine_chunks()
        columns |= {field.name: values for field, values in zip(attributes.type, attributes.flatten(), strict=True)}
    return pa.table(columns)
