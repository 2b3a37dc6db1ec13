"""Touchpoints without consent: the words of exports, acknowledged, counted, and neither stored nor scored."""

import json

import pytest
import sqlalchemy as sa

from models.answers.requests import parse_lead
from models.data_protection.consent import CONSENT_GIVEN, CONSENT_REFUSED
from serving.contract.errors import RequestError
from serving.online.intake import accept
from serving.store import schema
from serving.store.connect import Store
from serving.store.migrate import migrate

NOW = 1_767_225_600_000_000  # 2026-01-01
AT = "2025-12-31T10:00:00Z"


@pytest.fixture
def store(tmp_path) -> Store:
    """Open an empty store."""
    address = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(address)
    return Store(address)


def touchpoint(consent: str | None, number: int = 0) -> dict[str, object]:
    return {"kind": "page_view", "occurred_at": AT, "asset": f"page {number}", "consent": consent}


def test_what_is_refused_is_acknowledged_and_left_out(store: Store) -> None:
    words = [*CONSENT_GIVEN, None, "", *map(str.upper, CONSENT_REFUSED)]
    entries = [{"lead_id": "L-1", **touchpoint(word, number)} for number, word in enumerate(words)]
    body = json.dumps({"touchpoints": entries}).encode()
    for new in (len(CONSENT_GIVEN) + 2, 0):
        answer = accept(store, "touchpoints", body, NOW)
        assert (answer["new"], answer["duplicate"]) == (new, len(CONSENT_GIVEN) + 2 - new)
        (warning,) = answer["warnings"]
        assert (warning["code"], warning["field"]) == (
            "without_consent",
            f"touchpoints[{len(CONSENT_GIVEN) + 2}].consent",
        )
        assert f"{len(CONSENT_REFUSED)} of {len(words)}" in warning["message"]
    with store.read() as connection:
        stored = connection.execute(sa.select(sa.func.count()).select_from(schema.touchpoints)).scalar_one()
    assert stored == len(CONSENT_GIVEN) + 2


def send(store: Store, kind: str, *entries: dict[str, object], at: int = NOW) -> dict[str, object]:
    return accept(store, kind, json.dumps({kind: entries}).encode(), at)


def assets(store: Store, table: sa.Table) -> list[tuple[str, str]]:
    """Whose which touchpoint is."""
    whose = table.c.lead_id if "lead_id" in table.c else table.c.visitor_id
    with store.read() as connection:
        return sorted((row[0], row[1]) for row in connection.execute(sa.select(whose, table.c.asset)))


@pytest.mark.parametrize("named", [{}, {"touchpoint_id": "T-1"}])
def test_what_was_stored_goes_when_its_consent_is_withdrawn(store: Store, named: dict[str, str]) -> None:
    """And its lead is scored again."""
    first = {"lead_id": "L-1", **touchpoint("granted"), **named}
    send(store, "touchpoints", first, {"lead_id": "L-1", **touchpoint(None, 1)}, {"lead_id": "L-2", **touchpoint(None)})
    with store.write() as connection:
        connection.execute(sa.delete(schema.rescore))
    for said in ("1 of 1 touchpoints are without consent; nothing of them is stored. 1 of them", "is stored."):
        answer = send(store, "touchpoints", {**first, "consent": "Withdrawn"}, at=NOW + 1)
        assert answer["new"] == 0
        assert said in answer["warnings"][0]["message"]
        assert assets(store, schema.touchpoints) == [("L-1", "page 1"), ("L-2", "page 0")]
    assert "deleted" not in answer["warnings"][0]["message"]
    with store.read() as connection:
        assert connection.execute(sa.select(schema.rescore.c.lead_id, schema.rescore.c.asked)).all() == [("L-1", 1)]
    assert send(store, "touchpoints", first, at=NOW + 2)["new"] == 1  # consent given anew


def test_copies_go_with_it(store: Store) -> None:
    """Of the leads that it was merged into, and of the lead that a visitor turned out to be."""
    identity = {"lead_id": "L-1", "visitor_id": "V-1", "identified_at": AT}
    visit = {"visitor_id": "V-1", **touchpoint("granted", 7)}
    send(store, "touchpoints", {"lead_id": "L-1", **touchpoint("granted")}, visit)
    send(store, "identities", identity)
    merge = json.dumps({"lead_id": "L-9"}).encode()
    accept(store, "merged_leads", merge, NOW, lead_id="L-1")
    held = [(lead, asset) for lead in ("L-1", "L-9") for asset in ("page 0", "page 7")]
    assert assets(store, schema.touchpoints) == held
    answer = send(store, "touchpoints", {"lead_id": "L-9", **touchpoint("denied")}, at=NOW + 1)
    assert "1 of them were stored before" in answer["warnings"][0]["message"]
    assert assets(store, schema.touchpoints) == held[1::2]
    answer = send(store, "touchpoints", {**visit, "consent": "opt_out"}, at=NOW + 2)
    assert "1 of them were stored before" in answer["warnings"][0]["message"]
    assert assets(store, schema.touchpoints) == assets(store, schema.visits) == []
    with store.read() as connection:
        assert connection.execute(sa.select(schema.rescore.c.lead_id)).scalars().all() == ["L-9"]


def test_of_somebody_unknown_nothing_is_kept_not_even_that_there_is_such_a_lead(store: Store) -> None:
    send(store, "touchpoints", {"lead_id": "L-5", **touchpoint("withdrawn")})
    with store.read() as connection:
        assert connection.execute(sa.select(schema.leads.c.lead_id)).all() == []


def test_of_two_words_in_one_body_the_refusal_holds(store: Store) -> None:
    for order in (("granted", "withdrawn"), ("withdrawn", "granted")):
        send(store, "touchpoints", *({"lead_id": "L-1", **touchpoint(word)} for word in order))
        assert assets(store, schema.touchpoints) == []


def test_another_word_is_asked_about(store: Store) -> None:
    body = json.dumps({"touchpoints": [{"lead_id": "L-1", **touchpoint("perhaps")}]}).encode()
    with pytest.raises(RequestError, match=r"touchpoints\[0\].consent is 'perhaps'. Send one of granted") as caught:
        accept(store, "touchpoints", body, NOW)
    assert (caught.value.status, caught.value.code) == (422, "not_allowed")


def test_no_score_sees_it() -> None:
    lead = {
        "lead_id": "L-1",
        "snapshot_at": "2026-01-01T00:00:00Z",
        "touchpoints": [touchpoint("yes"), touchpoint("no", 1), touchpoint("Withdrawn", 2)],
        "account": {
            "account_id": "A",
            "touchpoints": [{**touchpoint("denied"), "lead_id": "L-2"}, {**touchpoint(None, 1), "lead_id": "L-3"}],
        },
    }
    parsed = parse_lead(lead)
    assert [item.asset for item in parsed.journey.touchpoints] == ["page 0"]
    assert [(other.lead_id, len(other.touchpoints)) for other in parsed.colleagues] == [("L-3", 1)]
    notes = {(note.code, note.field): note.value for note in parsed.notes}
    assert notes == {("without_consent", "touchpoints"): "2", ("without_consent", "account.touchpoints"): "1"}


def test_a_body_of_refusals_takes_few_statements(store: Store) -> None:
    """Whether or not anything of it is stored."""
    statements: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    entries = [{"lead_id": f"L-{number % 700}", **touchpoint("withdrawn", number)} for number in range(2_000)]
    named = [{**entry, "touchpoint_id": f"T-{number}"} for number, entry in enumerate(entries)]
    for sent in (entries, named):
        statements.clear()
        send(store, "touchpoints", *sent)
        assert len(statements) < 30
        send(store, "touchpoints", *({**entry, "consent": "granted"} for entry in sent))
        statements.clear()
        answer = send(store, "touchpoints", *sent, at=NOW + 1)
        assert "2000 of them were stored before" in answer["warnings"][0]["message"]
        assert len(statements) < 50
        assert assets(store, schema.touchpoints) == []


def test_nothing_of_it_stays_on_the_disk(store: Store) -> None:
    """Neither in SQLite's free pages nor in its write-ahead log."""
    entry = {"lead_id": "L-1", **touchpoint("granted"), "asset": "white paper on gout"}
    send(store, "touchpoints", entry)
    send(store, "touchpoints", {**entry, "consent": "withdrawn"}, at=NOW + 1)
    files = [*store.file.parent.glob(f"{store.file.name}*")]
    assert len(files) > 1
    assert not any(b"white paper on gout" in file.read_bytes() for file in files)
