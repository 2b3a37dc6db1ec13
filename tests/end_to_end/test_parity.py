"""The numbers of the service are those of the pipeline, to the last bit, and only the past decides them."""

import copy
import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.answers.scoring import probabilities
from models.bundle import Bundle

Lead = dict[str, Any]
EXACTLY_AT = dt.timedelta(0)
BEFORE, AFTER = -dt.timedelta(microseconds=1), dt.timedelta(microseconds=1)


def _vector(scored: Lead, names: tuple[str, ...]) -> np.ndarray:
    values = scored["features"]
    assert tuple(values) == names
    return np.array([np.nan if value is None else value for value in values.values()], dtype=np.float32)


def _without(scored: Lead, *names: str) -> Lead:
    return {key: value for key, value in scored.items() if key not in names}


def _placeless(scored: Lead) -> Lead:
    """Leave out of the warnings where in the request the lead stood."""
    warnings = [{**item, "field": item["field"].split(".", 1)[-1]} for item in scored["warnings"]]
    return {**scored, "warnings": warnings}


def test_features_and_probabilities_equal_the_pipelines_to_the_last_bit(
    service: Any, bundle: Bundle, offline: Callable[..., np.ndarray], leads: list[Lead]
) -> None:
    matrix = offline(leads, bundle.catalog)
    probability, low, high = probabilities(bundle, matrix)
    together = service.scores(leads, debug=True, reasons=0)
    alone = [service.scores([lead], debug=True, reasons=3)[0] for lead in leads[:10]]
    assert np.isnan(matrix).any()
    assert len(set(probability.tolist())) > 10
    for scored in (together, alone):
        for row, item in enumerate(scored):
            assert _vector(item, bundle.catalog.names).tobytes() == matrix[row].tobytes()
            got = np.array([item["probability"], *item["interval"]])
            assert got.astype(np.float32).tobytes() == np.array([probability[row], low[row], high[row]]).tobytes()
            assert got.tolist() == got.astype(np.float32).astype(np.float64).tolist()


def test_contributions_add_up_to_the_log_odds(
    service: Any, bundle: Bundle, offline: Callable[..., np.ndarray], leads: list[Lead]
) -> None:
    matrix = offline(leads[:5], bundle.catalog)
    log_odds = bundle.classifier.predict_log_odds(matrix)
    status, answer = service.post({"leads": leads[:5]})
    assert status == 200
    for row, item in enumerate(answer["leads"]):
        total = answer["model"]["base_value"] + item["fit"] + item["engagement"]
        assert total == pytest.approx(log_odds[row], abs=1e-5)


@pytest.fixture(scope="module")
def lead(leads: list[Lead]) -> Lead:
    """Return a lead with a journey and nothing to come, so that its warnings start empty."""
    chosen = copy.deepcopy(next(lead for lead in leads if len(lead["touchpoints"]) > 10))
    at = dt.datetime.fromisoformat(chosen["snapshot_at"])

    def past(item: Lead) -> bool:
        return all(dt.datetime.fromisoformat(item[key]) < at for key in ("occurred_at", "recorded_at") if key in item)

    chosen["touchpoints"] = [item for item in chosen["touchpoints"] if past(item)]
    return chosen


TOUCHPOINT = {"kind": "page_view", "asset": "pricing", "channel": "web", "value": 50.0}
FUTURE: dict[str, tuple[str, dict[str, Any], dict[str, dt.timedelta]]] = {
    "touchpoint at the snapshot": ("touchpoints", TOUCHPOINT, {"occurred_at": EXACTLY_AT}),
    "touchpoint just after": ("touchpoints", TOUCHPOINT, {"occurred_at": AFTER}),
    "touchpoint a year after": ("touchpoints", TOUCHPOINT, {"occurred_at": dt.timedelta(days=365)}),
    "touchpoint recorded at the snapshot": (
        "touchpoints",
        TOUCHPOINT,
        {"occurred_at": BEFORE, "recorded_at": EXACTLY_AT},
    ),
    "touchpoint recorded after": (
        "touchpoints",
        TOUCHPOINT,
        {"occurred_at": -dt.timedelta(days=20), "recorded_at": dt.timedelta(days=2)},
    ),
    "touchpoint of an unknown kind after": ("touchpoints", {"kind": "seance"}, {"occurred_at": AFTER}),
    "touchpoint by sales after": ("touchpoints", {**TOUCHPOINT, "by": "sales"}, {"occurred_at": AFTER}),
    "qualified at the snapshot": ("stage_changes", {"stage": "sales_qualified"}, {"occurred_at": EXACTLY_AT}),
    "qualified after": ("stage_changes", {"stage": "sales_qualified"}, {"occurred_at": AFTER}),
    "disqualified after": ("stage_changes", {"stage": "disqualified"}, {"occurred_at": dt.timedelta(days=9)}),
    "disqualified, recorded after": (
        "stage_changes",
        {"stage": "disqualified"},
        {"occurred_at": -dt.timedelta(days=1), "recorded_at": AFTER},
    ),
}


@pytest.mark.parametrize("case", FUTURE)
def test_what_is_to_come_changes_nothing_but_warnings(service: Any, lead: Lead, case: str) -> None:
    where, fields, offsets = FUTURE[case]
    at = dt.datetime.fromisoformat(lead["snapshot_at"])
    later = copy.deepcopy(lead)
    later[where].append({**fields, **{name: (at + offset).isoformat() for name, offset in offsets.items()}})
    plain, other = (service.scores([item], debug=True)[0] for item in (lead, later))
    assert plain["warnings"] == []
    assert "touchpoints_after_snapshot" in [item["code"] for item in other["warnings"]]
    assert _without(other, "warnings") == _without(plain, "warnings")


OF_THE_ACCOUNT: dict[str, tuple[str, dict[str, Any], str]] = {
    "touchpoint": ("touchpoints", {**TOUCHPOINT, "lead_id": "C-9"}, "occurred_at"),
    "qualified": ("stage_changes", {"stage": "sales_qualified", "lead_id": "C-9"}, "occurred_at"),
    "order": ("orders", {"amount": 12.5, "product": "P-9"}, "ordered_at"),
}


@pytest.mark.parametrize("case", OF_THE_ACCOUNT)
def test_the_accounts_future_changes_nothing_and_its_past_does(service: Any, lead: Lead, case: str) -> None:
    where, fields, field = OF_THE_ACCOUNT[case]
    at = dt.datetime.fromisoformat(lead["snapshot_at"])
    scored = []
    for offset in (None, EXACTLY_AT, AFTER, BEFORE):
        other = copy.deepcopy(lead)
        if offset is not None:
            other["account"][where].append({**fields, field: (at + offset).isoformat()})
        scored.append(service.scores([other], debug=True)[0])
    assert scored[0] == scored[1] == scored[2]
    assert scored[0]["features"] != scored[3]["features"]


def test_the_leads_own_touchpoints_among_the_accounts_change_nothing(service: Any, lead: Lead) -> None:
    other = copy.deepcopy(lead)
    other["account"]["touchpoints"] += [{**item, "lead_id": lead["lead_id"]} for item in lead["touchpoints"]]
    assert service.scores([other], debug=True) == service.scores([lead], debug=True)


def test_a_touchpoint_just_before_the_snapshot_counts(service: Any, lead: Lead) -> None:
    at = dt.datetime.fromisoformat(lead["snapshot_at"])
    sooner = copy.deepcopy(lead)
    sooner["touchpoints"].append({**TOUCHPOINT, "occurred_at": (at + BEFORE).isoformat()})
    plain, other = (service.scores([item], debug=True)[0]["features"] for item in (lead, sooner))
    assert other["count__pricing__7d"] == plain["count__pricing__7d"] + 1


def test_the_order_of_rows_and_the_company_of_other_leads_change_nothing(service: Any, leads: list[Lead]) -> None:
    shuffled = copy.deepcopy(leads)
    for item in shuffled:
        random.Random(4).shuffle(item["touchpoints"])
        item["touchpoints"] = [dict(reversed(touchpoint.items())) for touchpoint in item["touchpoints"]]
    random.Random(5).shuffle(shuffled)
    plain = {item["lead_id"]: _placeless(item) for item in service.scores(leads, debug=True)}
    other = service.scores(shuffled, debug=True)
    assert [item["lead_id"] for item in other] == [item["lead_id"] for item in shuffled]
    assert {item["lead_id"]: _placeless(item) for item in other} == plain


def test_the_same_moment_in_another_zone_is_the_same_moment(service: Any, lead: Lead) -> None:
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    moved = copy.deepcopy(lead)
    moved["snapshot_at"] = dt.datetime.fromisoformat(lead["snapshot_at"]).astimezone(zone).isoformat()
    for item in moved["touchpoints"]:
        item["occurred_at"] = dt.datetime.fromisoformat(item["occurred_at"]).astimezone(zone).isoformat()
    assert service.scores([moved], debug=True) == service.scores([lead], debug=True)
