"""Which CRM: the adapters share one shape, and each is imported only when it is asked for."""

from collections.abc import Callable, Sequence
from typing import Protocol

from models.data_protection.pseudonyms import Pseudonyms
from pipeline.crm.paging import Pull
from pipeline.crm.records import Rows
from pipeline.crm.write import Receiver
from pipeline.params import CrmAttribute, CrmFields, CrmParams

__all__ = ["CRMS", "Crm", "connect"]

CRMS = ("hubspot", "salesforce")


class Crm(Receiver, Protocol):
    """What the commands need of a CRM. Whoever writes another adapter starts at `tests/pipeline/crm/adapter_contract.py`."""

    name: str
    attributes: dict[str, CrmAttribute]
    fields: CrmFields
    notes: list[str]
    accounts_key: str | None  # the id of the key that makes ids of accounts; None: the CRM has ids of its own

    def pull(self, pull: Pull, seen: Callable[[str, int], None]) -> None:
        """Fetch the pages of every object, of an incremental pull also what was merged and deleted.

        `seen` hears of an object and how many of its records came.
        """

    def rows(self, pull: Pull) -> Rows:
        """Turn the fetched pages into rows of the raw tables."""

    def missing_fields(self) -> list[str]:
        """Name the fields that scores go to and that are not there, or not writable."""

    def create_fields(self, names: Sequence[str]) -> list[str]:
        """Create fields; returns what an administrator must do by hand."""


def connect(crm: str, params: CrmParams, pseudonyms: Pseudonyms | None = None) -> Crm:
    """Connect with the credentials in the environment.

    Parameters
    ----------
    crm : str
        Of `CRMS`.
    params : CrmParams
        The `crm` section.
    pseudonyms : Pseudonyms, optional
        What a pull needs where accounts are known by names of companies alone.

    Raises
    ------
    ParameterError
        If the client is not installed, or credentials are missing.
    CrmError
        If the CRM refuses them.
    """
    if crm == "hubspot":
        from pipeline.crm.hubspot import HubSpot  # a dependency group

        return HubSpot(params)
    from pipeline.crm.salesforce import Salesforce  # a dependency group

    return Salesforce(params, pseudonyms)
