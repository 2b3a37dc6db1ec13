"""When to call, in the store: the price of a slot over the whole queue, advice shown, marketing's list, sales' verdicts."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from features.timeline import DAY_US, from_micros
from models.answers.slot_price import SlotPrice, read_price, write_price
from models.bundle import Bundle
from serving.export_store import export_store
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.connect import Store
from serving.store.open_leads import ListFilter, count_open_leads, list_open_leads
from tests.serving.running import make_leads
from tests.serving.store_events import events_of
from tests.serving.timed import timed

LEADS = 22
AT = int(dt.datetime.fromisoformat("2026-08-03T09:00:00+00:00").timestamp() * 1e6)


class _Clock:
    now = AT

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def scorer(bundle: Bundle) -> Scorer:
    content = dict.fromkeys(("home", "documentation_api", "pricing"), ("case_study", "pricing"))
    return Scorer(timed(bundle, AT - 30 * DAY_US, content), "lead-qualification", "7")


@pytest.fixture
def dispatcher(store: Store, scorer: Scorer, clock: _Clock, tmp_path: Path) -> Iterator[Dispatcher]:
    return Dispatcher(store, lambda: [scorer], None, 60.0, clock, price_file=tmp_path / "slot_price.json")


def _tell(store: Store, kind: str, items: list[Any], now: int) -> None:
    accept(store, kind, json.dumps({kind: items}).encode(), now)


def _moved(value: Any, days: float) -> Any:
    """Move every moment of a lead."""
    if isinstance(value, dict):
        return {name: _moved(item, days) if name != "snapshot_at" else item for name, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, days) for item in value]
    if isinstance(value, str) and value[:3] == "202" and "T" in value:
        return (dt.datetime.fromisoformat(value) + dt.timedelta(days=days)).isoformat()
    return value


def _fill(store: Store) -> None:
    """Send leads that became MQL three days ago."""
    for lead in make_leads(LEADS, seed=12):
        lead["account"]["account_id"] = f"A-{lead['lead_id']}"
        behind = (AT / 1e6 - dt.datetime.fromisoformat(lead["snapshot_at"]).timestamp()) / 86_400
        for kind, items in events_of(_moved(lead, behind)).items():
            _tell(store, kind, items, AT - 1)


def _work(dispatcher: Dispatcher, clock: _Clock, days: float = 0.0) -> None:
    clock.now += int(days * DAY_US) + 20_000_000
    while dispatcher.rescore():
        clock.now += 1
    dispatcher.rescore()


def _list(store: Store, **wanted: Any) -> dict[str, Any]:
    with store.read() as connection:
        return {lead.lead_id: lead for lead in list_open_leads(connection, ListFilter(**wanted), 0, 99).leads}


def test_each_run_over_the_queue_stores_a_price_and_what_is_asked_reads_it(
    store: Store, dispatcher: Dispatcher, scorer: Scorer, clock: _Clock
) -> None:
    _fill(store)
    _work(dispatcher, clock)
    queue = _list(store, shown="all").values()
    waiting = [lead for lead in queue if lead.advice in ("hand_over_now", "later", "wait_until")]
    free = sorted((lead.chance_now for lead in waiting if lead.advice != "wait_until"), reverse=True)
    _work(dispatcher, clock, 0.05)  # the first price stands, and decides from now on
    leads = _list(store, shown="all")
    said = Counter(lead.advice for lead in leads.values())
    assert said["wait_until"] > 0 < said["later"], said
    with store.read() as connection:
        [first, *_] = connection.execute(sa.select(schema.slot_prices).order_by(schema.slot_prices.c.priced_at)).all()
    assert (first.slots, first.waiting) == (2, len(waiting))
    assert first.price == pytest.approx(free[1], abs=1e-3)
    for lead_id, lead in leads.items():
        entry = score_lead(store, scorer, lead_id, {}, clock.now)["lead"]
        decision = entry["decision"]
        wanted = lead.advice
        if wanted in ("hand_over_now", "later"):  # the last run made a newer price than the one that the list went by
            wanted = (
                "later" if decision["if_now"]["probability"] < decision["price"]["probability"] else "hand_over_now"
            )
        assert decision["advice"] == wanted
        if lead.advice != "unknown":
            assert entry["decision"]["price"]["of_training"] is False
        assert "old_slot_price" not in {warning["code"] for warning in entry["warnings"]}


def test_over_a_week_no_slot_stays_empty_while_somebody_waits_who_is_not_held(
    store: Store, dispatcher: Dispatcher, clock: _Clock
) -> None:
    """Chances change from hour to hour, so that the last lead of one run may fall below its price; the next run mends it."""
    _fill(store)
    _work(dispatcher, clock)
    slots = 2
    called: set[str] = set()
    free: set[str] = set()
    for _ in range(7):
        _work(dispatcher, clock, 1.0)
        _work(dispatcher, clock, 0.05)
        leads = _list(store, shown="all")
        called |= {lead_id for lead_id, lead in leads.items() if lead.advice == "hand_over_now"}
        free |= {lead_id for lead_id, lead in leads.items() if lead.advice in ("hand_over_now", "later")}
    assert len(called) >= min(slots, len(free)) > 0


def test_where_no_run_is_recent_the_price_of_training_counts_and_it_is_said(
    store: Store, dispatcher: Dispatcher, scorer: Scorer, clock: _Clock
) -> None:
    _fill(store)
    _work(dispatcher, clock)
    scorer.price = None
    lead_id = next(iter(_list(store, shown="all")))
    entry = score_lead(store, scorer, lead_id, {}, clock.now)["lead"]
    price = {"probability": 0.3, "at": from_micros(AT - 30 * DAY_US).isoformat(), "of_training": True}
    assert entry["decision"]["price"] == price
    [warning] = [item for item in entry["warnings"] if item["code"] == "old_slot_price"]
    assert "Jul 4, 2026" in warning["message"]


def test_the_newest_price_counts_wherever_it_was_worked_out(
    store: Store, dispatcher: Dispatcher, scorer: Scorer, clock: _Clock, tmp_path: Path
) -> None:
    _fill(store)
    _work(dispatcher, clock)
    price = SlotPrice(0.9, clock.now + 1_000_000, 1, 400)
    write_price(price, tmp_path / "slot_price.json")
    assert read_price(tmp_path / "slot_price.json") == price
    clock.now += 20_000_000
    dispatcher.rescore()
    assert scorer.price == price
    assert {lead.advice for lead in _list(store, shown="to_call").values()} <= {"hand_over_now", "unknown"}


def test_marketing_has_a_list_of_those_who_wait(store: Store, dispatcher: Dispatcher, clock: _Clock) -> None:
    _fill(store)
    _work(dispatcher, clock)
    held = _list(store, shown="held")
    with store.read() as connection:
        assert count_open_leads(connection)["held"] == len(held) > 0
    for lead in held.values():
        decision = lead.details["decision"]
        assert from_micros(clock.now).date().isoformat() < decision["until"] <= "2026-08-28"
        assert set(decision["for_marketing"]) == {"open_questions", "next_content"}
        assert lead.details["advice"]["de"].startswith("Als Nächstes spricht das Marketing")
    assert any(lead.details["decision"]["for_marketing"]["next_content"] for lead in held.values())
    assert any(lead.details["decision"]["for_marketing"]["open_questions"] for lead in held.values())
    assert not set(held) & set(_list(store, shown="to_call"))


def test_advice_is_kept_from_when_on_it_was_shown_and_is_exported(
    store: Store, dispatcher: Dispatcher, clock: _Clock, tmp_path: Path
) -> None:
    _fill(store)
    for _ in range(3):
        _work(dispatcher, clock, 0.1)
    with store.read() as connection:
        rows = connection.execute(sa.select(schema.advices).order_by("lead_id", "advised_at")).all()
    assert {row.lead_id for row in rows} == set(_list(store, shown="all"))
    for one, other in pairwise(rows):
        assert one.lead_id != other.lead_id or one.advice != other.advice
    export_store(store, tmp_path / "out", clock.now)
    exported = pd.read_parquet(tmp_path / "out" / "advices.parquet").sort_values(["lead_id", "advised_at"])
    assert exported[["lead_id", "advice"]].values.tolist() == [[row.lead_id, row.advice] for row in rows]


def test_once_sales_spoke_with_a_lead_nothing_is_advised(
    store: Store, dispatcher: Dispatcher, scorer: Scorer, clock: _Clock
) -> None:
    _fill(store)
    _work(dispatcher, clock)
    lead_id = next(iter(_list(store, shown="held")))
    call = {"lead_id": lead_id, "occurred_at": from_micros(clock.now - 1).isoformat(), "kind": "call", "by": "sales"}
    _tell(store, "touchpoints", [call], clock.now)
    _work(dispatcher, clock)
    decision = score_lead(store, scorer, lead_id, {}, clock.now)["lead"]["decision"]
    assert (decision["advice"], decision["text"]) == ("unknown", "Sales speaks with this lead already.")
    assert lead_id not in _list(store, shown="held")


def test_some_leads_near_the_boundary_get_their_day_by_lot_and_the_odds_are_kept(
    store: Store, bundle: Bundle, clock: _Clock
) -> None:
    # So wide a threshold that held leads are near it
    scorer = Scorer(timed(bundle, AT, explore_share=0.5, hold=2.0), "lead-qualification", "7")
    dispatcher = Dispatcher(store, lambda: [scorer], None, 60.0, clock)
    _fill(store)
    _work(dispatcher, clock)
    trials = [lead.details["decision"]["trial"] for lead in _list(store, shown="all").values()]
    for trial in filter(None, trials):
        assert 0.0 < trial["propensity"] < 1.0
