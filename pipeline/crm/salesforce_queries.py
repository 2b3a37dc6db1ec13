"""What is asked of Salesforce, as SOQL. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.crm.retired import CONTACT, CRM_ACCOUNT, LEAD
from pipeline.params import SalesforceParams

__all__ = ["DELETED", "FIRST_CHANGE", "QUERIES", "Deleted", "among", "changed_since", "deleted", "fields_of"]

# object -> (fields, the field by which it is incremental, further condition). Nothing else is asked for: no names, addresses,
# numbers, subjects or descriptions. `Company` leaves only as a pseudonym.
QUERIES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "Lead": (
        ("Id", "CreatedDate", "Status", "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId",
         "ConvertedAccountId", "OwnerId"), "SystemModstamp", "",
    ),
    "LeadHistory": (("Id", "LeadId", "Field", "OldValue", "NewValue", "CreatedDate"), "CreatedDate", ""),
    "CampaignMember": (
        ("Id", "LeadId", "ContactId", "Campaign.Type", "CampaignId", "HasResponded", "FirstRespondedDate", "CreatedDate"),
        "SystemModstamp", "",
    ),
    "Task": (
        ("Id", "WhoId", "TaskSubtype", "CallType", "CompletedDateTime", "CreatedDate"), "SystemModstamp",
        "IsClosed = true AND WhoId != null",
    ),
    "Event": (("Id", "WhoId", "EndDateTime", "CreatedDate"), "SystemModstamp", "WhoId != null"),
    "Opportunity": (("Id", "AccountId", "IsWon", "CloseDate", "Amount"), "SystemModstamp", "IsWon = true"),
}  # fmt: skip


class Deleted(NamedTuple):
    """Whose ids, or which table's rows, are no more when a record of an object is deleted; and whether it may be a merge."""

    entity: str
    merges: bool


DELETED = {
    "Lead": Deleted(LEAD, True),
    "Contact": Deleted(CONTACT, True),
    "Account": Deleted(CRM_ACCOUNT, True),
    "CampaignMember": Deleted("touchpoints", False),
    "Task": Deleted("touchpoints", False),
    "Event": Deleted("touchpoints", False),
    "Opportunity": Deleted("orders", False),
}
# What a lead older than it went through is not known: field history tracking was switched on later, or its rows have expired.
FIRST_CHANGE = (
    "SELECT CreatedDate FROM LeadHistory WHERE IsDeleted = false AND Field = 'Status' ORDER BY CreatedDate, Id LIMIT 1"
)


def fields_of(name: str, params: SalesforceParams) -> list[str]:
    """List the fields to ask for of one object."""
    own = list(QUERIES[name][0])
    if name == "Lead":
        own += [*(item.field for item in params.attributes.values()), "Company"]
    return list(dict.fromkeys(own))


def changed_since(name: str, params: SalesforceParams, since: str | None) -> str:
    """Ask for the records of one object that changed at or after a moment; None: for all of them."""
    _, modified, condition = QUERIES[name]
    where = ["IsDeleted = false", *([condition] if condition else []), *_since(modified, since)]
    fields = ", ".join(fields_of(name, params))
    return f"SELECT {fields} FROM {name} WHERE {' AND '.join(where)} ORDER BY {modified}, Id"


def deleted(name: str, since: str | None) -> str:
    """Ask for the records of one object that were deleted, and what they were merged into."""
    fields = "Id, MasterRecordId, SystemModstamp" if DELETED[name].merges else "Id, SystemModstamp"
    where = ["IsDeleted = true", *_since("SystemModstamp", since)]
    return f"SELECT {fields} FROM {name} WHERE {' AND '.join(where)} ORDER BY SystemModstamp, Id"


def among(ids: Iterable[str]) -> str:
    """Write ids as a list of SOQL; an id of anything but letters and digits is none.

    Examples
    --------
    >>> among(["00Q1", "a' OR Id != '"])
    "('00Q1')"
    """
    return "(" + ", ".join(f"'{i}'" for i in ids if i.isalnum()) + ")"


def _since(field: str, since: str | None) -> list[str]:
    return [f"{field} >= {datetime.fromisoformat(since).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"] if since else []
