"""Prior correction: from training data in which one class was drawn more often than it occurs back to the population's rate.

Drawing by class changes the odds of every row by one factor, so the calibrated log-odds are moved by one constant
(King and Zeng, Logistic Regression in Rare Events Data, 2001, section 4.1), and a metric of the population weighs rows by
how much rarer their class was drawn.
"""

import numpy as np
from scipy.special import logit

from features.errors import DataError

__all__ = ["population_weights", "prior_offset", "shift_log_odds"]


def prior_offset(sample_rate: float, population_rate: float | None) -> float:
    """Give the constant to add to log-odds learnt at one base rate so that they hold at another.

    Parameters
    ----------
    sample_rate : float
        Share of positives among the rows trained on, in (0, 1).
    population_rate : float or None
        Share of positives where the model is used, in (0, 1); None: the same.

    Returns
    -------
    float
        In log-odds; 0 for the same rate.

    Raises
    ------
    DataError
        The sample has one class only.

    Examples
    --------
    >>> round(prior_offset(0.5, 0.1), 4), prior_offset(0.5, None)
    (-2.1972, 0.0)
    """
    if population_rate is None:
        return 0.0
    if not 0.0 < sample_rate < 1.0:
        raise DataError(
            f"train.population_rate: {sample_rate:.0%} of the rows are positive; both labels are needed. Use a longer history"
        )
    return float(logit(population_rate) - logit(sample_rate))


def population_weights(labels: np.ndarray, sample_rate: float, population_rate: float | None) -> np.ndarray:
    """Weigh rows drawn by class as they occur in the population; all 1 where nothing was over-sampled.

    Parameters
    ----------
    labels : ndarray
        0 or 1.
    sample_rate, population_rate
        As for `prior_offset`.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> population_weights(np.array([1, 0]), 0.5, 0.1).tolist()
    [0.2, 1.8]
    """
    if population_rate is None:
        return np.ones(len(labels))
    positive = np.asarray(labels) == 1
    return np.where(positive, population_rate / sample_rate, (1.0 - population_rate) / (1.0 - sample_rate))


def shift_log_odds(probabilities: np.ndarray, offset: float) -> np.ndarray:
    """Move probabilities by a constant in log-odds; 0 and 1 stay."""
    p = np.asarray(probabilities, dtype=np.float64)
    if offset == 0.0:
        return p
    factor = np.exp(offset)
    return np.asarray(p * factor / (1.0 - p + p * factor))
