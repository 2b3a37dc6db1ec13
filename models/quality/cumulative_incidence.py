"""Cumulative incidence with competing ends: the Aalen-Johansen estimator."""

import numpy as np

__all__ = ["cumulative_incidence"]


def cumulative_incidence(days: np.ndarray, ends: np.ndarray, causes: int, at: np.ndarray) -> np.ndarray:
    """Estimate the probability to have ended by each cause by each day.

    Source: Aalen and Johansen, An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations, Scandinavian Journal of Statistics 1978. For competing ends it is
    ``F_k(t) = sum over t_i <= t of S(t_i-) d_ki / n_i`` with S the Kaplan-Meier estimate of no end at all.

    Parameters
    ----------
    days : ndarray of float [leads]
        Until the end, or until nothing more is known (then still counted on that day).
    ends : ndarray of int [leads]
        0-based cause; -1: no end is known (censored).
    causes : int
        How many there are.
    at : ndarray of float
        Days that are asked for, ascending.

    Returns
    -------
    ndarray of float64 [causes, at]

    Examples
    --------
    >>> cumulative_incidence(np.array([1.0, 2.0, 2.0, 5.0]), np.array([0, 1, -1, 0]), 2, np.array([1.0, 2.0, 9.0])).tolist()
    [[0.25, 0.25, 0.75], [0.0, 0.25, 0.25]]
    """
    if not len(days):
        return np.zeros((causes, len(at)))
    times, place = np.unique(days, return_inverse=True)
    ended = np.array([np.bincount(place[ends == cause], minlength=len(times)) for cause in range(causes)])
    at_risk = len(days) - np.concatenate(([0], np.cumsum(np.bincount(place))[:-1]))
    survival = np.cumprod(1.0 - ended.sum(axis=0) / at_risk)
    before = np.concatenate(([1.0], survival[:-1]))
    incidence = np.cumsum(before * ended / at_risk, axis=1)
    found = np.searchsorted(times, at, side="right")
    return np.asarray(np.concatenate((np.zeros((causes, 1)), incidence), axis=1)[:, found])
