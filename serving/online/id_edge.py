"""The edge for ids, with the store behind it: made by the service, and by commands that name leads."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from models.data_protection.pseudonyms import id_pseudonyms, served_ids
from serving.http.lead_ids import LeadIds
from serving.store.connect import Store
from serving.store.names import sealed_names

__all__ = ["edge_of"]


def edge_of(store: Store, root: Path) -> LeadIds | None:
    """Make the edge that ``LEAD_PRIVACY_IDS`` asks for; None: ids stay as given.

    Parameters
    ----------
    store : Store
    root : Path
        The folder that holds the packages.

    Raises
    ------
    LeadQualificationError
        Pseudonyms are asked for, and there are no keys; or the setting can't be understood.
    """
    pseudonyms = id_pseudonyms(root, served_ids())
    return None if pseudonyms is None else LeadIds(pseudonyms, partial(_sealed, store))


def _sealed(store: Store, pseudonyms: Iterable[str]) -> Mapping[str, str]:
    with store.read() as connection:
        return sealed_names(connection, pseudonyms)
