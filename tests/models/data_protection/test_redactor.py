"""Requests and tables lose direct identifiers by one set of rules, whatever field they stand in, and however often."""

import datetime as dt
import json
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from models.answers.requests import parse_lead
from models.answers.requests.schemas import Lead
from models.data_protection.identifiers import holds_identifiers, redacted
from models.data_protection.key_ring import changing_keys, keys_file, new_key
from models.data_protection.redactor import EMPLOYEES, IDS, Redactor, redactor_of
from pipeline.data_protection.keys import make_keys
from serving.contract.event_kinds import EVENT_KINDS
from tests.pipeline.tables.test_redaction import CANARIES

KEY = new_key(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
TEXT = " ".join(CANARIES)
KEPT = {*IDS, *EMPLOYEES, "outcome_id", "retracts"}


def filled(annotation: Any, name: str) -> Any:
    """A value of a schema's field: the canaries where any text may stand, objects and lists with all of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {field: filled(info.annotation, field) for field, info in annotation.model_fields.items()}
    for part in get_args(annotation):
        inner = filled(part, name)
        if inner is not None:
            return [inner] if getattr(annotation, "__origin__", None) is list else inner
    if name == "attributes":
        return {"note": TEXT, "e-mail": "Lovelace", "phone": 49_170_123_4567, "guest": "Grace Hopper", "employees": 250}
    return TEXT if annotation is str and name not in KEPT else None


@pytest.mark.parametrize("schema", [Lead, *(kind.item for kind in EVENT_KINDS.values())])
def test_no_field_of_a_request_keeps_an_identifier(schema: type[BaseModel]) -> None:
    value = filled(schema, "")
    has_texts = schema.__name__ not in ("Handover", "Identity", "MergedLead", "Objection")
    assert (TEXT in json.dumps(value, ensure_ascii=False)) == has_texts
    redactor = Redactor(KEY, ["guest"])
    text = json.dumps(redactor.request({"leads": [value]}), ensure_ascii=False)
    for canary in (*CANARIES, "Lovelace", "Grace", "1701234567"):
        assert canary not in text, canary
    assert json.dumps(redactor.request(json.loads(text)), ensure_ascii=False) == text, "what was replaced stays"


def test_what_is_no_identifier_stays_as_it_was() -> None:
    lead = {
        "lead_id": "ada@example.org",
        "snapshot_at": "2026-01-05T10:00:00+01:00",
        "attributes": {"employees": 12_345_678, "newsletter": True, "phone": None, "role": "purchasing 2026-01-05"},
        "touchpoints": [{"kind": "page_view", "occurred_at": "2026-01-04T10:00:00Z", "value": 1e9, "campaign": "a@b"}],
    }
    assert Redactor(KEY).request(json.loads(json.dumps(lead))) == lead
    assert parse_lead(lead).journey.lead_id == "ada@example.org"


def test_pseudonyms_are_no_identifiers_even_where_all_of_their_digits_are_numbers() -> None:
    for made in ("[mail:001234567890]", "[phone:004917012345]", "[name]"):
        assert not holds_identifiers(made)
        assert redacted(f"{made} and ada@example.org", None) == f"{made} and [mail]"
        assert Redactor(KEY).whole(made) == made


def test_a_long_text_costs_no_more_than_its_length() -> None:
    text = "a" * 200_000 + " @ " + "1." * 100_000 + ":" * 100_000
    assert redacted(text, None) == text  # in well under a second; each word once, not once per letter


def test_the_newest_key_makes_pseudonyms_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    redactor = redactor_of(tmp_path, ["guest"])
    assert redactor().text("ada@example.org") == "[mail]"
    make_keys(keys_file(tmp_path), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    first = redactor().text("ada@example.org")
    assert first.startswith("[mail:")
    assert redactor() is redactor()
    with changing_keys(keys_file(tmp_path)) as rings:
        ring = rings["pseudonyms"]
        rings["pseudonyms"] = type(ring)(ring.purpose, (KEY, *ring.keys))
    assert redactor().text("ada@example.org") == Redactor(KEY).text("ada@example.org") != first
    assert redactor().is_direct("guest")
