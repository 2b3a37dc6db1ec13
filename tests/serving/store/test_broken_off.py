"""Writers that meet in opposite order: PostgreSQL breaks one of two off, and neither caller notices."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from features.journeys import TouchpointRecord
from serving.contract.event_rows import VisitRow
from serving.online.intake import accept, accept_parsed
from serving.store import schema
from serving.store.connect import Store, StoreUnavailableError
from serving.store.migrate import migrate
from serving.store.visits import add_identities, add_visits
from serving.store.withdrawn import withdraw
from serving.store.writing import lock_leads
from tests.serving.store_events import NOW

ROUNDS = 12


@pytest.fixture(scope="module")
def store(new_url: Callable[[str], str]) -> Iterator[Store]:
    """Open an empty store of PostgreSQL; SQLite has one writer at a time."""
    url = new_url("postgresql")
    migrate(url)
    opened = Store(url)
    yield opened
    opened.close()


def _together(*works: Callable[[], Any]) -> list[BaseException]:
    """Run works at the same time; give what they raised."""
    raised: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 the test looks at it
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    return raised


def _crossing(store: Store, run_it: Callable[[Callable[[Any], None]], None]) -> list[BaseException]:
    """Let two transactions lock two leads in opposite order, the second lead once both hold their first."""
    both = threading.Barrier(2, timeout=300)
    attempts = {"a": 0, "b": 0}

    def work(first: str, second: str) -> None:
        def write(connection: Any) -> None:
            attempts[first] += 1
            lock_leads(connection, [first], NOW)
            if attempts[first] == 1:
                both.wait()
            lock_leads(connection, [second], NOW)

        run_it(write)

    raised = _together(lambda: work("a", "b"), lambda: work("b", "a"))
    assert sum(attempts.values()) == 3 - len(raised)
    return raised


def test_a_deadlock_is_another_attempt(store: Store) -> None:
    def once(write: Callable[[Any], None]) -> None:
        with store.write() as connection:
            write(connection)

    (error,) = _crossing(store, once)
    assert isinstance(error, StoreUnavailableError)  # the database does break one off
    assert _crossing(store, store.run) == []


def test_an_error_of_our_own_is_raised_at_once(store: Store) -> None:
    calls = []

    def write(connection: Any) -> None:
        calls.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.run(write)
    assert calls == [1]


def test_merged_leads_are_written_in_any_order(store: Store) -> None:
    def merge(lead_id: str, into: str) -> None:
        accept(store, "merged_leads", f'{{"lead_id": "{into}"}}'.encode(), NOW, lead_id=lead_id)

    merge("L-5", "L-1")
    merge("L-2", "L-6")

    def tell(kind: str, *leads: str) -> None:
        items = [{"lead_id": lead, "occurred_at": "2026-01-05T10:00:00Z", "kind": kind} for lead in leads]
        accept_parsed(store, "touchpoints", {"touchpoints": items}, NOW)

    for number in range(ROUNDS):
        one, other = f"one {number}", f"other {number}"
        raised = _together(partial(tell, one, "L-5", "L-6"), partial(tell, other, "L-1", "L-2"))
        assert raised == []
    with store.read() as connection:
        counted = connection.exec_driver_sql("SELECT lead_id, count(*) FROM touchpoints GROUP BY 1 ORDER BY 1").all()
    assert [tuple(row) for row in counted] == [
        ("L-1", 2 * ROUNDS),
        ("L-2", ROUNDS),
        ("L-5", ROUNDS),
        ("L-6", 2 * ROUNDS),
    ]


def test_visits_are_locked_while_they_are_copied_or_withdrawn(store: Store) -> None:
    """So a copy can't outlive a visit: whoever comes second waits, and then sees what the first one did."""
    visit = VisitRow("V-1", TouchpointRecord("page_view", NOW - 2, NOW - 1))
    identity = {"lead_id": "L-50", "visitor_id": "V-1", "identified_at": NOW - 1, "recorded_at": NOW - 1}
    table = schema.visits
    free = sa.select(table.c.visitor_id).where(table.c.visitor_id == "V-1").with_for_update(skip_locked=True)

    def not_locked() -> list[str]:
        with store.write() as other:
            return [*other.execute(free).scalars()]

    with store.write() as connection:
        add_visits(connection, [visit], NOW, [0])
    assert not_locked() == ["V-1"]
    with store.write() as connection:
        add_identities(connection, [identity], NOW)
        assert not_locked() == []
    statements: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with store.write() as connection:
        assert withdraw(connection, [visit], NOW) == 1
        changed = [words for words in statements if "visits" in words.split() or "touchpoints" in words.split()]
        assert "DELETE FROM visits" in changed[1]  # the first reads them; copies are looked for afterwards
        assert not_locked() == []
    with store.read() as connection:
        left = sa.select(schema.touchpoints.c.lead_id).where(schema.touchpoints.c.visitor_id == "V-1")
        assert connection.execute(left).all() == []
