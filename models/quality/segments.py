"""How good a probability is by segment: by month, channel, country and the like.

Rows of one account or lead depend on one another, so every interval comes from resamples of whole groups, drawn over all
rows at once: a segment's share of a resample varies as it would in another period.
"""

import itertools
from collections.abc import Mapping
from math import erfc, isfinite, sqrt
from typing import Any

import numpy as np
import pandas as pd

from features.errors import ParameterError
from models.params import EvaluateParams
from models.quality.bootstrap import check_rows, interval, resample_weights
from models.quality.metric_kernels import Ranked, probabilities_only, row_log_loss

__all__ = [
    "SEGMENT_METRICS",
    "Cell",
    "Grouping",
    "count_cells",
    "cut_points",
    "flag",
    "holm",
    "number_bands",
    "segments",
    "selected",
    "without_rows",
]

SEGMENT_METRICS = ("mean_probability", "auc", "log_loss", "calibration_gap", "lift_at_capacity")
ERROR = 0.05
Cell = dict[str, Any]
Grouping = Mapping[str, pd.Categorical]
"""Dimension to the value of each row; the categories stand in the order to show, a missing value is a segment, too."""


def cut_points(numbers: np.ndarray) -> list[float]:
    """Find the quartiles of training values at which a number is cut; missing values don't count.

    Examples
    --------
    >>> cut_points(np.array([1.0, 2.0, 3.0, 4.0, np.nan])), cut_points(np.array([7.0, 7.0]))
    ([2.0, 3.0, 4.0], [7.0])
    """
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return []
    return [float(cut) for cut in np.unique(np.quantile(finite, (0.25, 0.5, 0.75), method="higher"))]


def number_bands(numbers: np.ndarray, cuts: list[float]) -> pd.Categorical:
    """Put numbers into bands ``[cut, next cut)``; a missing number stays missing.

    Examples
    --------
    >>> number_bands(np.array([1.0, 48.0, np.nan, 500.0]), [48.0, 371.0]).tolist()
    ['< 48', '48 – < 371', nan, '≥ 371']
    """
    if not cuts:
        return pd.Categorical([None] * len(numbers), categories=[])
    shown = [f"{cut:,.6g}" for cut in cuts]
    names = [f"< {shown[0]}", *(f"{a} – < {b}" for a, b in itertools.pairwise(shown)), f"≥ {shown[-1]}"]
    bands = np.searchsorted(cuts, numbers, side="right")
    is_finite = np.isfinite(numbers)
    return pd.Categorical(
        [names[band] if ok else None for band, ok in zip(bands, is_finite, strict=True)], categories=names
    )


def selected(probabilities: np.ndarray, capacity_rows: int) -> np.ndarray:
    """Give each row's chance to be worked when sales takes the best first; equal probabilities at the edge share what is left.

    Examples
    --------
    >>> selected(np.array([0.9, 0.5, 0.5, 0.1]), 2).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    if not 1 <= capacity_rows <= len(probabilities):
        raise ParameterError(f"capacity is {capacity_rows} rows of {len(probabilities)}; allowed is 1 to all of them")
    edge = np.sort(probabilities)[::-1][capacity_rows - 1]
    above, at = probabilities > edge, probabilities == edge
    return np.where(above, 1.0, np.where(at, (capacity_rows - above.sum()) / at.sum(), 0.0))


def segments(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    by: Grouping,
    capacity_rows: int,
    params: EvaluateParams,
    min_positives: int,
    weights: np.ndarray | None = None,
) -> dict[str, list[Cell]]:
    """Measure a probability in every segment, with 95 % intervals.

    Parameters
    ----------
    labels : ndarray
        0 or 1, one per row.
    probabilities : ndarray of float
        In [0, 1].
    groups : ndarray
        Account or lead of each row.
    by : mapping of str to Categorical
        Dimension to each row's value.
    capacity_rows : int
        Rows that sales can work, of all; lift is measured as if the same share of each segment were worked.
    params : EvaluateParams
        Resamples and seed.
    min_positives : int
        A segment with fewer positives, or fewer negatives, is counted and not measured.
    weights : ndarray of float64, optional
        One per row, as `models.fitting.prior_correction.population_weights` gives them; None weighs all rows 1.

    Returns
    -------
    dict of str to list of cells
        Per dimension one cell per value that occurs: ``value`` (None: missing), ``rows``, ``positives``, ``base_rate``,
        ``measured``; measured ones also have `SEGMENT_METRICS` and ``base_rate_interval``, each a dict of value, low and
        high, and what `flag` adds. ``calibration_gap`` is mean probability less observed rate.

    Raises
    ------
    DataError, ParameterError
        As `models.quality.metrics.evaluate`.
    """
    y, p, w = check_rows(labels, probabilities, weights)
    share = float(selected(probabilities_only(p), capacity_rows).mean())
    loss = row_log_loss(y, p)
    cells = {dimension: count_cells(y, values, min_positives, w) for dimension, values in by.items()}
    measured = [cell for dimension_cells in cells.values() for cell in dimension_cells if cell["measured"]]
    ranked = [Ranked.of(y[cell["at"]], p[cell["at"]]) for cell in measured]

    def measure(block: np.ndarray, cell: Cell, order: Ranked) -> dict[str, np.ndarray]:
        at = cell["at"]
        drawn = block[:, at]
        ranking = order.metrics(drawn, share)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, rate, lost = (drawn @ values / drawn.sum(axis=1) for values in (p[at], y[at], loss[at]))
        return {
            "base_rate_interval": rate,
            "mean_probability": mean,
            "auc": ranking["auc"],
            "log_loss": lost,
            "calibration_gap": mean - rate,
            "lift_at_capacity": ranking["lift_at_capacity"],
        }

    values = [measure(w[None, :], *one) for one in zip(measured, ranked, strict=True)]
    resamples: list[list[dict[str, np.ndarray]]] = [[] for _ in measured]
    for block in resample_weights(groups, w, params.bootstrap, params.seed) if measured else ():
        for dimension_cells, one in zip(resamples, zip(measured, ranked, strict=True), strict=True):
            dimension_cells.append(measure(block, *one))
    for cell, value, blocks in zip(measured, values, resamples, strict=True):
        for name in value:
            resampled = np.concatenate([block[name] for block in blocks])
            cell[name] = interval(float(value[name][0]), resampled)
            if name == "calibration_gap":
                cell["p"] = _two_sided(float(value[name][0]), resampled)
    flag(measured)
    return without_rows(cells)


def count_cells(labels: np.ndarray, values: pd.Categorical, min_positives: int, weights: np.ndarray) -> list[Cell]:
    """Count rows and positives of each value that occurs, the missing one last; ``at`` holds the row numbers."""
    cells = []
    names = [str(name) for name in values.categories]
    for code in [*range(len(names)), -1]:
        at = np.flatnonzero(values.codes == code)
        if not len(at):
            continue
        positives = int(labels[at].sum())
        cells.append(
            {
                "value": names[code] if code >= 0 else None,
                "rows": len(at),
                "positives": positives,
                "base_rate": float(np.average(labels[at], weights=weights[at])),
                "measured": min(positives, len(at) - positives) >= min_positives,
                "at": at,
            }
        )
    return cells


def without_rows(cells: dict[str, list[Cell]]) -> dict[str, list[Cell]]:
    """Leave out the row numbers that `count_cells` put into cells."""
    return {
        dimension: [{key: value for key, value in cell.items() if key != "at"} for cell in dimension_cells]
        for dimension, dimension_cells in cells.items()
    }


def _two_sided(value: float, resampled: np.ndarray) -> float | None:
    """Tell how likely a gap so far from 0 is by chance: normal, with the bootstrap's standard error.

    Counting resamples beyond 0 can't tell chances below 1 / resamples, which many comparisons need.
    """
    spread = float(np.std(resampled[np.isfinite(resampled)], ddof=1))
    return erfc(abs(value) / spread / sqrt(2.0)) if isfinite(spread) and spread > 0 else None


def holm(chances: list[float]) -> list[float]:
    """Adjust p-values for having looked so many times (Holm 1979): the chance of any false alarm stays below the level.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    adjusted, highest = [0.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = highest
    return adjusted


def flag(cells: list[Cell]) -> None:
    """Mark each measured cell whose calibration gap differs from 0, by itself and among all cells that were tested.

    Adds ``apart`` (its own interval excludes 0; of twenty calibrated segments about one is), ``p_holm`` and ``flagged`` (still
    apart after Holm's correction, at the 5 % level).
    """
    tested = [cell for cell in cells if cell.get("p") is not None]
    for cell, chance in zip(tested, holm([cell["p"] for cell in tested]), strict=True):
        cell["p_holm"] = chance
    for cell in cells:
        low, high = cell["calibration_gap"]["low"], cell["calibration_gap"]["high"]
        cell["apart"] = low is not None and (low > 0 or high < 0)
        cell["flagged"] = cell.get("p_holm", 1.0) < ERROR
