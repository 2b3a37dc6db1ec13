"""Whether segments of people are treated alike: who is worked, who of the good ones is found, and calibration within groups."""

import numpy as np

from models.params import EvaluateParams
from models.quality.bootstrap import check_rows, interval, resample_weights
from models.quality.metric_kernels import probabilities_only
from models.quality.segments import Cell, Grouping, count_cells, selected, without_rows

__all__ = ["FAIRNESS", "fairness"]

FAIRNESS = ("selection_rate", "tier_ab_rate", "true_positive_rate", "calibration_gap")


def fairness(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    by: Grouping,
    capacity_rows: int,
    tier_ab: np.ndarray,
    params: EvaluateParams,
    min_positives: int,
    weights: np.ndarray | None = None,
) -> dict[str, list[Cell]]:
    """Compare how segments are treated: each with all other rows, with 95 % intervals of the differences.

    Parameters
    ----------
    labels, probabilities, groups, by, capacity_rows, params, min_positives, weights
        As for `segments`.
    tier_ab : ndarray of bool
        Whether the row is in tier A or B.

    Returns
    -------
    dict of str to list of cells
        Per dimension one cell per value: ``value``, ``rows``, ``positives``, ``base_rate``, ``measured``; measured ones
        also have `FAIRNESS`, each with value, low, high and ``difference`` (to all other rows; value, low and high).
        ``selection_rate`` is the share of rows within capacity (demographic parity asks for equal ones),
        ``true_positive_rate`` the share of positives within capacity (equal opportunity; Hardt, Price and Srebro 2016),
        ``calibration_gap`` asks for calibration within groups. They can't all be equal where base rates differ (Kleinberg,
        Mullainathan and Raghavan 2017). Capacity's cut stays where it is in every resample.
    """
    y, p, w = check_rows(labels, probabilities, weights)
    worked = selected(probabilities_only(p), capacity_rows)
    everyone = np.ones(len(y))
    shares = {
        "selection_rate": (worked, everyone),
        "tier_ab_rate": (np.asarray(tier_ab, dtype=np.float64), everyone),
        "true_positive_rate": (worked * y, y),
        "calibration_gap": (p - y, everyone),
    }
    cells = {dimension: count_cells(y, values, min_positives, w) for dimension, values in by.items()}
    measured = [cell for dimension_cells in cells.values() for cell in dimension_cells if cell["measured"]]
    inside = np.zeros((len(y), len(measured)))
    for column, cell in enumerate(measured):
        inside[cell["at"], column] = 1.0

    def measure(block: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        rates = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, (part, whole) in shares.items():
                above, below = (block * part) @ inside, (block * whole) @ inside
                others = ((block @ part)[:, None] - above) / ((block @ whole)[:, None] - below)
                rates[name] = (above / below, above / below - others)
        return rates

    values = measure(w[None, :])
    blocks = (
        [measure(block) for block in resample_weights(groups, w, params.bootstrap, params.seed)] if measured else []
    )
    for column, cell in enumerate(measured):
        for name in FAIRNESS:
            value, difference = (
                interval(
                    float(values[name][which][0, column]),
                    np.concatenate([block[name][which][:, column] for block in blocks]),
                )
                for which in (0, 1)
            )
            cell[name] = {**value, "difference": difference}
    return without_rows(cells)
