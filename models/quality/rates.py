"""Rates with intervals: Wilson's for a share of independent leads, and how many leads a trial needs."""

import math

import numpy as np
from scipy.special import ndtri

__all__ = ["trial_size", "wilson"]

Z95 = float(ndtri(0.975))


def wilson(count: np.ndarray | float, of: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Give the ends of Wilson's 95 % score interval of shares; NaN where there is nobody.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.

    Examples
    --------
    >>> low, high = wilson(5, 1000)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0021, 0.0117)
    """
    k, n = np.asarray(count, dtype=np.float64), np.asarray(of, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, z2 = k / n, Z95**2
        middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n)
        half = Z95 / (1.0 + z2 / n) * np.sqrt(share * (1.0 - share) / n + z2 / (4.0 * n**2))
    # rounding must not push an end past the share itself
    return np.minimum(np.maximum(middle - half, 0.0), share), np.maximum(np.minimum(middle + half, 1.0), share)


def trial_size(rate: float, other: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Count the leads per group that tell two rates apart.

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition 2003, section 4.2, without the
    continuity correction.

    Parameters
    ----------
    rate, other : float
        In [0, 1], not equal.
    power, confidence : float
        Chance to see a difference that is there; of a two-sided test.

    Examples
    --------
    >>> trial_size(0.2, 0.1)
    199
    """
    mean = (rate + other) / 2.0
    alone = ndtri(1.0 - (1.0 - confidence) / 2.0) * math.sqrt(2.0 * mean * (1.0 - mean))
    apart = ndtri(power) * math.sqrt(rate * (1.0 - rate) + other * (1.0 - other))
    return math.ceil(((alone + apart) / (rate - other)) ** 2)
