"""Intervals: the classifier's own uncertainty, the shift of the level, and whether what they promise holds."""

import numpy as np
import pytest
from scipy.special import expit, logit

from models.calibration.fits import fit_calibration
from models.calibration.interval_coverage import covered_means, covered_rates, score_groups
from models.calibration.level_shift import level_shift, month_blocks
from models.fitting.binned_rows import bin_rows
from models.fitting.boosting import train
from models.fitting.half_samples import answer_of_half, draw_halves, fit_uncertainty
from models.fitting.prior_correction import population_weights, prior_offset, shift_log_odds
from models.fitting.uncertainty import Uncertainty
from models.params import CalibrationParams, TrainParams

TRAIN = TrainParams(num_threads=1, learning_rate=0.1, max_rounds=60, min_data_in_leaf=20, num_leaves=7)
NAMES = [f"x{i}" for i in range(6)]


def world(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, true log-odds, labels."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, len(NAMES))).astype(np.float32)
    truth = matrix[:, 0] - 0.7 * np.abs(matrix[:, 1]) + 0.5 * matrix[:, 2] * (matrix[:, 3] > 0) - 1.0
    return matrix, truth, (random.random(rows) < expit(truth)).astype(np.float64)


def fitted_uncertainty(matrix: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Uncertainty:
    rows = bin_rows(matrix, labels, np.ones(len(labels)), NAMES, [])
    answers = [answer_of_half(rows, half, TRAIN, 60) for half in draw_halves(groups, 8, TRAIN.seed, labels)]
    return fit_uncertainty(rows, answers, TRAIN.seed)


def uncertainty_of(rows: int, seed: int = 1) -> Uncertainty:
    matrix, _, labels = world(rows, seed)
    return fitted_uncertainty(matrix, labels, np.arange(rows) // 2)


def test_spread_is_how_far_other_training_sets_would_lie() -> None:
    fresh, _, _ = world(1500, 99)
    answers = []
    for seed in range(20):
        matrix, _, labels = world(1500, seed)
        answers.append(train(matrix, labels, np.ones(1500), TRAIN, NAMES, []).predict_log_odds(fresh))
    real = np.std(answers, axis=0, ddof=1)
    told = np.mean([uncertainty_of(1500, seed).predict(fresh) for seed in (1, 2, 3)], axis=0)
    assert np.sqrt((told**2).mean() / (real**2).mean()) == pytest.approx(1.0, abs=0.25)
    assert np.corrcoef(told, real)[0, 1] > 0.1


def test_spread_narrows_with_rows() -> None:
    fresh, _, _ = world(500, 99)
    assert uncertainty_of(4000).predict(fresh).mean() < 0.75 * uncertainty_of(600).predict(fresh).mean()


def test_one_row_alone_has_the_same_spread_and_survives_text() -> None:
    fresh, _, _ = world(65, 99)
    uncertainty = uncertainty_of(600)
    together = uncertainty.predict(fresh)
    assert together.tobytes() == np.concatenate([uncertainty.predict(fresh[i : i + 1]) for i in range(65)]).tobytes()
    assert Uncertainty.from_text(uncertainty.to_text(), NAMES).predict(fresh).tobytes() == together.tobytes()


def test_intervals_hold_the_true_probability() -> None:
    matrix, _, labels = world(3000, 5)
    fit, held = slice(0, 2000), slice(2000, 3000)
    model = train(matrix[fit], labels[fit], np.ones(2000), TRAIN, NAMES, [])
    section = CalibrationParams(halves=8, bootstrap=50)
    groups = np.arange(2000) // 2
    uncertainty = fitted_uncertainty(matrix[fit], labels[fit], groups)
    calibration = fit_calibration(
        model.predict_log_odds(matrix[held]), labels[held], np.ones(1000), np.arange(1000), section, 3
    )
    new, truth, drawn = world(20_000, 77)
    p, low, high = calibration.apply(model.predict_log_odds(new), uncertainty.predict(new))
    narrow = calibration.apply(model.predict_log_odds(new))
    assert covered_means(p, low, high, expit(truth)) >= 0.9
    assert (low < narrow[1]).all()
    assert (high > narrow[2]).all()
    found = covered_rates(drawn, p, low, high, 0.9)
    assert found["groups"] == 50
    assert found["share"] >= 0.9


def test_very_little_data_is_very_uncertain() -> None:
    matrix, _, labels = world(120, 6)
    section = CalibrationParams(halves=8, bootstrap=50)
    uncertainty = fitted_uncertainty(matrix, labels, np.arange(120))
    model = train(matrix, labels, np.ones(120), TRAIN, NAMES, [])
    calibration = fit_calibration(model.predict_log_odds(matrix), labels, np.ones(120), np.arange(120), section, 3)
    new, _, _ = world(500, 8)
    _, low, high = calibration.apply(model.predict_log_odds(new), uncertainty.predict(new))
    assert (high - low).max() > 0.4


def months(shift: float, seed: int, count: int = 12, rows: int = 600) -> float:
    random = np.random.default_rng(seed)
    z = random.normal(-1.0, 1.0, count * rows)
    block = np.repeat(np.arange(count), rows)
    levels = random.normal(0.0, shift, count) if shift else np.zeros(count)
    y = (random.random(len(z)) < expit(z + levels[block])).astype(float)
    return level_shift(z, y, np.ones(len(z)), np.arange(len(z)) // 2, block)


def test_level_shift_is_what_chance_does_not_explain() -> None:
    assert np.mean([months(0.4, seed) for seed in range(10)]) == pytest.approx(0.4, abs=0.1)
    assert np.mean([months(0.0, seed) for seed in range(10)]) < 0.06
    assert level_shift(np.zeros(40), np.tile([0.0, 1.0], 20), np.ones(40), np.arange(40), np.zeros(40)) == 0.0


def test_rows_of_one_account_are_not_taken_for_many() -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(10):
        account = np.repeat(np.arange(240), 10)
        y = np.repeat((random.random(240) < 0.3).astype(float), 10)  # every account has one outcome
        block = account // 20
        found.append(level_shift(np.full(2400, logit(0.3)), y, np.ones(2400), account, block))
    assert np.mean(found) < 0.25


def test_months_and_tenths() -> None:
    days = np.array(["2026-01-31", "2026-02-01", "2026-02-28"], dtype="datetime64[us]")
    assert np.diff(month_blocks(days, ordinal=False)).tolist() == [1, 0]
    assert (
        month_blocks(np.arange(20).astype("datetime64[m]"), ordinal=True).tolist() == np.repeat(range(10), 2).tolist()
    )


def test_a_moving_level_widens_the_interval() -> None:
    random = np.random.default_rng(2)
    z = random.normal(-1.0, 1.0, 6000)
    block = np.repeat(np.arange(10), 600)
    y = (random.random(6000) < expit(z + random.normal(0.0, 0.6, 10)[block])).astype(float)
    section = CalibrationParams(method="sigmoid", bootstrap=50)
    still = fit_calibration(z, y, np.ones(6000), np.arange(6000), section, 1)
    moving = fit_calibration(z, y, np.ones(6000), np.arange(6000), section, 1, block)
    assert still.level_shift == 0.0
    assert moving.level_shift > 0.3
    p, low, high = moving.apply(np.array([0.0]))
    narrow = still.apply(np.array([0.0]))
    assert p == narrow[0]
    assert high - low > 2.0 * (narrow[2] - narrow[1])


def test_over_sampled_rows_give_the_populations_probabilities() -> None:
    random = np.random.default_rng(3)
    z = random.normal(-2.5, 1.2, 200_000)
    y = (random.random(len(z)) < expit(z)).astype(float)
    keep = (y == 1) | (random.random(len(z)) < 0.1)  # one negative in ten
    offset = prior_offset(float(y[keep].mean()), float(y.mean()))
    section = CalibrationParams(method="sigmoid", bootstrap=20)
    fitted = fit_calibration(z[keep], y[keep], np.ones(keep.sum()), np.arange(keep.sum()), section, 1, offset=offset)
    grid = np.linspace(-4.0, 0.0, 9)
    assert fitted.apply(grid)[0] == pytest.approx(expit(grid), abs=0.01)
    weights = population_weights(y[keep], float(y[keep].mean()), float(y.mean()))
    assert np.average(y[keep], weights=weights) == pytest.approx(y.mean())
    assert shift_log_odds(expit(grid), offset) == pytest.approx(expit(grid + offset))
    assert shift_log_odds(np.array([0.0, 1.0]), offset).tolist() == [0.0, 1.0]


def test_groups_are_ranges_of_like_probability() -> None:
    random = np.random.default_rng(4)
    p = random.random(1000)
    groups = score_groups(p)
    assert np.bincount(groups).tolist() == [20] * 50
    assert (np.diff(groups[np.argsort(p)]) >= 0).all()


def test_too_narrow_intervals_are_found_out() -> None:
    random = np.random.default_rng(5)
    p = random.beta(2.0, 6.0, 20_000)
    labels = (random.random(20_000) < np.clip(p + 0.08, 0.0, 1.0)).astype(float)
    assert covered_rates(labels, p, p - 0.01, p + 0.01, 0.9)["share"] < 0.3
    assert covered_rates(labels, p, p - 0.1, p + 0.1, 0.9)["share"] >= 0.9
