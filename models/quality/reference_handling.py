"""Expected rates at reference handling: a model of what was known at the MQL moment and how leads were handled, cross-fitted.

A group of leads (a campaign, a team) is judged by models that saw neither its campaign nor its accounts: else the model learns
the failure and blames nobody. Intervals are those of the influence function, summed by account: how much each account moves
the reference rate, the models' coefficients and the group's own counts (Tsiatis, Semiparametric Theory and Missing Data, 2006,
chapter 3, for M-estimators).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

__all__ = ["Handled", "Parts", "ReferenceModel", "fit_reference_model", "rate_of_others", "spread"]

Z95 = 1.959963984540054
RIDGE = 1.0
STEPS = 40
TOLERANCE = 1e-7
MIN_OUTCOMES = 10
BLOCK = 65_536
"""Rows at a time, so that a million leads need no second copy of their columns."""


class Handled(NamedTuple):
    """MQLs with a known outcome, one row per lead.

    Attributes
    ----------
    quality : ndarray of float64 [leads, columns]
        What was known at the MQL moment, standardised.
    log_days : ndarray of float64 [leads]
        ln(1 + days) from the MQL to the first contact; NaN: there was none.
    team : ndarray of int64 [leads]
        Code; -1: not known.
    campaign, month, account : ndarray of int64 [leads]
        Codes; campaign -1: none.
    outcome : ndarray of float64 [leads]
        0 or 1.
    """

    quality: np.ndarray
    log_days: np.ndarray
    team: np.ndarray
    campaign: np.ndarray
    month: np.ndarray
    account: np.ndarray
    outcome: np.ndarray


class Parts(NamedTuple):
    """A figure and how each row moves it: the figure's error is about the sum over rows."""

    value: float
    moves: np.ndarray


class _Fold(NamedTuple):
    rows: np.ndarray
    residual: np.ndarray
    beta: np.ndarray
    inverse: np.ndarray
    middle: np.ndarray  # weights of team coefficients that make the reference's


class ReferenceModel:
    """Fitted models, one per fold of campaigns.

    Attributes
    ----------
    log_days : float
        Of reference handling: the median.
    probability : ndarray of float64 [leads]
        Of each lead at reference handling.
    """

    def __init__(
        self, handled: Handled, design: np.ndarray, fold: np.ndarray, folds: list[_Fold], log_days: float, teams: int
    ) -> None:
        self.handled, self.fold, self.log_days, self.teams = handled, fold, log_days, teams
        self._design, self._folds = design, folds
        self.probability = np.empty(len(fold))
        for number, fitted in enumerate(folds):
            rows = np.flatnonzero(fold == number)
            self.probability[rows] = expit(self._at_reference(rows, fitted) @ fitted.beta)

    def _at_reference(self, rows: np.ndarray, fitted: _Fold) -> np.ndarray:
        size = len(rows)
        return np.column_stack(
            (
                np.ones(size),
                self.handled.quality[rows],
                np.full(size, self.log_days),
                np.repeat(fitted.middle[None, :], size, axis=0),
            )
        )

    def expected(self, chosen: np.ndarray) -> Parts:
        """Give the mean probability of some leads at reference handling.

        Parameters
        ----------
        chosen : ndarray of bool [leads]
            At least one.
        """
        p, count = self.probability, int(chosen.sum())
        value = float(p[chosen].mean())
        moves = np.where(chosen, (p - value) / count, 0.0)
        for number, fitted in enumerate(self._folds):
            rows = np.flatnonzero(chosen & (self.fold == number))
            if not len(rows):
                continue
            slope = (p[rows] * (1.0 - p[rows])) @ self._at_reference(rows, fitted) / count
            moves[fitted.rows] += (self._design @ (fitted.inverse @ slope))[fitted.rows] * fitted.residual
        return Parts(value, moves)


def fit_reference_model(handled: Handled, folds: np.ndarray) -> ReferenceModel | None:
    """Fit a logistic regression per fold on the contacted leads of other campaigns and other accounts.

    The reference is the median delay, and the team in the middle of the teams' coefficients (of two, their mean). Leads that
    nobody contacted are not fitted on: at reference handling they would have been called.

    Parameters
    ----------
    handled : Handled
    folds : ndarray of int64 [leads]
        0-based; all leads of a campaign in one.

    Returns
    -------
    ReferenceModel or None
        None: for some campaign there are fewer than `MIN_OUTCOMES` contacted leads of either outcome to learn from.
    """
    contacted = np.isfinite(handled.log_days)
    log_days = float(np.median(handled.log_days[contacted])) if contacted.any() else 0.0
    teams = int(handled.team.max(initial=-1)) + 1
    dummies = (handled.team[:, None] == np.arange(teams)).astype(np.float64)
    design = np.column_stack((np.ones(len(folds)), handled.quality, np.nan_to_num(handled.log_days), dummies))
    fitted: list[_Fold] = []
    beta = np.zeros(design.shape[1])
    for number in range(int(folds.max(initial=0)) + 1):
        own = folds == number
        accounts = np.zeros(int(handled.account.max(initial=0)) + 1, dtype=bool)
        accounts[handled.account[own]] = True
        rows = np.flatnonzero(contacted & ~own & ~accounts[handled.account])
        won = handled.outcome[rows].sum()
        if min(won, len(rows) - won) < MIN_OUTCOMES:
            return None
        fitted.append(_fit(design, handled.outcome, rows, handled.quality.shape[1] + 2, teams, beta))
        beta = fitted[-1].beta  # the next fold's leads are mostly the same
    return ReferenceModel(handled, design, folds, fitted, log_days, teams)


def _fit(
    design: np.ndarray, outcome: np.ndarray, rows: np.ndarray, first_team: int, teams: int, start: np.ndarray
) -> _Fold:
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 0.0
    beta = start.copy()
    if not beta.any():
        won = outcome[rows].mean()
        beta[0] = np.log(won / (1.0 - won))
    hessian = np.diag(penalty + 1e-9)
    blocks = [rows[begin : begin + BLOCK] for begin in range(0, len(rows), BLOCK)]
    for _ in range(STEPS):
        hessian, slope = np.diag(penalty + 1e-9), -penalty * beta
        for block in blocks:
            part = design[block]
            p = expit(part @ beta)
            slope += part.T @ (outcome[block] - p)
            hessian += (part * (p * (1.0 - p))[:, None]).T @ part
        step = np.linalg.solve(hessian, slope)
        beta += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < TOLERANCE:
            break
    residual = np.concatenate([outcome[block] - expit(design[block] @ beta) for block in blocks])
    return _Fold(rows, residual, beta, np.linalg.inv(hessian), _middle(beta[first_team:], teams))


def _middle(effects: np.ndarray, teams: int) -> np.ndarray:
    """Weigh the teams so that their sum is the effect in the middle."""
    weights = np.zeros(teams)
    if teams:
        order = np.argsort(effects, kind="stable")
        weights[order[[(teams - 1) // 2, teams // 2]]] += 0.5
    return weights


def rate_of_others(outcome: np.ndarray, month: np.ndarray, own: np.ndarray, others: np.ndarray) -> Parts | None:
    """Give the rate that others had in the same months, weighted by the months of one's own leads.

    Parameters
    ----------
    outcome : ndarray of float64 [leads]
        0 or 1.
    month : ndarray of int64 [leads]
        Codes.
    own, others : ndarray of bool [leads]
        Whom it is for, and who is compared with.

    Returns
    -------
    Parts or None
        None: there are no others in any of these months. Months without others are left out.
    """
    size = int(month.max(initial=0)) + 1
    leads, wanted = (np.bincount(month[rows], minlength=size).astype(np.float64) for rows in (others, own))
    won = np.bincount(month[others], weights=outcome[others], minlength=size)
    wanted[leads == 0.0] = 0.0
    if not wanted.any():
        return None
    weight = wanted / wanted.sum()
    rate = np.divide(won, leads, out=np.zeros(size), where=leads > 0.0)
    per_lead = np.divide(weight, leads, out=np.zeros(size), where=leads > 0.0)
    return Parts(float(weight @ rate), np.where(others, per_lead[month] * (outcome - rate[month]), 0.0))


def spread(moves: np.ndarray, account: np.ndarray) -> float:
    """Give the half-width of a 95 % interval from how each row moves a figure, rows of one account together."""
    sums = np.bincount(account, weights=moves)
    count = np.count_nonzero(np.bincount(account))
    return float(Z95 * np.sqrt((sums**2).sum() * count / max(count - 1, 1)))
