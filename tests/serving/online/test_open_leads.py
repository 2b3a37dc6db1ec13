"""The list of open leads: who is on it, that it says what the score of each lead says, and that it follows every write."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from features.timeline import DAY_US, from_micros
from models.answers.lead_list import list_entries
from models.answers.requests import parse_lead
from models.answers.score_changes import changes
from models.bundle import Bundle
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.open_leads import (
    ORDERS,
    ListFilter,
    OpenLead,
    count_open_leads,
    list_open_leads,
    open_lead,
    owners,
    put_open_leads,
)
from tests.serving.running import make_leads
from tests.serving.store_events import events_of

AT = make_leads(1, seed=31)[0]["snapshot_at"]


class _Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle, "lead-qualification", "7")


@pytest.fixture
def clock() -> _Clock:
    clock = _Clock()
    clock.now = int(dt.datetime.fromisoformat(AT).timestamp() * 1e6)
    return clock


@pytest.fixture
def dispatcher(store: Store, scorer: Scorer, clock: _Clock) -> Iterator[Dispatcher]:
    """Work without webhooks, one step at a time."""
    return Dispatcher(store, lambda: [scorer], None, 60.0, clock)


def _tell(store: Store, kind: str, items: list[Any], now: int) -> None:
    accept(store, kind, json.dumps({kind: items}).encode(), now)


def _lead(store: Store, now: int, seed: int = 31) -> str:
    """Send one lead as of the moment that tests call now; return its id."""
    lead = make_leads(1, seed=seed)[0]
    for kind, items in events_of(lead).items():
        _tell(store, kind, items, now)
    return str(lead["lead_id"])


def _verdict(store: Store, lead_id: str, outcome: str, now: int, **more: Any) -> None:
    moment = from_micros(now - 1000).isoformat()
    _tell(store, "outcomes", [{"lead_id": lead_id, "outcome": outcome, "occurred_at": moment, **more}], now)


def _work(dispatcher: Dispatcher, clock: _Clock) -> None:
    clock.now += 1
    while dispatcher.rescore():
        clock.now += 1


def _listed(store: Store, **wanted: Any) -> list[str]:
    with store.read() as connection:
        return [lead.lead_id for lead in list_open_leads(connection, ListFilter(**wanted), 0, 50).leads]


def test_the_list_says_what_the_score_says(store: Store, dispatcher: Dispatcher, scorer: Scorer, clock: _Clock) -> None:
    lead_id = _lead(store, clock.now)
    _work(dispatcher, clock)
    with store.read() as connection:
        row = open_lead(connection, lead_id)
    assert row is not None
    at = from_micros(row.snapshot_at).isoformat().replace("+00:00", "Z")
    for language in ("en", "de"):
        query = {"snapshot_at": at, "reasons": "3", "language": language}
        answer = score_lead(store, scorer, lead_id, query, clock.now)["lead"]
        assert (row.probability, [row.low, row.high], row.tier) == (
            answer["probability"],
            answer["interval"],
            answer["tier"],
        )
        assert row.details["reasons"][language] == answer["reasons"]
        assert {**row.details["decision"], "text": row.details["advice"][language]} == answer["decision"]


def test_what_changed_is_what_the_api_says_changed(bundle: Bundle) -> None:
    leads = [parse_lead(lead) for lead in make_leads(30, seed=5)]
    for lead in leads:
        since = lead.snapshot_at - 7 * DAY_US
        (entry,) = list_entries(bundle, [lead], [replace(lead, snapshot_at=since)])
        for language in ("en", "de"):
            asked = parse_lead({**_raw(lead.journey.lead_id), "changed_since": from_micros(since).isoformat()})
            (change,) = changes(bundle, [asked], language=language)
            assert entry.changes.get(language) == change


def _raw(lead_id: str) -> dict[str, Any]:
    return next(lead for lead in make_leads(30, seed=5) if lead["lead_id"] == lead_id)


def test_other_leads_change_nothing(bundle: Bundle) -> None:
    leads = [parse_lead(lead) for lead in make_leads(12, seed=6)]
    earlier = [replace(lead, snapshot_at=lead.snapshot_at - 7 * DAY_US) for lead in leads]
    alone = [entry for lead, then in zip(leads, earlier, strict=True) for entry in list_entries(bundle, [lead], [then])]
    assert list_entries(bundle, leads, earlier) == alone


def test_an_accepted_lead_is_open_and_a_closed_one_is_not(store: Store, dispatcher: Dispatcher, clock: _Clock) -> None:
    lead_id = _lead(store, clock.now)
    _work(dispatcher, clock)
    assert _listed(store, shown="all") == [lead_id]
    _verdict(store, lead_id, "sal", clock.now, owner="Zoë")
    _work(dispatcher, clock)
    assert _listed(store, shown="accepted") == [lead_id]
    assert _listed(store, shown="all", owner="Zoë") == [lead_id]
    with store.read() as connection:
        assert owners(connection) == ["Zoë"]
        assert count_open_leads(connection) == {"to_call": 1, "held": 0, "accepted": 1, "all": 1}
    _verdict(store, lead_id, "disqualified", clock.now, reason="no budget")
    _work(dispatcher, clock)
    assert _listed(store, shown="all") == []


@pytest.mark.parametrize("outcome", ["sales_qualified", "customer", "recycled"])
def test_leads_with_an_outcome_leave_the_list(
    store: Store, dispatcher: Dispatcher, clock: _Clock, outcome: str
) -> None:
    lead_id = _lead(store, clock.now)
    _work(dispatcher, clock)
    _verdict(store, lead_id, outcome, clock.now, reason="said so")
    _work(dispatcher, clock)
    assert _listed(store, shown="all") == []


def _row(lead_id: str, probability: float | None, before: float | None = None, **more: Any) -> OpenLead:
    values: dict[str, Any] = {
        "account_id": None, "owner": None, "stage": "mql", "low": probability, "high": probability, "tier": "A",
        "not_scored": None if probability is not None else "too_little_data",
        "within_capacity": None if probability is None else probability > 0.4,
        "last_touchpoint_at": None, "last_touchpoint": None, "snapshot_at": 5, "advice": None, "chance_now": None,
        "details": {"probability_before": before}, **more,
    }  # fmt: skip
    return OpenLead(lead_id=lead_id, probability=probability, probability_before=before, **values)


ROWS = [
    _row("L-1", 0.5, 0.1, last_touchpoint_at=5),
    _row("L-2", 0.9, 0.95, owner="Ana", tier="B", account_id="Straße_1"),
    _row("L-3", 0.2, None, last_touchpoint_at=9),
    _row("L-4", None),
    _row("l%5", 0.9, 0.2, stage="sal"),
    _row("<b>😀 שלום</b>", 0.45, 0.44, within_capacity=None),
]


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as connection:
        put_open_leads(connection, ROWS)
    return store


def test_rank_filters_and_search(filled: Store) -> None:
    assert _listed(filled, shown="all") == ["L-2", "l%5", "L-1", "<b>😀 שלום</b>", "L-3", "L-4"]
    assert _listed(filled) == ["L-2", "l%5", "L-1", "<b>😀 שלום</b>"]
    assert _listed(filled, shown="all", order="risen")[0] == "l%5"
    assert _listed(filled, shown="all", order="fallen")[0] == "L-2"
    assert _listed(filled, shown="all", order="newest_touchpoint")[:2] == ["L-3", "L-1"]
    assert _listed(filled, shown="all", tier="B") == ["L-2"]
    assert _listed(filled, shown="all", owner="Ana") == ["L-2"]
    assert len(_listed(filled, shown="all", owner="")) == 5
    assert _listed(filled, shown="all", search="STRASSE_") == ["L-2"]
    assert _listed(filled, shown="all", search="%") == ["l%5"]
    assert _listed(filled, shown="all", search="😀") == ["<b>😀 שלום</b>"]


def test_every_order_has_every_lead_on_one_page(filled: Store) -> None:
    for order in ORDERS:
        with filled.read() as connection:
            wanted = ListFilter(shown="all", order=order)
            pages = [list_open_leads(connection, wanted, first, 2) for first in range(0, 8, 2)]
        assert {page.total for page in pages} == {len(ROWS)}
        assert sorted(lead.lead_id for page in pages for lead in page.leads) == sorted(row.lead_id for row in ROWS)


def test_what_was_scored_for_an_earlier_moment_changes_nothing(filled: Store) -> None:
    with filled.write() as connection:
        put_open_leads(connection, [_row("L-1", 0.7, snapshot_at=4), _row("L-2", 0.7, snapshot_at=6)])
    with filled.read() as connection:
        rows = [open_lead(connection, name) for name in ("L-1", "L-2")]
    assert [row and row.probability for row in rows] == [0.5, 0.7]
    assert rows[0] == ROWS[0]
