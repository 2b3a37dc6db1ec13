"""Whom the store's first filling queues for scoring, and whom a demonstration leaves out."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from features.timeline import to_micros
from serving.import_store import import_store
from serving.online.intake import accept_parsed
from serving.store import schema
from serving.store.connect import Store
from serving.store.migrate import migrate

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ACCOUNTS = {"open": "A-1", "colleague": "A-1", "customer": "A-2", "rejected": "A-3", "alone": None}


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    """Write leads of three accounts: one that sales may work, one that ordered, one that was rejected."""
    folder = tmp_path / "canonical"
    folder.mkdir()
    before = NOW - dt.timedelta(days=90)
    rows = [{"lead_id": name, "account_id": account, "created_at": before} for name, account in ACCOUNTS.items()]
    stages = (("open", "mql"), ("customer", "mql"), ("customer", "customer"), ("rejected", "disqualified"))
    changes = [
        {"lead_id": name, "stage": stage, "occurred_at": before + dt.timedelta(days=day)}
        for day, (name, stage) in enumerate(stages)
    ]
    orders = [{"account_id": "A-2", "ordered_at": before + dt.timedelta(days=9), "amount": 7.5, "product": "core"}]
    attributes = {"entity": "lead", "attribute": "role", "type": "category", "known_at": "creation"}
    for name, table in {
        "leads": rows,
        "stage_changes": changes,
        "orders": orders,
        "attributes": [attributes],
    }.items():
        pq.write_table(pa.Table.from_pylist(table), folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({}, {*ACCOUNTS}),
        ({"only_open": True}, {"open", "colleague"}),
        ({"only_customers": True}, {"customer"}),
        ({"only_open": True, "only_customers": True}, {"open", "colleague", "customer"}),
    ],
)
def test_open_leads_and_customers_are_queued_whoever_else_is_stored(
    canonical: Path, tmp_path: Path, options: dict[str, bool], stored: set[str]
) -> None:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(address)
    store = Store(address)
    import_store(store, canonical, to_micros(NOW), **options)
    with store.read() as connection:
        leads = set(connection.execute(sa.select(schema.leads.c.lead_id)).scalars())
        queued = set(connection.execute(sa.select(schema.rescore.c.lead_id)).scalars())
    assert leads == stored
    assert queued == stored & {"open", "customer"}


def test_what_was_imported_is_withdrawn_by_its_content(tmp_path: Path, canonical: Path) -> None:
    """Ingest gave it an id that the sender does not know."""
    at = NOW - dt.timedelta(days=5)
    touchpoints = [
        {"lead_id": "open", "touchpoint_id": f"{asset}-1", "kind": "download", "asset": asset, "occurred_at": at}
        for asset in ("paper", "other")
    ]
    pq.write_table(pa.Table.from_pylist(touchpoints), canonical / "touchpoints.parquet")
    address = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(address)
    store = Store(address)
    import_store(store, canonical, to_micros(NOW))
    entry = {"lead_id": "open", "kind": "download", "asset": "paper", "occurred_at": at.isoformat()}
    body = {"touchpoints": [{**entry, "consent": "withdrawn"}]}
    answer = accept_parsed(store, "touchpoints", body, to_micros(NOW) + 1)
    assert "1 of them were stored before" in answer["warnings"][0]["message"]
    with store.read() as connection:
        assert connection.execute(sa.select(schema.touchpoints.c.asset)).scalars().all() == ["other"]
