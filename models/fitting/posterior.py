"""The posterior mode of a logistic regression under one normal prior, whose variance the labels choose.

See `models.fitting.linear` for why, and for the sources.
"""

import numpy as np
from scipy.special import expit, logit

from models.fitting.paired import row_loss

__all__ = ["ENTRY_PRECISION", "most_plausible", "posterior_mode"]

ENTRY_PRECISION = (
    4.0  # of `entry`, a coefficient with a belief of its own: one standard deviation moves log-odds by 0 +- 0.5
)
TOTALS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # variance of log-odds that all columns together may explain
USUAL = 0.4  # a weak belief about that variance: its median
SPREAD = 1.2  # and the standard deviation of its logarithm
MOST_STEPS = 50
ENOUGH = 1e-7  # of log-likelihood: a step that gains less is the last
SLOWER = 0.1  # of the gain of the step before: a step that gains more shows that its Hessian is too old


def most_plausible(x: np.ndarray, y: np.ndarray, w: np.ndarray, entry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit with each prior variance, from the smallest on, and keep the most plausible; `entry` has a prior of its own.

    Returns
    -------
    beta : ndarray of float64 [columns of x]
    hessian : ndarray of float64 [columns of x, columns of x]
        Of the negative logarithm of the posterior.
    """
    shared = ~entry
    # What unit coefficients would give log-odds
    variance = np.average((x[:, 1:][:, shared]) ** 2, axis=0, weights=w).sum()
    beta = np.zeros(x.shape[1])
    beta[0] = logit(np.average(y, weights=w))
    curvature = None
    best, found = -np.inf, (beta, np.eye(len(beta)))
    for total in TOTALS:
        precision = variance / total
        ridge = np.array([1e-9, *np.where(entry, ENTRY_PRECISION, precision)])
        beta, curvature, evidence = posterior_mode(x, y, w, ridge, beta, curvature)
        evidence += 0.5 * int(shared.sum()) * float(np.log(max(precision, 1e-9)))
        evidence -= 0.5 * ((np.log(total / USUAL)) / SPREAD) ** 2
        if evidence > best:
            best, found = evidence, (beta, curvature + np.diag(ridge))
    return found


def _curvature(x: np.ndarray, w: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Give the Hessian of the negative log-likelihood where the log-odds are `z`."""
    p = expit(z)
    scaled = x * np.sqrt(w * p * (1.0 - p))[:, None]
    return np.asarray(scaled.T @ scaled)  # of one array with itself: half of the products


def posterior_mode(
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    ridge: np.ndarray,
    start: np.ndarray,
    curvature: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Find the posterior mode by Newton's method with step halving, and Laplace's evidence but for the prior's own constant.

    A Hessian costs as much as several gradients, so a step takes the last one, here the one that a neighbouring prior ended
    with, for as long as each step gains far less than the one before.

    Parameters
    ----------
    x : ndarray of float64 [rows, columns]
    y, w : ndarray of float64 [rows]
        Labels and weights.
    ridge : ndarray of float64 [columns]
        The prior's precision of each coefficient.
    start : ndarray of float64 [columns]
        Coefficients to begin with.
    curvature : ndarray of float64 [columns, columns], optional
        Hessian of the negative log-likelihood near the start.

    Returns
    -------
    beta : ndarray of float64 [columns]
    curvature : ndarray of float64 [columns, columns]
        At the mode.
    evidence : float
    """

    def value(beta: np.ndarray, z: np.ndarray) -> float:
        return float(-(w @ row_loss(z, y)) - 0.5 * ridge @ beta**2)

    def newton(beta: np.ndarray, z: np.ndarray, curvature: np.ndarray) -> np.ndarray:
        return np.linalg.solve(curvature + np.diag(ridge), x.T @ (w * (y - expit(z))) - ridge * beta)

    beta, z = start, x @ start
    current, is_fresh = value(beta, z), curvature is None
    curvature = _curvature(x, w, z) if curvature is None else curvature
    gained = np.inf
    for _ in range(MOST_STEPS):
        step = newton(beta, z, curvature)
        along = x @ step
        size, reached = 1.0, value(beta + step, z + along)
        while size > 1e-4 and reached < current:
            size /= 2.0
            reached = value(beta + size * step, z + size * along)
        before, gained = gained, reached - current
        if gained > 0.0:
            beta, z, current = beta + size * step, z + size * along, reached
        elif is_fresh:
            break
        if 0.0 < gained < ENOUGH:
            break
        is_fresh = gained <= 0.0 or size < 1.0 or gained > SLOWER * before
        if is_fresh:
            curvature = _curvature(x, w, z)
    curvature = _curvature(x, w, z)
    beta = beta + newton(beta, z, curvature)  # so near the mode, one step of Newton's with its Hessian ends there
    determinant = float(np.linalg.slogdet(curvature + np.diag(ridge))[1])
    return beta, curvature, value(beta, x @ beta) - 0.5 * determinant
