"""Every way a request can break the schema, each with its code and the path of the field."""

import copy
from typing import Any

import pytest

from serving import examples, limits
from serving.errors import RequestError
from serving.schemas import ErrorAnswer, ScoreAnswer, validate_request

AT = "2026-01-05T10:00:00Z"


def _lead(**fields: Any) -> dict[str, Any]:
    return {"leads": [{"lead_id": "L-1", **fields}]}


def _touchpoint(**fields: Any) -> dict[str, Any]:
    touchpoint = {"occurred_at": AT, "kind": "page_view", **fields}
    return _lead(touchpoints=[{"occurred_at": AT, "kind": "x"}, {k: v for k, v in touchpoint.items() if v is not ...}])


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
    (_lead(touchpoints=None), "wrong_type", "leads[0].touchpoints"),
    (_lead(touchpoints=[None]), "wrong_type", "leads[0].touchpoints[0]"),
    (_touchpoint(occurred_at=...), "missing_field", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(occurred_at=None), "invalid_time", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(occurred_at="2026-01-05T10:00"), "no_time_zone", "leads[0].touchpoints[1].occurred_at"),
    (_touchpoint(recorded_at="2026-01-05 10:00:00"), "no_time_zone", "leads[0].touchpoints[1].recorded_at"),
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


@pytest.mark.parametrize(
    ("value", "code", "field"), CASES, ids=[f"{i}-{code}-{field}" for i, (_, code, field) in enumerate(CASES)]
)
def test_each_break_names_its_field(value: Any, code: str, field: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        validate_request(value)
    assert (caught.value.status, caught.value.code, caught.value.field) == (422, code, field)
    assert len(caught.value.message) < 500


def test_several_breaks_are_counted() -> None:
    with pytest.raises(RequestError, match=r"\(2 more\)"):
        validate_request({"leads": [{}], "language": "fr", "reasons": 99})


def test_the_value_of_an_attribute_is_not_repeated_in_the_message() -> None:
    with pytest.raises(RequestError) as caught:
        validate_request(_lead(attributes={"note": ["someone@example.org"]}))
    assert "example.org" not in caught.value.message


def test_defaults_are_those_of_the_contract() -> None:
    request = validate_request({"leads": [{"lead_id": "L-1"}]})
    assert (request.language, request.reasons, request.debug, request.leads[0].snapshot_at) == ("en", 3, False, None)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "2026-03-29T02:30:00+01:00"]
)
def test_far_moments_are_moments(moment: str) -> None:
    assert validate_request(_lead(snapshot_at=moment)).leads[0].snapshot_at is not None


def test_examples_fit_the_schemas() -> None:
    validate_request(copy.deepcopy(examples.REQUEST))
    ScoreAnswer.model_validate(examples.ANSWER)
    ErrorAnswer.model_validate(examples.ERROR)
