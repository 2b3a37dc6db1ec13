"""Where pseudonyms meet the CRM's ids again: what people name, lists, pushes and letters; nowhere else."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from features.errors import DataError
from models.data_protection.names import names_folder, read_names
from models.data_protection.pseudonyms import Ids, Pseudonyms, id_pseudonyms, looks_like_one, served_ids

__all__ = ["AS_GIVEN", "CrmIds", "crm_ids"]


class CrmIds:
    """The two ways at the edges of the offline side.

    Parameters
    ----------
    pseudonyms : Pseudonyms or None
        None: tables hold ids as given, and both ways change nothing.
    root : Path
        The folder that a command runs in; its mapping table is read when it is first needed.
    """

    def __init__(self, pseudonyms: Pseudonyms | None, root: Path) -> None:
        self.pseudonyms, self.root = pseudonyms, root

    @cached_property
    def _names(self) -> dict[str, str]:
        return {} if self.pseudonyms is None else read_names(self.root, self.pseudonyms.ring)

    def inward(self, lead_id: str) -> str:
        """Give a lead's id as tables have it."""
        return lead_id if self.pseudonyms is None else self.pseudonyms.of("lead", lead_id)

    def outward(self, text: str) -> str:
        """Give the CRM's id, or the owner's name, that a pseudonym stands for; other texts stay.

        Raises
        ------
        DataError
            No mapping table knows the pseudonym.
        """
        found = self.if_known(text)
        if self.pseudonyms is not None and found == text and self.pseudonyms.is_own(text):
            raise DataError(
                f"no mapping table knows the pseudonym {text}, so nobody can be named by it: tables and "
                f"{names_folder(self.root)} are of two ingests, or the lead was erased. Run `dvc repro -f ingest` first."
            )
        return found

    def if_known(self, text: str) -> str:
        """Give what a pseudonym stands for, or the text itself."""
        return self._names.get(text, text) if looks_like_one(text) else text

    def all_names(self, lead_ids: Iterable[str]) -> set[str]:
        """Give all ids under which leads stand anywhere: the CRM's, and pseudonyms."""
        ids = list(lead_ids)
        return {*ids, *map(self.inward, ids), *map(self.if_known, ids)}


AS_GIVEN = CrmIds(None, Path())
"""Tables hold the CRM's ids."""


def crm_ids(root: Path, ids: Ids) -> CrmIds:
    """Give the edge of the folder that a command runs in.

    Pseudonyms are known where `ids` or the service's setting asks for them, and where any source's ingest made some: an erasure
    and an objection reach the workspaces of all sources, and the store.

    Raises
    ------
    LeadQualificationError
        There are pseudonyms, and no keys.
    """
    wanted = "pseudonyms" in (ids, served_ids()) or any(names_folder(root).glob("*.sealed"))
    return CrmIds(id_pseudonyms(root, "pseudonyms" if wanted else "as_given"), root)
