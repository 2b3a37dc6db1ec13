"""HubSpot through `hubspot-api-client` (CRM API v3, associations v4, events v3); the only importer of hubspot.

Limits are HubSpot's usage guidelines: a burst limit per ten seconds, a daily one, search 5 calls a second and 10,000 results.
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from features.errors import CrmError, ParameterError
from pipeline.crm.hubspot_rows import OBJECTS, Record, event_rows, history_properties, properties, rows
from pipeline.crm.paging import Page, Pull
from pipeline.crm.rates import Caller, Failure
from pipeline.crm.records import Rows, clean_asset, refuse_identifiers
from pipeline.crm.write import Answer, Refusal, Update
from pipeline.params import CrmParams

try:
    import urllib3
    from hubspot import HubSpot as Client
    from hubspot.crm.associations.v4 import exceptions as association_errors
    from hubspot.crm.objects import exceptions as object_errors
    from hubspot.crm.properties import exceptions as property_errors
    from hubspot.events import exceptions as event_errors
except ModuleNotFoundError as error:
    raise ParameterError(
        f"--crm hubspot: {error.name} is not installed. Run `make env-crm`, which installs the clients of the CRMs."
    ) from error

__all__ = ["TOKEN", "HubSpot"]

TOKEN = "HUBSPOT_ACCESS_TOKEN"
PAGE, PAGE_WITH_HISTORY, BATCH = 100, 50, 100
REFUSED = (
    object_errors.ApiException,
    property_errors.ApiException,
    association_errors.ApiException,
    event_errors.ApiException,
)
LINKS = {"contacts": ("companies",), "companies": (), "deals": ("contacts", "companies")}
MODIFIED = {"contacts": "lastmodifieddate"}
GROUP = "contactinformation"


def explain(error: Any) -> Failure:
    """Say what a failure of HubSpot's client means; its message is not repeated, for it may quote a person's values."""
    if not isinstance(error, REFUSED):
        return Failure(f"HubSpot can't be reached ({type(error).__name__}).", again=True)
    body = _body(error)
    what = (
        f"HubSpot answered {error.status} {body.get('category', '')} (correlationId {body.get('correlationId', '-')})."
    )
    if error.status == 429:
        if body.get("policyName") == "DAILY":
            return Failure(
                f"{what} The account's daily limit of API calls is used up; run the same command again tomorrow, "
                "it goes on where it was.",
                again=False,
            )
        wait = (error.headers or {}).get("Retry-After")
        return Failure(what, again=True, wait=float(wait) if wait and wait.replace(".", "", 1).isdigit() else None)
    if error.status == 401:
        return Failure(
            f"{what} The token in {TOKEN} is missing, wrong or expired; make one in a private app.", again=False
        )
    if error.status == 403:
        scopes = [scope for item in body.get("errors", []) for scope in _scopes(item)]
        return Failure(
            f"{what} The private app lacks the scope(s) {', '.join(scopes) or 'of this object'}.", again=False
        )
    return Failure(what, again=error.status >= 500 or error.status in (408, 423))


def _body(error: Any) -> dict[str, Any]:
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _scopes(item: dict[str, Any]) -> list[str]:
    context = item.get("context", {})
    return context.get("requiredGranularScopes") or context.get("requiredScopes") or []


class HubSpot:
    """One HubSpot account.

    Parameters
    ----------
    params : CrmParams
        The `crm` section.
    token : str, optional
        Of a private app; default: the environment's.
    host : str, optional
        Default: HubSpot's.
    caller : dict
        Further arguments of `Caller`.
    """

    name = "hubspot"
    batch_size = BATCH

    def __init__(self, params: CrmParams, token: str | None = None, host: str | None = None, **caller: Any) -> None:
        token = token or os.environ.get(TOKEN)
        if not token:
            raise ParameterError(f"{TOKEN} is not set. Make a private app in HubSpot and put its access token there.")
        self.params = params.hubspot
        self.attributes, self.fields = self.params.attributes, self.params.fields
        refuse_identifiers(self.attributes, "crm.hubspot")
        self._timeout = params.timeout_seconds
        self._client = Client(access_token=token, host=host, retry=0)  # Caller repeats
        errors = (*REFUSED, urllib3.exceptions.HTTPError)
        self._caller = Caller(errors, explain, params.attempts, self.params.calls_per_10_seconds, **caller)
        self.pause = self._caller.pause
        self.notes: list[str] = []

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._caller(function, *args, _request_timeout=self._timeout, **kwargs)

    # Pull

    def pull(self, pull: Pull, seen: Any) -> None:
        """Fetch the pages of every object."""
        for kind in OBJECTS:
            page = partial(self._changed_page, kind, pull.since) if pull.since else partial(self._page, kind)
            pull.fetch(kind, page, partial(seen, kind))
        for event_type in self.params.event_kinds:
            page = partial(self._event_page, event_type, pull.since)
            pull.fetch(f"event-{event_type}", page, partial(seen, "events"))

    def rows(self, pull: Pull) -> Rows:
        """Turn the fetched pages into rows."""
        tables: Rows = {}
        parts = [rows(kind, pull.records(kind), self.params) for kind in OBJECTS]
        parts += [event_rows(pull.records(f"event-{name}"), self.params) for name in self.params.event_kinds]
        for part in parts:
            for table, more in part.items():
                tables.setdefault(table, []).extend(more)
        return tables

    def _page(self, kind: str, cursor: str | None) -> Page:
        history = history_properties(kind, self.params)
        links = LINKS.get(kind, ("contacts",))
        page = self._call(
            self._client.crm.objects.basic_api.get_page,
            kind,
            limit=PAGE_WITH_HISTORY if history else PAGE,
            after=cursor,
            properties=properties(kind, self.params),
            **({"properties_with_history": history} if history else {}),
            **({"associations": list(links)} if links else {}),
        )
        records = [_record(item, {k: _linked(item, k) for k in links}) for item in page.results]
        return Page(records, page.paging.next.after if page.paging and page.paging.next else None)

    def _changed_page(self, kind: str, since: str, cursor: str | None) -> Page:
        """Search what changed, by ascending id (a search gives 10,000 results at most); read it with its history and links."""
        history = history_properties(kind, self.params)
        size = PAGE_WITH_HISTORY if history else PAGE
        moment = str(int(datetime.fromisoformat(since).timestamp() * 1000))
        modified = {"propertyName": MODIFIED.get(kind, "hs_lastmodifieddate"), "operator": "GTE", "value": moment}
        after = {"propertyName": "hs_object_id", "operator": "GT", "value": cursor or "0"}
        found = self._call(
            self._client.crm.objects.search_api.do_search,
            kind,
            {
                "filterGroups": [{"filters": [modified, after]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": ["hs_object_id"],
                "limit": size,
            },
        )
        ids = [item.id for item in found.results]
        if not ids:
            return Page([], None)
        body: dict[str, Any] = {"inputs": [{"id": i} for i in ids], "properties": properties(kind, self.params)}
        if history:
            body["propertiesWithHistory"] = history
        read = self._call(self._client.crm.objects.batch_api.read, kind, body)
        links = {other: self._links(kind, other, ids) for other in LINKS.get(kind, ("contacts",))}
        records = [_record(item, {k: linked.get(item.id, []) for k, linked in links.items()}) for item in read.results]
        return Page(records, ids[-1] if len(ids) == size else None)

    def _links(self, kind: str, other: str, ids: list[str]) -> dict[str, list[str]]:
        found = self._call(
            self._client.crm.associations.v4.batch_api.get_page, kind, other, {"inputs": [{"id": i} for i in ids]}
        )
        return {str(item._from.id): [str(to.to_object_id) for to in item.to] for item in found.results}

    def _event_page(self, event_type: str, since: str | None, cursor: str | None) -> Page:
        try:
            page = self._call(
                self._client.events.events_api.get_page,
                object_type="contact",
                event_type=event_type,
                limit=PAGE,
                **({"after": cursor} if cursor else {}),
                **({"occurred_after": since} if since else {}),
            )
        except CrmError as error:
            if " 403 " not in str(error):
                raise
            self.notes.append(
                f"no events of type {event_type}: {error} (the events API needs an Enterprise subscription)"
            )
            return Page([], None)
        records = [
            {
                "id": str(item.id),
                "type": event_type,
                "lead_id": str(item.object_id),
                "occurred_at": item.occurred_at.isoformat(),
                "asset": clean_asset((item.properties or {}).get("hs_url")),
            }
            for item in page.results
        ]
        return Page(records, page.paging.next.after if page.paging and page.paging.next else None)

    # Push

    def missing_fields(self) -> list[str]:
        """Name the properties of contacts that scores go to and that are not there."""
        there = {item.name for item in self._call(self._client.crm.properties.core_api.get_all, "contacts").results}
        return [name for name in self.fields.model_dump().values() if name not in there]

    def create_fields(self, names: Sequence[str]) -> list[str]:
        """Create properties of contacts; returns what an administrator must still do: nothing."""
        for role, name in self.fields.model_dump().items():
            if name in names:
                number = role == "probability"
                body = {
                    "name": name,
                    "label": f"Lead {role}",
                    "groupName": GROUP,
                    "type": "number" if number else "string",
                    "fieldType": "number" if number else "textarea" if role == "reasons" else "text",
                    "description": "Written by lead qualification; changes made by hand are overwritten.",
                }
                self._call(self._client.crm.properties.core_api.create, "contacts", body)
        return []

    def send(self, batch: Sequence[Update]) -> Answer:
        """Update contacts in one call; where HubSpot rejects all for one record, halve until that one stands alone."""
        body = {
            "inputs": [
                {"id": item.lead_id, "properties": {k: "" if v is None else str(v) for k, v in item.values.items()}}
                for item in batch
            ]
        }
        try:
            result = self._caller(self._update, body)
        except _RejectedError as rejected:
            if len(batch) == 1:
                return Answer([], {batch[0].lead_id: Refusal(rejected.reason, again=False)})
            half = len(batch) // 2
            first, second = self.send(batch[:half]), self.send(batch[half:])
            return Answer(first.taken + second.taken, first.refused | second.refused)
        answer = Answer([str(item.id) for item in result.results])
        for item in getattr(result, "errors", None) or []:  # 207 Multi-Status
            again = item.category in ("RATE_LIMITS", "INTERNAL_ERROR", "CONFLICT")
            for lead_id in (item.context or {}).get("ids", []):
                answer.refused[str(lead_id)] = Refusal(str(item.category), again)
        return answer

    def _update(self, body: dict[str, Any]) -> Any:
        try:
            return self._client.crm.objects.batch_api.update("contacts", body, _request_timeout=self._timeout)
        except REFUSED as error:
            if error.status in (400, 404):
                raise _RejectedError(str(_body(error).get("category", error.status))) from None
            raise


class _RejectedError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _record(item: Any, links: dict[str, list[str]]) -> Record:
    history = {
        name: sorted([entry.value, entry.timestamp.isoformat()] for entry in entries)
        for name, entries in (item.properties_with_history or {}).items()
    }
    for entries in history.values():
        entries.sort(key=lambda entry: entry[1])
    return {"id": str(item.id), "properties": item.properties or {}, "history": history, "links": links}


def _linked(item: Any, other: str) -> list[str]:
    found = (item.associations or {}).get(other)
    return list(dict.fromkeys(str(link.id) for link in found.results)) if found else []
