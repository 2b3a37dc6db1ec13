"""LightGBM's text is taken only as LightGBM writes it, and then predicts the same to the bit."""

import os
import re
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from features.errors import BundleError
from features.params import SelectorParams
from features.selectors import Selectors
from models.bundle import Bundle
from models.fitting.classifier import Classifier
from models.trees.model_text import MOST_LEVELS, read_model_text
from tests.altered_bundles import resized


@pytest.fixture(scope="module")
def text(small_bundle: Bundle) -> str:
    return small_bundle.classifier.to_text()


def _tree(leaves: int) -> str:
    """Write a chain, deeper by one with each leaf."""
    splits = range(leaves - 1)

    def words(numbers: list[int]) -> str:
        return " ".join(map(str, numbers))

    some = words([1] * (leaves - 1))
    left = words([split + 1 for split in splits[:-1]] + [-1])
    right = words([-2 - split for split in splits])
    return "\n".join(
        [
            f"Tree=0\nnum_leaves={leaves}\nnum_cat=0\nsplit_feature={words([0] * (leaves - 1))}\nsplit_gain={some}",
            f"threshold={some}\ndecision_type={words([2] * (leaves - 1))}\nleft_child={left}\nright_child={right}",
            f"leaf_value={words([1] * leaves)}\nleaf_weight={words([1] * leaves)}\nleaf_count={words([1] * leaves)}",
            f"internal_value={some}\ninternal_weight={some}",
            f"internal_count={words([leaves - split for split in splits])}\nis_linear=0\nshrinkage=1\n\n\nend of trees\n",
        ]
    )


def _resized(body: str, text: str) -> str:
    return resized(body.encode(), text.encode()).decode()


def test_what_lightgbm_is_given_predicts_what_the_whole_text_does(
    small_bundle: Bundle, text: str, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    whole = lightgbm.Booster(model_str=text).predict(rows[0], raw_score=True)
    assert small_bundle.classifier.predict_log_odds(rows[0]).tobytes() == whole.tobytes()
    again = Classifier.from_text(text, small_bundle.catalog.names)
    assert again.to_text() == text
    assert again.booster.model_to_string(num_iteration=-1).startswith(read_model_text(text).readable.removesuffix("\n"))


def test_what_follows_the_trees_is_never_read(
    small_bundle: Bundle, text: str, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    odd = text[: text.index("end of trees\n")] + "end of trees\nparameters:\n[linear_tree: 1]\npandas_categorical:[[["
    found = Classifier.from_text(odd, small_bundle.catalog.names).predict_log_odds(rows[0])
    assert found.tobytes() == small_bundle.classifier.predict_log_odds(rows[0]).tobytes()


@pytest.mark.parametrize(
    ("pattern", "instead", "words"),
    [
        (r"^tree$", "forest", "does not begin with the line 'tree'"),
        (r"^version=v4", "version=v3", "version is 'v3'"),
        (r"^num_class=1", "num_class=1\nnum_class=1", "each once, in this order"),
        (r"^label_index=0\n", "", "each once, in this order"),
        (r"^objective=.*$", "objective=multiclass", "objective is 'multiclass'"),
        (r"^max_feature_idx=\d+", "max_feature_idx=2147483647", "do not fit"),
        (r"^feature_infos=\S+", "feature_infos=a=b", "feature_infos"),
        (r"^tree_sizes=\d+", "tree_sizes=7", "begin and end where tree_sizes says"),
        (r"^tree_sizes=(\d+)", r"tree_sizes=-\1", "from 1 to 10,000 sizes"),
        (r"^end of trees$", "end of tree", "begin and end where tree_sizes says|'end of trees' is expected"),
        (r"^num_leaves=(\d+)", r"num_leaves=1\1", "expected 1"),
        (r"^num_leaves=(\d+)", r"num_leaves=\g<1>000000", "allowed are 1 to"),
        (r"^split_feature=\d+", "split_feature=999", "split_feature holds"),
        (r"^split_feature=\d+", "split_feature=x", "something other than what LightGBM writes"),
        (r"^split_gain=\S+ ", "split_gain=", "split_gain holds"),
        (r"^split_gain=\S+", "split_gain=nan", "something other"),
        (r"^threshold=\S+", "threshold=nan", "something other"),
        (r"^decision_type=\d+", "decision_type=12", "decision_type holds"),
        (r"^left_child=\S+", "left_child=0", "exactly once"),
        (r"^left_child=\S+", "left_child=-1", "exactly once"),
        (r"^right_child=\S+", "right_child=500", "right_child holds"),
        (r"^leaf_value=\S+", "leaf_value=1e+999", "beyond double"),
        (r"^leaf_value=\S+", "leaf_value=1e+308", "log-odds; allowed"),
        (r"^leaf_count=\d+", "leaf_count=0", "leaf_count holds"),
        (r"^leaf_count=(\d+)", r"leaf_count=1\1", "not the sum of the counts"),
        (r"^internal_count=(\d+)", r"internal_count=1\1", "not the sum of the counts"),
        (r"^is_linear=0", "is_linear=1", "only leaves that hold one number"),
        (r"^shrinkage=\S+", "shrinkage=inf", "something other"),
    ],
)
def test_each_rule_is_told(text: str, pattern: str, instead: str, words: str) -> None:
    altered = re.sub(pattern, instead, text, count=1, flags=re.MULTILINE)
    assert altered != text
    if altered.startswith(text[: text.index("Tree=0")]):  # the sizes are made to fit, so that the rule itself refuses
        altered = _resized(altered[altered.index("Tree=0") :], text)
    with pytest.raises(BundleError, match=rf"^model\.txt: .*(?:{words}).*Fetch the bundle again, or train anew"):
        read_model_text(altered)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cat_boundaries", "0 0", "must rise from 0"),
        ("cat_boundaries", "1 2", "must rise from 0"),
        ("cat_boundaries", "0 900", "cat_threshold holds"),
        ("cat_threshold", "4294967296", "cat_threshold holds"),
        ("threshold", "5", "do not name its 1 sets once each"),
        ("num_cat", "2", "sets of categories|cat_boundaries holds"),
        ("num_cat", "0", "in this order"),
    ],
)
def test_sets_of_categories_lie_within_their_words(text: str, name: str, value: str, words: str) -> None:
    fields = {
        "num_cat": "1",
        "threshold": "0",
        "decision_type": "1",
        "cat_boundaries": "0 1",
        "cat_threshold": "5",
    }

    def model(fields: dict[str, str]) -> str:
        body = _tree(2)
        for known in ("num_cat", "threshold", "decision_type"):
            body = re.sub(rf"(?m)^{known}=.*$", f"{known}={fields[known]}", body)
        sets = f"cat_boundaries={fields['cat_boundaries']}\ncat_threshold={fields['cat_threshold']}\n"
        return _resized(body.replace("is_linear", sets + "is_linear"), text)

    assert read_model_text(model(fields)).trees[0].categories.tolist() == [5]
    with pytest.raises(BundleError, match=words):
        read_model_text(model({**fields, name: value}))


@pytest.mark.parametrize("training", [True, False])
def test_a_tree_of_one_leaf_is_read_from_a_booster_that_trains_and_from_one_that_was_read(training: bool) -> None:
    matrix, labels = np.zeros((60, 2)), np.arange(60) % 3 == 0
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1},
        lightgbm.Dataset(matrix, labels.astype(float)),
        2,
        keep_training_booster=training,
    )
    text = booster.model_to_string(num_iteration=-1)
    assert (f"\nleaf_weight={'0' if training else ''}\n") in text
    model = read_model_text(text)
    assert model.work.tolist() == [0.0]
    assert model.trees[0].value[0] == pytest.approx(np.log(1 / 2))
    weights = "0 0" if training else "1"
    altered = _resized(
        text[text.index("Tree=0") :].replace(f"leaf_weight={'0' * training}", f"leaf_weight={weights}"), text
    )
    with pytest.raises(BundleError, match="leaf_weight of its only leaf"):
        read_model_text(altered)


def test_depth_is_bounded(text: str) -> None:
    assert read_model_text(_resized(_tree(MOST_LEVELS + 1), text)).trees[0].levels == MOST_LEVELS
    with pytest.raises(BundleError, match=f"{MOST_LEVELS + 1} levels"):
        read_model_text(_resized(_tree(MOST_LEVELS + 2), text))


@pytest.mark.parametrize("odd", ["\0", "\r", "ä"])
def test_only_plain_text_is_taken(text: str, odd: str) -> None:
    with pytest.raises(BundleError, match="ASCII text"):
        read_model_text(text + odd)


def test_a_pipe_and_a_file_without_end_are_no_files_of_a_bundle(small_bundle: Bundle, tmp_path: Path) -> None:
    small_bundle.save(tmp_path)
    (tmp_path / "tiers.json").unlink()
    os.mkfifo(tmp_path / "tiers.json")
    with pytest.raises(BundleError, match="not a regular file"):
        Bundle.load(tmp_path)
    small = tmp_path / "checksums.json"
    with small.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(BundleError, match="larger than"):
        Bundle.load(tmp_path)


def test_a_pattern_with_many_stars_ends_whatever_the_text() -> None:
    rules = Selectors(
        {"many": SelectorParams(asset=("*" + "a*" * 30 + "b",)), "ends": SelectorParams(asset=("a*bc*c?d",))}
    )

    def select(asset: str) -> list[str]:
        return rules.select(kind="page_view", channel=None, asset=asset, campaign=None, by="lead")

    assert select("a" * 5_000) == []
    assert select("a" * 30 + "b") == ["many"]
    assert select("a" * 29 + "b") == []
    assert select("abcbccxd") == ["ends"]
    assert select("abcxd") == []
