import datetime as dt
import sys

import pytest

from models.data_protection.key_ring import read_keys
from pipeline import privacy
from pipeline.data_protection.keys import make_keys

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_making_keys_again_changes_nothing_and_a_rotation_one_ring(tmp_path) -> None:
    path = tmp_path / "keys.json"
    first = make_keys(path, NOW)
    assert make_keys(path, NOW) == first
    rotated = make_keys(path, NOW, "suppression")
    assert rotated["suppression"].keys[1:] == first["suppression"].keys
    assert {name: ring for name, ring in rotated.items() if name != "suppression"} == {
        name: ring for name, ring in first.items() if name != "suppression"
    }


def test_the_command_makes_keys_and_shows_none(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    monkeypatch.setattr(sys, "argv", ["privacy", "keys"])
    privacy.main()
    said = capsys.readouterr().out
    for ring in read_keys(tmp_path / "keys.json").values():
        assert ring.newest.id in said
        assert ring.newest.secret.hex() not in said


def test_a_leaked_key_goes_and_the_command_says_what_is_next(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    former = make_keys(tmp_path / "keys.json", NOW)["pseudonyms"].newest
    monkeypatch.setattr(sys, "argv", ["privacy", "keys", "--leaked", "pseudonyms"])
    privacy.main()
    assert former not in read_keys(tmp_path / "keys.json")["pseudonyms"].keys
    said = " ".join(capsys.readouterr().out.split())
    assert said.index("pull everything first, without --since") < said.index("dvc repro -f ingest")


def test_a_subcommand_that_is_not_there(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["privacy", "nothing"])
    with pytest.raises(SystemExit):
        privacy.main()
    assert "keys" in capsys.readouterr().err
