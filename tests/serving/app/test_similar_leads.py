"""Past leads that open ones are compared with: as they were known then, by one model, and gone when a verdict was a mistake."""

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from features.timeline import DAY_US, from_micros, to_micros
from models.bundle import Bundle
from serving.app.similar_leads import similar_values
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept, accept_parsed
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.connect import Store
from serving.store.qualified_leads import newest_qualified, queue_qualified
from serving.store.reading import read_lead
from serving.store.rescoring import forget_leads
from tests.serving.app.pages import open_lead_events

PAST, OPEN = "P-1 <b>", "L-1"
BERLIN = ZoneInfo("Europe/Berlin")


class _Parts:
    def __init__(self, store: Store, bundle: Bundle) -> None:
        self.store, self.scorer = store, Scorer(bundle, "lead-qualification", "7")
        self.now = to_micros(dt.datetime.now(dt.UTC))
        self.dispatcher = Dispatcher(store, lambda: [self.scorer], None, 60.0, lambda: self.now)

    def tell(self, kind: str, *items: dict[str, Any]) -> None:
        accept_parsed(self.store, kind, {kind: list(items)}, self.now)

    def ago(self, days: float) -> str:
        return from_micros(self.now - int(days * DAY_US)).isoformat()

    def kept(self) -> Any:
        with self.store.read() as connection:
            return newest_qualified(connection, self.scorer.model_key)

    def similar(self) -> dict[str, Any]:
        with self.store.read() as connection:
            lead = read_lead(connection, OPEN, self.scorer.bundle.catalog, self.now)
            assert lead is not None
            return similar_values(connection, self.scorer, lead, "en", BERLIN)


@pytest.fixture
def parts(store: Store, bundle: Bundle) -> _Parts:
    """Hold one lead that is open and one that looked the same and became qualified."""
    made = _Parts(store, bundle)
    for kind in ("leads", "touchpoints"):
        accept(store, kind, json.dumps({kind: open_lead_events((OPEN, PAST))[kind]}).encode(), made.now)
    handed_over = {"stage": "mql", "occurred_at": made.ago(30), "recorded_at": made.ago(30)}
    made.tell("stage_changes", *({"lead_id": lead_id, **handed_over} for lead_id in (OPEN, PAST)))
    made.tell(
        "touchpoints",
        # It happened before the age of 7 days and was known after it
        {"lead_id": PAST, "kind": "webinar", "occurred_at": made.ago(25), "recorded_at": made.ago(20)},
        {"lead_id": PAST, "kind": "call", "occurred_at": made.ago(2), "recorded_at": made.ago(2), "by": "sales"},
    )
    made.now += DAY_US // 24
    verdict = {"lead_id": PAST, "outcome": "sales_qualified", "outcome_id": "o", "occurred_at": made.ago(0.01)}
    made.tell("outcomes", verdict)
    made.dispatcher.score_now([OPEN, PAST])
    return made


def test_a_profile_is_what_was_known_then(parts: _Parts) -> None:
    (lead,) = parts.kept().values()
    assert lead.lead_id == PAST
    handed = lead.handed_over_at
    assert [profile.age_days for profile in lead.profiles] == [0, 7, 14, 28]
    for profile in lead.profiles:
        at = from_micros(handed + int(profile.age_days * DAY_US)).isoformat().replace("+00:00", "Z")
        answer = score_lead(parts.store, parts.scorer, PAST, {"snapshot_at": at}, parts.now)
        assert answer["lead"]["probability"] == pytest.approx(profile.probability, abs=1e-6)


def test_the_page_shows_the_journey_up_to_the_verdict(parts: _Parts) -> None:
    similar = parts.similar()
    assert similar["compared"] == 1
    (item,) = similar["leads"]
    assert (item["lead_id"], item["days"], item["age_days"]) == (PAST, 30, 28)
    assert ("call", 1) in item["after"]
    assert any(by == "sales" for _, by, _ in item["strip"]["dots"])
    assert all(0.0 <= place <= 300.0 for place, *_ in item["strip"]["dots"])


def test_a_verdict_that_was_a_mistake_takes_it_out(parts: _Parts) -> None:
    parts.now += DAY_US
    parts.tell("outcomes", {"lead_id": PAST, "retracts": "o"})
    parts.dispatcher.score_now([PAST])
    assert parts.kept() == {}
    assert parts.similar() == {"compared": 0, "leads": []}


def test_a_sweep_shows_them_to_another_model(parts: _Parts) -> None:
    queued = sa.select(schema.rescore.c.lead_id)
    for model, wanted in ((parts.scorer.model_key, []), ("another one", [PAST])):
        with parts.store.write() as connection:
            forget_leads(connection, [OPEN, PAST])
            queue_qualified(connection, "leads", model, parts.now)
            assert list(connection.execute(queued).scalars()) == wanted
