"""Salesforce's records as rows of the raw tables. Pure: no network, no clock.

A lead's account is the keyed pseudonym of its `Company`. The account that a conversion makes is no substitute: only leads that
succeeded have one, so it would tell features how a lead ended.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.crm.records import RETIRED_IDS, RETIRED_ROWS, Rows, value_text
from pipeline.crm.salesforce_queries import DELETED
from pipeline.params import CrmAttribute, SalesforceParams

__all__ = ["Record", "before_history", "is_owner_by_name", "retired_rows", "rows"]

Record = dict[str, Any]

KINDS = {"Call": "call", "Email": "mail", "ListEmail": "mail"}
CONVERTED = "leadConverted"
OWNER, USER = "Owner", "005"
OWNER_ID = r"00[5G]\w{12}(\w{3})?"  # of a user, or of a queue
FIRST_STATUS = "first_status"


def before_history(leads: Iterable[Record], first_change: str | None, params: SalesforceParams) -> list[str]:
    """Say how many leads are older than the organisation's first history row, by outcome, and what becomes of them.

    Parameters
    ----------
    leads : iterable
        `Lead` records, all of them.
    first_change : str or None
        The moment of the first `LeadHistory` row of Status; None: there is none.
    params : SalesforceParams
    """
    older = [lead for lead in leads if _is_older(lead, first_change)]
    if not older:
        return []
    outcomes = Counter("converted" if lead["IsConverted"] else str(lead["Status"]) for lead in older)
    counts = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items()))
    since = (
        f"the first change of Status in LeadHistory ({str(first_change)[:10]})" if first_change else "any LeadHistory"
    )
    verdict = (
        f"they are in, as {params.first_status!r} since they were created (crm.salesforce.before_history: first_status)"
        if params.before_history == FIRST_STATUS
        else "all of them are left out, whatever became of them (crm.salesforce.before_history: leave_out)"
    )
    return [
        f"{len(older):,} lead(s) are older than {since}, so what they went through is not known: {counts}; {verdict}"
    ]


def retired_rows(name: str, records: Iterable[Record]) -> Rows:
    """Say of deleted records of one object which ids, or which rows, are no more."""
    of = DELETED[name]
    if of.merges:
        ids = [{"entity": of.entity, "id": item["Id"], "into": item["MasterRecordId"]} for item in records]
        return {RETIRED_IDS: ids}
    prefix = "" if name == "Opportunity" else f"{name}-"
    return {RETIRED_ROWS: [{"table": of.entity, "id": f"{prefix}{item['Id']}"} for item in records]}


def rows(
    records: dict[str, list[Record]],
    history: Iterable[Record],
    params: SalesforceParams,
    first_change: str | None,
    began_at: str,
) -> Rows:
    """Turn the records of all objects into rows.

    Parameters
    ----------
    records : dict of str to list
        By object, as Salesforce sent them (moments as '2026-01-05T10:00:00.000+0000').
    history : iterable
        All `LeadHistory` records of these leads, oldest first: a lead's first stage is what its first change came from.
    params : SalesforceParams
    first_change : str or None
        The moment of the organisation's first `LeadHistory` row of Status; None: there is none.
    began_at : str
        When the pull began, ISO 8601.
    """
    changes: dict[str, list[Record]] = {}
    for item in history:
        changes.setdefault(item["LeadId"], []).append(item)
    tables: Rows = {
        "leads": [],
        "stage_changes": [],
        "owner_changes": [],
        "attribute_changes": [],
        "touchpoints": [],
        "orders": [],
        "accounts": [],
        "history_begins": [{"id": "Status", "began_at": _moment(first_change), "before": params.before_history}],
    }
    for lead in records.get("Lead", []):
        since = (_moment(first_change) or began_at) if _is_older(lead, first_change) else None
        _lead(lead, changes.get(lead["Id"], []), params, tables, since)
    zone = params.time_zone
    tables["touchpoints"] += [
        row for name in ("CampaignMember", "Task", "Event") for row in _touchpoints(name, records.get(name, []), zone)
    ]
    for deal in records.get("Opportunity", []):
        order = {
            "account_id": deal["AccountId"],
            "ordered_at": _end_of(deal["CloseDate"], zone),
            "amount": _text(deal["Amount"]),
        }
        tables["orders"].append({"id": deal["Id"], **order})
    return tables


def _is_older(lead: Record, first_change: str | None) -> bool:
    return first_change is None or datetime.fromisoformat(lead["CreatedDate"]) < datetime.fromisoformat(first_change)


def _lead(
    lead: Record, changes: list[Record], params: SalesforceParams, tables: Rows, history_since: str | None
) -> None:
    """`history_since`: of a lead that is older than history, from when on its changes are known."""
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
    known = {name: _attribute(lead[item.field], item, params) for name, item in params.attributes.items()}
    tables["leads"].append({**row, **known})
    for name, item in params.attributes.items():
        for value, moment in _values(lead, item.field, changes, created_at):
            change = {"lead_id": lead_id, "attribute": name, "occurred_at": moment}
            row = {"id": f"{lead_id}-{name}-{moment}", "value": _attribute(value, item, params), **change}
            tables["attribute_changes"].append(row)
    tables["owner_changes"] += _owners(lead_id, changes)
    owner = lead["OwnerId"] or None
    for value, moment in _statuses(lead, changes, params, history_since):
        stage = params.statuses.get(str(value))
        if stage is not None:
            change = {"lead_id": lead_id, "stage": stage, "occurred_at": moment, "owner": owner}
            tables["stage_changes"].append({"id": f"{lead_id}-{moment}-{value}", **change})


def is_owner_by_name(item: Record) -> bool:
    """Tell whether a record of history says a change of the owner by names."""
    return item.get("Field") == OWNER and re.fullmatch(OWNER_ID, str(item.get("NewValue") or "")) is None


def _owners(lead_id: str, changes: list[Record]) -> Iterator[dict[str, str | None]]:
    """Give since when a lead has which owner; history says each change twice, by names and by ids, and only ids are read."""
    for item in changes:
        if item["Field"] == OWNER and not is_owner_by_name(item):
            new = str(item["NewValue"])
            moment = _moment(item["CreatedDate"])
            assigned = {"assigned": str(new.startswith(USER)).lower(), "owner": new}
            yield {"id": f"{lead_id}-owner-{moment}", "lead_id": lead_id, "occurred_at": moment, **assigned}


def _statuses(
    lead: Record, changes: list[Record], params: SalesforceParams, history_since: str | None
) -> Iterator[tuple[Any, str | None]]:
    """Give a lead's statuses and since when."""
    own = [item for item in changes if item["Field"] == "Status"]
    created_at = _moment(lead["CreatedDate"])
    known_first = own[0]["OldValue"] if own else lead["Status"]
    converted_at = next((_moment(item["CreatedDate"]) for item in changes if item["Field"] == CONVERTED), None)
    if lead["IsConverted"] and not own:
        converted_at = converted_at or _end_of(lead["ConvertedDate"], params.time_zone)
    if history_since is None:
        yield known_first, converted_at if lead["IsConverted"] and not own else created_at
    elif params.before_history == FIRST_STATUS:
        yield params.first_status, created_at
        if known_first != params.first_status:  # it took this status before anybody noted when
            yield known_first, converted_at if lead["IsConverted"] and not own else max(history_since, str(created_at))
    for item in own:
        at_conversion = lead["IsConverted"] and item["NewValue"] == lead["Status"]
        yield item["NewValue"], (converted_at if at_conversion else None) or _moment(item["CreatedDate"])


def _values(
    lead: Record, field: str, changes: list[Record], created_at: str | None
) -> Iterator[tuple[Any, str | None]]:
    """Give a field's values and since when; the first one since the lead's creation."""
    own = [item for item in changes if item["Field"] == field]
    yield own[0]["OldValue"] if own else lead[field], created_at
    for item in own:
        yield item["NewValue"], _moment(item["CreatedDate"])


def _attribute(value: Any, item: CrmAttribute, params: SalesforceParams) -> str | None:
    return value_text(value, item.type, params.thousands)


def _touchpoints(name: str, records: Iterable[Record], zone: str) -> Iterator[dict[str, str | None]]:
    for item in records:
        created_at = _moment(item["CreatedDate"])
        row: dict[str, str | None] = {"id": f"{name}-{item['Id']}", "recorded_at": created_at}
        if name == "CampaignMember":
            responded = item["HasResponded"]
            kind = str((item["Campaign"] or {}).get("Type") or "campaign").lower().replace(" ", "_")
            moment = (
                _end_of(item["FirstRespondedDate"], zone) if responded and item["FirstRespondedDate"] else created_at
            )
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


def _end_of(day: str | None, zone: str) -> str | None:
    """Take the end of a day of which the moment is not known, in the organisation's zone: never earlier than it was known.

    Examples
    --------
    >>> _end_of("2026-03-29", "Europe/Berlin")  # the day on which the clocks go forward
    '2026-03-29T23:59:59.999999+02:00'
    """
    return datetime.combine(date.fromisoformat(day), time.max, ZoneInfo(zone)).isoformat() if day else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
