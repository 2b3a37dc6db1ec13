"""From raw log-odds to a probability with an interval: identity, sigmoid, beta or isotonic calibration.

The interval holds three things that could be otherwise: the map, for want of calibration rows; the classifier, for want of
training rows (`models.fitting.uncertainty`); and the level, which moves from month to month
(`models.calibration.level_shift`). They are independent,
so their distances from the probability add in squares, on the scale of log-odds, below and above apart.

`apply` works row by row: interpolation is spelled out, and the exponentials are SciPy's scalar ones, so that one row alone
gets the same bits as in a million.
"""

import json
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from features.errors import BundleError, DataError
from models.bundle_files import finite_numbers, is_number, parse_object
from models.calibration.maps import CalibrationMap, interpolate

__all__ = ["Calibration"]

LARGEST = 1e6  # of any log-odds in a stored calibration
_BOUNDS = {"interval": (1e-6, 1.0 - 1e-6), "level_shift": (0.0, 1e3), "offset": (-1e3, 1e3), "widest": (1e-9, 1.0)}


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration; compare with ``==``, save with `to_json`.

    Attributes
    ----------
    map : CalibrationMap
        From raw log-odds to calibrated log-odds.
    interval : float
        Nominal coverage of the interval, in (0, 1).
    knots : tuple of float
        Raw log-odds, ascending, at which the interval is known.
    low, high : tuple of float
        Calibrated log-odds of the ends of the map's own interval at the knots.
    level_shift : float
        Standard deviation of the level between months, in log-odds.
    offset : float
        Added to log-odds where training rows were over-sampled; see `models.fitting.prior_correction`.
    widest : float
        A probability with a wider interval than this is not given.
    """

    map: CalibrationMap
    interval: float
    knots: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level_shift: float = 0.0
    offset: float = 0.0
    widest: float = 1.0

    @property
    def method(self) -> str:
        """Name of the method, one of `models.calibration.maps.METHODS`."""
        return self.map.method

    def apply(
        self, log_odds: np.ndarray, deviation: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Calibrate raw log-odds; one entry per row, no row depends on another.

        Parameters
        ----------
        log_odds : ndarray of float64
            Raw, finite.
        deviation : ndarray of float64, or 0
            Standard deviation of each row's raw log-odds, as `models.fitting.uncertainty` gives it; 0 leaves the
            classifier's own uncertainty out.

        Returns
        -------
        probability, low, high : ndarray of float64
            In [0, 1], with low <= probability <= high.

        Raises
        ------
        DataError
            A value is not finite.
        """
        x = np.ascontiguousarray(log_odds, dtype=np.float64)
        if not np.isfinite(x).all():
            row = int(np.flatnonzero(~np.isfinite(x))[0])
            raise DataError(
                f"calibration: raw log-odds of row {row} are {x[row]}, not finite. Check the classifier's input"
            )
        knots = np.array(self.knots)
        z = float(ndtri((1.0 + self.interval) / 2.0))
        centre = self.map.apply(x)
        level = (z * self.level_shift) ** 2
        below = np.maximum(centre - interpolate(x, knots, np.array(self.low)), 0.0)
        above = np.maximum(interpolate(x, knots, np.array(self.high)) - centre, 0.0)
        below = np.sqrt(below**2 + (centre - self.map.apply(x - z * deviation)) ** 2 + level)
        above = np.sqrt(above**2 + (self.map.apply(x + z * deviation) - centre) ** 2 + level)
        centre = centre + self.offset
        return expit(centre), expit(centre - below), expit(centre + above)

    def to_json(self) -> str:
        """Write as JSON; floats survive exactly."""
        return json.dumps(
            {
                "method": self.map.method,
                "coefficients": self.map.coefficients,
                "x": self.map.x,
                "y": self.map.y,
                "interval": self.interval,
                "knots": self.knots,
                "low": self.low,
                "high": self.high,
                "level_shift": self.level_shift,
                "offset": self.offset,
                "widest": self.widest,
            },
            indent=1,
            sort_keys=True,
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read what `to_json` wrote.

        Raises
        ------
        BundleError
            The text is not such JSON.
        """
        raw = parse_object(text, "calibration.json")
        try:
            numbers = {
                name: finite_numbers(raw[name], name, LARGEST)
                for name in ("coefficients", "x", "y", "knots", "low", "high")
            }
            for name, (low, high) in _BOUNDS.items():
                if not is_number(raw[name], low, high):
                    raise ValueError(f"{name} is not a number from {low:g} to {high:g}")
            made = cls(
                CalibrationMap(str(raw["method"]), numbers["coefficients"], numbers["x"], numbers["y"]),
                float(raw["interval"]),
                numbers["knots"],
                numbers["low"],
                numbers["high"],
                *(float(raw[name]) for name in ("level_shift", "offset", "widest")),
            )
            made.map.check()
        except (ValueError, KeyError) as error:
            raise BundleError(
                f"calibration.json cannot be read ({error!r}). Train again, or restore the bundle"
            ) from error
        if not made.knots or not len(made.knots) == len(made.low) == len(made.high):
            raise BundleError(
                "calibration.json: knots, low and high differ in length. Train again, or restore the bundle"
            )
        if (np.diff(made.knots) <= 0).any():
            raise BundleError("calibration.json: knots do not rise. Train again, or restore the bundle")
        return made
