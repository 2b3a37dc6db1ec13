"""The store by itself, on both databases: idempotency, history, what is the same as in a request."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from features.errors import LeadQualificationError
from features.journeys import StageChangeRecord, TouchpointRecord
from features.timeline import DAY_US
from models.answers.requests import LeadRequest, parse_lead
from models.answers.scoring import score_requests
from models.bundle import Bundle
from serving.contract.event_rows import ChangeRow, TouchpointRow
from serving.online.intake import accept
from serving.store import schema
from serving.store.connect import Store, StoreUnavailableError, is_current
from serving.store.migrate import migrate, write_migration
from serving.store.reading import read_lead
from serving.store.records import ConflictError
from serving.store.writing import add_stage_changes, add_touchpoints
from tests.serving.running import make_leads
from tests.serving.store_events import NOW, Lead, events_of


def tell(store: Store, lead: Lead, now: int = NOW) -> None:
    for kind, items in events_of(lead).items():
        accept(store, kind, _json({kind: items}), now)


def _json(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def _own_account(lead: Lead) -> Lead:
    """Give the lead an account of its own, as in a request."""
    return {**lead, "account": {**lead["account"], "account_id": f"A/{lead['lead_id']}"}}


@pytest.fixture(scope="module")
def leads() -> list[Lead]:
    return [_own_account(lead) for lead in make_leads(40, seed=9)]


def test_migrations_make_the_declared_tables(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_no_migration_is_missing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(root / "serving" / "store" / "migrations", folder)
    monkeypatch.setattr("serving.store.migrate.MIGRATIONS", folder)
    written = Path(write_migration("nothing new"))
    assert written.parent == folder / "versions"
    assert "op." not in written.read_text(encoding="utf-8")


def test_migrating_twice_changes_nothing(url: str, store: Store) -> None:
    assert migrate(url) == migrate(url)
    with store.read() as connection:
        assert is_current(connection)
        connection.exec_driver_sql("SELECT * FROM leads")


def test_tables_of_another_version_are_not_written(url: str, store: Store) -> None:
    other = sa.create_engine(store.url)
    with other.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    other.dispose()
    with pytest.raises(StoreUnavailableError, match=r"python -m serving\.store\.migrate"), store.write():
        pytest.fail("the block must not run")


def _seen(lead: LeadRequest, days: int) -> Any:
    """Leave out what no snapshot sees, the order of rows, how people are named, and where a request stood."""
    begin, at = lead.snapshot_at - days * DAY_US, lead.snapshot_at

    def known(row: Any) -> Any:
        return row._replace(recorded_at=row.occurred_at if row.recorded_at is None else row.recorded_at)

    def visible(rows: Any) -> list[str]:
        return sorted(repr(row) for row in map(known, rows) if begin <= row.occurred_at < at and row.recorded_at < at)

    own = lead.journey
    touchpoints = [row for row in own.touchpoints if row.occurred_at >= begin]  # what is still to come is counted
    mine = [sorted(map(repr, map(known, rows))) for rows in (touchpoints, own.stage_changes)]
    others = [(visible(one.touchpoints), visible(one.stage_changes), one.role) for one in lead.colleagues]
    others = [item for item in others if item[0] or item[1]]
    orders = sorted(repr(row) for row in lead.orders if begin <= row.ordered_at < at)
    attributes = (dict(lead.attributes), dict(lead.account_attributes))
    return mine, own.created_at, sorted(map(repr, others)), attributes, orders, at


def test_a_lead_from_the_store_is_the_one_of_a_request(store: Store, leads: list[Lead], bundle: Bundle) -> None:
    for lead in leads:
        tell(store, lead)
    for lead in leads:
        sent = parse_lead(lead)
        with store.read() as connection:
            stored = read_lead(connection, lead["lead_id"], bundle.catalog, NOW, sent.snapshot_at)
        assert stored is not None
        days = bundle.catalog.params.observation_days
        assert _seen(stored, days) == _seen(sent, days)
        one, two = (score_requests(bundle, [item], debug=True)[0] for item in (sent, stored))
        assert one.vector is not None
        assert two.vector is not None
        assert one.vector.tobytes() == two.vector.tobytes()
        assert replace(one, vector=None, warnings=()) == replace(two, vector=None, warnings=())


def test_neither_order_nor_repeats_nor_parts_change_what_is_stored(
    new_url: Callable[[str], str], leads: list[Lead], url: str
) -> None:
    items = [(kind, item) for lead in leads[:6] for kind, some in events_of(lead).items() for item in some]
    generator = random.Random(1)
    contents = []
    for _ in range(2):
        address = new_url("sqlite" if url.startswith("sqlite") else "postgresql")
        migrate(address)
        store = Store(address)
        mixed = items + generator.sample(items, len(items) // 3) if contents else list(items)
        if contents:
            generator.shuffle(mixed)
        while mixed:
            some = [mixed.pop() for _ in range(min(len(mixed), generator.randrange(1, 40)))]
            for kind in ("stage_changes", "touchpoints", "leads"):
                part = [item for of, item in some if of == kind]
                # Touchpoints without an id that are equal and stand in one body are two
                distinct = [item for k, item in enumerate(part) if item not in part[:k]]
                if distinct:
                    accept(store, kind, _json({kind: distinct}), NOW)
        tables = ("touchpoints", "stage_changes", "attribute_changes", "orders")
        with store.read() as connection:
            contents.append(
                {
                    name: sorted(map(repr, connection.execute(sa.select(schema.metadata.tables[name]))))
                    for name in tables
                }
            )
        store.close()
    assert len(contents[0]["touchpoints"]) > 50
    assert contents[0] == contents[1]


VISIT = TouchpointRecord("page_view", NOW - 5, None, "web", "pricing", None, 1e12 - 0.1, "lead", "T-1")


def _add(store: Store, *rows: TouchpointRow, now: int = NOW) -> int:
    with store.write() as connection:
        return add_touchpoints(connection, rows, now)


def test_the_same_id_is_the_same_touchpoint(store: Store) -> None:
    assert _add(store, TouchpointRow("L-1", VISIT)) == 1
    assert _add(store, TouchpointRow("L-1", VISIT), TouchpointRow("L-2", VISIT), now=NOW + 9) == 1
    with store.read() as connection:
        rows = connection.execute(sa.select(schema.touchpoints)).mappings().all()
    assert sorted((row["lead_id"], row["recorded_at"], row["value"]) for row in rows) == [
        ("L-1", NOW, VISIT.value),
        ("L-2", NOW + 9, VISIT.value),
    ]


@pytest.mark.parametrize("field", ["kind", "occurred_at", "recorded_at", "asset", "value", "by"])
def test_the_same_id_with_other_content_is_refused_and_nothing_changes(store: Store, field: str) -> None:
    _add(store, TouchpointRow("L-1", VISIT))
    other = VISIT._replace(
        **{field: {"kind": "webinar", "asset": None, "value": 1.0, "by": "sales"}.get(field, NOW - 9)}
    )
    with pytest.raises(ConflictError) as caught:
        _add(store, TouchpointRow("L-1", VISIT._replace(touchpoint_id="T-2")), TouchpointRow("L-1", other))
    assert (caught.value.position, caught.value.name) == (1, "touchpoint_id")
    with pytest.raises(ConflictError):
        _add(
            store, *(TouchpointRow("L-3", item) for item in (VISIT, other._replace(recorded_at=other.recorded_at or 7)))
        )
    with store.read() as connection:
        (row,) = connection.execute(sa.select(schema.touchpoints)).mappings()
        assert connection.execute(sa.select(schema.leads.c.lead_id)).scalars().all() == ["L-1"]
    assert (row["kind"], row["touchpoint_id"], row["recorded_at"]) == ("page_view", "T-1", NOW)


def test_without_an_id_equal_ones_of_a_body_are_several_and_the_body_again_is_none(store: Store) -> None:
    row = TouchpointRow("L-1", VISIT._replace(touchpoint_id=None))
    assert [_add(store, row, row), _add(store, row, row), _add(store, row, row, row), _add(store, row)] == [2, 0, 1, 0]


def test_equal_stage_changes_count_once_and_owners_differ(store: Store) -> None:
    row = ChangeRow("L-1", StageChangeRecord("mql", NOW - 9), None, "S-1", None)
    with store.write() as connection:
        assert add_stage_changes(connection, [row, row, row._replace(owner="S-2")], NOW) == 2
        assert add_stage_changes(connection, [row], NOW + 1) == 0


def _role_at(store: Store, bundle: Bundle, at: int | None = None) -> Any:
    with store.read() as connection:
        lead = read_lead(connection, "L-1", bundle.catalog, NOW, at)
    assert lead is not None
    return lead.attributes.get("role")


def test_attributes_are_read_as_they_were_known(store: Store, bundle: Bundle) -> None:
    def put(role: Any, now: int, **moments: str) -> int:
        body = _json({"leads": [{"lead_id": "L-1", "attributes": {"role": role}, **moments}]})
        return int(accept(store, "leads", body, now)["new"])

    may, june = "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"
    assert put("buyer", NOW, occurred_at=june) == 1
    assert put("engineer", NOW + 10, occurred_at=may) == 1  # late: hidden by the newer one
    assert put("buyer", NOW + 20) == 0  # nothing new
    assert put("manager", NOW + 30) == 1
    assert put(None, NOW + 40) == 1
    seen = [_role_at(store, bundle, NOW + after) for after in (0, 1, 11, 21, 30, 31, 41)]
    assert seen == [None, "buyer", "buyer", "buyer", "buyer", "manager", None]


def test_two_values_of_one_moment_are_a_conflict(store: Store) -> None:
    from serving.contract.errors import RequestError

    moment = {"occurred_at": "2026-05-01T00:00:00Z", "recorded_at": "2026-05-01T00:00:00Z"}
    leads = [{"lead_id": "L-1", "attributes": {"role": role}, **moment} for role in ("buyer", "engineer")]
    with pytest.raises(RequestError, match=r"leads\[1\].occurred_at") as caught:
        accept(store, "leads", _json({"leads": leads}), NOW)
    assert (caught.value.status, caught.value.code) == (409, "conflict")
    with store.read() as connection:
        assert connection.execute(sa.select(schema.leads)).all() == []


def test_a_lead_is_seen_right_after_its_write_even_if_the_readers_clock_is_behind(store: Store, bundle: Bundle) -> None:
    _add(store, TouchpointRow("L-1", VISIT))
    behind = NOW - 3_600_000_000
    with store.read() as connection:
        lead = read_lead(connection, "L-1", bundle.catalog, behind)
        assert read_lead(connection, "L-2", bundle.catalog, behind) is None
    assert lead is not None
    assert lead.snapshot_at == NOW + 1
    assert score_requests(bundle, [lead], debug=True)[0].vector is not None


def test_writers_at_once_lose_nothing_and_write_nothing_twice(url: str) -> None:
    """Four connections write the same and different touchpoints of the same leads."""
    stores = [Store(url) for _ in range(4)]

    def write(worker: int) -> int:
        new = 0
        for number in range(25):
            item = VISIT._replace(touchpoint_id=f"T-{number}")
            own = VISIT._replace(touchpoint_id=f"T-{worker}-{number}")
            new += _add(stores[worker], *(TouchpointRow(lead, it) for lead in ("L-2", "L-1") for it in (item, own)))
        return new

    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(write, range(4)))
    with stores[0].read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(schema.touchpoints)).scalar_one()
    assert sum(new) == count == 2 * 25 + 4 * 2 * 25
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite://", "no file is named"),
        ("mysql://localhost/x", "Allowed are sqlite:///path"),
        ("nonsense", "Allowed are sqlite:///path"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_can(address: str, words: str) -> None:
    with pytest.raises(LeadQualificationError, match=words):
        Store(address)


def test_sqlite_is_durable_and_its_file_is_private(new_url: Callable[[str], str]) -> None:
    address = new_url("sqlite")
    migrate(address)
    store = Store(address)
    with store.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")
        ]
    assert pragmas == ["wal", 2]
    assert store.file is not None
    assert store.file.stat().st_mode & 0o777 == 0o600
    store.close()


def test_a_store_of_another_version_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    sqlite3.connect(file).execute("CREATE TABLE leads (x)").connection.close()
    store = Store(f"sqlite:///{file}")
    with pytest.raises(StoreUnavailableError, match=r"python -m serving\.store\.migrate"), store.write():
        pytest.fail("the block must not run")
    store.close()
