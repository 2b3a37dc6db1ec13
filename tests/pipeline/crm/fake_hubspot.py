"""HubSpot's published API, as far as the adapter uses it: CRM objects v3, properties v3, associations v4, events v3.

Shapes are those of the models of hubspot-api-client 12 and of developers.hubspot.com/docs/api-reference (crm-objects-v3,
crm-associations-v4, legacy events v3). What it does, and who says so:

- A page of a list has 100 records, 50 with history; unknown properties are left out of a record, known ones without a value
  are null (docstring of `BasicApi.get_page`; docs/api-reference/crm-objects-v3).
- A list brings the first 100 associations of a record and a cursor for the rest
  (community.hubspot.com/t5/Developer-Announcements/.../td-p/380265; github.com/HubSpot/hubspot-api-python/issues/135).
- Associations v4 read up to 100 records a call; `paging` stands beside each record that has more, its `after` goes back with
  the id; a record without any is an error of the 207
  (developers.hubspot.com/changelog/bug-fix-batch-read-limit-for-hubspot-associations-api;
  docs/api-reference/latest/crm/associations/associate-records/batch/get-associations).
- A merge makes a third record with a new id; `hs_merged_object_ids` names both old ones, which answer as the new one, in
  reads and writes (developers.hubspot.com/changelog/updated-merge-functionality-for-contacts-and-companies).
- A search finds 10,000 records at most and no archived ones; those are listed apart, and not by time
  (docs/api-reference/crm-search; github.com/supaglue-labs/supaglue/pull/494; blog.sequin.io/building-a-sync-on-hubspots-api).
- Batches of 100; a record that is not there, or not taken, is an error of the 207 with `context.ids`; a value that does not
  fit rejects the batch (docs/api-reference/crm-objects-v3, batch update).
- 429 names its `policyName` and may have `Retry-After`
  (developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines).
"""

import re
from datetime import UTC, datetime
from typing import Any

from tests.pipeline.crm.server import Fake, Reply

TOKEN = "pat-eu1-test"
DAY = 86_400


def iso(day: float) -> str:
    """Days after 2026-01-01, as HubSpot writes moments."""
    return (
        datetime.fromtimestamp(1_767_225_600 + day * DAY, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def error(status: int, category: str, **more: Any) -> Reply:
    body = {
        "status": "error",
        "message": "about ada@person.example",
        "correlationId": "c-1",
        "category": category,
        **more,
    }
    return Reply(status, body)


def limited(policy: str, wait: str | None = None) -> Reply:
    reply = error(429, "RATE_LIMITS", errorType="RATE_LIMIT", policyName=policy)
    if wait is not None:
        reply.headers["Retry-After"] = wait
    return reply


class FakeHubSpot(Fake):
    links_page = 100
    searchable = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, dict[str, dict[str, Any]]] = {}
        self.archived: dict[str, dict[str, float]] = {}  # kind -> id -> day
        self.aliases: dict[tuple[str, str], str] = {}  # (kind, old id) -> the id it was merged into
        self.unknown: set[str] = set()  # properties that the account does not have
        self.events: list[dict[str, Any]] = []
        self.fields = {"email", "firstname", "lifecyclestage"}
        self.refuse: dict[str, str] = {}  # id -> category, in batch updates
        self.invalid: set[str] = set()  # ids whose value makes HubSpot reject the whole batch
        self.events_allowed = True

    def add(
        self,
        kind: str,
        number: int,
        properties: dict[str, str],
        history: dict[str, list[tuple[float, str]]] | None = None,
        links: dict[str, list[int]] | None = None,
        modified: float = 0.0,
    ) -> None:
        """`history`: (day, value), oldest first; the property's own value is the last."""
        old = dict(history or {})
        if kind == "contacts" and links and links.get("companies"):  # the first company becomes the primary one
            old.setdefault("associatedcompanyid", [(0.0, str(links["companies"][0]))])
        own = {name: values[-1][1] for name, values in old.items()}
        secret = {"email": f"person{number}@person.example", "firstname": f"Ada{number}"} if kind == "contacts" else {}
        self.objects.setdefault(kind, {})[str(number)] = {
            "properties": {**secret, **properties, **own},
            "history": old,
            "links": links or {},
            "modified": modified,
        }

    def archive(self, kind: str, number: int, day: float) -> None:
        del self.objects[kind][str(number)]
        self.archived.setdefault(kind, {})[str(number)] = day

    def merge(self, kind: str, primary: int, other: int, into: int, day: float) -> None:
        """Both become a third record; what was linked to them is linked to it, and is not modified by that."""
        one, two = (self.objects[kind].pop(str(number)) for number in (primary, other))
        history = {
            name: sorted(dict([*two["history"].get(name, []), *one["history"].get(name, [])]).items())
            for name in one["history"] | two["history"]
        }
        olds = [str(primary), str(other)]
        merged = [
            old for item in (one, two) for old in item["properties"].get("hs_merged_object_ids", "").split(";") if old
        ]
        self.objects[kind][str(into)] = {
            "properties": two["properties"] | one["properties"] | {"hs_merged_object_ids": ";".join([*merged, *olds])},
            "history": history,
            "links": two["links"] | one["links"],
            "modified": day,
        }
        for old in olds:
            self.aliases[kind, old] = str(into)
            self.archived.setdefault(kind, {})[old] = day
        for items in self.objects.values():
            for item in items.values():
                if kind in item["links"]:
                    item["links"][kind] = list(
                        dict.fromkeys(into if str(to) in olds else to for to in item["links"][kind])
                    )

    def _number(self, kind: str, number: str) -> str:
        while (kind, number) in self.aliases:
            number = self.aliases[kind, number]
        return number

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: Any) -> Reply:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "INVALID_AUTHENTICATION")
        if path == "/events/v3/events/":
            return self._events(query)
        if path == "/crm/v3/properties/contacts":
            return self._properties(method, body)
        if found := re.fullmatch(r"/crm/v4/associations/(\w+)/(\w+)/batch/read", path):
            return self._associations(found[1], found[2], body)
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)(/search|/batch/read|/batch/update)?", path):
            serve = {
                None: self._list,
                "/search": self._search,
                "/batch/read": self._read,
                "/batch/update": self._update,
            }
            return serve[found[2]](found[1], query if found[2] is None else body)
        return Reply(
            404,
            {
                "status": "error",
                "message": "resource not found",
                "correlationId": "c-1",
                "category": "OBJECT_NOT_FOUND",
            },
        )

    def _shown(self, kind: str, number: str, names: list[str], with_history: list[str]) -> dict[str, Any]:
        item = self.objects[kind][number]
        shown: dict[str, Any] = {
            "id": number,
            "properties": {name: item["properties"].get(name) for name in names if name and name not in self.unknown}
            | {"hs_object_id": number},
            "createdAt": iso(0),
            "updatedAt": iso(item["modified"]),
            "archived": False,
        }
        if with_history:
            shown["propertiesWithHistory"] = {
                name: [
                    {
                        "value": value,
                        "timestamp": iso(day),
                        "sourceType": "CRM_UI",
                        "sourceId": "userId:1",
                        "updatedByUserId": 1,
                    }
                    for day, value in reversed(item["history"].get(name, []))
                ]
                for name in with_history
            }
        return shown

    def _list(self, kind: str, query: dict[str, list[str]]) -> Reply:
        names = ",".join(query.get("properties", [])).split(",")
        with_history = [name for name in ",".join(query.get("propertiesWithHistory", [])).split(",") if name]
        limit = int(query.get("limit", ["10"])[0])
        if limit > (50 if with_history else 100):
            return error(400, "VALIDATION_ERROR")
        if query.get("archived", [""])[0].lower() == "true":
            return self._archived(kind, limit, int(query.get("after", ["0"])[0]))
        numbers = sorted(self.objects.get(kind, {}), key=int)
        start = int(query.get("after", ["0"])[0])
        results = []
        for number in numbers[start : start + limit]:
            shown = self._shown(kind, number, names, with_history)
            links = self.objects[kind][number]["links"]
            wanted = ",".join(query.get("associations", [])).split(",")
            shown["associations"] = {
                other: {"results": [{"id": str(to), "type": f"{kind}_to_{other}"} for to in links[other][:100]]}
                | (
                    {"paging": {"next": {"after": "MTAw", "link": "https://api.hubapi.com/..."}}}
                    if len(links[other]) > 100
                    else {}
                )
                for other in wanted
                if links.get(other)
            }
            results.append(shown)
        page: dict[str, Any] = {"results": results}
        if start + limit < len(numbers):
            page["paging"] = {"next": {"after": str(start + limit), "link": "https://api.hubapi.com/..."}}
        return Reply(200, page)

    def _archived(self, kind: str, limit: int, start: int) -> Reply:
        numbers = sorted(self.archived.get(kind, {}), key=int)
        results = [
            {
                "id": number,
                "properties": {"hs_object_id": number},
                "createdAt": iso(0),
                "updatedAt": iso(self.archived[kind][number]),
                "archived": True,
                "archivedAt": iso(self.archived[kind][number]),
            }
            for number in numbers[start : start + limit]
        ]
        page: dict[str, Any] = {"results": results}
        if start + limit < len(numbers):
            page["paging"] = {"next": {"after": str(start + limit), "link": "https://api.hubapi.com/..."}}
        return Reply(200, page)

    def _search(self, kind: str, body: Any) -> Reply:
        (group,) = body["filterGroups"]
        since = next(float(f["value"]) / 1000 for f in group["filters"] if f["operator"] == "GTE")
        after = next(int(f["value"]) for f in group["filters"] if f["operator"] == "GT")
        name = next(f["propertyName"] for f in group["filters"] if f["operator"] == "GTE")
        assert name == ("lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate")
        numbers = [
            number
            for number in sorted(self.objects.get(kind, {}), key=int)
            if 1_767_225_600 + self.objects[kind][number]["modified"] * DAY >= since and int(number) > after
        ]
        start = int(body.get("after", 0))
        if start + body["limit"] > self.searchable:
            return error(400, "VALIDATION_ERROR")
        found = [self._shown(kind, number, [], []) for number in numbers[start : start + body["limit"]]]
        return Reply(200, {"total": len(numbers), "results": found})

    def _read(self, kind: str, body: Any) -> Reply:
        with_history = body.get("propertiesWithHistory", [])
        if len(body["inputs"]) > (50 if with_history else 100):
            return error(400, "VALIDATION_ERROR")
        asked = [self._number(kind, item["id"]) for item in body["inputs"]]
        numbers = [number for number in dict.fromkeys(asked) if number in self.objects.get(kind, {})]
        results = [self._shown(kind, number, body["properties"], with_history) for number in numbers]
        absent = [number for number in asked if number not in numbers]
        whole = {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)}
        return Reply(207, {**whole, **_errors({"OBJECT_NOT_FOUND": absent})}) if absent else Reply(200, whole)

    def _associations(self, kind: str, other: str, body: Any) -> Reply:
        if len(body["inputs"]) > 100:
            return error(400, "VALIDATION_ERROR")
        label = {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}
        results, none = [], []
        for item in body["inputs"]:
            number = self._number(kind, item["id"])
            linked = self.objects[kind][number]["links"].get(other, [])
            start = int(item.get("after", 0))
            page = linked[start : start + self.links_page]
            if not linked:
                none.append(number)
                continue
            result: dict[str, Any] = {
                "from": {"id": number},
                "to": [{"toObjectId": to, "associationTypes": [label]} for to in page],
            }
            if start + len(page) < len(linked):
                result["paging"] = {"next": {"after": str(start + len(page)), "link": "https://api.hubapi.com/..."}}
            results.append(result)
        whole = {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)}
        if not none:
            return Reply(200, whole)
        return Reply(207, {**whole, **_errors({"OBJECT_NOT_FOUND": none}, "crm.associations.NO_ASSOCIATIONS_FOUND")})

    def _events(self, query: dict[str, list[str]]) -> Reply:
        if not self.events_allowed:
            scopes = {"context": {"requiredGranularScopes": ["behavioral_events.event_definitions.read_write"]}}
            return error(403, "MISSING_SCOPES", errors=[{"message": "scopes", **scopes}])
        start, limit = int(query.get("after", ["0"])[0]), int(query["limit"][0])
        wanted = [event for event in self.events if event["eventType"] == query["eventType"][0]]
        page: dict[str, Any] = {"results": wanted[start : start + limit]}
        if start + limit < len(wanted):
            page["paging"] = {"next": {"after": str(start + limit)}}
        return Reply(200, page)

    def _properties(self, method: str, body: Any) -> Reply:
        if method == "POST":
            if body["name"] in self.fields:
                return error(409, "OBJECT_ALREADY_EXISTS")
            self.fields.add(body["name"])
            return Reply(201, {**body, "options": []})
        shape = {
            "label": "x",
            "type": "string",
            "fieldType": "text",
            "groupName": "contactinformation",
            "description": "",
            "options": [],
        }
        return Reply(200, {"results": [{"name": name, **shape} for name in sorted(self.fields)]})

    def _update(self, kind: str, body: Any) -> Reply:
        inputs = body["inputs"]
        if len(inputs) > 100 or any(item["id"] in self.invalid for item in inputs):
            return error(400, "VALIDATION_ERROR")
        if any(set(item["properties"]) - self.fields for item in inputs):
            return error(400, "VALIDATION_ERROR")
        bad: dict[str, list[str]] = {}
        results = []
        for item in inputs:
            number = self._number(kind, item["id"])
            category = "OBJECT_NOT_FOUND" if number not in self.objects[kind] else self.refuse.get(number)
            if category:
                bad.setdefault(category, []).append(item["id"])
                continue
            self.objects[kind][number]["properties"].update(item["properties"])
            results.append(self._shown(kind, number, list(item["properties"]), []))
        whole: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)}
        return Reply(207, {**whole, **_errors(bad)}) if bad else Reply(200, whole)


def _errors(by_category: dict[str, list[str]], sub_category: str | None = None) -> dict[str, Any]:
    """The part of a 207 that says what was not done."""
    errors = [
        {
            "status": "error",
            "category": category,
            **({"subCategory": sub_category} if sub_category else {}),
            "message": "not done",
            "context": {"ids": ids},
            "links": {},
            "errors": [],
            "id": "e",
        }
        for category, ids in by_category.items()
    ]
    return {"numErrors": len(errors), "errors": errors}
