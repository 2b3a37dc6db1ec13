"""Decisions that change are told: signed, once or more, in order, and never lost."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from features.errors import LeadQualificationError
from features.journeys import StageChangeRecord, TouchpointRecord
from features.timeline import DAY_US
from models.bundle import Bundle
from serving.contract.event_rows import ChangeRow, LeadRow, TouchpointRow
from serving.online import open_leads, scored_leads
from serving.online.dispatcher import Dispatcher
from serving.online.webhooks import WebhookSettings, sweep_minutes
from serving.scoring.scorer import Scorer
from serving.store import schema
from serving.store.connect import Store
from serving.store.outbox import claim_events, list_events, retry_events
from serving.store.rescoring import claim_leads, finish_leads, list_given_up
from serving.store.writing import add_stage_changes, add_touchpoints
from serving.store.writing_leads import put_leads
from tests.serving.store_events import NOW
from tests.serving.webhook_receiver import WebhookReceiver, received

KEYS = (b"k" * 24, b"q" * 32)
SECRETS = " ".join("whsec_" + base64.b64encode(key).decode() for key in KEYS)
SECOND = 1_000_000


@pytest.fixture
def crm() -> Iterator[WebhookReceiver]:
    with received() as receiver:
        yield receiver


class Clock:
    """The present moment, as told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dispatcher(store: Store, bundle: Bundle, crm: WebhookReceiver, clock: Clock) -> Iterator[Dispatcher]:
    """Work by hand: one step at a time, at the moments that tests say."""
    made = _dispatcher(store, bundle, crm, clock)
    yield made
    made.sender.close()


def _dispatcher(
    store: Store, bundle: Bundle, crm: WebhookReceiver, clock: Clock, sweep_minutes: float = 60.0
) -> Dispatcher:
    wanted = WebhookSettings(crm.url, KEYS, attempts=3)
    scorer = Scorer(bundle, "lead-qualification", "7")
    return Dispatcher(store, lambda: [scorer], wanted, sweep_minutes, clock)


def _visit(store: Store, lead_id: str, now: int, count: int = 1, asset: str = "pricing") -> None:
    rows = [
        TouchpointRow(lead_id, TouchpointRecord("page_view", now - 1000 - k, None, "web", asset)) for k in range(count)
    ]
    with store.write() as connection:
        add_touchpoints(connection, rows, now)


def _stage(store: Store, lead_id: str, stage: str, now: int) -> None:
    with store.write() as connection:
        add_stage_changes(connection, [ChangeRow(lead_id, StageChangeRecord(stage, now - 1), "x", None, None)], now)


def _work(dispatcher: Dispatcher, clock: Clock) -> None:
    clock.now += SECOND
    while dispatcher.rescore() or dispatcher.send():
        pass


def _rows(store: Store, table: sa.Table) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def test_a_changed_decision_is_told_signed_and_an_unchanged_one_is_not(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock
) -> None:
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)
    (headers, body), (first,) = crm.got[0], crm.data
    decision = first["decision"]
    assert set(decision) == {"tier", "within_capacity"}
    assert (first["lead_id"], first["sequence"], first["previous"]) == ("L-1", 1, None)
    assert first["lead"]["decision"].items() >= decision.items()
    assert first["lead"]["decision"]["advice"] == "unknown"  # this model knows nothing of hand-overs
    assert len(first["lead"]["reasons"]) == 3
    assert first["model"]["version"] == "7"
    event_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    assert int(timestamp) == clock.now // SECOND
    for key, signature in zip(KEYS, headers["webhook-signature"].split(), strict=True):
        mac = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
        assert hmac.compare_digest(signature, "v1," + base64.b64encode(mac.digest()).decode())
    _visit(store, "L-1", clock.now, asset="home")
    _work(dispatcher, clock)
    assert all(item["decision"] != item["previous"] for item in crm.data)
    sent_before = len(crm.got)
    _stage(store, "L-1", "mql", clock.now - 10)
    _stage(store, "L-1", "disqualified", clock.now)
    _work(dispatcher, clock)
    closed = crm.data[sent_before]
    assert (closed["decision"], closed["lead"]["not_scored"]) == (None, "disqualified")
    assert closed["previous"] == crm.data[sent_before - 1]["decision"]
    assert closed["sequence"] == sent_before + 1
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)
    assert len(crm.got) == sent_before + 1
    assert _rows(store, schema.rescore) == []


def test_a_receiver_that_fails_gets_it_again_later_and_in_order(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock
) -> None:
    crm.answers = [(503, {"Retry-After": "100"}), (302, {"Location": crm.url})]
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)
    _stage(store, "L-1", "mql", clock.now)
    _stage(store, "L-1", "disqualified", clock.now)
    _work(dispatcher, clock)
    assert len(crm.got) == 1  # the second event waits for the first
    clock.now += 99 * SECOND
    _work(dispatcher, clock)
    assert len(crm.got) == 2  # redirected: not followed, not taken
    clock.now += 30 * SECOND
    _work(dispatcher, clock)
    assert [headers["webhook-id"] for headers, _ in crm.got[:3]] == [crm.got[0][0]["webhook-id"]] * 3
    assert len({body for _, body in crm.got[:3]}) == 1
    assert [item["sequence"] for item in crm.data[2:]] == [1, 2]


def test_what_is_never_taken_is_parked_and_can_be_sent_again(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock
) -> None:
    crm.answers = [(500, {})] * 3
    _visit(store, "L-1", clock.now)
    for _ in range(6):
        _work(dispatcher, clock)
        clock.now += 3600 * SECOND
    assert len(crm.got) == 3
    with store.read() as connection:
        (dead,) = list_events(connection, "dead", 10)
    assert (dead["attempts"], dead["last_error"]) == (3, "status 500")
    assert "body" not in dead
    environment = {**os.environ, "LEAD_STORE_URL": store.url.render_as_string(hide_password=False)}
    command = [sys.executable, "-m", "serving.outbox"]
    listed = subprocess.run([*command, "list"], env=environment, capture_output=True, text=True, check=True).stdout
    assert dead["event_id"] in listed
    assert "status 500" in listed
    assert "1 dead, 0 pending, 0 sent" in listed
    retried = subprocess.run([*command, "retry"], env=environment, capture_output=True, text=True, check=True).stdout
    assert retried == "outbox: 1 events will be sent again\n"
    clock.now = int(time.time() * 1e6) + SECOND
    _work(dispatcher, clock)
    assert [item["sequence"] for item in crm.data] == [1, 1, 1, 1]
    assert [row["state"] for row in _rows(store, schema.outbox)] == ["sent"]
    with store.write() as connection:
        assert retry_events(connection, None, clock.now) == 0


def test_two_dispatchers_do_not_do_the_same(store: Store, clock: Clock) -> None:
    for number in range(6):
        _visit(store, f"L-{number}", clock.now)
    with store.write() as connection:
        first = claim_leads(connection, clock.now, 60 * SECOND, 4)
        assert len(first) == 4
    with store.write() as connection:
        second = claim_leads(connection, clock.now, 60 * SECOND, 4)
        assert not set(second) & set(first)
        assert len(second) == 2
        assert claim_leads(connection, clock.now + 59 * SECOND, SECOND, 9) == {}
    again: set[str] = set()
    for _ in range(6):  # both died: what a process died with comes back one by one
        with store.write() as connection:
            (lead_id,) = claim_leads(connection, clock.now + 60 * SECOND, SECOND, 9)
        again.add(lead_id)
    assert again == {*first, *second}


def test_a_process_that_dies_after_taking_an_event_does_not_lose_it(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock
) -> None:
    _visit(store, "L-1", clock.now)
    clock.now += SECOND
    dispatcher.rescore()
    with store.write() as connection:
        assert len(claim_events(connection, clock.now, 60 * SECOND, 9)) == 1
    assert not dispatcher.send()
    clock.now += 61 * SECOND
    _work(dispatcher, clock)
    assert len(crm.got) == 1


def test_a_write_while_a_lead_is_scored_is_not_forgotten(
    dispatcher: Dispatcher, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _visit(store, "L-1", clock.now)
    clock.now += SECOND
    read = scored_leads._read

    def slow(*arguments: Any) -> Any:
        found = read(*arguments)
        monkeypatch.setattr(scored_leads, "_read", read)
        _visit(store, "L-1", clock.now, asset="home")
        return found

    monkeypatch.setattr(scored_leads, "_read", slow)
    assert dispatcher.rescore()
    assert len(_rows(store, schema.rescore)) == 1
    assert dispatcher.rescore()
    assert _rows(store, schema.rescore) == []


def test_silence_changes_decisions_too(store: Store, bundle: Bundle, crm: WebhookReceiver, clock: Clock) -> None:
    dispatcher = _dispatcher(store, bundle, crm, clock, sweep_minutes=60)
    _visit(store, "L-1", clock.now, count=5)
    _stage(store, "L-1", "mql", clock.now)
    _work(dispatcher, clock)
    _stage(store, "L-2", "mql", clock.now - 5)
    _stage(store, "L-2", "disqualified", clock.now)
    _work(dispatcher, clock)
    decided = {row["lead_id"]: row["decided_at"] for row in _rows(store, schema.decisions)}
    clock.now += 59 * 60 * SECOND - 10 * SECOND
    _work(dispatcher, clock)
    assert {row["lead_id"]: row["decided_at"] for row in _rows(store, schema.decisions)} == decided
    clock.now += 60 * DAY_US  # the visits are out of sight
    _work(dispatcher, clock)
    assert crm.data[-1]["lead_id"] == "L-1"
    assert crm.data[-1]["decision"]["tier"] > crm.data[-1]["previous"]["tier"]
    later = {row["lead_id"]: row["decided_at"] for row in _rows(store, schema.decisions)}
    assert later["L-1"] > decided["L-1"]
    assert later["L-2"] == decided["L-2"]
    dispatcher.sender.close()


def test_capacity_is_part_of_the_decision(store: Store, bundle: Bundle, crm: WebhookReceiver, clock: Clock) -> None:
    _visit(store, "L-1", clock.now)
    for cutoff in (None, 0.0, 1.0, 1.0):
        known = bundle.metadata if cutoff is None else {**bundle.metadata, "capacity_cutoff": cutoff}
        dispatcher = _dispatcher(store, replace(bundle, metadata=known), crm, clock)
        clock.now += 2 * 60 * 60 * SECOND  # the sweep finds what another model decides
        _work(dispatcher, clock)
        dispatcher.sender.close()
    assert [item["decision"]["within_capacity"] for item in crm.data] == [None, True, False]
    assert [item["sequence"] for item in crm.data] == [1, 2, 3]


def test_what_one_does_is_news_of_its_colleagues(dispatcher: Dispatcher, store: Store, clock: Clock) -> None:
    with store.write() as connection:
        rows = [LeadRow(lead_id, None, "A-1", {}, {}, (), None, None) for lead_id in ("L-1", "L-2")]
        put_leads(connection, rows, clock.now)
    _work(dispatcher, clock)
    before = {row["lead_id"]: row["decided_at"] for row in _rows(store, schema.decisions)}
    clock.now += DAY_US // 100
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)
    after = {row["lead_id"]: row["decided_at"] for row in _rows(store, schema.decisions)}
    assert set(before) == {"L-1", "L-2"}
    assert all(after[lead_id] > before[lead_id] for lead_id in before)


def test_a_stored_value_of_another_type_stops_nobody(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock
) -> None:
    with store.write() as connection:
        put_leads(connection, [LeadRow("L-0", None, None, {"newsletter": "text"}, {}, (), None, None)], clock.now)
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)
    codes = {item["lead_id"]: [warning["code"] for warning in item["lead"]["warnings"]] for item in crm.data}
    assert codes == {"L-0": ["no_touchpoints", "attribute_type"], "L-1": []}
    assert _rows(store, schema.rescore) == []


BAD = "someone@example.org"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let one lead's scores fail, as long as the list is not empty."""
    wanted = [True]
    score = open_leads.list_entries

    def fails(bundle: Bundle, leads: Any, earlier: Any, **options: Any) -> Any:
        if wanted and any(lead.journey.lead_id == BAD for lead in leads):
            raise ZeroDivisionError(BAD)
        return score(bundle, leads, earlier, **options)

    monkeypatch.setattr(open_leads, "list_entries", fails)
    return wanted


def test_one_leads_failure_is_its_own_and_comes_again(
    dispatcher: Dispatcher,
    store: Store,
    crm: WebhookReceiver,
    clock: Clock,
    failing: list[bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for lead_id in ("L-1", BAD, "L-2"):
        _visit(store, lead_id, clock.now)
    caplog.set_level("ERROR", "bentoml.lead_qualification")
    _work(dispatcher, clock)
    assert sorted(item["lead_id"] for item in crm.data) == ["L-1", "L-2"]
    (row,) = _rows(store, schema.rescore)
    assert (row["lead_id"], row["attempts"], row["last_error"]) == (BAD, 1, "ZeroDivisionError")
    assert row["due_at"] > clock.now
    assert row["lease_until"] == 0
    assert "ZeroDivisionError" in caplog.text
    assert BAD not in caplog.text
    failing.clear()
    clock.now = row["due_at"]
    _work(dispatcher, clock)
    assert BAD in [item["lead_id"] for item in crm.data]
    assert _rows(store, schema.rescore) == []


def test_what_is_given_up_is_counted_shown_and_taken_up_by_sweeps_ever_more_seldom(
    store: Store, bundle: Bundle, crm: WebhookReceiver, clock: Clock, failing: list[bool]
) -> None:
    every = 60 * 60 * SECOND
    dispatcher = _dispatcher(store, bundle, crm, clock, sweep_minutes=60)
    _visit(store, BAD, clock.now)
    for _ in range(8):  # within the time between two sweeps
        clock.now += 200 * SECOND
        dispatcher.rescore()
    (row,) = _rows(store, schema.rescore)
    assert (row["attempts"], row["given_up"]) == (5, 0)
    assert REGISTRY.get_sample_value("lead_rescore_given_up") == 1
    assert REGISTRY.get_sample_value("lead_rescore_waiting") == 0
    environment = {**os.environ, "LEAD_STORE_URL": store.url.render_as_string(hide_password=False)}
    command = [sys.executable, "-m", "serving.outbox", "leads"]
    with store.read() as connection:
        (listed,) = list_given_up(connection, clock.now, 9)
    assert (listed["lead_id"], listed["last_error"]) == (BAD, "ZeroDivisionError")
    tried = []
    for hour in range(17):
        attempts = _rows(store, schema.rescore)[0]["given_up"]
        clock.now += every
        dispatcher.rescore()
        if _rows(store, schema.rescore)[0]["given_up"] > attempts:
            tried.append(hour)
    assert tried == [0, 1, 3, 7, 15]
    _visit(store, "L-1", clock.now)
    _work(dispatcher, clock)  # it does not eat the dispatcher
    assert [item["lead_id"] for item in crm.data] == ["L-1"]
    shift = int(time.time() * 1e6) - clock.now
    with store.write() as connection:  # the command knows the real clock only
        connection.execute(sa.update(schema.rescore).values(lease_until=0, due_at=schema.rescore.c.due_at + shift))
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert BAD in shown
    assert "ZeroDivisionError" in shown
    assert "1 leads given up, 0 waiting" in shown
    again = subprocess.run([*command, "--retry"], env=environment, capture_output=True, text=True, check=True).stdout
    assert again == "outbox: 1 leads will be scored again\n"
    failing.clear()
    clock.now = int(time.time() * 1e6) + SECOND
    _work(dispatcher, clock)
    assert BAD in [item["lead_id"] for item in crm.data]
    assert _rows(store, schema.rescore) == []
    dispatcher.sender.close()


def test_a_write_takes_up_what_was_given_up(
    dispatcher: Dispatcher, store: Store, crm: WebhookReceiver, clock: Clock, failing: list[bool]
) -> None:
    _visit(store, BAD, clock.now)
    for _ in range(8):
        clock.now += 300 * SECOND
        dispatcher.rescore()
    failing.clear()
    _visit(store, BAD, clock.now, asset="home")
    _work(dispatcher, clock)
    assert [item["lead_id"] for item in crm.data] == [BAD]


def test_a_lead_that_ends_the_process_takes_nobody_with_it(store: Store, clock: Clock) -> None:
    """Processes that take the lead die with all that they took; the others of its first batch are scored in the end."""
    for number in range(20):
        _visit(store, f"L-{number}", clock.now)
    for _ in range(60):
        clock.now += 61 * SECOND
        with store.write() as connection:
            taken = claim_leads(connection, clock.now, 60 * SECOND, 50)
            if "L-7" not in taken:
                finish_leads(connection, taken)
    (row,) = _rows(store, schema.rescore)
    assert (row["lead_id"], row["attempts"]) == ("L-7", 5)


def test_the_service_tells_and_its_log_does_not(crm: WebhookReceiver, new_url: Any, serve_store: Any) -> None:
    environment = {"LEAD_WEBHOOK_URL": crm.url, "LEAD_WEBHOOK_SECRET": SECRETS, "LEAD_WEBHOOK_RETRY_SECONDS": "0.05"}
    crm.answers = [(500, {})]
    with serve_store(new_url("sqlite"), **environment) as client:
        item = {"lead_id": "someone@example.org", "occurred_at": "2026-01-05T10:00:00Z", "kind": "webinar"}
        assert client.post({"touchpoints": [item]}, path="/touchpoints")[0] == 200
        for _ in range(200):
            if len(crm.got) >= 2:
                break
            time.sleep(0.05)
        text = client.log.read_text(encoding="utf-8")
    assert crm.data[1]["lead_id"] == "someone@example.org"
    assert crm.got[0][1] == crm.got[1][1]
    assert "example.org" not in text
    assert crm.url not in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LEAD_WEBHOOK_URL": "crm"}, "LEAD_WEBHOOK_URL is no address"),
        ({"LEAD_WEBHOOK_URL": "https://crm.example"}, "LEAD_WEBHOOK_SECRET must hold"),
        ({"LEAD_WEBHOOK_URL": "https://crm.example", "LEAD_WEBHOOK_SECRET": "secret"}, "at least 24 bytes in base64"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(LeadQualificationError, match=words):
        WebhookSettings.from_environ(settings)


@pytest.mark.parametrize("minutes", ["often", "-1", "100001", "nan"])
def test_sweeps_that_cannot_be_are_refused(minutes: str) -> None:
    with pytest.raises(LeadQualificationError, match=f"LEAD_SWEEP_MINUTES is '{minutes}'"):
        sweep_minutes({"LEAD_SWEEP_MINUTES": minutes})


def test_the_service_does_not_start_with_them(root: Path, bundle_folder: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_"))}
    settings = {"LEAD_BUNDLE_DIR": str(bundle_folder), "LEAD_WEBHOOK_URL": "https://crm.example"}
    command = [sys.executable, "-m", "serving", "--port", "1"]
    done = subprocess.run(
        command, cwd=root, env={**kept, **settings}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "The service can't start: LEAD_WEBHOOK_SECRET must hold" in done.stderr
    assert "Traceback" not in done.stderr
