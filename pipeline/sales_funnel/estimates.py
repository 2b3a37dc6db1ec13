"""Figures of analyses from what was computed: not a number is a missing one."""

import math
from collections.abc import Mapping
from typing import Any

from models.analyses.figures import Estimate, Rate
from models.quality.rates import wilson

__all__ = ["estimate", "estimate_of", "rate"]


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    """Make an estimate; what is missing or not finite becomes None."""
    return Estimate(value=_finite(value), low=_finite(low), high=_finite(high))


def estimate_of(metric: Mapping[str, Any] | None) -> Estimate:
    """Make an estimate of ``value``, ``low`` and ``high``."""
    return estimate(None) if metric is None else estimate(metric["value"], metric["low"], metric["high"])


def rate(count: int, of: int) -> Rate:
    """Make a rate with Wilson's interval; nobody: no value."""
    if of == 0:
        return Rate(count=0, of=0, value=None)
    low, high = wilson(count, of)
    return Rate(count=int(count), of=int(of), value=count / of, low=float(low), high=float(high))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
