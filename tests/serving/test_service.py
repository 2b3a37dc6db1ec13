"""The running service: options, warnings, errors in one shape, load, logs."""

import datetime as dt
import json
import socket
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models.bundle import Bundle
from serving.contract import examples, limits
from tests.serving.running import Client, access_lines

Lead = dict[str, Any]


def _without_warnings(item: Lead) -> Lead:
    return {key: value for key, value in item.items() if key != "warnings"}


def test_the_answer_has_the_shape_of_the_contract(service: Any, bundle: Bundle, leads: list[Lead]) -> None:
    status, answer = service.post({"leads": leads[:2]})
    assert status == 200
    assert set(answer) == {"leads", "model"}
    model = answer["model"]
    assert (model["name"], model["version"], model["label_days"]) == ("lead-qualification", "7", 60)
    assert model["fingerprint"] == bundle.catalog.fingerprint
    for lead, item in zip(leads, answer["leads"], strict=False):
        assert item["lead_id"] == lead["lead_id"]
        assert dt.datetime.fromisoformat(item["snapshot_at"]) == dt.datetime.fromisoformat(lead["snapshot_at"])
        assert item["interval"][0] <= item["probability"] <= item["interval"][1]
        assert item["tier"] in {"A", "B", "C", "D"}
        assert len(item["reasons"]) == 3
        assert set(item["reasons"][0]) == {"feature", "text", "contribution"}
        assert item["not_scored"] is None
        assert "features" not in item


@pytest.mark.parametrize("count", [0, 1, 4])
def test_as_many_reasons_as_asked_for(service: Any, leads: list[Lead], count: int) -> None:
    (item,) = service.scores(leads[:1], reasons=count)
    assert len(item["reasons"]) == count
    assert (item["fit"] is None) == (item["engagement"] is None) == (count == 0)


def test_german_reasons_are_german_and_the_numbers_the_same(service: Any, leads: list[Lead]) -> None:
    english, german = (service.scores(leads[:3], language=language) for language in ("en", "de"))
    for one, two in zip(english, german, strict=True):
        assert one["probability"] == two["probability"]
        assert [reason["feature"] for reason in one["reasons"]] == [reason["feature"] for reason in two["reasons"]]
        assert [reason["text"] for reason in one["reasons"]] != [reason["text"] for reason in two["reasons"]]


def test_a_missing_snapshot_is_now_and_is_returned(service: Any) -> None:
    before = dt.datetime.now(dt.UTC)
    (item,) = service.scores([{"lead_id": "L-1", "touchpoints": []}])
    assert before <= dt.datetime.fromisoformat(item["snapshot_at"]) <= dt.datetime.now(dt.UTC)


def test_leads_without_a_snapshot_share_one_moment(service: Any) -> None:
    one, two = service.scores([{"lead_id": "L-1"}, {"lead_id": "L-2"}])
    assert one["snapshot_at"] == two["snapshot_at"]


def test_unknown_things_are_warnings_that_name_their_field(service: Any) -> None:
    at = "2026-03-02T10:00:00Z"
    lead = {
        "lead_id": "L-1",
        "snapshot_at": at,
        "attributes": {"shoe_size": 44},
        "account": {
            "account_id": "A-1",
            "attributes": {"industry": "circus"},
            "touchpoints": [{"occurred_at": "2026-03-01T10:00:00Z", "kind": "webinar"}],
        },
        "touchpoints": [
            {"occurred_at": "2026-03-01T10:00:00Z", "kind": "webinar"},
            {"occurred_at": "2026-03-01T11:00:00Z", "kind": "seance", "channel": "beyond"},
            {"occurred_at": at, "kind": "webinar"},
        ],
    }
    english, german = (service.scores([lead], language=language)[0]["warnings"] for language in ("en", "de"))
    assert {item["code"] for item in english} == {
        "unknown_kind",
        "unknown_channel",
        "unknown_category",
        "unknown_attribute",
        "touchpoints_after_snapshot",
    }
    assert [item["code"] for item in english] == [item["code"] for item in german]
    assert [item["message"] for item in english] != [item["message"] for item in german]
    assert all(item["field"] is None or item["field"].startswith("leads[0].") for item in english)


def test_qualified_and_disqualified_leads_are_not_scored(service: Any) -> None:
    for stage, reason in (("sales_qualified", "already_qualified"), ("disqualified", "disqualified")):
        lead = {
            "lead_id": "L-1",
            "snapshot_at": "2026-03-02T10:00:00Z",
            "touchpoints": [{"occurred_at": "2026-02-02T10:00:00Z", "kind": "webinar"}],
            "stage_changes": [
                {"stage": "mql", "occurred_at": "2026-02-10T10:00:00Z"},
                {"stage": stage, "occurred_at": "2026-02-20T10:00:00Z"},
            ],
        }
        (item,) = service.scores([lead])
        assert (item["probability"], item["not_scored"]) == (None, reason)
        assert (item["interval"], item["tier"], item["reasons"]) == (None, None, [])


def test_what_changed_is_the_difference_of_two_scores(service: Any, leads: list[Lead]) -> None:
    asked = []
    for lead in leads[:20]:
        since = dt.datetime.fromisoformat(lead["snapshot_at"]) - dt.timedelta(days=3)
        asked.append({**lead, "changed_since": since.isoformat()})
    then = service.scores([{**lead, "snapshot_at": lead["changed_since"]} | {"changed_since": None} for lead in asked])
    compared = 0
    for lead, before, now in zip(asked, then, service.scores(asked, reasons=10), strict=True):
        change = now.pop("change")
        assert "change" not in before
        assert dt.datetime.fromisoformat(change["since"]) == dt.datetime.fromisoformat(lead["changed_since"])
        if change["not_scored"]:
            assert (change["probability_before"], change["difference"], change["reasons"]) == (None, None, [])
            continue
        compared += 1
        assert change["probability_before"] == before["probability"]
        difference = (now["fit"] + now["engagement"]) - (before["fit"] + before["engagement"])
        assert change["difference"] == pytest.approx(difference, abs=1e-9)
        if len(change["reasons"]) < 10:
            assert sum(one["contribution"] for one in change["reasons"]) == pytest.approx(difference, abs=1e-9)
    assert compared > 5


def test_a_change_since_a_moment_that_is_not_earlier_is_refused(service: Any, leads: list[Lead]) -> None:
    status, answer = service.post({"leads": [{**leads[0], "changed_since": leads[0]["snapshot_at"]}]})
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (
        422,
        "out_of_range",
        "leads[0].changed_since",
    )


def test_what_is_sent_twice_counts_once(service: Any) -> None:
    visit = {"touchpoint_id": "T-1", "occurred_at": "2026-03-01T10:00:00Z", "kind": "page_view"}
    nameless = {"occurred_at": "2026-03-01T10:00:00Z", "kind": "page_view"}
    mql = {"stage": "mql", "occurred_at": "2026-03-01T11:00:00Z"}
    lead = {"lead_id": "L-1", "snapshot_at": "2026-03-02T10:00:00Z"}
    lead = {
        **lead,
        "touchpoints": [visit, nameless, nameless, visit],
        "stage_changes": [mql, mql, {**mql, "owner": "S-1"}],
    }
    (item,) = service.scores([lead], debug=True)
    assert item["features"]["count__all__7d"] == 3.0
    assert item["features"]["count__stage_mql__50d"] == 2.0
    (warning,) = item["warnings"]
    assert (warning["code"], warning["field"]) == ("duplicates_ignored", "leads[0]")
    assert warning["message"].endswith(": 2.")


ERRORS = {
    "no json": (b"leads", 400, "invalid_json", None),
    "empty": (b"", 400, "invalid_json", None),
    "duplicate key": (b'{"leads": [], "leads": []}', 400, "duplicate_key", "leads"),
    "nan": (b'{"leads": [{"lead_id": "L", "attributes": {"a": NaN}}]}', 400, "not_finite", None),
    "deep": (b"[" * 100_000, 400, "too_deep", None),
    "too large": (b" " * (limits.MAX_BODY_BYTES + 1), 413, "too_large", None),
    "array": (b"[]", 422, "wrong_type", None),
    "no leads": (b'{"leads": []}', 422, "empty", "leads"),
    "no zone": (
        b'{"leads": [{"lead_id": "L", "touchpoints": [{"kind": "x", "occurred_at": "2026-01-05T10:00"}]}]}',
        422,
        "no_time_zone",
        "leads[0].touchpoints[0].occurred_at",
    ),
    "reserved kind": (
        b'{"leads": [{"lead_id": "A", "touchpoints": [{"kind": "stage:mql", "by": "system", "occurred_at": "2026-01-05T10:00Z"'
        b"}]}]}",
        422,
        "invalid_value",
        "leads[0].touchpoints[0].kind",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_each_error_has_its_status_code_and_field(service: Any, case: str) -> None:
    body, status, code, field = ERRORS[case]
    got, answer = service.post(body)
    assert set(answer) == {"error"}
    error = answer["error"]
    assert set(error) == {"code", "message", "field", "hint"}
    assert (got, error["code"], error["field"]) == (status, code, field)
    assert "Traceback" not in error["message"]


def test_other_addresses_methods_and_types_answer_in_the_same_shape(service: Any) -> None:
    for status, (got, body) in {404: service.get("/nothing"), 405: service.get("/score")}.items():
        assert got == status
        assert set(json.loads(body)["error"]) == {"code", "message", "field", "hint"}
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/vnd.bentoml+pickle"):
        status, answer = service.post(b"{}", {"Content-Type": content_type})
        assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")
    assert service.post(b"{}", {"Content-Encoding": "gzip"})[0] == 415


def test_debug_is_refused_to_callers_behind_a_proxy(service: Any, leads: list[Lead]) -> None:
    body = {"leads": leads[:1], "debug": True}
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        status, answer = service.post(body, {name: "127.0.0.1"})
        assert (status, answer["error"]["code"], answer["error"]["field"]) == (403, "debug_not_allowed", "debug")


def test_the_largest_request_is_answered(service: Any) -> None:
    answer = service.scores([{"lead_id": f"L-{i}"} for i in range(limits.MAX_LEADS)], reasons=0)
    assert len(answer) == limits.MAX_LEADS


def test_the_same_lead_at_two_moments_is_two_answers(service: Any, leads: list[Lead]) -> None:
    earlier = {**leads[0], "snapshot_at": "2026-01-20T00:00:00Z"}
    one, two = service.scores([leads[0], earlier])
    assert one["snapshot_at"] != two["snapshot_at"]
    assert _without_warnings(two) == _without_warnings(service.scores([earlier])[0])
    assert [item["field"].startswith("leads[1].") for item in two["warnings"]] == [True] * len(two["warnings"])


def test_64_connections_at_once_are_all_answered(service: Any, leads: list[Lead]) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda i: service.post({"leads": [leads[i % len(leads)]]}), range(256)))
    assert {status for status, _ in answers} == {200}
    expected = {item["lead_id"]: item["probability"] for item in service.scores(leads)}
    assert all(item["probability"] == expected[item["lead_id"]] for _, answer in answers for item in answer["leads"])


def test_health_addresses_and_metrics_answer(service: Any) -> None:
    for path in ("/livez", "/readyz", "/healthz", "/metrics"):
        assert service.get(path)[0] == 200


def test_logs_hold_no_ids_bodies_or_addresses(service: Any, leads: list[Lead]) -> None:
    service.scores([{**leads[0], "lead_id": "someone@example.org"}])
    service.post({"leads": [{"lead_id": "someone@example.org", "language": 7}]})
    service.get("/someone@example.org?name=someone@example.org")
    text = service.log.read_text(encoding="utf-8")
    assert "example.org" not in text
    lines = access_lines(service.log)
    names = {
        "at",
        "level",
        "logger",
        "message",
        "method",
        "path",
        "status",
        "code",
        "bytes",
        "ms",
        "leads",
        "model",
        "model_version",
        "request_id",
    }
    assert {frozenset(line) for line in lines} == {frozenset(names)}
    assert {"/score", "other"} <= {line["path"] for line in lines}


def test_the_openapi_examples_score(service: Any) -> None:
    status, body = service.get("/docs.json")
    document = json.loads(body)
    post = document["paths"]["/score"]["post"]
    request = post["requestBody"]["content"]["application/json"]["examples"]["typical"]["value"]
    assert (status, request) == (200, examples.REQUEST)
    status, answer = service.post(request)
    assert status == 200
    shown = post["responses"]["200"]["content"]["application/json"]["examples"]["typical"]["value"]
    assert set(answer) == set(shown)
    assert set(answer["leads"][0]) == set(shown["leads"][0])
    assert set(answer["model"]) == set(shown["model"])


def test_every_reference_of_the_openapi_document_is_defined(service: Any) -> None:
    document = json.loads(service.get("/docs.json")[1])
    text = json.dumps(document)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= set(document["components"]["schemas"])
    assert set(document["paths"]["/score"]["post"]["responses"]) >= {"200", "400", "403", "413", "415", "422", "500"}
    assert {"/livez", "/readyz", "/healthz", "/metrics"} <= set(document["paths"])


def test_the_page_loads_nothing_from_elsewhere(service: Any) -> None:
    status, page = service.get("/")
    assert status == 200
    assert b"http://" not in page
    assert b"https://" not in page
    assert service.get("/static_content/swagger-ui-bundle.js")[0] == 200


@pytest.mark.parametrize("path", ["/health", "/docs.json", "/leads/L-0/score", "/nothing"])
def test_a_body_that_nobody_asked_for_does_not_cost_the_answer(service: Client, path: str) -> None:
    body = b"x" * 1_000_000  # more than the buffers on the way: what is left unread resets the connection
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    address = urllib.parse.urlsplit(service.address)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 404"))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])
