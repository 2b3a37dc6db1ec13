"""The baselines that learn: base rate, logistic regression, untuned LightGBM. See `models.fitting.baseline`."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from models.fitting.baseline import checked_labels
from models.fitting.binned_rows import bin_rows
from models.fitting.boosting import train_untuned

__all__ = ["BaseRate", "LogisticRegressionBaseline", "UntunedLightGBM"]


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
        self.rate = float(np.average(checked_labels(matrix, names, labels, weights), weights=weights))
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
        y = checked_labels(matrix, names, labels, weights)
        x = np.asarray(matrix, dtype=np.float64)
        # Many columns that say much the same: Newton takes ten steps where L-BFGS takes hundreds
        self._model = make_pipeline(
            _preparation(x, categorical), LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200)
        ).fit(x, y, logisticregression__sample_weight=weights)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities."""
        return np.asarray(self._model.predict_proba(np.asarray(matrix, dtype=np.float64))[:, 1], np.float64)


def _preparation(x: np.ndarray, categorical: Sequence[int]) -> ColumnTransformer:
    """Say what becomes of each column of training rows."""
    seen = {int(column): np.unique(x[~np.isnan(x[:, column]), column]) for column in categorical}
    numbers = [column for column in range(x.shape[1]) if column not in seen]
    amounts = [column for column in numbers if not (x[:, column] < 0).any()]
    # a column of one value is 0 after centring, and so is its coefficient, whatever it says later
    standardised = (SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler())
    logarithm = FunctionTransformer(_log1p)
    codes = {column: values for column, values in seen.items() if len(values)}
    return ColumnTransformer(
        [
            ("amounts", make_pipeline(logarithm, *standardised), amounts),
            ("others", make_pipeline(*standardised), [column for column in numbers if column not in amounts]),
            (
                "categories",
                OneHotEncoder(categories=list(codes.values()), handle_unknown="ignore", sparse_output=False),
                list(codes),
            ),
        ]
    )


def _log1p(amounts: np.ndarray) -> np.ndarray:
    return np.asarray(np.log1p(np.maximum(amounts, 0.0)))


class UntunedLightGBM:
    """LightGBM with 200 trees and its defaults otherwise: what tuning and calibration have to beat."""

    def fit(
        self,
        matrix: np.ndarray,
        names: Sequence[str],
        categorical: Sequence[int],
        labels: np.ndarray,
        weights: np.ndarray,
    ) -> Self:
        """Train on the same rows as the other baselines."""
        y = checked_labels(matrix, names, labels, weights)
        rows = bin_rows(matrix, y, np.asarray(weights, dtype=np.float64), names, categorical)
        self._model = train_untuned(rows)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Predict probabilities."""
        return np.asarray(self._model.predict_probability(matrix), dtype=np.float64)
