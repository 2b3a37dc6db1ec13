"""The linear rungs of the ladder: the base rate by segment, and a regularised logistic regression on few robust columns.

Both are sums over columns, so their contributions are exact: what a column adds less what it adds on average. The logistic
regression is the posterior mode under one normal prior for all standardised coefficients, whose variance is the one that the
labels make most plausible (empirical Bayes, MacKay, Bayesian interpolation, 1992; Laplace's approximation for the logistic
likelihood). So few labels leave it close to the base rate, without a fold having to say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, log1p, logit

from models.fitting.additive import AdditiveModel, CategoryTerm, NumberTerm
from models.fitting.posterior import ENTRY_PRECISION, most_plausible, posterior_mode

__all__ = [
    "ENTRY",
    "LinearFit",
    "fit_base_rate",
    "fit_entry",
    "fit_linear",
    "fit_segments",
    "lead_weights",
    "robust_columns",
]

ENTRY = "days_since_last__stage_mql"
"""How long a lead has been marketing-qualified: of all columns the one that every rung knows, because the rate falls with it in
every funnel, and because most rows are later looks at leads, while a lead's first moment counts in the headline figures."""

CLIP = 3.0  # standard deviations: one extreme lead must not decide, in training or later
GAPPY = 0.02  # a share of missing values from which on "missing" has a coefficient of its own
CATEGORY_SCALE = 0.5  # rare categories move less
PSEUDO_LEADS = (5.0, 10.0, 20.0, 50.0, 100.0)
MOST_SEGMENTS = 30
WHOLE_WINDOW = ("count", "distinct_days", "sum_value")


def robust_columns(names: Sequence[str]) -> list[int]:
    """Choose the columns of the logistic regression: attributes, and of every selector how much in all and how recently.

    The same fact in many windows would cost coefficients and say little more. Columns without such names are all taken.

    Examples
    --------
    >>> robust_columns(["count__all__28d", "count__all__365d", "days_since_last__all", "trend__all__90d", "attribute__role"])
    [1, 2, 4]
    """
    longest: dict[tuple[str, str], tuple[int, int]] = {}
    chosen = []
    for position, name in enumerate(names):
        operation, _, rest = name.partition("__")
        selector, _, days = rest.rpartition("__")
        if operation in ("attribute", "missing", "days_since_last"):
            chosen.append(position)
        elif operation in WHOLE_WINDOW and days[:-1].isdigit():
            key = (operation, selector)
            longest[key] = max(longest.get(key, (0, 0)), (int(days[:-1]), position))
    chosen = sorted(chosen + [position for _, position in longest.values()])
    return chosen or list(range(len(names)))


def lead_weights(weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Scale weights so that they sum to the number of groups: rows of one account are not so many pieces of evidence."""
    return np.asarray(weights * (len(np.unique(groups)) / weights.sum()), dtype=np.float64)


def fit_base_rate(labels: np.ndarray, weights: np.ndarray, names: Sequence[str]) -> AdditiveModel:
    """Give every row the same log-odds: those of the weighted share of positives."""
    return AdditiveModel(tuple(names), float(logit(np.average(labels, weights=weights))), (), ())


def fit_entry(
    matrix: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray, names: Sequence[str]
) -> AdditiveModel:
    """Fit the base rate by the time since a lead's entry (`ENTRY`); where the catalog does not know it, the base rate.

    Parameters
    ----------
    matrix, labels, weights, groups, names
        As for `fit_segments`.
    """
    if ENTRY not in names:
        return fit_base_rate(labels, weights, names)
    numbers: dict[int, tuple[bool, float, float]] = {}
    w, column = lead_weights(weights, groups), list(names).index(ENTRY)
    design = [
        part for part in _number(column, np.asarray(matrix[:, column], dtype=np.float64), w, numbers) if part.code == -1
    ]
    if not design:
        return fit_base_rate(labels, weights, names)
    x = _columns(design, len(labels))
    start = np.array([logit(np.average(labels, weights=w)), 0.0])
    beta, _, _ = posterior_mode(x, labels, w, np.array([1e-9, ENTRY_PRECISION]), start)
    return _terms(design, numbers, beta, tuple(names))


def fit_segments(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    categorical: Sequence[int],
) -> AdditiveModel:
    """Fit the base rate by the one category that tells most, each value's rate shrunk towards the whole; or none.

    A value's rate is (positives + m x base rate) / (leads + m), with the column and m that make the labels most plausible
    (beta-binomial). A column must be more plausible than the base rate alone by as much as there are columns to pick from.

    Parameters
    ----------
    matrix, labels, weights, names, categorical
        As for `models.fitting.classifier.train`.
    groups : ndarray
        Account or lead of each row.
    """
    base = fit_base_rate(labels, weights, names)
    rate = float(expit(base.base))
    w = lead_weights(weights, groups)
    best, found = np.log(max(len(categorical), 1)) + 1.0, None
    for column in categorical:
        values = np.asarray(matrix[:, column], dtype=np.float64)
        known = ~np.isnan(values)
        codes = values[known].astype(np.int64)
        if not len(codes) or codes.min() < 0 or not 2 <= len(np.unique(codes)) <= MOST_SEGMENTS:
            continue
        positives = np.bincount(codes, weights=(w * labels)[known])
        leads = np.bincount(codes, weights=w[known])
        plain = positives.sum() * np.log(rate) + (leads - positives).sum() * np.log1p(-rate)
        for m in PSEUDO_LEADS:
            a, b = m * rate, m * (1.0 - rate)
            gain = float((betaln(positives + a, leads - positives + b) - betaln(a, b)).sum() - plain)
            if gain > best:
                best = gain
                shares = leads / w.sum()
                effect = logit((positives + a) / (leads + m)) - base.base
                found = (column, effect, float(shares @ effect))
    if found is None:
        return base
    column, effect, mean = found
    term = CategoryTerm(int(column), tuple(float(v) for v in effect - mean), -mean)
    return AdditiveModel(tuple(names), base.base + mean, (), (term,))


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A logistic regression, and what its rows leave open of it.

    Attributes
    ----------
    model : AdditiveModel
    design : ndarray of float64 [rows, coefficients]
        Standardised columns, the intercept first.
    hessian : ndarray of float64 [coefficients, coefficients]
        Of the negative logarithm of the posterior, at its mode.
    """

    model: AdditiveModel
    design: np.ndarray
    hessian: np.ndarray

    def variance(self) -> np.ndarray:
        """Give the variance of each row's log-odds after the labels were seen (Laplace's approximation); float64 [rows]."""
        return np.asarray(np.einsum("ij,ij->i", self.design @ np.linalg.inv(self.hessian), self.design))


@dataclass(frozen=True, eq=False)
class _Column:
    """One standardised column of the design, and what it stands for."""

    column: int
    code: int  # of a category; -1 a number, -2 its "missing"
    values: np.ndarray
    mean: float
    scale: float


def fit_linear(
    matrix: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    categorical: Sequence[int],
) -> LinearFit:
    """Fit the regularised logistic regression.

    Parameters
    ----------
    matrix, labels, weights, names, categorical
        As for `models.fitting.classifier.train`.
    groups : ndarray
        Account or lead of each row: how many there are says how much evidence the rows are.
    """
    w = lead_weights(np.asarray(weights, dtype=np.float64), groups)
    y = np.asarray(labels, dtype=np.float64)
    numbers: dict[int, tuple[bool, float, float]] = {}
    design: list[_Column] = []
    for column in robust_columns(names):
        values = np.asarray(matrix[:, column], dtype=np.float64)
        if column in categorical:
            design.extend(_categories(column, values, w))
        else:
            design.extend(_number(column, values, w, numbers))
    if not design:
        rate = float(np.average(y, weights=w))
        return LinearFit(fit_base_rate(y, w, names), np.ones((len(y), 1)), np.array([[w.sum() * rate * (1.0 - rate)]]))
    x = _columns(design, len(y))
    beta, hessian = most_plausible(
        x, y, w, np.array([names[part.column] == ENTRY and part.code == -1 for part in design])
    )
    return LinearFit(_terms(design, numbers, beta, tuple(names)), x, hessian)


def _number(
    column: int, values: np.ndarray, w: np.ndarray, numbers: dict[int, tuple[bool, float, float]]
) -> list[_Column]:
    known = np.isfinite(values)
    if not known.any():
        return []
    logged = bool((values[known] >= 0.0).all())
    x = log1p(np.where(known, values, 0.0)) if logged else np.where(known, values, 0.0)
    mean = float(np.average(x[known], weights=w[known]))
    deviation = float(np.sqrt(np.average((x[known] - mean) ** 2, weights=w[known])))
    columns = []
    if deviation > 1e-6:
        low, high = mean - CLIP * deviation, mean + CLIP * deviation
        clipped = np.clip(x, low, high)
        mean = float(np.average(clipped[known], weights=w[known]))
        numbers[column] = (logged, low, high)
        columns.append(_Column(column, -1, np.where(known, clipped, mean), mean, deviation))
    missing = float(np.average(~known, weights=w))
    if GAPPY <= missing <= 1.0 - GAPPY:
        columns.append(_Column(column, -2, (~known).astype(np.float64), missing, CATEGORY_SCALE))
    return columns


def _categories(column: int, values: np.ndarray, w: np.ndarray) -> list[_Column]:
    known = ~np.isnan(values)
    columns = []
    for code in np.unique(values[known]):
        one = (values == code).astype(np.float64)
        share = float(np.average(one, weights=w))
        if code >= 0 and 0.0 < share < 1.0:
            columns.append(_Column(column, int(code), one, share, CATEGORY_SCALE))
    return columns


def _columns(design: list[_Column], rows: int) -> np.ndarray:
    return np.column_stack([np.ones(rows), *((part.values - part.mean) / part.scale for part in design)])


def _terms(
    design: list[_Column], numbers: dict[int, tuple[bool, float, float]], beta: np.ndarray, names: tuple[str, ...]
) -> AdditiveModel:
    slope: dict[int, tuple[float, float]] = {}
    absent: dict[int, tuple[float, float]] = {}
    values: dict[int, dict[int, tuple[float, float]]] = {}
    for part, coefficient in zip(design, beta[1:], strict=True):
        effect = float(coefficient) / part.scale
        if part.code == -1:
            slope[part.column] = (effect, part.mean)
        elif part.code == -2:
            absent[part.column] = (effect, part.mean)
        else:
            values.setdefault(part.column, {})[part.code] = (effect, part.mean)
    terms = []
    for column in sorted({*slope, *absent}):
        effect, mean = slope.get(column, (0.0, 0.0))
        logged, low, high = numbers.get(column, (False, 0.0, 0.0))
        gap, share = absent.get(column, (0.0, 0.0))
        terms.append(NumberTerm(column, logged, low, high, mean, effect, -gap * share, gap * (1.0 - share)))
    categories = []
    for column, by_code in sorted(values.items()):
        mean = sum(effect * share for effect, share in by_code.values())
        effects = [by_code.get(code, (0.0, 0.0))[0] - mean for code in range(max(by_code) + 1)]
        categories.append(CategoryTerm(column, tuple(effects), -mean))
    return AdditiveModel(names, float(beta[0]), tuple(terms), tuple(categories))
