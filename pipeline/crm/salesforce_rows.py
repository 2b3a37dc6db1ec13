"""Salesforce's records as rows of the raw tables. Pure: no network, no clock.

A lead's account is the keyed pseudonym of its `Company`. The account that a conversion makes is no substitute: only leads that
succeeded have one, so it would tell features how a lead ended.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.crm.records import Rows, pseudonym
from pipeline.params import SalesforceParams

__all__ = ["QUERIES", "Record", "fields_of", "rows"]

Record = dict[str, Any]

# object -> (fields, the field by which it is incremental, further condition). Nothing else is asked for: no names, addresses,
# numbers, subjects or descriptions. `Company` leaves only as a pseudonym; without the key it is not asked for.
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
KINDS = {"Call": "call", "Email": "mail", "ListEmail": "mail"}
CONVERTED = "leadConverted"


def fields_of(name: str, params: SalesforceParams, with_company: bool) -> list[str]:
    """List the fields to ask for of one object."""
    own = list(QUERIES[name][0])
    if name == "Lead":
        own += [item.field for item in params.attributes.values()] + (["Company"] if with_company else [])
    return list(dict.fromkeys(own))


def rows(records: dict[str, list[Record]], history: Iterable[Record], params: SalesforceParams) -> Rows:
    """Turn the records of all objects into rows.

    Parameters
    ----------
    records : dict of str to list
        By object, as Salesforce sent them (moments as '2026-01-05T10:00:00.000+0000').
    history : iterable
        All `LeadHistory` records of these leads, oldest first: a lead's first stage is what its first change came from.
    """
    changes: dict[str, list[Record]] = {}
    for item in history:
        changes.setdefault(item["LeadId"], []).append(item)
    tables: Rows = {
        "leads": [],
        "stage_changes": [],
        "attribute_changes": [],
        "touchpoints": [],
        "orders": [],
        "accounts": [],
    }
    for lead in records.get("Lead", []):
        _lead(lead, changes.get(lead["Id"], []), params, tables)
    tables["touchpoints"] += [
        row for name in ("CampaignMember", "Task", "Event") for row in _touchpoints(name, records.get(name, []))
    ]
    for deal in records.get("Opportunity", []):
        order = {
            "account_id": deal["AccountId"],
            "ordered_at": _end_of(deal["CloseDate"]),
            "amount": _text(deal["Amount"]),
        }
        tables["orders"].append({"id": deal["Id"], **order})
    return tables


def _lead(lead: Record, changes: list[Record], params: SalesforceParams, tables: Rows) -> None:
    lead_id, created_at = lead["Id"], _moment(lead["CreatedDate"])
    account_id = lead.get("Company")  # a pseudonym since it came
    if account_id:
        tables["accounts"].append({"id": account_id})
    row = {
        "id": lead_id,
        "account_id": account_id,
        "created_at": created_at,
        "contact_id": lead["ConvertedContactId"],
        "opportunity_id": lead["ConvertedOpportunityId"],
        "crm_account_id": lead["ConvertedAccountId"],
    }
    tables["leads"].append({**row, **{name: _text(lead[item.field]) for name, item in params.attributes.items()}})
    for name, item in params.attributes.items():
        for value, moment in _values(lead, item.field, changes, created_at):
            change = {"lead_id": lead_id, "attribute": name, "value": value, "occurred_at": moment}
            tables["attribute_changes"].append({"id": f"{lead_id}-{name}-{moment}", **change})
    owner = pseudonym(lead["OwnerId"])
    for value, moment in _values(lead, "Status", changes, created_at):
        if lead["IsConverted"] and value == lead["Status"]:
            moment = next((_moment(c["CreatedDate"]) for c in changes if c["Field"] == CONVERTED), None) or (
                moment if len([c for c in changes if c["Field"] == "Status"]) else _end_of(lead["ConvertedDate"])
            )
        stage = params.statuses.get(str(value))
        if stage is not None:
            change = {"lead_id": lead_id, "stage": stage, "occurred_at": moment, "owner": owner}
            tables["stage_changes"].append({"id": f"{lead_id}-{moment}-{value}", **change})


def _values(
    lead: Record, field: str, changes: list[Record], created_at: str | None
) -> Iterator[tuple[str | None, str | None]]:
    """Give a field's values and since when; the first one since the lead's creation."""
    own = [item for item in changes if item["Field"] == field]
    yield _text(own[0]["OldValue"] if own else lead[field]), created_at
    for item in own:
        yield _text(item["NewValue"]), _moment(item["CreatedDate"])


def _touchpoints(name: str, records: Iterable[Record]) -> Iterator[dict[str, str | None]]:
    for item in records:
        created_at = _moment(item["CreatedDate"])
        row: dict[str, str | None] = {"id": f"{name}-{item['Id']}", "recorded_at": created_at}
        if name == "CampaignMember":
            responded = item["HasResponded"]
            kind = str((item["Campaign"] or {}).get("Type") or "campaign").lower().replace(" ", "_")
            moment = _end_of(item["FirstRespondedDate"]) if responded and item["FirstRespondedDate"] else created_at
            row |= {
                "lead_id": item["LeadId"] or item["ContactId"],
                "occurred_at": moment,
                "campaign": item["CampaignId"],
            }
            row |= {
                "kind": kind if responded else f"{kind}_invitation",
                "channel": "campaign",
                "by": "lead" if responded else "system",
            }
        elif name == "Task":
            moment = _moment(item["CompletedDateTime"]) or created_at
            row |= {"lead_id": item["WhoId"], "occurred_at": moment, "kind": KINDS.get(item["TaskSubtype"], "task")}
            row |= {"channel": "sales", "by": "lead" if item["CallType"] == "Inbound" else "sales"}
        else:
            row |= {"lead_id": item["WhoId"], "occurred_at": _moment(item["EndDateTime"]), "kind": "meeting"}
            row |= {"channel": "sales", "by": "sales"}
        row["recorded_at"] = max(filter(None, (row["recorded_at"], row["occurred_at"])), default=None)
        yield row


def _moment(text: str | None) -> str | None:
    """Write the offset as ISO 8601 has it; Salesforce's moments are all UTC.

    Examples
    --------
    >>> _moment("2026-01-05T10:00:00.000+0000")
    '2026-01-05T10:00:00.000+00:00'
    """
    return text[:-2] + ":" + text[-2:] if text and text[-5:-4] in ("+", "-") else text


def _end_of(day: str | None) -> str | None:
    """Take the end of a day of which the moment is not known: never earlier than it was known."""
    return f"{day}T23:59:59.000+00:00" if day else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
