import datetime as dt
import json

import pytest

from features.errors import LeadQualificationError
from models.data_protection.key_ring import PURPOSES, KeyRing, changing_keys, keys_file, new_key, read_keys

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def make(path, **more):
    with changing_keys(path) as rings:
        rings.update({purpose: KeyRing(purpose, (new_key(NOW),)) for purpose in PURPOSES} | more)


def test_keys_are_read_as_they_were_written_and_are_the_owners_alone(tmp_path) -> None:
    path = tmp_path / "deep" / "keys.json"
    make(path)
    rings = read_keys(path)
    assert list(rings) == list(PURPOSES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({ring.newest.mac("L-1") for ring in rings.values()}) == len(PURPOSES)


def test_the_mac_is_hmac_sha256() -> None:
    # RFC 4231, test case 2, has a short key; the formula is the same
    key = new_key(NOW).__class__("00000000", b"Jefe", NOW)
    assert key.mac("what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_after_a_rotation_old_and_new_recognise(tmp_path) -> None:
    path = tmp_path / "keys.json"
    make(path)
    old = read_keys(path)["suppression"].newest
    with changing_keys(path) as rings:
        rings["suppression"] = KeyRing("suppression", (new_key(NOW), *rings["suppression"].keys))
    ring = read_keys(path)["suppression"]
    assert ring.newest.id != old.id
    assert ring.macs("L-1")[old.id] == old.mac("L-1")


def spoil(path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content.update(format=9), "no file of keys"),
        (lambda content: content["keys"].pop("log"), "no file of keys"),
        (lambda content: content["keys"]["log"][0].update(secret="c2hvcnQ="), "can't be read"),
        (lambda content: content["keys"].update(log=content["keys"]["pseudonyms"]), "share a key"),
    ],
)
def test_a_spoilt_file_is_refused_without_naming_a_secret(tmp_path, change, says) -> None:
    path = tmp_path / "keys.json"
    make(path)
    secrets = [item["secret"] for ring in json.loads(path.read_text())["keys"].values() for item in ring]
    spoil(path, change)
    with pytest.raises(LeadQualificationError, match=says) as caught:
        read_keys(path)
    assert not any(secret in str(caught.value) for secret in secrets)


def test_a_file_that_others_can_read_is_refused(tmp_path) -> None:
    path = tmp_path / "keys.json"
    make(path)
    path.chmod(0o644)
    with pytest.raises(LeadQualificationError, match="chmod 600"):
        read_keys(path)


def test_without_keys_the_command_is_named(tmp_path) -> None:
    with pytest.raises(LeadQualificationError, match="pipeline.privacy keys"):
        read_keys(tmp_path / "keys.json")


def test_a_change_that_fails_leaves_the_file(tmp_path) -> None:
    path = tmp_path / "keys.json"
    make(path)
    before = path.read_bytes()
    ring = read_keys(path)["log"]
    with pytest.raises(LeadQualificationError, match="share a key"):
        make(path, log=ring, suppression=ring)
    assert path.read_bytes() == before


def test_where_the_keys_are(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "folder"))
    assert keys_file(tmp_path) == tmp_path / "folder" / "keys.json"
    monkeypatch.setenv("LEAD_PRIVACY_KEYS", str(tmp_path / "secret"))
    assert keys_file(tmp_path) == tmp_path / "secret"
