"""One made-up company in each CRM: what the contract of the adapters asks of all of them in the same words.

Days are counted from 2026-01-01T00:00Z. Whoever writes a fourth adapter writes a fourth `World` here, over a fake that follows
the published API of its CRM with a source for each behaviour, and `test_adapter_contract.py` runs against it.
"""

import csv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from features.errors import CrmError, DataError, ParameterError
from pipeline.params import CrmAttribute
from pipeline.pull_crm import pull_crm
from pipeline.tables.ingested import Counts, ingest
from tests.pipeline.crm.fake_hubspot import iso, limited
from tests.pipeline.crm.fake_salesforce import at, failure

__all__ = ["CsvWorld", "HubSpotWorld", "Read", "SalesforceWorld", "World"]

SOURCES = Path("pipeline/sources")
NUMBER = CrmAttribute(field="numemployees", type="number", known_at="creation")


@dataclass(frozen=True)
class Read:
    """What ingest made of a pull: its folder of canonical tables, and the counts."""

    canonical: Path
    counts: dict[str, Counts]

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.canonical / f"{name}.parquet")

    def stages(self, lead_id: str) -> list[tuple[str, pd.Timestamp]]:
        changes = self.table("stage_changes")
        own = changes[changes["lead_id"] == lead_id].sort_values("occurred_at")
        return list(zip(own["stage"], own["occurred_at"], strict=True))


class World(Protocol):
    """A company in one CRM.

    Attributes
    ----------
    raw : Path
        Folder of the raw files.
    remote : bool
        Whether the CRM is asked over the network, with limits and pages.
    """

    raw: Path
    remote: bool

    def lead(
        self,
        number: int,
        created: float,
        mql: float | None = None,
        qualified: float | None = None,
        disqualified: float | None = None,
        employees: Any = None,
    ) -> str:
        """Enter a lead, or enter it anew with more; returns its id."""

    def call(self, number: int, lead_id: str, day: float) -> None:
        """Note a call with a lead."""

    def give(self, lead_id: str, day: float) -> None:
        """Let somebody of sales have a lead."""

    def merge(self, one: str, other: str, day: float) -> str:
        """Make two leads one; returns the id that stays."""

    def delete(self, lead_id: str, day: float) -> None:
        """Delete a lead."""

    def late_history(self, day: float) -> None:
        """Let the CRM know what leads went through only from a day on."""

    def qualified_on(self, number: int, created: float, day: str) -> tuple[str, str] | None:
        """Enter a lead whose success has a day and no time; returns its id and the day's zone. None: there is no such thing."""

    def throttle(self) -> None:
        """Let the next call meet a limit."""

    def break_off(self) -> None:
        """Begin a pull that does not come to its end."""

    def forget_field(self) -> None:
        """Take away the field of the attribute `employees`."""

    def read(self, day: float, since: float | None = None) -> Read:
        """Pull what changed since a day (None: everything), and ingest it."""


@dataclass
class _Remote:
    fake: Any
    make: Callable[..., Any]
    folder: Path
    source: str
    attributes: dict[str, CrmAttribute]
    remote: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    def adapter(self) -> Any:
        return self.make(attributes=self.attributes, **self.options)

    def pull(self, day: float, since: float | None = None) -> Any:
        adapter = self.adapter()
        moment = None if since is None else iso(since).replace("Z", "+00:00")
        pull_crm(adapter, self.raw, iso(day).replace("Z", "+00:00"), moment)
        return adapter

    def read(self, day: float, since: float | None = None) -> Read:
        self.pull(day, since)
        return _ingested(SOURCES / f"{self.source}.sql", self.raw, self.folder)

    def break_off(self) -> None:
        adapter = self.adapter()
        call, calls = adapter._call, []

        def broken(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return call(*arguments, **options)

        adapter._call = broken
        with suppress(KeyboardInterrupt):
            pull_crm(adapter, self.raw, iso(90).replace("Z", "+00:00"), None)
        assert len(calls) == 4

    def forget_field(self) -> None:
        self.fake.unknown = {self.attributes["employees"].field}


class HubSpotWorld(_Remote):
    """HubSpot has every stage with its moment, whenever history is asked for."""

    def lead(
        self,
        number: int,
        created: float,
        mql: float | None = None,
        qualified: float | None = None,
        disqualified: float | None = None,
        employees: Any = None,
    ) -> str:
        life = [(created, "lead"), (mql, "marketingqualifiedlead"), (qualified, "salesqualifiedlead")]
        status = [(created, "NEW"), (disqualified, "UNQUALIFIED")]
        history = {
            "lifecyclestage": [(day, value) for day, value in life if day is not None],
            "hs_lead_status": [(day, value) for day, value in status if day is not None],
            "numemployees": [] if employees is None else [(created, str(employees))],
        }
        last = max(day for day in (created, mql, qualified, disqualified) if day is not None)
        own = {name: entries for name, entries in history.items() if entries}
        self.fake.add("contacts", number, {"createdate": iso(created)}, own, modified=last)
        return str(number)

    def call(self, number: int, lead_id: str, day: float) -> None:
        times = {"hs_timestamp": iso(day), "hs_createdate": iso(day)}
        self.fake.add("calls", number, times, links={"contacts": [int(lead_id)]}, modified=day)

    def give(self, lead_id: str, day: float) -> None:
        contact = self.fake.objects["contacts"][lead_id]
        contact["history"]["hubspot_owner_id"] = [(day, "77")]
        contact["properties"]["hubspot_owner_id"] = "77"
        contact["modified"] = max(contact["modified"], day)

    def merge(self, one: str, other: str, day: float) -> str:
        self.fake.merge("contacts", int(one), int(other), into=90_000_000 + int(one), day=day)
        return str(90_000_000 + int(one))

    def delete(self, lead_id: str, day: float) -> None:
        self.fake.archive("contacts", int(lead_id), day)

    def late_history(self, day: float) -> None:
        """It always has been there."""

    def qualified_on(self, number: int, created: float, day: str) -> tuple[str, str] | None:
        return None

    def throttle(self) -> None:
        self.fake.faults = [limited("TEN_SECONDLY_ROLLING", "7")]


class SalesforceWorld(_Remote):
    """Salesforce knows what changed since somebody switched field history on."""

    STATUSES = ("Open - Not Contacted", "Closed - Converted", "Closed - Not Converted")

    def lead(
        self,
        number: int,
        created: float,
        mql: float | None = None,
        qualified: float | None = None,
        disqualified: float | None = None,
        employees: Any = None,
    ) -> str:
        raw, won, lost = "Raw", *self.STATUSES[1:]
        status, changes = raw, []
        for day, value in ((mql, self.STATUSES[0]), (qualified, won), (disqualified, lost)):
            if day is not None:
                changes.append((day, status, value))
                status = value
        converted = {"IsConverted": True, "ConvertedDate": at(qualified)[:10]} if qualified is not None else {}
        last = max([created, *(day for day, _, _ in changes)])
        lead_id = f"00Q{number:012d}AAA"
        self.fake.objects["Lead"] = [item for item in self.fake.objects.get("Lead", []) if item["Id"] != lead_id]
        kept = [item for item in self.fake.objects.get("LeadHistory", []) if item["LeadId"] != lead_id]
        self.fake.objects["LeadHistory"] = kept
        more = {"NumberOfEmployees": employees, "SystemModstamp": at(last), **converted}
        self.fake.lead(number, created, status, **more)
        for day, old, new in changes:
            if self.fake.history_from <= day:
                self.fake.changed(lead_id, day, "Status", old, new)
        return lead_id

    def call(self, number: int, lead_id: str, day: float) -> None:
        times = {"CompletedDateTime": at(day), "CreatedDate": at(day), "SystemModstamp": at(day)}
        self.fake.add("Task", number, "00T", WhoId=lead_id, TaskSubtype="Call", CallType=None, IsClosed=True, **times)

    def give(self, lead_id: str, day: float) -> None:
        """History has each change of the owner twice: by names and by ids."""
        self.fake.changed(lead_id, day, "Owner", "New Leads", "Ada Smith")
        self.fake.changed(lead_id, day, "Owner", "00G000000000001AAA", "005000000000001AAA")

    def merge(self, one: str, other: str, day: float) -> str:
        self.fake.delete("Lead", other, day, into=one)
        return one

    def delete(self, lead_id: str, day: float) -> None:
        self.fake.delete("Lead", lead_id, day)

    def late_history(self, day: float) -> None:
        self.fake.history_from = day
        self.fake.objects["LeadHistory"] = []
        self.fake.tracked_since(day)

    def qualified_on(self, number: int, created: float, day: str) -> tuple[str, str] | None:
        self.fake.lead(number, created, self.STATUSES[1], IsConverted=True, ConvertedDate=day, NumberOfEmployees=None)
        self.options = {"time_zone": "Europe/Berlin"}
        return f"00Q{number:012d}AAA", "Europe/Berlin"

    def throttle(self) -> None:
        self.fake.faults = [failure(503, "SERVER_UNAVAILABLE")]


@dataclass
class CsvWorld:
    """A CRM that exports three files each night, all of it."""

    folder: Path
    remote: bool = False
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    touchpoints: list[dict[str, Any]] = field(default_factory=list)
    merged: list[dict[str, Any]] = field(default_factory=list)
    with_field: bool = True

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    def lead(
        self,
        number: int,
        created: float,
        mql: float | None = None,
        qualified: float | None = None,
        disqualified: float | None = None,
        employees: Any = None,
    ) -> str:
        lead_id = f"C-{number}"
        self.leads[lead_id] = {
            "lead_id": lead_id,
            "account_id": "",
            "created_at": local(created),
            "employees": employees,
        }
        self.changes = [row for row in self.changes if row["lead_id"] != lead_id]
        for stage, day in (("mql", mql), ("sales_qualified", qualified), ("disqualified", disqualified)):
            if day is not None:
                self.changes.append({"lead_id": lead_id, "stage": stage, "occurred_at": local(day)})
        return lead_id

    def call(self, number: int, lead_id: str, day: float) -> None:
        self.touchpoints.append(
            {
                "lead_id": lead_id,
                "occurred_at": local(day),
                "kind": "call",
                "asset": f"call {number}",
                "by": "sales",
            }
        )

    def give(self, lead_id: str, day: float) -> None:
        self.changes.append({"lead_id": lead_id, "stage": "sal", "occurred_at": local(day)})

    def merge(self, one: str, other: str, day: float) -> str:
        """The export goes on naming the old id in what was recorded before."""
        del self.leads[other]
        self.changes = [row for row in self.changes if row["lead_id"] != other]
        self.merged.append({"lead_id": other, "merged_into": one})
        return one

    def delete(self, lead_id: str, day: float) -> None:
        del self.leads[lead_id]
        self.changes = [row for row in self.changes if row["lead_id"] != lead_id]
        self.touchpoints = [row for row in self.touchpoints if row["lead_id"] != lead_id]

    def late_history(self, day: float) -> None:
        """Its dates are columns of the lead, and always have been there."""

    def qualified_on(self, number: int, created: float, day: str) -> tuple[str, str] | None:
        lead_id = self.lead(number, created)
        self.changes.append({"lead_id": lead_id, "stage": "sales_qualified", "occurred_at": day})
        return lead_id, "Europe/Berlin"

    def throttle(self) -> None:
        """Nobody throttles a file."""

    def break_off(self) -> None:
        """The export stops within a row."""
        self._write()
        path = self.raw / "leads.csv"
        path.write_bytes(path.read_bytes()[:-12])
        with suppress(DataError):
            self._ingest(90)
            raise AssertionError("half a file was taken for a whole one")

    def forget_field(self) -> None:
        self.with_field = False

    def read(self, day: float, since: float | None = None) -> Read:
        self._write()
        return self._ingest(day)

    def _write(self) -> None:
        self.raw.mkdir(parents=True, exist_ok=True)
        names = ["lead_id", "account_id", "created_at", *(["employees"] if self.with_field else [])]
        tables = {
            "leads": (names, [{name: row[name] for name in names} for row in self.leads.values()]),
            "touchpoints": (["lead_id", "occurred_at", "kind", "asset", "by"], self.touchpoints),
            "stage_changes": (["lead_id", "stage", "occurred_at"], self.changes),
        }
        if self.merged:
            tables["merged_leads"] = (["lead_id", "merged_into"], self.merged)
        for name, (columns, rows) in tables.items():
            with (self.raw / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)

    def _ingest(self, day: float) -> Read:
        text = (SOURCES / "csv_files.sql").read_text(encoding="utf-8")
        begin = text.index("CREATE OR REPLACE VIEW attributes")
        text = text[:begin] + (
            "CREATE OR REPLACE VIEW attributes AS SELECT 'lead' AS entity, 'employees' AS attribute, 'number' AS type, "
            "'creation' AS known_at;"
        )
        text = text.replace(
            "SELECT * FROM read_lines(getvariable('raw_dir') || '/stage_changes.csv')",
            "SELECT * REPLACE (day(occurred_at, ['%Y-%m-%dT%H:%M:%S%z', '%Y-%m-%d'], 'Europe/Berlin') AS occurred_at) "
            "FROM read_lines(getvariable('raw_dir') || '/stage_changes.csv')",
        )
        source = self.folder / "source.sql"
        source.write_text(text, encoding="utf-8")
        return _ingested(source, self.raw, self.folder, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))


def local(day: float) -> str:
    """As a German export writes a moment: local time with its offset."""
    from zoneinfo import ZoneInfo

    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return moment.astimezone(ZoneInfo("Europe/Berlin")).isoformat(timespec="seconds")


def _ingested(source: Path, raw: Path, folder: Path, exported_at: datetime | None = None) -> Read:
    canonical = folder / "canonical"
    return Read(canonical, ingest(source, raw, canonical, folder / "quarantine", 0.0, exported_at=exported_at))


REFUSED = (CrmError, DataError, ParameterError)
