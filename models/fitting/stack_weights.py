"""The weights of a stack: their posterior mode, free or as those of a mean."""

from functools import partial

import numpy as np
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit

from models.fitting.paired import row_loss

__all__ = ["weigh_freely", "weigh_mean"]

PRIOR_MEAN = np.array([0.0, 0.5, 0.5])  # of `RUNGS`
PRIOR_DEVIATION = 0.35
MEAN_DEVIATION = 0.24  # of a weight that is drawn evenly from all means of three models
MOST_WEIGHT = 1.5


def weigh_freely(steps: np.ndarray, base: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Find the posterior mode of the weights, each within [0, 1.5]."""
    loss = partial(_posterior, steps, base, y, w, PRIOR_MEAN, PRIOR_DEVIATION)
    bounds = [(0.0, MOST_WEIGHT)] * len(PRIOR_MEAN)
    return np.asarray(minimize(loss, PRIOR_MEAN, jac=True, method="L-BFGS-B", bounds=bounds).x, dtype=np.float64)


def weigh_mean(steps: np.ndarray, base: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Find the posterior mode of the weights of a mean: none below 0, together at most 1; what they lack is the base's."""
    prior = np.full(len(steps), 1.0 / len(steps))
    loss = partial(_posterior, steps, base, y, w, prior, MEAN_DEVIATION)
    whole = LinearConstraint(np.ones((1, len(steps))), 0.0, 1.0)
    found = minimize(loss, prior, jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(steps), constraints=[whole])
    return np.asarray(np.clip(found.x, 0.0, 1.0), dtype=np.float64)


def _posterior(
    steps: np.ndarray,
    base: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    prior: np.ndarray,
    deviation: float,
    a: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Give minus the log posterior of weights, and its gradient."""
    z = base + a @ steps
    off = (a - prior) / deviation
    return float(w @ row_loss(z, y) + 0.5 * off @ off), steps @ (w * (expit(z) - y)) + off / deviation
