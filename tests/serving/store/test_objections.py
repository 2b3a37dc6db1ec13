"""A lead that objected is not scored and stands in no list; one that was erased is not stored again. Both databases."""

from typing import Any

import pytest

from features.timeline import from_micros
from models.data_protection.suppression import Entry, remember, suppression_list
from pipeline.data_protection.keys import make_keys
from serving.contract.errors import RequestError
from serving.online.erasing import erase
from serving.online.intake import accept_parsed
from serving.online.suppressed import Suppressed
from serving.store.connect import Store
from serving.store.erasing import all_ids, holds
from tests.serving.store_events import NOW

EARLIER, LATER = (from_micros(NOW + days * 86_400_000_000).isoformat() for days in (-2, -1))


@pytest.fixture
def suppressed(store: Store, tmp_path, monkeypatch) -> Suppressed:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    make_keys(tmp_path / "keys.json", from_micros(NOW))
    return Suppressed(store, tmp_path, lambda: NOW)


def told(store: Store, event: str, suppressed: Suppressed | None = None, **item: Any) -> dict[str, Any]:
    options = {} if suppressed is None else {"is_erased": suppressed.is_erased}
    return accept_parsed(store, event, {event: [item]}, NOW, **options)


def fill(store: Store, lead_id: str) -> None:
    """Say something of a lead in every kind of events."""
    visitor = f"V-{lead_id}"
    told(store, "leads", lead_id=lead_id, attributes={"role": "buyer"}, account={"account_id": "A-1", "attributes": {}})
    told(store, "touchpoints", lead_id=lead_id, occurred_at=EARLIER, kind="call")
    told(store, "touchpoints", visitor_id=visitor, occurred_at=EARLIER, kind="page_view")
    told(store, "identities", visitor_id=visitor, lead_id=lead_id, identified_at=LATER)
    told(store, "stage_changes", lead_id=lead_id, stage="mql", occurred_at=EARLIER)
    told(store, "handovers", lead_id=lead_id, queued_at=EARLIER, handed_over_at=LATER)
    told(
        store,
        "outcomes",
        lead_id=lead_id,
        outcome="disqualified",
        reason="x",
        occurred_at=LATER,
        outcome_id=f"O-{lead_id}",
    )
    told(store, "outcomes", lead_id=lead_id, retracts=f"O-{lead_id}")


def test_an_objection_holds_until_it_is_withdrawn(store, suppressed) -> None:
    told(store, "objections", lead_id="L-1", occurred_at=EARLIER)
    assert not suppressed.is_out("L-1")
    suppressed.look()
    assert suppressed.is_out("L-1")
    assert not suppressed.is_erased("L-1")
    told(store, "objections", lead_id="L-1", occurred_at=LATER, state="withdrawn")
    suppressed.look()
    assert not suppressed.is_out("L-1")


def test_an_objection_counts_for_merged_leads(store, suppressed) -> None:
    for lead_id in ("L-1", "L-2"):
        fill(store, lead_id)
    told(store, "objections", lead_id="L-1", occurred_at=EARLIER)
    told(store, "merged_leads", lead_id="L-1", merged_into="L-2")
    suppressed.look()
    assert suppressed.is_out("L-2")


def test_the_list_beside_the_repository_is_obeyed(store, suppressed, tmp_path) -> None:
    remember(tmp_path, [Entry("L-1", "objection", from_micros(NOW))])
    suppressed.look()
    assert suppressed.is_out("L-1")
    (tmp_path / "keys.json").unlink()  # a list that can't be read any more frees nobody
    suppressed.look()
    assert suppressed.is_out("L-1")


def test_erasing_leaves_nothing_and_nothing_comes_back(store, suppressed, tmp_path) -> None:
    for lead_id in ("L-1", "L-2", "L-3"):
        fill(store, lead_id)
    told(store, "merged_leads", lead_id="L-1", merged_into="L-2")
    with store.read() as connection:
        ids = all_ids(connection, "L-2")
        assert set(holds(connection, ids)) >= {
            "leads",
            "touchpoints",
            "visits",
            "identities",
            "merged_leads",
            "outcomes",
        } - {"visits"}
    assert ids == ["L-1", "L-2"]
    answer = erase(store, tmp_path, "L-2", NOW)
    assert answer["found"] == {}
    assert answer["rows"]["visits"] == 2
    with store.read() as connection:
        assert holds(connection, [*ids, "V-L-1", "V-L-2"]) == {}
        assert holds(connection, ["L-3"])
    if store.file is not None:  # neither in the tables' pages nor in the write-ahead log
        for path in store.file.parent.glob(f"{store.file.name}*"):
            content = path.read_bytes()
            assert b"L-1" not in content
            assert b"L-2" not in content
            assert path.name.endswith("-shm") or b"L-3" in content or not content
    again = erase(store, tmp_path, "L-2", NOW + 1)
    assert (again["receipt"], again["erased_at"], again["rows"]) == (answer["receipt"], answer["erased_at"], {})
    suppressed.look()
    accepted = told(store, "touchpoints", suppressed, lead_id="L-2", occurred_at=EARLIER, kind="call")
    assert (accepted["new"], accepted["warnings"][0]["code"]) == (0, "erased_lead")
    with store.read() as connection:
        assert holds(connection, ids) == {}
    assert suppression_list(tmp_path).erased(["L-1", "L-2", "L-3"]) == {"L-1", "L-2"}


def test_without_keys_nothing_is_erased(store, suppressed, tmp_path) -> None:
    fill(store, "L-1")
    (tmp_path / "keys.json").unlink()
    with pytest.raises(RequestError) as caught:
        erase(store, tmp_path, "L-1", NOW)
    assert (caught.value.status, caught.value.code) == (409, "no_privacy_keys")
    with store.read() as connection:
        assert holds(connection, ["L-1"])


def test_an_erasure_that_was_interrupted_anywhere_is_finished_by_the_next(
    store, suppressed, tmp_path, monkeypatch
) -> None:
    steps = ("append_entries", "erase_leads", "note_erasure", "scrub", "holds")
    for number, step in enumerate(steps):
        lead_id = f"L-{number}"
        fill(store, lead_id)

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(f"serving.online.erasing.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            erase(store, tmp_path, lead_id, NOW)
        monkeypatch.undo()
        monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
        assert erase(store, tmp_path, lead_id, NOW)["found"] == {}
        with store.read() as connection:
            assert holds(connection, [lead_id]) == {}
