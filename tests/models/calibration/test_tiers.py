"""Tiers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import DataError
from models.calibration.tiers import fit_cutoffs, tier
from models.params import TiersParams

PARAMS = TiersParams(A=0.1, B=0.2, C=0.3)


def shares(probabilities: np.ndarray) -> dict[str, float]:
    names = tier(probabilities, fit_cutoffs(probabilities, PARAMS))
    return {name: float((names == name).mean()) for name in "ABCD"}


def test_tiers_take_their_shares() -> None:
    p = np.random.default_rng(0).random(1000)
    assert shares(p) == pytest.approx({"A": 0.1, "B": 0.2, "C": 0.3, "D": 0.4})


def test_equal_probabilities_share_a_tier() -> None:
    p = np.array([0.9] + [0.5] * 5 + [0.1] * 4)
    assert shares(p) == {"A": 0.1, "B": 0.0, "C": 0.5, "D": 0.4}
    same = np.full(10, 0.3)
    assert fit_cutoffs(same, PARAMS) == {"A": 1.0, "B": 1.0, "C": 0.0}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(0, 2**16), st.integers(1, 50))
def test_cutoffs_fall_and_float32_does_not_change_a_tier(rows: int, seed: int, levels: int) -> None:
    p = np.round(np.random.default_rng(seed).random(rows) * levels) / levels / 1.7
    cutoffs = fit_cutoffs(p, PARAMS)
    assert 1.0 >= cutoffs["A"] >= cutoffs["B"] >= cutoffs["C"] >= 0.0
    assert (tier(p, cutoffs) == tier(p.astype(np.float32), cutoffs)).all()
    best_first = tier(np.sort(p)[::-1], cutoffs)
    assert (np.sort(best_first) == best_first).all()


def test_one_probability_alone() -> None:
    assert tier(0.2, {"A": 0.5, "B": 0.2, "C": 0.1}).item() == "B"


def test_no_rows_message() -> None:
    with pytest.raises(DataError, match=r"tiers: 0 rows.*Use a longer history"):
        fit_cutoffs(np.array([]), PARAMS)
    with pytest.raises(DataError, match=r"2 rows, 1 of them without a probability"):
        fit_cutoffs(np.array([0.1, np.nan]), PARAMS)
