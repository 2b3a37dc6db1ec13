"""Leads unlike those that a model learned from: told apart by the model's own risk set, by a table of literal cases."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.compute import Snapshots
from features.errors import BundleError
from features.journeys import Journeys, LeadJourney, OrderRecord, StageChangeRecord
from features.timeline import DAY_US, to_micros
from models.answers.frames import score_frame
from models.answers.population import OUTSIDE, outside_population
from models.answers.requests import parse_lead
from models.answers.risk_set import RiskSet
from models.answers.scoring import Score, score_requests
from models.answers.warnings import codes_of, short_codes
from models.bundle import Bundle

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AT = (START + dt.timedelta(days=200)).isoformat()
EXPIRE = 120


def day(number: float) -> int:
    return to_micros(START) + round(number * DAY_US)


def reason(
    stages: list[tuple[str, float]], at: float, created: float | None = 0, expire_days: int | None = EXPIRE
) -> str | None:
    changes = [StageChangeRecord(stage, day(when)) for stage, when in stages]
    journeys = Journeys.from_records([LeadJourney("L", (), changes, None if created is None else day(created))])
    looks = Snapshots(np.array([0]), np.array([day(at)]))
    return outside_population(journeys, looks, RiskSet("mql", expire_days))[0]


US = 1 / DAY_US
CASES: list[tuple[list[tuple[str, float]], float, str | None]] = [
    ([], 5, "not_mql"),
    ([("inquiry", 1), ("sal", 2)], 5, "not_mql"),
    ([("mql", 5)], 5, None),
    ([("mql", 5)], 5 - US, "not_mql"),
    ([("mql", 5)], -1, "not_yet_created"),
    ([("mql", 5)], 0, "not_mql"),
    ([("mql", 5)], 125 - US, None),
    ([("mql", 5)], 125, "past_expiry"),
    ([("mql", 5), ("recycled", 9)], 9, None),
    ([("mql", 5), ("recycled", 9)], 9 + US, "closed"),
    ([("mql", 5), ("recycled", 9)], 500, "closed"),
    ([("mql", 5), ("recycled", 300)], 200, "past_expiry"),
    ([("mql", 5), ("recycled", 300)], 301, "closed"),
    ([("mql", 5), ("recycled", 9), ("mql", 20)], 20, None),
    ([("mql", 5), ("recycled", 9), ("mql", 20)], 140, "past_expiry"),
    ([("mql", 5), ("mql", 60)], 124, None),
    ([("mql", 5), ("mql", 60)], 126, "past_expiry"),
    ([("mql", 5), ("mql", 125)], 126, None),
    ([("mql", 5), ("disqualified", 9)], 10, "closed"),
    ([("mql", 5), ("sales_qualified", 9), ("recycled", 12)], 13, "closed"),
    ([("disqualified", 5), ("recycled", 6)], 7, "not_mql"),
    ([("mql", 5), ("disqualified", 5)], 5, None),
    ([("mql", 5), ("disqualified", 5)], 5 + US, "closed"),
]


@pytest.mark.parametrize(("stages", "at", "expected"), CASES, ids=[str(i) for i in range(len(CASES))])
def test_the_risk_set_of_marketing_qualified_leads(
    stages: list[tuple[str, float]], at: float, expected: str | None
) -> None:
    assert reason(stages, at) == expected
    assert reason(stages[::-1], at) == expected


def test_without_expiry_a_period_lasts_until_it_ends() -> None:
    assert reason([("mql", 5)], 5_000, expire_days=None) is None
    assert reason([("mql", 5)], -1, created=None) == "not_mql"  # nobody said when it was created


def test_at_one_instant_what_was_recorded_later_holds() -> None:
    def closed(mql: float, end: float) -> str | None:
        changes = [StageChangeRecord("mql", day(5), day(mql)), StageChangeRecord("recycled", day(5), day(end))]
        journeys = Journeys.from_records([LeadJourney("L", (), changes, day(0))])
        return outside_population(journeys, Snapshots(np.array([0]), np.array([day(9)])), RiskSet("mql", EXPIRE))[0]

    assert (closed(mql=6, end=7), closed(mql=7, end=6)) == ("closed", None)


@pytest.mark.parametrize(
    ("orders", "created", "at", "expected"),
    [
        ([3.0, 9.0], 1, 3 + US, None),
        ([3.0, 9.0], 1, 3, "not_customer"),
        ([3.0], 5, 5, "not_yet_created"),
        ([3.0], 5, 5 + US, None),
        ([], 1, 9, "not_customer"),
        (None, 1, 9, None),  # nothing is known of orders: nobody can tell
    ],
)
def test_the_risk_set_of_customers(orders: list[float] | None, created: float, at: float, expected: str | None) -> None:
    known = None if orders is None else {"A": [OrderRecord(day(when)) for when in orders]}
    journeys = Journeys.from_records([LeadJourney("L", (), (), day(created), "A")], known)
    looks = Snapshots(np.array([0]), np.array([day(at)]))
    assert outside_population(journeys, looks, RiskSet("customers", None)) == [expected]


def scored(bundle: Bundle, language: str = "en", **fields: Any) -> Score:
    lead = parse_lead({"lead_id": "L-1", "snapshot_at": AT, **fields}, "leads[0]")
    return score_requests(bundle, [lead], language=language)[0]


def mql(days_ago: float) -> dict[str, Any]:
    moment = START + dt.timedelta(days=200 - days_ago)
    return {"stage_changes": [{"stage": "mql", "occurred_at": moment.isoformat()}]}


@pytest.fixture(scope="module")
def model(small_bundle: Bundle) -> Bundle:
    return replace(small_bundle, metadata={**small_bundle.metadata, "expire_days": EXPIRE})


def test_a_lead_outside_of_the_population_has_its_number_and_a_warning_in_both_languages(model: Bundle) -> None:
    for fields, why in (({}, "not_mql"), (mql(400), "past_expiry")):
        english, german = (scored(model, language, **fields) for language in ("en", "de"))
        assert english.probability is not None
        found = english.warnings[0]
        assert (found.code, found.reason, found.field) == ("outside_population", why, "leads[0].stage_changes")
        assert [(item.code, item.reason) for item in german.warnings] == [
            ("outside_population", why),
            ("no_touchpoints", None),
        ]
        assert {item.message for item in german.warnings}.isdisjoint({item.message for item in english.warnings})
        assert "None" not in found.message
    assert "120 days" in scored(model, **mql(400)).warnings[0].message
    assert [item.code for item in scored(model, **mql(3)).warnings] == ["no_touchpoints"]


def test_what_the_model_does_not_say_is_not_held_against_a_lead(small_bundle: Bundle) -> None:
    silent = replace(small_bundle, metadata={"label_days": 60})
    assert [item.code for item in scored(silent).warnings] == ["no_touchpoints"]
    assert [item.code for item in scored(small_bundle, **mql(4_000)).warnings] == ["no_touchpoints"]  # no expire_days


def test_a_lead_that_is_not_scored_for_its_stage_needs_no_such_warning(model: Bundle) -> None:
    ended = {"stage": "disqualified", "occurred_at": "2026-06-01T00:00:00Z"}
    item = scored(model, stage_changes=[*mql(200)["stage_changes"], ended])
    assert (item.not_scored, item.warnings) == ("disqualified", ())


@pytest.mark.parametrize(
    ("days_ago", "more", "expected"),
    [
        (1, {}, []),
        (49.9, {}, []),
        (50.1, {}, ["no_touchpoints"]),
        (-1, {}, ["no_touchpoints", "touchpoints_after_snapshot"]),
        (1, {"recorded_at": AT}, ["no_touchpoints", "touchpoints_after_snapshot"]),
        (1, {"by": "sales"}, []),
    ],
)
def test_no_touchpoints_means_none_that_the_model_can_see(
    model: Bundle, days_ago: float, more: dict[str, Any], expected: list[str]
) -> None:
    moment = (START + dt.timedelta(days=200 - days_ago)).isoformat()
    item = scored(model, touchpoints=[{"kind": "webinar", "channel": "web", "occurred_at": moment, **more}], **mql(3))
    assert [found.code for found in item.warnings] == expected


def test_a_model_that_looks_at_no_touchpoints_asks_for_none(model: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    used = {name: float(name.startswith("attribute__")) for name in model.catalog.names}
    monkeypatch.setattr(type(model.classifier), "importance", lambda _: used)
    assert scored(replace(model), **mql(3)).warnings == ()


def test_the_model_in_mlflow_says_so_too(model: Bundle) -> None:
    out = score_frame(model, pd.DataFrame([{"lead_id": "L-1", "snapshot_at": AT}]))
    entries = json.loads(out["warnings"][0])
    assert [entry["code"] for entry in entries] == ["outside_population", "no_touchpoints"]
    assert entries[0]["reason"] == "not_mql"
    assert "reason" not in entries[1]


def test_short_codes_and_back(model: Bundle) -> None:
    text = short_codes(scored(model).warnings)
    assert text == "outside_population:not_mql;no_touchpoints"
    assert codes_of(text) == ("outside_population", "no_touchpoints")
    assert codes_of("") == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"risk_set": "leads"},
        {"risk_set": 5},
        {"expire_days": "120"},
        {"expire_days": 0},
        {"expire_days": True},
        {"expire_days": 10**12},
    ],
)
def test_a_bundle_that_says_nonsense_of_its_population_is_refused(model: Bundle, wrong: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="Train anew"):
        replace(model, metadata={**model.metadata, **wrong})


def test_every_reason_has_words(model: Bundle) -> None:
    from models.answers.population_warnings import OUTSIDE_WORDS

    assert set(OUTSIDE_WORDS) == set(OUTSIDE)
