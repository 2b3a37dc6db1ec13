"""Events past their retention leave the store, by kind and table; the others stay. Both databases."""

import json
import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from features.timeline import DAY_US, from_micros
from serving.online.intake import accept_parsed
from serving.store import schema
from serving.store.connect import Store
from serving.store.purging import purge
from tests.serving.store_events import NOW


def at(days: float) -> str:
    return from_micros(NOW - int(days * DAY_US)).isoformat()


def fill(store: Store) -> None:
    touches = [
        {"lead_id": "L-1", "kind": kind, "occurred_at": at(days)} for kind in ("mail_open", "call") for days in (9, 11)
    ]
    visits = [{"visitor_id": "V-1", "kind": "mail_open", "occurred_at": at(days)} for days in (9, 11)]
    accept_parsed(store, "touchpoints", {"touchpoints": [*touches, *visits]}, NOW)
    changes = [{"lead_id": "L-1", "stage": "mql", "occurred_at": at(days)} for days in (9, 11)]
    accept_parsed(store, "stage_changes", {"stage_changes": changes}, NOW)


def count(store: Store, name: str) -> int:
    with store.read() as connection:
        return int(
            connection.execute(sa.select(sa.func.count()).select_from(schema.metadata.tables[name])).scalar_one()
        )


def test_each_kind_and_table_has_its_own(store: Store) -> None:
    fill(store)
    days = {("touchpoint_kinds", "mail_open"): 10, ("tables", "stage_changes"): 10}
    with store.write() as connection:
        rows = purge(connection, lambda section, name: days.get((section, name)), NOW)
    assert rows == {"touchpoints": 1, "visits": 1, "stage_changes": 1}
    assert (count(store, "touchpoints"), count(store, "visits"), count(store, "stage_changes")) == (3, 1, 1)


def test_attributes_go_by_their_own_age_and_leads_by_their_creation(store: Store) -> None:
    leads = [
        {"lead_id": name, "created_at": at(days), "occurred_at": at(days), "attributes": {"role": name, "score": 1}}
        for name, days in (("L-1", 20), ("L-2", 9), ("L-3", 400))
    ]
    accept_parsed(store, "leads", {"leads": leads}, NOW)
    fill(store)
    touched = [{"lead_id": "L-3", "kind": "call", "occurred_at": at(1)}]
    accept_parsed(store, "touchpoints", {"touchpoints": touched}, NOW)
    days = {("attributes", "lead.role"): 10, ("tables", "leads"): 365}
    with store.write() as connection:
        rows = purge(connection, lambda section, name: days.get((section, name)), NOW)
    assert rows["attribute_changes"] == 3  # roles of L-1 and L-3, what else is known of L-3
    assert (rows["leads"], rows["touchpoints"]) == (1, 1)
    with store.read() as connection:
        kept = connection.execute(sa.select(schema.attribute_changes.c.entity_id, schema.attribute_changes.c.attribute))
        assert {tuple(row) for row in kept} == {("L-1", "score"), ("L-2", "role"), ("L-2", "score")}
        assert set(connection.execute(sa.select(schema.leads.c.lead_id)).scalars()) == {"L-1", "L-2"}


def test_what_holds_of_an_account_stays_however_long_it_has(store: Store) -> None:
    leads = [
        {
            "lead_id": "L-1",
            "created_at": at(40),
            "occurred_at": at(days),
            "account": {"account_id": "A-1", "attributes": {"industry": value}},
        }
        for value, days in (("food", 40), ("retail", 20), ("tools", 5))
    ]
    accept_parsed(store, "leads", {"leads": leads}, NOW)
    with store.write() as connection:
        rows = purge(connection, lambda section, name: {"account.industry": 10}.get(name), NOW)
    assert rows == {"attribute_changes": 1}  # replaced 20 days ago; the second was, 5 days ago, and the third holds
    with store.read() as connection:
        kept = connection.execute(sa.select(schema.attribute_changes.c.value)).scalars()
        assert sorted(map(json.loads, kept)) == ["retail", "tools"]


def test_a_row_as_old_as_its_retention_stays(store: Store) -> None:
    fill(store)
    with store.write() as connection:
        assert purge(connection, lambda section, name: 11, NOW) == {}


def test_the_command_knows_patterns(tmp_path: Path, root: Path, new_url) -> None:
    from serving.store.migrate import migrate

    url = new_url("sqlite")
    migrate(url)
    store = Store(url)
    touches = [
        {"lead_id": "L-1", "kind": kind, "occurred_at": "2020-01-01T00:00:00Z"} for kind in ("mail_open", "call")
    ]
    accept_parsed(store, "touchpoints", {"touchpoints": touches}, NOW)
    given = json.dumps({"touchpoint_kinds": {"mail_*": 1, "*": 36_500}, "tables": {}})
    command = [sys.executable, "-m", "serving.purge_store"]
    environment = {**os.environ, "LEAD_STORE_URL": url}
    done = subprocess.run(command, cwd=root, env=environment, input=given, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"rows": {"touchpoints": 1}, "left": None}
    with store.read() as connection:
        assert connection.execute(sa.select(schema.touchpoints.c.kind)).scalars().all() == ["call"]
    store.close()
