"""Points as of a moment: how often each rule's touchpoints happened before it, by the feature engine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalog import Catalog, Learned, build_catalog
from features.errors import ParameterError
from features.params import FeaturesParams
from models.params import PointsParams
from pipeline.matrix.build import matrix_batches

__all__ = ["check_rules", "counts_at", "points_of"]


def check_rules(points: PointsParams, features: FeaturesParams) -> None:
    """Refuse a points table that names what is no selector, or has no rule.

    Raises
    ------
    ParameterError
        Names the rules.
    """
    unknown = sorted(set(points.interactions) - set(features.selectors))
    if unknown:
        raise ParameterError(
            f"params.yaml: points.interactions names {', '.join(map(repr, unknown))}, which is no selector. Allowed: "
            f"{', '.join(features.selectors)}. Correct the name, or add the selector under features.selectors."
        )
    if not points.interactions:
        raise ParameterError(
            "params.yaml: points.interactions is empty. Name at least one selector with its points, or write `points: null`."
        )


def counts_at(
    canonical: Path, looks: pd.DataFrame, rules: Sequence[str], windows: Sequence[int], features: FeaturesParams
) -> np.ndarray:
    """Count each rule's touchpoints before each look.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    looks : DataFrame
        lead_id, account_id, snapshot_at, in any order.
    rules : sequence of str
        Names of selectors.
    windows : sequence of int
        Days back from the look, the longest last: [snapshot_at - days, snapshot_at).
    features : FeaturesParams
        Its selectors and time zone.

    Returns
    -------
    ndarray of float32 [looks, rules, windows]
    """
    catalog = _counting_catalog(rules, windows, features)
    columns = np.array([[catalog.positions[f"count__{rule}__{days}d"] for days in windows] for rule in rules])
    counts = np.zeros((len(looks), len(rules), len(windows)), dtype=np.float32)
    for rows, matrix in matrix_batches(canonical, looks.assign(part=-1), catalog):
        counts[rows] = np.nan_to_num(matrix[:, columns])
    return counts


def _counting_catalog(rules: Sequence[str], windows: Sequence[int], features: FeaturesParams) -> Catalog:
    params = FeaturesParams(
        observation_days=max(windows),
        windows_days=tuple(days for days in windows if days < max(windows)) or (max(windows),),
        half_lives_days=(),
        groups=("engagement",),
        operations=("count",),
        selectors={rule: features.selectors[rule].model_copy(update={"operations": ("count",)}) for rule in rules},
        time_zone=features.time_zone,
    )
    return build_catalog(params, [], Learned())


def points_of(counts: np.ndarray, points: Sequence[float], shares: Sequence[float]) -> np.ndarray:
    """Add up points.

    Parameters
    ----------
    counts : ndarray [looks, rules, windows]
        As `counts_at` gives them.
    points : sequence of float
        Of each rule.
    shares : sequence of float
        What counts of them over each window, as `PointsParams.windows` has them.

    Returns
    -------
    ndarray of float64 [looks, rules]
        Each rule's points.
    """
    return np.asarray((counts @ np.asarray(shares)) * np.asarray(points))
