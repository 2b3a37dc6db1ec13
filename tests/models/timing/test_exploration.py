"""The trial by lot: who is drawn, with which odds, and what it adds to what can be learned, also if it is little."""

import numpy as np
import pytest

from models.timing.exploration import WEEKS, drawn_week, hold_propensity

QUEUED = 1_767_600_000_000_000


def holds(lead_id: str, week: int, held: bool, share: float) -> bool:
    """Decide about a lead near the boundary, as answers do."""
    drawn = drawn_week(lead_id, QUEUED, share)
    return held if drawn is None or drawn < week else drawn > week


def test_nobody_is_drawn_by_default_and_a_draw_never_changes() -> None:
    assert {drawn_week(f"L{n}", QUEUED, 0.0) for n in range(500)} == {None}
    draws = [drawn_week(f"L{n}", QUEUED, 0.2) for n in range(500)]
    assert draws == [drawn_week(f"L{n}", QUEUED, 0.2) for n in range(500)]
    assert {drawn_week(f"L{n}", QUEUED, 1.0) for n in range(500)} == set(range(WEEKS))
    assert [drawn_week(f"L{n}", QUEUED + 1, 0.2) for n in range(500)] != draws  # a new wait is a new draw


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("week", range(WEEKS + 1))
def test_the_odds_that_are_kept_are_those_of_the_draw(held: bool, week: int) -> None:
    names, share = [f"L{n}" for n in range(6_000)], 0.3
    frequency = np.mean([holds(name, week, held, share) for name in names])
    assert frequency == pytest.approx(hold_propensity(held, week, share), abs=0.02)


def test_what_it_adds() -> None:
    """Where the policy calls everybody at once nobody knows what a week of waiting brings; with 5 % by lot it can be estimated.

    Of 30,000 leads near the boundary about a thousand wait a week: enough to know the chance after a week to within a point or
    two, and too few to tell apart waits whose gain is near the threshold. That is what it adds, and no more.
    """
    random = np.random.default_rng(6)
    names, share, after_a_week = [f"L{n}" for n in range(30_000)], 0.05, 0.13
    waits = np.array([holds(name, 0, False, share) for name in names])
    nobody = [holds(name, 0, False, 0.0) for name in names]
    assert not any(nobody)
    won = random.random(len(names)) < after_a_week
    odds = hold_propensity(False, 0, share)
    estimate = float((won * waits / odds).mean())
    error = float((won * waits / odds).std() / np.sqrt(len(names)))
    assert 800 < waits.sum() < 1_200
    assert 0.005 < error < 0.02
    assert abs(estimate - after_a_week) < 3 * error
