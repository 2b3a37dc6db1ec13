"""Parts of trees whose Shapley values are tabulated beforehand, for every combination of their splits' results.

What a part adds to each feature depends on yes-or-no answers alone: which edges of the way to it a row took, and what each
split in it decided. With b answers there are 2^b cases; a table holds them all (as in Yang 2021, "Fast TreeSHAP", version 2,
arXiv:2109.09847, which keeps such tables of single leaves).
"""

from typing import NamedTuple

import numpy as np

from models.trees.read import Trees

__all__ = ["Groups", "group"]

TABLE_BYTES = 16 * 2**20
MOST_ANSWERS = 12


class Groups(NamedTuple):
    """The parts of the trees that have a table, and the leaves that have none.

    Attributes
    ----------
    edges : ndarray of int32
        Those whose answers are asked for, in the trees' order, with all above them that have the same feature.
    parts : ndarray of int64 [groups + 1, 4]
        Where a group begins in `answers`, `columns`, and in the table, and the group's first leaf. The last row ends them all.
    splits : ndarray of int64 [groups, 2]
        First split and number of splits.
    answers : ndarray of int32
        An edge of the way; or, from ``2 * splits`` on, a split.
    columns : ndarray of int32
        Features that a group adds to.
    lone : ndarray of int64
        Leaves without a table.
    """

    edges: np.ndarray
    parts: np.ndarray
    splits: np.ndarray
    answers: np.ndarray
    columns: np.ndarray
    lone: np.ndarray


def group(trees: Trees, most_bytes: int = TABLE_BYTES) -> Groups:
    """Cut trees into the largest parts whose tables fit.

    Parameters
    ----------
    trees : Trees
        Of the model.
    most_bytes : int
        Of all tables together.
    """
    best = _cut(trees, 0)
    for answers in range(1, MOST_ANSWERS + 1):
        groups = _cut(trees, answers)
        if groups.parts[-1, 2] * 8 > most_bytes:
            break
        best = groups
    return best


def _cut(trees: Trees, most: int) -> Groups:
    """Cut where a part has at most so many answers."""
    edges_of = 2 * len(trees.feature)
    parts, splits = [(0, 0, 0, 0)], []
    answers: list[int] = []
    columns: list[int] = []
    lone = []
    size = 0

    def add(way: list[int], first: int, count: int, leaf: int) -> None:
        nonlocal size
        features = dict.fromkeys([int(trees.feature[edge >> 1]) for edge in way])
        features.update(dict.fromkeys(trees.feature[first : first + count].tolist()))
        parts[-1] = (*parts[-1][:3], leaf)
        answers.extend([*way, *range(edges_of + first, edges_of + first + count)])
        columns.extend(features)
        size += len(features) << (len(way) + count)
        splits.append((first, count))
        parts.append((len(answers), len(columns), size, len(trees.value)))

    covered = np.zeros(len(trees.value), dtype=bool)
    split = 0
    while split < len(trees.feature):
        way = trees.split_way[trees.split_begin[split] : trees.split_begin[split + 1]].tolist()
        below = int(trees.below[split])
        if len(way) + below > most:
            split += 1
            continue
        leaf = int(trees.first_leaf[split])
        covered[leaf : leaf + below + 1] = True
        add(way, split, below, leaf)
        split += below
    for leaf in np.flatnonzero(~covered).tolist():
        way = trees.way[trees.begin[leaf] : trees.begin[leaf + 1]].tolist()
        if len(way) > most:
            lone.append(leaf)
        else:
            add(way, 0, 0, leaf)
    needed = {answer for answer in answers if answer < edges_of}
    for leaf in lone:
        needed.update(trees.way[trees.begin[leaf] : trees.begin[leaf + 1]].tolist())
    for edge in list(needed):
        while (edge := int(trees.above[edge])) >= 0:
            needed.add(edge)
    return Groups(
        np.array(sorted(needed), dtype=np.int32),
        np.array(parts, dtype=np.int64),
        np.array(splits, dtype=np.int64).reshape(-1, 2),
        np.array(answers, dtype=np.int32),
        np.array(columns, dtype=np.int32),
        np.array(lone, dtype=np.int64),
    )
