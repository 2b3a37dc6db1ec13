"""Fitting the maps of calibration: sigmoid, isotonic and beta, and the choice among them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit, logit
from sklearn.isotonic import IsotonicRegression

__all__ = ["LONGEST_LOG_ODDS", "METHODS", "Map", "choose_method", "fit_map", "group_codes", "interpolate"]

METHODS = ("sigmoid", "isotonic", "beta")
SIMPLEST_FIRST = ("sigmoid", "beta", "isotonic")
FEW_POSITIVES = 30
FOLDS = 5
LONGEST_LOG_ODDS = 30.0
LEAST_SLOPE = 1e-3
RIDGE = 1e-6


@dataclass(frozen=True)
class Map:
    """A rising map from raw to calibrated log-odds.

    Attributes
    ----------
    method : str
        ``sigmoid``, ``isotonic`` or ``beta``.
    coefficients : tuple of float
        Slopes, then the intercept; empty for isotonic.
    x, y : tuple of float
        Isotonic: raw log-odds, strictly ascending, and the calibrated log-odds there; empty otherwise.
    """

    method: str
    coefficients: tuple[float, ...]
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def apply(self, log_odds: np.ndarray) -> np.ndarray:
        """Map raw log-odds (float64) to calibrated log-odds, element by element."""
        if self.method == "isotonic":
            return interpolate(log_odds, np.array(self.x), np.array(self.y))
        out = np.full(log_odds.shape, self.coefficients[-1])
        for slope, column in zip(self.coefficients[:-1], _columns(self.method, log_odds), strict=True):
            out = out + slope * column
        return out


def interpolate(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate linearly between knots, constant beyond them, with the same bits for one element as for many.

    Parameters
    ----------
    x : ndarray of float64
        Where.
    knots : ndarray of float64
        Strictly ascending.
    values : ndarray of float64
        At the knots.

    Examples
    --------
    >>> interpolate(np.array([-1.0, 0.25, 9.0]), np.array([0.0, 1.0]), np.array([10.0, 20.0])).tolist()
    [10.0, 12.5, 20.0]
    """
    if len(knots) == 1:
        return np.full(x.shape, values[0])
    right = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
    left = right - 1
    share = np.clip((x - knots[left]) / (knots[right] - knots[left]), 0.0, 1.0)
    between = values[left] + (values[right] - values[left]) * share  # in this form rounding keeps a rising map rising
    lowest, highest = np.minimum(values[left], values[right]), np.maximum(values[left], values[right])
    return np.asarray(np.clip(between, lowest, highest))


def _columns(method: str, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Make what the log-odds are linear in: themselves, or ln p and -ln(1 - p) (Kull, Silva Filho and Flach 2017)."""
    return (x,) if method == "sigmoid" else (log_expit(x), -log_expit(-x))


def _logistic(columns: tuple[np.ndarray, ...], targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fit slopes and an intercept by Newton's method with step halving; a tiny ridge on slopes keeps it solvable."""
    design = np.column_stack([*columns, np.ones(len(targets))])
    ridge = np.append(np.full(len(columns), RIDGE * weights.sum()), 0.0)
    mean = float(np.clip(weights @ targets / weights.sum(), 1e-9, 1.0 - 1e-9))
    beta = np.append(np.zeros(len(columns)), logit(mean))

    def loss(candidate: np.ndarray) -> float:
        z = design @ candidate
        return float(-weights @ (targets * log_expit(z) + (1.0 - targets) * log_expit(-z)) + ridge @ candidate**2 / 2.0)

    current = loss(beta)
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (weights * (p - targets)) + ridge * beta
        curvature = (design * (weights * p * (1.0 - p))[:, None]).T @ design
        step = np.linalg.solve(curvature + np.diag(ridge + 1e-12 * (1.0 + np.diag(curvature))), gradient)
        scale, following = 1.0, loss(beta - step)
        while following > current and scale > 1e-6:
            scale /= 2.0
            following = loss(beta - scale * step)
        if following > current:
            break
        beta, gain, current = beta - scale * step, current - following, following
        if gain <= 1e-12 * (1.0 + abs(current)):
            break
    return beta


def fit_map(method: str, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> Map:
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
    Map
        Never falling: where the rows would have it fall, a slope is held at a tiny positive value (sigmoid) or left out
        (beta).
    """
    if method == "isotonic":
        return _isotonic(x, y, w)
    if method == "beta":
        columns = _columns(method, x)
        a, b, c = _logistic(columns, y, w)
        if a > 0 and b > 0:
            return Map(method, (float(a), float(b), float(c)))
        # As its authors do: a negative slope is set to 0 and the rest fitted again.
        keep = 0 if b <= 0 < a else 1
        slope, c = _logistic((columns[keep],), y, w)
        if slope > 0:
            pair = (float(slope), 0.0) if keep == 0 else (0.0, float(slope))
            return Map(method, (*pair, float(c)))
    positive, negative = float(w @ y), float(w @ (1.0 - y))
    # Platt's targets (1999): labels drawn in as if one more row of each class had been seen.
    targets = np.where(y == 1.0, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    slope, intercept = _logistic((x,), targets, w)
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        mean = float(w @ targets / w.sum())
        intercept = logit(mean) - slope * float(w @ x / w.sum())
    return Map("sigmoid", (float(slope), float(intercept)))


def _isotonic(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> Map:
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
    return Map("isotonic", (), tuple(float(v) for v in knots), tuple(float(v) for v in rising))


def group_codes(groups: np.ndarray) -> np.ndarray:
    """Assign numbers to groups in the order of their names, so that the order of rows changes nothing."""
    return np.asarray(pd.factorize(np.asarray(groups), sort=True)[0])


def choose_method(x: np.ndarray, y: np.ndarray, w: np.ndarray, codes: np.ndarray, wanted: str, seed: int) -> str:
    """Choose the calibration method by 5-fold cross-validated log loss over whole groups.

    Parameters
    ----------
    x, y, w : ndarray of float64
        Raw log-odds (ascending), labels, weights.
    codes : ndarray of int64
        Number of each row's group.
    wanted : str
        ``auto``, or a method that is taken as it is unless positives are few.
    seed : int
        Of the folds.

    Returns
    -------
    str
        One of `METHODS`: `sigmoid` with fewer than 30 positives; else, of sigmoid, beta and isotonic, the first whose loss
        is within one standard error (over groups, of the paired difference) of the smallest.
    """
    if (y == 1.0).sum() < FEW_POSITIVES:
        return "sigmoid"
    if wanted != "auto":
        return wanted
    count = int(codes.max()) + 1
    folds = np.random.default_rng(seed).permutation(count)[codes] % FOLDS
    losses: dict[str, np.ndarray] = {method: np.zeros(len(x)) for method in METHODS}
    for fold in range(FOLDS):
        out = folds == fold
        if not out.any() or np.unique(y[~out]).size < 2:
            return "sigmoid"
        for method, loss in losses.items():
            z = fit_map(method, x[~out], y[~out], w[~out]).apply(x[out])
            loss[out] = -np.where(y[out] == 1.0, log_expit(z), log_expit(-z))
    best = min(METHODS, key=lambda method: float(w @ losses[method]))
    for method in SIMPLEST_FIRST:
        difference = losses[method] - losses[best]
        mean = float(w @ difference / w.sum())
        by_group = np.bincount(codes, weights=w * (difference - mean), minlength=count)
        error = float(np.sqrt((by_group**2).sum() * count / max(count - 1, 1)) / w.sum())
        if mean <= error:
            return method
    return best
