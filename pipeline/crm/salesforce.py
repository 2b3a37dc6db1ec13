"""Salesforce through `simple-salesforce` (REST API v59.0: SOQL, sObject Collections); the only importer of the client."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from features.errors import CrmError, ParameterError
from pipeline.crm.paging import Page, Pull
from pipeline.crm.rates import Caller, Failure
from pipeline.crm.records import KEY_VARIABLE, Rows, pseudonym, refuse_identifiers
from pipeline.crm.salesforce_rows import QUERIES, fields_of, rows
from pipeline.crm.write import Answer, Refusal, Update
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
DOMAIN, CONSUMER_KEY, CONSUMER_SECRET = "SALESFORCE_DOMAIN", "SALESFORCE_CONSUMER_KEY", "SALESFORCE_CONSUMER_SECRET"
USERNAME, PRIVATE_KEY_FILE = "SALESFORCE_USERNAME", "SALESFORCE_PRIVATE_KEY_FILE"
PASSWORD, SECURITY_TOKEN = "SALESFORCE_PASSWORD", "SALESFORCE_SECURITY_TOKEN"
AGAIN = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "TXN_SECURITY_METERING_ERROR")
TYPES = {"probability": "Number(5, 4)", "tier": "Text(1)", "decision": "Text(80)", "reasons": "Text Area (Long)"}


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


def explain(error: Any) -> Failure:
    """Say what a failure of Salesforce's client means; its message is not repeated, for it may quote a person's values."""
    if isinstance(error, SalesforceAuthenticationFailed):
        return Failure(
            f"Salesforce refused the log-in ({error.code}). Check the SALESFORCE_ variables and the app's policies.",
            again=False,
        )
    if not isinstance(error, SalesforceError):
        return Failure(f"Salesforce can't be reached ({type(error).__name__}).", again=True)
    content = error.content[0] if isinstance(error.content, list) and error.content else {}
    code = content.get("errorCode", "") if isinstance(content, dict) else ""
    what = f"Salesforce answered {error.status} {code}.".replace(" .", ".")
    if code == "REQUEST_LIMIT_EXCEEDED":
        if "Concurrent" in str(content.get("message")):
            return Failure(what, again=True)
        return Failure(
            f"{what} The organisation's API calls of 24 hours are used up; run the same command again later, it goes on where "
            "it was.", again=False,
        )  # fmt: skip
    if error.status == 401:
        return Failure(f"{what} The session is invalid or expired; check the SALESFORCE_ variables.", again=False)
    if error.status == 403 or code in ("INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS"):
        return Failure(
            f"{what} The user lacks the permission for an object or field, or there is none of that name.", again=False
        )
    return Failure(what, again=error.status >= 500 or error.status in (408, 429) or code in AGAIN)


class Salesforce:
    """One Salesforce organisation.

    Parameters
    ----------
    params : CrmParams
        The `crm` section.
    client : dict, optional
        Arguments of `simple_salesforce.Salesforce`; default: the environment's credentials.
    caller : dict
        Further arguments of `Caller`.
    """

    name = "salesforce"
    batch_size = BATCH

    def __init__(self, params: CrmParams, client: dict[str, Any] | None = None, **caller: Any) -> None:
        self.params = params.salesforce
        self.attributes, self.fields = self.params.attributes, self.params.fields
        refuse_identifiers(self.attributes, "crm.salesforce")
        if any(item.entity == "account" for item in self.attributes.values()):
            raise ParameterError(
                "crm.salesforce.attributes: leads have no account before their conversion; use fields of Lead."
            )
        self._timeout = params.timeout_seconds
        self._caller = Caller((SalesforceError, requests.RequestException), explain, params.attempts, **caller)
        self.pause = self._caller.pause
        self._with_company = bool(os.environ.get(KEY_VARIABLE))
        self.notes: list[str] = []
        if not self._with_company:
            self.notes.append(f"{KEY_VARIABLE} is not set: leads have no account, and owners are left out")
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
        """Fetch the pages of every object."""
        for name in QUERIES:
            pull.fetch(name, partial(self._page, name, pull.since), partial(seen, name))
        if pull.since:  # a lead's first stage is what its first change came from
            ids = sorted(
                {item["Id"] for item in pull.records("Lead")} | {item["LeadId"] for item in pull.records("LeadHistory")}
            )
            pull.fetch("whole", partial(self._whole_page, ids), partial(seen, "whole histories"))

    def _page(self, name: str, since: str | None, cursor: str | None) -> Page:
        result = None
        if cursor is not None:
            try:
                result = self._call(self._client.query_more, cursor, identifier_is_url=True)
            except CrmError as error:
                if "INVALID_QUERY_LOCATOR" not in str(error):  # cursors live for days: begin this object again
                    raise
        if result is None:
            result = self._call(self._client.query, self._soql(name, since))
        return Page([_kept(item) for item in result["records"]], None if result["done"] else result["nextRecordsUrl"])

    def _soql(self, name: str, since: str | None) -> str:
        _, modified, condition = QUERIES[name]
        where = [condition] if condition else []
        if since:
            where.append(f"{modified} >= {datetime.fromisoformat(since).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        fields = ", ".join(fields_of(name, self.params, self._with_company))
        return (
            f"SELECT {fields} FROM {name}"
            + (f" WHERE {' AND '.join(where)}" if where else "")
            + f" ORDER BY {modified}, Id"
        )

    def _whole_page(self, ids: list[str], cursor: str | None) -> Page:
        start = int(cursor or 0)
        part = ids[start : start + BATCH]
        if not part:
            return Page([], None)
        among = "(" + ", ".join(f"'{i}'" for i in part) + ")"
        leads = self._all(
            f"SELECT {', '.join(fields_of('Lead', self.params, self._with_company))} FROM Lead WHERE Id IN {among}"
        )
        history = self._all(
            f"SELECT {', '.join(fields_of('LeadHistory', self.params, False))} FROM LeadHistory WHERE LeadId IN {among} "
            "ORDER BY CreatedDate, Id"
        )
        more = start + BATCH < len(ids)
        return Page([{"Lead": leads, "LeadHistory": history}], str(start + BATCH) if more else None)

    def _all(self, soql: str) -> list[dict[str, Any]]:
        result = self._call(self._client.query, soql)
        records = list(result["records"])
        while not result["done"]:
            result = self._call(self._client.query_more, result["nextRecordsUrl"], identifier_is_url=True)
            records += result["records"]
        return [_kept(item) for item in records]

    def rows(self, pull: Pull) -> Rows:
        """Turn the fetched pages into rows."""
        records = {name: list(pull.records(name)) for name in QUERIES}
        if pull.since:
            whole = list(pull.records("whole"))
            records["Lead"] = [lead for page in whole for lead in page["Lead"]]
            records["LeadHistory"] = [item for page in whole for item in page["LeadHistory"]]
        return rows(records, records["LeadHistory"], self.params)

    # Push

    def missing_fields(self) -> list[str]:
        """Name the fields of Lead that scores go to and that are not there, or not writable for this user."""
        described = self._call(self._client.restful, "sobjects/Lead/describe")
        writable = {item["name"] for item in described["fields"] if item["updateable"]}
        return [name for name in self.fields.model_dump().values() if name not in writable]

    def create_fields(self, names: Sequence[str]) -> list[str]:
        """Say which fields an administrator must create: data users may not change the schema."""
        return [
            f"Setup > Object Manager > Lead > Fields & Relationships > New: {TYPES[role]}, API name {name}; "
            "edit access for the integration user's permission set"
            for role, name in self.fields.model_dump().items()
            if name in names
        ]

    def send(self, batch: Sequence[Update]) -> Answer:
        """Update leads in one call of sObject Collections; one record's failure leaves the others."""
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": "Lead"}, "id": item.lead_id, **item.values} for item in batch],
        }
        results = self._call(self._client.restful, "composite/sobjects", method="PATCH", json=body)
        answer = Answer()
        for update, result in zip(batch, results, strict=True):  # in the order of the request
            if result["success"]:
                answer.taken.append(update.lead_id)
            else:
                code = result["errors"][0]["statusCode"]
                answer.refused[update.lead_id] = Refusal(code, code in AGAIN)
        return answer


def _kept(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out what describes the record, and a company's name: a pseudonym takes its place before anything is on disk."""
    kept = {name: value for name, value in item.items() if name != "attributes"}
    if "Company" in kept:
        kept["Company"] = pseudonym(kept["Company"])
    if isinstance(kept.get("Campaign"), dict):
        kept["Campaign"] = {"Type": kept["Campaign"].get("Type")}
    return kept
