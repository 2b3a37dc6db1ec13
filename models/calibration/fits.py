"""Fitting the maps of calibration: identity, sigmoid, beta and isotonic, and the choice among them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, log_expit, logit
from sklearn.isotonic import IsotonicRegression

__all__ = ["LONGEST_LOG_ODDS", "METHODS", "CalibrationMap", "choose_method", "fit_map", "group_codes", "interpolate"]

METHODS = ("identity", "sigmoid", "beta", "isotonic")  # the simplest first
FEW_POSITIVES = 30
LEVEL = 0.05
LONGEST_LOG_ODDS = 30.0
LEAST_SLOPE = 1e-3
RIDGE = 1e-6


@dataclass(frozen=True)
class CalibrationMap:
    """A rising map from raw to calibrated log-odds.

    Attributes
    ----------
    method : str
        One of `METHODS`; ``identity`` leaves log-odds as they are.
    coefficients : tuple of float
        Slopes, then the intercept; empty for identity and isotonic.
    x, y : tuple of float
        Isotonic: raw log-odds, strictly ascending, and the calibrated log-odds there; empty otherwise.
    """

    method: str
    coefficients: tuple[float, ...]
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def check(self) -> None:
        """Check that the numbers are those that the method needs.

        Raises
        ------
        ValueError
            They are not, or there is no such method.
        """
        lengths = {"identity": 0, "sigmoid": 2, "beta": 3, "isotonic": 0}
        if lengths.get(self.method) != len(self.coefficients):
            raise ValueError(f"{len(self.coefficients)} coefficients for the method {self.method[:20]!r}")
        if len(self.x) != len(self.y) or (self.method == "isotonic") != bool(self.x) or (np.diff(self.x) <= 0).any():
            raise ValueError("x and y are not points of a map from left to right, or the method has none")

    def apply(self, log_odds: np.ndarray) -> np.ndarray:
        """Map raw log-odds (float64) to calibrated log-odds, element by element."""
        if self.method == "identity":
            return np.array(log_odds, dtype=np.float64)
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
        columns = _columns(method, x)
        a, b, c = _logistic(columns, y, w)
        if a > 0 and b > 0:
            return CalibrationMap(method, (float(a), float(b), float(c)))
        # As its authors do: a negative slope is set to 0 and the rest fitted again.
        keep = 0 if b <= 0 < a else 1
        slope, c = _logistic((columns[keep],), y, w)
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
    return CalibrationMap("isotonic", (), tuple(float(v) for v in knots), tuple(float(v) for v in rising))


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
