"""Leads in account order: which accounts there are, and whose rows are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import DataError
from pipeline.tables.parquet import read_table

__all__ = ["Groups", "group_leads", "in_account_order", "positions"]


class Groups(NamedTuple):
    """Leads in account order; a group is an account, or a lead without one.

    Attributes
    ----------
    leads : Table
        By group, and within it by lead_id.
    keys : Array of str [groups]
        account_id or lead_id, ascending by UTF-8 bytes.
    offsets : ndarray of int64 [groups + 1]
        Where each group's leads begin.
    asked : ndarray of int64 [groups]
        How many looks at its leads are asked for.
    """

    leads: pa.Table
    keys: pa.Array
    offsets: np.ndarray
    asked: np.ndarray

    def of_leads(self, lead_ids: pa.ChunkedArray | pa.Array) -> np.ndarray:
        """Give the group of each lead; -1: the lead is not there."""
        row = positions(lead_ids, self.leads["lead_id"])
        return np.where(row < 0, -1, np.searchsorted(self.offsets, row, side="right") - 1)


def group_leads(canonical: Path, lead_ids: Sequence[str] | pa.Array) -> Groups:
    """Read the leads in account order, with how often each group's leads are asked for.

    Raises
    ------
    DataError
        A lead that is asked for is not in ``leads.parquet``.
    """
    leads = read_table(canonical / "leads.parquet", "leads")
    key = pc.coalesce(leads["account_id"], leads["lead_id"])
    order = pc.sort_indices(
        pa.table({"key": key, "lead_id": leads["lead_id"]}), [("key", "ascending"), ("lead_id", "ascending")]
    )
    leads, key = leads.take(order).combine_chunks(), key.take(order).combine_chunks()
    new = np.ones(len(leads), dtype=np.bool_)
    new[1:] = pc.not_equal(key[1:], key[:-1]).to_numpy(zero_copy_only=False)
    begins = np.flatnonzero(new)
    offsets = np.append(begins, len(leads))
    asked_ids = pa.array(lead_ids, pa.string()) if not isinstance(lead_ids, pa.Array) else lead_ids
    groups = Groups(leads, key.take(pa.array(begins)), offsets, np.zeros(len(begins), dtype=np.int64))
    group = groups.of_leads(asked_ids)
    if len(group) and group.min() < 0:
        raise DataError(
            f"{canonical / 'leads.parquet'}: lead {asked_ids[int(group.argmin())].as_py()!r} is asked for and not there. "
            "Run `dvc repro`, which makes both from the same export."
        )
    return groups._replace(asked=np.bincount(group, minlength=len(begins)))


def positions(values: pa.ChunkedArray | pa.Array, among: pa.ChunkedArray) -> np.ndarray:
    """Look up text among distinct values; -1: missing, or not there."""
    encoded = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # no chunk at all
        return np.empty(0, dtype=np.int64)
    found = pc.index_in(encoded.dictionary.cast(pa.string()), value_set=among).fill_null(-1)
    known = np.append(found.to_numpy(zero_copy_only=False), -1).astype(np.int64)
    return np.asarray(known[encoded.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)])


def in_account_order(table: pa.Table, name: str, groups: Groups) -> tuple[pa.Table, np.ndarray]:
    """Bring a table into account order, the rows of accounts that are asked for; also give each row's group."""
    group = np.full(len(table), -1, dtype=np.int64)
    if "account_id" in table.column_names:
        group = positions(table["account_id"], pa.chunked_array([groups.keys]))
    if "lead_id" in table.column_names:
        of_lead = groups.of_leads(table["lead_id"])
        group = np.where(of_lead < 0, group, of_lead)
    asked = np.append(groups.asked, 0)[group] > 0
    rows = np.flatnonzero(asked)
    rows = rows[np.argsort(group[rows], kind="stable")]
    return table.take(pa.array(rows)), group[rows]
