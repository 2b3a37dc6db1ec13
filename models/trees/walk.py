"""The walk over leaves that have no table: down every edge once and up again, with products and sums over quadrature points.

On the way down a product gathers what the edges give at each point t; on the way up, sums of the leaves below give each edge's
feature its part (as in Yu et al. 2022, "Linear TreeShap"). The steps are the same for every row, and planned here.
"""

from typing import NamedTuple

import numpy as np

from models.trees.read import Trees

__all__ = ["Walk", "plan_walk"]


class Walk(NamedTuple):
    """Steps of a walk; a step goes down one edge, and each leaf is reached by some steps after going up to where they begin.

    Attributes
    ----------
    edge : ndarray of int32 [steps]
        The edge.
    column : ndarray of int32 [steps]
        Its feature.
    share : ndarray of float64 [steps]
        As in the trees.
    before : ndarray of int64 [steps]
        How high, counted from the root, the nearest edge above with the same feature ends; 0: there is none.
    share_before : ndarray of float64 [steps]
        Its share; 1: there is none.
    depth : ndarray of int64 [leaves]
        How many steps of the walk so far lead to the leaf, too: go up to there.
    end : ndarray of int64 [leaves]
        Where its own steps end.
    value : ndarray of float64 [leaves]
        Log-odds.
    points : ndarray of int64 [leaves]
        How many points are enough for it and those that it shares a way with.
    t, weight : ndarray of float64 [most points + 1, most points]
        For each number of points, the points in (0, 1) and their weights.
    height : int
        The most steps from a root to a leaf.
    """

    edge: np.ndarray
    column: np.ndarray
    share: np.ndarray
    before: np.ndarray
    share_before: np.ndarray
    depth: np.ndarray
    end: np.ndarray
    value: np.ndarray
    points: np.ndarray
    t: np.ndarray
    weight: np.ndarray
    height: int


def plan_walk(trees: Trees, lone: np.ndarray, block: int) -> Walk:
    """Plan the walk.

    Parameters
    ----------
    trees : Trees
        Of the model.
    lone : ndarray of int64
        Leaves to reach, in the trees' order.
    block : int
        The number of points is a multiple of it.
    """
    steps: list[int] = []
    level: dict[int, int] = {}
    depth: list[int] = []
    end: list[int] = []
    points: list[int] = []
    down: list[int] = []
    height = apart = 0
    for number, leaf in enumerate(lone.tolist()):
        way = _down_to(trees, leaf)
        common = 0
        while common < min(len(way), len(down)) and way[common] == down[common]:
            common += 1
        steps += way[common:]
        level.update((edge, 1 + place) for place, edge in enumerate(way))
        depth.append(common)
        end.append(len(steps))
        apart = apart if common else number
        most = max(-(-int(trees.begin[leaf + 1] - trees.begin[leaf]) // (2 * block)) * block, *points[apart:], 0)
        points[apart:] = [most] * (number + 1 - apart)
        height = max(height, len(way))
        down = way
    edges = np.array(steps, dtype=np.int32)
    above = trees.above[edges]
    t, weight = np.zeros((2, max(points, default=0) + 1, max(points, default=0)))
    for count in set(points):
        node, of_node = np.polynomial.legendre.leggauss(count)
        t[count, :count], weight[count, :count] = (1.0 + node) / 2.0, of_node / 2.0
    return Walk(
        edges,
        trees.feature[edges >> 1],
        trees.share[edges],
        np.array([level.get(int(edge), 0) for edge in above], dtype=np.int64),
        np.where(above >= 0, trees.share[above], 1.0),
        np.array(depth, dtype=np.int64),
        np.array(end, dtype=np.int64),
        trees.value[lone],
        np.array(points, dtype=np.int64),
        t,
        weight,
        height,
    )


def _down_to(trees: Trees, leaf: int) -> list[int]:
    """List the edges from the root to a leaf. Of the lowest edges of each feature on a way, the last is the lowest of all."""
    edge = int(trees.way[trees.begin[leaf] : trees.begin[leaf + 1]].max())
    way = [edge]
    while True:
        split = edge >> 1
        above = trees.split_way[trees.split_begin[split] : trees.split_begin[split + 1]]
        if not len(above):
            return way[::-1]
        edge = int(above.max())
        way.append(edge)
