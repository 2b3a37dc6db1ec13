"""What Salesforce's field history says, and what it does not: leads from before it, days without a time, values of any type."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.answers.risk_set import MQL, RiskSet
from pipeline.crm.salesforce_queries import among
from pipeline.params import CrmAttribute
from pipeline.population.risk_set import risk_periods
from pipeline.pull_crm import pull_crm
from pipeline.tables.ingested import ingest
from tests.pipeline.crm.fake_hubspot import iso
from tests.pipeline.crm.fake_salesforce import FakeSalesforce, at

OPEN, LOST, WON, WORKING = "Open - Not Contacted", "Closed - Not Converted", "Closed - Converted", "Working - Contacted"


def won(day: float) -> dict[str, Any]:
    return {"IsConverted": True, "ConvertedDate": at(day)[:10]}


def company(fake: FakeSalesforce) -> None:
    """Three leads from before field history, one that changed after it began, three from after it."""
    fake.lead(1, 1, WON, **won(20))
    fake.lead(2, 1, LOST)
    fake.lead(3, 1, OPEN)
    old = fake.lead(4, 1, LOST)
    fake.tracked_since(100)
    fake.changed(old, 110, "Status", WORKING, LOST)
    for number, end in ((5, WON), (6, LOST), (7, OPEN)):
        lead_id = fake.lead(number, 120, end, **(won(130) if end == WON else {}))
        if end != OPEN:
            fake.changed(lead_id, 130, "Status", OPEN, end)


def canonical(salesforce: Any, folder: Path, root: Path, day: float = 200, **changes: Any) -> tuple[Path, list[str]]:
    adapter = salesforce.make(**changes)
    pull_crm(adapter, folder / "raw", iso(day).replace("Z", "+00:00"), None)
    source = root / "pipeline/sources/salesforce.sql"
    ingest(source, folder / "raw", folder / "canonical", folder / "quarantine", 0.0)
    return folder / "canonical", adapter.notes


def periods(folder: Path) -> dict[str, str | None]:
    found = risk_periods(folder, RiskSet(MQL, None))
    return {
        lead[8:15]: None if pd.isna(end) else end for lead, end in zip(found["lead_id"], found["ended_by"], strict=True)
    }


def test_leads_from_before_history_are_out_as_a_whole_and_counted_by_outcome(
    salesforce: Any, tmp_path: Path, root: Path
) -> None:
    company(salesforce.fake)
    folder, notes = canonical(salesforce, tmp_path, root)
    assert periods(folder) == {"0000005": "sales_qualified", "0000006": "disqualified", "0000007": None}
    (note,) = (note for note in notes if "older than" in note)
    assert "4 lead(s) are older than the first change of Status in LeadHistory (2026-04-11)" in note
    assert f"2 {LOST}, 1 {OPEN}, 1 converted; all of them are left out" in note


def test_or_in_as_a_whole_with_the_first_status(salesforce: Any, tmp_path: Path, root: Path) -> None:
    company(salesforce.fake)
    folder, notes = canonical(salesforce, tmp_path, root, before_history="first_status")
    assert periods(folder) == {
        "0000001": "sales_qualified",
        "0000002": "disqualified",
        "0000003": None,
        "0000004": "disqualified",
        "0000005": "sales_qualified",
        "0000006": "disqualified",
        "0000007": None,
    }
    changes = pd.read_parquet(folder / "stage_changes.parquet").sort_values("occurred_at")
    by_lead = {
        lead[8:15]: [
            (stage, moment.strftime("%m-%d")) for stage, moment in zip(rows["stage"], rows["occurred_at"], strict=True)
        ]
        for lead, rows in changes.groupby("lead_id")
    }
    assert by_lead["0000001"] == [("mql", at(1)[5:10]), ("sales_qualified", at(20)[5:10])]
    assert by_lead["0000002"] == [("mql", at(1)[5:10]), ("disqualified", at(100)[5:10])]  # known when history began
    assert by_lead["0000004"] == [("mql", at(1)[5:10]), ("sal", at(100)[5:10]), ("disqualified", at(110)[5:10])]
    assert any("as 'Open - Not Contacted' since they were created" in note for note in notes)


def test_without_any_history_nothing_is_made_up(salesforce: Any, tmp_path: Path, root: Path) -> None:
    salesforce.fake.lead(1, 1, WON, **won(20))
    salesforce.fake.lead(2, 1, OPEN)
    folder, notes = canonical(salesforce, tmp_path, root)
    assert periods(folder) == {}
    assert any("2 lead(s) are older than any LeadHistory" in note for note in notes)


def test_history_that_expired_stays_known_to_increments(salesforce: Any, tmp_path: Path, root: Path) -> None:
    fake = salesforce.fake
    fake.tracked_since(0)
    lead = fake.lead(1, 1, LOST)
    fake.changed(lead, 5, "Status", OPEN, WORKING)
    fake.changed(lead, 9, "Status", WORKING, LOST)
    canonical(salesforce, tmp_path, root)
    fake.objects["LeadHistory"] = []  # as after 24 months
    fake.tracked_since(300)
    record = fake.objects["Lead"][0]
    record |= {"Status": OPEN, "SystemModstamp": at(310)}
    fake.changed(lead, 310, "Status", LOST, OPEN)
    pull_crm(salesforce.make(), tmp_path / "raw", iso(311).replace("Z", "+00:00"), iso(300).replace("Z", "+00:00"))
    source = root / "pipeline/sources/salesforce.sql"
    ingest(source, tmp_path / "raw", tmp_path / "canonical", tmp_path / "quarantine", 0.0)
    changes = pd.read_parquet(tmp_path / "canonical" / "stage_changes.parquet").sort_values("occurred_at")
    assert list(changes["stage"]) == ["mql", "sal", "disqualified", "mql"]


def test_a_conversion_on_the_day_of_the_export_is_known_at_it(salesforce: Any, tmp_path: Path, root: Path) -> None:
    salesforce.fake.tracked_since(0)
    salesforce.fake.lead(1, 10, WON, **won(200.1))
    folder, _ = canonical(salesforce, tmp_path, root, 200.5)
    changes = pd.read_parquet(folder / "stage_changes.parquet")
    assert list(changes["stage"]) == ["sales_qualified"]
    assert changes["occurred_at"][0] == pd.Timestamp(iso(200.5))


def test_checkboxes_and_numbers_survive_their_history(salesforce: Any, tmp_path: Path, root: Path) -> None:
    fake = salesforce.fake
    fake.tracked_since(0)
    attributes = {
        "opt_in": CrmAttribute(field="Opt_In__c", type="boolean", known_at="creation"),
        "budget": CrmAttribute(field="Budget__c", type="number", known_at="creation"),
    }
    lead = fake.lead(1, 10, OPEN, Opt_In__c=True, Budget__c=1300.0)
    fake.changed(lead, 11, "Opt_In__c", False, True)  # type: ignore[arg-type]
    fake.changed(lead, 11, "Budget__c", "1.250,50", "1300")
    folder, _ = canonical(salesforce, tmp_path, root, attributes=attributes, thousands=".")
    changes = pd.read_parquet(folder / "attribute_changes.parquet")
    assert list(changes.loc[changes["attribute"] == "opt_in", "value"]) == ["false", "true"]
    assert list(changes.loc[changes["attribute"] == "budget", "value"]) == ["1250.50", "1300"]
    assert pd.read_parquet(folder / "leads.parquet")["opt_in"].tolist() == [True]


@pytest.mark.parametrize("text", ["' OR Id != '", "00Q1') OR (Id != '"])
def test_an_id_is_never_a_query(text: str) -> None:
    assert among(["00Q1", text]) == "('00Q1')"
