"""Segments and fairness: literal tables, and honest counts of comparisons."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import ParameterError
from models.params import EvaluateParams
from models.quality.fairness import fairness
from models.quality.segments import flag, holm, segments, selected

PARAMS = EvaluateParams(bootstrap=60)
LABELS = np.array([1, 0, 1, 0, 1, 1, 0, 0, 0, 0], dtype=float)
PROBABILITIES = np.array([0.9, 0.1, 0.8, 0.3, 0.2, 0.4, 0.4, 0.2, 0.1, 0.1])
GROUPS = np.array(list("aabbccddee"))
KIND = pd.Categorical(["x"] * 4 + ["y"] * 4 + [None] * 2, categories=["y", "x"])


def test_a_segment_is_measured_as_by_hand() -> None:
    found = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2)["kind"]
    assert [(cell["value"], cell["rows"], cell["positives"], cell["measured"]) for cell in found] == [
        ("y", 4, 2, True),
        ("x", 4, 2, True),
        (None, 2, 0, False),
    ]
    y, x, missing = found
    assert x["auc"]["value"] == 1.0
    assert y["auc"]["value"] == 0.5  # of four pairs one right, one wrong, two even
    assert x["mean_probability"]["value"] == pytest.approx(0.525)
    assert x["calibration_gap"]["value"] == pytest.approx(0.025)
    assert x["lift_at_capacity"]["value"] == 2.0  # half of it is worked, and that half holds all positives
    assert x["log_loss"]["value"] == pytest.approx(-np.log([0.9, 0.9, 0.8, 0.7]).mean())
    assert set(missing) == {"value", "rows", "positives", "base_rate", "measured"}
    for cell in (x, y):
        assert cell["calibration_gap"]["low"] <= cell["calibration_gap"]["value"] <= cell["calibration_gap"]["high"]


def test_rows_drawn_by_class_are_weighed_as_they_occur() -> None:
    weights = np.where(LABELS == 1, 0.5, 2.0)
    x = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2, weights)["kind"][1]
    assert (x["rows"], x["positives"], x["base_rate"]) == (4, 2, 0.2)
    assert x["mean_probability"]["value"] == pytest.approx((0.5 * 1.7 + 2.0 * 0.4) / 5.0)
    fair = fairness(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 2, LABELS == 1, PARAMS, 2, weights)["kind"][1]
    assert fair["selection_rate"]["value"] == pytest.approx(0.2)


def test_the_order_of_rows_changes_nothing() -> None:
    order = np.random.default_rng(1).permutation(len(LABELS))
    once = segments(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 5, PARAMS, 2)
    again = segments(LABELS[order], PROBABILITIES[order], GROUPS[order], {"kind": KIND[order]}, 5, PARAMS, 2)
    for one, two in zip(once["kind"], again["kind"], strict=True):
        assert one.keys() == two.keys()
        if one["measured"]:
            assert one["auc"] == two["auc"]
            assert one["calibration_gap"]["low"] == pytest.approx(two["calibration_gap"]["low"])


def test_a_segment_whose_rows_hang_together_has_a_wider_interval() -> None:
    random = np.random.default_rng(2)
    p = random.uniform(0.1, 0.9, 400)
    y = (random.random(400) < p).astype(float)
    same = np.repeat([0, 1], 200)
    everywhere = pd.Categorical(["all"] * 400)
    width = {}
    for name, groups in (("alone", np.arange(800)), ("pairs", np.repeat(np.arange(400), 2))):
        twice = [np.repeat(values, 2) for values in (y, p)]
        cell = segments(*twice, groups, {"d": everywhere[np.repeat(same, 2) * 0]}, 80, PARAMS, 20)["d"][0]
        width[name] = cell["calibration_gap"]["high"] - cell["calibration_gap"]["low"]
    assert width["pairs"] > 1.15 * width["alone"]


def _many(shift: float) -> dict[str, list[dict[str, Any]]]:
    random = np.random.default_rng(11)
    p = random.uniform(0.1, 0.6, 8_000)
    y = (random.random(8_000) < p).astype(float)
    values = np.repeat(np.arange(40), 200)
    shown = np.where(values == 3, np.clip(p + shift, 0.0, 1.0), p)
    names = pd.Categorical([f"s{value:02d}" for value in values])
    return segments(y, shown, np.arange(8_000), {"d": names}, 800, EvaluateParams(bootstrap=200), 20)


def test_of_many_calibrated_segments_some_look_off_and_none_is_flagged() -> None:
    cells = _many(0.0)["d"]
    assert sum(cell["apart"] for cell in cells) >= 1
    assert not any(cell["flagged"] for cell in cells)


def test_a_segment_that_is_really_off_is_flagged_among_many() -> None:
    assert [cell["value"] for cell in _many(0.2)["d"] if cell["flagged"]] == ["s03"]


def test_holm_is_never_below_the_chance_and_never_above_bonferroni() -> None:
    chances = [0.001, 0.2, 0.02, 0.9, 0.02]
    for chance, adjusted in zip(chances, holm(chances), strict=True):
        assert chance <= adjusted <= min(1.0, 5 * chance)
    assert holm([]) == []


def test_a_cell_without_an_interval_is_not_flagged() -> None:
    cell = {"calibration_gap": {"value": 0.3, "low": None, "high": None}, "p": None}
    flag([cell])
    assert (cell["apart"], cell["flagged"]) == (False, False)


def test_capacity_shares_what_is_left_among_equals() -> None:
    for capacity in range(1, 11):
        assert selected(PROBABILITIES, capacity).sum() == pytest.approx(capacity)
    with pytest.raises(ParameterError, match="capacity is 11 rows of 10"):
        selected(PROBABILITIES, 11)


def test_fairness_as_by_hand() -> None:
    tier_ab = PROBABILITIES >= 0.4
    found = fairness(LABELS, PROBABILITIES, GROUPS, {"kind": KIND}, 2, tier_ab, PARAMS, 2)["kind"]
    y, x, missing = found
    assert not missing["measured"]
    assert x["selection_rate"]["value"] == 0.5  # 0.9 and 0.8 are the two best
    assert x["selection_rate"]["difference"]["value"] == 0.5
    assert x["true_positive_rate"]["value"] == 1.0
    assert y["true_positive_rate"]["value"] == 0.0
    assert y["true_positive_rate"]["difference"]["value"] == -1.0
    assert y["tier_ab_rate"]["value"] == 0.5
    assert y["tier_ab_rate"]["difference"]["value"] == pytest.approx(0.5 - 2 / 6)
    assert y["calibration_gap"]["value"] == pytest.approx(-0.2)
