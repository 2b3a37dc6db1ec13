"""The override rate: first verdicts against the advice beside them."""

import pytest

from models.answers.advice import ADVICE
from models.monitoring.overrides import FOLLOWED, SILENT, Verdict, override_rate


def test_each_lead_counts_once_by_its_first_verdict() -> None:
    found = override_rate(
        [
            Verdict("a", 5, "disqualified", "hand_over_now"),
            Verdict("a", 2, "sal", "hand_over_now"),
            Verdict("b", 1, "sal", "later"),
            Verdict("c", 1, "recycled", "wait_until"),
            Verdict("d", 1, "disqualified", "hand_over_now"),
        ]
    )
    assert (found.decisions, found.overridden, found.share) == (4, 2, 0.5)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 < found.low < 0.5 < found.high < 1.0
    assert found.counts[("hand_over_now", "sal")] == 1
    assert ("hand_over_now", "disqualified") in found.counts


@pytest.mark.parametrize("advice", SILENT)
def test_where_nothing_was_advised_nothing_is_overridden(advice: str) -> None:
    assert override_rate([Verdict("a", 1, "disqualified", advice)]).share is None


def test_no_advice_is_followed_by_a_rejection() -> None:
    assert "disqualified" not in {outcome for _, outcome in FOLLOWED}
    assert {advice for advice, _ in FOLLOWED} | {*SILENT} == {*ADVICE}
