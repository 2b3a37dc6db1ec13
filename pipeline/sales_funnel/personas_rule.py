"""Which persona a lead is like, from what was known at its MQL moment alone: one rule for customers, lost and open leads."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GroupKFold, cross_val_predict

__all__ = ["Assignment", "assign_personas"]

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Assignment:
    """The persona that each lead is most like.

    Attributes
    ----------
    persona : ndarray of int64 [leads]
        -1: most like customers of no stable segment.
    likeness : ndarray of float64 [leads]
        Probability of that persona among customers, from 0 to 1.
    agreement : float
        Share of the customers that the rule, fitted without their account, puts where their whole journey puts them.
    adjusted_rand : float
        The same corrected for chance: 0 is chance, 1 is always (Hubert and Arabie 1985).
    """

    persona: np.ndarray
    likeness: np.ndarray
    agreement: float
    adjusted_rand: float


def assign_personas(points: np.ndarray, customer: np.ndarray, label: np.ndarray, group: np.ndarray) -> Assignment:
    """Fit the rule on customers, and apply it to everybody, customers included.

    A multinomial logistic regression from the shared dimensions at the MQL moment to the segment of the whole journey before
    the purchase. It never sees an outcome of other leads.

    Parameters
    ----------
    points : ndarray of float64 [leads, dimensions]
        At the MQL moment.
    customer : ndarray of int64 [customers]
        Positions among the leads.
    label : ndarray of int64 [customers]
        Segment; -1: none that is stable. At least two values.
    group : ndarray of int64 [customers]
        Account.
    """
    scale = points[customer].std(axis=0) + 1e-12
    inputs = points / scale
    model = LogisticRegression(max_iter=500)
    folds = min(FOLDS, len(np.unique(group)))
    apart = cross_val_predict(model, inputs[customer], label, groups=group, cv=GroupKFold(folds))
    model.fit(inputs[customer], label)
    chances = model.predict_proba(inputs)
    best = chances.argmax(axis=1)
    return Assignment(
        persona=np.asarray(model.classes_[best], dtype=np.int64),
        likeness=chances[np.arange(len(best)), best],
        agreement=float((apart == label).mean()),
        adjusted_rand=float(adjusted_rand_score(label, apart)),
    )
