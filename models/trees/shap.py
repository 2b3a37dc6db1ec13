"""Exact TreeSHAP: how much each feature moved the log-odds of a row, in compiled code.

A leaf with value v is reached by a row with a feature j switched to "not known" in the share z_j of cases, and with j known
with certainty (o_j = 1) or never (o_j = 0). With every feature known with probability t, the leaf gives

    v * prod_j (z_j (1 - t) + o_j t),

and the Shapley value of feature i is the integral over t in [0, 1] of the derivative by i (Owen 1972, "Multilinear extensions
of games"), summed over leaves:

    v * (o_i - z_i) * integral of prod_{j != i} (z_j (1 - t) + o_j t).

That is what Lundberg et al. (2018, arXiv:1802.03888, algorithm 2) define and LightGBM computes. The integrand is a polynomial
of a degree below the number of features on the way to the leaf, so Gauss-Legendre quadrature with half as many points is exact,
and all its terms have one sign, so nothing cancels. The work per leaf is linear in those features (as in Yu et al. 2022,
"Linear TreeShap", arXiv:2209.08192); LightGBM's is quadratic. All features of a leaf with o = 0 share one value. Small parts of
trees are computed once and looked up (`models.trees.groups`); the rest is walked through (`models.trees.walk`).
"""

import numpy as np

from features.kernels.compiled import compiled, entry
from features.threads import run_in_ranges
from models.trees.groups import TABLE_BYTES, group
from models.trees.model_text import Tree
from models.trees.read import Trees, flat_trees
from models.trees.walk import plan_walk

__all__ = ["TreeShap", "warm_up"]

# Points are taken in blocks of so many, which the processor works on at once: enough for a path of eight features
BLOCK = 4
# As LightGBM has it: smaller numbers are zero
ZERO = float(np.float32(1e-35))
# What one row costs, compared to the engine's touchpoints; decides whether threads are worth it
TOUCHPOINTS_PER_ROW = 200
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
    table_bytes : int
        How much memory tables may take; the contributions are the same but for rounding.
    """

    def __init__(self, trees: Trees, features: int, table_bytes: int = TABLE_BYTES) -> None:
        self._base = trees.base
        self._features = features
        groups = group(trees, table_bytes)
        longest = int(np.diff(trees.begin).max(initial=0))
        leaves = (trees.feature, trees.share, trees.value, trees.begin, trees.way)
        rule = _quadrature(max(1, -(-longest // (2 * BLOCK))), longest)
        table = np.zeros(groups.parts[-1, 2])
        _fill(leaves, rule, trees.above, groups.parts, groups.splits, groups.answers, groups.columns, features, table)
        splits = (trees.threshold, trees.decision, trees.words, trees.categories, trees.above)
        self._kernel = (
            trees.feature,
            splits,
            groups.edges,
            groups.parts,
            groups.answers,
            groups.columns,
            table,
            tuple(plan_walk(trees, groups.lone, BLOCK)),
        )

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
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        out = np.zeros((len(rows), self._features + 1), dtype=np.float64)
        out[:, -1] = self._base

        def run(begin: int, end: int) -> None:
            _explain(rows[begin:end], *self._kernel, out[begin:end])

        run_in_ranges(run, len(rows), lambda: np.ones(len(rows)), TOUCHPOINTS_PER_ROW * len(rows))
        return out


def _quadrature(blocks: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Give, per number of blocks, the points t in (0, 1), and their weights times (1 - t)^k for k = -1, 0, ..., longest."""
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
def _decide(row, feature, splits, number, decided):  # type: ignore[no-untyped-def]
    """Decide every split as LightGBM's `Tree::Decision` does; `number` holds the row's values, missing ones as zero."""
    threshold, decision, words, categories, _ = splits
    for column in range(len(row)):
        value = np.float64(row[column])
        number[column] = 0.0 if np.isnan(value) or -ZERO <= value <= ZERO else value
    for split in range(len(feature)):
        kind, column = decision[split], feature[split]
        if kind & CATEGORICAL:
            decided[split] = _is_among(np.float64(row[column]), words[split, 0], words[split, 1], categories)
            continue
        # without branches, as nobody can foretell them
        value, sort = number[column], (kind >> 2) & 3
        missing = (sort == MISSING_NAN) & np.isnan(row[column]) | (sort == MISSING_ZERO) & (value == 0.0)
        decided[split] = (missing & (kind & DEFAULT_LEFT != 0)) | (~missing & (value <= threshold[split]))


@compiled
def _is_among(value, begin, end, categories):  # type: ignore[no-untyped-def]
    """Tell whether a category is in a bit set; a missing one is not, and as LightGBM truncates, -0.5 is category 0."""
    # NaN fails both comparisons
    if not 0.0 <= value < 32.0 * (end - begin):
        if not -1.0 < value < 0.0:
            return False
        value = 0.0
    code = int(value)
    return (categories[begin + code // 32] >> np.uint32(code % 32)) & np.uint32(1) != 0


@compiled
def _add_leaf(leaf, leaves, rule, taken, known, unknown, out):  # type: ignore[no-untyped-def]
    """Add what a leaf gives to each feature, given which edges were taken."""
    feature, share, value, begin, way = leaves
    points, powers = rule
    knowns = 0
    unknowns = 0
    scale = value[leaf]
    for k in range(begin[leaf], begin[leaf + 1]):
        edge = way[k]
        known[knowns] = edge
        unknown[unknowns] = edge
        knowns += taken[edge]
        unknowns += 1 - taken[edge]
        scale *= 1.0 if taken[edge] else share[edge]
    block = (knowns + unknowns - 1) // (2 * BLOCK)
    # (1 - t) to the number of unknown features, and to one less
    weights, one_less = powers[block, unknowns + 1], powers[block, unknowns]
    for q in range(0, (block + 1) * BLOCK, BLOCK):
        t0, t1, t2, t3 = points[block, q], points[block, q + 1], points[block, q + 2], points[block, q + 3]
        p0, p1, p2, p3 = scale, scale, scale, scale
        for k in range(knowns):
            z = share[known[k]]
            p0 *= z + (1.0 - z) * t0
            p1 *= z + (1.0 - z) * t1
            p2 *= z + (1.0 - z) * t2
            p3 *= z + (1.0 - z) * t3
        rest = (p0 * one_less[q] + p1 * one_less[q + 1]) + (p2 * one_less[q + 2] + p3 * one_less[q + 3])
        for k in range(unknowns):
            out[feature[unknown[k] >> 1]] -= rest
        p0 *= weights[q]
        p1 *= weights[q + 1]
        p2 *= weights[q + 2]
        p3 *= weights[q + 3]
        for k in range(knowns):
            edge = known[k]
            z = share[edge]
            left = p0 / (z + (1.0 - z) * t0) + p1 / (z + (1.0 - z) * t1)
            right = p2 / (z + (1.0 - z) * t2) + p3 / (z + (1.0 - z) * t3)
            out[feature[edge >> 1]] += (1.0 - z) * (left + right)


@compiled
def _add_walk(walk, state, stack, products, inverse, below, out):  # type: ignore[no-untyped-def]
    """Add what the leaves without a table give to each feature; arrays are indexed by height, the root is 0."""
    edge, column, share, before, share_before, depth, end, value, points, t, weight, _ = walk
    one = np.uint64(1)
    height = np.uint64(0)
    step = 0
    # one round more than there are leaves: up to the root at the end
    for leaf in range(len(value) + 1):
        target = np.uint64(depth[leaf]) if leaf < len(value) else np.uint64(0)
        many = np.uint64(points[leaf - 1]) if leaf else np.uint64(0)
        while height > target:
            k = stack[height]
            up = np.uint64(before[k])
            lost = (1.0 - share_before[k]) if up == 0 or state[edge[stack[up]]] else -1.0
            gain = 0.0
            if state[edge[k]]:
                z = 1.0 - share[k]
                for q in range(many):
                    gain += below[height, q] * (z * inverse[height, q] - lost * inverse[up, q])
            elif lost >= 0.0:
                for q in range(many):
                    gain -= below[height, q] * (inverse[height, q] + lost * inverse[up, q])
            # and what was not taken after what was not, either, adds as much as it takes away
            out[column[k]] += gain
            for q in range(many):
                below[height - one, q] += below[height, q]
            height -= one
        if leaf == len(value):
            break
        many = np.uint64(points[leaf])
        while step < end[leaf]:
            height += one
            stack[height] = step
            up = np.uint64(before[step])
            z = share[step]
            if state[edge[step]]:
                for q in range(many):
                    factor = z + (1.0 - z) * t[many, q]
                    inverse[height, q] = 1.0 / factor
                    products[height, q] = products[height - one, q] * (factor * inverse[up, q])
                    below[height, q] = 0.0
            elif up == 0 or state[edge[stack[up]]]:
                for q in range(many):
                    rest = t[many, many - one - q]  # 1 - t, by symmetry
                    inverse[height, q] = 1.0 / rest
                    products[height, q] = products[height - one, q] * (z * rest * inverse[up, q])
                    below[height, q] = 0.0
            else:
                ratio = z / share_before[step] if share_before[step] else 0.0
                for q in range(many):
                    products[height, q] = products[height - one, q] * ratio
                    below[height, q] = 0.0
            step += 1
        for q in range(many):
            below[height, q] += products[height, q] * weight[many, q] * value[leaf]


@entry
def _fill(leaves, rule, above, parts, splits, answers, columns, features, table):  # type: ignore[no-untyped-def]
    """Compute the table of every group: cases by columns."""
    edges = len(above)
    state = np.zeros(edges + edges // 2, dtype=np.uint8)
    known = np.zeros(len(rule[1][0]), dtype=np.int64)
    unknown = np.zeros(len(rule[1][0]), dtype=np.int64)
    sums = np.zeros(features)
    for g in range(len(splits)):
        first, count = splits[g]
        begin, end = parts[g, 0], parts[g + 1, 0]
        left, right = parts[g, 1], parts[g + 1, 1]
        at = parts[g, 2]
        for case in range(1 << (end - begin)):
            for k in range(begin, end):
                state[answers[k]] = (case >> (k - begin)) & 1
            for edge in range(2 * first, 2 * (first + count)):
                yes = state[edges + edge // 2] ^ (edge & 1)
                state[edge] = yes if above[edge] < 0 else yes & state[above[edge]]
            for leaf in range(parts[g, 3], parts[g, 3] + count + 1):
                _add_leaf(leaf, leaves, rule, state, known, unknown, sums)
            for k in range(left, right):
                table[at] = sums[columns[k]]
                sums[columns[k]] = 0.0
                at += 1


@entry
def _explain(matrix, feature, splits, edges, parts, answers, columns, table, walk, out):  # type: ignore[no-untyped-def]
    """Add each row's contributions to its row of `out`."""
    above = splits[-1]
    number = np.zeros(matrix.shape[1])
    state = np.zeros(3 * len(feature), dtype=np.uint8)
    decided = state[2 * len(feature) :]
    height, points = walk[-1] + 1, walk[-2].shape[1]
    stack = np.zeros(height, dtype=np.int64)
    products = np.ones((height, points))
    inverse = np.ones((height, points))
    below = np.zeros((height, points))
    for row in range(len(matrix)):
        _decide(matrix[row], feature, splits, number, decided)
        for edge in edges:
            yes = decided[edge >> 1] ^ (edge & 1)
            state[edge] = yes if above[edge] < 0 else yes & state[above[edge]]
        sums = out[row]
        for g in range(len(parts) - 1):
            begin, left, right = parts[g, 0], parts[g, 1], parts[g + 1, 1]
            case = 0
            for k in range(begin, parts[g + 1, 0]):
                case |= np.int64(state[answers[k]]) << (k - begin)
            at = parts[g, 2] + case * (right - left)
            for k in range(left, right):
                sums[columns[k]] += table[at]
                at += 1
        _add_walk(walk, state, stack, products, inverse, below, sums)


def warm_up() -> None:
    """Compile the kernels, or load them from numba's cache on disk."""
    whole, half = np.array([2], dtype=np.int64), np.array([1, 1], dtype=np.int64)
    left, right, nothing = np.array([-1]), np.array([-2]), np.zeros(0, dtype=np.int64)
    column = np.zeros(1, dtype=np.int64)
    tree = Tree(
        column, column, left, right, whole, np.zeros(1), np.array([-1.0, 1.0]), half, column, nothing, np.zeros(1), 1
    )
    TreeShap(flat_trees([tree]), 1).contributions(np.zeros((1, 1), dtype=np.float32))
