"""One lead, one decision: the service from a request and from its store, a score file, and what the CRM's fields hold."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.bundle import Bundle
from pipeline import push_crm, score
from pipeline.crm.updates import updates
from pipeline.params import CrmFields, dump_yaml, read_yaml
from pipeline.push_crm import read_scores
from pipeline.scoring.files import score_file
from tests.pipeline.crm.conftest import hubspot as hubspot
from tests.pipeline.crm.conftest import make_bundle as make_bundle
from tests.pipeline.crm.conftest import params as params
from tests.pipeline.crm.conftest import pauses as pauses
from tests.pipeline.crm.fake_hubspot import iso
from tests.serving.running import Client, serve
from tests.serving.store_events import events_of

NOW = 200.0
FIELDS = ("lead_probability", "lead_tier", "lead_decision", "lead_reasons")
NAMES = CrmFields(probability="p", tier="t", decision="d", reasons="r")


def make_leads() -> list[dict[str, Any]]:
    """Make leads of every kind: open, not yet MQL, long past expiry, recycled, lost, won, and without a touchpoint."""
    random = np.random.default_rng(6)
    stages = {
        "open": [("mql", 190)],
        "no mql": [],
        "expired": [("mql", 20)],
        "recycled": [("mql", 150), ("recycled", 170)],
        "lost": [("mql", 150), ("disqualified", 170)],
        "won": [("mql", 150), ("sales_qualified", 170)],
    }
    leads = []
    for number in range(1, 61):
        changes = list(stages.values())[number % len(stages)]
        visits = int(random.integers(0, 12)) if number % 10 else 0
        leads.append(
            {
                "lead_id": str(number),
                "snapshot_at": iso(NOW),
                "created_at": iso(10),
                "attributes": {},
                "touchpoints": [
                    {"occurred_at": iso(NOW - float(ago)), "kind": "page_view", "channel": "web", "asset": "pricing"}
                    for ago in random.uniform(0.1, 90, visits)
                ],
                "stage_changes": [{"stage": stage, "occurred_at": iso(day)} for stage, day in changes],
            }
        )
    return leads


@pytest.fixture
def leads() -> list[dict[str, Any]]:
    return make_leads()


@pytest.fixture
def model(make_bundle: Callable[[], Bundle], leads: list[dict[str, Any]]) -> Bundle:
    """A model whose capacity cuts these leads in the middle, and reaches whole tiers of none."""
    bundle = make_bundle()
    found = [item.probability for item in score_requests(bundle, [parse_lead(lead) for lead in leads], n_reasons=0)]
    cutoff = float(np.median([value for value in found if value is not None]))
    return replace(bundle, metadata={**bundle.metadata, "expire_days": 120, "capacity_cutoff": cutoff})


@pytest.fixture
def service(model: Bundle, root: Path, tmp_path: Path) -> Iterator[Client]:
    model.save(tmp_path / "champion")
    provenance = json.dumps({"name": "lead-qualification", "version": "7"})
    (tmp_path / "champion" / "provenance.json").write_text(provenance, encoding="utf-8")
    environment = {
        "LEAD_BUNDLE_DIR": str(tmp_path / "champion"),
        "LEAD_WORKERS": "1",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    with serve("serving.service:LeadQualification", root, tmp_path / "log.txt", environment) as client:
        yield client


def population(warnings: list[dict[str, Any]]) -> list[str]:
    return [item["code"] + (f":{item['reason']}" if "reason" in item else "") for item in warnings]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_service_a_score_file_and_the_crm_decide_alike(
    ending: str,
    leads: list[dict[str, Any]],
    model: Bundle,
    service: Client,
    hubspot: Any,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for lead in leads:
        for kind, items in events_of(lead).items():
            assert service.post({kind: items}, path=f"/{kind}")[0] == 200
    asked = service.scores(leads)
    address = "/leads/{}/score?snapshot_at=" + iso(NOW).replace("+00:00", "Z")
    stored = [json.loads(service.get(address.format(lead["lead_id"]))[1])["lead"] for lead in leads]

    lines = "\n".join(json.dumps(lead) for lead in leads)
    (tmp_path / "leads.jsonl").write_text(lines, encoding="utf-8")
    params = read_yaml(root / "params.yaml")
    params["capacity"] = {"share": None, "leads_per_week": 1}  # what a rank within the file would go by
    (tmp_path / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    file = f"scores{ending}"
    command = ["score", "--in", "leads.jsonl", "--out", file, "--bundle", "champion"]
    monkeypatch.setattr(sys, "argv", command)
    score.main()
    written = read_scores(Path(file)).set_index("lead_id")

    for lead in leads:
        hubspot.fake.add("contacts", int(lead["lead_id"]), {"createdate": iso(10)}, {})
    crm = hubspot.make()
    crm.create_fields(crm.missing_fields())
    monkeypatch.setattr(push_crm, "connect", lambda name, _: crm)
    monkeypatch.setattr(sys, "argv", ["push_crm", "--crm", "hubspot", "--scores", file])
    push_crm.main()

    within = set()
    for lead, whole, mine in zip(leads, asked, stored, strict=True):
        row = written.loc[lead["lead_id"]]
        values = hubspot.fake.objects["contacts"][lead["lead_id"]]["properties"]
        probability, tier, decision, reasons = (values.get(name) for name in FIELDS)
        assert whole["probability"] == mine["probability"]
        assert population(whole["warnings"]) == population(mine["warnings"])
        codes = "" if pd.isna(row["warnings"]) else row["warnings"]
        assert codes.split(";") == (population(whole["warnings"]) or [""])
        if mine["decision"] is None:
            assert pd.isna(row["probability"])
            assert pd.isna(row["within_capacity"])
            assert decision == f"not scored: {whole['not_scored'].replace('_', ' ')}"
            continue
        assert row["probability"] == whole["probability"]
        assert row["within_capacity"] == mine["decision"]["within_capacity"]
        assert mine["decision"] == whole["decision"]
        assert (row["advice"], row["advice_text"]) == (mine["decision"]["advice"], mine["decision"]["text"])
        words = {True: "within capacity", False: "beyond capacity"}[mine["decision"]["within_capacity"]]
        assert decision == f"{mine['decision']['tier']}, {words}"
        assert (tier, float(probability)) == (mine["tier"], pytest.approx(mine["probability"], abs=1e-4))
        assert reasons == row["reasons"]
        within.add(mine["decision"]["within_capacity"])
    assert within == {True, False}
    said = {code for item in asked for code in population(item["warnings"])}
    assert said - {"wide_interval"} == {f"outside_population:{why}" for why in ("not_mql", "past_expiry", "closed")} | {
        "no_touchpoints"
    }


def test_other_leads_of_the_file_decide_nothing(model: Bundle, leads: list[dict[str, Any]], tmp_path: Path) -> None:
    def decisions(some: list[dict[str, Any]]) -> dict[str, Any]:
        file = tmp_path / "leads.jsonl"
        file.write_text("\n".join(json.dumps(lead) for lead in some), encoding="utf-8")
        return {item.lead_id: item.values["d"] for item in updates(score_file(model, file), NAMES, "en")}

    everyone = decisions(leads)
    for lead in leads[:12]:
        assert decisions([lead]) == {lead["lead_id"]: everyone[lead["lead_id"]]}


def frame(**columns: list[Any]) -> pd.DataFrame:
    rows = {"lead_id": ["1"], "probability": [0.5], "tier": ["B"], "within_capacity": [True], "reasons": ["why"]}
    return pd.DataFrame({**rows, "not_scored": [None], "advice": ["unknown"], "advice_until": [None], **columns})


def test_a_file_of_an_earlier_version_is_to_be_written_anew() -> None:
    with pytest.raises(DataError, match=r"no column within_capacity; .* write it anew with `python -m pipeline\.score"):
        updates(frame().drop(columns="within_capacity"), NAMES, "en")


@pytest.mark.parametrize(("value", "words"), [(True, "B, within capacity"), (False, "B, beyond capacity"), (None, "B")])
def test_what_the_file_says_is_what_is_written(value: bool | None, words: str, tmp_path: Path) -> None:
    scores = frame(within_capacity=[value])
    scores.to_csv(tmp_path / "scores.csv", index=False)
    scores.to_parquet(tmp_path / "scores.parquet", index=False)
    for each in (scores, *(read_scores(tmp_path / f"scores.{ending}") for ending in ("csv", "parquet"))):
        assert updates(each, NAMES, "en")[0].values["d"] == words


def test_a_decision_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match=r"within_capacity is 'perhaps'; allowed are True, False and empty"):
        updates(frame(within_capacity=["perhaps"]), NAMES, "en")
