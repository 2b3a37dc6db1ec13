"""HubSpot's real client against a local server that follows the published API: pull, limits, errors, push."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.errors import CrmError, ParameterError
from pipeline.crm.ledger import Ledger
from pipeline.crm.raw_files import leads_retired
from pipeline.crm.write import Update
from pipeline.params import CrmAttribute
from pipeline.pull_crm import pull_crm
from pipeline.push_crm import push_crm
from tests.pipeline.crm.fake_hubspot import FakeHubSpot, error, iso, limited
from tests.pipeline.crm.server import Reply

NOW = iso(200)
FIELDS = ("lead_probability", "lead_tier", "lead_decision", "lead_reasons")


def people(fake: FakeHubSpot, n: int) -> None:
    fake.objects.setdefault("companies", {})
    for number in range(1, n + 1):
        fake.add(
            "contacts",
            number,
            {"createdate": iso(1)},
            {"lifecyclestage": [(1, "lead"), (5, "marketingqualifiedlead")]},
        )


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_every_page_comes_and_no_identifier_does(hubspot: Any, tmp_path: Path) -> None:
    people(hubspot.fake, 120)
    rows = pull_crm(hubspot.make(), tmp_path, NOW, None)
    assert rows["leads"] == 120
    pages = hubspot.fake.of("/objects/contacts")
    assert [query.get("after") for _, _, query, _ in pages] == [None, ["50"], ["100"]]
    asked = ",".join(pages[0][2]["properties"])
    assert "email" not in asked.split(",")
    assert "firstname" not in asked
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"person.example" not in content, file
        assert b"Ada" not in content, file


def test_history_becomes_stage_changes_attribute_changes_and_touchpoints(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    fake.add("companies", 9, {"createdate": iso(0)}, {"industry": [(0, "STEEL"), (30, "MACHINERY")]})
    fake.add(
        "contacts",
        1,
        {"createdate": iso(1)},
        {
            "lifecyclestage": [(1, "lead"), (5, "marketingqualifiedlead"), (9, ""), (9.5, "customer")],
            "hs_lead_status": [(6, "NEW"), (7, "UNQUALIFIED"), (8, "BAD_TIMING")],
            "recent_conversion_event_name": [(2, "Form A"), (3, "Form B")],
        },
        {"companies": [9]},
    )
    fake.add("meetings", 4, {"hs_timestamp": iso(20), "hs_createdate": iso(10)}, links={"contacts": [1, 1]})
    fake.add(
        "emails",
        5,
        {"hs_timestamp": iso(3), "hs_createdate": iso(4), "hs_email_direction": "INCOMING_EMAIL"},
        links={"contacts": [1]},
    )
    fake.add(
        "deals",
        6,
        {"createdate": iso(8), "closedate": iso(40), "amount": "1200.5", "hs_is_closed_won": "true"},
        links={"contacts": [1], "companies": [9]},
    )
    page = {"hs_url": "https://acme.example/pricing?email=ada@person.example"}
    fake.events = [
        {
            "id": f"e{i}",
            "eventType": "e_visited_page",
            "objectType": "CONTACT",
            "objectId": "1",
            "occurredAt": iso(4),
            "properties": page,
        }
        for i in range(150)
    ]
    pull_crm(hubspot.make(), tmp_path, NOW, None)
    changes = {(row["stage"], row["occurred_at"]) for row in table(tmp_path, "stage_changes")}
    at = {day: iso(day).replace("Z", "+00:00").replace(".000", "") for day in (1, 5, 7, 8, 9.5)}
    assert changes == {
        ("inquiry", at[1]),
        ("mql", at[5]),
        ("disqualified", at[7]),
        ("recycled", at[8]),
        ("customer", at[9.5]),
    }
    assert [row["value"] for row in table(tmp_path, "attribute_changes") if row["account_id"] == "9"] == [
        "STEEL",
        "MACHINERY",
    ]
    touchpoints = table(tmp_path, "touchpoints")
    assert Counter(row["kind"] for row in touchpoints) == {
        "page_view": 150,
        "form_submission": 2,
        "mail": 1,
        "meeting": 1,
    }
    (meeting,) = (row for row in touchpoints if row["kind"] == "meeting")
    assert meeting["recorded_at"] == meeting["occurred_at"] == iso(20)  # entered ten days ahead
    assert {row["asset"] for row in touchpoints if row["kind"] == "page_view"} == {"pricing"}
    assert {(row["kind"], row["by"]) for row in touchpoints} >= {("mail", "lead"), ("meeting", "sales")}
    assert table(tmp_path, "leads")[0]["account_id"] == "9"
    assert [(row["account_id"], row["amount"]) for row in table(tmp_path, "orders")] == [("9", "1200.5")]


def test_increments_merge_by_id(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 120)
    pull_crm(hubspot.make(), tmp_path, NOW, None)
    for number in [3, *range(50, 104)]:  # more than one page of a search
        fake.add(
            "contacts",
            number,
            {"createdate": iso(1)},
            {"lifecyclestage": [(1, "lead"), (5, "marketingqualifiedlead"), (199, "opportunity")]},
            modified=199,
        )
    fake.add(
        "contacts", 121, {"createdate": iso(199)}, {"lifecyclestage": [(199, "lead")]}, {"companies": [7]}, modified=199
    )
    fake.requests.clear()
    rows = pull_crm(hubspot.make(), tmp_path, iso(201), iso(198).replace("Z", "+00:00"))
    assert rows["leads"] == 121
    assert rows["stage_changes"] == 240 + 55 + 1
    lists = [query for _, path, query, _ in fake.requests if path == "/crm/v3/objects/contacts"]
    assert [query["archived"] for query in lists] == [["True"]]  # of the others only what changed
    assert [len(body["inputs"]) for *_, body in fake.of("/contacts/batch/read")] == [50, 6]
    assert next(row for row in table(tmp_path, "leads") if row["id"] == "121")["account_id"] == "7"


def test_an_interrupted_pull_goes_on_where_it_was(hubspot: Any, tmp_path: Path) -> None:
    people(hubspot.fake, 120)
    adapter = hubspot.make()
    asked: list[str | None] = []
    page = adapter._page

    def failing(kind: str, cursor: str | None) -> Any:
        if kind == "contacts":
            asked.append(cursor)
            if cursor == "100":
                raise KeyboardInterrupt
        return page(kind, cursor)

    adapter._page = failing
    with pytest.raises(KeyboardInterrupt):
        pull_crm(adapter, tmp_path, NOW, None)
    assert not list(tmp_path.glob("*.parquet"))
    half = tmp_path / ".pull-hubspot" / "contacts.jsonl"
    half.write_bytes(half.read_bytes() + b'{"next": "150", "rec')  # the power went while a line was written
    hubspot.fake.requests.clear()
    rows = pull_crm(hubspot.make(), tmp_path, iso(300), None)
    assert rows["leads"] == 120
    assert [query["after"] for _, _, query, _ in hubspot.fake.of("/objects/contacts")] == [["100"]]
    assert table(tmp_path, "export") == [{"exported_at": NOW, "clock": "real"}]  # what the first half knew
    assert not half.parent.exists()


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (limited("TEN_SECONDLY_ROLLING", "7"), 7.1),
        (limited("TEN_SECONDLY_ROLLING"), 1.0),
        (Reply(500, {"status": "error"}), 1.0),
        (Reply(502, "not JSON at all"), 1.0),
        (Reply(drop=True), 1.0),
    ],
)
def test_what_passes_is_tried_again(
    hubspot: Any, tmp_path: Path, pauses: list[float], fault: Reply, pause: float
) -> None:
    people(hubspot.fake, 1)
    hubspot.fake.faults = [fault]
    assert pull_crm(hubspot.make(), tmp_path, NOW, None)["leads"] == 1
    assert pauses == pytest.approx([pause])


def test_it_gives_up_in_the_end(hubspot: Any, tmp_path: Path, pauses: list[float]) -> None:
    hubspot.fake.faults = [Reply(503, {"status": "error"})] * 6
    with pytest.raises(CrmError, match="503.*Gave up after 6 attempt"):
        pull_crm(hubspot.make(), tmp_path, NOW, None)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_the_burst_limit_is_kept(hubspot: Any, pauses: list[float]) -> None:
    adapter = hubspot.make(calls_per_10_seconds=3)
    for _ in range(3):
        adapter.missing_fields()
    assert pauses == []
    adapter.missing_fields()
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 10


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (error(401, "INVALID_AUTHENTICATION"), "HUBSPOT_ACCESS_TOKEN is missing, wrong or expired"),
        (limited("DAILY"), "daily limit of API calls is used up"),
        (
            error(
                403,
                "MISSING_SCOPES",
                errors=[{"message": "m", "context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
            ),
            "lacks the scope.* crm.objects.deals.read",
        ),
    ],
)
def test_what_does_not_pass_is_said_at_once(
    hubspot: Any, tmp_path: Path, pauses: list[float], fault: Reply, words: str
) -> None:
    hubspot.fake.faults = [fault]
    with pytest.raises(CrmError, match=words) as raised:
        pull_crm(hubspot.make(), tmp_path, NOW, None)
    assert pauses == []
    assert "person.example" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None  # the client's exception holds the token's header and the body


def test_a_wrong_token_is_named_but_never_shown(hubspot: Any) -> None:
    with pytest.raises(CrmError) as raised:
        hubspot.make(token="pat-secret").missing_fields()
    assert "pat-secret" not in str(raised.value)


def test_without_events_the_rest_comes(hubspot: Any, tmp_path: Path) -> None:
    people(hubspot.fake, 2)
    hubspot.fake.events_allowed = False
    adapter = hubspot.make()
    assert pull_crm(adapter, tmp_path, NOW, None)["leads"] == 2
    assert "needs an Enterprise subscription" in adapter.notes[0]


def test_identifiers_are_refused(hubspot: Any) -> None:
    with pytest.raises(ParameterError, match="never pulled"):
        hubspot.make(attributes={"who": CrmAttribute(field="firstname")})


def wanted(numbers: Any, probability: float = 0.5) -> list[Update]:
    values = (probability, "A", "A, within capacity", "3 views of the pricing page")
    return [Update(str(number), dict(zip(FIELDS, values, strict=True))) for number in numbers]


def test_push_writes_batches_only_of_what_changed(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 250)
    adapter = hubspot.make()
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(CrmError, match="--setup"):
            push_crm(adapter, wanted(range(1, 251)), ledger)
        assert adapter.create_fields(adapter.missing_fields()) == []
        assert set(FIELDS) <= fake.fields
        outcome = push_crm(adapter, wanted(range(1, 251)), ledger)
        assert (len(outcome.todo), outcome.refused) == (250, {})
        assert [len(body["inputs"]) for *_, body in fake.of("/batch/update")] == [100, 100, 50]
        assert fake.objects["contacts"]["7"]["properties"]["lead_probability"] == "0.5"
        fake.requests.clear()
        outcome = push_crm(adapter, [*wanted(range(1, 250)), *wanted([250], 0.6)], ledger)
        assert ([update.lead_id for update in outcome.todo], outcome.refused) == (["250"], {})
        assert [len(body["inputs"]) for *_, body in fake.of("/batch/update")] == [1]


def test_refused_records_are_reported_and_sent_again(hubspot: Any, tmp_path: Path, pauses: list[float]) -> None:
    fake = hubspot.fake
    people(fake, 10)
    fake.fields |= set(FIELDS)
    fake.refuse, fake.invalid = {"3": "RATE_LIMITS"}, {"5"}
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(hubspot.make(), wanted([*range(1, 11), 99]), ledger)
        assert len(outcome.todo) == 11
        assert {number: why.reason for number, why in outcome.refused.items()} == {
            "3": "RATE_LIMITS",
            "5": "VALIDATION_ERROR",
            "99": "OBJECT_NOT_FOUND",
        }
        assert len(pauses) == 2  # three rounds for the one that may pass
        assert len(ledger.read()) == 8
        fake.refuse, fake.invalid = {}, set()
        fake.requests.clear()
        outcome = push_crm(hubspot.make(), wanted([*range(1, 11), 99]), ledger)
        assert (len(outcome.todo), list(outcome.refused)) == (3, ["99"])


def test_a_push_cut_short_resumes(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 150)
    fake.fields |= set(FIELDS)
    adapter = hubspot.make()
    send = adapter.send
    calls = []

    def cut(batch: Any) -> Any:
        calls.append(len(batch))
        if len(calls) == 2:
            fake.faults = [limited("DAILY")]
        return send(batch)

    adapter.send = cut
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(CrmError, match="daily limit"):
            push_crm(adapter, wanted(range(1, 151)), ledger)
        assert len(ledger.read()) == 100
        outcome = push_crm(hubspot.make(), wanted(range(1, 151)), ledger)
        assert (len(outcome.todo), outcome.refused) == (50, {})


def since(day: float) -> str:
    return iso(day).replace("Z", "+00:00")


def test_two_contacts_that_become_a_third_are_one_lead(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 3)
    for number in (1, 2, 3):
        fake.add("calls", 100 + number, {"hs_timestamp": iso(6), "hs_createdate": iso(6)}, links={"contacts": [number]})
    pull_crm(hubspot.make(), tmp_path, NOW, None)
    fake.merge("contacts", 1, 2, into=50, day=201)  # the calls are linked to 50 now, and not modified
    pull_crm(hubspot.make(), tmp_path, iso(202), since(200))
    assert sorted(row["id"] for row in table(tmp_path, "leads")) == ["3", "50"]
    assert Counter(row["lead_id"] for row in table(tmp_path, "touchpoints")) == {"50": 2, "3": 1}
    assert {row["lead_id"] for name in ("stage_changes", "attribute_changes") for row in table(tmp_path, name)} == {
        "3",
        "50",
    }
    assert leads_retired(tmp_path) == {"1": "50", "2": "50"}
    fake.merge("contacts", 50, 3, into=60, day=203)
    pull_crm(hubspot.make(), tmp_path, iso(204), since(202))
    assert [row["id"] for row in table(tmp_path, "leads")] == ["60"]
    assert leads_retired(tmp_path) == dict.fromkeys(("1", "2", "3", "50"), "60")
    assert pull_crm(hubspot.make(), tmp_path, iso(205), None)["leads"] == 1  # a full pull forgets no old id
    assert leads_retired(tmp_path) == dict.fromkeys(("1", "2", "3", "50"), "60")


def test_companies_merge_too(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    for company in (8, 9):
        fake.add("companies", company, {"createdate": iso(0)}, {"industry": [(0, f"I{company}")]})
        fake.add(
            "contacts", company, {"createdate": iso(1)}, {"lifecyclestage": [(1, "lead")]}, {"companies": [company]}
        )
    won = {"createdate": iso(8), "closedate": iso(40), "amount": "10", "hs_is_closed_won": "true"}
    fake.add("deals", 6, won, links={"contacts": [8], "companies": [8]})
    pull_crm(hubspot.make(), tmp_path, NOW, None)
    fake.merge("companies", 8, 9, into=90, day=201)
    pull_crm(hubspot.make(), tmp_path, iso(202), since(200))
    assert [row["id"] for row in table(tmp_path, "accounts")] == ["90"]
    assert {row["account_id"] for row in table(tmp_path, "leads")} == {"90"}
    assert [row["account_id"] for row in table(tmp_path, "orders")] == ["90"]
    links = [row for row in table(tmp_path, "attribute_changes") if row["attribute"] == "account_id"]
    assert {row["value"] for row in links} == {"90"}


def test_what_was_archived_is_gone_with_the_next_pull(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 3)
    fake.add("meetings", 7, {"hs_timestamp": iso(6), "hs_createdate": iso(6)}, links={"contacts": [1, 2]})
    fake.add("notes", 8, {"hs_timestamp": iso(6), "hs_createdate": iso(6)}, links={"contacts": [1]})
    pull_crm(hubspot.make(), tmp_path, NOW, None)
    fake.archive("contacts", 2, 201)
    fake.archive("notes", 8, 201)
    pull_crm(hubspot.make(), tmp_path, iso(202), since(200))
    assert sorted(row["id"] for row in table(tmp_path, "leads")) == ["1", "3"]
    assert [(row["id"], row["lead_id"]) for row in table(tmp_path, "touchpoints")] == [("meetings-7", "1")]
    assert leads_retired(tmp_path) == {"2": None}
    fake.add("contacts", 2, {"createdate": iso(1)}, {"lifecyclestage": [(1, "lead")]}, modified=203)  # restored
    del fake.archived["contacts"]["2"]
    pull_crm(hubspot.make(), tmp_path, iso(204), since(202))
    assert leads_retired(tmp_path) == {}


def test_only_the_survivor_of_a_merge_is_pushed(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 3)
    fake.fields |= set(FIELDS)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        push_crm(hubspot.make(), wanted([1, 2, 3], 0.1), ledger)
        fake.merge("contacts", 1, 2, into=50, day=201)
        stale = [*wanted([1], 0.11), *wanted([2], 0.22), *wanted([3], 0.33), *wanted([50], 0.55)]
        for night in range(2):
            outcome = push_crm(hubspot.make(), stale, ledger)
            assert (outcome.retired, outcome.refused, outcome.edited) == ({"1": "50", "2": "50"}, {}, {}), night
            assert fake.objects["contacts"]["50"]["properties"]["lead_probability"] == "0.55"


def test_a_merge_that_happens_during_the_push_is_noticed(hubspot: Any, tmp_path: Path) -> None:
    fake = hubspot.fake
    people(fake, 3)
    fake.fields |= set(FIELDS)
    adapter = hubspot.make()
    send, sent = adapter.send, []

    def merge_first(batch: Any) -> Any:
        if not sent:
            fake.merge("contacts", 1, 2, into=3000, day=201)
            fake.merge("contacts", 3000, 3, into=50, day=201)
        sent.append([item.lead_id for item in batch])
        return send(batch)

    adapter.send = merge_first
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(adapter, wanted([1], 0.11), ledger)
        assert (outcome.retired, outcome.refused) == ({"1": "50"}, {})
        assert (
            ledger.read()["50"]["lead_probability"] == 0.11
        )  # what 50 holds now, so that its own score is sent next time
        outcome = push_crm(hubspot.make(), wanted([50], 0.55), ledger)
        assert [update.lead_id for update in outcome.todo] == ["50"]
        assert fake.objects["contacts"]["50"]["properties"]["lead_probability"] == "0.55"
