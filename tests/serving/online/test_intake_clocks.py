"""Clocks that are ahead, behind, or step back: nothing is refused or lost, what is odd is said, and later stays later."""

import datetime as dt
import json
from typing import Any

import pytest

from features.timeline import DAY_US, from_micros
from models.bundle import Bundle
from serving.online.intake import accept
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.reading import read_lead
from tests.serving.store_events import NOW

HOUR_US = 3_600_000_000
KINDS = {
    "touchpoints": {"kind": "webinar"},
    "stage_changes": {"stage": "mql"},
    "outcomes": {"outcome": "sal"},
    "leads": {"attributes": {"newsletter": True}},
}


def moment(micros: int) -> str:
    return from_micros(micros).isoformat()


def send_event(store: Store, kind: str, now: int, **item: Any) -> dict[str, Any]:
    body = {kind: [{"lead_id": "L-1", **KINDS[kind], **item}]}
    return accept(store, kind, json.dumps(body).encode(), now)


def codes(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["code"], item["field"]) for item in found.get("warnings", [])]


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle, "test", "1")


@pytest.mark.parametrize("kind", KINDS)
def test_times_that_differ_by_a_day_at_most_are_nothing_to_speak_of(store: Store, kind: str) -> None:
    ahead = send_event(store, kind, NOW, occurred_at=moment(NOW + DAY_US))
    assert (ahead["new"], codes(ahead)) == (1, [])
    before = send_event(store, kind, NOW, occurred_at=moment(NOW - 9), recorded_at=moment(NOW - 9 - DAY_US))
    assert (before["new"], codes(before)) == (1, [])
    assert set(before) == {"new", "duplicate", "recorded_at"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_in_the_future_is_taken_and_said(store: Store, kind: str) -> None:
    accepted = send_event(store, kind, NOW, occurred_at=moment(NOW + DAY_US + 1))
    assert (accepted["new"], codes(accepted)) == (1, [("recorded_before_occurred", f"{kind}[0].occurred_at")])
    later = moment(NOW + 2 * DAY_US)
    accepted = send_event(store, kind, NOW, occurred_at=later, recorded_at=later)
    assert (accepted["new"], codes(accepted)) == (1, [("recorded_in_future", f"{kind}[0].recorded_at")])


def test_a_score_does_not_see_the_future_until_it_is_there(store: Store, scorer: Scorer) -> None:
    send_event(store, "touchpoints", NOW, occurred_at=moment(NOW - HOUR_US))
    send_event(store, "touchpoints", NOW, occurred_at=moment(NOW + 3 * DAY_US))
    lead = score_lead(store, scorer, "L-1", {}, NOW + 1)["lead"]
    assert ("touchpoints_after_snapshot", "lead.touchpoints") in codes(lead)
    lead = score_lead(store, scorer, "L-1", {}, NOW + 4 * DAY_US)["lead"]
    assert "touchpoints_after_snapshot" not in [code for code, _ in codes(lead)]


def test_a_snapshot_in_the_future_is_scored_and_said(store: Store, scorer: Scorer) -> None:
    send_event(store, "touchpoints", NOW, occurred_at=moment(NOW - HOUR_US))
    for ahead, said in ((DAY_US, False), (DAY_US + 1, True)):
        at = from_micros(NOW + ahead).isoformat().replace("+00:00", "Z")
        lead = score_lead(store, scorer, "L-1", {"snapshot_at": at}, NOW)["lead"]
        assert (("snapshot_in_future", "snapshot_at") in codes(lead)) == said
        body, _ = scorer.answer(json.dumps({"leads": [{"lead_id": "L-1", "snapshot_at": at}]}).encode(), NOW, False)
        whole = json.loads(body)["leads"][0]
        assert (("snapshot_in_future", "leads[0].snapshot_at") in codes(whole)) == said
        assert whole["probability"] is not None


def test_the_later_of_two_moments_counts_whichever_it_is(scorer: Scorer) -> None:
    early, late = moment(NOW - 5 * DAY_US), moment(NOW - DAY_US)
    answers = []
    for occurred_at, recorded_at in ((late, early), (late, late)):
        item = {"kind": "webinar", "occurred_at": occurred_at, "recorded_at": recorded_at}
        lead = {"lead_id": "L-1", "snapshot_at": moment(NOW), "touchpoints": [item]}
        answers.append(json.loads(scorer.answer(json.dumps({"leads": [lead]}).encode(), NOW, False)[0])["leads"][0])
    assert answers[0] == answers[1]


def test_a_clock_that_steps_back_between_writes_hides_nothing(store: Store, bundle: Bundle, scorer: Scorer) -> None:
    accepted = []
    for step, employees in ((0, 10), (-HOUR_US, 20), (-2 * HOUR_US, 30)):
        account = {"account_id": "A-1", "attributes": {"employees": employees}}
        accepted.append(send_event(store, "leads", NOW + step, account=account)["recorded_at"])
        accepted.append(
            send_event(store, "touchpoints", NOW + step, occurred_at=moment(NOW - step - DAY_US))["recorded_at"]
        )
    moments = [dt.datetime.fromisoformat(text) for text in accepted]
    assert moments == sorted(set(moments))
    back = NOW - 3 * HOUR_US
    with store.read() as connection:
        lead = read_lead(connection, "L-1", bundle.catalog, back)
    assert lead is not None
    assert lead.account_attributes == {"employees": 30}
    assert "touchpoints_after_snapshot" not in [
        code for code, _ in codes(score_lead(store, scorer, "L-1", {}, back)["lead"])
    ]


def test_another_lead_of_the_account_does_not_turn_its_clock_back(store: Store, bundle: Bundle) -> None:
    for lead_id, now, industry in (("L-1", NOW, "energy"), ("L-2", NOW - HOUR_US, "retail")):
        account = {"account_id": "A-1", "attributes": {"industry": industry}}
        send_event(store, "leads", now, lead_id=lead_id, account=account)
    with store.read() as connection:
        lead = read_lead(connection, "L-2", bundle.catalog, NOW - HOUR_US)
    assert lead is not None
    assert lead.account_attributes == {"industry": "retail"}


def test_one_write_of_a_clock_far_ahead_does_not_carry_a_lead_away(store: Store, scorer: Scorer) -> None:
    send_event(store, "touchpoints", NOW + 400 * DAY_US, occurred_at=moment(NOW - DAY_US))
    accepted = send_event(store, "touchpoints", NOW, occurred_at=moment(NOW - HOUR_US))
    assert dt.datetime.fromisoformat(accepted["recorded_at"]) == from_micros(NOW)
    lead = score_lead(store, scorer, "L-1", {}, NOW + 1)["lead"]
    assert dt.datetime.fromisoformat(lead["snapshot_at"]) == from_micros(NOW + 1)
    assert ("touchpoints_after_snapshot", "lead.touchpoints") in codes(lead)
