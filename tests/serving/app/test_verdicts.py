"""What sales decides on the pages is what the API would be told: verdicts, the check after a talk, and taking back."""

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from features.timeline import to_micros
from models.bundle import Bundle
from models.data_protection.redactor import Redactor
from serving.app.verdicts import address_after, decide, notice
from serving.contract.errors import RequestError
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.connect import Store
from serving.store.lead_record import read_record
from serving.store.open_leads import open_lead
from tests.serving.app.pages import ODD, open_lead_events


@pytest.fixture
def parts(store: Store, bundle: Bundle) -> Any:
    """Work as one process does, on a store with open leads."""
    scorer = Scorer(bundle, "lead-qualification", "7")
    clock = [to_micros(dt.datetime.now(dt.UTC))]
    for kind, items in open_lead_events().items():
        accept(store, kind, json.dumps({kind: items}).encode(), clock[0])
    dispatcher = Dispatcher(store, lambda: [scorer], None, 0.0, lambda: clock[0])
    dispatcher.score_now(ODD)
    return SimpleNamespace(
        store=store, models=SimpleNamespace(now=lambda: [scorer], redactor=Redactor), dispatcher=dispatcher, clock=clock
    )


def _decide(parts: Any, name: str = "Zoë <b>", **fields: str) -> Any:
    parts.clock[0] += 1_000_000
    return decide(parts, {"lead_id": ODD[2], **fields}, name, parts.clock[0])


def _rows(parts: Any, table: sa.Table) -> list[Any]:
    with parts.store.read() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def _stage(parts: Any) -> str | None:
    with parts.store.read() as connection:
        lead = open_lead(connection, ODD[2])
    return None if lead is None else lead.stage


def test_accept_is_a_stage_and_no_verdict_and_can_be_taken_back(parts: Any) -> None:
    done = _decide(parts, do="sal")
    assert _stage(parts) == "sal"
    (row,) = _rows(parts, schema.outcomes)
    assert (row["outcome"], row["owner"], row["decided_by"]) == ("sal", "Zoë <b>", "Zoë <b>")
    assert _decide(parts, do="undo", retracts=done.outcome_id).what == "undone"
    assert _stage(parts) == "mql"
    with pytest.raises(RequestError) as refused:
        _decide(parts, do="undo", retracts="nothing of the kind")
    assert refused.value.status == 422


def test_a_button_pressed_twice_decides_once(parts: Any) -> None:
    first = _decide(parts, do="sal")
    assert _decide(parts, do="sal") == first
    rejected = _decide(parts, do="verdict", outcome="disqualified", reason="no_need")
    assert _decide(parts, do="verdict", outcome="disqualified", reason="no_need") == rejected
    assert [row["outcome"] for row in _rows(parts, schema.outcomes)] in (
        ["sal", "disqualified"],
        ["disqualified", "sal"],
    )


def test_who_accepts_a_lead_of_somebody_else_is_told(parts: Any) -> None:
    done = _decide(parts, do="sal")
    with pytest.raises(RequestError) as refused:
        _decide(parts, "Ana", do="sal")
    assert (refused.value.status, refused.value.field) == (409, "do")
    _decide(parts, "Ana", do="undo", retracts=done.outcome_id)
    _decide(parts, "Ana", do="sal")
    with parts.store.read() as connection:
        assert read_record(connection, ODD[2]).owner == "Ana"


def test_a_notice_says_only_what_happened(parts: Any) -> None:
    done = _decide(parts, do="sal")
    true = {"done": "sal", "lead": ODD[2], "undo": done.outcome_id}
    with parts.store.read() as connection:
        assert (notice(connection, true, "en") or {})["lead_id"] == ODD[2]
        for change in (
            {"done": "disqualified"},
            {"lead": "call 0900 now"},
            {"undo": "x"},
            {"undo": ""},
            {"done": "made up"},
        ):
            assert notice(connection, {**true, **change}, "en") is None
        assert notice(connection, {"done": "undone", "lead": "call 0900 now"}, "en") is None


def test_a_check_is_kept_beside_the_verdict_that_a_person_chose(parts: Any) -> None:
    answers = {"need": "yes", "budget": "no", "timing": "open", "compatibility": "maybe"}
    done = _decide(parts, do="verdict", outcome="recycled", reason="too_early", **answers)
    (row,) = _rows(parts, schema.outcomes)
    assert {name: row[name] for name in answers} == {**answers, "compatibility": None}
    assert (row["outcome"], row["reason"], row["decided_by"]) == ("recycled", "too early", "Zoë <b>")
    assert _stage(parts) is None
    _decide(parts, do="undo", retracts=done.outcome_id)
    assert _stage(parts) == "mql"
    with parts.store.read() as connection:
        (verdict,) = read_record(connection, ODD[2]).verdicts
    assert verdict.retracted_at is not None
    assert verdict.check == {"need": "yes", "budget": "no", "timing": "open"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"do": "verdict"}, "outcome"),
        ({"do": "verdict", "outcome": "undone"}, "outcome"),
        ({"do": "verdict", "outcome": "customer"}, "outcome"),
        ({"do": "verdict", "outcome": "disqualified"}, "reason"),
        ({"do": "verdict", "outcome": "recycled", "reason": "made up", "other": "  "}, "reason"),
        ({"do": "sal", "lead_id": ""}, "lead_id"),
        ({"do": "sal", "lead_id": "nobody"}, "lead_id"),
    ],
)
def test_what_is_missing_is_said_of_its_field_and_nothing_is_written(parts: Any, fields: Any, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        _decide(parts, **fields)
    assert refused.value.field == field
    assert _rows(parts, schema.outcomes) == []


def test_after_a_decision_the_way_leads_back(parts: Any) -> None:
    done = _decide(parts, do="sal")
    assert address_after("/app?show=all", done).startswith("/app?show=all&done=sal&lead=%F0%9F%98%80")
