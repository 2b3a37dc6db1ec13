"""HubSpot's published API, as far as the adapter uses it: CRM objects v3, properties v3, associations v4, events v3.

Shapes as in developers.hubspot.com/docs/api-reference (crm-contacts-v3, crm-associations-v4, legacy events v3) and
in the models of hubspot-api-client 12: `paging.next.after`, `propertiesWithHistory` (newest first; pages of 50 at most), batch
updates of 100 that answer 207 with `errors[].context.ids`, errors with `category`, `correlationId` and, for 429, `policyName`.
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
    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, dict[str, dict[str, Any]]] = {}
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
        old = history or {}
        own = {name: values[-1][1] for name, values in old.items()}
        secret = {"email": f"person{number}@person.example", "firstname": f"Ada{number}"} if kind == "contacts" else {}
        self.objects.setdefault(kind, {})[str(number)] = {
            "properties": {**secret, **properties, **own},
            "history": old,
            "links": links or {},
            "modified": modified,
        }

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
            "properties": {name: item["properties"].get(name) for name in [*names, "hs_object_id"]}
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
        numbers = sorted(self.objects.get(kind, {}), key=int)
        start = int(query.get("after", ["0"])[0])
        results = []
        for number in numbers[start : start + limit]:
            shown = self._shown(kind, number, names, with_history)
            links = self.objects[kind][number]["links"]
            wanted = ",".join(query.get("associations", [])).split(",")
            shown["associations"] = {
                other: {"results": [{"id": str(to), "type": f"{kind}_to_{other}"} for to in links[other]]}
                for other in wanted
                if links.get(other)
            }
            results.append(shown)
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
        found = [self._shown(kind, number, [], []) for number in numbers[: body["limit"]]]
        return Reply(200, {"total": len(numbers), "results": found})

    def _read(self, kind: str, body: Any) -> Reply:
        with_history = body.get("propertiesWithHistory", [])
        if len(body["inputs"]) > (50 if with_history else 100):
            return error(400, "VALIDATION_ERROR")
        results = [self._shown(kind, item["id"], body["properties"], with_history) for item in body["inputs"]]
        return Reply(200, {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)})

    def _associations(self, kind: str, other: str, body: Any) -> Reply:
        label = {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}
        results = [
            {
                "from": {"id": item["id"]},
                "to": [
                    {"toObjectId": to, "associationTypes": [label]}
                    for to in self.objects[kind][item["id"]]["links"][other]
                ],
            }
            for item in body["inputs"]
            if self.objects[kind][item["id"]]["links"].get(other)
        ]
        return Reply(200, {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)})

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
            category = "OBJECT_NOT_FOUND" if item["id"] not in self.objects[kind] else self.refuse.get(item["id"])
            if category:
                bad.setdefault(category, []).append(item["id"])
                continue
            self.objects[kind][item["id"]]["properties"].update(item["properties"])
            results.append(self._shown(kind, item["id"], list(item["properties"]), []))
        whole: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": iso(0), "completedAt": iso(0)}
        if not bad:
            return Reply(200, whole)
        errors = [
            {
                "status": "error",
                "category": category,
                "message": "not taken",
                "context": {"ids": ids},
                "links": {},
                "errors": [],
                "id": "e",
            }
            for category, ids in bad.items()
        ]
        return Reply(207, {**whole, "numErrors": len(errors), "errors": errors})
