"""Fitting a calibration: each map, the choice among them, and the interval by bootstrap over groups."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, log_expit, logit
from sklearn.isotonic import IsotonicRegression

from features.errors import DataError
from models.calibration.apply import Calibration
from models.calibration.level_shift import level_shift
from models.calibration.maps import METHODS, CalibrationMap, columns
from models.params import CalibrationParams

__all__ = ["choose_method", "fit_calibration", "fit_map", "group_codes"]

KNOTS = 64
BEYOND = (2.0, 6.0)
FOLDS = 5
FEW_POSITIVES = 30
LEVEL = 0.05
LONGEST_LOG_ODDS = 30.0
LEAST_SLOPE = 1e-3
RIDGE = 1e-6


def _logistic(parts: tuple[np.ndarray, ...], targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit slopes and an intercept by Newton's method with step halving; a tiny ridge on slopes keeps it solvable."""
    design = np.column_stack([*parts, np.ones(len(targets))])
    ridge = np.append(np.full(len(parts), RIDGE * weights.sum()), 0.0)
    mean = float(np.clip(weights @ targets / weights.sum(), 1e-9, 1.0 - 1e-9))
    beta = np.append(np.zeros(len(parts)), logit(mean))

    def loss(candidate: np.ndarray) -> float:
        z = design @ candidate
        return float(-weights @ (targets * log_expit(z) + (1.0 - targets) * log_expit(-z)) + ridge @ candidate**2 / 2.0)

    current = loss(beta)
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (weights * (p - targets)) + ridge * beta
        curvature = (design * (weights * p * (1.0 - p))[:, None]).T @ design
        step = np.linalg.solve(curvature + np.diag(ridge + 1e-12 * (1.0 + np.diag(curvature))), gradient)
        scale, next_loss = 1.0, loss(beta - step)
        while next_loss > current and scale > 1e-6:
            scale /= 2.0
            next_loss = loss(beta - scale * step)
        if next_loss > current:
            break
        beta, gain, current = beta - scale * step, current - next_loss, next_loss
        if gain <= 1e-12 * (1.0 + abs(current)):
            break
    return beta


def fit_map(method: str, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> CalibrationMap:
    """Fit one map.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    x : ndarray of float64
        Raw log-odds, ascending.
    y, w : ndarray of float64
        Labels 0 or 1, both present, and positive weights.

    Returns
    -------
    CalibrationMap
        Never falling: where the rows would have it fall, a slope is held at a tiny positive value (sigmoid) or left out
        (beta).
    """
    if method == "identity":
        return CalibrationMap(method, ())
    if method == "isotonic":
        return _isotonic(x, y, w)
    if method == "beta":
        parts = columns(method, x)
        a, b, c = _logistic(parts, y, w)
        if a > 0 and b > 0:
            return CalibrationMap(method, (float(a), float(b), float(c)))
        # As its authors do: a negative slope is set to 0 and the rest fitted again.
        keep = 0 if b <= 0 < a else 1
        slope, c = _logistic((parts[keep],), y, w)
        if slope > 0:
            pair = (float(slope), 0.0) if keep == 0 else (0.0, float(slope))
            return CalibrationMap(method, (*pair, float(c)))
    positive, negative = float(w @ y), float(w @ (1.0 - y))
    # Platt's targets (1999): labels drawn in as if one more row of each class had been seen.
    targets = np.where(y == 1.0, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    slope, intercept = _logistic((x,), targets, w)
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        mean = float(w @ targets / w.sum())
        intercept = logit(mean) - slope * float(w @ x / w.sum())
    return CalibrationMap("sigmoid", (float(slope), float(intercept)))


def _isotonic(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> CalibrationMap:
    """Fit a rising step map, joined by lines; its end blocks are held off 0 and 1 by Laplace's rule of succession.

    Steps would tie rows that the classifier tells apart, which costs ranking and makes tiers coarse: a tiny slope, 0.001
    of log-odds per standard deviation, keeps their order.
    """
    model = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=w)
    knots, levels = np.asarray(model.X_thresholds_, np.float64), np.asarray(model.y_thresholds_, np.float64)
    fitted = model.predict(x)
    inside = levels[(levels > 0.0) & (levels < 1.0)]
    least = 1.0 / (float(w[fitted <= 0.0].sum()) + 2.0)
    most = 1.0 - 1.0 / (float(w[fitted >= 1.0].sum()) + 2.0)
    lowest, highest = (float(inside.min()), float(inside.max())) if len(inside) else (least, most)
    levels = np.clip(levels, min(least, lowest), max(most, highest))
    knots, first = np.unique(knots, return_index=True)
    centre = float(w @ x / w.sum())
    spread = float(np.sqrt(w @ (x - centre) ** 2 / w.sum()))
    rising = logit(levels[first]) + LEAST_SLOPE * (knots - centre) / max(spread, 1.0)
    return CalibrationMap("isotonic", (), _floats(knots), _floats(rising))


def group_codes(groups: np.ndarray) -> np.ndarray:
    """Assign numbers to groups in the order of their names, so that the order of rows changes nothing."""
    return np.asarray(pd.factorize(np.asarray(groups), sort=True)[0])


def choose_method(x: np.ndarray, y: np.ndarray, w: np.ndarray, blocks: np.ndarray, wanted: str) -> str:
    """Choose the calibration method by log loss on blocks that the map was not fitted on.

    A map that mends one block of time must mend others, too, before it is worth more than what the classifier says by itself:
    where levels move from month to month, a map fitted on the last ones carries their level on.

    Parameters
    ----------
    x, y, w : ndarray of float64
        Raw log-odds (ascending), labels, weights.
    blocks : ndarray of int64
        Number of each row's block, 0 to the number of blocks less 1: of its month, or of its group's fold.
    wanted : str
        ``auto``, or a method that is taken as it is unless positives are few.

    Returns
    -------
    str
        One of `METHODS`: `identity` with fewer than 30 positives, one block, or a block without which one class is gone; else
        the first that is not significantly worse than the best one: one-sided t test at 5 % of the paired difference over
        blocks. With few blocks a map must gain much, in all of them.
    """
    count = int(blocks.max()) + 1
    if (y == 1.0).sum() < FEW_POSITIVES:
        return METHODS[0]
    if wanted != "auto":
        return wanted
    if count < 2 or any(np.unique(y[blocks != block]).size < 2 for block in range(count)):
        return METHODS[0]
    losses = {method: np.zeros(len(x)) for method in METHODS}
    for block in range(count):
        out = blocks == block
        for method, loss in losses.items():
            z = fit_map(method, x[~out], y[~out], w[~out]).apply(x[out])
            loss[out] = -np.where(y[out] == 1.0, log_expit(z), log_expit(-z))
    best = min(METHODS, key=lambda method: float(w @ losses[method]))
    least = float(stats.t.ppf(1.0 - LEVEL, count - 1))
    for method in METHODS:
        difference = losses[method] - losses[best]
        mean = float(w @ difference / w.sum())
        by_block = np.bincount(blocks, weights=w * (difference - mean), minlength=count)
        error = float(np.sqrt((by_block**2).sum() * count / (count - 1)) / w.sum())
        if mean <= least * error:
            return method
    return best


def fit_calibration(
    log_odds: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    params: CalibrationParams,
    seed: int,
    blocks: np.ndarray | None = None,
    offset: float = 0.0,
) -> Calibration:
    """Fit a calibration on rows that the classifier was not trained on, with a bootstrap interval over groups.

    Parameters
    ----------
    log_odds : ndarray of float64
        Raw log-odds, finite; one per row.
    labels : ndarray
        0 or 1.
    weights : ndarray of float64
        Positive.
    groups : ndarray
        Account or lead of each row: resamples and cross-validation folds take whole groups.
    params : CalibrationParams
        ``auto`` takes the simplest of identity, sigmoid, beta and isotonic that is not significantly worse on blocks left out
        than the best of them; with fewer than 30 positives it is always `identity`.
    seed : int
        Of the folds and of the resamples.
    blocks : ndarray of int64, optional
        Month of each row, for the choice of the method and the shift of the level between months; None leaves the shift out,
        and the method is chosen on five folds of groups.
    offset : float
        As `models.fitting.prior_correction.prior_offset` gives it.

    Raises
    ------
    DataError
        Lengths differ, a value is not finite, or there is one class only.
    """
    x = np.asarray(log_odds, dtype=np.float64)
    y, w = np.asarray(labels, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not len(x) == len(y) == len(w) == len(groups) or not np.isfinite(x).all() or not 0 < (y == 1).sum() < len(y):
        raise DataError(
            f"calibration: {len(x)} log-odds ({int((~np.isfinite(x)).sum())} not finite), {len(y)} labels "
            f"({int((y == 1).sum())} positive), {len(w)} weights, {len(groups)} groups; needs equal lengths, finite "
            "log-odds and both classes. Enlarge split.calibration_share, or set split.cross_fit_folds"
        )
    order = np.argsort(x, kind="stable")  # isotonic needs it, and the order of rows must not matter
    x, y, w, codes = x[order], y[order], w[order], group_codes(groups)[order]
    random = np.random.default_rng(seed)
    count = int(codes.max()) + 1
    left_out = random.permutation(count)[codes] % FOLDS if blocks is None else np.asarray(blocks)[order]
    left_out = np.unique(left_out, return_inverse=True)[1]
    fitted = fit_map(choose_method(x, y, w, left_out, params.method), x, y, w)
    inner = np.quantile(x, np.linspace(0.0, 1.0, KNOTS - 2 * len(BEYOND)))
    knots = np.unique([*(inner[0] - d for d in BEYOND), *inner, *(inner[-1] + d for d in BEYOND)])
    # What the rows leave open of a map that nothing was fitted for is what they leave open of the simplest fitted one
    method = "sigmoid" if fitted.method == "identity" else fitted.method
    centre, reference = fitted.apply(knots), fit_map(method, x, y, w).apply(knots)
    curves = []
    for _ in range(params.bootstrap):
        drawn = np.bincount(random.integers(0, count, size=count), minlength=count)[codes] * w
        if np.unique(y[drawn > 0]).size == 2:
            curves.append(fit_map(method, x[drawn > 0], y[drawn > 0], drawn[drawn > 0]).apply(knots) - reference)
    ends = [(1.0 - params.interval) / 2.0, (1.0 + params.interval) / 2.0]
    low, high = np.quantile(curves, ends, axis=0) if curves else (-LONGEST_LOG_ODDS, LONGEST_LOG_ODDS)
    moves = 0.0
    if blocks is not None:
        moves = level_shift(fitted.apply(x), y, w, codes, left_out, about_zero=fitted.method == "identity")
    low, high = _floats(centre + low), _floats(centre + high)
    return Calibration(fitted, params.interval, _floats(knots), low, high, moves, offset, params.widest)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
