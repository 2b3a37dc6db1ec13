"""Which fields canonical tables hold: declared attributes, kinds of touchpoints, tables with rows."""

from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from pipeline.tables.parquet import read_table

__all__ = ["EMPTY", "PersonalFields", "personal_fields"]

TABLES = ("stage_changes", "handovers", "orders", "identities")
"""Tables beside leads, accounts and touchpoints that say something of a person."""


class PersonalFields(NamedTuple):
    """Names of what is known of leads, each sorted.

    Attributes
    ----------
    attributes : tuple of str
        As ``lead.role`` and ``account.industry``.
    touchpoint_kinds : tuple of str
    tables : tuple of str
        Of `TABLES`, those that have rows.
    """

    attributes: tuple[str, ...]
    touchpoint_kinds: tuple[str, ...]
    tables: tuple[str, ...]


EMPTY = PersonalFields((), (), ())


def personal_fields(canonical: Path) -> PersonalFields:
    """Read what canonical tables hold.

    Parameters
    ----------
    canonical : Path
        Their folder.
    """
    declared = read_table(canonical / "attributes.parquet", "attributes").to_pylist()
    touchpoints = canonical / "touchpoints.parquet"
    kinds: set[str] = set()
    if touchpoints.exists():
        with pq.ParquetFile(touchpoints, read_dictionary=["kind"]) as file:
            for batch in file.iter_batches(columns=["kind"]):
                kinds.update(batch.column(0).dictionary.to_pylist())
    tables = [name for name in TABLES if _has_rows(canonical / f"{name}.parquet")]
    attributes = sorted(f"{row['entity']}.{row['attribute']}" for row in declared)
    return PersonalFields(tuple(attributes), tuple(sorted(kinds)), tuple(sorted(tables)))


def _has_rows(path: Path) -> bool:
    return path.exists() and pq.read_metadata(path).num_rows > 0
