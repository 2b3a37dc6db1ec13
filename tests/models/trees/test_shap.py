"""Compiled TreeSHAP against LightGBM's own contributions, over boosters of all sorts and rows of all sorts."""

import itertools
import math
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError
from models.trees.groups import group
from models.trees.model_text import read_model_text
from models.trees.read import Trees, flat_trees
from models.trees.shap import TreeShap

FEATURES = 7
CATEGORICAL = [2, 5]
EXACT = 1e-9
TINY = np.float32(1e-36)


def _matrix(random: np.random.Generator, rows: int) -> np.ndarray:
    matrix = random.normal(size=(rows, FEATURES)).astype(np.float32)
    matrix[:, 1] = random.integers(-2, 3, size=rows)  # many zeros and ties
    matrix[:, 2] = random.integers(0, 70, size=rows)  # more categories than fit into two words
    matrix[:, 5] = random.integers(0, 4, size=rows)
    matrix[random.random(matrix.shape) < 0.15] = np.nan
    return matrix


def _odd_rows(random: np.random.Generator) -> np.ndarray:
    """Rows unlike those of training: zeros of all sorts, infinities, categories never seen."""
    odd = [0.0, -0.0, TINY, -TINY, np.nan, np.inf, -np.inf, -1.0, -0.5, 1.5, 99.0, 3e9, 1e30]
    return random.choice(np.array(odd, dtype=np.float32), size=(60, FEATURES))


def _train(random: np.random.Generator, rows: int, **more: Any) -> lightgbm.Booster:
    matrix = _matrix(random, rows)
    drive = (
        np.nan_to_num(matrix[:, 0]) * np.nan_to_num(matrix[:, 1]) + 2.0 * (matrix[:, 2] % 3 == 1) - (matrix[:, 5] == 2)
    )
    labels = (random.random(rows) < 1.0 / (1.0 + np.exp(-drive))).astype(int)
    labels[:2] = (0, 1)
    rounds = more.pop("rounds", 8)
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 3}
    fixed |= {"min_data_per_group": 5, "cat_smooth": 1.0, "feature_pre_filter": False, **more}
    data = lightgbm.Dataset(matrix, labels, categorical_feature=CATEGORICAL, params=fixed)
    return lightgbm.train(fixed, data, num_boost_round=rounds)


def _trees(booster: lightgbm.Booster) -> Trees:
    return flat_trees(read_model_text(booster.model_to_string(num_iteration=-1)).trees)


def _shap(booster: lightgbm.Booster, **more: Any) -> TreeShap:
    return TreeShap(_trees(booster), booster.num_feature(), **more)


def _agree(booster: lightgbm.Booster, matrix: np.ndarray, **more: Any) -> None:
    mine = _shap(booster, **more).contributions(matrix)
    np.testing.assert_allclose(mine, booster.predict(matrix, pred_contrib=True), rtol=0, atol=EXACT)
    np.testing.assert_allclose(mine.sum(axis=1), booster.predict(matrix, raw_score=True), rtol=0, atol=EXACT)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([40, 300, 1500]),
    st.sampled_from([2, 3, 7, 15, 40]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.5, 1.0]),
    st.sampled_from([0, 2_000, 2**24]),
)
def test_contributions_are_those_of_lightgbm(
    seed: int, rows: int, leaves: int, zero_is_missing: bool, use_missing: bool, bagging: float, table_bytes: int
) -> None:
    random = np.random.default_rng(seed)
    more = {"num_leaves": leaves, "zero_as_missing": zero_is_missing, "use_missing": use_missing}
    booster = _train(random, rows, bagging_fraction=bagging, bagging_freq=1, **more)
    _agree(booster, np.concatenate([_matrix(random, 30), _odd_rows(random)]), table_bytes=table_bytes)


@pytest.mark.parametrize("table_bytes", [0, 2**24])
def test_deep_trees_with_more_features_than_one_block_of_points_takes(table_bytes: int) -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(4_000, 40)).astype(np.float32)
    labels = (matrix[:, :24] > -1.3).all(axis=1).astype(int)  # a chain: one feature after the other decides
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 60, "min_data_in_leaf": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(matrix, labels), 5)
    trees = _trees(booster)
    assert np.diff(trees.begin).max() > 16  # two blocks hold for so many
    _agree(booster, random.normal(size=(40, 40)).astype(np.float32), table_bytes=table_bytes)


def test_trees_of_one_leaf_add_to_the_base_value_alone() -> None:
    random = np.random.default_rng(2)
    booster = _train(random, 60, min_data_in_leaf=1000)
    _agree(booster, _matrix(random, 5))
    assert not _shap(booster).contributions(_matrix(random, 5))[:, :-1].any()


def test_the_value_is_the_definition_of_shapley() -> None:
    """All orders in which features become known, on a model with few features."""
    random = np.random.default_rng(3)
    booster = _train(random, 300, num_leaves=6, rounds=3)
    row = _matrix(random, 1)
    trees = booster.dump_model()["tree_info"]

    def expected(node: dict[str, Any], known: frozenset[int]) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in known:
            return expected(left if _goes_left(node, float(row[0, node["split_feature"]])) else right, known)
        count = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
        return (count[0] * expected(left, known) + count[1] * expected(right, known)) / sum(count)

    def worth(known: frozenset[int]) -> float:
        return sum(expected(tree["tree_structure"], known) for tree in trees)

    found = _shap(booster).contributions(row)[0]
    for feature in range(FEATURES):
        others = [other for other in range(FEATURES) if other != feature]
        total = 0.0
        for size in range(FEATURES):
            weight = math.factorial(size) * math.factorial(FEATURES - size - 1) / math.factorial(FEATURES)
            for chosen in itertools.combinations(others, size):
                total += weight * (worth(frozenset(chosen) | {feature}) - worth(frozenset(chosen)))
        assert found[feature] == pytest.approx(total, abs=1e-12)
    assert found[-1] == pytest.approx(worth(frozenset()), abs=1e-12)


def _goes_left(node: dict[str, Any], value: float) -> bool:
    if node["decision_type"] == "==":
        return str(int(value)) in node["threshold"].split("||") if value == value else False
    if value != value and node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return (0.0 if value != value else value) <= node["threshold"]


def test_a_row_alone_has_the_bits_it_has_among_many_and_in_any_memory_layout() -> None:
    random = np.random.default_rng(4)
    shap = _shap(_train(random, 500, num_leaves=20))
    matrix = _matrix(random, 2_500)  # enough for a second thread
    together = shap.contributions(matrix)
    for row in (0, 1, 17, 2_499):
        assert shap.contributions(matrix[row : row + 1]).tobytes() == together[row : row + 1].tobytes()
    assert shap.contributions(np.asfortranarray(matrix)).tobytes() == together.tobytes()
    assert shap.contributions(matrix[:0]).shape == (0, FEATURES + 1)


def test_tables_stay_within_their_memory() -> None:
    trees = _trees(_train(np.random.default_rng(5), 1500, num_leaves=31))
    sizes = [group(trees, most).parts[-1, 2] * 8 for most in (0, 10_000, 1_000_000)]
    assert sizes[0] == 0
    assert 0 < sizes[1] <= 10_000 < sizes[2] <= 1_000_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ("is_linear=0", "is_linear=1"),
        ("leaf_count=", "leaf_count=x"),
        ("split_feature=", "split_features="),
    ],
)
def test_models_of_another_sort_are_refused(old: str, new: str) -> None:
    text = _train(np.random.default_rng(6), 60).model_to_string()
    assert old in text
    with pytest.raises(BundleError, match=r"^model\.txt: .*[Tt]rain"):
        read_model_text(text.replace(old, new))
