"""Who is called this week: no slot is wasted, nobody is held for ever, and advice that goes back and forth is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.timing.policy import flips, hold_back, shadow_price, slots_of_week

CHANCES = st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30)


@given(CHANCES, st.integers(0, 12))
def test_no_slot_stays_empty_while_a_lead_waits_that_is_not_held(leads: list[tuple[int, bool]], slots: int) -> None:
    now, held = np.array([p / 20 for p, _ in leads]), np.array([h for _, h in leads], dtype=bool)
    chosen = slots_of_week(now, held, slots)
    assert len(chosen) == min(slots, int((~held).sum()))
    assert not held[chosen].any()
    others = np.setdiff1d(np.flatnonzero(~held), chosen)
    if len(chosen) and len(others):
        assert now[chosen].min() >= now[others].max()


@given(CHANCES, st.integers(1, 12))
def test_over_a_week_of_requests_the_price_fills_every_slot(leads: list[tuple[int, bool]], slots: int) -> None:
    """Each lead is asked about by itself, against the price of the whole queue: as many are called now as there are slots."""
    now, held = np.array([p / 20 for p, _ in leads]), np.array([h for _, h in leads], dtype=bool)
    price = shadow_price(now, held, slots)
    called_now = sum(1 for chance, waits in zip(now, held, strict=True) if not waits and chance >= price)
    assert called_now >= min(slots, int((~held).sum()))


def test_the_price_is_that_of_the_last_slot_and_nothing_while_slots_are_left() -> None:
    now, nobody = np.array([0.1, 0.4, 0.2]), np.zeros(3, dtype=bool)
    assert shadow_price(now, nobody, 2) == 0.2
    assert shadow_price(now, nobody, 3) == shadow_price(now, nobody, 9) == 0.0
    assert shadow_price(now, nobody, 0) == 1.0
    assert shadow_price(np.zeros(0), np.zeros(0, bool), 0) == 0.0


@pytest.mark.parametrize(("age", "held"), [(0.0, True), (27.9, True), (28.0, False), (100.0, False)])
def test_nobody_is_held_longer_than_four_weeks(age: float, held: bool) -> None:
    later = np.array([[0.1], [0.9]])
    assert hold_back(np.array([0.2]), later, np.array([age]), 0.05, 28.0).tolist() == [held]


def test_a_wait_must_gain_more_than_the_threshold() -> None:
    now = np.array([0.2, 0.2, 0.2])
    later = np.array([[0.2, 0.21, 0.2101], [0.1, 0.1, 0.1]])
    assert hold_back(now, later, np.zeros(3), 0.05, 28.0).tolist() == [False, False, True]


def test_flips_are_runs_of_three_weeks_that_end_as_they_began() -> None:
    follows = np.array([1, 2, -1, 4, 5, -1])
    assert flips(np.array([True, False, True, False, False, True]), follows) == 0.5
    assert np.isnan(flips(np.array([True]), np.array([-1])))
