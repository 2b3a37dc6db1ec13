"""Log-odds of an outcome per unit of each of some figures, the others being equal, with intervals that allow for accounts."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from features.errors import DataError

__all__ = ["LogOdds", "fit_log_odds"]

Z95 = 1.959963984540054  # of the normal distribution, 97.5 %
RIDGE = 1.0
STEPS = 60
TOLERANCE = 1e-9


class LogOdds(NamedTuple):
    """A logistic regression.

    Attributes
    ----------
    intercept : float
    value, low, high : ndarray of float64 [columns]
        Per unit, with its 95 % interval.
    """

    intercept: float
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def fit_log_odds(figures: np.ndarray, outcomes: np.ndarray, groups: np.ndarray) -> LogOdds:
    """Regress a binary outcome on figures, jointly.

    Newton's method with a weak penalty on each standardised column, which keeps one that separates the outcomes finite. The
    intervals are those of the cluster-robust sandwich, for rows of one account depend on one another (Liang and Zeger,
    Longitudinal data analysis using generalized linear models, Biometrika 1986), with the factor G / (G - 1) for G groups.

    Parameters
    ----------
    figures : ndarray of float64 [rows, columns]
        A column that does not vary gets 0 with no interval (NaN).
    outcomes : ndarray
        0 or 1, both there.
    groups : ndarray
        Account or lead of each row.

    Raises
    ------
    DataError
        One outcome only.
    """
    y = np.asarray(outcomes, dtype=np.float64)
    x = np.asarray(figures, dtype=np.float64)
    if not 0.0 < y.sum() < len(y):
        raise DataError(f"log-odds: {len(y)} rows with {int(y.sum())} positives; both outcomes are needed.")
    scale = x.std(axis=0)
    varies = scale > 0.0
    z = np.column_stack([np.ones(len(y)), (x[:, varies] - x[:, varies].mean(axis=0)) / scale[varies]])
    penalty = np.diag([0.0, *np.full(int(varies.sum()), RIDGE)])
    beta = np.zeros(z.shape[1])
    beta[0] = np.log(y.mean() / (1.0 - y.mean()))
    for _ in range(STEPS):
        p = expit(z @ beta)
        hessian = (z * (p * (1.0 - p))[:, None]).T @ z + penalty
        step = np.linalg.solve(hessian, z.T @ (y - p) - penalty @ beta)
        beta += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < TOLERANCE:
            break
    p = expit(z @ beta)
    bread = np.linalg.inv((z * (p * (1.0 - p))[:, None]).T @ z + penalty)
    code = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    scores = z * (y - p)[:, None]
    sums = np.column_stack([np.bincount(code, weights=column) for column in scores.T])
    count = len(sums)
    spread = np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * count / max(count - 1, 1))
    value, error = np.zeros(x.shape[1]), np.full(x.shape[1], np.nan)
    value[varies], error[varies] = beta[1:] / scale[varies], spread[1:] / scale[varies]
    intercept = float(beta[0] - value @ x.mean(axis=0))
    return LogOdds(intercept, value, value - Z95 * error, value + Z95 * error)
