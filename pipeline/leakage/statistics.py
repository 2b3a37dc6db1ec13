"""The audit's statistics: bounds, AUC within strata of time, and how much two columns share beyond the label."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import beta, norm

__all__ = [
    "MOSTLY_UNIQUE",
    "Auc",
    "auc_gain",
    "column_codes",
    "numbers",
    "out_of_fold_rates",
    "rate_upper",
    "shared_information",
    "stratified_auc",
    "time_strata",
]

PRIOR = 10.0  # rows' worth of evidence at the base rate, so that a rare value says little
NUMERIC_SHARE = 0.99  # text is taken for numbers when so many of its values are
MANY_VALUES = 20  # a number of more different values is cut into bins
LEAST_INFORMATION = 0.05  # nats; less is a column of almost one value, of which any share is noise
MOSTLY_UNIQUE = 0.5  # of the filled values: text of more different ones is an id
MIN_PER_STRATUM = 50  # of the rarer class: fewer make a stratum's AUC all noise


class Auc(NamedTuple):
    """An AUC with its two-sided interval; NaN where a class is missing."""

    value: float
    low: float
    high: float


def rate_upper(events: int, rows: int, confidence: float) -> float:
    """Bound a rate from above, one-sided (Clopper and Pearson 1934).

    Examples
    --------
    The classical sample size of Wilks (1941): 59 rows without an exception show, with 95 % confidence, fewer than 5 %.

    >>> rate_upper(0, 59, 0.95) < 0.05 < rate_upper(0, 58, 0.95)
    True
    """
    return 1.0 if events >= rows else float(beta.ppf(confidence, events + 1, rows - events))


def numbers(values: pd.Series) -> pd.Series | None:
    """Give a column as float64, missing as NaN, or None where it does not hold numbers."""
    filled = values.notna()
    if pd.api.types.is_bool_dtype(values.dtype) or not filled.any():
        return None
    converted = pd.to_numeric(values, errors="coerce").astype("float64")
    return converted if converted.notna().sum() >= NUMERIC_SHARE * filled.sum() else None


def column_codes(values: pd.Series, bins: int = MANY_VALUES) -> np.ndarray:
    """Code a column for counting; one int64 per row, 0 where missing.

    A number of many values is cut at quantiles, and a value that is a quantile itself (such as a heap at 0) keeps a code of its
    own. So is text of mostly unique values, in alphabetical order: ids whose beginning or size follows the outcome show it. Any
    other column has one code per value.

    Examples
    --------
    >>> column_codes(pd.Series(["b", None, "a", "b"])).tolist()
    [2, 0, 1, 2]
    """
    found = numbers(values)
    text = values.astype(object).where(values.notna(), None).map(str, na_action="ignore")
    if found is None and text.nunique() > max(MANY_VALUES, MOSTLY_UNIQUE * text.notna().sum()):
        found = text.rank(method="dense")
    if found is not None and found.nunique() > MANY_VALUES:
        filled = found.notna().to_numpy()
        edges = np.unique(np.quantile(found[filled], np.linspace(0.0, 1.0, bins + 1)))
        codes = np.searchsorted(edges, found, "left") + np.searchsorted(edges, found, "right") + 1
        return np.where(filled, codes, 0).astype(np.int64)
    return (
        pd.factorize(values.astype(object).where(values.notna(), None).map(str, na_action="ignore"), sort=True)[0] + 1
    )


def out_of_fold_rates(codes: np.ndarray, label: np.ndarray, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Give each row the label's rate among the rows of its code that lie in other folds, drawn to the base rate.

    Without folds a column of mostly unique values would seem to know every label.
    """
    fold = np.random.default_rng(seed).permutation(len(label)) % folds
    size = int(codes.max(initial=0)) + 1
    rates = np.empty(len(label))
    for k in range(folds):
        used = fold != k
        positives = np.bincount(codes[used], label[used], size)
        rows = np.bincount(codes[used], minlength=size)
        rates[~used] = ((positives + PRIOR * label[used].mean()) / (rows + PRIOR))[codes[~used]]
    return rates


def time_strata(order: np.ndarray, label: np.ndarray, most: int = 10) -> np.ndarray:
    """Cut rows into equal parts of time, as many as hold `MIN_PER_STRATUM` of the rarer class on average; at most `most`.

    Comparing rows of one stratum only, a column that merely follows a drifting base rate loses its power; one that knows the
    outcome does not.
    """
    rarer = min(int(label.sum()), int((1 - label).sum()))
    parts = int(np.clip(rarer // MIN_PER_STRATUM, 1, most))
    rank = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    return rank * parts // max(len(order), 1)


def _placements(scores: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each positive the share of negatives below it, and for each negative that of positives above it; ties half."""
    positive, negative = scores[label == 1], scores[label == 0]
    below, above = np.sort(negative), np.sort(positive)
    of_positives = (
        (np.searchsorted(below, positive, "left") + np.searchsorted(below, positive, "right")) / 2 / len(below)
    )
    of_negatives = 1 - (np.searchsorted(above, negative, "left") + np.searchsorted(above, negative, "right")) / 2 / len(
        above
    )
    return of_positives, of_negatives


def _parts(label: np.ndarray, strata: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    for stratum in np.unique(strata):
        rows = strata == stratum
        positives = int(label[rows].sum())
        pairs = positives * (int(rows.sum()) - positives)
        if positives > 1 and rows.sum() - positives > 1:
            yield rows, float(pairs)


def _weighted(parts: list[tuple[float, float, float]], confidence: float) -> Auc:
    total = sum(weight for weight, _, _ in parts)
    if not total:
        return Auc(float("nan"), float("nan"), float("nan"))
    value = sum(weight * mean for weight, mean, _ in parts) / total
    error = np.sqrt(sum(weight**2 * variance for weight, _, variance in parts)) / total
    reach = float(norm.ppf(0.5 + confidence / 2.0)) * float(error)
    return Auc(float(value), float(value - reach), float(value + reach))


def stratified_auc(scores: np.ndarray, label: np.ndarray, strata: np.ndarray, confidence: float = 0.95) -> Auc:
    """Chance that a positive scores higher than a negative of the same stratum, with DeLong's interval.

    Strata are weighted by their pairs; variances as in DeLong, DeLong and Clarke-Pearson (1988).

    Examples
    --------
    >>> stratified_auc(np.array([3.0, 2.0, 1.0, 0.0]), np.array([1, 1, 0, 0]), np.zeros(4)).value
    1.0
    """
    parts = []
    for rows, weight in _parts(label, strata):
        of_positives, of_negatives = _placements(scores[rows], label[rows])
        variance = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
        parts.append((weight, float(of_positives.mean()), float(variance)))
    return _weighted(parts, confidence)


def auc_gain(
    scores: np.ndarray, others: np.ndarray, label: np.ndarray, strata: np.ndarray, confidence: float = 0.95
) -> Auc:
    """AUC of `scores` minus that of `others` on the same rows, with DeLong's interval for paired scores."""
    parts = []
    for rows, weight in _parts(label, strata):
        one, two = _placements(scores[rows], label[rows]), _placements(others[rows], label[rows])
        of_positives, of_negatives = one[0] - two[0], one[1] - two[1]
        variance = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
        parts.append((weight, float(of_positives.mean()), float(variance)))
    return _weighted(parts, confidence)


def _entropy(codes: np.ndarray) -> float:
    share = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(-(share * np.log(share)).sum())


def shared_information(one: np.ndarray, two: np.ndarray, groups: np.ndarray, seed: int = 0) -> float:
    """Share of the poorer column's information that the other one holds, among rows of one group.

    Mutual information within the groups over the smaller of the two entropies (so that a coarse summary of a fine column counts
    in full), both less what shuffled values share: many codes and few rows always seem to share something (Vinh, Epps and
    Bailey 2010, adjusted mutual information).

    Parameters
    ----------
    one, two : ndarray of int64 [rows]
        Codes.
    groups : ndarray of int64 [rows]
        What is held fixed: the outcome, the stratum of time.

    Returns
    -------
    float
        0: nothing, 1: one column follows from the other; slightly negative by chance. 0 where a column hardly varies.
    """
    random = np.random.default_rng(seed)
    shared, possible = 0.0, 0.0
    for group in np.unique(groups):
        rows = groups == group
        a, b = np.unique(one[rows], return_inverse=True)[1], np.unique(two[rows], return_inverse=True)[1]
        width = int(b.max()) + 1
        entropies = _entropy(a), _entropy(b)
        by_chance = sum(entropies) - _entropy(a * width + random.permutation(b))
        weight = float(rows.mean())
        shared += weight * (sum(entropies) - _entropy(a * width + b) - by_chance)
        possible += weight * (min(entropies) - by_chance)
    return shared / possible if possible > LEAST_INFORMATION else 0.0
