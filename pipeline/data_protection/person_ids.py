"""Under which ids a person stands in a workspace: leads that were merged, visitors that they were, hashes in the score log."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.data_protection.crm_ids import AS_GIVEN, CrmIds
from models.monitoring.score_log import KEY, pseudonym
from pipeline.data_protection.person import Person

__all__ = ["find_person"]


def find_person(
    lead_id: str,
    canonical: Iterable[Path],
    known_leads: Iterable[str] = (),
    known: Iterable[str] = (),
    ids: CrmIds = AS_GIVEN,
) -> Person:
    """Find all ids of a lead's person.

    A visitor who was identified as another person, too, sat at a shared device and stays.

    Parameters
    ----------
    lead_id : str
        As the CRM knows it.
    canonical : iterable of Path
        Folders of canonical tables.
    known_leads, known : iterable of str
        Ids of leads, and others, that an interrupted run found before it took them out.
    ids : CrmIds
        Names the person by pseudonyms, too, and by what the mapping table says of them.
    """
    leads = ids.all_names({lead_id, *known_leads})
    folders = [folder for folder in canonical if folder.is_dir()]
    merges = [pair for folder in folders for pair in _pairs(folder / "merged_leads.parquet", "lead_id", "merged_into")]
    while found := {name for pair in merges if leads & {*pair} for name in pair} - leads:
        leads |= ids.all_names(found)
    visitors = set[str]()
    for folder in folders:
        named = _pairs(folder / "identities.parquet", "lead_id", "visitor_id", leads)
        own = {visitor for _, visitor in named}
        visitors |= own - _shared(folder / "identities.parquet", own, leads)
    visitors |= {ids.if_known(visitor) for visitor in visitors}
    key = os.environ.get(KEY, "")
    hashes = {pseudonym(key, one) for one in leads} if key else set()
    return Person(tuple(sorted({*known} | leads | visitors | hashes)), tuple(sorted(leads)))


def _pairs(path: Path, one: str, other: str, ids: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """Read two columns; with `ids`, only the rows in which the first is one of them."""
    if not path.exists():
        return []
    rows = pq.read_table(path, columns=[one, other])
    if ids is not None:
        rows = rows.filter(pc.fill_null(pc.is_in(rows[one], _texts(sorted(ids), rows[one].type)), False))
    pairs: Sequence[tuple[str, str]] = list(zip(rows[one].to_pylist(), rows[other].to_pylist(), strict=True))
    return [pair for pair in pairs if None not in pair]


def _shared(path: Path, visitors: set[str], leads: set[str]) -> set[str]:
    return {visitor for visitor, lead in _pairs(path, "visitor_id", "lead_id", visitors) if lead not in leads}


def _texts(values: list[str], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)
