"""One service, several models: each answers as it does alone, to the keys that may ask it, whatever becomes of the others."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from features.timeline import to_micros
from models.bundle import Bundle
from serving.scoring.scorer import Scorer
from tests.serving.keyed import Keyed, Keys, error_of
from tests.serving.running import Client, serve

Lead = dict[str, Any]


@pytest.fixture(scope="module")
def several(
    root: Path, bundle_folder: Path, upsell_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    """Run a service of two good models and a damaged one, which asks for keys; two of them limited to a model."""
    folder = tmp_path_factory.mktemp("several")
    broken = folder / "broken"
    shutil.copytree(upsell_folder, broken)
    (broken / "tiers.json").write_text("{}", encoding="utf-8")
    keys = Keys(folder / "api_keys.json", root)
    made = [
        keys.create("--scope", "score", name="all"),
        keys.create("--scope", "score", "--models", "upsell", "market_at", name="upsell"),
        keys.create("--scope", "admin", "--models", "leads", name="leads"),
    ]
    environment = {
        "LEAD_MODELS": f"leads={bundle_folder},upsell={upsell_folder},broken={broken}",
        "LEAD_API_KEYS": str(keys.file),
        "LEAD_REQUIRE_KEYS": "always",
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(folder / "bentoml"),
    }
    with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        yield Keyed(client, keys, *made)


def _ask(several: Keyed, leads: list[Lead], key: str, **options: Any) -> tuple[int, Any]:
    status, _, body = several.ask("/score", {"leads": leads, **options}, key)
    return status, json.loads(body)


def _alone(bundle: Bundle, name: str, version: str, served_as: str, leads: list[Lead]) -> Any:
    scorer = Scorer(bundle, name, version, served_as=served_as)
    now = to_micros(dt.datetime.now(dt.UTC))
    return json.loads(scorer.answer(json.dumps({"leads": leads}).encode(), now, may_debug=False)[0])


def test_each_model_answers_as_it_does_alone(
    several: Keyed, bundle: Bundle, upsell_bundle: Bundle, leads: list[Lead]
) -> None:
    key, some = several.score, leads[:30]
    expected = _alone(bundle, "lead-qualification", "7", "leads", some)
    assert _ask(several, some, key) == (200, expected)
    assert _ask(several, some, key, model="leads") == (200, expected)
    status, upsell = _ask(several, some, key, model="upsell")
    assert (status, upsell) == (200, _alone(upsell_bundle, "acme-upsell", "3", "upsell", some))
    assert upsell["model"]["fingerprint"] != expected["model"]["fingerprint"]
    pairs = zip(expected["leads"], upsell["leads"], strict=True)
    assert any(one["probability"] != two["probability"] for one, two in pairs)


def test_a_lead_of_another_population_is_told_so_by_each_model(several: Keyed) -> None:
    at, ordered = "2026-03-02T10:00:00Z", [{"ordered_at": "2025-12-01T00:00:00Z", "amount": 90.0, "product": "P-1"}]
    lead = {"lead_id": "L-1", "created_at": "2025-11-01T00:00:00Z", "snapshot_at": at}
    customer = {**lead, "account": {"account_id": "A", "orders": ordered}}
    newcomer = {**lead, "account": {"account_id": "A", "orders": []}}
    status, answer = _ask(several, [customer, newcomer], several.score, model="upsell")
    reasons = [
        [item["reason"] for item in entry["warnings"] if item["code"] == "outside_population"]
        for entry in answer["leads"]
    ]
    assert (status, reasons) == (200, [[], ["not_customer"]])


def test_an_unknown_model_is_refused_with_those_there_are(several: Keyed, leads: list[Lead]) -> None:
    for sent, named in (("upsel", "'upsel'"), ("", "''"), ("x" * 99, "xxx")):
        status, answer = _ask(several, leads[:1], several.score, model=sent)
        assert (status, answer["error"]["code"], answer["error"]["field"]) == (422, "unknown_model", "model")
        assert named in answer["error"]["message"]
        assert answer["error"]["hint"] == "Send one of: leads, upsell, broken."
    status, answer = _ask(several, leads[:1], several.score, model=7)
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (422, "wrong_type", "model")


def test_a_key_limited_to_models_is_told_which_it_may_use(several: Keyed, leads: list[Lead]) -> None:
    limited, of_leads = several.write, several.admin
    assert _ask(several, leads[:1], limited, model="upsell")[0] == 200
    for options in ({}, {"model": "leads"}):
        status, answer = _ask(several, leads[:1], limited, **options)
        assert (status, answer["error"]["code"]) == (403, "model_not_allowed")
        assert "the key may use upsell, market_at" in answer["error"]["message"]
        assert answer["error"]["hint"] == "Send model: upsell."
    status, answer = _ask(several, leads[:1], limited, model="nothing")
    assert (status, answer["error"]["hint"]) == (422, "Send one of: upsell.")  # of the others it learns nothing
    assert _ask(several, leads[:1], of_leads)[0] == 200
    assert _ask(several, leads[:1], of_leads, model="upsell")[0] == 403  # admin is no way around
    assert several.error("/leads/L-1/score?model=upsell", key=of_leads) == (403, "model_not_allowed")
    assert several.error("/leads/L-1/score?model=leads", key=of_leads) == (404, "unknown_lead")
    listed = several.keys.run("list").stdout
    assert "models upsell,market_at" in listed
    rotated = several.keys.run("rotate", limited.split("_")[1])
    assert several.keys.key_of(rotated)
    assert several.keys.run("list").stdout.count("models upsell,market_at") == 2


def test_a_damaged_model_takes_no_other_one_down_and_ready_says_which(several: Keyed, leads: list[Lead]) -> None:
    status, _, body = several.ask("/ready")
    ready = json.loads(body)
    assert (status, ready["status"]) == (200, "ready")
    assert ready["model"] == {"name": "lead-qualification", "version": "7"}
    assert ready["models"] == {
        "leads": {"status": "serving", "name": "lead-qualification", "version": "7"},
        "upsell": {"status": "serving", "name": "acme-upsell", "version": "3"},
        "broken": {"status": "unavailable"},
    }
    status, headers, body = several.ask("/score", {"leads": leads[:1], "model": "broken"}, several.score)
    assert (status, error_of(body)["code"]) == (503, "model_unavailable")
    assert headers["retry-after"]
    log = several.client.log.read_text(encoding="utf-8")
    assert "The model broken: " in log
    assert "tiers.json" in log


def test_metrics_and_log_bear_the_models_name(several: Keyed, leads: list[Lead]) -> None:
    def figures() -> dict[str, float]:
        lines = several.ask("/metrics", key=several.score)[2].decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    before = figures()
    assert before['lead_model_workers{model="upsell",name="acme-upsell",version="3"}'] == 1.0
    assert before['lead_model_workers{model="broken",name="",version=""}'] == 0.0
    assert _ask(several, leads[:7], several.score, model="upsell")[0] == 200
    change = {name: value - before.get(name, 0.0) for name, value in figures().items()}
    assert change['lead_attributes_count{model="upsell"}'] == 7
    assert change['lead_attributes_count{model="leads"}'] == 0
    lines = [json.loads(line) for line in several.client.log.read_text(encoding="utf-8").splitlines()]
    last = [line for line in lines if line.get("path") == "/score"][-1]
    assert (last["model"], last["model_version"], last["leads"]) == ("upsell", "3", 7)


def test_a_service_without_a_model_that_can_be_served_does_not_start(
    root: Path, tmp_path: Path, serving_at: Any
) -> None:
    environment = {"LEAD_MODELS": f"leads={tmp_path / 'one'},upsell={tmp_path / 'two'}"}
    with (
        pytest.raises(
            pytest.fail.Exception, match=r"(?s)leads: LEAD_MODELS: leads is .*upsell: LEAD_MODELS: upsell is"
        ),
        serving_at("serving.service:LeadQualification", root, tmp_path / "log.txt", environment) as client,
    ):
        assert isinstance(client, Client)
