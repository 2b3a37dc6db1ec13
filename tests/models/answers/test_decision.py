"""One lead's figures, and what they advise."""

from dataclasses import replace

import pytest

from features.timeline import DAY_US
from models.answers.advice import ADVICE
from models.answers.contact import Contact
from models.answers.decision import Decision, decide, gist
from models.answers.scoring import Score
from models.answers.slot_price import SlotPrice

AT = 1_767_600_000_000_000  # 2026-01-05 08:00 UTC
WAITS = Contact(None, (0.10, 0.06, 0.15), (0.14, 0.1, 0.2), 7, True, AT + 7 * DAY_US)
READY = Contact(None, (0.30, 0.25, 0.35), (0.28, 0.2, 0.3), 7, False)


def slot(price: float | None) -> SlotPrice | None:
    return None if price is None else SlotPrice(price, AT, 10, 50)


def decided(contact: Contact | None, price: float | None = 0.2, language: str = "en", **changes: object) -> Decision:
    score = Score("L", AT, 0.2, 0.1, 0.3, "B", contact=contact)
    decision = decide(replace(score, **changes), {"capacity_cutoff": 0.3}, slot(price), 0.6, language)
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("contact", "price", "advice", "words"),
    [
        (READY, 0.2, "hand_over_now", "Sales speaks next: call now. A call succeeds with 30.0%"),
        (WAITS, 0.0, "wait_until", "Marketing speaks next: wait until Jan 12, 2026"),
        (
            READY,
            0.31,
            "later",
            "others come first: a call now succeeds with 30.0%, this week's last slot goes for 31.0%",
        ),
        (replace(READY, now=(0.4, 0.1, 0.8)), 0.2, "too_little_data", "between 10.0% and 80.0%"),
        (Contact("no_timing"), None, "unknown", "learned from no hand-overs"),
        (Contact("contacted"), 0.2, "unknown", "Sales speaks with this lead already"),
        (Contact("outside"), 0.2, "unknown", "not waiting for a first contact"),
        (Contact("waited_long"), 0.2, "unknown", "hardly any lead was called after so long a wait"),
    ],
)
def test_each_advice_has_its_sentence(contact: Contact, price: float | None, advice: str, words: str) -> None:
    decision = decided(contact, price)
    assert decision.advice == advice
    assert words in decision.text
    assert advice in ADVICE
    assert (decision.until is not None) == (advice == "wait_until")
    assert (decision.if_now is None) == (advice == "unknown")


def test_the_day_is_so_many_days_after_the_snapshot_and_the_figures_stand_beside_it() -> None:
    decision = decided(replace(WAITS, days=14, until=AT + 14 * DAY_US))
    assert decision.until == "2026-01-19"
    assert decision.if_now == {"probability": 0.10, "interval": [0.06, 0.15]}
    assert decision.if_waiting == {"days": 14, "probability": 0.14, "interval": [0.1, 0.2]}


def test_a_lead_at_the_price_gets_the_slot() -> None:
    assert decided(READY, 0.30).advice == "hand_over_now"


def test_every_sentence_is_there_in_german() -> None:
    for contact in (READY, WAITS, replace(READY, now=(0.4, 0.1, 0.8)), Contact("outside"), Contact("no_timing")):
        assert decided(contact, language="de").text != decided(contact).text
    assert "bis 12.01.2026 warten" in decided(WAITS, language="de").text


def test_a_lead_that_is_not_scored_has_no_decision() -> None:
    unscored = Score("L", AT, None, None, None, None, not_scored="disqualified")
    assert decide(unscored, {}, slot(0.2), 0.6) is None
    assert gist(None) is None


def test_capacity_is_decided_by_the_stored_cutoff() -> None:
    assert decided(READY).within_capacity is False
    assert decided(READY, probability=0.3).within_capacity is True
    assert decide(Score("L", AT, 0.2, 0.1, 0.3, "B", contact=READY), {}, None, 0.6).within_capacity is None


def test_news_is_the_advice_and_not_the_figures() -> None:
    assert gist(decided(READY)) == {"tier": "B", "within_capacity": False, "advice": "hand_over_now"}
    assert gist(decided(READY)) == gist(decided(replace(READY, now=(0.31, 0.25, 0.35))))
    assert gist(decided(Contact("no_timing"), None)) == {"tier": "B", "within_capacity": False}
