"""The answer to a request for access: all that is stored, every score, what people decided; no employee's name."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from models.answers.access_explanation import COUNTERFACTUALS, explained, reasons_of
from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.audit_log.entries import AuditKey
from models.audit_log.log import AuditLog
from models.bundle import Bundle
from models.monitoring.score_log import LogSettings, Model
from models.monitoring.score_log_writer import ScoreLogWriter
from pipeline.data_protection.access_data import accesses_of, logged_scores, rows_of, verdicts_of
from pipeline.data_protection.access_letter import letter
from pipeline.data_protection.exporting import write_answer
from pipeline.data_protection.person_ids import find_person
from pipeline.data_protection.registry import PurposeRegistry, read_registry, registry_file
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.tables.parquet import write_table
from pipeline.tables.personal_fields import PersonalFields
from tests.serving.running import bundle as bundle
from tests.serving.running import bundle_folder as bundle_folder
from tests.serving.running import leads as leads

AT = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
OWNER = "Zoë Employee"


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    """Write canonical tables of three people; L-1 was L-0 before, and shares an account with L-2."""
    folder = tmp_path / "canonical"
    leads = [{"lead_id": n, "account_id": "A-1", "created_at": AT, "role": f"role of {n}"} for n in ("L-1", "L-2")]
    tables: dict[str, list[dict[str, Any]]] = {
        "leads": [*leads, {"lead_id": "L-3", "account_id": "A-2", "created_at": AT, "role": "other"}],
        "accounts": [{"account_id": "A-1", "industry": "energy"}, {"account_id": "A-2", "industry": "retail"}],
        "merged_leads": [{"lead_id": "L-0", "merged_into": "L-1"}],
        "touchpoints": [
            {"touchpoint_id": f"t{n}", "lead_id": lead, "occurred_at": AT, "recorded_at": AT, "kind": "webinar"}
            for n, lead in enumerate(("L-1", "L-1", "L-2"))
        ],
        "stage_changes": [
            {"lead_id": "L-1", "stage": stage, "occurred_at": AT, "recorded_at": AT, "owner": OWNER, "team": team}
            for stage, team in (("mql", None), ("sal", "Sales DACH"), ("disqualified", None))
        ],
    }
    for name, rows in tables.items():
        write_table(folder / f"{name}.parquet", name, pa.Table.from_pylist(rows))
    return folder


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PurposeRegistry:
    monkeypatch.chdir(tmp_path)
    add_drafts(
        registry_file("acme"), PersonalFields(("account.industry", "lead.role"), ("webinar",), ("stage_changes",))
    )
    read = read_registry(registry_file("acme"))
    assert read is not None
    return read


def test_rows_of_all_ids_of_the_person_and_of_nobody_else(canonical: Path) -> None:
    assert set(find_person("L-0", [canonical]).leads) == {"L-0", "L-1"}
    rows = rows_of(canonical, ["L-0", "L-1"])
    assert {name: len(found) for name, found in rows.items()} == {
        "leads": 1, "accounts": 1, "merged_leads": 1, "touchpoints": 2, "stage_changes": 3,
    }  # fmt: skip
    text = json.dumps(rows)
    assert "role of L-1" in text
    assert "L-2" not in text
    assert OWNER not in text


def test_verdicts_say_what_when_and_in_which_function(canonical: Path) -> None:
    store = {
        "outcomes": [
            {
                "outcome": "disqualified",
                "occurred_at": AT.isoformat(),
                "reason": "no budget",
                "retracted_at": "2026-03-02",
            }
        ]
    }
    sal, rejected = sorted(verdicts_of([rows_of(canonical, ["L-1"]), store]), key=lambda item: item["verdict"] != "sal")
    assert (sal["verdict"], sal["function"]) == ("sal", "Sales DACH")
    assert (rejected["verdict"], rejected["function"], rejected["reason"]) == ("disqualified", "sales", "no budget")
    assert "retracted_at" in rejected


def test_every_logged_score_has_its_reasons_again(
    bundle_folder: Path, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    loaded = Bundle.load(bundle_folder)
    requests = [parse_lead(lead) for lead in leads[:5]]
    scores = score_requests(loaded, requests, n_reasons=6, debug=True)
    writer = ScoreLogWriter(LogSettings(tmp_path / "log"), Model("m", "7", "f" * 64, loaded.sha256))
    for moment in (1, 2):
        writer.add(moment * 86_400_000_000, scores)
    writer.close()
    found = logged_scores(tmp_path / "log", [scores[3].lead_id], {loaded.sha256: loaded}.get)
    assert [item["scored_at"][:10] for item in found] == ["1970-01-03", "1970-01-02"]
    assert found[0]["model_version"] == "7"
    if scores[3].probability is not None:
        assert [reason["text"] for reason in found[0]["reasons"]["en"]] == [reason.text for reason in scores[3].reasons]
    assert [item["text"] for item in reasons_of(loaded, scores[0].vector.reshape(1, -1))[0]["en"]] == [
        reason.text for reason in scores[0].reasons
    ]


def test_two_counterfactuals_are_of_the_persons_own_doing(bundle: Bundle, leads: list[dict[str, Any]]) -> None:
    answers = [explained(bundle, parse_lead(lead)) for lead in leads[:12]]
    scored = [answer for answer in answers if answer["probability"] is not None]
    assert scored
    assert any(len(answer["counterfactuals"]) == COUNTERFACTUALS for answer in scored)
    for answer in scored:
        for item in answer["counterfactuals"]:
            assert item["kind"] == "touchpoint" or item["name"] == "newsletter", (
                "industry and size are not in their hands"
            )
            assert item["probability"] - item["difference"] == pytest.approx(answer["probability"])


def test_the_letter_says_all_of_it_in_both_languages(
    canonical: Path, registry: PurposeRegistry, bundle: Bundle, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    log = AuditLog(tmp_path / "audit", tmp_path / "head", (AuditKey("k", b"a key of sixteen"),))
    log.say("viewed", ["L-1"], "person:" + log.key.pseudonym(OWNER), 20_000 * 86_400_000_000)
    log.say("viewed", ["L-2"], "key:crm", 20_001 * 86_400_000_000)
    lead = next(
        lead for lead in leads if len(explained(bundle, parse_lead(lead))["counterfactuals"]) == COUNTERFACTUALS
    )
    stored = rows_of(canonical, ["L-0", "L-1"])
    data = {
        "lead_id": "L-1 <b>",
        "lead_ids": ["L-1", "L-0"],
        "generated_at": "2026-11-29T01:00:00+00:00",
        "source": "acme",
        "stored": {"canonical": stored, "store": {}},
        "scores": [],
        "verdicts": verdicts_of([stored]),
        "explanation": explained(bundle, parse_lead(lead)),
        "webhooks_sent": 0,
        "accesses": accesses_of(log, ["L-1", "L-0"]),
    }
    assert data["accesses"] == [{"day": "2024-10-04", "action": "viewed", "by": "employee", "times": 1}]
    write_answer(tmp_path / "out", data, registry)
    text = (tmp_path / "out/letter.html").read_text()
    for words in (
        "L-1 &lt;b&gt;", "energy", "role of L-1", "Sales DACH", "not pursued", "nicht weiterverfolgt", "an employee",
        "promises nothing", "verspricht nichts", "1,095 days", "1.095 Tage", "29.11.2026", "Art. 15 DSGVO",
    ):  # fmt: skip
        assert words in text
    for item in data["explanation"]["counterfactuals"]:
        assert item["words"]["en"] in text
    assert OWNER not in text
    assert "L-2" not in text
    assert json.loads((tmp_path / "out/access.json").read_text())["verdicts"] == data["verdicts"]
    assert (tmp_path / "out/access.json").stat().st_mode & 0o077 == 0
    assert letter({**data, "explanation": None, "verdicts": [], "accesses": []}, registry)


def test_of_who_objected_no_estimate_is_made(
    bundle: Bundle, leads: list[dict[str, Any]], registry: PurposeRegistry
) -> None:
    answer = explained(bundle, replace(parse_lead(leads[0]), objected=True))
    assert (answer["probability"], answer["not_scored"], answer["counterfactuals"]) == (None, "objected", [])
    data = {
        "lead_id": "L-1",
        "generated_at": "2026-11-29T01:00:00+00:00",
        "stored": {"canonical": {}, "store": {}},
        "scores": [],
        "verdicts": [],
        "explanation": answer,
        "accesses": [],
    }
    assert "You objected" in letter(data, registry)
