"""How likely rows agree in every column by chance alone: what repeated rows are compared with."""

import numpy as np
import pandas as pd

from pipeline.leakage.statistics import MOSTLY_UNIQUE, numbers

__all__ = ["agreement_by_chance"]

COMMON = 10  # training rows of one key: so often nobody is entered, so the combination is a common one
PRIOR = 1.0  # rows' worth of what goes with other values of the column, where few rows have this one


def agreement_by_chance(rows: pd.DataFrame, keys: np.ndarray, is_train: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Give the chance that a row has its equal among the training rows although it is nobody's duplicate.

    The expected number of equal training rows is that of the likeliest of these models, each counted on training rows of
    other keys, so that a duplicate does not explain itself: columns are independent; or they are so given any one of them (a
    city fixes its region). A key of at least ten training rows is common by itself: leads who filled in nothing look alike. A
    value that no other row has is as frequent as pairs of rows share such values in its column (Good and Turing, Good 1953);
    not so in text or moments that are mostly unique, as ids are.

    Parameters
    ----------
    rows : DataFrame
        What identifies a lead without its id.
    keys : ndarray [rows]
        Equal where all columns are.
    is_train, asked : ndarray of bool [rows]
        Training rows, and those whose chance is asked for.

    Returns
    -------
    ndarray of float64, one per asked row
        In [0, 1].

    Examples
    --------
    >>> frame = pd.DataFrame({"source": ["web", "fair"] * 50, "letter": list("aabb") * 25})
    >>> keys = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    >>> newest = np.arange(100) >= 80
    >>> bool((agreement_by_chance(frame, keys, ~newest, newest) == 1.0).all())
    True
    """
    count = int(is_train.sum())
    _, codes_of_key = np.unique(keys, return_inverse=True)
    of_key = _counts(codes_of_key, is_train)
    own = of_key[asked].astype(np.float64)
    same = _pairs(of_key[is_train])
    codes = [pd.factorize(rows[name], use_na_sentinel=False)[0] for name in rows.columns]
    counts = [_counts(column, is_train) for column in codes]
    seen = [of_value[asked] - own for of_value in counts]
    rates = [
        np.where(n > 0, n / np.maximum(count - own, 1.0), _unseen(rows[name], column, is_train) / max(count, 1))
        for name, column, n in zip(rows.columns, codes, seen, strict=True)
    ]
    best = np.prod(rates, axis=0)
    for hub, column in enumerate(codes):
        given = rates[hub].copy()
        differ = _pairs(counts[hub][is_train]) - same
        for other, beside in enumerate(codes):
            if other != hub:
                both = _counts(column * (int(beside.max()) + 1) + beside, is_train)
                agree = (_pairs(both[is_train]) - same) / differ if differ else 0.0
                goes_along = (both[asked] - own + PRIOR * agree) / (seen[hub] + PRIOR)
                given *= np.maximum(rates[other], goes_along)
        best = np.maximum(best, given)
    expected = (count - own).clip(0.0) * best
    return np.asarray(np.where(own >= COMMON, 1.0, -np.expm1(-expected)))


def _counts(codes: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    """Count, for each row, the training rows of its code."""
    _, dense = np.unique(codes, return_inverse=True)
    return np.bincount(dense[is_train], minlength=int(dense.max()) + 1)[dense]


def _pairs(times: np.ndarray) -> int:
    """Count ordered pairs of rows that share a code, from each row's count of its code."""
    return int((times - 1).sum())


def _unseen(values: pd.Series, codes: np.ndarray, is_train: np.ndarray) -> float:
    """Estimate how many training rows share a value that is seen in one row only."""
    times = np.bincount(codes[is_train])
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    if numbers(values) is None and (times > 0).sum() > MOSTLY_UNIQUE * times.sum():
        return 0.0
    return min(1.0, 2.0 * twice / once) if once else 1.0
