"""Segments of customers: what blocks of columns have in common, k-means on it, and which segments come back in half-samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

__all__ = ["Embedding", "Segments", "find_segments", "fit_embedding", "most_compact_view"]

SHUFFLES = 20
MOST_DIMENSIONS = 6
SAME = 0.75
"""Jaccard similarity from which a half-sample's segment is the same one (Hennig 2007: `valid, stable`)."""
NEARLY = 0.02
"""A view of more blocks is preferred to one that is more compact by less."""
CLOUDS = 19
"""With so many draws of one cloud, all less compact than the customers, chance is 5 %."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """A linear map of blocks to what they have in common.

    Attributes
    ----------
    mean : list of ndarray
        Of each block's columns.
    scale : list of float
        By which each block is divided: the root of its variance over all columns.
    axes : ndarray of float64 [columns, dimensions]
    dimensions : int
        0: the blocks have no more in common than shuffled ones.
    """

    mean: list[np.ndarray]
    scale: list[float]
    axes: np.ndarray

    @property
    def dimensions(self) -> int:
        """How many dimensions the blocks share."""
        return int(self.axes.shape[1])

    def of(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        """Map blocks: ndarray of float64 [rows, dimensions]."""
        parts = [(block - mean) / scale for block, mean, scale in zip(blocks, self.mean, self.scale, strict=True)]
        return np.asarray(np.hstack(parts) @ self.axes)


def fit_embedding(blocks: Sequence[np.ndarray], seed: int) -> Embedding:
    """Find what blocks have in common: principal components of blocks of equal weight, as many as shuffled blocks do not reach.

    Each block is centred and divided by the root of its variance, so that none dominates by its number of columns. Components
    are kept one after another while the variance of the next exceeds the 95th percentile of what remains of blocks whose rows
    are shuffled apart from one another: parallel analysis against independence of the blocks (Horn 1965; one at a time: Green
    et al. 2012). What stands in one block alone, such as the country, makes no persona.

    Parameters
    ----------
    blocks : sequence of ndarray of float64 [rows, columns]
        With at least 2 rows.
    seed : int
    """
    random = np.random.default_rng(seed)
    mean = [block.mean(axis=0) for block in blocks]
    centred = [block - centre for block, centre in zip(blocks, mean, strict=True)]
    rows = len(blocks[0])
    scale = [max(float(np.sqrt((block**2).sum() / rows)), 1e-9) for block in centred]
    scaled = [block / size for block, size in zip(centred, scale, strict=True)]
    together = np.hstack(scaled)
    ends = np.cumsum([block.shape[1] for block in scaled])[:-1]
    variance, axes = _spectrum(together)
    kept = 0
    for place in range(min(MOST_DIMENSIONS, len(variance))):
        rest = together - together @ axes[:, :place] @ axes[:, :place].T
        chance = np.array([_largest_of_shuffled(np.split(rest, ends, axis=1), random) for _ in range(SHUFFLES)])
        if variance[place] <= np.quantile(chance, 0.95):
            break
        kept = place + 1
    return Embedding(mean, scale, axes[:, :kept])


def _largest_of_shuffled(blocks: Sequence[np.ndarray], random: np.random.Generator) -> float:
    columns = np.hstack([block[random.permutation(len(block))] for block in blocks])
    return float(np.linalg.eigvalsh(columns.T @ columns / len(columns))[-1])


def _spectrum(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(columns.T @ columns / len(columns))
    vectors = vectors[:, ::-1]
    # The sign of an axis is a convention: its largest entry is positive.
    largest = np.abs(vectors).argmax(axis=0)
    return values[::-1], vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments of customers; those that come back are numbered from 0 by size.

    Attributes
    ----------
    label : ndarray of int64 [customers]
        -1: in none that is stable.
    returns : list of float
        In which share of the half-samples each came back; also of those that are not stable, see `unstable`.
    jaccard : list of float
        Mean similarity to the half-samples' nearest segment.
    unstable : int
        How many segments of the chosen number did not come back.
    tried : list of dict
        Per number of segments: segments, stable, share (of customers in stable ones), compact (more so than one cloud).
    centres : ndarray of float64 [segments, dimensions]
        Their middles, those of unstable ones too.
    number : ndarray of int64 [segments]
        The number of each; -1: it is not stable.
    """

    label: np.ndarray
    returns: list[float]
    jaccard: list[float]
    unstable: int
    tried: list[dict[str, float]]
    centres: np.ndarray
    number: np.ndarray

    def of(self, points: np.ndarray) -> np.ndarray:
        """Put customers to the segment whose middle is nearest, as k-means does: int64 [rows], as `label`."""
        if not len(self.centres):
            return np.full(len(points), -1)
        return np.asarray(self.number[pairwise_distances_argmin(points, self.centres)])

    def __len__(self) -> int:
        """Count the stable segments."""
        return len(self.returns)


def most_compact_view(views: Sequence[np.ndarray], seed: int) -> int:
    """Choose among views of the same customers, from many blocks to few: the first that is nearly as compact as the best.

    Parameters
    ----------
    views : sequence of ndarray of float64 [customers, dimensions]
    seed : int

    Returns
    -------
    int
        Position of the view.
    """
    ratios = np.array([_compactness(points, seed) if points.shape[1] else np.inf for points in views])
    return int(np.argmax(ratios <= ratios.min() + NEARLY)) if np.isfinite(ratios.min()) else 0


def _compactness(points: np.ndarray, seed: int) -> float:
    """Give how much nearer customers are to the middle of their segment than points of one cloud, over 3 to 5 segments."""
    random = np.random.default_rng(seed)
    cloud = random.normal(0.0, points.std(axis=0), points.shape)
    ratios = [
        _k_means(points, number, seed, starts=2).inertia_ / _k_means(cloud, number, seed, starts=2).inertia_
        for number in (3, 4, 5)
    ]
    return float(np.mean(ratios))


def find_segments(points: np.ndarray, most: int, half_samples: int, least_returns: float, seed: int) -> Segments:
    """Cut customers into segments by k-means; keep those that come back in half-samples.

    Of the numbers of segments from 2 to `most`, those count that are more compact than one cloud of the same variances would be
    cut (Liu et al. 2008). Of them the largest is taken of which every segment comes back in at least `least_returns` of the
    half-samples; where none is so stable, the one with the most customers in segments that do.

    Parameters
    ----------
    points : ndarray of float64 [customers, dimensions]
    most, half_samples : int
    least_returns : float
        From 0 to 1.
    seed : int
    """
    rows = len(points)
    tried: list[dict[str, float]] = []
    nothing = Segments(np.full(rows, -1), [], [], 0, tried, np.zeros((0, points.shape[1])), np.zeros(0, np.int64))
    if not points.shape[1] or rows < 4 * most:
        return nothing
    random = np.random.default_rng(seed)
    halves = [np.sort(random.permutation(rows)[: rows // 2]) for _ in range(half_samples)]
    clouds = [random.normal(0.0, points.std(axis=0), points.shape) for _ in range(CLOUDS)]
    found: list[tuple[KMeans, np.ndarray, np.ndarray]] = []
    for number in range(2, most + 1):
        model = _k_means(points, number, seed)
        similar = np.array([_similarity(points, model.labels_, half, number, seed) for half in halves])
        returns, jaccard = (similar >= SAME).mean(axis=0), similar.mean(axis=0)
        stable = returns >= least_returns
        compact = all(model.inertia_ < _k_means(cloud, number, seed).inertia_ for cloud in clouds)
        share = float(np.isin(model.labels_, np.flatnonzero(stable)).mean())
        tried.append({"segments": number, "stable": int(stable.sum()), "share": share, "compact": float(compact)})
        found.append((model, returns, jaccard))
    candidates = [place for place, facts in enumerate(tried) if facts["compact"] and facts["stable"]]
    if not candidates:
        return nothing
    chosen = max(candidates, key=lambda place: (round(tried[place]["share"], 9), tried[place]["segments"]))
    return _by_size(*found[chosen], least_returns, tried)


def _by_size(
    model: KMeans, returns: np.ndarray, jaccard: np.ndarray, least_returns: float, tried: list[dict[str, float]]
) -> Segments:
    size = np.bincount(model.labels_, minlength=len(returns))
    stable = [int(c) for c in np.argsort(-size, kind="stable") if returns[c] >= least_returns]
    name = np.full(len(returns), -1)
    name[stable] = np.arange(len(stable))
    return Segments(
        name[model.labels_],
        [float(returns[c]) for c in stable],
        [float(jaccard[c]) for c in stable],
        len(returns) - len(stable),
        tried,
        np.asarray(model.cluster_centers_),
        name,
    )


def _k_means(points: np.ndarray, number: int, seed: int, starts: int = 4) -> KMeans:
    return KMeans(number, n_init=starts, random_state=seed).fit(points)


def _similarity(points: np.ndarray, labels: np.ndarray, half: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Give each segment's Jaccard similarity to its like among the segments of a half-sample, one to one."""
    own, other = labels[half], _k_means(points[half], number, seed, starts=2).labels_
    both = np.zeros((number, number))
    np.add.at(both, (own, other), 1.0)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    jaccard = both / np.maximum(union, 1.0)
    row, column = linear_sum_assignment(-jaccard)
    result = np.zeros(number)
    result[row] = jaccard[row, column]
    return result
