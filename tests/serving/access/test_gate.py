"""Who may do what at a running service, and when keys are asked for at all."""

import dataclasses
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serving.access.guard import Guard
from serving.access.key_file import changing, key_id_of, read_keys
from serving.access.rate_limits import RateLimits
from serving.contract.routes import LEAD_SCORE, MATCH, ROUTES, match
from tests.serving.keyed import Keyed, Keys, error_of
from tests.serving.running import access_lines

SCORE = {"leads": [{"lead_id": "L-1"}]}
SCOPES = {route.template: route.needs for route in ROUTES if route.needs in ("score", "write")}
PATHS = {path: path.replace("{lead_id}", "L-1") for path in SCOPES}
OPEN = ("/", "/docs.json", "/schema.json", "/health", "/ready", "/livez", "/readyz", "/healthz")


def _body(path: str) -> bytes | None:
    return None if path == LEAD_SCORE else b"{}"


@pytest.mark.parametrize("path", SCOPES)
def test_each_address_takes_the_keys_of_its_scope_alone(keyed: Keyed, path: str) -> None:
    for scope in ("score", "write", "admin"):
        status, _, answer = keyed.ask(PATHS[path], _body(path), getattr(keyed, scope))
        if scope in (SCOPES[path], "admin"):
            assert status in (404, 422)  # it came in
        else:
            assert (status, error_of(answer)["code"]) == (403, "missing_scope")
            assert SCOPES[path] in error_of(answer)["message"]


@pytest.mark.parametrize("path", [*PATHS, "/metrics", "/nothing", "/score/", "//score", "/leads//score"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_nothing_is_told_without_a_key(keyed: Keyed, path: str, method: str) -> None:
    status, headers, answer = keyed.ask(PATHS.get(path, path), _body(path), method=method)
    assert (status, error_of(answer)["code"]) == (401, "no_key")
    assert headers["www-authenticate"] == 'Bearer realm="lead-qualification"'


def test_what_is_open_is_open(keyed: Keyed) -> None:
    for path in (*OPEN, "/static_content/swagger-ui-bundle.js"):
        assert keyed.ask(path)[0] == 200, path


@pytest.mark.parametrize("path", [*OPEN, "/metrics", "/static_content/swagger-ui-bundle.js"])
def test_what_is_asked_in_a_wrong_way_is_told_in_the_one_shape(keyed: Keyed, path: str) -> None:
    assert keyed.error(path, b"{}", keyed.admin) == (405, "method_not_allowed")
    assert keyed.error("/static_content/nothing.js") == (401, "no_key")
    assert keyed.error("/static_content/nothing.js", key=keyed.write) == (404, "not_found")


def test_any_key_may_see_the_metrics(keyed: Keyed) -> None:
    for key in (keyed.score, keyed.write, keyed.admin):
        status, _, answer = keyed.ask("/metrics", key=key)
        assert status == 200
        assert b"lead_requests_total" in answer


def test_what_is_no_key_of_this_service_is_refused(keyed: Keyed) -> None:
    other = "lq_000000000000_" + "a" * 43
    for sent in (other, keyed.score[:-1] + "-", keyed.score + "x", keyed.score.upper(), "", "x", "é", keyed.score[:20]):
        headers = {"Authorization": f"Bearer {sent}".encode().decode("latin-1")}
        status, got, answer = keyed.ask("/score", SCORE, headers=headers)
        assert (status, error_of(answer)["code"]) == (401, "invalid_key")
        assert 'error="invalid_token"' in got["www-authenticate"]
        assert not sent or len(sent) < 10 or sent not in answer.decode()
    for header in (keyed.score, f"Basic {keyed.score}", f"Token {keyed.score}"):
        assert keyed.error("/score", SCORE, headers={"Authorization": header}) == (401, "invalid_key")
    assert keyed.ask("/score", SCORE, headers={"Authorization": f"bearer  {keyed.score} "})[0] == 200
    assert keyed.error(f"/score?key={keyed.score}", SCORE) == (401, "no_key")


def test_debug_needs_admin_also_on_the_same_machine(keyed: Keyed) -> None:
    body = {**SCORE, "debug": True}
    assert keyed.error("/score", body, keyed.score) == (403, "debug_not_allowed")
    status, _, answer = keyed.ask("/score", body, keyed.admin, headers={"X-Forwarded-For": "203.0.113.7"})
    assert status == 200
    assert json.loads(answer)["leads"][0]["features"]


def test_a_large_body_is_refused_before_it_is_looked_at(keyed: Keyed) -> None:
    assert keyed.error("/score", b"[" * 4_000_000) == (401, "no_key")
    assert keyed.error("/touchpoints", b"[" * 4_000_000, keyed.score) == (403, "missing_scope")


def _until(keyed: Keyed, key: str, status: int) -> bytes:
    """Ask until both workers answer so, each a few times in a row."""
    in_a_row, answer = 0, b""
    for _ in range(2_000):
        got, _, answer = keyed.ask("/score", SCORE, key)
        in_a_row = in_a_row + 1 if got == status else 0
        if in_a_row == 40:
            return answer
    pytest.fail(f"the service never answered {status} for good")


def test_a_running_service_takes_up_new_rotated_revoked_and_expired_keys(keyed: Keyed) -> None:
    old = keyed.keys.create("--scope", "score", "--requests-per-minute", "1000000", name="crm")
    _until(keyed, old, 200)
    new = keyed.keys.key_of(keyed.keys.run("rotate", str(key_id_of(old))))
    _until(keyed, new, 200)
    assert keyed.ask("/score", SCORE, old)[0] == 200  # both, for a day
    keyed.keys.run("revoke", str(key_id_of(old)))
    assert error_of(_until(keyed, old, 401))["message"] == f"the key {key_id_of(old)} is revoked."
    assert keyed.ask("/score", SCORE, new)[0] == 200
    with changing(keyed.keys.file) as kept:
        place = [key.id for key in kept].index(str(key_id_of(new)))
        kept[place] = dataclasses.replace(kept[place], expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert "is expired" in error_of(_until(keyed, new, 401))["message"]


def test_a_damaged_file_of_keys_locks_nobody_out_and_lets_nobody_in(keys: Keys) -> None:
    first = keys.create("--scope", "score")
    guard = Guard(keys.file, RateLimits())
    assert _refused(guard, first) is None
    second = keys.create("--scope", "score")
    good = keys.file.read_bytes()
    for damage in (b"", good[:-5], b"[]"):
        keys.file.write_bytes(damage)
        guard._looked = -1e9
        assert _refused(guard, first) is None
        assert _refused(guard, second) == 401
    keys.file.unlink()
    guard._looked = -1e9
    assert _refused(guard, first) is None
    keys.file.write_bytes(good)
    keys.file.chmod(0o600)
    guard._looked = -1e9
    assert _refused(guard, second) is None


def test_without_a_file_nobody_comes_in_and_the_hint_says_what_to_do(keys: Keys) -> None:
    guard = Guard(keys.file, RateLimits())
    assert _refused(guard, "lq_000000000000_" + "a" * 43) == 401
    answer = guard.refuse({MATCH: match("/score"), "headers": []})
    assert answer is not None
    assert "python -m serving.keys create" in str(error_of(answer.body)["hint"])


def _refused(guard: Guard, key: str) -> int | None:
    answer = guard.refuse({MATCH: match("/score"), "headers": [(b"authorization", f"Bearer {key}".encode())]})
    return None if answer is None else answer.status


def test_the_log_holds_ids_of_keys_and_never_a_key(keyed: Keyed) -> None:
    wrong = "lq_000000000000_" + "b" * 43
    keyed.ask("/score", SCORE, keyed.score)
    keyed.ask("/touchpoints", b"{}", keyed.score)
    keyed.ask("/score", SCORE, wrong)
    keyed.ask(f"/{keyed.write}?key={keyed.write}", key=keyed.write)
    text = keyed.client.log.read_text(encoding="utf-8")
    for key in (keyed.score, keyed.write, keyed.admin, wrong):
        assert key.rsplit("_", 1)[1] not in text
    lines = access_lines(keyed.client.log)
    mine = str(key_id_of(keyed.score))
    assert {(line["path"], line["status"]) for line in lines if line["key"] == mine} >= {
        ("/score", 200),
        ("/touchpoints", 403),
    }
    assert "000000000000" not in {line["key"] for line in lines}


def test_the_document_says_what_each_address_needs(keyed: Keyed) -> None:
    document = json.loads(keyed.ask("/docs.json")[2])
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in OPEN:
                assert "security" not in operation
                continue
            assert operation["security"] == [{"key": []}]
            answers = operation["responses"]
            assert set(answers) >= ({"401", "403", "429"} if path in SCOPES else {"401", "429"})
            assert "WWW-Authenticate" in answers["401"]["headers"]
            assert "Retry-After" in answers["429"]["headers"]


def _start(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_", "BENTOML_"))}
    command = [sys.executable, "-m", "serving", "--port", "1"]
    return subprocess.run(
        [*command, *arguments],
        cwd=root,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--host", "0.0.0.0"), ("--host", "::")])
def test_a_service_open_to_others_does_not_start_without_keys(
    root: Path, bundle_folder: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    missing = tmp_path / "keys.json"
    done = _start(root, *arguments, LEAD_BUNDLE_DIR=str(bundle_folder), LEAD_API_KEYS=str(missing))
    assert done.returncode == 1
    assert "The service can't start: callers need API keys, since it listens on " in done.stderr
    assert f"there is no file of API keys at {missing}" in done.stderr
    assert "python -m serving.keys create --scope score --name crm" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_is_none_is_refused(root: Path, bundle_folder: Path) -> None:
    done = _start(root, "--host", "127.0.0.1", LEAD_BUNDLE_DIR=str(bundle_folder), LEAD_REQUIRE_KEYS="yes")
    assert "LEAD_REQUIRE_KEYS is 'yes'; allowed are auto, always, never" in done.stderr


def test_a_service_that_listens_everywhere_asks_callers_of_its_own_machine_too(
    root: Path, bundle_folder: Path, serving_at: Any, keys: Keys, tmp_path: Path
) -> None:
    keys.create("--scope", "score", "--requests-per-minute", "5")
    (kept,) = read_keys(keys.file)
    keys.run("revoke", kept.id)
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_API_KEYS": str(keys.file),
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    target = "serving.service:LeadQualification"
    with serving_at(target, root, tmp_path / "log.txt", environment, host="0.0.0.0") as client:
        status, answer = client.post(SCORE)
        assert (status, answer["error"]["code"]) == (401, "no_key")
        assert "0 of 1 are valid" in client.log.read_text(encoding="utf-8")


def test_never_means_never_and_says_so(root: Path, bundle_folder: Path, serving_at: Any, tmp_path: Path) -> None:
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_REQUIRE_KEYS": "never",
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    target = "serving.service:LeadQualification"
    with serving_at(target, root, tmp_path / "log.txt", environment, host="0.0.0.0") as client:
        assert client.post(SCORE)[0] == 200
        assert "whoever reaches it may do all" in client.log.read_text(encoding="utf-8")
