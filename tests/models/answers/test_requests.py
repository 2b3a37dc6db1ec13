"""Leads of a request: every wrong thing is refused with the path of its field, and all else is understood."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from features.catalog import Catalog, build_catalog
from features.errors import JourneyError
from features.journeys import MAX_VALUE, Journeys
from features.timeline import DAY_US, to_micros
from models.answers.limits import MAX_ATTRIBUTES, MAX_STAGE_CHANGES, MAX_TEXT, MAX_TOUCHPOINTS
from models.answers.requests import build_inputs, parse_lead, unread_attributes
from models.answers.requests.fields import parse_moment

AT = "2026-01-05T10:00:00Z"
SEEN = {"kind": "page_view", "occurred_at": AT}


def _lead(**fields: Any) -> dict[str, Any]:
    return {"lead_id": "L-1", "snapshot_at": AT, **fields}


def _touchpoint(**fields: Any) -> dict[str, Any]:
    return _lead(touchpoints=[SEEN, {key: value for key, value in {**SEEN, **fields}.items() if value is not ...}])


def _change(**fields: Any) -> dict[str, Any]:
    return _lead(stage_changes=[{"stage": "mql", "occurred_at": AT, **fields}])


def _account(**fields: Any) -> dict[str, Any]:
    return _lead(account={"account_id": "A-1", **fields})


WRONG: list[tuple[Any, str, str]] = [
    (None, "", "is missing, not an object"),
    ([], "", "is a list, not an object"),
    ({}, ".lead_id", "is missing"),
    (_lead(lead_id=""), ".lead_id", "is empty"),
    (_lead(lead_id=7), ".lead_id", "is a number, not text"),
    (_lead(lead_id="x" * (MAX_TEXT + 1)), ".lead_id", "has 501 characters; allowed are 500"),
    (_lead(lead_id="\ud800"), ".lead_id", "half a surrogate pair"),
    (_lead(name="x"), ".name", "is not a known field"),
    (_lead(snapshot_at=None), ".snapshot_at", "is missing"),
    (_lead(snapshot_at="2026-01-05T10:00:00"), ".snapshot_at", "has no time zone"),
    (_lead(snapshot_at="2026-01-05"), ".snapshot_at", "is not a moment"),
    (_lead(snapshot_at="20260105T100000Z"), ".snapshot_at", "is not a moment"),
    (_lead(snapshot_at="2026-02-30T10:00:00Z"), ".snapshot_at", "no moment that exists"),
    (_lead(snapshot_at=1767607200), ".snapshot_at", "is not a moment: a number"),
    (_lead(snapshot_at="1969-12-31T23:59:59.999999Z"), ".snapshot_at", "allowed are the years 1970 to 2200"),
    (_lead(snapshot_at="2201-01-01T00:00:00Z"), ".snapshot_at", "allowed are the years 1970 to 2200"),
    (_lead(snapshot_at="0001-01-01T00:00:00+14:00"), ".snapshot_at", "allowed are the years 1970 to 2200"),
    (_lead(created_at="2026-01-05T10:00"), ".created_at", "has no time zone"),
    (_lead(touchpoints={}), ".touchpoints", "is an object, not a list"),
    (_lead(touchpoints="x"), ".touchpoints", "not a list"),
    (_lead(touchpoints=[SEEN] * (MAX_TOUCHPOINTS + 1)), ".touchpoints", "has 10,001 entries; allowed are 10,000"),
    (_lead(touchpoints=[3]), ".touchpoints[0]", "is a number, not an object"),
    (_touchpoint(kind=...), ".touchpoints[1].kind", "is missing"),
    (_touchpoint(kind=["x"]), ".touchpoints[1].kind", "is a list, not text"),
    (_touchpoint(occurred_at=...), ".touchpoints[1].occurred_at", "is missing"),
    (_touchpoint(occurred_at="2026-01-05T10:00"), ".touchpoints[1].occurred_at", "has no time zone"),
    (_touchpoint(recorded_at="soon"), ".touchpoints[1].recorded_at", "is not a moment: 'soon'"),
    (_touchpoint(page="x"), ".touchpoints[1].page", "is not a known field"),
    (_touchpoint(channel=True), ".touchpoints[1].channel", "is a truth value, not text"),
    (_touchpoint(value="3"), ".touchpoints[1].value", "is '3', not a number"),
    (_touchpoint(value=True), ".touchpoints[1].value", "is a truth value, not a number"),
    (_touchpoint(value=float("nan")), ".touchpoints[1].value", "is not a finite number"),
    (_touchpoint(value=float("inf")), ".touchpoints[1].value", "is not a finite number"),
    (_touchpoint(value=10**400), ".touchpoints[1].value", "is not a finite number"),
    (_touchpoint(by="robot"), ".touchpoints[1].by", "is 'robot'"),
    (_touchpoint(by="system", kind="stage:mql"), ".touchpoints[1].kind", "reserved for the system"),
    (_touchpoint(by="system", kind="created"), ".touchpoints[1].kind", "reserved for the system"),
    (_change(stage="sql"), ".stage_changes[0].stage", "is 'sql'"),
    (_change(stage=None), ".stage_changes[0].stage", "is missing"),
    (_change(occurred_at=None), ".stage_changes[0].occurred_at", "is missing"),
    (_change(reason=3), ".stage_changes[0].reason", "is a number, not text"),
    (_lead(stage_changes=[{}] * (MAX_STAGE_CHANGES + 1)), ".stage_changes", "allowed are 1,000"),
    (_lead(attributes=[]), ".attributes", "is a list, not an object"),
    (_lead(attributes={"note": ["x"]}), ".attributes.note", "is a list"),
    (_lead(attributes={"note": float("inf")}), ".attributes.note", "is not a finite number"),
    (_lead(attributes={"": 1}), ".attributes", "is empty"),
    (_lead(attributes={f"a{i}": 1 for i in range(MAX_ATTRIBUTES + 1)}), ".attributes", "has 501 entries"),
    (_lead(account="A-1"), ".account", "not an object"),
    (_lead(account={}), ".account.account_id", "is missing"),
    (_lead(account={"account_id": "A", "size": 3}), ".account.size", "is not a known field"),
    (_lead(account={"account_id": "A", "attributes": {"x": {}}}), ".account.attributes.x", "is an object"),
    (
        _lead(account={"account_id": "A", "touchpoints": [{"kind": "x"}]}),
        ".account.touchpoints[0].occurred_at",
        "is missing",
    ),
    (_account(touchpoints=[3]), ".account.touchpoints[0]", "is a number, not an object"),
    (_account(touchpoints=[{**SEEN, "lead_id": 3}]), ".account.touchpoints[0].lead_id", "is a number, not text"),
    (_account(touchpoints=[{**SEEN, "owner": "x"}]), ".account.touchpoints[0].owner", "is not a known field"),
    (
        _account(touchpoints=[{**SEEN, "lead_id": "L-2", "role": role} for role in ("buyer", None, "user")]),
        ".account.touchpoints[2].role",
        "is 'user', and 'buyer' before, of the same lead",
    ),
    (_account(stage_changes=[{"lead_id": "L-2", "stage": "sql"}]), ".account.stage_changes[0].stage", "is 'sql'"),
    (_account(stage_changes=[{"role": "x", "stage": "mql"}]), ".account.stage_changes[0].role", "is not a known field"),
    (_account(orders={}), ".account.orders", "is an object, not a list"),
    (_account(orders=[{}]), ".account.orders[0].ordered_at", "is missing"),
    (_account(orders=[{"ordered_at": AT, "amount": "3"}]), ".account.orders[0].amount", "is '3', not a number"),
    (_account(orders=[{"ordered_at": AT, "sum": 3}]), ".account.orders[0].sum", "is not a known field"),
]


@pytest.mark.parametrize(
    ("value", "field", "part"), WRONG, ids=[f"{i}{field}" for i, (_, field, _p) in enumerate(WRONG)]
)
def test_each_wrong_thing_names_its_field_and_the_next_step(value: Any, field: str, part: str) -> None:
    with pytest.raises(JourneyError) as caught:
        parse_lead(value, "leads[4]")
    assert caught.value.field == f"leads[4]{field}"
    assert part in str(caught.value)
    assert str(caught.value).startswith(caught.value.field)
    assert caught.value.hint
    assert str(caught.value).endswith(caught.value.hint)
    assert len(str(caught.value)) < 400


def test_the_value_of_an_attribute_is_never_told() -> None:
    for value in (["someone@example.org"], {"someone@example.org": 1}, "someone@example.org " + "x" * 2_000):
        with pytest.raises(JourneyError) as caught:
            parse_lead(_lead(attributes={"note": value}))
        assert "someone" not in str(caught.value)


def test_all_fields_are_read() -> None:
    full = {
        "lead_id": "L-ü",
        "snapshot_at": "1970-01-03T00:00:00Z",
        "created_at": "1970-01-01T01:00:00+01:00",
        "attributes": {"a": 1, "b": "x", "c": None, "d": False},
        "account": {"account_id": "A", "attributes": {"e": 2.5}, "touchpoints": [SEEN]},
        "touchpoints": [
            {
                "touchpoint_id": "T",
                "occurred_at": "1970-01-02T00:00:00Z",
                "recorded_at": "1970-01-02T00:00:01Z",
                "kind": "download",
                "channel": "",
                "asset": "ebook",
                "campaign": "spring",
                "value": 2,
                "by": "sales",
            }
        ],
        "stage_changes": [{"stage": "mql", "occurred_at": "1970-01-02T00:00:00Z", "reason": "points", "owner": None}],
    }
    lead = parse_lead(full)
    assert lead.snapshot_at == 2 * DAY_US
    assert lead.journey.created_at == 0
    assert lead.journey.touchpoints[0] == (
        "download",
        DAY_US,
        DAY_US + 1_000_000,
        None,
        "ebook",
        "spring",
        2.0,
        "sales",
        "T",
    )
    assert lead.journey.stage_changes[0] == ("mql", DAY_US, None)
    assert dict(lead.attributes) == {"a": 1, "b": "x", "c": None, "d": False}
    assert dict(lead.account_attributes) == {"e": 2.5}
    assert [(one.lead_id, len(one.touchpoints)) for one in lead.colleagues] == [("", 1)]


def test_null_is_missing_and_a_missing_snapshot_takes_the_default() -> None:
    empty = dict.fromkeys(("snapshot_at", "created_at", "attributes", "account", "touchpoints", "stage_changes"))
    lead = parse_lead({"lead_id": "L-1", **empty}, default_snapshot_at=5)
    assert lead == parse_lead({"lead_id": "L-1"}, default_snapshot_at=5)
    assert (lead.snapshot_at, lead.journey.touchpoints, lead.journey.created_at) == (5, [], None)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-05T11:00:00+01:00", AT),
        ("2026-01-05 10:00Z", AT),
        ("2026-01-05t10:00:00z", AT),
        ("2026-01-05T15:30:00+0530", AT),
        ("2026-01-05T10:00:00,5Z", "2026-01-05T10:00:00.500000Z"),
        ("2026-01-05T10:00:00.123456789Z", "2026-01-05T10:00:00.123456Z"),
        (dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC), AT),
    ],
)
def test_one_moment_may_be_written_in_several_ways(text: Any, same: str) -> None:
    assert parse_moment(text) == to_micros(dt.datetime.fromisoformat(same))


def test_the_years_are_those_from_1970_to_2200() -> None:
    assert parse_moment("1970-01-01T00:00:00Z") == 0
    assert parse_moment("2200-12-31T23:59:59.999999Z") == to_micros(dt.datetime(2201, 1, 1, tzinfo=dt.UTC)) - 1


def test_journeys_are_those_of_each_lead_alone(small_catalog: Catalog, draw_leads: Any) -> None:
    leads = [parse_lead(lead) for lead in draw_leads(20, 5)]
    journeys, snapshots, attributes = build_inputs(leads, small_catalog)
    assert journeys.lead_ids == tuple(lead.journey.lead_id for lead in leads)
    assert snapshots.snapshot_at.tolist() == [lead.snapshot_at for lead in leads]
    assert set(attributes) == {"employees", "industry", "newsletter"}
    assert isinstance(journeys, Journeys)
    for row, lead in enumerate(leads):
        begin, end = journeys.offsets[row], journeys.offsets[row + 1]
        alone = build_inputs([lead], small_catalog)[0]
        assert journeys.occurred_at[begin:end].tolist() == alone.occurred_at.tolist()
        assert [journeys.kinds[code] for code in journeys.kind[begin:end]] == [alone.kinds[c] for c in alone.kind]


def test_one_lead_may_come_twice_each_time_with_its_own_journey(small_catalog: Catalog) -> None:
    leads = [parse_lead(_lead()), parse_lead(_lead(touchpoints=[SEEN]))]
    journeys = build_inputs(leads, small_catalog)[0]
    assert journeys.lead_ids == ("L-1", "L-1")
    assert np.diff(journeys.offsets).tolist() == [0, 1]


def test_no_lead_at_all_is_an_empty_table(small_catalog: Catalog) -> None:
    journeys, snapshots, _ = build_inputs([], small_catalog)
    assert (len(journeys), len(snapshots)) == (0, 0)


def test_values_that_can_not_be_summed_name_their_lead(small_catalog: Catalog) -> None:
    large = _lead(touchpoints=[{**SEEN, "value": MAX_VALUE}] * 20)
    leads = [parse_lead(_lead(), "leads[0]"), parse_lead(large, "leads[1]")]
    with pytest.raises(JourneyError, match="add up to") as caught:
        build_inputs(leads, small_catalog)
    assert caught.value.field == "leads[1].touchpoints"


def test_an_attribute_may_be_sent_with_the_lead_or_with_the_account(small_catalog: Catalog) -> None:
    with_lead = parse_lead(_lead(attributes={"industry": "energy"}))
    with_account = parse_lead(_lead(account={"account_id": "A", "attributes": {"industry": "energy"}}))
    assert build_inputs([with_lead, with_account], small_catalog)[2]["industry"] == ["energy", "energy"]
    both = _lead(
        attributes={"industry": "lead's"}, account={"account_id": "A", "attributes": {"industry": "account's"}}
    )
    assert build_inputs([parse_lead(both)], small_catalog)[2]["industry"] == ["account's"]


def test_attributes_that_the_model_does_not_take_are_listed_by_path(small_catalog: Catalog) -> None:
    account = {"account_id": "A", "attributes": {"industry": "energy", "shoe_size": 44}}
    lead = parse_lead(_lead(attributes={"newsletter": True, "colour": "red"}, account=account))
    assert unread_attributes(lead, small_catalog) == ["attributes.colour", "account.attributes.shoe_size"]


def test_what_was_sent_twice_counts_once_and_is_counted() -> None:
    visit = {"touchpoint_id": "T-1", "kind": "page_view", "occurred_at": "2026-01-05T10:00:00Z"}
    unnamed = {"kind": "page_view", "occurred_at": "2026-01-05T10:00:00Z"}
    mql = {"stage": "mql", "occurred_at": "2026-01-06T10:00:00Z"}
    lead = parse_lead(
        {
            "lead_id": "L-1",
            "snapshot_at": "2026-01-07T10:00:00Z",
            "touchpoints": [visit, unnamed, visit, unnamed, {**visit, "kind": "webinar"}],
            "stage_changes": [mql, {**mql, "owner": "A"}, mql],
        }
    )
    assert [item.touchpoint_id for item in lead.journey.touchpoints] == ["T-1", "T-1", None, None]
    assert len(lead.journey.stage_changes) == 2
    assert lead.repeats == 2


def test_colleagues_are_told_apart_and_the_lead_is_none_of_its_own() -> None:
    seen = [
        {**SEEN, "lead_id": "L-1"},
        {**SEEN, "lead_id": "L-2"},
        {**SEEN, "lead_id": "L-2", "role": "buyer", "touchpoint_id": "T"},
        {**SEEN, "lead_id": "L-2", "role": "buyer", "touchpoint_id": "T"},
        {**SEEN, "role": "user"},
        SEEN,
        SEEN,
    ]
    change = {"stage": "mql", "occurred_at": AT}
    changes = [{**change, "lead_id": "L-1"}, {**change, "lead_id": "L-3"}, {**change, "lead_id": "L-2"}, change, change]
    orders = [{"ordered_at": AT}, {"ordered_at": AT, "amount": 2, "product": "P"}]
    lead = parse_lead(_account(touchpoints=seen, stage_changes=changes, orders=orders))
    found = [(one.lead_id, one.role, len(one.touchpoints), len(one.stage_changes)) for one in lead.colleagues]
    assert found == [("L-2", "buyer", 2, 1), ("", "user", 1, 0), ("", None, 2, 1), ("L-3", None, 0, 1)]
    at = parse_moment(AT)
    assert list(lead.orders) == [(at, None, None), (at, 2.0, "P")]


def test_colleagues_that_no_feature_looks_at_are_not_carried_along(small_catalog: Catalog) -> None:
    lead = parse_lead(_account(touchpoints=[{**SEEN, "lead_id": "L-2"}], orders=[{"ordered_at": AT}]))
    journeys, snapshots, _ = build_inputs([lead, lead], small_catalog)
    assert (journeys.lead_ids, journeys.orders, len(snapshots)) == (("L-1", "L-1"), None, 2)
    every = small_catalog.params.model_copy(update={"groups": ("engagement", "account", "orders")})
    journeys, snapshots, _ = build_inputs([lead, lead], build_catalog(every, []))
    assert journeys.account.tolist() == [0, 1, 0, 1]
    assert journeys.orders is not None
    assert len(journeys.orders.occurred_at) == 2
    assert snapshots.lead_index.tolist() == [0, 1]


def test_an_unknown_field_is_told_before_the_one_that_it_was_meant_to_be() -> None:
    for wrong in ({"Kind": "x", "occurred_at": "soon"}, {"k" * 100: "x"}):
        with pytest.raises(JourneyError) as caught:
            parse_lead(_lead(touchpoints=[wrong]))
        name = next(iter(wrong))[:60]
        assert (caught.value.field, caught.value.code) == (f"lead.touchpoints[0].{name}", "unknown_field")
        assert caught.value.hint.startswith("Known are kind, occurred_at, recorded_at, channel")


def test_a_list_is_counted_before_its_entries_are_looked_at() -> None:
    for fields, path in (
        (_lead(touchpoints=[None] * (MAX_TOUCHPOINTS + 1)), "lead.touchpoints"),
        (_lead(attributes={f"a{i}": [] for i in range(MAX_ATTRIBUTES + 1)}), "lead.attributes"),
    ):
        with pytest.raises(JourneyError) as caught:
            parse_lead(fields)
        assert (caught.value.field, caught.value.code) == (path, "too_many")


def test_values_of_attributes_stay_as_they_were_sent() -> None:
    sent = {"whole": 1, "part": 1.0, "truth": True, "text": "1", "large": 10**40, "none": None, "empty": ""}
    read = parse_lead(_lead(attributes=sent)).attributes
    assert read == sent
    assert {name: type(value) for name, value in read.items()} == {name: type(value) for name, value in sent.items()}
