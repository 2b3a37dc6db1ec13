"""Salesforce through `simple-salesforce` (REST API v59.0: SOQL, sObject Collections); the only importer of the client."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from features.errors import CrmError, ParameterError
from models.data_protection.pseudonyms import Pseudonyms
from pipeline.crm.paging import Page, Pull
from pipeline.crm.rates import Caller
from pipeline.crm.records import Rows, refuse_identifiers
from pipeline.crm.salesforce_errors import AGAIN, explain
from pipeline.crm.salesforce_queries import DELETED, FIRST_CHANGE, QUERIES, among, changed_since, deleted, fields_of
from pipeline.crm.salesforce_rows import before_history, is_owner_by_name, retired_rows, rows
from pipeline.crm.write import Answer, Current, Refusal, Update
from pipeline.params import CrmParams

try:
    import requests
    import simple_salesforce
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
except ModuleNotFoundError as error:
    raise ParameterError(
        f"--crm salesforce: {error.name} is not installed. Run `make env-crm`, which installs the clients of the CRMs."
    ) from error

__all__ = ["Salesforce", "credentials"]

BATCH = 200
DELETED_CODE = "ENTITY_IS_DELETED"
DOMAIN, CONSUMER_KEY, CONSUMER_SECRET = "SALESFORCE_DOMAIN", "SALESFORCE_CONSUMER_KEY", "SALESFORCE_CONSUMER_SECRET"
USERNAME, PRIVATE_KEY_FILE = "SALESFORCE_USERNAME", "SALESFORCE_PRIVATE_KEY_FILE"
PASSWORD, SECURITY_TOKEN = "SALESFORCE_PASSWORD", "SALESFORCE_SECURITY_TOKEN"
TYPES = {
    "probability": "Number(5, 4)",
    "tier": "Text(1)",
    "decision": "Text(80)",
    "advice": "Text(255)",
    "reasons": "Text Area (Long)",
}


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Choose how to log in by what the environment holds: OAuth client credentials, JWT bearer, or user name and password.

    Raises
    ------
    ParameterError
        If none is complete; the message names the variables.
    """
    ways = (
        {"consumer_key": CONSUMER_KEY, "consumer_secret": CONSUMER_SECRET, "domain": DOMAIN},
        {"username": USERNAME, "consumer_key": CONSUMER_KEY, "privatekey_file": PRIVATE_KEY_FILE},
        {"username": USERNAME, "password": PASSWORD, "security_token": SECURITY_TOKEN},
    )
    for way in ways:
        if all(environment.get(variable) for variable in way.values()):
            domain = {"domain": environment[DOMAIN]} if environment.get(DOMAIN) else {}
            return {**domain, **{name: environment[variable] for name, variable in way.items()}}
    words = "; or ".join(", ".join(way.values()) for way in ways)
    raise ParameterError(f"Salesforce: no complete set of credentials in the environment. Set {words}.")


class Salesforce:
    """One Salesforce organisation.

    Parameters
    ----------
    params : CrmParams
        The `crm` section.
    pseudonyms : Pseudonyms, optional
        Make the ids of accounts out of companies' names; None: leads have no account, as where scores are only pushed.
    client : dict, optional
        Arguments of `simple_salesforce.Salesforce`; default: the environment's credentials.
    caller : dict
        Further arguments of `Caller`.
    """

    name = "salesforce"
    batch_size = BATCH

    def __init__(
        self,
        params: CrmParams,
        pseudonyms: Pseudonyms | None = None,
        client: dict[str, Any] | None = None,
        **caller: Any,
    ) -> None:
        self.params, self._pseudonyms = params.salesforce, pseudonyms
        self.accounts_key = None if pseudonyms is None else pseudonyms.key_id
        self.attributes, self.fields = self.params.attributes, self.params.fields
        refuse_identifiers(self.attributes, "crm.salesforce")
        if any(item.entity == "account" for item in self.attributes.values()):
            raise ParameterError(
                "crm.salesforce.attributes: leads have no account before their conversion; use fields of Lead."
            )
        self._timeout = params.timeout_seconds

        def meaning(error: Any) -> Any:
            refused = isinstance(error, SalesforceAuthenticationFailed)
            return explain(error, answered=isinstance(error, SalesforceError), logging_in=refused)

        self._caller = Caller((SalesforceError, requests.RequestException), meaning, params.attempts, **caller)
        self.pause = self._caller.pause
        self.notes: list[str] = []
        arguments = client if client is not None else credentials(os.environ)
        self._client = self._caller(simple_salesforce.Salesforce, **arguments)

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        usage = self._client.api_usage.get("api-usage")  # of the last answer's header Sforce-Limit-Info
        if usage is not None and usage.used > self.params.daily_share * usage.total:
            raise CrmError(
                f"Salesforce: {usage.used:,} of the organisation's {usage.total:,} API calls of 24 hours are used, more than "
                f"crm.salesforce.daily_share ({self.params.daily_share:.0%}) allows. Run the same command again later; it "
                "goes on where it was."
            )
        return self._caller(function, *args, timeout=self._timeout, **kwargs)

    # Pull

    def pull(self, pull: Pull, seen: Any) -> None:
        """Fetch the pages of every object, and what was merged and deleted (the recycle bin holds it for 15 days)."""
        for name in QUERIES:
            soql = changed_since(name, self.params, pull.since)
            pull.fetch(name, partial(self._page, soql, name), partial(seen, name))
        pull.fetch("first-change", partial(self._page, FIRST_CHANGE, "LeadHistory"), lambda _: None)
        for name in DELETED:
            if pull.since or DELETED[name].merges:
                page = partial(self._deleted_page, name, pull.since)
                pull.fetch(f"deleted-{name}", page, partial(seen, f"deleted {name}"))
        if pull.since:  # a lead's first stage is what its first change came from
            ids = sorted(
                {item["Id"] for item in pull.records("Lead")} | {item["LeadId"] for item in pull.records("LeadHistory")}
            )
            pull.fetch("whole", partial(self._whole_page, ids), partial(seen, "whole histories"))

    def _page(self, soql: str, name: str, cursor: str | None) -> Page:
        result = None
        if cursor is not None:
            try:
                result = self._call(self._client.query_more, cursor, identifier_is_url=True)
            except CrmError as error:
                if "INVALID_QUERY_LOCATOR" not in str(error):  # cursors live for days: begin this object again
                    raise
        if result is None:
            try:
                result = self._query(soql)
            except CrmError as error:
                if "INVALID_FIELD" in str(error):
                    self._name_absent(name, error)
                raise
        return Page(
            [self._kept(item) for item in result["records"]], None if result["done"] else result["nextRecordsUrl"]
        )

    def _query(self, soql: str) -> Any:
        """Ask by queryAll: a plain query leaves out tasks and events that Salesforce has archived, after a year."""
        return self._call(self._client.query, soql, include_deleted=True)

    def _name_absent(self, name: str, error: CrmError) -> None:
        """Say which fields of a query there are not; Salesforce's own words are not repeated."""
        described = self._call(self._client.restful, f"sobjects/{name}/describe")
        there = {item["name"] for item in described["fields"]}
        asked = fields_of(name, self.params)
        absent = [field for field in asked if "." not in field and field not in there]
        if absent:
            raise CrmError(
                f"{error} {name} has no field {', '.join(absent)} that this user may see: correct crm.salesforce.attributes, "
                "or give the user's permission set read access."
            ) from None

    def _deleted_page(self, name: str, since: str | None, cursor: str | None) -> Page:
        try:
            return self._page(deleted(name, since), name, cursor)
        except CrmError as error:
            if name == "Lead" or not DELETED[name].merges or "lacks the permission" not in str(error):
                raise
            return Page([], None, [f"merged and deleted records of {name} are not known: {error}"])

    def _whole_page(self, ids: list[str], cursor: str | None) -> Page:
        start = int(cursor or 0)
        part = ids[start : start + BATCH]
        if not part:
            return Page([], None)
        lead_fields = ", ".join(fields_of("Lead", self.params))
        leads = self._all(f"SELECT {lead_fields} FROM Lead WHERE IsDeleted = false AND Id IN {among(part)}")
        history_fields = ", ".join(fields_of("LeadHistory", self.params))
        history = self._all(
            f"SELECT {history_fields} FROM LeadHistory WHERE IsDeleted = false AND LeadId IN {among(part)} "
            "ORDER BY CreatedDate, Id"
        )
        more = start + BATCH < len(ids)
        return Page([{"Lead": leads, "LeadHistory": history}], str(start + BATCH) if more else None)

    def _all(self, soql: str) -> list[dict[str, Any]]:
        result = self._query(soql)
        records = list(result["records"])
        while not result["done"]:
            result = self._call(self._client.query_more, result["nextRecordsUrl"], identifier_is_url=True)
            records += result["records"]
        return [self._kept(item) for item in records]

    def _kept(self, item: dict[str, Any]) -> dict[str, Any]:
        """Leave out what describes the record, and names of companies and owners: before anything is on disk."""
        kept = {name: value for name, value in item.items() if name != "attributes"}
        if "Company" in kept:
            company = kept["Company"]
            kept["Company"] = self._pseudonyms.company(company) if company and self._pseudonyms is not None else None
        if isinstance(kept.get("Campaign"), dict):
            kept["Campaign"] = {"Type": kept["Campaign"].get("Type")}
        if is_owner_by_name(kept):
            kept["OldValue"] = kept["NewValue"] = None
        return kept

    def rows(self, pull: Pull) -> Rows:
        """Turn the fetched pages into rows."""
        records = {name: list(pull.records(name)) for name in QUERIES}
        if pull.since:
            whole = list(pull.records("whole"))
            records["Lead"] = [lead for page in whole for lead in page["Lead"]]
            records["LeadHistory"] = [item for page in whole for item in page["LeadHistory"]]
        first = next((item["CreatedDate"] for item in pull.records("first-change")), None)
        if not pull.since:
            self.notes += before_history(records["Lead"], first, self.params)
        tables = rows(records, records["LeadHistory"], self.params, first, pull.began_at)
        for name in DELETED:
            for table, more in retired_rows(name, pull.records(f"deleted-{name}")).items():
                tables.setdefault(table, []).extend(more)
        return tables

    # Push

    def missing_fields(self) -> list[str]:
        """Name the fields of Lead that scores go to and that are not there, or not writable for this user."""
        described = self._call(self._client.restful, "sobjects/Lead/describe")
        writable = {item["name"] for item in described["fields"] if item["updateable"]}
        return [name for name in self.fields.by_role().values() if name not in writable]

    def create_fields(self, names: Sequence[str]) -> list[str]:
        """Say which fields an administrator must create: data users may not change the schema."""
        return [
            f"Setup > Object Manager > Lead > Fields & Relationships > New: {TYPES[role]}, API name {name}; "
            "edit access for the integration user's permission set"
            for role, name in self.fields.by_role().items()
            if name in names
        ]

    def current(self, batch: Sequence[Update]) -> Current:
        """Read what the fields of leads hold; of the ones that are not there, what they were merged into."""
        names = list(batch[0].values)
        ids = [item.lead_id for item in batch]
        there = self._all(f"SELECT Id, {', '.join(names)} FROM Lead WHERE IsDeleted = false AND Id IN {among(ids)}")
        values = {item["Id"]: {name: item[name] for name in names} for item in there}
        return Current(values, self._retired([lead_id for lead_id in ids if lead_id not in values]))

    def _retired(self, ids: Sequence[str]) -> dict[str, str | None]:
        if not ids:
            return {}
        gone = self._all(f"SELECT Id, MasterRecordId FROM Lead WHERE IsDeleted = true AND Id IN {among(ids)}")
        return {item["Id"]: item["MasterRecordId"] for item in gone}

    def send(self, batch: Sequence[Update]) -> Answer:
        """Update leads in one call of sObject Collections; one record's failure leaves the others."""
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": "Lead"}, "id": item.lead_id, **item.values} for item in batch],
        }
        results = self._call(self._client.restful, "composite/sobjects", method="PATCH", json=body)
        answer = Answer()
        deleted_ids = []
        for update, result in zip(batch, results, strict=True):  # in the order of the request
            if result["success"]:
                if str(result["id"])[:15] == update.lead_id[:15]:  # 15 and 18 characters name the same record
                    answer.taken.append(update.lead_id)
                else:
                    answer.retired[update.lead_id] = str(result["id"])
                continue
            code = result["errors"][0]["statusCode"]
            answer.refused[update.lead_id] = Refusal(code, code in AGAIN)
            if code == DELETED_CODE:
                deleted_ids.append(update.lead_id)
        for lead_id, into in self._retired(deleted_ids).items():
            del answer.refused[lead_id]
            answer.retired[lead_id] = into
        return answer
