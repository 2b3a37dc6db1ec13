"""However much is stored of one lead, a score reads at most so much, the newest; below the bounds nothing is left out."""

from typing import Any

import pytest
import sqlalchemy as sa

from features.journeys import OrderRecord, StageChangeRecord, TouchpointRecord
from features.timeline import DAY_US
from models.answers.requests import LeadRequest
from models.answers.scoring import Score, score_requests
from models.bundle import Bundle
from serving.contract.event_rows import ChangeRow, LeadRow, TouchpointRow
from serving.store import newest, reading, schema
from serving.store.connect import Store
from serving.store.newest import own_touchpoints
from serving.store.reading import read_lead
from serving.store.writing import add_stage_changes, add_touchpoints
from serving.store.writing_leads import put_leads
from tests.serving.store_events import NOW

MOST, FEW = 40, 8
AT = NOW + 10


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the bounds small."""
    monkeypatch.setattr(newest, "FEW", FEW)
    for name in ("MAX_TOUCHPOINTS", "MAX_STAGE_CHANGES", "MAX_ORDERS"):
        monkeypatch.setattr(newest, name, MOST)
    for table in (schema.touchpoints, schema.stage_changes):
        monkeypatch.setitem(newest._MOST, table, MOST)
    monkeypatch.setattr(reading, "MAX_COLLEAGUES", 5)


def _visits(store: Store, lead_id: str, moments: list[int], recorded_at: int | None = None) -> None:
    rows = [
        TouchpointRow(
            lead_id, TouchpointRecord("page_view", at, at if recorded_at is None else recorded_at, "web", "home")
        )
        for at in moments
    ]
    with store.write() as connection:
        add_touchpoints(connection, rows, NOW)


def _changes(store: Store, lead_id: str, stages: list[tuple[str, int]]) -> None:
    rows = [ChangeRow(lead_id, StageChangeRecord(stage, at, at), None, None, None) for stage, at in stages]
    with store.write() as connection:
        add_stage_changes(connection, rows, NOW)


def _people(store: Store, *lead_ids: str, orders: tuple[OrderRecord, ...] = ()) -> None:
    for number, lead_id in enumerate(lead_ids):
        with store.write() as connection:
            put_leads(connection, [LeadRow(lead_id, None, "A-1", {}, {}, orders, None, None)], NOW + number)


def _read(store: Store, bundle: Bundle, lead_id: str, at: int | None = AT) -> tuple[LeadRequest, Score]:
    with store.read() as connection:
        lead = read_lead(connection, lead_id, bundle.catalog, AT, at)
    assert lead is not None
    return lead, score_requests(bundle, [lead], debug=True)[0]


def _cut(score: Score) -> list[tuple[str, str]]:
    return [(item.field, item.message.split(": ")[-1]) for item in score.warnings if item.code == "touchpoints_cut"]


def test_the_newest_of_the_window_are_read(small: None, store: Store, bundle: Bundle) -> None:
    seen = [NOW - number for number in range(1, 101)]
    _visits(store, "L-1", seen)
    _visits(store, "L-1", [NOW - 51 * DAY_US - number for number in range(200)])  # before the window of 50 days
    lead, score = _read(store, bundle, "L-1")
    assert sorted(item.occurred_at for item in lead.journey.touchpoints) == sorted(seen[:FEW])
    assert _cut(score) == [("lead.touchpoints", "8.")]
    german = score_requests(bundle, [lead], language="de")[0]
    assert "gelesen wurden die neuesten: 8." in next(w.message for w in german.warnings if w.code == "touchpoints_cut")


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, MOST - 1, MOST])
def test_up_to_the_bound_nothing_is_left_out(
    store: Store, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    moments = [NOW - number * DAY_US - number for number in range(count)]
    late = [NOW - DAY_US // 2 - number for number in range(FEW - 1)]
    _people(store, "L-1", "C-1", "C-2", orders=tuple(OrderRecord(at, 5.0) for at in moments))
    for lead_id in ("L-1", "C-1"):
        _visits(store, lead_id, moments)
        _visits(store, lead_id, [NOW - 70 * DAY_US - number for number in range(30)])
        _changes(store, lead_id, [("sal", at) for at in moments])
    _visits(store, "L-1", late, recorded_at=AT + 5)
    whole, score = _read(store, bundle, "L-1")
    monkeypatch.setattr(newest, "FEW", FEW)
    monkeypatch.setattr(newest, "MAX_TOUCHPOINTS", MOST)
    monkeypatch.setitem(newest._MOST, schema.touchpoints, MOST)
    bounded, again = _read(store, bundle, "L-1")
    assert len(whole.colleagues) == 1
    assert sorted(whole.journey.touchpoints, key=repr) == sorted(bounded.journey.touchpoints, key=repr)
    assert again.vector is not None
    assert score.vector is not None
    assert again.vector.tobytes() == score.vector.tobytes()
    assert (again.probability, again.warnings) == (score.probability, score.warnings)
    assert _cut(again) == []
    (told,) = [item.message for item in again.warnings if item.code == "touchpoints_after_snapshot"]
    assert told.endswith(f"{FEW - 1}.")


def test_what_is_still_to_come_neither_hides_what_is_seen_nor_is_read_without_end(
    small: None, store: Store, bundle: Bundle
) -> None:
    at = NOW - 10 * DAY_US
    seen = [at - number - 1 for number in range(30)]
    _visits(store, "L-1", seen)
    _visits(store, "L-1", [NOW - number - 1 for number in range(100)])
    _visits(store, "L-1", [at - number - 1 for number in range(100)], recorded_at=NOW)
    lead, score = _read(store, bundle, "L-1", at)
    visible = [item for item in lead.journey.touchpoints if item.occurred_at < at and (item.recorded_at or 0) < at]
    assert sorted(item.occurred_at for item in visible) == sorted(seen)
    assert len(lead.journey.touchpoints) == len(seen) + FEW
    assert [item.code for item in score.warnings] == ["touchpoints_after_snapshot"]


def test_a_machine_among_colleagues_does_not_hide_the_people(small: None, store: Store, bundle: Bundle) -> None:
    _people(store, "L-1", "BOT", "C-1", "C-2")
    _visits(store, "BOT", [NOW - number - 1 for number in range(300)])
    _visits(store, "C-1", [NOW - DAY_US - number for number in range(7)])
    _visits(store, "C-2", [NOW - 2 * DAY_US - number for number in range(3)])
    _changes(store, "BOT", [("sal", NOW - number - 1) for number in range(100)])
    lead, score = _read(store, bundle, "L-1")
    assert {one.lead_id: len(one.touchpoints) for one in lead.colleagues} == {"BOT": 8, "C-1": 7, "C-2": 3}
    assert _cut(score) == [("lead.account.touchpoints", "18."), ("lead.account.stage_changes", "8.")]
    (bot,) = [one for one in lead.colleagues if one.lead_id == "BOT"]
    assert min(item.occurred_at for item in bot.touchpoints) == NOW - 8


def test_of_colleagues_with_too_much_together_the_largest_give_up_theirs(
    small: None, store: Store, bundle: Bundle
) -> None:
    _people(store, "L-1", "C-1", "C-2", "C-3")
    for name, count in (("C-1", 35), ("C-2", 30), ("C-3", 3)):
        _visits(store, name, [NOW - number - 1 for number in range(count)])
    lead, score = _read(store, bundle, "L-1")
    assert {one.lead_id: len(one.touchpoints) for one in lead.colleagues} == {"C-1": 18, "C-2": 18, "C-3": 3}
    assert _cut(score) == [("lead.account.touchpoints", "39.")]


def test_of_many_colleagues_those_written_last_are_read(small: None, store: Store, bundle: Bundle) -> None:
    names = [f"C-{number}" for number in range(9)]
    _people(store, "L-1", *names)
    for number, name in enumerate(names):
        with store.write() as connection:
            row = TouchpointRow(name, TouchpointRecord("page_view", NOW - 5, NOW - 5))
            add_touchpoints(connection, [row], NOW + 100 + number)
    lead, score = _read(store, bundle, "L-1", NOW + 1000)
    assert sorted(one.lead_id for one in lead.colleagues) == names[-5:]
    assert _cut(score) == [("lead.account", "5.")]


def test_orders_are_read_newest_first(small: None, store: Store, bundle: Bundle) -> None:
    orders = tuple(OrderRecord(NOW - number - 1, 1.0, f"P-{number}") for number in range(60))
    _people(store, "L-1", orders=(*orders, OrderRecord(NOW + DAY_US, 1.0), OrderRecord(NOW - 51 * DAY_US, 1.0)))
    lead, score = _read(store, bundle, "L-1")
    assert sorted(order.ordered_at for order in lead.orders) == sorted(order.ordered_at for order in orders[:FEW])
    assert _cut(score) == [("lead.account.orders", "8.")]


def test_a_flood_of_stage_changes_does_not_open_a_lead_again(small: None, store: Store, bundle: Bundle) -> None:
    old = NOW - 900 * DAY_US
    _changes(store, "L-1", [("mql", old), ("disqualified", old + 1)])
    _changes(store, "L-1", [("sal", NOW - number - 1) for number in range(300)])
    lead, score = _read(store, bundle, "L-1")
    assert score.not_scored == "disqualified"
    assert len(lead.journey.stage_changes) == MOST + 2
    assert _cut(score) == [("lead.stage_changes", "42.")]


def test_reading_goes_by_an_index(store: Store) -> None:
    """Touchpoints are found by lead and time, without sorting all of a lead's."""
    said: list[Any] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, __: Any, ___: Any) -> None:
        if statement.startswith("SELECT") and "EXPLAIN" not in statement:
            prefix = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
            cursor = connection.connection.cursor()
            cursor.execute(prefix + statement, parameters)
            said.append(str(cursor.fetchall()))

    _visits(store, "L-1", [NOW - number - 1 for number in range(newest.FEW + 5)])
    if not store.is_sqlite:  # so small a table would be read whole
        other = sa.create_engine(store.url, isolation_level="AUTOCOMMIT")
        with other.connect() as connection:
            connection.exec_driver_sql("ALTER ROLE CURRENT_USER SET enable_seqscan = off")
            connection.exec_driver_sql("ALTER ROLE CURRENT_USER SET enable_bitmapscan = off")
        other.dispose()
        store.engine.dispose()
    with store.read() as connection:
        sa.event.listen(store.engine, "before_cursor_execute", explain)
        own_touchpoints(connection, "L-1", NOW - DAY_US, AT)
        sa.event.remove(store.engine, "before_cursor_execute", explain)
    assert len(said) == 4
    assert all("ix_touchpoints_lead_id_occurred_at_recorded_at" in plan for plan in said[1:])
