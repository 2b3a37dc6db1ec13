"""Pseudonyms of ids, and the sealed table that says whom they stand for."""

import datetime as dt
import os
from pathlib import Path

import pytest

from features.errors import DataError, LeadQualificationError, ParameterError
from models.data_protection.crm_ids import crm_ids
from models.data_protection.key_ring import KeyRing, changing_keys, keys_file, new_key, read_keys
from models.data_protection.names import MOST_BYTES, forget_names, names_folder, read_names, write_names
from models.data_protection.pseudonyms import Pseudonyms, id_pseudonyms, served_ids

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ERIKA = "Erika.Mustermann-4711"


def ring(*keys) -> KeyRing:
    return KeyRing("pseudonyms", keys or (new_key(NOW),))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    for name in ("LEAD_PRIVACY_KEYS", "LEAD_PRIVACY_IDS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_one_id_has_one_pseudonym_per_kind_and_key_and_is_known_for_one() -> None:
    one, other = Pseudonyms(ring()), Pseudonyms(ring())
    lead = one.of("lead", ERIKA)
    assert lead == one.of("lead", ERIKA)
    assert one.of("lead", lead) == lead  # as an export of the store has it
    assert len({lead, one.of("owner", ERIKA), one.of("visitor", ERIKA), other.of("lead", ERIKA)}) == 4
    assert one.of("owner", ERIKA).partition("_")[2] != lead.partition("_")[2]
    assert one.is_own(lead)
    assert not other.is_own(lead)
    forged = lead[:-1] + ("0" if lead[-1] != "0" else "1")
    assert one.of("lead", forged) != forged  # an id of the CRM that only looks like one


def test_a_rotation_keeps_pseudonyms_and_seals_anew(place: Path) -> None:
    old, new = new_key(NOW), new_key(NOW)
    before, after = Pseudonyms(ring(old)), Pseudonyms(ring(new, old))
    lead = before.of("lead", ERIKA)
    assert after.of("lead", ERIKA) == lead
    write_names(place, before.ring, "crm", {lead: ERIKA})
    assert read_names(place, after.ring) == {lead: ERIKA}
    write_names(place, after.ring, "crm", read_names(place, after.ring))
    with pytest.raises(LeadQualificationError, match=f"the key '{new.id}' that sealed it is not among"):
        read_names(place, before.ring)


def test_the_table_names_nobody_without_its_key_and_goes_with_the_lead(place: Path) -> None:
    ids = Pseudonyms(ring())
    lead, owner = ids.of("lead", ERIKA), ids.of("owner", "Max Weber")
    write_names(place, ids.ring, "crm", {lead: ERIKA, owner: "Max Weber"})
    write_names(place, ids.ring, "web", {lead: ERIKA})
    for path in names_folder(place).iterdir():
        assert path.stat().st_mode & 0o077 == 0
        content = path.read_bytes()
        assert b"Erika" not in content
        assert lead.encode() not in content
    assert forget_names(place, ids.ring, [lead]) == 2
    assert read_names(place, ids.ring) == {owner: "Max Weber"}
    with pytest.raises(LeadQualificationError, match="is not among those of the purpose pseudonyms"):
        read_names(place, ring())
    write_names(place, ids.ring, "web", {lead: ERIKA}, keep=True)
    write_names(place, ids.ring, "web", {owner: "Max Weber"}, keep=True)
    assert set(read_names(place, ids.ring)) == {lead, owner}


def test_a_table_that_others_read_or_changed_is_refused(place: Path) -> None:
    ids = Pseudonyms(ring())
    write_names(place, ids.ring, "crm", {ids.of("lead", ERIKA): ERIKA})
    (path,) = names_folder(place).glob("*.sealed")
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(LeadQualificationError, match="was changed or cut short"):
        read_names(place, ids.ring)
    path.write_bytes(sealed[:10])
    with pytest.raises(LeadQualificationError, match="was changed or cut short"):
        read_names(place, ids.ring)
    path.rename(path.with_name("web.sealed"))  # another source's
    path.with_name("web.sealed").write_bytes(sealed)
    with pytest.raises(LeadQualificationError, match="was changed or cut short"):
        read_names(place, ids.ring)
    path.with_name("web.sealed").rename(path)
    path.chmod(0o640)
    with pytest.raises(LeadQualificationError, match="can be read by others"):
        read_names(place, ids.ring)
    path.chmod(0o600)
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(LeadQualificationError, match="are allowed"):
        read_names(place, ids.ring)


def test_the_edge_names_whom_the_table_knows(place: Path) -> None:
    with pytest.raises(LeadQualificationError, match=r"pipeline\.privacy keys"):
        crm_ids(place, "pseudonyms")
    assert crm_ids(place, "as_given").all_names(["L-1"]) == {"L-1"}
    with changing_keys(keys_file(place)) as rings:
        rings |= {purpose: KeyRing(purpose, (new_key(NOW),)) for purpose in ("pseudonyms", "suppression", "log")}
    ids = crm_ids(place, "pseudonyms")
    lead = ids.inward(ERIKA)
    write_names(place, read_keys(keys_file(place))["pseudonyms"], "crm", {lead: ERIKA})
    for edge in (crm_ids(place, "pseudonyms"), crm_ids(place, "as_given")):  # some source has pseudonyms
        assert (edge.outward(lead), edge.outward("L-1"), edge.outward("")) == (ERIKA, "L-1", "")
        assert edge.all_names([lead]) == edge.all_names([ERIKA]) == {lead, ERIKA}
    with pytest.raises(DataError, match=r"no mapping table knows .*dvc repro -f ingest"):
        crm_ids(place, "pseudonyms").outward(ids.inward("L-1"))


def test_the_service_s_setting_is_one_of_two_words(place: Path) -> None:
    assert served_ids({}) == "as_given"
    assert served_ids({"LEAD_PRIVACY_IDS": "pseudonyms"}) == "pseudonyms"
    with pytest.raises(ParameterError, match="LEAD_PRIVACY_IDS is 'yes'; allowed are as_given and pseudonyms"):
        served_ids({"LEAD_PRIVACY_IDS": "yes"})
    assert id_pseudonyms(place, "as_given") is None
