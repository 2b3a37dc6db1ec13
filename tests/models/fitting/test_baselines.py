"""Baselines: what each computes, by hand where that is possible."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.errors import DataError, ParameterError
from models.fitting.baseline import Baseline
from models.fitting.baselines import BaseRate, LogisticRegressionBaseline, UntunedLightGBM
from models.fitting.scoring_rules import RFM, OdooFormula, PointsTable
from models.params import PointsParams
from models.quality.metrics import auc

NAMES = [
    "count__pricing__7d",
    "count__pricing__365d",
    "count__ebook__365d",
    "days_since_last__all",
    "attribute__industry",
]
CATEGORICAL = [4]


def sample(rows: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    pricing = random.poisson(2.0, rows).astype(np.float32)
    recency = random.exponential(20.0, rows).astype(np.float32)
    recency[random.random(rows) < 0.2] = np.nan
    industry = random.integers(0, 4, rows).astype(np.float32)
    industry[random.random(rows) < 0.1] = np.nan
    matrix = np.column_stack([random.binomial(2, 0.3, rows), pricing, random.poisson(1.0, rows), recency, industry])
    odds = -2.0 + np.log1p(pricing) - 0.02 * np.nan_to_num(recency, nan=60.0) + 1.0 * (industry == 2)
    return matrix.astype(np.float32), (random.random(rows) < expit(odds)).astype(float), np.ones(rows)


ALL: list[type[Baseline]] = [BaseRate, LogisticRegressionBaseline, OdooFormula, UntunedLightGBM]


@pytest.mark.parametrize("kind", ALL)
def test_predictions_are_probabilities_and_rows_are_alone(kind: type[Baseline]) -> None:
    matrix, labels, weights = sample()
    fitted = kind().fit(matrix, NAMES, CATEGORICAL, labels, weights)
    p = fitted.predict(matrix)
    assert p.dtype == np.float64
    assert p.shape == (1500,)
    assert ((p > 0) & (p < 1)).all()
    assert p.mean() == pytest.approx(labels.mean(), abs=0.05)
    assert fitted.predict(matrix[5:6])[0] == pytest.approx(p[5], abs=1e-12)
    again = kind().fit(matrix, NAMES, CATEGORICAL, labels, weights).predict(matrix)
    assert (again == p).all()


@pytest.mark.parametrize("kind", ALL[1:])
def test_those_that_learn_find_the_signal(kind: type[Baseline]) -> None:
    matrix, labels, weights = sample()  # the true odds reach an AUC of 0.71, the best single column 0.62
    new, outcome, _ = sample(seed=1)
    assert auc(outcome, kind().fit(matrix, NAMES, CATEGORICAL, labels, weights).predict(new)) > 0.625


@pytest.mark.parametrize("kind", [LogisticRegressionBaseline, OdooFormula])
def test_unseen_codes_and_all_missing_rows_still_get_an_answer(kind: type[Baseline]) -> None:
    matrix, labels, weights = sample()
    fitted = kind().fit(matrix, NAMES, CATEGORICAL, labels, weights)
    strange = np.array([[0, 3, 1, 10.0, 9], [0, 3, 1, 10.0, np.nan], [np.nan] * 5], dtype=np.float32)
    p = fitted.predict(strange)
    assert np.isfinite(p).all()
    assert p[0] == p[1], "an unseen category says as much as a missing one"


def test_base_rate_is_weighted() -> None:
    matrix, labels, _ = sample(4)
    labels[:] = [1, 0, 0, 0]
    fitted = BaseRate().fit(matrix, NAMES, CATEGORICAL, labels, np.array([3.0, 1.0, 1.0, 1.0]))
    assert fitted.predict(matrix[:2]).tolist() == [0.5, 0.5]


def test_logistic_regression_ignores_constant_and_empty_columns() -> None:
    matrix, labels, weights = sample()
    matrix[:, 0], matrix[:, 2] = 7.0, np.nan
    p = LogisticRegressionBaseline().fit(matrix, NAMES, CATEGORICAL, labels, weights).predict(matrix)
    matrix[:, 0], matrix[:, 2] = -3.0, 5.0
    q = LogisticRegressionBaseline().fit(matrix, NAMES, CATEGORICAL, labels, weights).predict(matrix)
    assert p == pytest.approx(q, abs=1e-3)


def test_logistic_regression_prepares_columns_as_it_says() -> None:
    matrix, labels, weights = sample()
    train, test = matrix[:1000].astype(np.float64), matrix[1000:].astype(np.float64)
    train[:, 2] -= 1.0  # now and then negative: taken as it is

    def prepared(x: np.ndarray) -> np.ndarray:
        columns = []
        for column in range(4):
            of_training, values = train[:, column], x[:, column]
            if (of_training[~np.isnan(of_training)] >= 0).all():
                of_training, values = np.log1p(of_training), np.log1p(values)
            median = np.nanmedian(of_training)
            filled = np.where(np.isnan(of_training), median, of_training)
            columns.append((np.where(np.isnan(values), median, values) - filled.mean()) / filled.std())
            gap = np.isnan(of_training)
            if gap.any():
                columns.append((np.isnan(values) - gap.mean()) / gap.std())
        codes = np.unique(train[~np.isnan(train[:, 4]), 4])
        return np.column_stack([*columns, *(x[:, 4] == code for code in codes)])

    model = LogisticRegression(solver="newton-cholesky").fit(prepared(train), labels[:1000], weights[:1000])
    p = LogisticRegressionBaseline().fit(train, NAMES, CATEGORICAL, labels[:1000], weights[:1000]).predict(test)
    assert p == pytest.approx(model.predict_proba(prepared(test))[:, 1], abs=1e-6)


def test_weights_count_like_repeated_rows() -> None:
    matrix, labels, _ = sample(400)
    times = np.random.default_rng(2).integers(1, 3, 400)
    for kind in (BaseRate, OdooFormula):
        names = ["attribute__a", "attribute__b", "attribute__c", "attribute__d", "attribute__e"]
        codes = np.minimum(np.nan_to_num(matrix), 5)
        one = kind().fit(codes, names, range(5), labels, times.astype(float)).predict(codes)
        two = kind().fit(
            np.repeat(codes, times, axis=0), names, range(5), np.repeat(labels, times), np.ones(times.sum())
        )
        assert one == pytest.approx(two.predict(codes))


def test_points_add_up() -> None:
    table = PointsTable(PointsParams(interactions={"pricing": 8, "ebook": 10}, mql_threshold=50), 365)
    matrix, labels, weights = sample()
    points = table.fit(matrix, NAMES, CATEGORICAL, labels, weights).predict(
        np.array([[9, 2, 3, 0, 0]], dtype=np.float32)
    )
    assert points.tolist() == [2 * 8 + 3 * 10]


def test_odoo_formula_by_hand() -> None:
    # One field with values 0 and 1: won 3 x 0, 1 x 1; lost 1 x 0, 4 x 1; one lost lead has none.
    field = np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, np.nan], dtype=np.float32)[:, None]
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=float)
    fitted = OdooFormula().fit(field, ["attribute__a"], [0], labels, np.ones(10))
    p = fitted.predict(np.array([[0], [1], [np.nan], [5]], dtype=np.float32))

    def probability(won: float, lost: float) -> float:
        return round(won / (won + lost), 4)

    start_won, start_lost = 4.1 / 10.2, 6.1 / 10.2
    assert p.tolist() == [
        probability(start_won * 3.1 / 4.2, start_lost * 1.1 / 5.2),
        probability(start_won * 1.1 / 4.2, start_lost * 4.1 / 5.2),
        probability(start_won, start_lost),
        probability(start_won, start_lost),
    ]


def test_odoo_cuts_numbers_into_five_bins_and_stays_off_certainty() -> None:
    values = np.arange(1000, dtype=np.float32)[:, None]
    labels = (values[:, 0] >= 800).astype(float)
    p = OdooFormula().fit(values, ["attribute__size"], [], labels, np.ones(1000)).predict(values)
    assert len(np.unique(p)) <= 5
    assert p.max() <= 0.9999
    assert p.min() >= 0.0001
    assert p[900] > 0.99
    assert p[100] < 0.01


def test_odoo_counts_a_fact_once() -> None:
    matrix, labels, weights = sample()
    fitted = OdooFormula().fit(matrix, NAMES, CATEGORICAL, labels, weights)
    changed = matrix.copy()
    changed[:, 0] += 5
    assert (fitted.predict(changed) == fitted.predict(matrix)).all()
    changed = matrix.copy()
    changed[:, 1] += 5
    assert (fitted.predict(changed) != fitted.predict(matrix)).any()


def test_messages() -> None:
    matrix, labels, weights = sample(10)
    with pytest.raises(DataError, match=r"matrix of shape \(10, 5\), 4 names, 10 labels"):
        BaseRate().fit(matrix, NAMES[:4], CATEGORICAL, labels, weights)
    with pytest.raises(DataError, match=r"\(0 positive\).*both classes"):
        LogisticRegressionBaseline().fit(matrix, NAMES, CATEGORICAL, np.zeros(10), weights)
    table = PointsTable(PointsParams(interactions={"webinar": 1.0}, mql_threshold=1), 365)
    with pytest.raises(
        ParameterError, match=r"points.interactions names \['webinar'\], without a column count__<name>__365d"
    ):
        table.fit(matrix, NAMES, CATEGORICAL, labels, weights)


ORDER_NAMES = ["count__all__365d", "sum_value__orders__365d", "days_since_last__orders", "count__orders__365d"]


def orders_of(*rows: tuple[float, float, float]) -> np.ndarray:
    """Make rows of (days since the last order, number, value)."""
    return np.array([[99.0, value, days, count] for days, count, value in rows], dtype=np.float32)


def fitted_rfm() -> RFM:
    known = orders_of(*[(10.0 * (i + 1), 10.0 - i, 100.0 * (10 - i)) for i in range(10)])
    return RFM(365).fit(known, ORDER_NAMES, [], np.arange(10) % 2, np.ones(10))


def test_rfm_gives_one_to_five_points_each_for_recency_frequency_and_value() -> None:
    rfm = fitted_rfm()
    best, worst, never = (10.0, 10.0, 1000.0), (100.0, 1.0, 100.0), (np.nan, 0.0, 0.0)
    assert rfm.predict(orders_of(best, worst, never)).tolist() == [15.0, 3.0, 3.0]
    # each of the three counts the same
    assert rfm.predict(orders_of((10.0, 1.0, 100.0), (100.0, 10.0, 100.0), (100.0, 1.0, 1000.0))).tolist() == [7.0] * 3
    fifths = rfm.predict(orders_of(*[(10.0 * (i + 1), 1.0, 100.0) for i in range(10)])) - 2.0
    assert fifths.tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert rfm.predict(orders_of(best))[0] == rfm.predict(orders_of(worst, best))[1]


def test_rfm_of_customers_who_are_all_alike_tells_nobody_apart() -> None:
    rows = orders_of(*[(30.0, 2.0, 50.0)] * 6)
    rfm = RFM(365).fit(rows, ORDER_NAMES, [], np.arange(6) % 2, np.ones(6))
    assert set(rfm.predict(rows)) == {3.0}


def test_rfm_needs_orders_and_says_so() -> None:
    assert RFM(365).suits(ORDER_NAMES)
    assert not RFM(90).suits(ORDER_NAMES)
    with pytest.raises(ParameterError, match="Add orders to features.groups"):
        RFM(365).fit(np.zeros((4, 5)), NAMES, [], np.array([0, 1, 0, 1]), np.ones(4))


def test_points_of_older_touchpoints_count_less_by_the_steps_of_decay() -> None:
    params = PointsParams(interactions={"pricing": 8}, mql_threshold=50, decay=({"after_days": 28, "share": 0.25},))
    names = ("count__pricing__28d", "count__pricing__365d")
    matrix = np.array([[1, 3], [0, 4]], dtype=np.float32)
    labels, weights = np.array([0, 1]), np.ones(2)
    assert PointsTable(params, 365).fit(matrix, names, (), labels, weights).predict(matrix).tolist() == [12.0, 8.0]
    with pytest.raises(ParameterError, match="decay has a step after 28 days, and the feature matrix no column"):
        PointsTable(params, 365).fit(matrix[:, 1:], names[1:], (), labels, weights)
