"""The ladder: few leads get a stack near the simple models, many get LightGBM bit for bit; every rung is served exactly."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from features.errors import BundleError, DataError
from models.answers.requests import LeadRequest
from models.answers.scoring import probabilities, score_requests
from models.bundle import Bundle
from models.fitting.additive import AdditiveModel, CategoryTerm, NumberTerm, combined
from models.fitting.binned_rows import bin_rows
from models.fitting.boosting import train_part
from models.fitting.cross_fitting import cross_fit
from models.fitting.folds import Fold
from models.fitting.half_samples import draw_halves
from models.fitting.ladder import climb, fit_stack
from models.fitting.linear import ENTRY, fit_base_rate, fit_entry, fit_linear, fit_segments, robust_columns
from models.fitting.stack import Stack
from models.fitting.stack_weights import weigh_mean
from models.params import TrainParams
from models.quality.metrics import log_loss

NAMES = [
    "count__all__90d",
    "count__all__365d",
    "days_since_last__all",
    "attribute__size",
    "attribute__role",
    "trend__all__90d",
]
CATEGORICAL = [4]
PARAMS = TrainParams(num_threads=1, max_rounds=80, early_stopping_rounds=10, min_data_in_leaf=10)


def drawn(rows: int, signal: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Features with gaps, and labels that a linear score of three of them drives."""
    random = np.random.default_rng(seed)
    matrix = np.column_stack(
        [
            random.poisson(3.0, rows),
            random.poisson(9.0, rows),
            np.where(random.random(rows) < 0.2, np.nan, random.exponential(20.0, rows)),
            random.lognormal(4.0, 1.0, rows),
            np.where(random.random(rows) < 0.1, np.nan, random.integers(0, 4, rows)),
            random.normal(size=rows),
        ]
    ).astype(np.float32)
    score = np.log1p(matrix[:, 1]) - 2.3 + 0.8 * (matrix[:, 4] == 2) - 0.4 * (np.log(matrix[:, 3]) - 4.0)
    return matrix, (random.random(rows) < expit(signal * score - 1.6)).astype(np.float64)


def thirds(rows: int) -> list[Fold]:
    cuts = np.array_split(np.arange(rows), 4)
    return [(np.concatenate(cuts[:k]), cuts[k]) for k in (1, 2, 3)]


def fitted(rows: int, signal: float, **options: Any) -> tuple[Stack, dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    matrix, labels = drawn(rows, signal)
    weights, groups = np.ones(rows), np.arange(rows).astype(str)
    decided = climb((matrix, labels, weights), groups, thirds(rows), PARAMS, NAMES, CATEGORICAL, **options)
    binned = bin_rows(matrix, labels, weights, NAMES, CATEGORICAL)
    stack = fit_stack(binned, np.arange(rows), weights, groups, decided, PARAMS, CATEGORICAL).stack
    return stack, decided.facts, (matrix, labels)


@pytest.fixture(scope="module")
def few() -> tuple[Stack, dict[str, Any], tuple[np.ndarray, np.ndarray]]:
    return fitted(240, 1.0)


def test_few_leads_get_a_stack_that_beats_the_trees_and_the_base_rate_later(few) -> None:
    stack, facts, (matrix, labels) = few
    assert facts["rule"] == "few"
    assert stack.additive is not None
    later, outcome = drawn(4000, 1.0, seed=2)
    of_stack = log_loss(outcome, expit(stack.predict_log_odds(later)))
    rounds = cross_fit(matrix, labels, np.ones(240), thirds(240), PARAMS, NAMES, CATEGORICAL)[1]
    trees = train_part(bin_rows(matrix, labels, np.ones(240), NAMES, CATEGORICAL), np.arange(240), PARAMS, rounds)
    assert of_stack < log_loss(outcome, expit(trees.predict_log_odds(later)))
    assert of_stack < log_loss(outcome, np.full(4000, labels.mean())) - 0.01


def test_without_a_signal_it_stays_near_the_base_rate() -> None:
    stack, _, (_, labels) = fitted(160, 0.0)
    later, outcome = drawn(4000, 0.0, seed=2)
    assert (
        log_loss(outcome, expit(stack.predict_log_odds(later))) < log_loss(outcome, np.full(4000, labels.mean())) + 0.01
    )


def test_plenty_of_leads_get_the_trees_bit_for_bit() -> None:
    stack, facts, (matrix, labels) = fitted(400, 1.0, look_below=10)
    assert facts == {"positives": int(labels.sum()), "rule": "plenty"}
    rounds = cross_fit(matrix, labels, np.ones(400), thirds(400), PARAMS, NAMES, CATEGORICAL)[1]
    plain = train_part(bin_rows(matrix, labels, np.ones(400), NAMES, CATEGORICAL), np.arange(400), PARAMS, rounds)
    assert stack.additive is None
    assert stack.to_text() == plain.to_text()
    assert stack.predict_log_odds(matrix).tobytes() == plain.predict_log_odds(matrix).tobytes()
    assert stack.contributions(matrix[:5]).tobytes() == plain.contributions(matrix[:5]).tobytes()
    assert json.loads(stack.to_json()) == {"weight": 1.0, "additive": None}


def test_some_hundred_positives_get_a_mean_of_two_models() -> None:
    stack, facts, (matrix, labels) = fitted(1200, 1.0)
    assert facts["rule"] == "better"
    weights = facts["weights"]
    assert weights["segments"] == 0.0
    assert 0.2 < weights["trees"] < 0.8
    assert weights["linear"] > 0.2
    assert weights["linear"] + weights["trees"] <= 1.0 + 1e-9
    later, outcome = drawn(6000, 1.0, seed=2)
    rounds = cross_fit(matrix, labels, np.ones(1200), thirds(1200), PARAMS, NAMES, CATEGORICAL)[1]
    trees = train_part(bin_rows(matrix, labels, np.ones(1200), NAMES, CATEGORICAL), np.arange(1200), PARAMS, rounds)
    alone = trees.predict_log_odds(later)
    assert log_loss(outcome, expit(stack.predict_log_odds(later))) < log_loss(outcome, expit(alone))
    groups = np.arange(1200).astype(str)
    linear = fit_linear(matrix, labels, np.ones(1200), groups, NAMES, CATEGORICAL).model.predict_log_odds(later)
    base = fit_entry(matrix, labels, np.ones(1200), groups, NAMES).predict_log_odds(later)
    expected = base + weights["linear"] * (linear - base) + weights["trees"] * (alone - base)
    np.testing.assert_allclose(stack.predict_log_odds(later), expected, atol=1e-9)


def test_folds_of_another_level_make_no_weights_above_a_mean() -> None:
    """What two models of like mind say of folds can always be made bolder; a mean is never bolder than its parts."""
    random = np.random.default_rng(8)
    z = random.normal(size=4000)
    y = (random.random(4000) < expit(3.0 * z - 1.0)).astype(np.float64)
    base = np.full(4000, -1.0)
    weights = weigh_mean(np.vstack([z, z + random.normal(0, 0.1, 4000)]), base, y, np.ones(4000))
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert (weights > 0.2).all()


def test_contributions_are_exact_and_a_row_alone_has_the_same_bits(few) -> None:
    stack, _, (matrix, _) = few
    log_odds, parts = stack.predict_log_odds(matrix), stack.contributions(matrix)
    np.testing.assert_allclose(parts.sum(axis=1), log_odds, rtol=0, atol=1e-12)
    assert set(parts[:, -1]) == {stack.base_value}
    for row in range(40):
        assert stack.predict_log_odds(matrix[row : row + 1]).tobytes() == log_odds[row : row + 1].tobytes()
        assert stack.contributions(matrix[row : row + 1]).tobytes() == parts[row : row + 1].tobytes()


def test_text_and_json_hold_it_exactly(few) -> None:
    stack, _, (matrix, _) = few
    again = Stack.read(stack.to_text(), stack.to_json(), NAMES)
    assert again.predict_log_odds(matrix).tobytes() == stack.predict_log_odds(matrix).tobytes()
    assert again.to_json() == stack.to_json()


def test_a_linear_models_reasons_are_coefficient_times_distance_from_the_mean() -> None:
    term = NumberTerm(0, True, 0.0, 3.0, np.log(2.0), 0.5, 0.0, -0.25)
    model = AdditiveModel(("a", "b"), -1.0, (term,), (CategoryTerm(1, (0.1, 0.7), -0.3),))
    rows = np.array([[1, 1], [np.expm1(2.0), 0], [1e9, 5], [np.nan, np.nan], [-4, -1]], dtype=np.float32)
    mean = np.log(2.0)
    expected = [[0, 0.7], [0.5 * (2 - mean), 0.1], [0.5 * (3 - mean), -0.3], [-0.25, -0.3], [0.5 * -mean, -0.3]]
    np.testing.assert_allclose(model.contributions(rows)[:, :2], expected, atol=1e-7)
    np.testing.assert_allclose(model.predict_log_odds(rows), -1.0 + np.sum(expected, axis=1), atol=1e-7)


def test_models_add_up_with_their_weights() -> None:
    matrix, labels = drawn(300, 1.0)
    weights, groups = np.ones(300), np.arange(300).astype(str)
    segments = fit_segments(matrix, labels, weights, groups, NAMES, CATEGORICAL)
    fit = fit_linear(matrix, labels, weights, groups, NAMES, CATEGORICAL)
    linear, variance = fit.model, fit.variance()
    both = combined([(0.3, segments), (0.6, linear)], -0.1)
    expected = 0.3 * segments.predict_log_odds(matrix) + 0.6 * linear.predict_log_odds(matrix) - 0.1
    np.testing.assert_allclose(both.predict_log_odds(matrix), expected, atol=1e-12)
    assert (variance > 0).all()


def test_terms_of_one_number_add_up_only_where_they_look_at_it_alike() -> None:
    term = NumberTerm(0, True, 0.0, 4.0, 1.5, 0.3, 0.1, -0.2)
    one, other = (AdditiveModel(("x",), base, (term,), ()) for base in (0.5, -1.0))
    both = combined([(0.25, one), (2.0, other)], 1.0)
    rows = np.array([[0.0], [9.0], [np.nan]], np.float32)
    expected = 0.25 * one.predict_log_odds(rows) + 2.0 * other.predict_log_odds(rows) + 1.0
    np.testing.assert_allclose(both.predict_log_odds(rows), expected, atol=1e-12)
    with pytest.raises(ValueError, match="column 0: two models have different terms"):
        combined([(1.0, one), (1.0, replace(other, numbers=(replace(term, mean=1.0),)))], 0.0)


def test_few_leads_tell_their_first_moment_from_later_ones() -> None:
    """Most rows are later looks at a lead, whose rate is half as high; a lead's first moment must not be told their rate."""
    random = np.random.default_rng(4)
    first = np.tile([True, False, False, False], 60)
    days = np.where(first, 0.0, random.integers(1, 12, 240) * 7.0)
    names = [*(f"attribute__x{number}" for number in range(60)), ENTRY]
    matrix = np.column_stack([random.normal(size=(240, 60)), days]).astype(np.float32)
    labels = (random.random(240) < np.where(first, 0.3, 0.08)).astype(np.float64)
    weights, groups = np.ones(240), np.repeat(np.arange(60), 4).astype(str)
    decided = climb((matrix, labels, weights), groups, thirds(240), PARAMS, names, [])
    binned = bin_rows(matrix, labels, weights, names, [])
    assert decided.facts["low"] < 0.0, "to know a look's time alone is no gain"
    stack = fit_stack(binned, np.arange(240), weights, groups, decided, PARAMS, []).stack
    told = expit(stack.predict_log_odds(matrix))
    rates = labels[first].mean(), labels[~first].mean()
    entry = expit(fit_entry(matrix, labels, weights, groups, names).predict_log_odds(matrix))
    for p in (told, entry):
        assert p[first].mean() - p[~first].mean() > 0.5 * (rates[0] - rates[1])
    contributions = stack.contributions(matrix)
    np.testing.assert_allclose(contributions.sum(axis=1), stack.predict_log_odds(matrix), atol=1e-9)


def test_segments_are_found_where_they_tell_something_and_shrunk() -> None:
    random = np.random.default_rng(3)
    role = random.integers(0, 3, 600)
    matrix = np.column_stack([np.zeros((600, 4)), role, np.zeros(600)]).astype(np.float32)
    for effect in (0.0, 1.5):
        labels = (random.random(600) < expit(-1.5 + effect * (role == 1))).astype(np.float64)
        model = fit_segments(matrix, labels, np.ones(600), np.arange(600), NAMES, CATEGORICAL)
        assert bool(model.categories) is (effect > 0)
    rates = np.array([labels[role == code].mean() for code in range(3)])
    told = expit(model.predict_log_odds(matrix[[int(np.flatnonzero(role == code)[0]) for code in range(3)]]))
    assert (abs(told - labels.mean()) < abs(rates - labels.mean())).all()


def test_rows_of_one_account_are_not_so_many_pieces_of_evidence() -> None:
    matrix, labels = drawn(120, 1.0)
    once = fit_linear(matrix, labels, np.ones(120), np.arange(120), NAMES, CATEGORICAL).model
    often = fit_linear(
        np.repeat(matrix, 8, 0), np.repeat(labels, 8), np.ones(960), np.repeat(np.arange(120), 8), NAMES, CATEGORICAL
    ).model
    np.testing.assert_allclose(often.predict_log_odds(matrix), once.predict_log_odds(matrix), atol=1e-5)


def test_columns_without_content_leave_the_base_rate() -> None:
    labels = np.array([1.0] + [0.0] * 9)
    fit = fit_linear(np.full((10, 6), np.nan, np.float32), labels, np.ones(10), np.arange(10), NAMES, CATEGORICAL)
    model, variance = fit.model, fit.variance()
    np.testing.assert_allclose(expit(model.predict_log_odds(np.zeros((1, 6), np.float32))), 0.1)
    assert model.base == fit_base_rate(labels, np.ones(10), NAMES).base
    assert np.isfinite(variance).all()
    assert robust_columns(["x", "y"]) == [0, 1]


Spoil = Callable[[dict[str, Any]], Any]
BAD: dict[str, Spoil] = {
    "no weight": lambda raw: raw.pop("weight"),
    "weight as text": lambda raw: raw.update(weight="1"),
    "weight below 0": lambda raw: raw.update(weight=-0.1),
    "weight too large": lambda raw: raw.update(weight=11),
    "more than it must hold": lambda raw: raw.update(code="import os"),
    "trees alone, with a weight": lambda raw: raw.update(additive=None, weight=0.5),
    "additive is a list": lambda raw: raw.update(additive=[]),
    "base too large": lambda raw: raw["additive"].update(base=1e7),
    "base true": lambda raw: raw["additive"].update(base=True),
    "column out of range": lambda raw: raw["additive"]["numbers"][0].update(column=6),
    "column below 0": lambda raw: raw["additive"]["numbers"][0].update(column=-1),
    "column twice": lambda raw: raw["additive"]["numbers"].append(raw["additive"]["numbers"][0]),
    "a coefficient is null": lambda raw: raw["additive"]["numbers"][0].update(coefficient=None),
    "low above high": lambda raw: raw["additive"]["numbers"][0].update(low=9.0, high=1.0),
    "logged is a number": lambda raw: raw["additive"]["numbers"][0].update(logged=1),
    "a field is missing": lambda raw: raw["additive"]["numbers"][0].pop("mean"),
    "effects are no list": lambda raw: raw["additive"]["categories"][0].update(effects=3),
    "an effect is text": lambda raw: raw["additive"]["categories"][0].update(effects=["a"]),
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD.keys())
def test_what_is_no_ladder_is_refused(few, spoil: Spoil) -> None:
    stack = few[0]
    raw = json.loads(stack.to_json())
    assert raw["additive"]["categories"], "there is one to spoil"
    spoil(raw)
    with pytest.raises(BundleError, match=r"ladder\.json"):
        Stack.read(stack.to_text(), json.dumps(raw), NAMES)


@pytest.fixture(scope="module")
def stacked(small_bundle: Bundle, rows: tuple[np.ndarray, np.ndarray]) -> Bundle:
    matrix, labels = rows
    ones, groups, names = np.ones(len(labels)), np.arange(len(labels)).astype(str), small_bundle.catalog.names
    additive = fit_linear(matrix, labels.astype(float), ones, groups, names, small_bundle.catalog.categorical).model
    return replace(small_bundle, classifier=Stack(small_bundle.classifier.trees, 0.5, additive))


def test_a_bundle_keeps_the_stack(stacked: Bundle, rows: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    stacked.save(tmp_path)
    again = Bundle.load(tmp_path).classifier
    matrix = rows[0]
    assert again.predict_log_odds(matrix).tobytes() == stacked.classifier.predict_log_odds(matrix).tobytes()
    assert again.contributions(matrix[:3]).tobytes() == stacked.classifier.contributions(matrix[:3]).tobytes()


def test_online_is_offline_and_reasons_sum_to_the_log_odds(stacked: Bundle, parsed: list[LeadRequest]) -> None:
    answers = score_requests(stacked, parsed, n_reasons=10, debug=True)
    matrix = np.array([item.vector for item in answers])
    offline = probabilities(stacked, matrix)
    log_odds = stacked.classifier.predict_log_odds(matrix)
    scored = [k for k, item in enumerate(answers) if item.not_scored is None]
    assert len(scored) > 10
    for k in scored:
        item = answers[k]
        assert (item.probability, item.low, item.high) == tuple(float(part[k]) for part in offline)
        assert item.base_value == stacked.classifier.base_value
        assert item.fit is not None
        assert item.engagement is not None
        np.testing.assert_allclose(item.fit + item.engagement + item.base_value, log_odds[k], atol=1e-9)
    assert any(item.reasons for item in answers)


def test_halves_of_few_positives_hold_both_labels() -> None:
    labels = np.array([1.0] * 4 + [0.0] * 46)
    halves = draw_halves(np.arange(50), 40, 7, labels)
    assert len(halves) == 40
    assert all(np.unique(labels[half]).size == 2 for half in halves)
    with pytest.raises(DataError, match="can't be halved"):
        draw_halves(np.array([0] * 4 + list(range(1, 47))), 4, 7, labels)
