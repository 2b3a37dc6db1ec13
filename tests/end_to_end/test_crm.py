"""From a CRM and back: pull, the real ingest, snapshots, labels and scorer, push, and the fields in the CRM."""

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.data_protection.crm_ids import crm_ids
from models.data_protection.key_ring import keys_file
from pipeline import ingest, labels, push_crm, snapshots
from pipeline.data_protection.keys import make_keys
from pipeline.params import dump_yaml, read_yaml
from pipeline.population.risk_set import leads_at_risk
from pipeline.pull_crm import pull_crm
from pipeline.scoring.snapshots import score_open_leads
from pipeline.workspaces.workspace import overlay
from tests.pipeline.crm.conftest import hubspot as hubspot
from tests.pipeline.crm.conftest import make_bundle as make_bundle
from tests.pipeline.crm.conftest import params as params
from tests.pipeline.crm.conftest import pauses as pauses
from tests.pipeline.crm.conftest import salesforce as salesforce
from tests.pipeline.crm.fake_hubspot import FakeHubSpot, iso
from tests.pipeline.crm.fake_salesforce import FakeSalesforce, at

PEOPLE = 60
NOW = 200.0


def outcome(number: int) -> str:
    return ("won", "lost", "open")[number % 3]


def fill_hubspot(fake: FakeHubSpot) -> None:
    """Everyone is an MQL on day 100 + number / 10; ten days later a third is won, a third lost."""
    fake.add(
        "companies",
        900,
        {"createdate": iso(0)},
        {"industry": [(0, "STEEL")], "numberofemployees": [(0, "50"), (150, "70")]},
    )
    for number in range(1, PEOPLE + 1):
        day = 100 + number / 10
        life = [(day - 50, "lead"), (day, "marketingqualifiedlead")]
        status = [(day - 50, "NEW")]
        if outcome(number) == "won":
            life.append((day + 10, "opportunity"))
        if outcome(number) == "lost":
            status.append((day + 10, "UNQUALIFIED"))
        fake.add(
            "contacts",
            number,
            {"createdate": iso(day - 50)},
            {"lifecyclestage": life, "hs_lead_status": status, "job_function": [(day - 50, "buyer")]},
            {"companies": [900]},
        )
        for visit in range(number % 5):
            fake.events.append(
                {
                    "id": f"v-{number}-{visit}",
                    "eventType": "e_visited_page",
                    "objectType": "CONTACT",
                    "objectId": str(number),
                    "occurredAt": iso(day - 5 + visit),
                    "properties": {"hs_url": "https://acme.example/pricing/team?utm_content=x"},
                }
            )
        fake.add(
            "calls",
            1000 + number,
            {"hs_timestamp": iso(day + 1), "hs_createdate": iso(day + 1)},
            links={"contacts": [number]},
        )
    fake.add(
        "contacts", 999, {"createdate": iso(NOW + 0.1)}, {"lifecyclestage": [(NOW + 0.1, "lead")]}
    )  # while it is pulling


@pytest.fixture
def company(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    def make(source: str) -> Path:
        (tmp_path / "pipeline" / "sources").mkdir(parents=True)
        shutil.copy(root / "pipeline" / "sources" / f"{source}.sql", tmp_path / "pipeline" / "sources")
        changes = {
            "ingest": {"source": source},
            "snapshots": {"expire_days": None, "every_days": None},
        }
        (tmp_path / "params.yaml").write_text(
            dump_yaml(overlay(read_yaml(root / "params.yaml"), changes)), encoding="utf-8"
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
        make_keys(keys_file(tmp_path), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        return tmp_path

    return make


def check(
    crm: Any, folder: Path, params: Any, bundle: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, fields: Any
) -> None:
    """`fields`: (number of a person) -> what the fields of the CRM hold, as probability, tier, decision, reasons."""
    pull_crm(crm, folder / "data" / "raw", iso(NOW), None)
    ingest.main()
    assert not list(pd.read_parquet(folder / "data" / "quarantine" / "stage_changes.parquet").index)
    snapshots.main()
    labels.main()
    ids = crm_ids(folder, "pseudonyms")  # what sources that are pulled have without being asked for
    number_of = {ids.inward(key(crm, number)): number for number in range(1, PEOPLE + 1)}
    labelled = pd.read_parquet(folder / "data" / "labels.parquet").set_index("lead_id")["label"]
    assert len(labelled) == PEOPLE
    assert {outcome(number_of[lead_id]) for lead_id in labelled.index[labelled == 1]} == {"won"}
    assert (labelled == 1).sum() == PEOPLE // 3
    looked_at = pd.read_parquet(folder / "data" / "snapshots.parquet").set_index("lead_id")["snapshot_at"]
    assert looked_at[ids.inward(key(crm, 10))] == pd.Timestamp(iso(101))

    canonical = folder / "data" / "canonical"
    waiting = leads_at_risk(canonical, params.snapshots.model_copy(update={"expire_days": None}))
    found = score_open_leads(bundle, canonical, waiting)["probability"]
    cutoff = float(found.iloc[[0, -1]].mean())
    scores = score_open_leads(
        replace(bundle, metadata={**bundle.metadata, "capacity_cutoff": cutoff}), canonical, waiting
    )
    assert sorted(number_of[i] for i in scores["lead_id"]) == [n for n in range(1, PEOPLE + 1) if outcome(n) == "open"]
    scores.to_parquet(folder / "scores.parquet", index=False)
    monkeypatch.setattr(push_crm, "connect", lambda name, _: crm)
    command = ["push_crm", "--crm", crm.name, "--scores", "scores.parquet"]
    monkeypatch.setattr("sys.argv", [*command, "--dry-run"])
    push_crm.main()
    assert "20 lead(s) would change" in capsys.readouterr().out
    assert fields(3)[0] is None
    monkeypatch.setattr("sys.argv", command)
    push_crm.main()
    assert "20 lead(s) written, 0 unchanged, 0 refused" in capsys.readouterr().out
    best = scores.iloc[0]
    probability, tier, decision, reasons = fields(number_of[best["lead_id"]])
    assert float(probability) == pytest.approx(best["probability"], abs=1e-4)
    assert (tier, decision) == (best["tier"], f"{best['tier']}, within capacity")
    assert reasons == best["reasons"]
    assert fields(number_of[scores.iloc[-1]["lead_id"]])[2].endswith("beyond capacity")
    assert fields(1)[0] is None  # won: no open lead
    push_crm.main()
    assert "0 lead(s) written, 20 unchanged" in capsys.readouterr().out
    with closing(sqlite3.connect(folder / "data" / "crm" / f"{crm.name}.sqlite")) as ledger:
        assert {name for (name,) in ledger.execute("SELECT lead_id FROM acknowledged")} == set(scores["lead_id"])


def key(crm: Any, number: int) -> str:
    return str(number) if crm.name == "hubspot" else f"00Q{number:012d}AAA"


def test_hubspot(
    hubspot: Any,
    company: Any,
    params: Any,
    make_bundle: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill_hubspot(hubspot.fake)
    folder = company("hubspot")
    crm = hubspot.make()
    crm.create_fields(crm.missing_fields())

    def fields(number: int) -> list[Any]:
        values = hubspot.fake.objects["contacts"][str(number)]["properties"]
        return [values.get(name) for name in ("lead_probability", "lead_tier", "lead_decision", "lead_reasons")]

    check(crm, folder, params, make_bundle(), monkeypatch, capsys, fields)
    touchpoints = pd.read_parquet(folder / "data" / "canonical" / "touchpoints.parquet")
    assert set(touchpoints["asset"].dropna()) == {"pricing/team"}
    leads = pd.read_parquet(folder / "data" / "canonical" / "leads.parquet")
    assert list(leads.columns) == ["lead_id", "account_id", "created_at", "job_function"]
    assert "999" not in set(leads["lead_id"])


def fill_salesforce(fake: FakeSalesforce) -> None:
    """The same people; the companies are pairs of them."""
    fake.tracked_since(1)
    ends = {"won": "Closed - Converted", "lost": "Closed - Not Converted", "open": "Open - Not Contacted"}
    for number in range(1, PEOPLE + 1):
        day = 100 + number / 10
        end = outcome(number)
        more: dict[str, Any] = {}
        if end == "won":
            day_of = at(day + 10)[:10]
            ids = {
                "ConvertedContactId": f"003{number}",
                "ConvertedOpportunityId": f"006{number:012d}AAA",
                "ConvertedAccountId": f"001{number}",
            }
            more = {"IsConverted": True, "ConvertedDate": day_of, **ids}
            fake.add(
                "Opportunity",
                number,
                "006",
                AccountId=f"001{number}",
                IsWon=True,
                CloseDate=at(day + 30)[:10],
                Amount=100.0,
                SystemModstamp=at(day),
            )
        lead_id = fake.lead(number, day, ends[end], **more)
        if end != "open":
            fake.changed(lead_id, day + 10, "Status", ends["open"], ends[end])
        for call in range(number % 5):
            made = at(day - 5 + call)
            times = {"CompletedDateTime": made, "CreatedDate": made, "SystemModstamp": made}
            fake.add(
                "Task",
                number * 10 + call,
                "00T",
                WhoId=lead_id,
                TaskSubtype="Call",
                CallType="Inbound",
                IsClosed=True,
                **times,
            )
    names = ("Lead_Probability__c", "Lead_Tier__c", "Lead_Decision__c", "Lead_Advice__c", "Lead_Reasons__c")
    fake.fields |= dict.fromkeys(names, True)


def test_salesforce(
    salesforce: Any,
    company: Any,
    params: Any,
    make_bundle: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill_salesforce(salesforce.fake)
    folder = company("salesforce")

    def fields(number: int) -> list[Any]:
        values = salesforce.fake.objects["Lead"][number - 1]
        return [
            values.get(name) for name in ("Lead_Probability__c", "Lead_Tier__c", "Lead_Decision__c", "Lead_Reasons__c")
        ]

    check(salesforce.make(), folder, params, make_bundle(), monkeypatch, capsys, fields)
    orders = pd.read_parquet(folder / "data" / "canonical" / "orders.parquet")
    leads = pd.read_parquet(folder / "data" / "canonical" / "leads.parquet")
    assert len(orders) == PEOPLE // 3
    assert set(orders["account_id"]) <= set(leads["account_id"])
    changes = pd.read_parquet(folder / "data" / "canonical" / "stage_changes.parquet")
    assert (changes["stage"] == "customer").sum() == PEOPLE // 3
