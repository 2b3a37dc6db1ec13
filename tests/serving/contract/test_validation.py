"""Every way a request can break the schema, each with its code and field; the reader and the schema refuse the same."""

import copy
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from features.errors import JourneyError
from models.answers.requests import parse_lead
from serving.contract import examples, limits
from serving.contract.errors import RequestError
from serving.contract.score import ErrorAnswer, ScoreAnswer, ScoreRequest
from serving.contract.validation import read_options, refused

AT = "2026-01-05T10:00:00Z"


def read(value: Any) -> None:
    """Read a parsed body as the scorer does."""
    options = read_options(value)
    try:
        for position, lead in enumerate(options.leads):
            parse_lead(lead, f"leads[{position}]", 0)
    except JourneyError as error:
        raise refused(error) from error


def _lead(**fields: Any) -> dict[str, Any]:
    return {"leads": [{"lead_id": "L-1", **fields}]}


def _touchpoint(**fields: Any) -> dict[str, Any]:
    touchpoint = {"occurred_at": AT, "kind": "page_view", **fields}
    return _lead(touchpoints=[{"occurred_at": AT, "kind": "x"}, {k: v for k, v in touchpoint.items() if v is not ...}])


OF = "leads[0].account"


def _account(**fields: Any) -> dict[str, Any]:
    return _lead(account={"account_id": "A-1", **fields})


CASES: list[tuple[Any, str, str | None]] = [
    ([], "wrong_type", None),
    ("text", "wrong_type", None),
    (None, "wrong_type", None),
    ({}, "missing_field", "leads"),
    ({"leads": []}, "empty", "leads"),
    ({"leads": {}}, "wrong_type", "leads"),
    ({"leads": [7]}, "wrong_type", "leads[0]"),
    ({"leads": [{}]}, "missing_field", "leads[0].lead_id"),
    ({"leads": [{"lead_id": 7}]}, "wrong_type", "leads[0].lead_id"),
    ({"leads": [{"lead_id": ""}]}, "empty", "leads[0].lead_id"),
    ({"leads": [{"lead_id": "x" * (limits.MAX_TEXT + 1)}]}, "too_long", "leads[0].lead_id"),
    ({"leads": [{"lead_id": "\ud800"}]}, "invalid_text", "leads[0].lead_id"),
    ({"leads": [{"lead_id": "L"}] * (limits.MAX_LEADS + 1)}, "too_many", "leads"),
    ({"leads": [{"lead_id": "L"}], "lang": "en"}, "unknown_field", "lang"),
    ({"leads": [{"lead_id": "L"}], "language": "fr"}, "not_allowed", "language"),
    ({"leads": [{"lead_id": "L"}], "reasons": 11}, "out_of_range", "reasons"),
    ({"leads": [{"lead_id": "L"}], "reasons": -1}, "out_of_range", "reasons"),
    ({"leads": [{"lead_id": "L"}], "reasons": "3"}, "wrong_type", "reasons"),
    ({"leads": [{"lead_id": "L"}], "reasons": True}, "wrong_type", "reasons"),
    ({"leads": [{"lead_id": "L"}], "debug": 1}, "wrong_type", "debug"),
    (_lead(snapshot_at="2026-01-05T10:00:00"), "no_time_zone", "leads[0].snapshot_at"),
    (_lead(snapshot_at="2026-01-05"), "invalid_time", "leads[0].snapshot_at"),
    (_lead(snapshot_at="1767607200"), "invalid_time", "leads[0].snapshot_at"),
    (_lead(snapshot_at=1767607200), "invalid_time", "leads[0].snapshot_at"),
    (_lead(snapshot_at="2026-02-30T10:00:00Z"), "invalid_time", "leads[0].snapshot_at"),
    (_lead(snapshot_at="soon"), "invalid_time", "leads[0].snapshot_at"),
    (_lead(created_at="2026-01-05T10:00"), "no_time_zone", "leads[0].created_at"),
    (_lead(changed_since="2026-01-05T10:00"), "no_time_zone", "leads[0].changed_since"),
    (_lead(snapshot_at=AT, changed_since=AT), "out_of_range", "leads[0].changed_since"),
    (_lead(snapshot_at=AT, changed_since="2026-01-05T11:00:00+00:30"), "out_of_range", "leads[0].changed_since"),
    (_lead(touchpoints={}), "wrong_type", "leads[0].touchpoints"),
    (_lead(touchpoints=[None]), "wrong_type", "leads[0].touchpoints[0]"),
    (_touchpoint(occurred_at=...), "missing_field", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(occurred_at=None), "invalid_time", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(occurred_at="2026-01-05T10:00"), "no_time_zone", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(recorded_at="2026-01-05 10:00:00"), "no_time_zone", "leads[0].touchpoints[1].recorded_at"),
    (_account(touchpoints=[{"occurred_at": AT, "kind": "x", "role": 1}]), "wrong_type", f"{OF}.touchpoints[0].role"),
    (_account(touchpoints=[{"kind": "x"}]), "missing_field", f"{OF}.touchpoints[0].occurred_at"),
    (_account(stage_changes=[{"occurred_at": AT, "stage": "x"}]), "not_allowed", f"{OF}.stage_changes[0].stage"),
    (_account(orders=[{}]), "missing_field", f"{OF}.orders[0].ordered_at"),
    (_account(orders=[{"ordered_at": AT, "amount": True}]), "wrong_type", f"{OF}.orders[0].amount"),
    (_account(orders=[{"ordered_at": AT, "amount": 1e300}]), "out_of_range", f"{OF}.orders[0].amount"),
    (_account(orders=[{"ordered_at": AT, "price": 1}]), "unknown_field", f"{OF}.orders[0].price"),
    (_account(orders=[{"ordered_at": AT}] * (limits.MAX_ORDERS + 1)), "too_many", f"{OF}.orders"),
    (_touchpoint(kind=...), "missing_field", "leads[0].touchpoints[1].kind"),
    (_touchpoint(kind=None), "wrong_type", "leads[0].touchpoints[1].kind"),
    (_touchpoint(kind=""), "empty", "leads[0].touchpoints[1].kind"),
    (_touchpoint(channel=3), "wrong_type", "leads[0].touchpoints[1].channel"),
    (_touchpoint(value="3"), "wrong_type", "leads[0].touchpoints[1].value"),
    (_touchpoint(value=True), "wrong_type", "leads[0].touchpoints[1].value"),
    (_touchpoint(value=10**400), "wrong_type", "leads[0].touchpoints[1].value"),
    (_touchpoint(value=1e300), "out_of_range", "leads[0].touchpoints[1].value"),
    (_touchpoint(by="robot"), "not_allowed", "leads[0].touchpoints[1].by"),
    (_touchpoint(page="x"), "unknown_field", "leads[0].touchpoints[1].page"),
    (
        _lead(touchpoints=[{"occurred_at": AT, "kind": "x"}] * (limits.MAX_TOUCHPOINTS + 1)),
        "too_many",
        "leads[0].touchpoints",
    ),
    (_lead(stage_changes=[{"stage": "sql", "occurred_at": AT}]), "not_allowed", "leads[0].stage_changes[0].stage"),
    (_lead(stage_changes=[{"stage": "mql"}]), "missing_field", "leads[0].stage_changes[0].occurred_at"),
    (_lead(attributes=[]), "wrong_type", "leads[0].attributes"),
    (_lead(attributes={"industry": ["retail"]}), "wrong_type", "leads[0].attributes.industry"),
    (_lead(attributes={"str": {}}), "wrong_type", "leads[0].attributes.str"),
    (_lead(attributes={f"a{i}": 1 for i in range(limits.MAX_ATTRIBUTES + 1)}), "too_many", "leads[0].attributes"),
    (_lead(account={"attributes": {}}), "missing_field", "leads[0].account.account_id"),
    (_lead(account={"account_id": "A", "size": 3}), "unknown_field", "leads[0].account.size"),
    (_lead(account="A-1"), "wrong_type", "leads[0].account"),
]


@pytest.mark.parametrize(("value", "code", "field"), CASES, ids=[f"{code}-{field}" for _, code, field in CASES])
def test_each_break_names_its_field(value: Any, code: str, field: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        read(value)
    assert (caught.value.status, caught.value.code, caught.value.field) == (422, code, field)
    assert len(caught.value.message) < 500
    assert not _fits(value) or field == "leads[0].changed_since"  # two fields together, which is no schema's


def _accepted(value: Any) -> bool:
    try:
        read(value)
    except RequestError:
        return False
    return True


def _fits(value: Any) -> bool:
    try:
        ScoreRequest.model_validate(value)
    except ValidationError:
        return False
    return True


JUNK = (None, True, 0, -1.5, "", "x", AT, "2026-01-05T10:00", [], {}, [None], [{}], {"a": 1}, 10**400)


def _broken(random: Random) -> dict[str, Any]:
    """Change one thing, somewhere in a good request."""
    value = copy.deepcopy(examples.REQUEST)
    place: Any = value
    while random.random() < 0.85:
        inner = [
            item
            for item in (place.values() if isinstance(place, dict) else place)
            if item and isinstance(item, dict | list)
        ]
        if not inner:
            break
        place = random.choice(inner)
    key = random.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
    if random.random() < 0.3:
        del place[key]
    elif isinstance(place, dict) and random.random() < 0.3:
        place[random.choice(["note", "value", "recorded_at", "channel", "reason", "by"])] = random.choice(JUNK)
    else:
        place[key] = random.choice(JUNK)
    return value


def test_the_reader_and_the_schema_agree_on_requests_broken_at_random() -> None:
    random = Random(6)
    verdicts = []
    for _ in range(2_000):
        value = _broken(random)
        verdicts.append(_accepted(value))
        assert verdicts[-1] == _fits(value), value
    assert 100 < sum(verdicts) < 1_900


def test_the_value_of_an_attribute_is_not_repeated_in_the_message() -> None:
    with pytest.raises(RequestError) as caught:
        read(_lead(attributes={"note": ["someone@example.org"]}))
    assert "example.org" not in caught.value.message


def test_defaults_are_those_of_the_contract() -> None:
    options = read_options({"leads": [{"lead_id": "L-1"}]})
    assert (options.language, options.reasons, options.debug) == ("en", 3, False)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "1969-12-31T23:59:59Z"]
)
def test_far_moments_are_refused_by_their_field(moment: str) -> None:
    with pytest.raises(RequestError, match="allowed are the years 1970 to 2200") as caught:
        read(_lead(snapshot_at=moment))
    assert (caught.value.code, caught.value.field) == ("invalid_value", "leads[0].snapshot_at")


def test_examples_fit_the_schemas() -> None:
    read(copy.deepcopy(examples.REQUEST))
    ScoreAnswer.model_validate(examples.ANSWER)
    ErrorAnswer.model_validate(examples.ERROR)
