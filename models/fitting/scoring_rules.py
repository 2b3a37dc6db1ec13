"""Rules that companies score by, as baselines: their own points, RFM, and Odoo's formula. See `models.fitting.baseline`."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from scipy.special import expit

from features.errors import ParameterError
from models.fitting.baseline import checked_labels
from models.params import PointsParams

__all__ = ["RFM", "OdooFormula", "PointsTable"]


class PointsTable:
    """The company's own points: points x interactions in the observation window, less for older ones. A score, no probability.

    Parameters
    ----------
    params : PointsParams
        The `points` section.
    observation_days : int
        Length of the longest window whose counts are used.
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
            A selector of the points table has no count over the observation window, or over the days of a decay step.
        """
        position = {name: i for i, name in enumerate(names)}
        for days, _ in self.params.windows(self.observation_days):
            missing = sorted(name for name in self.params.interactions if f"count__{name}__{days}d" not in position)
            if missing and days == self.observation_days:
                raise ParameterError(
                    f"points.interactions names {missing}, without a column count__<name>__{days}d in the "
                    "feature matrix. Define them under features.selectors, or take them off the points table"
                )
            if missing:
                raise ParameterError(
                    f"points.decay has a step after {days} days, and the feature matrix no column count__<name>__{days}d for "
                    f"{missing}. Take a step that is in features.windows_days, or add {days} there"
                )
        terms = [
            (position[f"count__{name}__{days}d"], points * share)
            for days, share in self.params.windows(self.observation_days)
            for name, points in self.params.interactions.items()
        ]
        self._columns = np.array([column for column, _ in terms], dtype=np.int64)
        self._points = np.array([points for _, points in terms], dtype=np.float64)
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
        checked_labels(matrix, names, labels, weights)
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
        y = checked_labels(matrix, names, labels, weights)
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
