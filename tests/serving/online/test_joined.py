"""Visitors who turn out to be leads, leads that become part of others, and hand-overs: scores and the next training agree."""

from pathlib import Path
from typing import Any

import pytest

from features.catalog import Catalog, build_catalog
from features.timeline import DAY_US, from_micros
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table
from serving.contract.errors import RequestError
from serving.export_store import export_store
from serving.online.intake import accept, accept_parsed
from serving.store.connect import Store
from serving.store.reading import read_lead
from tests.serving.store_events import NOW

SOURCE = Path("pipeline") / "sources" / "store.sql"


def moment(days: float) -> str:
    return from_micros(NOW + int(days * DAY_US)).isoformat()


def told(store: Store, kind: str, days: float, *items: dict[str, Any]) -> tuple[int, int]:
    """Send entries, so many days from now."""
    accepted = accept_parsed(store, kind, {kind: list(items)}, NOW + int(days * DAY_US))
    return accepted["new"], accepted["duplicate"]


def merge(store: Store, lead_id: str, into: str, days: float = 0) -> dict[str, Any]:
    return accept(store, "merged_leads", f'{{"lead_id": "{into}"}}'.encode(), NOW + int(days * DAY_US), lead_id=lead_id)


def visit(days: float, asset: str, **whose: str) -> dict[str, Any]:
    return {"occurred_at": moment(days), "kind": "page_view", "asset": asset, "recorded_at": moment(days), **whose}


def seen(store: Store, lead_id: str, days: float, catalog: Catalog) -> list[tuple[str | None, str]]:
    """List which pages a snapshot sees of a lead, with the day from which it does."""
    at = NOW + int(days * DAY_US)
    with store.read() as connection:
        lead = read_lead(connection, lead_id, catalog, at, at)
    assert lead is not None
    visible = [item for item in lead.journey.touchpoints if max(item.occurred_at, item.recorded_at or 0) < at]
    return sorted((item.asset, from_micros(item.recorded_at or 0).isoformat()) for item in visible)


def learned(store: Store, root: Path, folder: Path) -> dict[str | None, list[tuple[str, str]]]:
    """Export and ingest; list what of whom is known since when."""
    export_store(store, folder / "raw", NOW + 100 * DAY_US)
    counts = ingest(root / SOURCE, folder / "raw", folder / "canonical", folder / "quarantine", 0.0)
    assert all(not count.quarantined for count in counts.values())
    journeys: dict[str | None, list[tuple[str, str]]] = {}
    for row in read_table(folder / "canonical" / "touchpoints.parquet", "touchpoints").to_pylist():
        journeys.setdefault(row["lead_id"], []).append((row["asset"], row["recorded_at"].isoformat()))
    return {lead_id: sorted(pages) for lead_id, pages in journeys.items()}


@pytest.fixture
def catalog(bundle: Any) -> Catalog:
    params = bundle.catalog.params.model_copy(update={"observation_days": 365})
    return build_catalog(params, [])


def test_visits_are_the_leads_from_the_identification_on(
    store: Store, catalog: Catalog, root: Path, tmp_path: Path
) -> None:
    visits = [visit(-9, "home", visitor_id="V"), visit(-8, "pricing", visitor_id="V"), visit(-8, "x", visitor_id="W")]
    assert told(store, "touchpoints", -7, *visits, visit(-9.5, "mail", lead_id="L-1")) == (4, 0)
    assert told(store, "touchpoints", -7, *visits) == (0, 3)
    who = {"visitor_id": "V", "lead_id": "L-1", "identified_at": moment(-5)}
    assert told(store, "identities", -5, who) == (1, 0)
    assert told(store, "identities", -4, who) == (0, 1)
    known = from_micros(NOW - 5 * DAY_US + 1).isoformat()
    mail = ("mail", moment(-9.5))
    assert seen(store, "L-1", -5.5, catalog) == [mail]
    assert seen(store, "L-1", -1, catalog)[1] == mail
    told(store, "touchpoints", -2, visit(-2, "terms", visitor_id="V"))
    pages = seen(store, "L-1", 0, catalog)
    assert [page for page, _ in pages] == ["home", "mail", "pricing", "terms"]
    assert {since for page, since in pages if page in ("home", "pricing")} <= {known, moment(-5)}
    journeys = learned(store, root, tmp_path)
    assert journeys["L-1"] == pages
    assert [page for page, _ in journeys[None]] == ["x"]


def test_a_visitor_who_was_two_leads_is_each_in_turn(
    store: Store, catalog: Catalog, root: Path, tmp_path: Path
) -> None:
    told(store, "touchpoints", -9, *(visit(-days, f"p{days}", visitor_id="V") for days in (9, 7, 3)))
    both = [("L-1", -8), ("L-2", -5)]
    items = [
        {"visitor_id": "V", "lead_id": lead_id, "identified_at": moment(days), "recorded_at": moment(days)}
        for lead_id, days in reversed(both)
    ]
    told(store, "identities", 0, items[0])
    assert [page for page, _ in seen(store, "L-2", 1, catalog)] == ["p3", "p7", "p9"]
    told(store, "identities", 0, items[1])
    pages = {lead_id: seen(store, lead_id, 1, catalog) for lead_id in ("L-1", "L-2")}
    assert [[page for page, _ in pages[lead_id]] for lead_id in ("L-1", "L-2")] == [["p7", "p9"], ["p3"]]
    assert learned(store, root, tmp_path) == pages


def test_what_a_merged_lead_did_and_will_do_is_that_of_the_one_that_remains(
    store: Store, catalog: Catalog, root: Path, tmp_path: Path
) -> None:
    told(store, "touchpoints", -9, visit(-9, "home", lead_id="L-1"), visit(-8, "pricing", lead_id="L-2"))
    told(store, "stage_changes", -9, {"lead_id": "L-1", "stage": "mql", "occurred_at": moment(-8.5)})
    told(store, "leads", -9, {"lead_id": "L-1", "attributes": {"plan": "big"}, "occurred_at": moment(-9)})
    told(store, "leads", -9, *({"lead_id": f"L-{n}", "account": {"account_id": "A"}} for n in (1, 2)))
    told(store, "leads", -9, {"lead_id": "L-3", "created_at": moment(-7)})
    assert merge(store, "L-1", "L-2", -5)["new"] == 1
    assert merge(store, "L-1", "L-2", -4)["duplicate"] == 1
    told(store, "touchpoints", -3, visit(-3, "late", lead_id="L-1"))
    pages = seen(store, "L-2", 0, catalog)
    assert [page for page, _ in pages] == ["home", "late", "pricing"]
    with store.read() as connection:
        assert read_lead(connection, "L-1", catalog, NOW) is None
        remaining = read_lead(connection, "L-2", catalog, NOW)
        assert remaining is not None
        assert [change.stage for change in remaining.journey.stage_changes] == ["mql"]
        assert remaining.attributes == {"plan": "big"}
        assert connection.exec_driver_sql("SELECT lead_id FROM rescore ORDER BY 1").scalars().all() == ["L-2", "L-3"]
    assert learned(store, root, tmp_path / "one") == {"L-2": pages}
    leads = read_table(tmp_path / "one" / "canonical" / "leads.parquet", "leads").to_pylist()
    assert {lead["lead_id"]: lead["created_at"].isoformat() for lead in leads} == {"L-2": moment(-9), "L-3": moment(-7)}
    merge(store, "L-2", "L-3", -2)
    told(store, "touchpoints", -1, visit(-1, "later", lead_id="L-1"))
    pages = seen(store, "L-3", 0, catalog)
    assert [page for page, _ in pages] == ["home", "late", "later", "pricing"]
    assert learned(store, root, tmp_path / "two") == {"L-3": pages}
    leads = read_table(tmp_path / "two" / "canonical" / "leads.parquet", "leads").to_pylist()
    assert [lead["lead_id"] for lead in leads] == ["L-3"]


def test_a_verdict_on_a_merged_lead_can_be_taken_back(store: Store, catalog: Catalog) -> None:
    verdict = {"lead_id": "L-1", "outcome": "sal", "occurred_at": moment(-3), "outcome_id": "O-1"}
    told(store, "outcomes", -3, verdict)
    merge(store, "L-1", "L-2", -2)
    told(store, "outcomes", -1, {"lead_id": "L-1", "retracts": "O-1"})
    with store.read() as connection:
        lead = read_lead(connection, "L-2", catalog, NOW)
    assert lead is not None
    assert lead.journey.stage_changes == []


def _error(store: Store, kind: str, body: str, lead_id: str | None = None) -> tuple[str, str | None]:
    with pytest.raises(RequestError) as caught:
        accept(store, kind, body.encode(), NOW, lead_id=lead_id)
    assert "merged_leads[" not in caught.value.message
    return caught.value.code, caught.value.field


def test_merges_that_can_not_be_are_refused_at_their_field(store: Store) -> None:
    merge(store, "L-1", "L-2")
    merge(store, "L-2", "L-3")
    assert _error(store, "merged_leads", '{"lead_id": "L-4"}', "L-1") == ("conflict", "lead_id")
    assert _error(store, "merged_leads", '{"lead_id": "L-1"}', "L-3") == ("conflict", "lead_id")
    assert _error(store, "merged_leads", '{"lead_id": "L-5"}', "L-5") == ("invalid_value", "lead_id")
    assert _error(store, "merged_leads", "{}", "L-5") == ("missing_field", "lead_id")
    assert _error(store, "merged_leads", '{"lead_id": "L-6", "x": 1}', "L-5") == ("unknown_field", "x")
    assert _error(store, "merged_leads", '{"lead_id": "a\\u0000"}', "L-5") == ("invalid_value", "lead_id")
    assert _error(store, "merged_leads", "[]", "L-5") == ("wrong_type", None)


def test_a_touchpoint_is_of_a_lead_or_of_a_visitor(store: Store) -> None:
    kind = '"kind": "x", "occurred_at": "2026-01-05T10:00:00Z"'
    for whose, code, field in (
        ("", "missing_field", "lead_id"),
        ('"lead_id": null,', "wrong_type", "lead_id"),
        ('"lead_id": "L", "visitor_id": "V",', "invalid_value", "visitor_id"),
        ('"visitor_id": "",', "empty", "visitor_id"),
    ):
        body = f'{{"touchpoints": [{{{whose} {kind}}}]}}'
        assert _error(store, "touchpoints", body) == (code, f"touchpoints[0].{field}")
    named = f'"visitor_id": "V", "touchpoint_id": "T", {kind}'
    both = f'{{"touchpoints": [{{{named}}}, {{{named}, "channel": "web"}}]}}'
    assert _error(store, "touchpoints", both) == ("conflict", "touchpoints[1].touchpoint_id")


HANDED = {"lead_id": "L-1", "queued_at": moment(-5), "handed_over_at": moment(-4)}


def test_handovers_are_completed_and_exported(store: Store, root: Path, tmp_path: Path) -> None:
    assert told(store, "handovers", -4, HANDED) == (1, 0)
    contacted = {**HANDED, "first_contact_at": moment(-3), "owner": "north"}
    assert told(store, "handovers", -3, contacted) == (1, 0)
    assert told(store, "handovers", -2, contacted, HANDED) == (0, 2)
    with pytest.raises(RequestError) as caught:
        told(store, "handovers", -2, {**contacted, "first_contact_at": moment(-2)})
    assert (caught.value.code, caught.value.field) == ("conflict", "handovers[0].first_contact_at")
    learned(store, root, tmp_path)
    rows = read_table(tmp_path / "canonical" / "handovers.parquet", "handovers").to_pylist()
    assert [(row["lead_id"], row["first_contact_at"].isoformat(), row["owner"]) for row in rows] == [
        ("L-1", moment(-3), "north")
    ]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"handed_over_at": moment(-6)}, "out_of_range", "handed_over_at"),
        ({"first_contact_at": moment(-4.5)}, "out_of_range", "first_contact_at"),
        ({"first_contact_at": "soon"}, "invalid_time", "first_contact_at"),
        ({"queued_at": None}, "invalid_time", "queued_at"),
        ({"owner": 3}, "wrong_type", "owner"),
        ({"team": "x"}, "unknown_field", "team"),
    ],
)
def test_hand_overs_that_can_not_be_are_refused(store: Store, wrong: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        told(store, "handovers", 0, {**HANDED, **wrong})
    assert (caught.value.status, caught.value.code, caught.value.field) == (422, code, f"handovers[0].{field}")


def test_a_hand_over_in_the_future_is_taken_and_said(store: Store) -> None:
    item = {**HANDED, "first_contact_at": moment(3)}
    accepted = accept_parsed(store, "handovers", {"handovers": [item]}, NOW)
    warnings = [(warning["code"], warning["field"]) for warning in accepted["warnings"]]
    assert warnings == [("recorded_before_occurred", "handovers[0].first_contact_at")]
