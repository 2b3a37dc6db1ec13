"""What was accepted never makes a later read fail: what a model can't read counts as unknown, and the answer says so."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.attributes import AttributeSpec, encode
from features.errors import JourneyError
from features.timeline import DAY_US, from_micros
from models.bundle import Bundle
from serving.contract.errors import RequestError
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.migrate import migrate
from tests.serving.store_events import NOW
from tests.serving.stores import BACKENDS

WORDS = {"number": "a number", "boolean": "true or false", "category": "text"}


def moment(micros: int) -> str:
    return from_micros(micros).isoformat()


def tell(store: Store, bundle: Bundle, kind: str, *items: dict[str, Any], now: int = NOW) -> dict[str, Any]:
    return accept(store, kind, json.dumps({kind: items}).encode(), now, [bundle.catalog])


def ask(store: Store, bundle: Bundle, lead_id: str, now: int = NOW + 10, **query: str) -> dict[str, Any]:
    answer = score_lead(store, Scorer(bundle, "lead-qualification", "7"), lead_id, query, now)
    json.dumps(answer, allow_nan=False).encode()
    lead: dict[str, Any] = answer["lead"]
    return lead


def of_types(bundle: Bundle, **types: Any) -> Bundle:
    """Give the same model with other types for its attributes, as a later one might have."""
    specs = [
        replace(spec, type=types.get(spec.name, spec.type), categories=() if spec.name in types else spec.categories)
        for spec in bundle.catalog.attributes
    ]
    return replace(bundle, catalog=replace(bundle.catalog, attributes=tuple(specs)))


def test_a_value_of_another_type_is_stored_and_said(store: Store, bundle: Bundle) -> None:
    def lead(number: int, employees: Any, **own: Any) -> dict[str, Any]:
        account = {"account_id": f"A-{number}", "attributes": {"employees": employees}}
        return {"lead_id": f"L-{number}", "attributes": own, "account": account}

    fine = [lead(number, number, newsletter=True, unread=3, role="purchasing") for number in range(3)]
    assert "warnings" not in tell(store, bundle, "leads", *fine)
    odd = [lead(3, "many", newsletter="Ja"), lead(4, True, role=420), lead(5, 10**39), lead(6, None, newsletter=None)]
    answer = tell(store, bundle, "leads", *fine, *odd)
    assert (answer["new"], answer["duplicate"]) == (4, 3)
    said = {item["field"]: (item["code"], item["message"]) for item in answer["warnings"]}
    assert list(said) == [
        "leads[3].attributes.newsletter",
        "leads[3].account.attributes.employees",
        "leads[4].attributes.role",
    ]
    assert {code for code, _ in said.values()} == {"attribute_type"}
    employees = said["leads[3].account.attributes.employees"][1]
    assert "takes a number (number) as 'employees'; 3 entries sent" in employees
    for sent in ("text (category)", "true or false (boolean)", "a number that is too large"):
        assert sent in employees
    assert not any(value in str(said) for value in ("many", "Ja", "420"))


def test_it_counts_as_unknown_and_is_said_in_both_languages(store: Store, bundle: Bundle) -> None:
    def told(number: int, employees: Any) -> None:
        account = {"account_id": f"A-{number}", "attributes": {"employees": employees}}
        created = moment(NOW - 20 * DAY_US)
        both = {"lead_id": f"L-{number}", "created_at": created, "occurred_at": created, "account": account}
        tell(store, bundle, "leads", both)
        item = {"lead_id": f"L-{number}", "occurred_at": moment(NOW - 5 * DAY_US), "kind": "webinar"}
        tell(store, bundle, "touchpoints", item)

    told(1, None)
    for number, value in enumerate(("many", True, 10**39, 10**399, "420"), start=2):
        told(number, value)
    unknown = ask(store, bundle, "L-1")
    assert unknown["warnings"] == []
    for number in range(2, 7):
        lead = ask(store, bundle, f"L-{number}")
        for name in ("probability", "interval", "tier", "fit", "engagement", "reasons"):
            assert lead[name] == unknown[name]
        (warning,) = lead["warnings"]
        assert (warning["code"], warning["field"]) == ("attribute_type", "lead.account.attributes.employees")
        assert "employees: number" in warning["message"]
    assert "zählt als unbekannt" in ask(store, bundle, "L-2", language="de")["warnings"][0]["message"]
    # another model may take what this one can't
    later = of_types(bundle, employees="category")
    assert "attribute_type" not in [item["code"] for item in ask(store, later, "L-2")["warnings"]]
    assert "attribute_type" in [item["code"] for item in ask(store, later, "L-4")["warnings"]]


def test_sent_with_the_request_it_is_unknown_too(bundle: Bundle) -> None:
    lead = {"lead_id": "L-1", "account": {"account_id": "A-1", "attributes": {"employees": "many"}}}
    body, _ = Scorer(bundle, "lead-qualification", "7").answer(json.dumps({"leads": [lead]}).encode(), NOW, False)
    (scored,) = json.loads(body)["leads"]
    assert scored["probability"] is not None
    assert _of_another_type(scored) == ["leads[0].account.attributes.employees"]


def _of_another_type(lead: dict[str, Any]) -> list[str]:
    return [item["field"] for item in lead["warnings"] if item["code"] == "attribute_type"]


def test_a_colleagues_role_of_another_type_is_unknown(store: Store, bundle: Bundle) -> None:
    for number, role in enumerate((420, True, None, "", "purchasing")):
        account = {"account_id": f"A-{number}"}
        who = [f"L-{number}", f"C-{number}"]
        leads = [{"lead_id": lead_id, "account": account, "attributes": {}} for lead_id in who]
        leads[1]["attributes"] = {"role": role}
        tell(store, bundle, "leads", *leads)
        visit = {"lead_id": f"C-{number}", "occurred_at": moment(NOW - DAY_US), "kind": "page_view"}
        tell(store, bundle, "touchpoints", visit)
    leads = [ask(store, bundle, f"L-{number}") for number in range(5)]
    assert [_of_another_type(lead) for lead in leads] == [
        ["lead.account.touchpoints.role"],
        ["lead.account.touchpoints.role"],
        [],
        [],
        [],
    ]
    assert len({lead["probability"] for lead in leads[:4]}) == 1
    assert all(ask(store, bundle, f"C-{number}")["probability"] is not None for number in range(5))


def test_one_name_of_lead_and_account_is_the_one_of_its_own(store: Store, bundle: Bundle) -> None:
    account = {"account_id": "A-1", "attributes": {"employees": 7, "newsletter": 5}}
    tell(store, bundle, "leads", {"lead_id": "L-1", "attributes": {"employees": "many"}, "account": account})
    assert _of_another_type(ask(store, bundle, "L-1")) == ["lead.account.attributes.newsletter"]
    account = {"account_id": "A-2", "attributes": {"lead_id": 5, "created_at": True}}
    tell(store, bundle, "leads", {"lead_id": "L-2", "attributes": {"employees": "many"}, "account": account})
    found = [(item["code"], item["field"]) for item in ask(store, bundle, "L-2")["warnings"]]
    assert ("attribute_type", "lead.attributes.employees") in found


def test_values_that_cannot_be_summed_count_as_unknown(store: Store, bundle: Bundle) -> None:
    orders = [{"ordered_at": moment(NOW - DAY_US - number), "amount": 1e12} for number in range(20)]
    leads = [{"lead_id": f"L-{number}", "account": {"account_id": "A-1"}} for number in range(3)]
    leads[0]["account"]["orders"] = orders  # type: ignore[index]
    tell(store, bundle, "leads", *leads)
    for lead_id, value in (("L-0", 1e12), ("L-1", -1e12), ("L-2", 1.0)):
        visits = [
            {"lead_id": lead_id, "occurred_at": moment(NOW - DAY_US - number), "kind": "webinar", "value": value}
            for number in range(20)
        ]
        for visit in visits:
            tell(store, bundle, "touchpoints", visit)
    fields = {
        lead_id: sorted(item["field"] for item in ask(store, bundle, lead_id)["warnings"]) for lead_id in ("L-0", "L-2")
    }
    assert fields["L-0"] == ["lead.account.orders.amount", "lead.account.touchpoints.value", "lead.touchpoints.value"]
    assert fields["L-2"] == ["lead.account.orders.amount", *["lead.account.touchpoints.value"] * 2]


TYPES = st.sampled_from(["number", "boolean", "category"])
TEXT = st.one_of(st.sampled_from(["energy", "", "420", "true", "\0", "\u202eabc", "👩‍💻"]), st.text(max_size=8))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**3), 10**6),
    st.sampled_from([10**39, -(10**39), 10**399, 2**63, -0.0, 1e308, -1e-320, 3.4028235e38, 3.5e38]),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)


@given(TYPES, VALUES)
@settings(max_examples=300, deadline=None)
def test_what_a_type_takes_is_what_can_be_encoded(kind: Any, value: Any) -> None:
    spec = AttributeSpec("lead", "x", kind, "creation")
    try:
        encode({"x": [value]}, [spec])
    except JourneyError:
        assert not spec.takes(value)
    else:
        assert spec.takes(value)


NAMES = st.sampled_from(
    ["employees", "industry", "newsletter", "role", "lead_id", "created_at", "Employees", "unread", "x y", '"']
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=4)
MOMENTS = st.one_of(
    st.integers(NOW - 60 * DAY_US, NOW + 2 * DAY_US),
    st.sampled_from([0, NOW, NOW - 1, NOW - 50 * DAY_US, NOW + 60_000 * DAY_US, (2201 - 1970) * 365 * DAY_US]),
).map(moment)
MAYBE = st.one_of(st.none(), MOMENTS)
AMOUNTS = st.one_of(st.none(), st.sampled_from([1e12, -1e12, 0, 0.1, 7e11]), st.floats(-1e12, 1e12))
WHO = st.sampled_from(["a", "b", "c"])
ORDERS = st.lists(
    st.fixed_dictionaries({"ordered_at": MOMENTS, "amount": AMOUNTS, "product": st.one_of(st.none(), TEXT)}), max_size=3
).flatmap(lambda orders: st.integers(1, 12).map(lambda times: orders * times))
LEADS = st.fixed_dictionaries(
    {
        "lead_id": WHO,
        "created_at": MAYBE,
        "occurred_at": MAYBE,
        "recorded_at": MAYBE,
        "attributes": ATTRIBUTES,
        "account": st.fixed_dictionaries(
            {"account_id": st.sampled_from(["A", "B"]), "attributes": ATTRIBUTES, "orders": ORDERS}
        ),
    }
)
TOUCHPOINTS = st.fixed_dictionaries(
    {
        "lead_id": WHO,
        "occurred_at": MOMENTS,
        "recorded_at": MAYBE,
        "kind": st.one_of(st.sampled_from(["webinar", "page_view", "stage:mql", "created", "order"]), TEXT),
        "channel": st.one_of(st.none(), TEXT),
        "asset": st.one_of(st.none(), TEXT),
        "value": AMOUNTS,
        "by": st.sampled_from([None, "lead", "sales", "system"]),
    }
).flatmap(lambda item: st.sampled_from([1, 1, 12]).map(lambda times: [item] * times))
STAGES = st.sampled_from(["inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer"])
CHANGES = st.fixed_dictionaries(
    {"lead_id": WHO, "stage": STAGES, "occurred_at": MOMENTS, "recorded_at": MAYBE, "reason": TEXT}
)
OUTCOMES = st.fixed_dictionaries(
    {
        "lead_id": WHO,
        "outcome": st.sampled_from(["sal", "sales_qualified", "disqualified", "recycled", "customer"]),
        "occurred_at": MOMENTS,
        "recorded_at": MAYBE,
        "reason": TEXT,
    }
)
EVENTS = st.one_of(
    st.tuples(st.just("leads"), st.lists(LEADS, min_size=1, max_size=3)),
    st.tuples(st.just("touchpoints"), TOUCHPOINTS),
    st.tuples(st.just("stage_changes"), st.lists(CHANGES, min_size=1, max_size=3)),
    st.tuples(st.just("outcomes"), st.lists(OUTCOMES, min_size=1, max_size=2)),
)


@pytest.fixture(scope="module", params=BACKENDS)
def shared(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> Iterator[Store]:
    """Open one store for many histories, each of leads and accounts of its own."""
    address = new_url(request.param)
    migrate(address)
    opened = Store(address)
    yield opened
    opened.close()


_numbers = itertools.count()


@given(st.lists(EVENTS, min_size=1, max_size=6), st.dictionaries(st.sampled_from(["employees", "industry"]), TYPES))
@settings(max_examples=60, deadline=None)
def test_no_history_of_accepted_writes_makes_a_score_fail(
    shared: Store, bundle: Bundle, events: list[tuple[str, list[dict[str, Any]]]], types: dict[str, Any]
) -> None:
    history, known = next(_numbers), set[str]()
    for step, (kind, items) in enumerate(events):
        told = json.loads(json.dumps(items))
        for item in told:
            item["lead_id"] += f"/{history}"
            if "account" in item:
                item["account"]["account_id"] += f"/{history}"
        try:
            tell(shared, bundle, kind, *told, now=NOW + step)
        except RequestError as error:
            if error.status >= 500:
                raise
            continue  # not accepted: nothing of it is stored
        known |= {item["lead_id"] for item in told}
    later = of_types(bundle, **types)
    for lead_id in known:
        for model in (bundle, later):
            for query in ({}, {"snapshot_at": "2026-11-01T00:00:00Z", "language": "de"}, {"reasons": "0"}):
                lead = ask(shared, model, lead_id, NOW + 100, **query)
                assert (lead["probability"] is None) == (lead["not_scored"] is not None)
