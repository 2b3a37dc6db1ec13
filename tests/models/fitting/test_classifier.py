"""The classifier: the same model and the same bits every time, whatever is predicted beside a row."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.errors import BundleError, DataError
from models.fitting.binned_rows import bin_rows
from models.fitting.boosting import UNTUNED_ROUNDS, train, train_part, train_untuned
from models.fitting.classifier import ROWS_PER_THREAD, Classifier
from models.fitting.cross_fitting import cross_fit
from models.params import TrainParams

ODD_NAMES = ['größe: "x"', "a b,[c]", "größe: 'x'"]
PARAMS = TrainParams(num_threads=1, learning_rate=0.1, max_rounds=80, early_stopping_rounds=10, min_data_in_leaf=5)
CATEGORIES = 8
GOOD = (1, 4, 6)


def _data(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(count, 3)).astype(np.float32)
    matrix[:, 1] = random.integers(0, CATEGORIES, size=count)
    matrix[random.random(count) < 0.1, 0] = np.nan
    matrix[random.random(count) < 0.1, 1] = np.nan
    drive = 2.0 * np.isin(matrix[:, 1], GOOD) + np.nan_to_num(matrix[:, 0]) - 1.0
    labels = (random.random(count) < 1.0 / (1.0 + np.exp(-drive))).astype(np.int8)
    return matrix, labels, random.uniform(0.5, 1.0, size=count)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return train(*_data(600, 1), PARAMS, ODD_NAMES, [1], valid=_data(300, 2))


def test_a_row_alone_has_the_bits_it_has_among_many(classifier: Classifier) -> None:
    matrix = _data(2 * ROWS_PER_THREAD + 10, 3)[0]  # enough for a second thread
    log_odds, parts = classifier.predict_log_odds(matrix), classifier.contributions(matrix)
    for row in [*range(20), len(matrix) - 1]:
        assert classifier.predict_log_odds(matrix[row : row + 1]).tobytes() == log_odds[row : row + 1].tobytes()
        assert classifier.contributions(matrix[row : row + 1]).tobytes() == parts[row : row + 1].tobytes()


def test_contributions_and_the_base_value_sum_to_the_log_odds(classifier: Classifier) -> None:
    matrix = _data(200, 4)[0]
    parts = classifier.contributions(matrix)
    assert parts.shape == (200, 4)
    np.testing.assert_allclose(parts.sum(axis=1), classifier.predict_log_odds(matrix), rtol=0, atol=1e-12)
    assert set(parts[:, -1]) == {classifier.base_value}


def test_the_text_holds_the_model_exactly(classifier: Classifier) -> None:
    matrix = _data(200, 4)[0]
    again = Classifier.from_text(classifier.to_text(), ODD_NAMES)
    assert again.predict_log_odds(matrix).tobytes() == classifier.predict_log_odds(matrix).tobytes()
    assert again.to_text() == classifier.to_text()
    assert again.names == tuple(ODD_NAMES)


def test_training_again_gives_the_same_text_also_with_more_threads(classifier: Classifier) -> None:
    def fitted(threads: int) -> Classifier:
        params = PARAMS.model_copy(update={"num_threads": threads})
        return train(*_data(600, 1), params, ODD_NAMES, [1], valid=_data(300, 2))

    assert fitted(1).to_text() == classifier.to_text()
    matrix = _data(200, 4)[0]
    assert fitted(2).predict_log_odds(matrix).tobytes() == classifier.predict_log_odds(matrix).tobytes()


def test_another_seed_gives_another_model(classifier: Classifier) -> None:
    other = train(*_data(600, 1), PARAMS.model_copy(update={"seed": 8}), ODD_NAMES, [1], valid=_data(300, 2))
    assert other.to_text() != classifier.to_text()


def test_early_stopping_listens_to_the_weights() -> None:
    matrix, labels, _ = _data(600, 1)
    upside_down = (matrix, 1 - labels, np.ones(600))
    both = tuple(np.concatenate([a, b]) for a, b in zip((matrix, labels), upside_down[:2], strict=True))

    def rounds(weight_of_the_truth: float) -> int:
        weights = np.repeat([weight_of_the_truth, 1.0], 600)
        return train(matrix, labels, np.ones(600), PARAMS, ODD_NAMES, [1], valid=(both[0], both[1], weights)).rounds

    assert rounds(0.01) == 1
    assert rounds(100.0) == PARAMS.max_rounds


def test_without_validation_rows_the_rounds_are_those_asked_for() -> None:
    assert train(*_data(300, 1), PARAMS, ODD_NAMES, [1], rounds=7).rounds == 7


def test_codes_of_categories_have_no_order_and_new_ones_do_no_harm() -> None:
    fit, test = _data(1500, 5), _data(1500, 6)

    def auc(categorical: list[int]) -> float:
        params = PARAMS.model_copy(update={"num_leaves": 2})
        found = train(*fit, params, ODD_NAMES, categorical, rounds=10)
        return float(roc_auc_score(test[1], found.predict_log_odds(test[0])))

    assert auc([1]) > auc([]) + 0.02
    found = train(*fit, PARAMS, ODD_NAMES, [1], rounds=10)
    unseen = np.array([[0.0, 99.0, 0.0], [0.0, np.nan, 0.0]], dtype=np.float32)
    assert np.isfinite(found.predict_log_odds(unseen)).all()


def test_importance_names_the_features(classifier: Classifier) -> None:
    importance = classifier.importance()
    assert list(importance) == ODD_NAMES
    assert importance[ODD_NAMES[1]] > importance[ODD_NAMES[2]]


def test_out_of_fold_predictions_come_from_models_that_never_saw_the_row() -> None:
    matrix, labels, weights = _data(900, 7)
    index = np.arange(900)
    folds = [(index[:300], index[350:600]), (index[:600], index[650:900])]
    log_odds, rounds = cross_fit(matrix, labels, weights, folds, PARAMS, ODD_NAMES, [1])
    assert np.isnan(log_odds[:350]).all()
    assert np.isnan(log_odds[600:650]).all()
    assert 1 <= rounds <= PARAMS.max_rounds
    for fit, valid in folds:
        alone = train(matrix[fit], labels[fit], weights[fit], PARAMS, ODD_NAMES, [1], rounds=rounds)
        assert log_odds[valid].tobytes() == alone.predict_log_odds(matrix[valid]).tobytes()


def test_a_part_of_binned_rows_is_trained_as_those_rows_alone_are() -> None:
    matrix, labels, weights = _data(900, 7)
    matrix = np.round(matrix)  # few values, so that all rows have the bins of any part
    rows = bin_rows(matrix, labels, weights, ODD_NAMES, [1])
    for within in (np.arange(900), np.flatnonzero(np.random.default_rng(2).random(900) < 0.5)):
        alone = train(matrix[within], labels[within], weights[within], PARAMS, ODD_NAMES, [1], rounds=20)
        part = train_part(rows, within, PARAMS, 20)
        np.testing.assert_allclose(part.predict_log_odds(matrix), alone.predict_log_odds(matrix), rtol=0, atol=1e-12)


def test_cross_fitting_is_the_same_however_many_folds_are_fitted_at_once() -> None:
    matrix, labels, weights = _data(900, 7)
    index = np.arange(900)
    folds = [(index[: 200 + k], index[250 + k : 300 + k]) for k in range(0, 600, 100)]

    def found(workers: int) -> tuple[bytes, int]:
        params = PARAMS.model_copy(update={"num_threads": workers})
        log_odds, rounds = cross_fit(matrix, labels, weights, folds, params, ODD_NAMES, [1])
        return log_odds.tobytes(), rounds

    assert found(3) == found(1)


def test_cross_fitting_chooses_few_rounds_where_there_is_nothing_to_learn() -> None:
    matrix, labels, weights = _data(900, 7)
    noise = np.random.default_rng(8).permutation(labels)
    index = np.arange(900)
    folds = [(index[:300], index[300:600]), (index[:600], index[600:])]
    assert (
        cross_fit(matrix, noise, weights, folds, PARAMS, ODD_NAMES, [1])[1]
        < cross_fit(matrix, labels, weights, folds, PARAMS, ODD_NAMES, [1])[1]
    )


def test_untuned_lightgbm_has_its_defaults_and_is_the_same_every_time() -> None:
    matrix, labels, weights = _data(400, 1)
    one, two = (train_untuned(bin_rows(matrix, labels, weights, ODD_NAMES, [1])) for _ in range(2))
    probability = one.predict_probability(matrix)
    assert one.classifier.rounds == UNTUNED_ROUNDS
    assert probability.tobytes() == two.predict_probability(matrix).tobytes()
    assert 0 < probability.min() < probability.max() < 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_only_is_an_error_that_says_where(label: int) -> None:
    matrix, labels, weights = _data(100, 1)
    constant = np.full(100, label)
    with pytest.raises(DataError, match=r"training: 100 rows, (0|100) of them positive; .*labels.label_days"):
        train(matrix, constant, weights, PARAMS, ODD_NAMES, [1])
    with pytest.raises(DataError, match="early stopping: 100 rows"):
        train(matrix, labels, weights, PARAMS, ODD_NAMES, [1], valid=(matrix, constant, weights))
    with pytest.raises(DataError, match="untuned LightGBM: 100 rows"):
        train_untuned(bin_rows(matrix, constant, weights, ODD_NAMES, [1]))
    halves = [(np.arange(50), np.arange(50, 100))]
    half_constant = np.where(np.arange(100) < 50, labels, label)
    with pytest.raises(DataError, match="cross-fitting, validation of fold 1: 50 rows"):
        cross_fit(matrix, half_constant, weights, halves, PARAMS, ODD_NAMES, [1])


def test_no_rows_are_no_predictions_and_other_columns_an_error(classifier: Classifier) -> None:
    assert classifier.predict_log_odds(np.zeros((0, 3), dtype=np.float32)).shape == (0,)
    assert classifier.contributions(np.zeros((0, 3), dtype=np.float32)).shape == (0, 4)
    with pytest.raises(DataError, match=r"shape \(2, 4\) for 3 features"):
        classifier.predict_log_odds(np.zeros((2, 4), dtype=np.float32))


def test_a_text_that_is_no_model_or_one_of_other_features_is_refused(classifier: Classifier) -> None:
    with pytest.raises(BundleError, match="does not begin with the line 'tree'"):
        Classifier.from_text("hello", ODD_NAMES)
    with pytest.raises(BundleError, match="trained on 3 columns, the catalog has 2 features"):
        Classifier.from_text(classifier.to_text(), ODD_NAMES[:2])
    with pytest.raises(BundleError, match="not the same in the same order"):
        Classifier.from_text(classifier.to_text(), ["x", *ODD_NAMES[1:]])
