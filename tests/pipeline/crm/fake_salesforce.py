"""Salesforce's published REST API v59.0, as far as the adapter uses it: queryAll, queryMore, describe, sObject Collections.

Shapes as in the REST API Developer Guide (resources_query, resources_sobject_describe,
resources_composite_sobjects_collections_update): `nextRecordsUrl` while `done` is false, records with `attributes`, errors as a
list of `{message, errorCode}`, SaveResults in the order of the request, and the header `Sforce-Limit-Info` with every answer.
What it does besides, and who says so:

- queryAll finds deleted records, too, and tasks and events that are archived after a year, which a query leaves out; the
  address of its next page says `query` all the same
  (developer.salesforce.com/docs/platform/api-rest/guide/dome-queryall.html; .../api.meta/api/sforce_api_calls_queryall.htm).
- A merge deletes the losing record, whose MasterRecordId names the winner; activities and campaign members are given to it;
  its own history is not (same page; sfdcdevelopers.com/2025/12/20/what-happens-during-lead-merging).
- After 15 days in the recycle bin a deleted record is gone (same).
- LeadHistory begins when somebody switches it on, and its rows expire after 24 months (Object Reference, Field History
  Tracking).
- An unknown field is INVALID_FIELD, whatever else was asked for (REST API Developer Guide, status codes).
- A checkbox is a JSON boolean in a record and in its history (Object Reference, LeadHistory: OldValue and NewValue are
  anyType).
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.pipeline.crm.server import Fake, Reply

SESSION = "00D-session"
ROOT = "/services/data/v59.0/"
DAY = 86_400


def at(day: float) -> str:
    """Days after 2026-01-01, as Salesforce writes moments."""
    return datetime.fromtimestamp(1_767_225_600 + day * DAY, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def failure(status: int, code: str, message: str = "about ada@person.example") -> Reply:
    return Reply(status, [{"message": message, "errorCode": code}])


class Plain(HTTPAdapter):
    """simple-salesforce always speaks https; the fake listens without."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def session() -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", Plain())
    return made


@cache
def _listed(text: str) -> frozenset[str]:
    return frozenset(text.replace("'", "").split(", "))


class FakeSalesforce(Fake):
    page = 40
    history_from = 0.0  # the day on which somebody switched field history on

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.fields = {"Email": True, "Status": True}  # name -> updateable
        self.refuse: dict[str, str] = {}
        self.hidden: set[str] = set()  # objects that the user may not see
        self.unknown: set[str] = set()  # fields that the organisation does not have
        self.used, self.total = 100, 15_000
        self._rest: dict[str, list[Any]] = {}

    def add(self, name: str, number: int, prefix: str, **fields: Any) -> str:
        made = f"{prefix}{number:012d}AAA"
        self.objects.setdefault(name, []).append({"Id": made, "IsDeleted": False, "MasterRecordId": None, **fields})
        return made

    def lead(self, number: int, day: float, status: str, **more: Any) -> str:
        own = {
            "FirstName": f"Ada{number}",
            "Email": f"person{number}@person.example",
            "Company": f"Nord {number // 2} GmbH",
        }
        converted = dict.fromkeys(
            ("ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId", "ConvertedAccountId")
        )
        base = {
            "CreatedDate": at(day),
            "SystemModstamp": at(day),
            "Status": status,
            "IsConverted": False,
            "OwnerId": "005x",
        }
        return self.add(
            "Lead", number, "00Q", **own | base | converted | {"Industry": "Steel", "LeadSource": "Web"} | more
        )

    def changed(self, lead_id: str, day: float, field: str, old: str | None, new: str | None) -> None:
        number = len(self.objects.get("LeadHistory", [])) + 1
        self.add(
            "LeadHistory", number, "017", LeadId=lead_id, Field=field, OldValue=old, NewValue=new, CreatedDate=at(day)
        )

    def tracked_since(self, day: float) -> None:
        """Field history begins: somebody else's lead was the first that changed."""
        self.changed("00Q000000009999AAA", day, "Status", "Open - Not Contacted", "Working - Contacted")

    def delete(self, name: str, record_id: str, day: float, into: str | None = None) -> None:
        """Into the recycle bin; `into`: as the losing record of a merge."""
        record = next(item for item in self.objects[name] if item["Id"] == record_id)
        record |= {"IsDeleted": True, "MasterRecordId": into, "SystemModstamp": at(day)}
        if name == "Lead":
            self.objects["LeadHistory"] = [h for h in self.objects.get("LeadHistory", []) if h["LeadId"] != record_id]
        if into is not None:
            for items in (self.objects.get(part, []) for part in ("Task", "Event", "CampaignMember")):
                for item in items:
                    item |= {key: into for key in ("WhoId", "LeadId", "ContactId") if item.get(key) == record_id}

    def empty_recycle_bin(self) -> None:
        """As after 15 days."""
        self.objects = {name: [item for item in items if not item["IsDeleted"]] for name, items in self.objects.items()}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Reply:
        if headers.get("Authorization") != f"Bearer {SESSION}":
            return failure(401, "INVALID_SESSION_ID")
        self.used += 1
        if path == f"{ROOT}query/":
            reply = self._query(query["q"][0], with_deleted=False)
        elif path == f"{ROOT}queryAll/":
            reply = self._query(query["q"][0], with_deleted=True)
        elif path.startswith(f"{ROOT}query/"):
            reply = self._next(self._rest[path]) if path in self._rest else failure(400, "INVALID_QUERY_LOCATOR")
        elif found := re.fullmatch(f"{ROOT}sobjects/(\\w+)/describe", path):
            there = dict.fromkeys(self._fields(found[1]), False) | (self.fields if found[1] == "Lead" else {})
            described = [{"name": n, "updateable": u, "type": "string"} for n, u in there.items()]
            reply = Reply(200, {"name": found[1], "fields": described})
        elif path == f"{ROOT}composite/sobjects" and method == "PATCH":
            reply = self._update(body)
        else:
            reply = failure(404, "NOT_FOUND")
        reply.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{self.total}"
        return reply

    def forget_cursors(self) -> None:
        """As after some days."""
        self._rest.clear()

    def _fields(self, name: str) -> list[str]:
        records = self.objects.get(name, [])
        return list(dict.fromkeys(field for record in records for field in record if field not in self.unknown))

    def _query(self, soql: str, with_deleted: bool) -> Reply:
        found = re.fullmatch(r"SELECT (.+?) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY (.+?))?(?: LIMIT (\d+))?", soql)
        if found is None:
            return failure(400, "MALFORMED_QUERY")
        fields, name, where, order, limit = found.groups()
        if name in self.hidden:
            return failure(400, "INVALID_TYPE")
        if set(fields.split(", ")) & self.unknown:
            return failure(400, "INVALID_FIELD")
        records = self.objects.get(name, [])
        if not with_deleted:
            records = [item for item in records if not item["IsDeleted"] and not item.get("IsArchived")]
        for condition in where.split(" AND ") if where else []:
            records = [item for item in records if self._holds(item, condition)]
        for field in reversed(order.split(", ") if order else []):
            records = sorted(records, key=lambda item, field=field: item[field])
        shown = [
            {
                "attributes": {"type": name},
                **{f: item.get(f) if f in self.fields else item[f] for f in fields.split(", ") if "." not in f},
                **self._parents(item, fields),
            }
            for item in records[: int(limit) if limit else None]
        ]
        return self._next([len(shown), shown])

    @staticmethod
    def _parents(item: dict[str, Any], fields: str) -> dict[str, Any]:
        return (
            {"Campaign": {"attributes": {"type": "Campaign"}, **item["Campaign"]}} if "Campaign.Type" in fields else {}
        )

    @staticmethod
    def _holds(item: dict[str, Any], condition: str) -> bool:
        if found := re.fullmatch(r"(\w+) IN \((.+)\)", condition):
            return item[found[1]] in _listed(found[2])
        field, operator, value = condition.split(" ")
        if value.startswith("'"):
            return bool(item[field] == value.strip("'"))
        if operator == ">=":
            return bool(item[field].replace(".000+0000", "Z") >= value)
        return bool(item[field] is not None if operator == "!=" else item[field] is (value == "true"))

    def _next(self, rest: list[Any]) -> Reply:
        total, records = rest
        if len(records) <= self.page:
            return Reply(200, {"totalSize": total, "done": True, "records": records})
        url = f"{ROOT}query/01g-{len(self._rest)}-{len(self.requests)}"
        self._rest[url] = [total, records[self.page :]]
        return Reply(200, {"totalSize": total, "done": False, "nextRecordsUrl": url, "records": records[: self.page]})

    def _update(self, body: Any) -> Reply:
        if len(body["records"]) > 200 or body["allOrNone"]:
            return failure(400, "LIMIT_EXCEEDED")
        leads = {item["Id"]: item for item in self.objects["Lead"]}
        results = []
        for record in body["records"]:
            values = {k: v for k, v in record.items() if k not in ("attributes", "id")}
            gone = record["id"] not in leads or leads[record["id"]]["IsDeleted"]
            code = self.refuse.get(record["id"]) or ("ENTITY_IS_DELETED" if gone else None)
            if code or set(values) - set(self.fields):
                results.append(
                    {
                        "success": False,
                        "errors": [{"statusCode": code or "INVALID_FIELD", "message": "no", "fields": []}],
                    }
                )
                continue
            leads[record["id"]].update(values)
            results.append({"id": record["id"], "success": True, "errors": []})
        return Reply(200, results)
