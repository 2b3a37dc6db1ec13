"""Calibration: recovers known maps, keeps order, survives JSON, and treats every row alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from features.errors import BundleError, DataError
from models.calibration.apply import Calibration
from models.calibration.fits import choose_method, fit_calibration, fit_map
from models.calibration.maps import METHODS
from models.params import CalibrationParams


def sample(
    rows: int = 3000, seed: int = 0, slope: float = 0.6, shift: float = -0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(-1.0, 1.5, rows)
    y = (random.random(rows) < expit(slope * x + shift)).astype(float)
    return x, y, np.ones(rows), np.array([f"g{i // 2}" for i in range(rows)], dtype=object)


def fit(method: str, rows: int = 3000, seed: int = 0, bootstrap: int = 40) -> Calibration:
    x, y, w, groups = sample(rows, seed)
    return fit_calibration(x, y, w, groups, CalibrationParams(method=method, bootstrap=bootstrap), 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_recovers_the_probability(method: str) -> None:
    grid = np.linspace(-3.0, 1.5, 40)
    probability, low, high = fit(method, 20_000).apply(grid)
    truth = expit(0.6 * grid - 0.5) if method != "identity" else expit(grid)
    assert np.abs(probability - truth).max() < (0.06 if method == "isotonic" else 0.02)
    assert (low <= probability).all()
    assert (probability <= high).all()
    assert (np.diff(probability) >= 0).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()


def test_beta_recovers_what_a_sigmoid_cannot() -> None:
    random = np.random.default_rng(3)
    p = random.beta(1.0, 2.0, 30_000)
    truth = expit(0.4 * np.log(p) - 1.5 * np.log1p(-p) - 0.3)
    y, w = (random.random(len(p)) < truth).astype(float), np.ones(len(p))
    order = np.argsort(p)
    fitted = fit_map("beta", logit(p)[order], y[order], w)
    assert fitted.coefficients == pytest.approx((0.4, 1.5, -0.3), abs=0.06)
    assert choose_method(logit(p)[order], y[order], w, np.arange(len(p)) % 6, "auto") in ("beta", "isotonic")


def test_sigmoid_is_logistic_regression_on_platts_targets() -> None:
    x, y, w, _ = sample(500)
    slope, intercept = fit_map("sigmoid", x, y, w).coefficients
    positive, negative = y.sum(), (1 - y).sum()
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    target = np.where(y == 1, high, low)
    model = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(
        np.r_[x, x][:, None], np.r_[np.ones(500), np.zeros(500)], sample_weight=np.r_[target, 1 - target]
    )
    assert (slope, intercept) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=1e-4)


def test_isotonic_is_scikit_learns_between_its_ends() -> None:
    x, y, w, groups = sample(800)
    found = fit_calibration(x, y, w, groups, CalibrationParams(method="isotonic", bootstrap=20), 1)
    expected = IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(x)
    inside = (expected > 0.1) & (expected < 0.6)
    steps = found.apply(x)[0]
    assert inside.sum() > 100
    assert np.abs(steps - expected)[inside].mean() < 0.005
    assert found.apply(np.array([-60.0]))[0][0] > 0.0
    assert found.apply(np.array([60.0]))[0][0] < 1.0


def test_isotonic_ends_follow_laplaces_rule() -> None:
    x, y = np.arange(20.0), np.array([0.0] * 8 + [1, 0, 1, 0, 1, 0] + [1.0] * 6)
    fitted = fit_map("isotonic", x, y, np.ones(20))
    assert expit(fitted.apply(np.array([-5.0, 25.0]))) == pytest.approx([1 / 10, 1 - 1 / 8], abs=2e-3)
    alone = fit_map("isotonic", np.arange(4.0), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert expit(alone.apply(np.array([0.0, 3.0]))) == pytest.approx([1 / 4, 3 / 4], abs=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_rows_keep_their_order_in_float32(method: str) -> None:
    grid = np.linspace(-4.0, 2.0, 600)
    x, _, _, _ = sample(800)
    grid = grid[(grid > x.min()) & (grid < x.max())]
    assert (np.diff(fit(method, 800).apply(grid)[0].astype(np.float32)) > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_row_alone_gets_the_same_bits(method: str) -> None:
    calibration = fit(method, 800)
    x = np.random.default_rng(5).normal(-1.0, 4.0, 1001)
    together = calibration.apply(x)
    for size in (1, 7):
        parts = [calibration.apply(x[i : i + size]) for i in range(0, len(x), size)]
        for whole, pieces in zip(together, zip(*parts, strict=True), strict=True):
            assert whole.tobytes() == np.concatenate(pieces).tobytes()
    strided = calibration.apply(np.repeat(x, 3)[::3])
    assert all(a.tobytes() == b.tobytes() for a, b in zip(strided, together, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_json_keeps_every_bit(method: str) -> None:
    calibration = fit(method, 800)
    back = Calibration.from_json(calibration.to_json())
    assert back == calibration
    assert back.to_json() == calibration.to_json()
    assert back.method == method


def test_interval_narrows_with_rows_and_widens_with_coverage() -> None:
    def width(rows: int, interval: float) -> float:
        x, y, w, groups = sample(rows)
        found = fit_calibration(
            x, y, w, groups, CalibrationParams(method="sigmoid", bootstrap=60, interval=interval), 1
        )
        _, low, high = found.apply(np.array([-1.0]))
        return float(high[0] - low[0])

    assert width(4000, 0.9) < 0.6 * width(400, 0.9)
    assert width(400, 0.5) < 0.7 * width(400, 0.9)


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(40):
        x, y, w, groups = sample(500, seed)
        found = fit_calibration(x, y, w, groups, CalibrationParams(method="sigmoid", bootstrap=50), seed)
        _, low, high = found.apply(np.array([-1.0]))
        hits += bool(low[0] <= expit(-1.1) <= high[0])
    assert 30 <= hits <= 40


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(METHODS))
def test_order_of_rows_changes_nothing(seed: int, method: str) -> None:
    x, y, w, groups = sample(200, seed)
    order = np.random.default_rng(seed).permutation(200)
    section = CalibrationParams(method=method, bootstrap=20)  # type: ignore[arg-type]
    one = fit_calibration(x, y, w, groups, section, 3)
    assert fit_calibration(x[order], y[order], w[order], groups[order], section, 3) == one


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 60), st.sampled_from(METHODS), st.booleans())
def test_maps_never_fall_on_any_rows(seed: int, rows: int, method: str, extreme: bool) -> None:
    random = np.random.default_rng(seed)
    x = np.sort(np.round(random.normal(0, 30 if extreme else 2, rows), 1))
    y = random.integers(0, 2, rows).astype(float)
    y[:2] = [1.0, 0.0]
    found = fit_map(method, x, y, random.random(rows) + 0.1).apply(np.linspace(-60, 60, 301))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()


def test_a_score_that_points_the_wrong_way_becomes_almost_flat() -> None:
    x, y, w, groups = sample(slope=-1.0)
    found = fit_calibration(x, y, w, groups, CalibrationParams(method="sigmoid", bootstrap=20), 1)
    assert found.map.coefficients[0] == 1e-3
    assert np.average(found.apply(x)[0]) == pytest.approx(y.mean(), abs=0.01)


def test_choice_of_method() -> None:
    x, y, w, _ = sample()
    order = np.argsort(x)
    x, y, blocks = x[order], y[order], np.arange(3000) % 6
    assert choose_method(x, y, w, blocks, "auto") == "sigmoid", "a simple truth needs a simple map"
    assert choose_method(x, y, w, blocks, "beta") == "beta"
    assert choose_method(x, y, w, np.zeros(3000, dtype=np.int64), "auto") == "identity", "one block can't tell"
    few = np.zeros(3000)
    few[:29] = 1.0
    assert choose_method(x, few, w, blocks, "isotonic") == "identity"
    steps = (np.random.default_rng(1).random(3000) < np.where(x > -1, 0.7, 0.05)).astype(float)
    assert choose_method(x, steps, w, blocks, "auto") == "isotonic"
    true = (np.random.default_rng(2).random(3000) < expit(x)).astype(float)
    assert choose_method(x, true, w, blocks, "auto") == "identity", "nothing to mend"


def test_a_level_that_moves_from_month_to_month_is_not_carried_on() -> None:
    """Each month lies off by a constant of its own: over all rows a map would seem to help, in another month it would not."""
    random = np.random.default_rng(4)
    months = np.repeat(np.arange(6), 2000)
    x = random.normal(-1.0, 1.5, len(months))
    y = (random.random(len(x)) < expit(x + np.array([0.7, -0.3, 0.6, -0.5, 0.8, -0.2])[months])).astype(float)
    groups, w = np.array([f"g{i}" for i in range(len(x))], dtype=object), np.ones(len(x))
    params = CalibrationParams(bootstrap=40)
    assert fit_calibration(x, y, w, groups, params, 1).method != "identity"
    by_month = fit_calibration(x, y, w, groups, params, 1, months)
    assert by_month.method == "identity"
    assert by_month.apply(x)[0] == pytest.approx(expit(x))
    assert by_month.level_shift == pytest.approx(
        np.sqrt(np.mean(np.square([0.7, -0.3, 0.6, -0.5, 0.8, -0.2]))), abs=0.1
    )
    _, low, high = by_month.apply(x)
    assert ((low < expit(x)) & (expit(x) < high)).all()


def test_weights_count_like_repeated_rows() -> None:
    x, y, _, _ = sample(300)
    order = np.argsort(x)
    x, y = x[order], y[order]
    times = np.random.default_rng(1).integers(1, 4, 300)
    for method in METHODS:
        weighted = fit_map(method, x, y, times.astype(float)).apply(x)
        repeated = fit_map(method, np.repeat(x, times), np.repeat(y, times), np.ones(times.sum())).apply(x)
        assert weighted == pytest.approx(repeated, abs=1e-5)


def test_messages() -> None:
    x, _, w, groups = sample(50)
    with pytest.raises(DataError, match=r"50 labels \(0 positive\).*both classes.*calibration_share"):
        fit_calibration(x, np.zeros(50), w, groups, CalibrationParams(), 1)
    with pytest.raises(DataError, match=r"raw log-odds of row 1 are nan, not finite"):
        fit("sigmoid", 200).apply(np.array([0.0, np.nan]))
    with pytest.raises(BundleError, match=r"calibration.json cannot be read"):
        Calibration.from_json("{}")
    with pytest.raises(BundleError, match=r"calibration.json: not JSON"):
        Calibration.from_json("not json")
