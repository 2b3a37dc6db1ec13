"""Salesforce's real client against a local server that follows the published API: pull, limits, errors, push."""

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.errors import CrmError, ParameterError
from models.data_protection.key_ring import KeyRing, new_key
from models.data_protection.pseudonyms import Pseudonyms, looks_like_one
from pipeline.crm.ledger import Ledger
from pipeline.crm.raw_files import leads_retired
from pipeline.crm.salesforce import credentials
from pipeline.crm.write import Update
from pipeline.pull_crm import pull_crm
from pipeline.push_crm import push_crm
from tests.pipeline.crm.conftest import RING
from tests.pipeline.crm.fake_hubspot import iso
from tests.pipeline.crm.fake_salesforce import FakeSalesforce, at, failure
from tests.pipeline.crm.server import Reply

NOW = iso(200)
FIELDS = ("Lead_Probability__c", "Lead_Tier__c", "Lead_Decision__c", "Lead_Reasons__c")


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def people(fake: FakeSalesforce, n: int) -> None:
    fake.tracked_since(0)
    for number in range(1, n + 1):
        fake.lead(number, 1, "Open - Not Contacted")


def stages(folder: Path, lead_id: str) -> list[tuple[str, str]]:
    return sorted(
        (row["occurred_at"][:10], row["stage"]) for row in table(folder, "stage_changes") if row["lead_id"] == lead_id
    )


def test_every_page_comes_and_no_identifier_does(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 100)
    assert pull_crm(salesforce.make(), tmp_path, NOW, None)["leads"] == 100
    assert len(salesforce.fake.of("/query/01g")) == 2
    for file in tmp_path.iterdir():
        for secret in (b"person.example", b"Ada", b"Nord"):
            assert secret not in file.read_bytes(), file
    accounts = Counter(row["account_id"] for row in table(tmp_path, "leads"))
    assert sorted(accounts.values()) == [1, 1] + [2] * 49  # the pseudonym of the company, two leads each


def test_accounts_keep_their_ids_when_a_key_is_rotated(salesforce: Any, tmp_path: Path) -> None:
    """An incremental pull must not give a company a second account."""
    people(salesforce.fake, 1)
    (unfinished := tmp_path / "one" / ".pull-salesforce-0badc0de").mkdir(parents=True)
    pull_crm(salesforce.make(), tmp_path / "one", NOW, None)
    assert not unfinished.exists()  # begun under a key that is gone
    ring = KeyRing("pseudonyms", (new_key(dt.datetime(2026, 2, 1, tzinfo=dt.UTC)), *RING.keys))
    pull_crm(salesforce.make(pseudonyms=Pseudonyms(ring)), tmp_path / "two", NOW, None)
    first, second = (table(tmp_path / name, "leads")[0]["account_id"] for name in ("one", "two"))
    assert first == second == Pseudonyms(RING).company(" NORD 0 GmbH ")
    assert not looks_like_one(first)
    states = [json.loads((tmp_path / name / "salesforce.json").read_text()) for name in ("one", "two")]
    assert {state["accounts_key"] for state in states} == {RING.keys[-1].id}  # `--since` goes on


def test_where_scores_are_only_pushed_no_name_of_a_company_is_kept(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 1)
    pull_crm(salesforce.make(pseudonyms=None), tmp_path, NOW, None)
    assert table(tmp_path, "leads")[0]["account_id"] is None


def test_history_becomes_stages_and_activities_touchpoints(salesforce: Any, tmp_path: Path) -> None:
    fake = salesforce.fake
    fake.tracked_since(0)
    one = fake.lead(
        1,
        1,
        "Closed - Converted",
        IsConverted=True,
        ConvertedDate=at(9)[:10],
        ConvertedContactId="003c",
        ConvertedOpportunityId="006o",
    )
    fake.changed(one, 5, "Status", "Open - Not Contacted", "Working - Contacted")
    fake.changed(one, 9, "Status", "Working - Contacted", "Closed - Converted")
    fake.changed(one, 9, "leadConverted", None, None)
    fake.changed(one, 4, "Industry", "Coal", "Steel")
    two = fake.lead(2, 2, "Closed - Converted", IsConverted=True, ConvertedDate=at(8)[:10])  # no history is kept
    three = fake.lead(3, 3, "Open - Not Contacted")
    fake.add(
        "Task",
        1,
        "00T",
        WhoId="003c",
        TaskSubtype="Call",
        CallType="Inbound",
        CompletedDateTime=at(6),
        CreatedDate=at(5),
        IsClosed=True,
        SystemModstamp=at(6),
    )
    fake.add("Event", 1, "00U", WhoId=three, EndDateTime=at(20), CreatedDate=at(10), SystemModstamp=at(10))
    fake.add(
        "CampaignMember",
        1,
        "00v",
        LeadId=three,
        ContactId=None,
        CampaignId="701",
        Campaign={"Type": "Trade Show", "Name": "Ada's party"},
        HasResponded=True,
        FirstRespondedDate=at(4)[:10],
        CreatedDate=at(3),
        SystemModstamp=at(4),
    )
    pull_crm(salesforce.make(), tmp_path, NOW, None)
    days = {day: at(day)[:10] for day in (1, 2, 5, 8, 9)}
    assert stages(tmp_path, one) == [(days[1], "mql"), (days[5], "sal"), (days[9], "sales_qualified")]
    assert stages(tmp_path, two) == [(days[8], "sales_qualified")]
    values = [
        row["value"]
        for row in table(tmp_path, "attribute_changes")
        if row["lead_id"] == one and row["attribute"] == "industry"
    ]
    assert values == ["Coal", "Steel"]
    touchpoints = {row["kind"]: row for row in table(tmp_path, "touchpoints")}
    assert set(touchpoints) == {"call", "meeting", "trade_show"}
    assert touchpoints["call"]["by"] == "lead"
    assert touchpoints["meeting"]["recorded_at"] == touchpoints["meeting"]["occurred_at"]
    assert touchpoints["trade_show"]["occurred_at"] == f"{at(4)[:10]}T23:59:59.999999+00:00"


def test_increments_bring_changed_leads_with_their_whole_history(salesforce: Any, tmp_path: Path) -> None:
    fake = salesforce.fake
    people(fake, 90)
    lead = fake.objects["Lead"][6]
    fake.changed(lead["Id"], 50, "Status", "Open - Not Contacted", "Working - Contacted")
    lead |= {"Status": "Working - Contacted", "SystemModstamp": at(50)}
    pull_crm(salesforce.make(), tmp_path, NOW, None)
    fake.changed(lead["Id"], 199, "Status", "Working - Contacted", "Closed - Not Converted")
    lead |= {"Status": "Closed - Not Converted", "SystemModstamp": at(199)}
    rows = pull_crm(salesforce.make(), tmp_path, iso(201), iso(198).replace("Z", "+00:00"))
    assert rows["leads"] == 90
    assert rows["stage_changes"] == 92
    assert [stage for _, stage in stages(tmp_path, lead["Id"])] == ["mql", "sal", "disqualified"]


@pytest.mark.parametrize(
    "fault",
    [
        failure(503, "SERVER_UNAVAILABLE"),
        failure(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        Reply(500, "no JSON"),
        Reply(drop=True),
    ],
)
def test_what_passes_is_tried_again(salesforce: Any, tmp_path: Path, pauses: list[float], fault: Reply) -> None:
    people(salesforce.fake, 1)
    salesforce.fake.faults = [fault]
    assert pull_crm(salesforce.make(), tmp_path, NOW, None)["leads"] == 1
    assert pauses == [1.0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (failure(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "24 hours are used up"),
        (failure(401, "INVALID_SESSION_ID"), "session is invalid or expired"),
        (failure(400, "INVALID_TYPE"), "lacks the permission"),
    ],
)
def test_what_does_not_pass_is_said_at_once(
    salesforce: Any, tmp_path: Path, pauses: list[float], fault: Reply, words: str
) -> None:
    salesforce.fake.faults = [fault]
    with pytest.raises(CrmError, match=words) as raised:
        pull_crm(salesforce.make(), tmp_path, NOW, None)
    assert pauses == []
    assert "person.example" not in str(raised.value)
    assert raised.value.__context__ is None


def test_it_leaves_others_their_share_of_the_calls(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 100)
    salesforce.fake.used = 11_999
    with pytest.raises(CrmError, match="12,001 of the organisation's 15,000"):
        pull_crm(salesforce.make(), tmp_path, NOW, None)
    salesforce.fake.used = 0
    salesforce.fake.requests.clear()
    assert pull_crm(salesforce.make(), tmp_path, NOW, None)["leads"] == 100
    assert salesforce.fake.requests[0][1].startswith("/services/data/v59.0/query/01g")  # the third page, not the first


def test_a_pull_goes_on_after_its_cursor_expired(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 100)
    salesforce.fake.used = 11_999
    with pytest.raises(CrmError, match="daily_share"):
        pull_crm(salesforce.make(), tmp_path, NOW, None)
    salesforce.fake.used = 0
    salesforce.fake.forget_cursors()
    assert pull_crm(salesforce.make(), tmp_path, NOW, None)["leads"] == 100


def test_push_writes_what_changed_and_reports_what_was_refused(
    salesforce: Any, tmp_path: Path, pauses: list[float]
) -> None:
    fake = salesforce.fake
    people(fake, 250)
    ids = [lead["Id"] for lead in fake.objects["Lead"]]
    todo = [Update(i, dict(zip(FIELDS, (0.5, "A", "A, within capacity", None), strict=True))) for i in ids]
    adapter = salesforce.make()
    by_hand = adapter.create_fields(adapter.missing_fields())
    assert [line for line in by_hand if "Number(5, 4), API name Lead_Probability__c" in line]
    fake.fields |= dict.fromkeys(FIELDS, True)
    fake.refuse = {ids[0]: "UNABLE_TO_LOCK_ROW", ids[1]: "CANNOT_UPDATE_CONVERTED_LEAD"}
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(adapter, todo, ledger)
        assert len(outcome.todo) == 250
        assert {i: why.reason for i, why in outcome.refused.items()} == fake.refuse
        assert [len(body["records"]) for *_, body in fake.of("composite")] == [200, 50, 1, 1]
        assert pauses == [1.0, 2.0]
        assert fake.objects["Lead"][7]["Lead_Probability__c"] == 0.5
        fake.refuse = {}
        outcome = push_crm(adapter, todo, ledger)
        assert ([update.lead_id for update in outcome.todo], outcome.refused) == (ids[:2], {})


def test_a_field_that_is_not_writable_is_missing(salesforce: Any) -> None:
    salesforce.fake.fields |= dict.fromkeys((*FIELDS, "Lead_Advice__c"), True) | {FIELDS[0]: False}
    assert salesforce.make().missing_fields() == [FIELDS[0]]


def test_credentials_come_from_the_environment() -> None:
    app = {"SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_CONSUMER_SECRET": "s", "SALESFORCE_DOMAIN": "acme.my"}
    assert credentials(app) == {"consumer_key": "k", "consumer_secret": "s", "domain": "acme.my"}
    jwt = {"SALESFORCE_USERNAME": "u", "SALESFORCE_CONSUMER_KEY": "k", "SALESFORCE_PRIVATE_KEY_FILE": "f"}
    assert credentials(jwt) == {"username": "u", "consumer_key": "k", "privatekey_file": "f"}
    with pytest.raises(ParameterError, match="SALESFORCE_CONSUMER_SECRET"):
        credentials({"SALESFORCE_USERNAME": "u"})


def since(day: float) -> str:
    return iso(day).replace("Z", "+00:00")


def task(fake: FakeSalesforce, number: int, who: str, day: float = 6.0, **more: Any) -> str:
    times = {"CompletedDateTime": at(day), "CreatedDate": at(day), "SystemModstamp": at(day)}
    return fake.add("Task", number, "00T", WhoId=who, TaskSubtype="Call", CallType=None, IsClosed=True, **times, **more)


def test_merged_and_deleted_leads_leave_with_the_next_pull(salesforce: Any, tmp_path: Path) -> None:
    fake = salesforce.fake
    people(fake, 4)
    one, two, three, four = (lead["Id"] for lead in fake.objects["Lead"])
    for number, who in enumerate((one, two, three, four)):
        task(fake, number, who)
    fake.changed(one, 8, "Status", "Open - Not Contacted", "Working - Contacted")
    pull_crm(salesforce.make(), tmp_path, NOW, None)
    fake.delete("Lead", one, 201, into=two)
    fake.delete("Lead", three, 201)
    fake.delete("Task", fake.objects["Task"][3]["Id"], 201)
    pull_crm(salesforce.make(), tmp_path, iso(202), since(200))
    assert sorted(row["id"] for row in table(tmp_path, "leads")) == [two, four]
    assert Counter(row["lead_id"] for row in table(tmp_path, "touchpoints")) == {two: 2}
    assert leads_retired(tmp_path) == {one: two, three: None}
    assert stages(tmp_path, two) == [(at(1)[:10], "mql")]  # the losing lead's own history is not the winner's
    fake.empty_recycle_bin()
    pull_crm(salesforce.make(), tmp_path, iso(230), None)
    assert leads_retired(tmp_path) == {one: two, three: None}


def test_merged_contacts_and_accounts_are_followed(salesforce: Any, tmp_path: Path) -> None:
    fake = salesforce.fake
    fake.tracked_since(0)
    contacts = [fake.add("Contact", n, "003", SystemModstamp=at(9)) for n in (1, 2)]
    accounts = [fake.add("Account", n, "001", SystemModstamp=at(9)) for n in (1, 2)]
    lead = fake.lead(
        1, 1, "Closed - Converted", IsConverted=True, ConvertedDate=at(9)[:10],
        ConvertedContactId=contacts[0], ConvertedAccountId=accounts[0],
    )  # fmt: skip
    task(fake, 1, contacts[0], 12)
    fake.add(
        "Opportunity",
        1,
        "006",
        AccountId=accounts[0],
        IsWon=True,
        CloseDate=at(30)[:10],
        Amount=5.0,
        SystemModstamp=at(30),
    )
    pull_crm(salesforce.make(), tmp_path, NOW, None)
    fake.delete("Contact", contacts[0], 201, into=contacts[1])
    fake.delete("Account", accounts[0], 201, into=accounts[1])
    pull_crm(salesforce.make(), tmp_path, iso(202), since(200))
    (row,) = table(tmp_path, "leads")
    assert (row["id"], row["contact_id"], row["crm_account_id"]) == (lead, contacts[1], accounts[1])
    assert [row["lead_id"] for row in table(tmp_path, "touchpoints")] == [contacts[1]]
    assert [row["account_id"] for row in table(tmp_path, "orders")] == [accounts[1]]


def test_without_the_right_to_see_contacts_their_merges_are_named_as_missing(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 1)
    salesforce.fake.hidden = {"Contact"}
    adapter = salesforce.make()
    assert pull_crm(adapter, tmp_path, NOW, None)["leads"] == 1
    assert [note for note in adapter.notes if note.startswith("merged and deleted records of Contact are not known")]


def test_archived_tasks_come_too(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 1)
    task(salesforce.fake, 1, salesforce.fake.objects["Lead"][0]["Id"], IsArchived=True)
    assert pull_crm(salesforce.make(), tmp_path, NOW, None)["touchpoints"] == 1


def test_leads_that_are_no_more_are_not_pushed(salesforce: Any, tmp_path: Path) -> None:
    fake = salesforce.fake
    people(fake, 3)
    fake.fields |= dict.fromkeys(FIELDS, True)
    one, two, three = (lead["Id"] for lead in fake.objects["Lead"])
    todo = [Update(i, dict(zip(FIELDS, (0.5, "A", "A", None), strict=True))) for i in (one, two, three)]
    fake.delete("Lead", one, 201, into=two)
    fake.delete("Lead", three, 201)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(salesforce.make(), todo, ledger)
    assert (outcome.retired, outcome.refused) == ({one: two, three: None}, {})
    assert [update.lead_id for update in outcome.todo] == [two]


def test_a_field_that_is_not_there_is_named(salesforce: Any, tmp_path: Path) -> None:
    people(salesforce.fake, 1)
    salesforce.fake.unknown = {"Industry"}
    with pytest.raises(CrmError, match="Lead has no field Industry that this user may see"):
        pull_crm(salesforce.make(), tmp_path, NOW, None)
