"""What was known of leads when they became MQL, as columns of a regression, without what tells the campaign alone."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from features.params import FeaturesParams
from features.selectors import Selectors
from features.timeline import DAY_US
from pipeline.population.attribute_history import eligible_attributes, read_attribute_values
from pipeline.population.micros import micros
from pipeline.sales_funnel.first_touches import FirstTouches
from pipeline.sales_funnel.points_at import counts_at
from pipeline.tables.parquet import read_table

__all__ = ["quality_columns"]

MIN_LEVEL = 20
"""A category of fewer leads has no column of its own."""

NAMES_CAMPAIGNS = 0.5
"""An attribute of which so many values are campaigns' names says which campaign it was, and nothing of the lead."""


def quality_columns(
    canonical: Path, looks: pd.DataFrame, touches: FirstTouches, campaigns: Iterable[str], features: FeaturesParams
) -> np.ndarray:
    """Make them: counts by selector over two windows, and attributes; standardised, those that don't vary left out.

    The touchpoint that the campaign itself drew is not counted: every lead of an e-book campaign has downloaded an e-book,
    whoever it is.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    looks : DataFrame
        lead_id, account_id, snapshot_at: the MQL moments.
    touches : FirstTouches
        Row for row with `looks`.
    campaigns : iterable of str
        All names.
    features : FeaturesParams
        Selectors and windows.

    Returns
    -------
    ndarray of float64 [looks, columns]
    """
    columns = [_counts(canonical, looks, touches, features), *_attributes(canonical, looks, set(campaigns))]
    matrix = np.column_stack([part for part in columns if part.shape[1]])
    scale = matrix.std(axis=0)
    varies = scale > 1e-9
    if not varies.all():
        matrix, scale = matrix[:, varies], scale[varies]
    matrix -= matrix.mean(axis=0)  # in place: of a million leads the matrix takes hundreds of MiB
    matrix /= scale
    return np.asarray(matrix)


def _counts(canonical: Path, looks: pd.DataFrame, touches: FirstTouches, features: FeaturesParams) -> np.ndarray:
    names = [name for name, selector in features.selectors.items() if selector.by == ("lead",)]
    if not names or not (canonical / "touchpoints.parquet").exists():
        return np.zeros((len(looks), 0))
    recent = features.windows_days[len(features.windows_days) // 2] if features.windows_days else 0
    windows = sorted({days for days in (recent, features.observation_days) if days})
    counts = counts_at(canonical, looks, names, windows, features)
    selectors = Selectors({name: features.selectors[name] for name in names})
    place = {name: row for row, name in enumerate(names)}
    own = pd.DataFrame({field: getattr(touches, field) for field in ("kind", "channel", "asset", "campaign")})
    age = (micros(looks["snapshot_at"]) - micros(touches.occurred_at)) / DAY_US
    drawn = own[own["campaign"].notna()]
    for values, group in drawn.groupby(list(own.columns), dropna=False):
        kind, channel, asset, campaign = (value if isinstance(value, str) else None for value in values)
        rows = group.index.to_numpy()
        for name in selectors.select(by="lead", kind=kind, channel=channel, asset=asset, campaign=campaign):
            for window, days in enumerate(windows):
                counts[rows, place[name], window] -= (age[rows] <= days).astype(np.float64)
    return np.asarray(np.log1p(np.maximum(counts, 0.0)).reshape(len(looks), -1))


def _attributes(canonical: Path, looks: pd.DataFrame, campaigns: set[str]) -> list[np.ndarray]:
    declared = eligible_attributes(
        read_table(canonical / "attributes.parquet", "attributes").to_pandas(), use_known_at_export=False
    )
    if declared.empty:
        return []
    values = read_attribute_values(canonical, looks, declared)
    parts = []
    for name, kind in zip(declared["attribute"], declared["type"], strict=True):
        column = values[name]
        if kind == "number":
            parts.append(_number(column.to_numpy(dtype=np.float64, na_value=np.nan)))
        else:
            text = column.astype(object).where(column.notna(), None)
            known = text.dropna()
            if len(known) and known.isin(campaigns).mean() > NAMES_CAMPAIGNS:
                continue
            parts.append(_levels(text))
    return parts


def _number(values: np.ndarray) -> np.ndarray:
    """Give a number with its square, and whether it is missing; amounts as ln(1 + x)."""
    missing = np.isnan(values)
    if missing.all():
        return np.zeros((len(values), 0))
    plain = np.log1p(values) if np.nanmin(values) >= 0.0 else values
    centred = np.where(missing, 0.0, plain - np.nanmean(plain))
    return np.column_stack((centred, centred**2, missing))


def _levels(values: pd.Series) -> np.ndarray:
    """Give one column per frequent category, and one for missing; the most frequent is what others differ from."""
    text = values.map(lambda value: "" if value is None else str(value))
    frequent = [level for level, count in text.value_counts().items() if count >= MIN_LEVEL][1:]
    return np.asarray(text.to_numpy()[:, None] == np.array(frequent, dtype=object)[None, :], dtype=np.float64)
