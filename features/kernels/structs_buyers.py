"""The structs of the counts for the buyer profile."""

from typing import NamedTuple

import numpy as np

__all__ = ["LabelledRows", "Observed"]


class LabelledRows(NamedTuple):
    """Training rows, one entry each.

    Attributes
    ----------
    lead : ndarray of int64
        Position.
    at : ndarray of int64
        UTC microseconds.
    outcome : ndarray of int64
        0 or 1.
    weight : ndarray of int64
    fold : ndarray of int64
        The part that it belongs to.
    """

    lead: np.ndarray
    at: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    fold: np.ndarray


class Observed(NamedTuple):
    """Counts by part and outcome, added to in place; see `features.buyer_profile.Counts`.

    Attributes
    ----------
    journeys : ndarray of int64 [folds, 2]
    presence, mix : ndarray of int64 [folds, 2, states]
    transition : ndarray of int64 [folds, 2, states + 1, states]
    pace : ndarray of int64 [folds, 2, gaps]
    """

    journeys: np.ndarray
    presence: np.ndarray
    mix: np.ndarray
    transition: np.ndarray
    pace: np.ndarray
