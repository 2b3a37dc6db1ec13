"""What is told over HTTP as it happens, and the score of a lead from it, on both databases."""

import json
import struct
import urllib.parse
from typing import Any

import pytest

from serving.contract.routes import ROUTES
from tests.serving.running import access_lines
from tests.serving.store_events import events_of

Lead = dict[str, Any]


def score_of(client: Any, lead_id: str, **query: Any) -> tuple[int, Any]:
    address = f"/leads/{urllib.parse.quote(lead_id, safe='')}/score?{urllib.parse.urlencode(query)}"
    status, body = client.get(address)
    return status, json.loads(body)


@pytest.fixture(scope="module")
def sent(leads: list[Lead]) -> list[Lead]:
    return [{**lead, "account": {**lead["account"], "account_id": f"E/{lead['lead_id']}"}} for lead in leads[:12]]


def _without(item: Lead, *names: str) -> Lead:
    return {key: value for key, value in item.items() if key not in names}


def test_a_lead_told_in_parts_scores_as_the_whole_journey_does(online: Any, sent: list[Lead]) -> None:
    bodies = [(kind, items) for lead in sent for kind, items in events_of(lead).items()]
    for kind, items in reversed(bodies):
        status, answer = online.post({kind: items}, path=f"/{kind}")
        assert (status, answer["duplicate"]) == (200, 0)
        assert answer["new"] == len(items)
        assert online.post({kind: items}, path=f"/{kind}")[1]["duplicate"] == len(items)
    expected = online.scores(sent, language="de", reasons=4)
    for lead, whole in zip(sent, expected, strict=True):
        status, answer = score_of(online, lead["lead_id"], language="de", reasons=4, snapshot_at=lead["snapshot_at"])
        assert status == 200
        assert set(answer) == {"lead", "model"}
        mine = answer["lead"]
        assert struct.pack("f", mine["probability"]) == struct.pack("f", whole["probability"])
        assert _without(mine, "warnings") == _without(whole, "warnings")
        codes = [sorted({item["code"] for item in one["warnings"]}) for one in (mine, whole)]
        assert codes[0] == [code for code in codes[1] if code != "duplicates_ignored"]
        decision = mine["decision"]
        assert (decision["tier"], decision["within_capacity"], decision["advice"]) == (whole["tier"], None, "unknown")
        assert decision["text"].startswith("Wann anzurufen ist, lässt sich nicht sagen")


def test_now_is_the_snapshot_and_what_was_just_told_counts(online: Any) -> None:
    item = {"lead_id": "N-1", "occurred_at": "2026-01-05T10:00:00Z", "kind": "webinar"}
    status, answer = online.post({"touchpoints": [item]}, path="/touchpoints")
    assert status == 200
    status, scored = score_of(online, "N-1", reasons=0)
    assert status == 200
    assert scored["lead"]["snapshot_at"] > answer["recorded_at"]
    assert "touchpoints_after_snapshot" not in {found["code"] for found in scored["lead"]["warnings"]}
    early = score_of(online, "N-1", snapshot_at="2026-01-06T00:00:00Z")[1]["lead"]
    assert "touchpoints_after_snapshot" in {found["code"] for found in early["warnings"]}


def test_an_outcome_ends_the_scoring_and_recycling_reopens(online: Any) -> None:
    online.post(
        {"touchpoints": [{"lead_id": "O-1", "occurred_at": "2026-01-05T10:00:00Z", "kind": "webinar"}]},
        path="/touchpoints",
    )
    change = {"lead_id": "O-1", "stage": "mql", "occurred_at": "2026-01-05T11:00:00Z"}
    online.post({"stage_changes": [change]}, path="/stage_changes")
    assert score_of(online, "O-1")[1]["lead"]["decision"]["tier"] in "ABCD"
    lost = {"lead_id": "O-1", "outcome": "disqualified", "reason": "no budget", "occurred_at": "2026-01-07T10:00:00Z"}
    for new in (1, 0):
        status, answer = online.post({"outcomes": [lost]}, path="/outcomes")
        assert (status, answer["new"], answer["duplicate"]) == (200, new, 1 - new)
    closed = score_of(online, "O-1")[1]["lead"]
    assert (closed["probability"], closed["not_scored"], closed["decision"]) == (None, "disqualified", None)
    again = {**lost, "outcome": "recycled", "reason": "new budget", "occurred_at": "2026-01-08T10:00:00Z"}
    online.post({"outcomes": [again]}, path="/outcomes")
    assert score_of(online, "O-1")[1]["lead"]["decision"]["tier"] in "ABCD"


@pytest.mark.parametrize("lead_id", ["a/b/score", "größe 1 & ?#", "x" * 500, "😀" * 500, "..", "score"])
def test_any_text_may_be_a_lead_id(online: Any, lead_id: str) -> None:
    item = {"lead_id": lead_id, "touchpoint_id": "😀" * 500, "occurred_at": "2026-01-05T10:00:00Z", "kind": "😀" * 500}
    attributes = {"😀" * 500: "😀" * 500, "other": 10**300}
    account = {"account_id": "😀" * 500, "attributes": attributes}
    assert online.post({"touchpoints": [item]}, path="/touchpoints")[0] == 200
    assert (
        online.post({"leads": [{"lead_id": lead_id, "attributes": attributes, "account": account}]}, path="/leads")[0]
        == 200
    )
    status, answer = score_of(online, lead_id)
    assert (status, answer["lead"]["lead_id"]) == (200, lead_id)


T = {"lead_id": "L", "kind": "webinar", "occurred_at": "2026-01-05T10:00:00Z"}
O = {"lead_id": "L", "outcome": "disqualified", "reason": "no budget", "occurred_at": "2026-01-05T10:00:00Z"}  # noqa: E741
ERRORS: dict[str, tuple[str, Any, int, str, str | None]] = {
    "no object": ("touchpoints", [], 422, "wrong_type", None),
    "other key": ("touchpoints", {"leads": []}, 422, "missing_field", "touchpoints"),
    "empty": ("touchpoints", {"touchpoints": []}, 422, "empty", "touchpoints"),
    "too many": ("stage_changes", {"stage_changes": [{}] * 1_001}, 422, "too_many", "stage_changes"),
    "no lead": (
        "touchpoints",
        {"touchpoints": [T, {**T, "lead_id": None}]},
        422,
        "wrong_type",
        "touchpoints[1].lead_id",
    ),
    "no lead at all": (
        "touchpoints",
        {"touchpoints": [{"kind": "x", "occurred_at": T["occurred_at"]}]},
        422,
        "missing_field",
        "touchpoints[0].lead_id",
    ),
    "no entry": ("touchpoints", {"touchpoints": ["x"]}, 422, "wrong_type", "touchpoints[0]"),
    "no zone": (
        "touchpoints",
        {"touchpoints": [{**T, "occurred_at": "2026-01-05T10:00"}]},
        422,
        "no_time_zone",
        "touchpoints[0].occurred_at",
    ),
    "unknown": ("touchpoints", {"touchpoints": [{**T, "colour": 1}]}, 422, "unknown_field", "touchpoints[0].colour"),
    "nul": ("touchpoints", {"touchpoints": [{**T, "asset": "a\0"}]}, 422, "invalid_value", "touchpoints[0].asset"),
    "stage": (
        "stage_changes",
        {"stage_changes": [{"lead_id": "L", "stage": "won", "occurred_at": T["occurred_at"]}]},
        422,
        "not_allowed",
        "stage_changes[0].stage",
    ),
    "verdict": ("outcomes", {"outcomes": [{**O, "outcome": "won"}]}, 422, "not_allowed", "outcomes[0].outcome"),
    "no reason": ("outcomes", {"outcomes": [{**O, "reason": ""}]}, 422, "invalid_value", "outcomes[0].reason"),
    "no moment": (
        "outcomes",
        {"outcomes": [{**O, "occurred_at": None}]},
        422,
        "invalid_time",
        "outcomes[0].occurred_at",
    ),
    "account": (
        "leads",
        {"leads": [{"lead_id": "L", "account": {"attributes": {}}}]},
        422,
        "missing_field",
        "leads[0].account.account_id",
    ),
    "attribute": (
        "leads",
        {"leads": [{"lead_id": "L", "attributes": {"a": []}}]},
        422,
        "wrong_type",
        "leads[0].attributes.a",
    ),
    "attributes": ("leads", {"leads": [{"lead_id": "L", "attributes": 5.5}]}, 422, "wrong_type", "leads[0].attributes"),
    "attribute nul": (
        "leads",
        {"leads": [{"lead_id": "L", "attributes": {"a\0": 1}}]},
        422,
        "invalid_value",
        "leads[0].attributes.a\0",
    ),
    "order": (
        "leads",
        {"leads": [{"lead_id": "L", "account": {"account_id": "A", "orders": [{"amount": 1}]}}]},
        422,
        "missing_field",
        "leads[0].account.orders[0].ordered_at",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_each_error_names_its_field(online: Any, case: str) -> None:
    kind, body, status, code, field = ERRORS[case]
    got, answer = online.post(body, path=f"/{kind}")
    error = answer["error"]
    assert (got, error["code"], error["field"]) == (status, code, field)
    assert set(error) == {"code", "message", "field", "hint"}


def test_a_body_is_accepted_whole_or_not_at_all(online: Any) -> None:
    named = {**T, "lead_id": "W-1", "touchpoint_id": "T-1"}
    assert online.post({"touchpoints": [named]}, path="/touchpoints")[0] == 200
    body = {"touchpoints": [{**T, "lead_id": "W-2"}, {**named, "kind": "other"}]}
    status, answer = online.post(body, path="/touchpoints")
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (
        409,
        "conflict",
        "touchpoints[1].touchpoint_id",
    )
    assert score_of(online, "W-2")[0] == 404


def test_the_query_is_checked(online: Any) -> None:
    online.post({"touchpoints": [{**T, "lead_id": "Q-1"}]}, path="/touchpoints")
    cases = {
        "language=fr": ("not_allowed", "language"),
        "reasons=11": ("out_of_range", "reasons"),
        "reasons=two": ("wrong_type", "reasons"),
        "snapshot_at=2026-01-05": ("invalid_time", "snapshot_at"),
        "snapshot_at=2026-01-05T10:00:00+01:00": ("invalid_time", "snapshot_at"),
        "debug=true": ("unknown_field", "debug"),
        "language=de&language=en": ("duplicate_key", None),
    }
    for query, (code, field) in cases.items():
        status, body = online.get(f"/leads/Q-1/score?{query}")
        error = json.loads(body)["error"]
        assert (error["code"], error["field"]) == (code, field), query
        assert status in (400, 422)
    assert online.get("/leads/Q-1/score?snapshot_at=2026-01-05T10:00:00%2B01:00")[0] == 200


@pytest.mark.parametrize("lead_id", ["nobody", "%ff", "%ed%a0%80", "x" * 2_000, "%F0%9F%98%80" * 1_000])
def test_an_unknown_lead_is_not_found(online: Any, lead_id: str) -> None:
    status, body = online.get(f"/leads/{lead_id}/score")
    error = json.loads(body)["error"]
    assert (status, error["code"], error["field"]) == (404, "unknown_lead", "lead_id")


def test_ids_stay_out_of_the_logs(online: Any) -> None:
    online.post({"touchpoints": [{**T, "lead_id": "someone@example.org"}]}, path="/touchpoints")
    score_of(online, "someone@example.org", reasons=1)
    text = online.log.read_text(encoding="utf-8")
    assert "example.org" not in text
    paths = {line["path"] for line in access_lines(online.log)}
    assert {"/touchpoints", "/leads/{lead_id}/score"} <= paths


def test_the_examples_of_the_document_are_accepted(online: Any) -> None:
    document = json.loads(online.get("/docs.json")[1])
    for kind in ("touchpoints", "leads", "stage_changes", "outcomes"):
        post = document["paths"][f"/{kind}"]["post"]
        body = post["requestBody"]["content"]["application/json"]["examples"]["typical"]["value"]
        status, answer = online.post(body, path=f"/{kind}")
        assert (status, answer["new"] + answer["duplicate"]) == (200, 1)
        shown = post["responses"]["200"]["content"]["application/json"]["examples"]["typical"]["value"]
        assert set(answer) == set(shown)
        assert {"409", "422", "503"} <= set(post["responses"])
    get = document["paths"]["/leads/{lead_id}/score"]["get"]
    status, answer = score_of(online, "L-1001")
    shown = get["responses"]["200"]["content"]["application/json"]["examples"]["typical"]["value"]
    assert (status, set(answer), set(answer["lead"])) == (200, set(shown), set(shown["lead"]))
    assert set(answer["lead"]["decision"]) == set(shown["lead"]["decision"])
    assert [item["name"] for item in get["parameters"]] == ["lead_id", "model", "language", "reasons", "snapshot_at"]
    used = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert used <= set(document["components"]["schemas"])


def test_every_address_that_writes_or_scores_has_a_scope(online: Any) -> None:
    document = json.loads(online.get("/docs.json")[1])
    tagged = [
        path for path, item in document["paths"].items() for one in item.values() if "Service APIs" in one["tags"]
    ]
    assert sorted(tagged) == sorted(route.template for route in ROUTES if route.needs in ("score", "write", "admin"))
