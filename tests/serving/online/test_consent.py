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
