"""Stored decisions, lists, prices and webhooks of two models never mix, and each speaks of its own population."""

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from features.timeline import DAY_US, from_micros, to_micros
from models.answers.slot_price import SlotPrice
from models.bundle import Bundle
from serving.app import verdicts
from serving.app.exports import export_answer
from serving.app.lead_list import list_values
from serving.app.lead_page import lead_values
from serving.app.visitors import Visitor
from serving.app.web import Visit, page
from serving.online.dispatcher import Dispatcher
from serving.online.intake import accept_parsed
from serving.online.store_score import score_lead
from serving.online.webhooks import WebhookSettings
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.connect import Store
from serving.store.migrate import migrate
from serving.store.open_leads import ListFilter, list_open_leads
from serving.store.outbox import stored_decisions
from serving.store.slot_prices import newest_price, put_price

NOW = to_micros(dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
LEAD, CUSTOMER, BOTH = "L-open", "L-won", "L-both"
VISITOR = Visitor("", ("view", "decide"))


@pytest.fixture
def store(new_url: Callable[[str], str]) -> Iterator[Store]:
    """Open an empty store; that both databases have the same tables, other tests say."""
    url = new_url("sqlite")
    migrate(url)
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture
def scorers(bundle: Bundle, upsell_bundle: Bundle) -> list[Scorer]:
    return [Scorer(bundle, "lead-qualification", "7"), Scorer(upsell_bundle, "acme-upsell", "3", served_as="upsell")]


def _ago(days: float) -> str:
    return from_micros(NOW - int(days * DAY_US)).isoformat()


def _send(store: Store) -> None:
    """Send an open lead, a customer whose lead was won long ago, and an open lead of a customer."""
    orders = [
        {"ordered_at": _ago(days), "amount": amount, "product": "pump"}
        for days, amount in ((80, 100.0), (50, 50.5), (10, 9.5))
    ]
    leads, changes = [], []
    for name, bought in ((LEAD, []), (CUSTOMER, orders), (BOTH, orders)):
        at = {"created_at": _ago(200), "occurred_at": _ago(200), "recorded_at": _ago(200)}
        leads.append({"lead_id": name, **at, "account": {"account_id": f"A-{name}", "orders": bought}})
        changes.append({"lead_id": name, "stage": "mql", "occurred_at": _ago(40), "recorded_at": _ago(40)})
    won = {"lead_id": CUSTOMER, "stage": "sales_qualified", "occurred_at": _ago(30), "recorded_at": _ago(30)}
    accept_parsed(store, "leads", {"leads": leads}, NOW)
    accept_parsed(store, "stage_changes", {"stage_changes": [*changes, won]}, NOW)


def _work(store: Store, scorers: list[Scorer], settings: WebhookSettings | None = None) -> Dispatcher:
    clock = iter(range(NOW + 10, NOW + 10**6))
    dispatcher = Dispatcher(store, lambda: scorers, settings, 60.0, lambda: next(clock))
    while dispatcher.rescore():
        pass
    return dispatcher


def _listed(store: Store, model: str) -> list[str]:
    with store.read() as connection:
        page = list_open_leads(connection, ListFilter(shown="all", model=model), 0, 50)
    assert {lead.model for lead in page.leads} <= {model}
    return sorted(lead.lead_id for lead in page.leads)


def test_each_model_lists_its_own_population_with_its_own_numbers(store: Store, scorers: list[Scorer]) -> None:
    _send(store)
    _work(store, scorers)
    assert _listed(store, "leads") == [BOTH, LEAD]
    assert _listed(store, "upsell") == [BOTH, CUSTOMER]
    for scorer in scorers:
        with store.read() as connection:
            rows = list_open_leads(connection, ListFilter(shown="all", model=scorer.served_as), 0, 50).leads
        for row in rows:
            query = {"snapshot_at": from_micros(row.snapshot_at).isoformat().replace("+00:00", "Z")}
            answer = score_lead(store, scorer, row.lead_id, query, NOW)["lead"]
            assert row.probability == answer["probability"]
            assert row.details["reasons"]["en"] == answer["reasons"]
            bought = row.details.get("orders")
            if scorer.served_as == "leads":
                assert bought is None
            else:
                assert (bought["count"], bought["rhythm_days"], bought["value"]) == (3, 35.0, 160.0)
                assert bought["last_at"] == NOW - 10 * DAY_US


def test_a_lead_outside_of_the_second_models_population_gets_no_decision_and_no_webhook(
    store: Store, scorers: list[Scorer]
) -> None:
    _send(store)
    _work(store, scorers, WebhookSettings("http://127.0.0.1:9", (b"k" * 32,)))
    with store.read() as connection:
        told = connection.execute(sa.select(schema.outbox)).mappings().all()
        decided = {model: stored_decisions(connection, model, [LEAD, CUSTOMER, BOTH]) for model in ("leads", "upsell")}
    assert sorted((row["model"], row["lead_id"]) for row in told) == [
        ("leads", BOTH),
        ("leads", LEAD),
        ("upsell", BOTH),
        ("upsell", CUSTOMER),
    ]
    for row in told:
        data = json.loads(row["body"])["data"]
        assert (data["model"]["served_as"], data["sequence"]) == (row["model"], 1)
    assert {lead for lead, item in decided["leads"].items() if item.decision is not None} == {LEAD, BOTH}
    assert {lead for lead, item in decided["upsell"].items() if item.decision is not None} == {CUSTOMER, BOTH}


def test_a_model_that_is_added_sees_the_leads_that_are_there_with_the_next_sweep(
    store: Store, scorers: list[Scorer]
) -> None:
    _send(store)
    _work(store, scorers[:1])
    assert _listed(store, "upsell") == []
    with store.write() as connection:
        connection.execute(sa.update(schema.tasks).values(next_at=0))
    _work(store, scorers)
    assert _listed(store, "upsell") == [BOTH, CUSTOMER]
    with store.read() as connection:
        assert connection.execute(sa.select(schema.rescore)).all() == []


def test_each_model_has_its_own_price_of_a_slot(store: Store, scorers: list[Scorer]) -> None:
    with store.write() as connection:
        put_price(connection, "leads", SlotPrice(0.3, NOW, 4, 9))
        put_price(connection, "upsell", SlotPrice(0.6, NOW, 1, 2))
    with store.read() as connection:
        assert [newest_price(connection, model).value for model in ("leads", "upsell")] == [0.3, 0.6]  # type: ignore[union-attr]
    dispatcher = _work(store, scorers)
    assert dispatcher.prices.keys() == {"leads", "upsell"}
    assert [scorer.price and scorer.price.value for scorer in scorers] == [0.3, 0.6]


def test_rows_of_before_are_those_of_the_default_model(new_url: Callable[[str], str]) -> None:
    from alembic import command

    from serving.store.migrate import _config

    url = new_url("sqlite")
    migrate(url)
    opened = Store(url)
    try:
        with opened.engine.begin() as connection:
            command.downgrade(_config(connection), "0007")
            connection.exec_driver_sql("INSERT INTO decisions VALUES ('L-1', 3, '{}', NULL, 5, 5)")
            connection.exec_driver_sql("INSERT INTO slot_prices VALUES (7, 0.5, 1, 2)")
        migrate(url)
        with opened.read() as connection:
            (row,) = connection.execute(sa.select(schema.decisions)).mappings()
            assert (row["lead_id"], row["model"], row["sequence"]) == ("L-1", "leads", 3)
            assert newest_price(connection, "leads") == SlotPrice(0.5, 7, 1, 2)
            assert newest_price(connection, "upsell") is None
    finally:
        opened.close()


@pytest.mark.parametrize(("language", "words"), [("en", "Last order on"), ("de", "Letzte Bestellung am")])
def test_page_and_file_of_customers_say_what_they_ordered(
    store: Store, scorers: list[Scorer], language: str, words: str
) -> None:
    _send(store)
    _work(store, scorers)
    scope: dict[str, Any] = {
        "headers": [(b"accept-language", language.encode())],
        "path": "/app",
        "query_string": b"show=all&model=upsell&format=csv",
    }
    visit = Visit(scope)
    values = list_values(visit, store, scorers[1], None, NOW)
    assert {row["lead_id"] for row in values["rows"]} == {CUSTOMER, BOTH}
    assert values["rows"][0]["address"].endswith("?model=upsell")
    html = page(visit, "leads.html", visitor=VISITOR, may_decide=True, area="leads", notice=None, waiting=0, **values)
    text = html.body.decode()
    assert not re.search(r"\bleads?\b", _read_by_people(text), re.IGNORECASE)
    assert list(values["shown_names"]) == ["to_call", "all"]  # nobody holds customers, or accepts them
    assert ("35 Tage zwischen Bestellungen" if language == "de" else "35 days between orders") in text
    assert 'action="/app/decide"' not in text  # a verdict on a lead is no answer to whether a customer orders
    answer, names = export_answer(visit, store, scorers[1], None)
    assert set(names) == {CUSTOMER, BOTH}
    head, *rows = _read(answer.body)
    column = head.index(words)
    assert [row[column : column + 3] for row in rows] == [["2026-05-22", "35", "160"]] * 2
    when = {"en": "When to call", "de": "Wann anrufen"}[language]
    of_leads = _read(export_answer(visit, store, scorers[0], None)[0].body)[0]
    assert (words in of_leads, when in of_leads) == (False, True)
    assert when not in head  # it would say of each that it can't be told


@pytest.mark.parametrize(("language", "says"), [("en", "not when to call"), ("de", "nicht, wann anzurufen ist")])
def test_a_customers_page_speaks_of_customers(store: Store, scorers: list[Scorer], language: str, says: str) -> None:
    _send(store)
    scope: dict[str, Any] = {"headers": [(b"accept-language", language.encode())], "path": "/app/leads/x"}
    visit, zone = Visit(scope), ZoneInfo("Europe/Berlin")

    def text_of(scorer: Scorer) -> str:
        values = lead_values(store, scorer, CUSTOMER, language, zone, None, NOW)
        form = verdicts.form_values({}, None, language)
        html = page(
            visit, "lead.html", visitor=VISITOR, may_decide=True, area="leads", notice=None, form=form, **values
        )
        return _read_by_people(html.body.decode())

    of_lead, of_customer = text_of(scorers[0]), text_of(scorers[1])
    # "Lead created 400 days ago" is what a feature measures, of whatever population
    assert re.findall(r"\bleads?\b(?! (?:created|vor))", of_customer, re.IGNORECASE) == []
    assert says in of_customer
    assert says not in of_lead
    assert ("Similar past customers" if language == "en" else "Ähnliche frühere Kunden") not in of_customer


def _read_by_people(html: str) -> str:
    """Give what stands on a page, without the names of leads."""
    text = re.sub(r"<style.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)
    return re.sub("|".join((LEAD, CUSTOMER, BOTH)), "", text)


def _read(file: bytes) -> list[list[str]]:
    return list(csv.reader(file.decode("utf-8-sig").splitlines(), delimiter=";"))
