"""What all parts of the points audit count, in one pass over the touchpoints."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.params import FeaturesParams
from models.params import PointsParams
from pipeline.sales_funnel.points_at import counts_at, points_of

__all__ = ["Counted", "count_rules"]


class Counted(NamedTuple):
    """Counts of the rules and of all that a proposed table may hold.

    Attributes
    ----------
    rules : list of str
        Selectors.
    candidates : list of str
        Those of them that pick what leads do themselves.
    windows : list of int
        Days, ascending.
    counts : mapping of str to ndarray of float32 [looks, rules, windows]
        By the name of the looks.
    """

    rules: list[str]
    candidates: list[str]
    windows: list[int]
    counts: Mapping[str, np.ndarray]

    def points(self, looks: str, points: PointsParams, observation_days: int) -> np.ndarray:
        """Give each rule's points by a table: float64 [looks, rules of the table]."""
        windows = points.windows(observation_days)
        places = [self.rules.index(name) for name in points.interactions]
        days = [self.windows.index(day) for day, _ in windows]
        chosen = self.counts[looks][:, places][:, :, days].astype(np.float64)
        return points_of(chosen, list(points.interactions.values()), [share for _, share in windows])

    def of_candidates(self, looks: str, rows: np.ndarray) -> np.ndarray:
        """Give the candidates' counts of some looks: float64 [rows, candidates, windows]."""
        places = [self.rules.index(name) for name in self.candidates]
        return np.asarray(self.counts[looks][rows][:, places], dtype=np.float64)


def count_rules(
    canonical: Path, looks: Mapping[str, pd.DataFrame], points: PointsParams, features: FeaturesParams
) -> Counted:
    """Count.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    looks : mapping of str to DataFrame
        As `labelled_looks` gives them.
    points, features
        Sections of the same names.
    """
    candidates = [name for name, selector in features.selectors.items() if selector.by == ("lead",)]
    rules = list(dict.fromkeys([*points.interactions, *candidates]))
    own = [day for day, _ in points.windows(features.observation_days)]
    windows = sorted({*own, *features.windows_days, features.observation_days})
    columns = ["lead_id", "account_id", "snapshot_at"]
    together = pd.concat([rows[columns] for rows in looks.values()], ignore_index=True)
    counts = counts_at(canonical, together, rules, windows, features)
    ends = np.cumsum([len(rows) for rows in looks.values()])[:-1]
    return Counted(rules, candidates, windows, dict(zip(looks, np.split(counts, ends), strict=True)))
