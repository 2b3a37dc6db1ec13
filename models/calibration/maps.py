"""The maps of calibration, from raw to calibrated log-odds: identity, sigmoid, beta and isotonic."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit

__all__ = ["METHODS", "CalibrationMap", "columns", "interpolate"]

METHODS = ("identity", "sigmoid", "beta", "isotonic")  # the simplest first


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
        for slope, column in zip(self.coefficients[:-1], columns(self.method, log_odds), strict=True):
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


def columns(method: str, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Make what the log-odds are linear in: themselves, or ln p and -ln(1 - p) (Kull, Silva Filho and Flach 2017)."""
    return (x,) if method == "sigmoid" else (log_expit(x), -log_expit(-x))
