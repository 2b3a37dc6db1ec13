"""One opinion of each path: every route, with every key, in every odd spelling, is what its plain spelling is, or less."""

import dataclasses
import http.client
import itertools
import json
import re
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.routes import MATCH, ROUTES, Match, Need, Route, match
from serving.http.answers import Answer, Receive, Scope
from serving.http.middleware import Middleware
from tests.serving.keyed import Keyed, error_of

LEAD = "L/1 ä"
"""An id that holds a slash, a blank and a letter beyond ASCII."""

MERGED = "M/1 ä"
"""One that may be merged, and then is not scored any more."""

SCORED = json.dumps({"leads": [{"lead_id": "L-1"}]}).encode()
TOUCH = {"lead_id": LEAD, "occurred_at": "2026-03-01T17:05:00Z", "kind": "page_view"}
BODIES = {
    "score": SCORED,
    "touchpoints": json.dumps({"touchpoints": [TOUCH]}).encode(),
    "leads": json.dumps({"leads": [{"lead_id": LEAD, "attributes": {}}]}).encode(),
    "stage_changes": json.dumps(
        {"stage_changes": [{"lead_id": LEAD, "stage": "mql", "occurred_at": "2026-03-01T17:06:00Z"}]}
    ).encode(),
    "outcomes": json.dumps(
        {"outcomes": [{"lead_id": LEAD, "outcome": "sal", "occurred_at": "2026-03-01T17:07:00Z"}]}
    ).encode(),
    **{
        name: json.dumps(EVENT_KINDS[name].example_body).encode()
        for name in ("handovers", "identities", "merged_leads", "objections")
    },
}
OF_PROGRAMS = [route for route in ROUTES if not route.is_page and route.name != "erase"]
"""Routes whose caller is the key of a header; who may look at pages is held by tests/serving/app/test_access.py. What erases
has a test of its own: it would take away the lead that the others ask for."""

CONTROLS = [*range(0x20), 0x7F, *range(0x80, 0xA0)]


def plain(route: Route) -> str:
    """Spell a route as the documentation does."""
    lead_id = MERGED if route.name == "merged_leads" else LEAD
    return route.template.replace("{lead_id}", urllib.parse.quote(lead_id, safe=""))


def spellings(path: str) -> list[str]:
    """Spell a path in odd ways: none of them more than the plain one."""
    after = ["%0A", "%0D", "%0D%0A", "%00", "%09", "%7F", "%C2%85", "%E2%80%A8", "%20", "%A0", "%FF", "%EF%BB%BF"]
    after += [
        ";x",
        ";",
        "/",
        "//",
        "/.",
        "/..",
        "/./",
        "/%2e",
        "/%2E%2e",
        "%2F",
        "%2f.",
        "\\",
        "%5C",
        "%3F",
        "%23",
        ".json",
    ]
    after += ["?", "?x=1", "?%0A", "%3Fx", "#", "%25", "%250A", "/../metrics", "+", "*", "%"]
    before = [
        "/",
        "//",
        "/.",
        "/%2e",
        "/%2F",
        "\\",
        "/x/..",
        "/%0A",
        "%0A",
        "/;",
        "/static_content/..",
        "/leads/..",
        "/L",
    ]
    odd = [path + end for end in after] + [begin + path for begin in before]
    odd += [path.upper(), path.title(), path.replace("/", "\\"), path.replace("/", "//"), path.replace("/", "/./")]
    odd += [path.replace("/", "%2F"), "/" + path[1:].replace("/", "%2F"), path.replace("/", "%252F")]
    odd += [
        path.replace("e", "%65"),
        path.replace("s", "%73"),
        path.replace("s", "%EF%BD%93"),
        path.replace("o", "%CE%BF"),
    ]
    odd += [
        path.replace("e", "e%00"),
        path.replace("e", "%0Ae"),
        path.replace("s", "%C5%BF"),
        path.replace("o", "%D0%BE"),
    ]
    odd += [
        "http://127.0.0.1" + path,
        "http://x" + path,
        "x" + path,
        path[1:],
        "*",
        "/" + path[1:].upper(),
        path + path,
    ]
    return list(dict.fromkeys(filter(None, odd)))


class Caller:
    """Sends request targets as they are over a kept connection."""

    def __init__(self, keyed: Keyed) -> None:
        host, port = keyed.client.address.removeprefix("http://").split(":")
        self.address, self.connection = (host, int(port)), http.client.HTTPConnection(host, int(port), timeout=60)

    def ask(
        self, method: str, target: str, key: str | None = None, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, headers by lower-case name, and body."""
        self.connection._validate_path = lambda url: None  # type: ignore[attr-defined,method-assign]
        self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": "evil.example", "Content-Type": "application/json", "Content-Length": str(len(body))}
        sent |= {} if key is None else {"Authorization": f"Bearer {key}"}
        for name, value in {**sent, **(headers or {})}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders(body)
        with self.connection.getresponse() as answer:
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.fixture(scope="module")
def caller(keyed: Keyed) -> Caller:
    """Send what the routes of stored leads need, and keep a connection."""
    one = Caller(keyed)
    for kind, record in EVENT_KINDS.items():
        if record.single is None:
            assert one.ask("POST", f"/{kind}", keyed.write, BODIES[kind])[0] == 200
    return one


def _keys(keyed: Keyed) -> dict[str, str | None]:
    return {"none": None, "score": keyed.score, "write": keyed.write, "admin": keyed.admin}


def _expected(route: Route, scope: str) -> int:
    if route.needs == "open":
        return 200
    if scope == "none":
        return 401
    return 200 if route.needs == "any" or scope in (route.needs, "admin") else 403


@pytest.mark.parametrize("route", OF_PROGRAMS, ids=[route.name for route in OF_PROGRAMS])
def test_a_caller_gets_by_an_odd_spelling_what_the_plain_one_gives_or_less(
    keyed: Keyed, caller: Caller, route: Route
) -> None:
    body, path = BODIES.get(route.name, b""), plain(route)
    spelled = spellings(path)
    assert len(spelled) > 50
    for scope, key in _keys(keyed).items():
        allowed = {method: caller.ask(method, path, key, body)[0] for method in route.methods}
        assert set(allowed.values()) == {_expected(route, scope)}
        for method, target in itertools.product(("GET", "POST"), spelled):
            status, headers, answer = caller.ask(method, target, key, body)
            where = (scope, method, target, status)
            other = match(urllib.parse.unquote(target.split("?")[0]))  # of another route, such as "/"
            may = _expected(other.route, scope) if other is not None and method in other.route.methods else 400
            assert (status == 200 and may == 200) or 400 <= status < 500, where
            assert "location" not in headers, where
            assert b"evil.example" not in answer, where
            if status >= 400:
                error_of(answer)
        # The same characters written in another way are the same route; its handler may refuse a query
        same = [target for target in spelled if _is_same(target, path) and not target.partition("?")[2]]
        assert len(same) >= 2
        assert {caller.ask(route.methods[0], target, key, body)[0] for target in same} == {allowed[route.methods[0]]}
        different = [
            t for t in spelled if not _is_same(t, path) and match(urllib.parse.unquote(t.split("?")[0])) is None
        ]
        refused = {caller.ask(route.methods[0], target, key, body)[0] for target in different}
        assert refused <= ({400, 401} if scope == "none" else {400, 404})


def _is_same(target: str, path: str) -> bool:
    return urllib.parse.unquote(target.split("?")[0]) == urllib.parse.unquote(path)


@pytest.mark.parametrize("key", ["none", "score", "write", "admin"])
def test_a_control_character_anywhere_is_400_before_anything_else(keyed: Keyed, caller: Caller, key: str) -> None:
    for code, path in itertools.product(CONTROLS, ("/score", "/touchpoints", "/leads/L/score", "/nothing", "/health")):
        sign = urllib.parse.quote(chr(code))
        for target in (path + sign, path[:3] + sign + path[3:], "/" + sign + path[1:]):
            status, _, answer = caller.ask("POST", target, _keys(keyed)[key], SCORED)
            assert (status, error_of(answer)["code"]) == (400, "invalid_path"), target


@pytest.mark.parametrize("route", OF_PROGRAMS, ids=[route.name for route in OF_PROGRAMS])
def test_other_methods_and_overrides_open_nothing(keyed: Keyed, caller: Caller, route: Route) -> None:
    path, body = plain(route), BODIES.get(route.name, b"")
    names = (
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "_method",
        "X-Original-URL",
        "X-Rewrite-URL",
    )
    for scope, key in _keys(keyed).items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "get", "PROPFIND"} - set(
            route.methods
        ):
            for name in ("X-Nothing", *names):
                value = "/metrics" if "URL" in name else route.methods[0]
                status, headers, answer = caller.ask(method, path, key, body, {name: value})
                first = _expected(route, scope)
                assert status == (405 if first == 200 else first), (scope, method, name)
                assert headers.get("allow") == (", ".join(route.methods) if status == 405 else None)
                error_of(answer)
    if "HEAD" in route.methods:
        for key in _keys(keyed).values():
            get_answer, head_answer = (caller.ask(method, path, key) for method in ("GET", "HEAD"))
            assert get_answer[0] == head_answer[0]
            assert head_answer[2] == b""


def test_an_odd_spelling_does_not_escape_the_limit_on_leads(keyed: Keyed, caller: Caller) -> None:
    key = keyed.keys.create("--scope", "score", "--leads-per-minute", "5")
    in_a_row = 0
    while in_a_row < 40:  # until both workers know it; asking for nothing costs no lead
        in_a_row = in_a_row + 1 if keyed.ask("/nothing", key=key)[0] == 404 else 0
    statuses = [caller.ask("POST", target, key, SCORED)[0] for target in ("/score", "/%73core", "/score?x") * 5]
    assert (statuses.count(200), statuses.count(429)) == (5, 10)
    path = f"/leads/{urllib.parse.quote(LEAD)}/score"
    others = (path, "/" + path[1:].replace("/", "%2F"), path + "?reasons=0")
    assert {caller.ask("GET", target, key)[0] for target in others} == {429}


def test_the_lead_is_that_of_the_match_and_of_nothing_else(keyed: Keyed, caller: Caller) -> None:
    for target in (f"/leads/{urllib.parse.quote(LEAD, safe='')}/score", f"/leads/{urllib.parse.quote(LEAD)}/score"):
        status, _, answer = caller.ask("GET", target, keyed.score)
        assert (status, json.loads(answer)["lead"]["lead_id"]) == (200, LEAD)
    for lead_id in ("L/1 ä/score", "../leads/" + LEAD, "./" + LEAD, LEAD + "/", "/" + LEAD, LEAD.upper()):
        status, _, answer = caller.ask("GET", f"/leads/{urllib.parse.quote(lead_id, safe='')}/score", keyed.score)
        assert (status, error_of(answer)["code"]) == (404, "unknown_lead")


def test_only_an_admin_erases_and_only_by_delete(keyed: Keyed, caller: Caller) -> None:
    for target in ("/leads/L-9", "/leads/L%2F9", "/leads/../L-9", "/leads/L-9?x"):
        said = {scope: caller.ask("DELETE", target, key)[0] for scope, key in _keys(keyed).items()}
        assert said == {"none": 401, "score": 403, "write": 403, "admin": 409}  # this service has no keys of objections
        assert {caller.ask(method, target, keyed.admin)[0] for method in ("GET", "POST", "PUT")} == {405}
    status, _, answer = caller.ask("DELETE", "/leads/L-9", keyed.admin)
    assert (status, error_of(answer)["code"]) == (409, "no_privacy_keys")


def test_what_the_page_loads_is_in_the_table(root: Path) -> None:
    page = (root / "serving" / "pages" / "index.html").read_text(encoding="utf-8")
    loaded = set(re.findall(r'(?:src|href)="\./(static_content/[^"]+)"', page))
    assert loaded
    assert {f"/{path}" for path in loaded} == {r.template for r in ROUTES if r.template.startswith("/static_content/")}


def test_the_table_is_one_to_one() -> None:
    assert len({route.name for route in ROUTES}) == len({route.template for route in ROUTES}) == len(ROUTES)
    for route in ROUTES:
        found = match(route.template.replace("{lead_id}", "L-1"))
        assert found is not None
        assert found.route is route


def test_a_route_that_says_nothing_of_its_callers_can_not_be_declared() -> None:
    with pytest.raises(TypeError, match="needs"):
        Route(name="new", template="/new", methods=("GET",))  # type: ignore[call-arg]
    for needs in (None, "", "all", "root"):
        with pytest.raises(ValueError, match="route new needs"):
            Route(name="new", template="/new", methods=("GET",), needs=needs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": "new"},
        {"template": "/new\n"},
        {"template": "/{a}/{b}"},
        {"methods": ()},
        {"methods": ("get",)},
        {"template": "/x/{lead_id}", "is_upstream": True},
    ],
)
def test_a_route_that_could_not_be_kept_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="route new"):
        Route(**{"name": "new", "template": "/new", "methods": ("GET",), "needs": "open", **wrong})


async def _answer(scope: Scope, receive: Receive) -> Answer:
    return Answer(b"{}")


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    pytest.fail("nothing is asked of it")


def test_a_route_without_a_handler_and_a_handler_without_a_route_stop_the_start() -> None:
    names = [route.name for route in ROUTES if not route.is_upstream]
    Middleware(_nothing, dict.fromkeys(names, _answer))
    for other in (names[1:], [*names, "more"], [*names, "livez"]):
        with pytest.raises(ValueError, match="routes and handlers differ"):
            Middleware(_nothing, dict.fromkeys(other, _answer))


def test_each_need_is_one_that_the_guard_knows() -> None:
    by_need: dict[Need, set[str]] = {}
    for route in ROUTES:
        by_need.setdefault(route.needs, set()).add(route.name)
    assert by_need["write"] == set(EVENT_KINDS)
    assert by_need["score"] == {"score", "lead_score"} == {route.name for route in ROUTES if route.counts_leads}
    assert by_need["any"] == {"metrics"}
    assert by_need["admin"] == {"erase"}
    assert not dataclasses.is_dataclass(Match)
    assert MATCH != "path"


def test_two_heads_on_one_connection_are_two_requests(keyed: Keyed) -> None:
    host, port = keyed.client.address.removeprefix("http://").split(":")
    raw = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    raw += b"POST /score%0A HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(raw)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"400"]
