import datetime as dt

import pytest

from features.errors import LeadQualificationError
from models.data_protection.key_ring import KeyRing, changing_keys, read_keys
from models.data_protection.suppression import Entry, append_entries, count_entries, read_suppression, remember
from tests.models.data_protection.test_key_ring import make

DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    make(tmp_path / "keys.json")
    return tmp_path


def listed(folder):
    return read_suppression(folder / "suppression.jsonl", folder / "keys.json")


def test_a_lead_that_objected_is_recognised_and_not_named(folder) -> None:
    remember(folder, [Entry("L-17", "objection", NOW)])
    assert listed(folder).suppressed(["L-16", "L-17"]) == {"L-17"}
    assert "L-17" not in (folder / "suppression.jsonl").read_text()
    assert (folder / "suppression.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ([("objection", 0), ("withdrawal", 1)], None),
        ([("withdrawal", 1), ("objection", 0)], None),  # what is told late is older
        ([("withdrawal", 0), ("objection", 0)], "objection"),  # of one moment, the objection
        ([("erasure", 1), ("objection", 2)], "objection"),
        ([("objection", 0), ("erasure", 0)], "erasure"),
    ],
)
def test_the_newest_word_holds(folder, entries, cause) -> None:
    remember(folder, [Entry("L-17", what, NOW + days * DAY) for what, days in entries])
    assert listed(folder).cause("L-17") == cause


def test_a_rotation_forgets_nobody(folder) -> None:
    from models.data_protection.key_ring import new_key

    remember(folder, [Entry("old", "objection", NOW)])
    with changing_keys(folder / "keys.json") as rings:
        rings["suppression"] = KeyRing("suppression", (new_key(NOW), *rings["suppression"].keys))
    remember(folder, [Entry("new", "objection", NOW)])
    assert listed(folder).suppressed(["old", "new", "other"]) == {"old", "new"}
    # and the objection that a second import repeats is no news, whichever key it was noted with
    assert listed(folder).news([Entry("old", "objection", NOW)]) == []


def test_a_list_whose_key_is_gone_is_refused(folder) -> None:
    remember(folder, [Entry("L-17", "objection", NOW)])
    (folder / "keys.json").unlink()
    with pytest.raises(LeadQualificationError, match="no keys"):
        listed(folder)
    make(folder / "keys.json")
    with pytest.raises(LeadQualificationError, match="could not be honoured"):
        listed(folder)


def test_a_spoilt_line_is_refused(folder) -> None:
    remember(folder, [Entry("L-17", "objection", NOW)])
    with (folder / "suppression.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(LeadQualificationError, match="suppression.jsonl:2"):
        listed(folder)


def test_what_an_interrupted_write_left_is_taken_away(folder) -> None:
    file = folder / "suppression.jsonl"
    remember(folder, [Entry("L-17", "objection", NOW)])
    whole = file.read_bytes()
    for end in range(1, len(whole)):
        file.write_bytes(whole + whole[:end])  # a second entry, cut off anywhere
        if end < len(whole) - 1:
            assert count_entries(folder) == 1
        append_entries(file, read_keys(folder / "keys.json")["suppression"], [Entry("L-18", "objection", NOW)])
        assert listed(folder).suppressed(["L-17", "L-18"]) == {"L-17", "L-18"}


def test_an_empty_list_needs_no_keys(tmp_path) -> None:
    nobody = read_suppression(tmp_path / "none", tmp_path / "neither")
    assert not nobody
    assert nobody.suppressed(["L-17"]) == set()
