"""LightGBM's text format, read strictly: what does not fit word for word is refused before LightGBM sees any of it.

LightGBM reads its text without looking: a missing ``=`` sends it past the end of the text, a child's number outside of the tree
sends a prediction past the end of an array, and a circle of children never ends. So only texts pass that LightGBM itself could
have written, with every number in range, and every split and leaf reached exactly once. Of what follows the trees (importances,
parameters) nothing is handed on.
"""

import re
from typing import NamedTuple

import numpy as np

from models.trees.model_grammar import (
    BOUNDS,
    INFOS,
    NAMES,
    REALS,
    WHOLES,
    read_fields,
    read_list,
    read_whole,
    read_words,
    refuse,
    shortened,
)

__all__ = ["BINARY", "CROSS_ENTROPY", "GAMMA", "OBJECTIVES", "ModelText", "Tree", "read_model_text"]

BINARY, GAMMA, CROSS_ENTROPY = OBJECTIVES = "binary sigmoid:1", "gamma", "cross_entropy"
"""Objectives, as LightGBM writes them, of the classifier, of its uncertainty and of hand-over timing."""

MOST_BYTES = 64 * 2**20
MOST_COLUMNS = 20_000
MOST_TREES = 10_000
MOST_LEAVES = 4_096
MOST_LEVELS = 512
MOST_WORK = 10_000_000
"""Leaves x levels over all trees: what a row's reasons cost, about 0.1 s at this bound."""
LARGEST_LOG_ODDS = 1e6
"""What all trees together may reach; beyond any meaning, and far from an overflow."""

_FIXED = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_HEADER = (*_FIXED, "max_feature_idx", "objective", "feature_names", "feature_infos", "tree_sizes")
_BEFORE = [
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_weight",
    "leaf_count",
    "internal_value",
    "internal_weight",
    "internal_count",
]
_CATEGORIES = ["cat_boundaries", "cat_threshold"]
_AFTER = ["is_linear", "shrinkage"]
_END = "end of trees\n"
_INT32 = 2**31 - 1
_CATEGORICAL = 1


class Tree(NamedTuple):
    """One tree; splits and leaves by LightGBM's numbers: a child below 0 is the leaf ``-1 - child``.

    Attributes
    ----------
    feature, decision, left, right, internal_count : ndarray of int64 [leaves - 1]
        Column, decision type, children and training rows of each split; a split's number is above that of its parent.
    threshold : ndarray of float64 [leaves - 1]
        Of numbers: at most so much goes left; of categories: which of the sets.
    value : ndarray of float64 [leaves]
        Log-odds.
    leaf_count : ndarray of int64 [leaves]
        Training rows.
    borders : ndarray of int64 [sets + 1]
        Where the words of each set of categories begin, and the last ends.
    categories : ndarray of int64
        Those words, bit sets of 32 categories.
    gain : ndarray of float64 [leaves - 1]
        By how much each split lowered the loss in training.
    levels : int
        Splits on the longest way down.
    """

    feature: np.ndarray
    decision: np.ndarray
    left: np.ndarray
    right: np.ndarray
    internal_count: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    leaf_count: np.ndarray
    borders: np.ndarray
    categories: np.ndarray
    gain: np.ndarray
    levels: int

    @property
    def work(self) -> int:
        """Leaves x levels: what exact reasons of one row cost.

        Exact TreeSHAP walks a path of growing length to every leaf of a tree, and at each leaf goes over it once
        (Lundberg et al. 2018), so its time per row grows with this product; a tree without a split costs nothing.
        """
        return len(self.value) * self.levels


class ModelText(NamedTuple):
    """A model as its text says it.

    Attributes
    ----------
    text : str
        The whole text.
    readable : str
        What LightGBM may be given: the text up to the end of its trees.
    objective : str
        As LightGBM writes it.
    columns : tuple of str
        Names of the columns.
    trees : tuple of Tree
        At least one.
    """

    text: str
    readable: str
    objective: str
    columns: tuple[str, ...]
    trees: tuple[Tree, ...]

    @property
    def work(self) -> np.ndarray:
        """Leaves x levels of each tree; float64."""
        return np.array([tree.work for tree in self.trees], dtype=np.float64)

    @property
    def gains(self) -> np.ndarray:
        """Total gain of each column over all splits; float64."""
        gains = np.zeros(len(self.columns))
        for tree in self.trees:
            np.add.at(gains, tree.feature, np.maximum(tree.gain, 0.0))
        return gains


def read_model_text(text: str) -> ModelText:
    """Read a model, and check all of it.

    Parameters
    ----------
    text : str
        Of boosted trees with one output and one number per leaf, as LightGBM 4 writes them.

    Raises
    ------
    BundleError
        The text is something else, or out of bounds; says where.
    """
    if len(text) > MOST_BYTES or not text.isascii() or "\0" in text or "\r" in text:
        refuse(f"it must be ASCII text without NUL and carriage returns, of at most {MOST_BYTES:,} characters")
    head, _, _ = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != "tree":
        refuse("it does not begin with the line 'tree'")
    header = read_fields(lines[1:], _HEADER, "header")
    for name, expected in _FIXED.items():
        if header[name] != expected:
            refuse(
                f"{name} is {shortened(header[name])}, expected {expected}: only boosted trees with one output, which are not "
                "averaged, can be explained"
            )
    if header["objective"] not in OBJECTIVES:
        refuse(f"objective is {shortened(header['objective'])}, expected {' or '.join(map(repr, OBJECTIVES))}")
    columns = tuple(read_words(header["feature_names"], NAMES, "feature_names"))
    infos = read_words(header["feature_infos"], INFOS, "feature_infos")
    if not len(columns) == len(infos) == read_whole(header, "max_feature_idx", "header") + 1 <= MOST_COLUMNS:
        refuse(
            f"header: {len(columns)} feature_names, {len(infos)} feature_infos and max_feature_idx "
            f"{shortened(header['max_feature_idx'])} do not fit, or are more than {MOST_COLUMNS:,}"
        )
    sizes = [int(word) for word in read_words(header["tree_sizes"], WHOLES, "tree_sizes")]
    if len(sizes) > MOST_TREES or min(sizes) < 1 or sum(sizes) > len(text):
        refuse(f"tree_sizes: from 1 to {MOST_TREES:,} sizes are expected, that fit into the text")
    trees, begin = [], len(head) + 2
    for number, size in enumerate(sizes):
        trees.append(_tree(text[begin : begin + size], number, len(columns)))
        begin += size
    if not text.startswith(_END, begin):
        refuse("after as many trees as tree_sizes has numbers, 'end of trees' is expected")
    work = sum(tree.work for tree in trees)
    reach = sum(float(np.abs(tree.value).max()) for tree in trees)
    if work > MOST_WORK or reach > LARGEST_LOG_ODDS:
        refuse(
            f"its trees have {work:,} leaves x levels and reach {reach:.3g} log-odds; allowed are {MOST_WORK:,} and "
            f"{LARGEST_LOG_ODDS:.0e}"
        )
    return ModelText(text, text[: begin + len(_END)], header["objective"], columns, tuple(trees))


def _tree(block: str, number: int, columns: int) -> Tree:
    """Read one tree, from its line ``Tree=`` to the two empty lines behind it."""
    where = f"tree {number}"
    lines = block.split("\n")
    if lines[0] != f"Tree={number}" or lines[-3:] != ["", "", ""] or len(lines) < len(_BEFORE):
        refuse(f"{where}: it does not begin and end where tree_sizes says")
    sets = lines[2].removeprefix("num_cat=")
    names = [*_BEFORE, *([] if sets == "0" else _CATEGORIES), *_AFTER]
    fields = read_fields(lines[1:-3], names, where)
    leaves, sets_count = read_whole(fields, "num_leaves", where), read_whole(fields, "num_cat", where)
    if not 1 <= leaves <= MOST_LEAVES or not 0 <= sets_count < leaves:
        refuse(f"{where}: {leaves} leaves and {sets_count} sets of categories; allowed are 1 to {MOST_LEAVES:,} leaves")
    if fields["is_linear"] != "0":
        refuse(
            f"{where}: is_linear is {shortened(fields['is_linear'])}; only leaves that hold one number can be explained"
        )

    def wholes(name: str, count: int, low: int, high: int = _INT32) -> np.ndarray:
        values = np.array([int(word) for word in read_list(fields[name], WHOLES, name, count, where)], dtype=np.int64)
        if len(values) and not low <= values.min() <= values.max() <= high:
            refuse(f"{where}: {name} holds {values.min()} to {values.max()}; allowed: {low} to {high}")
        return values

    def reals(name: str, count: int, grammar: re.Pattern[str] = REALS) -> np.ndarray:
        values = np.array([float(word) for word in read_list(fields[name], grammar, name, count, where)])
        if grammar is REALS and not np.isfinite(values).all():
            refuse(f"{where}: {name} holds a number beyond double precision")
        return values

    splits = leaves - 1
    gain = reals("split_gain", splits)
    for name in ("internal_value", "internal_weight"):
        reals(name, splits)
    if splits:
        reals("leaf_weight", leaves)
    # LightGBM writes 0 while it trains, and nothing once it has read the tree again
    elif fields["leaf_weight"] not in ("", "0"):
        refuse(
            f"{where}: leaf_weight of its only leaf is {shortened(fields['leaf_weight'])}; allowed are nothing and '0'"
        )
    reals("shrinkage", 1)
    borders = np.zeros(1, dtype=np.int64)
    categories = np.zeros(0, dtype=np.int64)
    if sets_count:
        borders = wholes("cat_boundaries", sets_count + 1, 0)
        if borders[0] != 0 or (np.diff(borders) < 1).any():
            refuse(f"{where}: cat_boundaries must rise from 0")
        categories = wholes("cat_threshold", int(borders[-1]), 0, 2**32 - 1)
    tree = Tree(
        wholes("split_feature", splits, 0, columns - 1),
        wholes("decision_type", splits, 0, 0b1011),
        wholes("left_child", splits, -leaves, splits - 1),
        wholes("right_child", splits, -leaves, splits - 1),
        wholes("internal_count", splits, 1),
        reals("threshold", splits, BOUNDS),
        reals("leaf_value", leaves),
        wholes("leaf_count", leaves, 1 if splits else 0),
        borders,
        categories,
        gain,
        0,
    )
    set_numbers = tree.threshold[(tree.decision & _CATEGORICAL) == 1]
    if sorted(set_numbers.tolist()) != list(range(sets_count)):
        refuse(f"{where}: {len(set_numbers)} splits by category do not name its {sets_count} sets once each")
    return tree._replace(levels=_levels(tree, where))


def _levels(tree: Tree, where: str) -> int:
    """Check that every split and leaf is reached once, and rows add up; count the splits on the longest way."""
    splits = len(tree.feature)
    if not splits:
        return 0
    children = np.stack([tree.left, tree.right])
    inner = children[children >= 0]
    # a child's number is above its parent's: then nothing goes round in a circle, and all hangs on the first split
    if (
        sorted(children.ravel().tolist()) != [*range(-splits - 1, 0), *range(1, splits)]
        or (inner <= np.broadcast_to(np.arange(splits), children.shape)[children >= 0]).any()
    ):
        refuse(
            f"{where}: left_child and right_child must reach each split, after its parent, and each leaf exactly once"
        )
    rows = np.concatenate([tree.internal_count, tree.leaf_count[::-1]])  # a negative number counts from the end
    if (rows[tree.left] + rows[tree.right] != tree.internal_count).any():
        refuse(f"{where}: internal_count of a split is not the sum of the counts below it")
    level = [1] * splits
    for split, pair in enumerate(children.T.tolist()):
        for child in pair:
            if child > 0:
                level[child] = level[split] + 1
    deepest = max(level)
    if deepest > MOST_LEVELS:
        refuse(f"{where}: {deepest} levels; allowed are {MOST_LEVELS}")
    return deepest
