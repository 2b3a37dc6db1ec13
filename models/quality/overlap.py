"""Whether some leads have their like among others: the effective number of others, weighted to look like them."""

import numpy as np
from scipy.special import expit

__all__ = ["effective_likes"]

RIDGE = 5.0
STEPS = 12
MOST_ROWS = 20_000
ENOUGH = 30


def effective_likes(figures: np.ndarray, own: np.ndarray, others: np.ndarray, seed: int = 0) -> float:
    """Count the others that are like one's own leads, effectively.

    A logistic regression tells one's own from others. Others are weighted by their odds to be one's own (Hirano, Imbens and
    Ridder, Econometrica 2003), and ``(sum w)^2 / sum w^2`` is how many equally weighted ones they are worth (Kish, Survey
    Sampling, 1965); times the share of one's own leads that at least `ENOUGH` others are as much like one's own as they are.

    Parameters
    ----------
    figures : ndarray of float64 [leads, columns]
        Standardised.
    own, others : ndarray of bool [leads]
    seed : int
        Of the sample that is taken where there are more than `MOST_ROWS` of either.

    Returns
    -------
    float
        From 0 to the number of others.
    """
    random = np.random.default_rng(seed)
    sides = []
    for rows in (np.flatnonzero(own), np.flatnonzero(others)):
        sides.append(rows if len(rows) <= MOST_ROWS else random.choice(rows, MOST_ROWS, replace=False))
    if not len(sides[0]) or not len(sides[1]):
        return 0.0
    rows = np.concatenate(sides)
    y = np.concatenate((np.ones(len(sides[0])), np.zeros(len(sides[1]))))
    z = np.column_stack((np.ones(len(rows)), figures[rows]))
    penalty = np.full(z.shape[1], RIDGE)
    penalty[0] = 1e-6
    beta = np.zeros(z.shape[1])
    beta[0] = np.log(len(sides[0]) / len(sides[1]))
    for _ in range(STEPS):
        p = expit(z @ beta)
        hessian = (z * (p * (1.0 - p))[:, None]).T @ z + np.diag(penalty)
        beta += np.clip(np.linalg.solve(hessian, z.T @ (y - p) - penalty * beta), -1.0, 1.0)
    score = z @ beta
    own_score, other_score = score[: len(sides[0])], np.sort(score[len(sides[0]) :])
    enough = max(round(ENOUGH * len(other_score) / others.sum()), 1)
    covered = (len(other_score) - np.searchsorted(other_score, own_score) >= enough).mean()
    weights = np.exp(np.clip(other_score, -30.0, 30.0))
    return float(covered * weights.sum() ** 2 / (weights**2).sum() * others.sum() / len(sides[1]))
