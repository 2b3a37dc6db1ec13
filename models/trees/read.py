"""LightGBM's trees as flat arrays.

Every split has two edges, one to each side. An edge holds what the Shapley values of its leaves need of it: its feature, and
the share of training rows that took it, times the shares of all edges above it with the same feature. The way to a split or a
leaf is the lowest edge of each feature above it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.trees.model_text import Tree

__all__ = ["Trees", "flat_trees"]


class Trees(NamedTuple):
    """All trees of a model, splits and leaves in the order of a walk down; split `s` has the edges `2 s` (left) and `2 s + 1`.

    Attributes
    ----------
    feature : ndarray of int32 [splits]
        Column that the split reads.
    threshold : ndarray of float64 [splits]
        Of numbers: at most so much goes left.
    decision : ndarray of uint8 [splits]
        LightGBM's decision type: bit 0 categorical, bit 1 missing goes left, bits 2 and 3 what is missing.
    words : ndarray of int64 [splits, 2]
        Of categories: where the split's words begin and end in `categories`.
    categories : ndarray of uint32
        Bit sets of the categories that go left.
    above : ndarray of int32 [edges]
        The nearest edge above with the same feature; -1: none.
    share : ndarray of float64 [edges]
        Of training rows, as described above, in [0, 1].
    value : ndarray of float64 [leaves]
        Log-odds.
    begin : ndarray of int64 [leaves + 1]
        Where a leaf's way begins in `way`.
    way : ndarray of int32
        Edges.
    split_begin, split_way : ndarray of int64 [splits + 1], ndarray of int32
        The same for splits.
    below : ndarray of int64 [splits]
        How many splits a split and all below it are; they follow one another.
    first_leaf : ndarray of int64 [splits]
        The first of the `below + 1` leaves below it.
    base : float
        Mean of all leaves, weighted by training rows.
    """

    feature: np.ndarray
    threshold: np.ndarray
    decision: np.ndarray
    words: np.ndarray
    categories: np.ndarray
    above: np.ndarray
    share: np.ndarray
    value: np.ndarray
    begin: np.ndarray
    way: np.ndarray
    split_begin: np.ndarray
    split_way: np.ndarray
    below: np.ndarray
    first_leaf: np.ndarray
    base: float


class _Building:
    """The lists that become `Trees`."""

    def __init__(self) -> None:
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.decision: list[int] = []
        self.words: list[tuple[int, int]] = []
        self.categories: list[int] = []
        self.above: list[int] = []
        self.share: list[float] = []
        self.value: list[float] = []
        self.begin: list[int] = [0]
        self.way: list[int] = []
        self.split_begin: list[int] = [0]
        self.split_way: list[int] = []
        self.below: list[int] = []
        self.first_leaf: list[int] = []
        self.base = 0.0

    def add(self, tree: Tree) -> None:
        value = tree.value.tolist()
        if len(value) == 1:
            self.base += value[0]
            return
        feature, decision, threshold = tree.feature.tolist(), tree.decision.tolist(), tree.threshold.tolist()
        children = list(zip(tree.left.tolist(), tree.right.tolist(), strict=True))
        inner, outer = tree.internal_count.tolist(), tree.leaf_count.tolist()
        borders, offset = tree.borders.tolist(), len(self.categories)
        self.categories += tree.categories.tolist()
        self.base += sum(count / inner[0] * leaf for count, leaf in zip(outer, value, strict=True))
        first, parents = len(self.feature), []
        # what is left to visit: node, the split above it, and the lowest edge of each feature on the way to it
        waiting: list[tuple[int, int, dict[int, int]]] = [(0, -1, {})]
        while waiting:
            node, parent, way = waiting.pop()
            if node < 0:
                self.value.append(value[~node])
                self.way += way.values()
                self.begin.append(len(self.way))
                continue
            split, column = len(self.feature), feature[node]
            parents.append(parent)
            self.feature.append(column)
            self.decision.append(decision[node])
            self.threshold.append(threshold[node])
            words = int(threshold[node]) if decision[node] & 1 else None
            self.words.append((0, 0) if words is None else (offset + borders[words], offset + borders[words + 1]))
            self.split_way += way.values()
            self.split_begin.append(len(self.split_way))
            self.below.append(1)
            self.first_leaf.append(len(self.value))
            above = way.get(column, -1)
            for side, child in enumerate(children[node]):
                count = inner[child] if child >= 0 else outer[~child]
                self.above.append(above)
                self.share.append(count / inner[node] * (self.share[above] if above >= 0 else 1.0))
                waiting.append((child, split, {**way, column: 2 * split + side}))
        for split, parent in reversed(list(enumerate(parents, first))):
            if parent >= 0:
                self.below[parent] += self.below[split]


def flat_trees(trees: Sequence[Tree]) -> Trees:
    """Lay a model's trees out as flat arrays.

    Parameters
    ----------
    trees : sequence of Tree
        Checked, as `read_model_text` gives them.
    """
    building = _Building()
    for tree in trees:
        building.add(tree)
    return Trees(
        np.array(building.feature, dtype=np.int32),
        np.array(building.threshold, dtype=np.float64),
        np.array(building.decision, dtype=np.uint8),
        np.array(building.words, dtype=np.int64).reshape(-1, 2),
        np.array(building.categories, dtype=np.uint32),
        np.array(building.above, dtype=np.int32),
        np.array(building.share, dtype=np.float64),
        np.array(building.value, dtype=np.float64),
        np.array(building.begin, dtype=np.int64),
        np.array(building.way, dtype=np.int32),
        np.array(building.split_begin, dtype=np.int64),
        np.array(building.split_way, dtype=np.int32),
        np.array(building.below, dtype=np.int64),
        np.array(building.first_leaf, dtype=np.int64),
        building.base,
    )
