"""What the running service tells its operators: health, readiness, figures of all workers, logs."""

import datetime as dt
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.answers.warnings import CODES
from models.calibration.tiers import TIERS
from serving.scoring.registry_watch import REGISTRY_CHECK_RESULTS
from serving.store.connect import Store
from serving.store.migrate import migrate
from serving.store.outbox import stored_decisions
from tests.serving.running import Client

Lead = dict[str, Any]
MODEL = 'lead_model_workers{model="leads",name="lead-qualification",version="7"}'
KNOWN_AT_ONCE = (
    *(f'lead_tier_total{{model="leads",tier="{tier}"}}' for tier in TIERS),
    *(f'lead_warnings_total{{code="{code}",model="leads"}}' for code in CODES),
    *(f'lead_registry_looks{{model="leads",outcome="{outcome}"}}' for outcome in REGISTRY_CHECK_RESULTS),
    'lead_not_scored_total{model="leads",why="already_qualified"}',
    'lead_model_loads_total{model="leads",outcome="refused"}',
    'lead_probability_count{model="leads"}',
    'lead_registry_reached_timestamp_seconds{model="leads"}',
)


def figures(client: Client) -> dict[str, float]:
    """Scrape; give each series' value."""
    status, text = client.get("/metrics")
    assert status == 200, text
    lines = (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def grown(client: Client, before: dict[str, float]) -> dict[str, float]:
    """Say by how much each series grew; those that did not are left out."""
    after = figures(client)
    return {name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name, 0.0)}


def _until(what: Callable[[], bool]) -> None:
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")


@pytest.fixture(scope="module")
def quiet(new_url: Callable[[str], str], serve_store: Any) -> Iterator[Client]:
    """Serve a store with two workers that nobody but these tests asks."""
    with serve_store(new_url("sqlite")) as client:
        yield client


def test_health_and_readiness_name_the_model_and_the_store(online: Client) -> None:
    assert online.get("/health") == (200, b'{"status":"alive"}')
    status, body = online.get("/ready")
    assert status == 200
    assert json.loads(body) == {
        "status": "ready",
        "model": {"name": "lead-qualification", "version": "7"},
        "models": {"leads": {"status": "serving", "name": "lead-qualification", "version": "7"}},
        "store": "up",
    }


def test_a_store_that_is_down_is_told_until_it_is_back(new_url: Callable[[str], str], serve_store: Any) -> None:
    url = new_url("sqlite")
    with serve_store(url) as client:
        assert json.loads(client.get("/ready")[1])["store"] == "up"
        file = Path(url.removeprefix("sqlite:///"))
        for path in file.parent.iterdir():
            path.unlink()
        # Each worker keeps what it found for a second; six answers in a row come from both
        _until(lambda: all(json.loads(client.get("/ready")[1])["store"] == "down" for _ in range(6)))
        assert client.get("/ready")[0] == 200
        assert client.get("/health")[0] == 200
        assert client.scores([{"lead_id": "L-1"}])[0]["probability"] is not None
        migrate(url)
        _until(lambda: all(json.loads(client.get("/ready")[1])["store"] == "up" for _ in range(6)))


def test_series_with_known_names_are_there_before_the_first_request(
    new_url: Callable[[str], str], serve_store: Any
) -> None:
    with serve_store(new_url("sqlite")) as client:
        seen = figures(client)
        _until(lambda: figures(client)[MODEL] == 2.0)  # the second worker may still be starting
    assert [name for name in KNOWN_AT_ONCE if name not in seen] == []
    assert {seen[name] for name in KNOWN_AT_ONCE} == {0.0}


def test_scores_are_counted_over_all_workers_alike_at_both_addresses(quiet: Client, leads: list[Lead]) -> None:
    before = figures(quiet)
    answers = quiet.scores(leads[:30])
    for lead in leads[30:]:
        answers += quiet.scores([lead])
    yesterday = (
        dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    ).isoformat()  # what lies before the observation is not read
    told = [{"lead_id": f"S-{number}", "kind": "webinar", "occurred_at": yesterday} for number in range(9)]
    assert quiet.post({"touchpoints": told}, path="/touchpoints")[0] == 200
    for number in range(9):
        status, body = quiet.get(f"/leads/S-{number}/score")
        assert status == 200
        answers.append(json.loads(body)["lead"])
    change = grown(quiet, before)
    probabilities = [item["probability"] for item in answers if item["probability"] is not None]
    assert len(answers) == len(leads) + 9
    assert change['lead_probability_count{model="leads"}'] == len(probabilities)
    assert change['lead_probability_sum{model="leads"}'] == pytest.approx(sum(probabilities))
    for end in (0.05, 0.2, 0.5):
        assert change.get(f'lead_probability_bucket{{le="{end}",model="leads"}}', 0) == sum(
            p <= end for p in probabilities
        )
    for tier in TIERS:
        assert change.get(f'lead_tier_total{{model="leads",tier="{tier}"}}', 0) == sum(
            item["tier"] == tier for item in answers
        )
    for name in ('lead_touchpoints_count{model="leads"}', 'lead_attributes_count{model="leads"}'):
        assert change[name] == len(answers)
    assert change['lead_touchpoints_sum{model="leads"}'] == sum(len(lead["touchpoints"]) for lead in leads) + 9
    assert change['lead_requests_total{path="/score",status="200"}'] == 1 + len(leads[30:])
    assert change['lead_request_seconds_count{path="/leads/{lead_id}/score"}'] == 9
    warned = [warning["code"] for item in answers for warning in item["warnings"]]
    assert {code: change.get(f'lead_warnings_total{{code="{code}",model="leads"}}', 0) for code in CODES} == {
        code: warned.count(code) for code in CODES
    }


def test_unknown_kinds_and_unanswered_leads_are_counted(quiet: Client) -> None:
    before = figures(quiet)
    at = {"snapshot_at": "2026-03-02T10:00:00Z"}
    strange = {"kind": "seance", "channel": "beyond", "occurred_at": "2026-02-20T10:00:00Z"}
    won = {"stage": "sales_qualified", "occurred_at": "2026-02-20T10:00:00Z"}
    quiet.scores([{"lead_id": "L-1", **at, "touchpoints": [strange]}, {"lead_id": "L-2", **at, "stage_changes": [won]}])
    assert quiet.post({"leads": [{"lead_id": ""}]})[0] == 422
    change = grown(quiet, before)
    assert change['lead_warnings_total{code="unknown_kind",model="leads"}'] == 1
    assert change['lead_warnings_total{code="unknown_channel",model="leads"}'] == 1
    assert change['lead_not_scored_total{model="leads",why="already_qualified"}'] == 1
    assert change['lead_requests_total{path="/score",status="422"}'] == 1
    assert change['lead_quiet_days_sum{model="leads"}'] == pytest.approx(10.0)


def test_decisions_made_unasked_are_no_scores_given(new_url: Callable[[str], str], serve_store: Any) -> None:
    url = new_url("sqlite")
    webhook = {"LEAD_WEBHOOK_URL": "http://127.0.0.1:9/none", "LEAD_WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 6}
    with serve_store(url, **webhook) as client:
        told = [{"lead_id": "L-1", "kind": "webinar", "occurred_at": "2026-01-05T10:00:00Z"}]
        assert client.post({"touchpoints": told}, path="/touchpoints")[0] == 200
        _until(lambda: "L-1" in _decided(url))
        assert figures(client)['lead_probability_count{model="leads"}'] == 0.0


def _decided(url: str) -> set[str]:
    store = Store(url)
    try:
        with store.read() as connection:
            return set(stored_decisions(connection, "leads", ["L-1"]))
    finally:
        store.close()


def test_a_file_that_a_starting_worker_has_only_just_made_breaks_no_scrape(quiet: Client) -> None:
    workers = psutil.Process(quiet.pid).children()
    folder = Path(workers[0].environ()["PROMETHEUS_MULTIPROC_DIR"])
    before = set(figures(quiet))
    for kind in ("counter", "histogram", "gauge_max", "gauge_livesum"):
        (folder / f"{kind}_{os.getpid()}.db").touch()
    assert set(figures(quiet)) == before


def test_a_worker_that_died_is_not_counted_as_serving(quiet: Client) -> None:
    _until(lambda: figures(quiet)[MODEL] == 2.0)
    quiet.scores([{"lead_id": "L-1"}])
    counted = figures(quiet)['lead_probability_count{model="leads"}']
    worker = psutil.Process(quiet.pid).children()[0]
    folder = Path(worker.environ()["PROMETHEUS_MULTIPROC_DIR"])
    worker.send_signal(signal.SIGKILL)
    worker.wait(300)
    figures(quiet)  # 1.0, or 2.0 where its successor serves already
    assert list(folder.glob(f"gauge_live*_{worker.pid}.db")) == []
    _until(lambda: figures(quiet)[MODEL] == 2.0)  # its successor
    assert figures(quiet)['lead_probability_count{model="leads"}'] == counted  # what it had counted stays
