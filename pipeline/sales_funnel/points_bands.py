"""How leads converted by their points at one moment."""

from itertools import pairwise

import numpy as np
import pandas as pd

from models.analyses.points_audit import Band, Looks
from pipeline.sales_funnel.estimates import rate

__all__ = ["looks_by_band"]

EDGES = (1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
"""Of bands, as multiples of the threshold; below the first and above the last there is one more each."""


def looks_by_band(moment: str, looks: pd.DataFrame, points: np.ndarray, threshold: float) -> Looks:
    """Cut looks by their points.

    Parameters
    ----------
    moment : str
        See `Looks`.
    looks : DataFrame
        label (NaN: immature).
    points : ndarray of float
        Row for row.
    threshold : float
        Of the table.
    """
    known = looks["label"].notna().to_numpy()
    own, labels = points[known], looks["label"].to_numpy()[known]
    edges = [-np.inf, *(threshold * edge for edge in EDGES), np.inf] if threshold > 0 else [-np.inf, np.inf]
    bands = []
    for low, high in pairwise(edges):
        inside = (own >= low) & (own < high)
        bands.append(
            Band(
                low=0.0 if np.isinf(low) else low,
                high=None if np.isinf(high) else high,
                rate=rate(int(labels[inside].sum()), int(inside.sum())),
            )
        )
    near = (own >= threshold) & (own < EDGES[1] * threshold)
    return Looks(
        moment=moment,  # type: ignore[arg-type]  # pydantic checks it
        leads=len(own),
        immature=int((~known).sum()),
        just_above=float(near.mean()) if len(own) else None,
        median=float(np.median(own)) if len(own) else None,
        bands=tuple(bands),
    )
