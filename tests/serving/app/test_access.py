"""Who may look at pages and decide: log-in by key, sessions and their end, forms of ours alone, the machine, a proxy."""

import http.client
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import LeadQualificationError
from models.analyses import ANALYSES
from serving.access.user_header import user_header
from tests.serving.app.pages import Browser, open_lead_events
from tests.serving.keyed import Keyed, Keys, error_of
from tests.serving.running import Client
from tests.serving.stores import Serve

PAGES = (
    "/app",
    "/app/leads/L-1",
    "/app/export",
    "/app/model",
    "/app/analyses",
    *map("/app/analyses/{}".format, ANALYSES),
)


@pytest.fixture(scope="module")
def served(serve_store: Serve, new_url, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Serve a store with leads, and ask for keys."""
    keys = Keys(tmp_path_factory.mktemp("keys") / "api_keys.json", root)
    made = [keys.create("--scope", scope, name=f"{scope} <Zoë>") for scope in ("score", "write", "admin")]
    settings = {"LEAD_REQUIRE_KEYS": "always", "LEAD_API_KEYS": str(keys.file), "LEAD_WORKERS": "2"}
    with serve_store(new_url("sqlite"), **settings) as client:
        keyed = Keyed(client, keys, *made)
        for kind, items in open_lead_events().items():
            status, _, answer = keyed.ask(f"/{kind}", {kind: items}, made[1])
            assert status == 200, answer
        yield keyed


def _key(served: Keyed, scope: str, name: str) -> str:
    """Make a key, and wait until every worker knows it."""
    key = served.keys.create("--scope", scope, name=name)
    time.sleep(1.2)
    return key


def test_without_a_log_in_pages_lead_to_it(served: Keyed) -> None:
    browser = Browser(served.client.address)
    for page in PAGES:
        status, headers, text = browser.ask(page)
        assert (status, text) == (303, "")
        assert headers["location"].startswith("/app/log_in?to=")
    status, headers, text = browser.ask("/app/log_in")
    assert status == 200
    assert "L-1" not in text
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in text
    assert "style=" not in text


def test_a_session_begins_with_a_key_and_ends_with_it(served: Keyed) -> None:
    key = _key(served, "view", "Ana")
    browser = Browser(served.client.address)
    before = browser.ask("/app/log_in") and browser.session
    status, headers, _ = browser.log_in(key)
    assert (status, headers["location"]) == (303, "/app")
    assert browser.session not in (None, before)
    assert key not in str(headers)
    cookie = headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/app", "Max-Age="))
    assert "Secure" not in cookie  # on loopback
    assert browser.ask("/app")[0] == 200
    stale = Browser(served.client.address, {"Cookie": f"lead_session={before}"})
    assert stale.ask("/app")[0] == 303
    key_id = key.split("_")[1]
    assert served.keys.run("revoke", key_id).returncode == 0
    deadline, answers = time.monotonic() + 20, [200]
    while 200 in answers and time.monotonic() < deadline:  # each worker looks at the file of keys by itself
        answers = [browser.ask("/app")[0] for _ in range(20)]
        time.sleep(0.2)
    assert set(answers) == {303}


def test_log_out_ends_the_session_for_whoever_holds_the_cookie(served: Keyed) -> None:
    browser = Browser(served.client.address)
    browser.log_in(served.admin)
    thief = Browser(served.client.address, {"Cookie": f"lead_session={browser.session}"})
    assert thief.ask("/app")[0] == 200
    assert browser.ask("/app/log_out", {"token": browser.token("/app")})[0] == 303
    assert (thief.ask("/app")[0], browser.ask("/app")[0]) == (303, 303)


def test_beyond_loopback_cookies_are_secure(served: Keyed) -> None:
    browser = Browser(served.client.address, {"Host": "leads.example.com"})
    assert "Secure" in browser.ask("/app/log_in")[1]["set-cookie"]


@pytest.mark.parametrize("scope", ["score", "write"])
def test_a_key_of_a_program_opens_no_page(served: Keyed, scope: str) -> None:
    status, _, text = Browser(served.client.address).log_in(getattr(served, scope))
    assert status == 403
    assert 'aria-invalid="true"' in text


def test_view_reads_and_decide_decides(served: Keyed) -> None:
    viewer = Browser(served.client.address)
    viewer.log_in(_key(served, "view", "Ana"))
    assert "/app/decide" not in viewer.ask("/app/leads/L-1")[2]
    form = {"token": viewer.token("/app"), "lead_id": "L-1", "do": "sal"}
    assert viewer.ask("/app/decide", form)[0] == 403
    decider = Browser(served.client.address)
    decider.log_in(_key(served, "decide", "Ümit <b>"))
    form = {"token": decider.token("/app"), "lead_id": "L-1", "do": "sal", "to": "/app?show=all"}
    status, headers, _ = decider.ask("/app/decide", form)
    assert status == 303
    assert headers["location"].startswith("/app?show=all&done=sal&lead=L-1")
    text = decider.ask("/app/leads/L-1")[2]
    assert "Ümit &lt;b&gt;" in text
    assert "Ümit <b>" not in text


def test_a_lead_nobody_knows_gets_no_verdict(served: Keyed) -> None:
    browser = Browser(served.client.address)
    browser.log_in(served.admin)
    form = {"token": browser.token("/app"), "lead_id": "nobody", "do": "sal", "to": "/app"}
    assert browser.ask("/app/decide", form)[0] == 404
    assert browser.ask("/app/leads/nobody")[0] == 404


HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "status", "code", "says"),
    [
        ("/app/", 404, "not_found", "Diese Seite gibt es nicht"),
        ("/app/nothing/<b>", 404, "not_found", "Diese Seite gibt es nicht"),
        ("/app/decide", 405, "method_not_allowed", "Diese Seite gibt es nicht"),
        ("/app/a%0Ab", 400, "invalid_path", "Diese Seite gibt es nicht"),
    ],
)
def test_where_there_is_no_page_a_browser_reads_so_and_a_program_gets_json(
    served: Keyed, path: str, status: int, code: str, says: str
) -> None:
    address = urllib.parse.quote(path, safe="/%")
    for browser in (Browser(served.client.address), Browser(served.client.address)):
        got, headers, text = browser.ask(address, Accept=HTML, Accept_Language="de")
        assert (got, headers["x-error-code"]) == (status, code)
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert says in text
        assert '<a href="/app">' in text
        assert "<b>" not in text
        assert headers.get("allow") == ("POST" if status == 405 else None)
        browser.log_in(served.admin)
    for accept in ("*/*", "application/json"):
        got, headers, answer = served.ask(address, key=served.admin, headers={"Accept": accept})
        assert (got, headers["content-type"]) == (status, "application/json")
        assert error_of(answer)["code"] == code
    if status == 404:
        assert served.error(address) == (401, "no_key")


def test_a_browser_reads_what_is_wrong_with_a_model_or_a_form(served: Keyed) -> None:
    browser = Browser(served.client.address)
    browser.log_in(served.admin)
    status, _, text = browser.ask("/app?model=nothing", Accept=HTML)
    assert status == 422
    assert "There is no such model" in text
    form = {"token": browser.token("/app"), "lead_id": "L-1", "do": "verdict", "note": "x" * 17_000_000}
    status, _, text = browser.ask("/app/decide", form, Accept=HTML)
    assert status == 413
    assert "shorten what you wrote" in text


def test_beyond_the_pages_a_browser_gets_json_as_anyone(served: Keyed) -> None:
    status, headers, answer = served.ask("/nothing", key=served.admin, headers={"Accept": HTML})
    assert (status, headers["content-type"]) == (404, "application/json")
    assert error_of(answer)["code"] == "not_found"


def test_a_form_of_another_visit_changes_nothing(served: Keyed) -> None:
    browser, other = Browser(served.client.address), Browser(served.client.address)
    browser.log_in(served.admin)
    other.log_in(served.admin)
    for token in ("", "0" * 64, other.token("/app"), "ü"):
        form = {"token": token, "lead_id": "a/b?c=d&e#f", "do": "sal"}
        status, _, text = browser.ask("/app/decide", form)
        assert status == 403
        assert "Traceback" not in text
    assert "accepted by sales" not in browser.ask("/app/leads/" + urllib.parse.quote("a/b?c=d&e#f", safe=""))[2]


def test_nobody_is_sent_elsewhere(served: Keyed) -> None:
    for to in ("https://evil.example", "//evil.example", "/\\evil", "/app\r\nSet-Cookie: a=b", "/other"):
        browser = Browser(served.client.address)
        token = browser.token("/app/log_in")
        _, headers, _ = browser.ask("/app/log_in", {"token": token, "key": served.admin, "to": to})
        assert headers["location"] == "/app"


def test_attempts_to_log_in_are_limited(serve_store: Serve, new_url, root: Path, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "api_keys.json", root)
    key = keys.create("--scope", "view")
    settings = {"LEAD_REQUIRE_KEYS": "always", "LEAD_API_KEYS": str(keys.file), "LEAD_WORKERS": "1"}
    with serve_store(new_url("sqlite"), **settings) as client:
        assert [Browser(client.address).log_in(key)[0] for _ in range(12)] == [303] * 12
        browser = Browser(client.address)
        answers = [browser.log_in("lq_" + "0" * 12 + "_" + "a" * 43)[0] for _ in range(12)]
        assert answers[:10] == [401] * 10
        assert set(answers[10:]) <= {401, 429}  # one more may have filled up again meanwhile
        assert 429 in answers


def test_without_keys_the_machine_itself_gets_in_at_once_and_nobody_else(online: Client) -> None:
    assert Browser(online.address).ask("/app")[0] == 200
    for headers in ({"Host": "evil.example"}, {"Host": "192.168.0.4:3000"}, {"X-Forwarded-For": "1.2.3.4"}):
        status, _, text = Browser(online.address, headers).ask("/app")
        assert status == 403
        assert "http://127.0.0.1" in text


def test_a_proxy_may_name_the_user(serve_store: Serve, new_url) -> None:
    with serve_store(new_url("sqlite"), LEAD_USER_HEADER="X-User", LEAD_WORKERS="1") as client:
        for kind, items in open_lead_events(("L-1",)).items():
            assert client.post({kind: items}, path=f"/{kind}")[0] == 200
        assert Browser(client.address).ask("/app")[0] == 403
        user = Browser(client.address, {"X-User": "zoe@example.org", "Host": "leads.example.com"})
        page = user.ask("/app/leads/L-1")[1]
        secure = page["set-cookie"].partition(";")[0]
        user.headers["Cookie"] = secure
        form = {"token": user.token("/app/leads/L-1"), "lead_id": "L-1", "do": "sal"}
        assert user.ask("/app/decide", form)[0] == 303
        assert "zoe@example.org" in user.ask("/app/leads/L-1")[2]

        for sent in (["Ana", "Zoë"], ["Ana\tB"], ["An\x85a"]):
            assert _with_users(client, sent)[0] == 400
        status, text = _with_users(client, ["Zoë Müller 🙂"])
        assert status == 200
        assert "Zoë Müller 🙂" in text


def _with_users(client: Client, names: list[str]) -> tuple[int, str]:
    """Ask for the list as a proxy that names users would."""
    host, _, port = client.address.rpartition("/")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("GET", "/app?show=all&lang=en")
    for name in names:
        connection.putheader("X-User", name.encode())
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize(
    ("name", "hosts", "words"),
    [
        ("X-User", ["0.0.0.0"], "listens beyond loopback"),
        ("X-User", [], "listens beyond loopback"),
        ("no header", ["127.0.0.1"], "the name of a header"),
    ],
)
def test_a_header_is_trusted_only_where_nobody_else_can_connect(name: str, hosts: list[str], words: str) -> None:
    with pytest.raises(LeadQualificationError, match=words):
        user_header({"LEAD_USER_HEADER": name}, hosts)
    assert user_header({}, hosts) is None
