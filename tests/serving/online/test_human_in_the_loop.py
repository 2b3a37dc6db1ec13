"""Nothing is rejected by the product, and where a person must confirm, answers and webhooks say that they only propose."""

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from features.errors import ParameterError
from models.answers.advice import ADVICE
from models.answers.confirmation import HUMAN_CONFIRMATION, confirmation_is_required
from models.bundle import Bundle
from models.monitoring.overrides import override_rate
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept_parsed
from serving.online.webhooks import WebhookSettings
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.advised_verdicts import advised_verdicts
from serving.store.connect import Store
from tests.serving.app.pages import open_lead_events

DAY = 86_400_000_000
KEYS = (b"secret" * 8,)


@pytest.fixture
def now() -> int:
    """Give a moment after that of the leads' events."""

    return int(dt.datetime.now(dt.UTC).timestamp() * 1e6) + 60_000_000


def _dispatcher(store: Store, bundle: Bundle, clock: list[int], *, confirm: bool = False) -> Dispatcher:
    scorer = Scorer(bundle, "lead-qualification", "7")
    scorer.needs_confirmation = confirm
    settings = WebhookSettings("http://127.0.0.1:9/nowhere", KEYS, attempts=1)
    return Dispatcher(store, lambda: [scorer], settings, 60.0, lambda: clock[0])


def _rows(store: Store, table: sa.Table) -> list[dict[str, Any]]:
    with store.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _fill(store: Store, now: int) -> None:
    for kind, items in open_lead_events(("L-1", "L-2", "L-3")).items():
        accept_parsed(store, kind, {kind: items}, now)


def test_weeks_of_sweeps_reject_nobody_and_are_an_audit_entry_each(store: Store, bundle: Bundle, now: int) -> None:
    _fill(store, now)
    said: list[tuple[Any, ...]] = []
    before = _rows(store, schema.stage_changes)
    clock = [now]
    dispatcher = _dispatcher(store, bundle, clock)
    dispatcher.audit = SimpleNamespace(add=lambda at, *what, **details: said.append((at, *what, details)))  # type: ignore[assignment]
    for _ in range(6):
        clock[0] += 30 * DAY
        while dispatcher.rescore():
            pass
    assert _rows(store, schema.decisions)
    assert _rows(store, schema.stage_changes) == before
    assert _rows(store, schema.outcomes) == []
    moments = [now + 30 * DAY * month for month in range(2, 7)]  # the first only says when the next is due
    swept = [entry for entry in said if entry[-1].get("what") == "sweep"]
    assert [entry[:4] for entry in swept] == [(at, "service", "scored", []) for at in moments]
    assert swept[0][-1]["leads"] == 3
    assert all(0 <= entry[-1]["leads"] <= 3 for entry in swept)


def test_no_advice_is_a_rejection() -> None:
    assert not [advice for advice in ADVICE if "reject" in advice or "disqualif" in advice]


@pytest.mark.parametrize(("confirm", "kind"), [(False, "decision.changed"), (True, "decision.proposed")])
def test_a_webhook_says_whether_it_only_proposes(
    store: Store, bundle: Bundle, now: int, confirm: bool, kind: str
) -> None:
    _fill(store, now)
    dispatcher = _dispatcher(store, bundle, [now + DAY], confirm=confirm)
    while dispatcher.rescore():
        pass
    bodies = [json.loads(row["body"]) for row in _rows(store, schema.outbox)]
    assert bodies
    assert {body["type"] for body in bodies} == {kind}
    for body in bodies:
        decision = body["data"]["lead"]["decision"]
        assert decision is None or decision.get("confirmation") == ("required" if confirm else None)


def test_a_mistyped_switch_is_not_off() -> None:
    with pytest.raises(ParameterError, match="'yes'"):
        confirmation_is_required({HUMAN_CONFIRMATION: "yes"})


def test_overrides_are_read_from_verdicts_that_stand(store: Store, now: int) -> None:
    _fill(store, now)
    verdicts = [
        {"lead_id": "L-1", "outcome": "sal", "advice": "hand_over_now", "outcome_id": "a"},
        {"lead_id": "L-2", "outcome": "sal", "advice": "later", "outcome_id": "b"},
        {"lead_id": "L-3", "outcome": "sal", "advice": "later", "outcome_id": "c"},
        {"lead_id": "L-3", "outcome": "disqualified", "outcome_id": "d", "reason": "no need"},
    ]
    at = {"occurred_at": "2026-11-01T10:00:00Z"}
    accept_parsed(store, "outcomes", {"outcomes": [{**at, **verdict} for verdict in verdicts]}, now)
    accept_parsed(store, "outcomes", {"outcomes": [{"lead_id": "L-3", "retracts": "c"}]}, now + 1)
    with store.read() as connection:
        found = override_rate(advised_verdicts(connection, 0))
        assert advised_verdicts(connection, now + 365 * DAY) == []
    assert (found.decisions, found.overridden) == (2, 1)
