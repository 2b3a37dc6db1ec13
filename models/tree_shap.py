"""Exact TreeSHAP: how much each feature moved the log-odds of a row, in compiled code.

A leaf with value v is reached by a row with a feature j switched to "not known" in the share z_j of cases, and with j known
with certainty (o_j = 1) or never (o_j = 0). With every feature known with probability t, the leaf gives

    v * prod_j (z_j (1 - t) + o_j t),

and the Shapley value of feature i is the integral over t in [0, 1] of the derivative by i (Owen 1972, "Multilinear extensions of
games"), summed over leaves:

    v * (o_i - z_i) * integral of prod_{j != i} (z_j (1 - t) + o_j t).

That is what Lundberg et al. (2018, arXiv:1802.03888, algorithm 2) define and LightGBM computes. The integrand is a polynomial of
a degree below the number of features on the leaf's path, so Gauss-Legendre quadrature with half as many points is exact, and all
its terms are positive, so nothing cancels. The work per leaf is linear in the features on its path (as in Yu et al. 2022, "Linear
TreeShap", arXiv:2209.08192); LightGBM's is quadratic. All features of a leaf with o = 0 share one value.
"""

import numpy as np

from features.kernels.compiled import compiled, entry
from models.trees import Trees

__all__ = ["TreeShap"]

# Points are taken in blocks of so many, which the processor works on at once: enough for a path of eight features
BLOCK = 4
# As LightGBM has it: smaller numbers are zero
ZERO = float(np.float32(1e-35))
CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_ZERO, MISSING_NAN = 1, 2


class TreeShap:
    """Splits log-odds over features.

    Parameters
    ----------
    trees : Trees
        Of the model.
    features : int
        How many columns its rows have.
    """

    def __init__(self, trees: Trees, features: int) -> None:
        self.trees = trees
        self.features = features
        longest = int(np.diff(trees.begin).max(initial=0))
        blocks = max(1, -(-longest // (2 * BLOCK)))
        self._points, self._powers = _quadrature(blocks, longest)

    @property
    def base(self) -> float:
        """Log-odds before any contribution."""
        return self.trees.base

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Split raw log-odds over features; no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            NaN is missing.

        Returns
        -------
        ndarray of float64 [rows, features + 1]
            The last column is the base value.
        """
        out = np.zeros((len(matrix), self.features + 1), dtype=np.float64)
        trees = self.trees
        _explain(
            np.ascontiguousarray(matrix, dtype=np.float32),
            (trees.feature, trees.threshold, trees.decision, trees.words, trees.categories),
            (trees.above, trees.share, trees.value, trees.begin, trees.path),
            self._points,
            self._powers,
            out,
        )
        out[:, -1] = trees.base
        return out


def _quadrature(blocks: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Give, for 1, 2, ... blocks, the points t in (0, 1) and their weights times (1 - t)^k, for k from -1 to the longest path."""
    points = np.zeros((blocks, blocks * BLOCK))
    powers = np.zeros((blocks, longest + 2, blocks * BLOCK))
    for block in range(blocks):
        count = (block + 1) * BLOCK
        at, weight = np.polynomial.legendre.leggauss(count)
        points[block, :count] = (1.0 + at) / 2.0
        # 1 - t by symmetry, without loss of digits near 1
        rest = points[block, :count][::-1]
        powers[block, :, :count] = weight / 2.0 * rest ** np.arange(-1.0, longest + 1.0)[:, None]
    return points, powers


@compiled
def _goes_left(value, split, threshold, decision, words, categories):  # type: ignore[no-untyped-def]
    """Decide as LightGBM's `Tree::Decision` does."""
    kind = decision[split]
    if kind & CATEGORICAL:
        begin, end = words[split, 0], words[split, 1]
        # NaN fails both comparisons
        if not 0.0 <= value < 32.0 * (end - begin):
            # as LightGBM truncates, what lies between -1 and 0 is category 0
            if not -1.0 < value < 0.0:
                return False
            value = 0.0
        code = int(value)
        return (categories[begin + code // 32] >> np.uint32(code % 32)) & np.uint32(1) != 0
    missing = (kind >> 2) & 3
    if np.isnan(value):
        if missing == MISSING_NAN:
            return kind & DEFAULT_LEFT != 0
        value = 0.0
    elif -ZERO <= value <= ZERO:
        value = 0.0
    if missing == MISSING_ZERO and value == 0.0:
        return kind & DEFAULT_LEFT != 0
    return value <= threshold[split]


@entry
def _explain(matrix, splits, edges, points, powers, out):  # type: ignore[no-untyped-def]
    feature, threshold, decision, words, categories = splits
    above, share, value, begin, path = edges
    taken = np.zeros(len(above), dtype=np.uint8)
    known = np.zeros(len(points[0]) * 2 + 1, dtype=np.int64)
    unknown = np.zeros(len(points[0]) * 2 + 1, dtype=np.int64)
    for row in range(len(matrix)):
        for split in range(len(feature)):
            left = _goes_left(np.float64(matrix[row, feature[split]]), split, threshold, decision, words, categories)
            up = above[2 * split]
            open_ = up < 0 or taken[up] != 0
            taken[2 * split] = open_ and left
            taken[2 * split + 1] = open_ and not left
        for leaf in range(len(value)):
            knowns = 0
            unknowns = 0
            scale = value[leaf]
            for k in range(begin[leaf], begin[leaf + 1]):
                edge = path[k]
                known[knowns] = edge
                unknown[unknowns] = edge
                knowns += taken[edge]
                unknowns += 1 - taken[edge]
                scale *= 1.0 if taken[edge] else share[edge]
            block = (knowns + unknowns - 1) // (2 * BLOCK)
            for q in range(0, (block + 1) * BLOCK, BLOCK):
                t0, t1, t2, t3 = points[block, q], points[block, q + 1], points[block, q + 2], points[block, q + 3]
                weight = powers[block, unknowns + 1]
                p0, p1, p2, p3 = scale * weight[q], scale * weight[q + 1], scale * weight[q + 2], scale * weight[q + 3]
                for k in range(knowns):
                    z = share[known[k]]
                    p0 *= z + (1.0 - z) * t0
                    p1 *= z + (1.0 - z) * t1
                    p2 *= z + (1.0 - z) * t2
                    p3 *= z + (1.0 - z) * t3
                for k in range(knowns):
                    edge = known[k]
                    z = share[edge]
                    a = p0 / (z + (1.0 - z) * t0) + p1 / (z + (1.0 - z) * t1)
                    b = p2 / (z + (1.0 - z) * t2) + p3 / (z + (1.0 - z) * t3)
                    out[row, feature[edge >> 1]] += (1.0 - z) * (a + b)
                if unknowns:
                    rest = 0.0
                    weight = powers[block, unknowns]
                    w0, w1, w2, w3 = (
                        scale * weight[q],
                        scale * weight[q + 1],
                        scale * weight[q + 2],
                        scale * weight[q + 3],
                    )
                    for k in range(knowns):
                        z = share[known[k]]
                        w0 *= z + (1.0 - z) * t0
                        w1 *= z + (1.0 - z) * t1
                        w2 *= z + (1.0 - z) * t2
                        w3 *= z + (1.0 - z) * t3
                    rest = (w0 + w1) + (w2 + w3)
                    for k in range(unknowns):
                        out[row, feature[unknown[k] >> 1]] -= rest
