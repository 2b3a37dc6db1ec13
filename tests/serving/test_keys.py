"""The command and the file of keys: what is kept, what is refused, and that no key is ever kept."""

import datetime as dt
import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from features.errors import LeadQualificationError
from serving.access.key_file import Key, digest, key_id_of, new_key, read_keys
from tests.serving.keyed import Keys

NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def _ids(keys: Keys) -> list[str]:
    return [key.id for key in read_keys(keys.file)]


def test_a_key_is_shown_once_and_kept_as_a_hash(keys: Keys) -> None:
    done = keys.run("create", "--scope", "score", "--name", "crm")
    key = keys.key_of(done)
    text = keys.file.read_text(encoding="utf-8")
    (kept,) = read_keys(keys.file)
    assert key not in text
    assert key.rsplit("_", 1)[1] not in text
    assert kept.sha256 == hashlib.sha256(key.encode()).hexdigest()
    assert (kept.id, kept.name, kept.scopes) == (key_id_of(key), "crm", ("score",))
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    listed = keys.run("list").stdout
    assert kept.id in listed
    assert key not in listed


def test_keys_are_random_and_differ() -> None:
    made = [new_key() for _ in range(2_000)]
    secrets = {key.rsplit("_", 1)[1] for _, key in made}
    assert len(secrets) == len({key_id for key_id, _ in made}) == 2_000
    assert {len(secret) for secret in secrets} == {43}  # of 62 letters: 256 bits
    assert all(key_id_of(key) == key_id for key_id, key in made)


def test_rotating_makes_a_key_like_the_old_one_which_ends_later(keys: Keys) -> None:
    keys.create("--scope", "score", "--scope", "write", "--leads-per-minute", "7", name="crm")
    (old_id,) = _ids(keys)
    new = keys.key_of(keys.run("rotate", old_id, "--hours", "2"))
    old, made = read_keys(keys.file)
    assert (made.id, made.sha256) == (key_id_of(new), digest(new))
    assert (made.name, made.scopes, made.leads_per_minute) == (old.name, old.scopes, 7)
    assert made.expires_at is None
    assert old.expires_at is not None
    assert made.created_at is not None
    assert old.expires_at - made.created_at == dt.timedelta(hours=2)
    keys.run("rotate", old_id, "--hours", "9")
    assert read_keys(keys.file)[0].expires_at == old.expires_at  # never later than before


def test_a_revoked_key_stays_in_the_list_and_can_not_be_rotated(keys: Keys) -> None:
    keys.create("--scope", "score", "--days", "3")
    (key_id,) = _ids(keys)
    assert keys.run("revoke", key_id).returncode == 0
    assert "revoked" in keys.run("list").stdout
    done = keys.run("rotate", key_id)
    assert done.returncode == 1
    assert "is revoked, so it can't be rotated. Make a new key by create" in done.stderr
    assert len(_ids(keys)) == 1


def test_states_change_at_their_moment() -> None:
    second = dt.timedelta(seconds=1)
    key = Key("0" * 12, "crm", ("score",), "0" * 64, expires_at=NOW)
    assert [key.state(NOW + step) for step in (-second, 0 * second, second)] == ["valid", "expired", "expired"]
    key = Key("0" * 12, "crm", ("score",), "0" * 64, revoked_at=NOW)
    assert [key.state(NOW + step) for step in (-second, 0 * second)] == ["valid", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("revoke", "0123"), "there is no key with the id '0123'. python -m serving.keys list shows all"),
        (("create", "--scope", "all", "--name", "x"), "invalid choice: 'all'"),
        (("create", "--scope", "score", "--name", "x" * 101), ".name is 'xxx"),
        (("create", "--scope", "score", "--name", "a\nb"), ".name is 'a\\nb'"),
        (("create", "--scope", "score", "--name", "x", "--days", "0"), "a number from 1 to 1,000,000 is expected"),
    ],
)
def test_what_can_not_be_done_is_said_and_changes_nothing(keys: Keys, arguments: tuple[str, ...], part: str) -> None:
    keys.create("--scope", "score")
    before = keys.file.read_bytes()
    done = keys.run(*arguments)
    assert done.returncode != 0
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert keys.file.read_bytes() == before
    assert {path.name for path in keys.file.parent.iterdir()} == {"api_keys.json", "api_keys.json.lock"}


def test_commands_at_once_lose_no_key(keys: Keys) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: keys.create("--scope", "score"), range(8)))
    assert sorted(_ids(keys)) == sorted(str(key_id_of(key)) for key in made)


def _entry(**changes: Any) -> dict[str, Any]:
    return {"id": "0" * 12, "name": "crm", "scopes": ["score"], "sha256": "0" * 64, **changes}


def _file(*entries: Any, **changes: Any) -> str:
    return json.dumps({"format": 1, "keys": list(entries), **changes})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "can't be read as a file of API keys"),
        ("[]", "is not a file of API keys"),
        (_file(format=2), 'expected is {"format": 1, "keys": [...]}'),
        (_file(_entry(), _entry()), "holds one key id twice"),
        (_file("x"), "keys[0] is no entry of a key"),
        (_file(_entry(secret="x")), "known fields are"),
        (_file(_entry(scopes=[])), "keys[0].scopes is []; allowed are score, write, view, decide, admin, at least one"),
        (_file(_entry(scopes=["root"])), "keys[0].scopes is ['root']"),
        (_file(_entry(id="A" * 12)), "keys[0].id is 'AAAAAAAAAAAA'"),
        (_file(_entry(sha256="lq_x")), "keys[0].sha256 is"),
        (_file(_entry(expires_at="2026-01-05")), "keys[0].expires_at is '2026-01-05'; a time with an offset"),
        (_file(_entry(expires_at=5)), "keys[0].expires_at is 5"),
        (_file(_entry(leads_per_minute=0)), "keys[0].leads_per_minute is 0; a number from 1"),
        (_file(_entry(requests_per_minute=True)), "keys[0].requests_per_minute is True"),
        (_file(*(_entry(id=f"{number:012x}") for number in range(1_001))), "holds 1,001 keys; allowed are 1,000"),
    ],
)
def test_a_file_that_is_no_file_of_keys_says_what_is_wrong(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(LeadQualificationError) as caught:
        read_keys(path)
    assert str(path) in str(caught.value)
    assert part in str(caught.value)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(_file(_entry()), encoding="utf-8")
    for mode, allowed in ((0o600, True), (0o644, True), (0o660, False), (0o602, False)):
        path.chmod(mode)
        if allowed:
            assert len(read_keys(path)) == 1
        else:
            with pytest.raises(LeadQualificationError, match="can be written by others"):
                read_keys(path)
    os.unlink(path)
    with pytest.raises(LeadQualificationError, match="there is no file of API keys"):
        read_keys(path)
