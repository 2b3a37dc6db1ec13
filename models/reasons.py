"""From contributions to what a salesperson reads: fit, engagement, and the main reasons for and against."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from features.catalog import Catalog

__all__ = ["Reason", "parts", "top_reasons"]

FIT_GROUPS = ("attributes",)


@dataclass(frozen=True, slots=True)
class Reason:
    """One signed contribution.

    Attributes
    ----------
    feature : str
        Name of the feature whose wording stands for the topic.
    text : str
        What was found, in plain words.
    contribution : float
        Log-odds of the whole topic; above 0 speaks for the lead.
    """

    feature: str
    text: str
    contribution: float


@lru_cache(maxsize=8)
def _topics(catalog: Catalog) -> tuple[np.ndarray, int, np.ndarray]:
    """Columns by topic: all features of one selector, or one attribute; and which columns speak of fit."""
    names: dict[tuple[str, str], int] = {}
    topic = [names.setdefault((f.group, f.selector), len(names)) for f in catalog.features]
    is_fit = np.array([f.group in FIT_GROUPS for f in catalog.features], dtype=bool)
    return np.array(topic, dtype=np.int64), len(names), is_fit


def parts(contributions: np.ndarray, catalog: Catalog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split log-odds into fit (what a lead is), engagement (what it does, and how far it has come) and the base value.

    Parameters
    ----------
    contributions : ndarray of float64 [rows, features + 1]
        As `Classifier.contributions` returns them.
    catalog : Catalog
        Names the columns.

    Returns
    -------
    fit, engagement, base : ndarray of float64 [rows]
        They sum to the raw log-odds.
    """
    _, _, is_fit = _topics(catalog)
    values = contributions[:, :-1]
    return _sums(values[:, is_fit]), _sums(values[:, ~is_fit]), contributions[:, -1]


def _sums(values: np.ndarray) -> np.ndarray:
    # numpy's sum adds one row in another order than many; a running sum has only one order
    return np.cumsum(values, axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))


def top_reasons(
    contributions: np.ndarray, values: np.ndarray, catalog: Catalog, count: int, language: str
) -> list[Reason]:
    """Name the topics that moved one lead's log-odds most, for or against.

    Features of one selector are one topic: five windows over the same page views are one thing to a salesperson. The topic's
    contribution is their sum, its words are those of the member that contributed most in that direction.

    Parameters
    ----------
    contributions : ndarray of float64 [features + 1]
        One row.
    values : ndarray of float32 [features]
        The same row of the matrix.
    catalog : Catalog
        Names and wording.
    count : int
        At most so many.
    language : {"en", "de"}
        Of the texts.

    Returns
    -------
    list of Reason
        Strongest first; topics that moved nothing are left out.
    """
    topic, topics, _ = _topics(catalog)
    single = contributions[:-1]
    total = np.bincount(topic, weights=single, minlength=topics)
    strongest = np.argsort(-np.abs(total), kind="stable")[:count]
    reasons = []
    for chosen in strongest:
        if total[chosen] == 0.0:
            break
        members = np.flatnonzero(topic == chosen)
        speaker = members[np.argmax(single[members] * np.sign(total[chosen]))]
        feature = catalog.features[speaker]
        reasons.append(Reason(feature.name, feature.text(float(values[speaker]), language), float(total[chosen])))
    return reasons
