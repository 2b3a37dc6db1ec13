"""A points table fitted to handed-over leads: whole points, never negative, few rules, steps of decay where they help."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from models.params import DecayStep
from models.quality.metrics import auc

__all__ = ["MOST_RULES", "Fitted", "decay_choices", "fit_points_table", "shares_of"]

MOST_RULES = 12
LARGEST_POINTS = (10, 15, 20, 25)
"""What the best rule may get; the first that loses almost nothing is taken."""

SMALL_LOSS = 0.001  # of AUC
DECAY_GAIN = 0.003  # of AUC on later leads; below it a table without decay is easier to run
RIDGE = 5.0
HALVES = ((), (0.5,), (0.5, 0.25), (0.0,))


class Fitted(NamedTuple):
    """A table.

    Attributes
    ----------
    points : ndarray of int64 [candidates]
        0: not in the table.
    decay : tuple of DecayStep
    """

    points: np.ndarray
    decay: tuple[DecayStep, ...]


def decay_choices(windows: Sequence[int]) -> list[tuple[DecayStep, ...]]:
    """List the decays that are tried: none, halves and quarters after some of the windows, and nothing at all after one.

    Parameters
    ----------
    windows : sequence of int
        Days, ascending; the last is the observation.
    """
    choices: list[tuple[DecayStep, ...]] = [()]
    inner = list(windows[:-1])
    for shares in HALVES[1:]:
        for first in range(len(inner) - len(shares) + 1):
            days = inner[first : first + len(shares)]
            choices.append(
                tuple(DecayStep(after_days=day, share=share) for day, share in zip(days, shares, strict=True))
            )
    return choices


def shares_of(decay: Sequence[DecayStep], windows: Sequence[int]) -> np.ndarray:
    """Give what counts of the points over each window; see `PointsParams.windows`."""
    values = [1.0, *(step.share for step in decay), 0.0]
    days = [*(step.after_days for step in decay), windows[-1]]
    weights = np.zeros(len(windows))
    for place, day in enumerate(days):
        weights[list(windows).index(day)] += values[place] - values[place + 1]
    return weights


def fit_points_table(
    counts: np.ndarray, labels: np.ndarray, order: np.ndarray, windows: Sequence[int], most_rules: int = MOST_RULES
) -> Fitted:
    """Fit a table.

    A logistic regression whose coefficients can't be negative, so that no touchpoint ever costs points (monotone). The rules
    with the largest effects stay; coefficients are divided by a unit and rounded. Decay is chosen on the newest third of the
    rows. Rounded coefficients instead of integer programming (Ustun and Rudin, Supersparse linear integer models, Machine
    Learning 2016), because rows are many and rules few.

    Parameters
    ----------
    counts : ndarray [looks, candidates, windows]
        As `points_at.counts_at` gives them.
    labels : ndarray
        0 or 1, both there.
    order : ndarray
        Moments of the looks.
    windows : sequence of int
        Days, ascending.
    most_rules : int
        At most so many rules.
    """
    later = order >= np.quantile(order.astype(np.int64), 2.0 / 3.0)
    chosen: tuple[DecayStep, ...] = ()
    if 0 < labels[~later].sum() < (~later).sum() and 0 < labels[later].sum() < later.sum():
        worth = {}
        for decay in decay_choices(windows):
            figures = counts @ shares_of(decay, windows)
            points = _whole(figures[~later], labels[~later], most_rules)
            worth[decay] = auc(labels[later], figures[later] @ points)
        best = max(worth, key=lambda decay: worth[decay])
        chosen = best if worth[best] > worth[()] + DECAY_GAIN else ()
    return Fitted(_whole(counts @ shares_of(chosen, windows), labels, most_rules), chosen)


def _whole(figures: np.ndarray, labels: np.ndarray, most_rules: int) -> np.ndarray:
    """Fit, keep the strongest, and round."""
    kept = np.flatnonzero(figures.std(axis=0) > 0.0)
    effects = _not_negative(figures[:, kept], labels)
    kept = kept[np.argsort(-effects * figures[:, kept].std(axis=0), kind="stable")[:most_rules]]
    effects = _not_negative(figures[:, kept], labels)
    points = np.zeros(figures.shape[1], dtype=np.int64)
    if not len(kept) or effects.max() <= 0.0:
        return points
    exact = auc(labels, figures[:, kept] @ effects)
    for largest in LARGEST_POINTS:
        points[kept] = np.rint(effects * largest / effects.max()).astype(np.int64)
        if auc(labels, figures @ points) >= exact - SMALL_LOSS:
            break
    return points


def _not_negative(figures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Regress logistically with coefficients of at least 0, and a weak penalty on standardised columns."""
    scale = figures.std(axis=0)
    z = (figures - figures.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    base = float(np.log(labels.mean() / (1.0 - labels.mean())))

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        line = beta[0] + z @ beta[1:]
        value = np.logaddexp(0.0, line).sum() - labels @ line + 0.5 * RIDGE * beta[1:] @ beta[1:]
        error = expit(line) - labels
        return float(value), np.concatenate(([error.sum()], z.T @ error + RIDGE * beta[1:]))

    start = np.concatenate(([base], np.zeros(z.shape[1])))
    bounds = [(None, None), *[(0.0, None)] * z.shape[1]]
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(fitted.x[1:] / np.where(scale > 0.0, scale, 1.0))
