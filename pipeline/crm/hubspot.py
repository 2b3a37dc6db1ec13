"""HubSpot through `hubspot-api-client` (CRM API v3, associations v4, events v3); the only importer of hubspot.

Limits are HubSpot's usage guidelines: a burst limit per ten seconds, a daily one, search 5 calls a second and 10,000 results.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from features.errors import CrmError, ParameterError
from pipeline.crm.hubspot_errors import TOKEN, body_of, explain
from pipeline.crm.hubspot_records import (
    absent_fields,
    event_of,
    first_links,
    has_more_links,
    left_out,
    merged_into,
    next_cursor,
    record_of,
)
from pipeline.crm.hubspot_rows import (
    OBJECTS,
    archived_rows,
    event_rows,
    history_properties,
    properties,
    rows,
)
from pipeline.crm.paging import Page, Pull
from pipeline.crm.rates import Caller
from pipeline.crm.records import Rows, add_rows, refuse_identifiers
from pipeline.crm.write import Answer, Current, Refusal, Update
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

PAGE, PAGE_WITH_HISTORY, BATCH = 100, 50, 100
LINKS_AT_MOST = 10_000  # of one record to one kind of object
REFUSED = (
    object_errors.ApiException,
    property_errors.ApiException,
    association_errors.ApiException,
    event_errors.ApiException,
)
# A contact's company is a property with history, associatedcompanyid; an association says nothing about since when.
LINKS = {"contacts": (), "companies": (), "deals": ("contacts", "companies")}
MODIFIED = {"contacts": "lastmodifieddate"}
GROUP = "contactinformation"


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

        def meaning(error: Any) -> Any:
            return explain(error, answered=isinstance(error, REFUSED))

        self._caller = Caller(errors, meaning, params.attempts, self.params.calls_per_10_seconds, **caller)
        self.pause = self._caller.pause
        self.notes: list[str] = []
        self.accounts_key: str | None = None

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._caller(function, *args, _request_timeout=self._timeout, **kwargs)

    # Pull

    def pull(self, pull: Pull, seen: Any) -> None:
        """Fetch the pages of every object, of an incremental pull also of what was archived."""
        for kind in OBJECTS:
            page = partial(self._changed_page, kind, pull.since) if pull.since else partial(self._page, kind)
            pull.fetch(kind, page, partial(seen, kind))
        if pull.since:
            for kind in OBJECTS:
                page = partial(self._archived_page, kind, pull.since)
                pull.fetch(f"archived-{kind}", page, partial(seen, f"archived {kind}"))
        for event_type in self.params.event_kinds:
            page = partial(self._event_page, event_type, pull.since)
            pull.fetch(f"event-{event_type}", page, partial(seen, "events"))

    def rows(self, pull: Pull) -> Rows:
        """Turn the fetched pages into rows."""
        tables: Rows = {}
        for kind in OBJECTS:
            add_rows(tables, rows(kind, pull.records(kind), self.params))
            add_rows(tables, archived_rows(kind, pull.records(f"archived-{kind}")))
        for name in self.params.event_kinds:
            add_rows(tables, event_rows(pull.records(f"event-{name}"), self.params))
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
        self._refuse_absent(kind, page.results)
        notes: list[str] = []
        linked = {other: {str(item.id): first_links(item, other) for item in page.results} for other in links}
        for other in links:
            more = [str(item.id) for item in page.results if has_more_links(item, other)]
            if more:  # the page's cursor is one of v3: read them anew, all of them
                linked[other] |= self._links(kind, other, more, notes)
        records = [record_of(item, {other: linked[other][str(item.id)] for other in links}) for item in page.results]
        return Page(records, next_cursor(page), notes)

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
        # A record that was merged since the search comes with its new id.
        read = {str(item.id): item for item in self._call(self._client.crm.objects.batch_api.read, kind, body).results}
        self._refuse_absent(kind, list(read.values()))
        notes: list[str] = []
        links = {other: self._links(kind, other, list(read), notes) for other in LINKS.get(kind, ("contacts",))}
        records = [record_of(item, {k: linked.get(i, []) for k, linked in links.items()}) for i, item in read.items()]
        return Page(records, ids[-1] if len(ids) == size else None, notes)

    def _archived_page(self, kind: str, since: str, cursor: str | None) -> Page:
        """List what was archived (a search can't): all of it, for it can't be asked for by time."""
        page = self._call(self._client.crm.objects.basic_api.get_page, kind, limit=PAGE, after=cursor, archived=True)
        begin = datetime.fromisoformat(since)
        archived = [item for item in page.results if item.archived]
        records = [{"id": str(item.id)} for item in archived if item.archived_at is None or item.archived_at >= begin]
        return Page(records, next_cursor(page))

    def _links(self, kind: str, other: str, ids: list[str], notes: list[str]) -> dict[str, list[str]]:
        """Read the associations of records, every page; each record has a cursor of its own."""
        linked: dict[str, list[str]] = {record_id: [] for record_id in ids}
        waiting: list[dict[str, str]] = [{"id": record_id} for record_id in ids]
        while waiting:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            answer = self._call(self._client.crm.associations.v4.batch_api.get_page, kind, other, {"inputs": batch})
            for item in answer.results:
                record_id, cursor = str(item._from.id), next_cursor(item)
                linked.setdefault(record_id, []).extend(str(to.to_object_id) for to in item.to)
                if cursor is not None and len(linked[record_id]) < LINKS_AT_MOST:
                    waiting.append({"id": record_id, "after": cursor})
                elif cursor is not None:
                    notes.append(
                        f"{kind} {record_id}: more than {LINKS_AT_MOST:,} associated {other}; the others are left out"
                    )
            notes += left_out(answer, kind, other)
        return {record_id: list(dict.fromkeys(others)) for record_id, others in linked.items()}

    def _refuse_absent(self, kind: str, items: Sequence[Any]) -> None:
        if absent := absent_fields(kind, items, self.attributes):
            words = "; ".join(f"{name}: {field!r}" for name, field in absent.items())
            raise ParameterError(
                f"crm.hubspot.attributes: HubSpot has no such properties of {kind} ({words}). Correct their `field`, its "
                "internal name under Settings > Properties, or remove the attribute."
            )

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
            note = f"no events of type {event_type}: {error} (the events API needs an Enterprise subscription)"
            return Page([], None, [note])
        return Page([event_of(item, event_type) for item in page.results], next_cursor(page))

    # Push

    def missing_fields(self) -> list[str]:
        """Name the properties of contacts that scores go to and that are not there."""
        there = {item.name for item in self._call(self._client.crm.properties.core_api.get_all, "contacts").results}
        return [name for name in self.fields.by_role().values() if name not in there]

    def create_fields(self, names: Sequence[str]) -> list[str]:
        """Create properties of contacts; returns what an administrator must still do: nothing."""
        for role, name in self.fields.by_role().items():
            if name in names:
                number = role == "probability"
                body = {
                    "name": name,
                    "label": f"Lead {role}",
                    "groupName": GROUP,
                    "type": "number" if number else "string",
                    "fieldType": "number" if number else "textarea" if role == "reasons" else "text",
                    "description": "Written by lead qualification; what a person enters stays, and is not brought up to date.",
                }
                self._call(self._client.crm.properties.core_api.create, "contacts", body)
        return []

    def current(self, batch: Sequence[Update]) -> Current:
        """Read what the fields of contacts hold; an answer with another id than was asked for is a merge."""
        names = list(batch[0].values)
        asked = [item.lead_id for item in batch]
        found = self._read(asked, [*names, "hs_merged_object_ids"])
        values = {str(item.id): {name: item.properties.get(name) for name in names} for item in found}
        return Current({lead_id: values[lead_id] for lead_id in asked if lead_id in values}, merged_into(found, asked))

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
            return self.send(batch[:half]) | self.send(batch[half:])
        sent, answered = {item.lead_id for item in batch}, {str(item.id) for item in result.results}
        answer = Answer(sorted(sent & answered))
        if strangers := sorted(answered - sent):
            answer.retired = merged_into(self._read(strangers, ["hs_merged_object_ids"]), sorted(sent - answered))
        for item in getattr(result, "errors", None) or []:  # 207 Multi-Status
            again = item.category in ("RATE_LIMITS", "INTERNAL_ERROR", "CONFLICT")
            for lead_id in (item.context or {}).get("ids", []):
                answer.refused[str(lead_id)] = Refusal(str(item.category), again)
        return answer

    def _read(self, ids: Sequence[str], names: Sequence[str]) -> Sequence[Any]:
        body = {"inputs": [{"id": i} for i in ids], "properties": list(names)}
        items: Sequence[Any] = self._call(self._client.crm.objects.batch_api.read, "contacts", body).results
        return items

    def _update(self, body: dict[str, Any]) -> Any:
        try:
            return self._client.crm.objects.batch_api.update("contacts", body, _request_timeout=self._timeout)
        except REFUSED as error:
            if error.status in (400, 404):
                raise _RejectedError(str(body_of(error).get("category", error.status))) from None
            raise


class _RejectedError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
