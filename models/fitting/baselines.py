"""What the product is measured against. Each baseline is fitted and used in memory only, on the product's own rows.

Every `fit` takes a float matrix in catalog order (missing is NaN), the names of its columns, the positions of the
categorical ones (integral codes), labels 0 or 1 and positive weights, and returns the baseline itself; every `predict`
takes such a matrix and returns one float64 per row.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, Self

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.errors import DataError, ParameterError
from models.fitting.binned_rows import BinnedRows, bin_rows
from models.fitting.boosting import train_untuned
from models.params import PointsParams

__all__ = ["RFM", "BaseRate", "Baseline", "LogisticRegressionBaseline", "OdooFormula", "PointsTable", "UntunedLightGBM"]


class Baseline(Protocol):
    """What all baselines have in common."""

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Learn from labelled rows."""
        ...

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict one value per row."""
        ...


def _check(matrix: np.ndarray, names: Sequence[str], labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the labels as float64; raise DataError where shapes differ or there is one class only."""
    y = np.asarray(labels, dtype=np.float64)
    positives = int((y == 1.0).sum())
    if matrix.ndim != 2 or matrix.shape != (len(y), len(names)) or len(weights) != len(y) or not 0 < positives < len(y):
        raise DataError(
            f"baselines: matrix of shape {matrix.shape}, {len(names)} names, {len(y)} labels ({positives} positive), "
            f"{len(weights)} weights; needs one name per column, one label and weight per row, and both classes. "
            "Check the slices"
        )
    return y


class BaseRate:
    """The weighted share of positives among the training rows, for everyone."""

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Learn the share; features play no part."""
        self.rate = float(np.average(_check(matrix, names, labels, weights), weights=weights))
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict the share for every row."""
        return np.full(len(matrix), self.rate)


class LogisticRegressionBaseline:
    """Logistic regression with the preparation a careful analyst would give it.

    Categories become one column per code seen in training (an unseen or missing one is all zeros). Of the other columns
    those that are never negative in training (counts, days, amounts) are taken as ln(1 + x), a missing value is the
    training median, with a column of its own that says so, and all are standardised. L2 penalty, C = 1 (scikit-learn's
    default).
    """

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Learn the preparation and the coefficients."""
        y = _check(matrix, names, labels, weights)
        x = np.asarray(matrix, dtype=np.float64)
        self._codes = {int(column): np.unique(x[~np.isnan(x[:, column]), column]) for column in categorical}
        self._numbers = np.array([i for i in range(x.shape[1]) if i not in self._codes], dtype=np.int64)
        numbers = x[:, self._numbers]
        is_known = ~np.isnan(numbers)
        self._log = np.array(
            [bool((column[k] >= 0).all()) for column, k in zip(numbers.T, is_known.T, strict=True)], dtype=bool
        )
        logged = self._logged(numbers)
        self._median = np.array(
            [np.median(column[k]) if k.any() else 0.0 for column, k in zip(logged.T, is_known.T, strict=True)]
        )
        self._gappy = ~is_known.all(axis=0)
        self._mean, self._scale = np.zeros(0), np.ones(0)
        plain = self._plain(x)
        self._mean = plain.mean(axis=0)
        spread = plain.std(axis=0)
        self._scale = np.where(spread > 1e-9, spread, np.inf)  # a constant column says nothing: it becomes 0
        # Many columns that say much the same: Newton takes ten steps where L-BFGS takes hundreds
        self._model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200).fit(
            self._design(x), y, sample_weight=weights
        )
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities."""
        return np.asarray(
            self._model.predict_proba(self._design(np.asarray(matrix, dtype=np.float64)))[:, 1], np.float64
        )

    def _logged(self, numbers: np.ndarray) -> np.ndarray:
        return np.where(self._log, np.log1p(np.where(self._log, np.maximum(numbers, 0.0), 0.0)), numbers)

    def _plain(self, x: np.ndarray) -> np.ndarray:
        numbers = self._logged(x[:, self._numbers])
        missing = np.isnan(numbers)
        return np.hstack([np.where(missing, self._median, numbers), missing[:, self._gappy]])

    def _design(self, x: np.ndarray) -> np.ndarray:
        categories = [x[:, [column]] == codes for column, codes in self._codes.items()]
        return np.hstack([(self._plain(x) - self._mean) / self._scale, *categories])


class PointsTable:
    """The company's own points: points x interactions in the observation window. A score, not a probability.

    Parameters
    ----------
    params : PointsParams
        The `points` section.
    observation_days : int
        Length of the window whose counts are used.
    """

    def __init__(self, params: PointsParams, observation_days: int) -> None:
        self.params = params
        self.observation_days = observation_days

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Find the columns; there is nothing to learn.

        Raises
        ------
        ParameterError
            A selector of the points table has no count over the observation window.
        """
        wanted = {selector: f"count__{selector}__{self.observation_days}d" for selector in self.params.interactions}
        position = {name: i for i, name in enumerate(names)}
        missing = sorted(selector for selector, name in wanted.items() if name not in position)
        if missing:
            raise ParameterError(
                f"points.interactions names {missing}, without a column count__<name>__{self.observation_days}d in the "
                "feature matrix. Define them under features.selectors, or take them off the points table"
            )
        self._points = np.array(list(self.params.interactions.values()), dtype=np.float64)
        self._columns = np.array([position[name] for name in wanted.values()], dtype=np.int64)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Add up the points of each row."""
        return np.asarray(np.nan_to_num(matrix[:, self._columns].astype(np.float64)) @ self._points, np.float64)


class RFM:
    """Recency, frequency and monetary value, the classic rule for existing customers. A score, not a probability.

    Customers are cut into five parts of equal size by the days since their last order, by the number of their orders and by
    what these were worth over the observation; the best fifth gets 5 points, the worst 1, and the points are added up. An
    equal value gets equal points; who never ordered in the observation gets 1 each. The cuts are those of the training rows.

    Source: Hughes, Strategic Database Marketing (1994), for the fifths; adding them up with equal weights is usual practice.

    Parameters
    ----------
    observation_days : int
        Length of the window that orders are counted over.
    """

    PARTS: ClassVar[int] = 5

    def __init__(self, observation_days: int) -> None:
        days = f"{observation_days}d"
        self.columns = ("days_since_last__orders", f"count__orders__{days}", f"sum_value__orders__{days}")

    def suits(self, names: Sequence[str]) -> bool:
        """Tell whether the matrix has the columns of orders."""
        return set(self.columns) <= set(names)

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Learn the cuts; labels play no part.

        Raises
        ------
        ParameterError
            The matrix has no columns of orders.
        """
        _check(matrix, names, labels, weights)
        if not self.suits(names):
            raise ParameterError(
                f"rfm: needs the columns {', '.join(self.columns)}. Add orders to features.groups, or take no RFM baseline"
            )
        self._positions = [list(names).index(name) for name in self.columns]
        shares = np.arange(1, self.PARTS) / self.PARTS
        self._cuts = []
        for values in self._rising(matrix).T:
            numbers = values[~np.isnan(values)]
            self._cuts.append(np.quantile(numbers, shares) if len(numbers) else np.zeros(0))
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Add up the points of each row, 3 to 15."""
        columns = zip(self._rising(matrix).T, self._cuts, strict=True)
        points = [np.where(np.isnan(v), 1, 1 + np.searchsorted(cuts, v, side="left")) for v, cuts in columns]
        return np.asarray(np.sum(points, axis=0), dtype=np.float64)

    def _rising(self, matrix: np.ndarray) -> np.ndarray:
        """Take the three columns so that more is better."""
        values = np.asarray(matrix[:, self._positions], dtype=np.float64)
        return np.asarray(values * np.array([-1.0, 1.0, 1.0]), np.float64)


class OdooFormula:
    """Naive Bayes as Odoo CRM's predictive lead scoring computes it.

    For every value of a field, won and lost leads are counted, each count plus 0.1; a value contributes
    ``won / sum of the field's won`` to the score of winning and likewise to that of losing, both start from the share of
    won and lost leads, and the probability is ``won / (won + lost)``, rounded to 0.01 % and held in 0.01 %..99.99 %.
    A missing value, or one that was never seen, contributes nothing. Numbers are cut into 5 bins of equal mass. There is
    one sales team, and the stage, which Odoo uses too, is the same for all leads at their snapshot.

    Odoo's users pick a handful of fields of the lead, not the same fact in many windows, which naive Bayes would count
    many times over: so the fields are the attributes, and of every selector the count over its longest window and the days
    since the last touchpoint. Where the columns bear no such names, all are used.

    Source: Odoo 17, `addons/crm/models/crm_lead.py`, `_pls_get_naive_bayes_probabilities` and
    `_pls_update_frequency_table` (read for the formula; no text taken over).
    """

    BINS: ClassVar[int] = 5
    SMOOTHING: ClassVar[float] = 0.1

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Count won and lost weight per value of each field."""
        y = _check(matrix, names, labels, weights)
        w = np.asarray(weights, dtype=np.float64)
        won, lost = float(w @ y) + self.SMOOTHING, float(w @ (1.0 - y)) + self.SMOOTHING
        self._start = float(np.log(won / lost))
        self._fields: list[tuple[int, np.ndarray | None, np.ndarray]] = []
        for column in self._chosen(names):
            values = np.asarray(matrix[:, column], dtype=np.float64)
            is_known = ~np.isnan(values)
            if not is_known.any():
                continue
            edges = None
            if column not in categorical:
                edges = np.unique(np.quantile(values[is_known], np.arange(1, self.BINS) / self.BINS))
            codes = self._coded(values[is_known], edges)
            counts = [np.bincount(codes, weights=part[is_known]) for part in (w * y, w * (1.0 - y))]
            seen = np.bincount(codes) > 0
            counts = [np.where(seen, part + self.SMOOTHING, 0.0) for part in counts]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
            self._fields.append((column, edges, np.append(np.where(seen, ratio, 0.0), 0.0)))
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities, in 0.0001..0.9999."""
        score = np.full(len(matrix), self._start)
        for column, edges, ratio in self._fields:
            values = np.asarray(matrix[:, column], dtype=np.float64)
            codes = self._coded(np.nan_to_num(values), edges)
            unseen = np.isnan(values) | (codes >= len(ratio) - 1)
            score += ratio[np.where(unseen, len(ratio) - 1, codes)]
        return np.asarray(np.clip(np.round(expit(score), 4), 0.0001, 0.9999))

    @staticmethod
    def _coded(values: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
        if edges is None:
            return values.astype(np.int64)
        return np.asarray(np.searchsorted(edges, values, side="left"))

    @staticmethod
    def _chosen(names: Sequence[str]) -> list[int]:
        longest: dict[str, tuple[int, int]] = {}
        positions = []
        for position, name in enumerate(names):
            parts = name.split("__")
            if parts[0] in ("attribute", "days_since_last"):
                positions.append(position)
            elif parts[0] == "count" and len(parts) == 3 and parts[2][:-1].isdigit():
                longest[parts[1]] = max(longest.get(parts[1], (0, 0)), (int(parts[2][:-1]), position))
        positions = sorted(positions + [position for _, position in longest.values()])
        return positions or list(range(len(names)))


class UntunedLightGBM:
    """LightGBM with 200 trees and its defaults otherwise: what tuning and calibration have to beat.

    Parameters
    ----------
    binned : BinnedRows, optional
        The rows that `fit` will be given, where they are binned already.
    """

    def __init__(self, binned: BinnedRows | None = None) -> None:
        self._binned = binned

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Train on the same rows as the other baselines."""
        y = _check(matrix, names, labels, weights)
        rows = self._binned or bin_rows(matrix, y, np.asarray(weights, dtype=np.float64), names, categorical)
        self._model = train_untuned(rows)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities."""
        return np.asarray(self._model.predict_probability(matrix), dtype=np.float64)
