"""Does a pattern come before an outcome more often than chance: compared in strata, between accounts, corrected for many."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr

from models.quality.bootstrap import resample_weights

__all__ = ["Strata", "Test", "benjamini_yekutieli", "compare", "risk_ratio", "score_tests"]


class Strata(NamedTuple):
    """Within what looks are compared: those equally long after their MQL, in the same quarter.

    Attributes
    ----------
    code : ndarray of int64 [looks]
    positive : ndarray of bool [looks]
        The outcome followed.
    group : ndarray of int64 [looks]
        Account, ascending: looks of one depend on one another.
    """

    code: np.ndarray
    positive: np.ndarray
    group: np.ndarray


class Test(NamedTuple):
    """One comparison.

    Attributes
    ----------
    z : float
        Score statistic; above 0: the outcome follows more often where the pattern is shown.
    p : float
        One-sided.
    looks, positives, accounts : int
        Of those that show the pattern.
    """

    z: float
    p: float
    looks: int
    positives: int
    accounts: int


def compare(shows: np.ndarray, strata: Strata) -> Test:
    """Compare looks that show a pattern with those of their stratum that do not.

    The Mantel-Haenszel score with the variance between accounts instead of the hypergeometric one: the looks of an account, and
    one lead's looks at several landmarks, count as one observation (Liang and Zeger 1986).

    Parameters
    ----------
    shows : ndarray of bool [looks]
    strata : Strata
    """
    return score_tests(shows[:, None], strata)[0]


def score_tests(shows: np.ndarray, strata: Strata) -> list[Test]:
    """Compare for many patterns at once, bool [looks, patterns]; see `compare`."""
    number = int(strata.code.max(initial=-1)) + 1
    size = np.maximum(np.bincount(strata.code, minlength=number), 1)
    positive = strata.positive.astype(np.float64)
    rate = np.bincount(strata.code, weights=positive, minlength=number) / size
    outcome = positive - rate[strata.code]
    begins = np.flatnonzero(np.diff(strata.group, prepend=-1))
    tests = []
    for column in shows.T:
        x = column.astype(np.float64)
        share = np.bincount(strata.code, weights=x, minlength=number) / size
        by_account = np.add.reduceat((x - share[strata.code]) * outcome, begins) if len(x) else np.zeros(0)
        spread = float(np.sqrt((by_account**2).sum()))
        z = float(by_account.sum()) / spread if spread > 0 else 0.0
        accounts = int((np.add.reduceat(x, begins) > 0).sum()) if len(x) else 0
        tests.append(Test(z, float(ndtr(-z)), int(x.sum()), int((column & strata.positive).sum()), accounts))
    return tests


def benjamini_yekutieli(p: np.ndarray, level: float) -> np.ndarray:
    """Tell which of many hypotheses are rejected: false discoveries at most `level`, however the tests depend on one another.

    Where all are true, any rejection is a false discovery: then the chance of one is at most `level` (Benjamini and Yekutieli
    2001).

    Examples
    --------
    >>> benjamini_yekutieli(np.array([0.5, 0.001, 0.04]), 0.05).tolist()
    [False, True, False]
    """
    number = len(p)
    rejected = np.zeros(number, dtype=np.bool_)
    if number:
        order = np.argsort(p, kind="stable")
        bound = level * np.arange(1, number + 1) / (number * (1.0 / np.arange(1, number + 1)).sum())
        below = np.flatnonzero(p[order] <= bound)
        if len(below):
            rejected[order[: below[-1] + 1]] = True
    return rejected


def risk_ratio(shows: np.ndarray, strata: Strata, resamples: int, seed: int) -> tuple[float, np.ndarray]:
    """Give how many times as often the outcome follows where the pattern is shown (Mantel-Haenszel), and that of resamples.

    Resamples draw accounts. All that a resample needs of one is how many of its looks show the pattern, and after how many
    the outcome follows, in each stratum.

    Parameters
    ----------
    shows : ndarray of bool [looks]
    strata : Strata
    resamples, seed : int

    Returns
    -------
    ratio : float
        NaN: nobody to compare.
    resampled : ndarray of float64 [resamples]
    """
    number = int(strata.code.max(initial=-1)) + 1
    _, account = np.unique(strata.group, return_inverse=True)
    accounts = int(account.max(initial=-1)) + 1
    cell = (strata.code * 2 + shows) * 2 + strata.positive
    counts = csr_array((np.ones(len(cell)), (account, cell)), shape=(accounts, 4 * number))

    def ratios(totals: np.ndarray) -> np.ndarray:
        by = totals.reshape(-1, number, 2, 2)  # stratum, shown, followed
        without, with_it = by[:, :, 0].sum(axis=2), by[:, :, 1].sum(axis=2)
        size = np.maximum(with_it + without, 1e-12)
        above = (by[:, :, 1, 1] * without / size).sum(axis=1)
        below = (by[:, :, 0, 1] * with_it / size).sum(axis=1)
        return np.asarray(np.divide(above, below, out=np.full(len(by), np.nan), where=below > 0))

    drawn = resample_weights(np.arange(accounts), np.ones(accounts), resamples, seed)
    resampled = [ratios((counts.T @ weights.T).T) for weights in drawn]
    return float(ratios(np.asarray(counts.sum(axis=0))[None, :])[0]), np.concatenate(resampled)
