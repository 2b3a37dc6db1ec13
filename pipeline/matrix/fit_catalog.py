"""What the catalog learns, from training rows alone: known values, frequent ones, roles, the buyer profile."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.attributes import AttributeSpec, fit_categories
from features.buyer_profile import Counts, States, fit_buyer_profile, fold_of
from features.catalog import Catalog, Learned, build_catalog
from features.params import FeaturesParams
from pipeline.matrix.account_batches import snapshot_batches
from pipeline.matrix.feature_rows import journeys_of, snapshots_of
from pipeline.matrix.vocabulary import seen_values
from pipeline.tables.json_files import records

__all__ = ["FittedCatalog", "fit_catalog"]


class FittedCatalog(NamedTuple):
    """A catalog, and how it looks at the rows that it was fitted on.

    Attributes
    ----------
    catalog : Catalog
        Fitted on all training rows: for every row that is not one of them.
    held_out : tuple of Catalog
        The same columns, with a buyer profile fitted without one part of the training rows: for the rows of that part. Empty
        where nothing depends on labels.
    part : ndarray of int64 [snapshots]
        Position in `held_out`; -1: `catalog`.
    """

    catalog: Catalog
    held_out: tuple[Catalog, ...]
    part: np.ndarray


def fit_catalog(
    params: FeaturesParams,
    canonical: Path,
    declared: pd.DataFrame,
    snapshots: pd.DataFrame,
    values: pd.DataFrame,
    outcome: np.ndarray,
) -> FittedCatalog:
    """Build the catalog from the rows whose outcome may be looked at.

    Parameters
    ----------
    params : FeaturesParams
        The `features` section.
    canonical : Path
        Folder of canonical tables.
    declared : DataFrame
        Attributes that may become features: entity, attribute, type, known_at.
    snapshots : DataFrame
        All snapshots: lead_id, account_id, snapshot_at.
    values : DataFrame
        Their attributes' values, one column per declared attribute.
    outcome : ndarray of float [snapshots]
        0 or 1 of a training row; NaN of every other.
    """
    in_training = ~np.isnan(outcome)
    training, known = snapshots[in_training], values[in_training]
    specs = [
        AttributeSpec(
            entity=row["entity"],
            name=row["attribute"],
            type=row["type"],
            known_at=row["known_at"],
            categories=fit_categories(known[row["attribute"]].tolist(), params.min_category_rows)
            if row["type"] == "category"
            else (),
        )
        for row in records(declared)
    ]
    seen = seen_values(canonical, training, params.observation_days)
    catalog = build_catalog(params, specs, _learned(params, seen, known))
    if "buyer_profile" not in catalog.params.groups:
        return FittedCatalog(catalog, (), np.full(len(snapshots), -1))
    settings = params.buyer_profile
    pairs = seen[(seen["level"] == "pair") & (seen["leads"] >= settings.min_leads)]
    states = States(tuple(sorted(zip(pairs["kind"], pairs["channel"], strict=True), key=_missing_first)))
    groups = snapshots["account_id"].fillna(snapshots["lead_id"])
    part_of = {group: fold_of(group, settings.folds) for group in groups[in_training].unique()}
    part = np.array([part_of.get(group, -1) for group in groups], dtype=np.int64)
    part[~in_training] = -1
    counts = _count(catalog, canonical, training, outcome[in_training].astype(np.int64), part[in_training], states)
    return FittedCatalog(
        catalog.with_buyer_profile(fit_buyer_profile(counts, settings)),
        tuple(
            catalog.with_buyer_profile(fit_buyer_profile(counts, settings, without=fold))
            for fold in range(settings.folds)
        ),
        part,
    )


def _missing_first(pair: tuple[str, str | None]) -> tuple[str, str]:
    return pair[0], pair[1] or ""


def _learned(params: FeaturesParams, seen: pd.DataFrame, values: pd.DataFrame) -> Learned:
    def of(level: str, at_least: int = 0, column: str = "leads") -> tuple[str, ...]:
        chosen = seen[(seen["level"] == level) & seen[level].notna() & (seen[column] >= at_least)]
        return tuple(chosen[level])

    automatic = params.automatic_min_leads
    roles: Sequence[str] = ()
    if params.role_attribute in values.columns:
        roles = fit_categories(values[params.role_attribute].tolist(), params.min_category_rows)
    return Learned(
        kinds=of("kind", column="all_leads"),
        channels=of("channel", column="all_leads"),
        common_kinds=of("kind", automatic) if automatic else (),
        common_channels=of("channel", automatic) if automatic else (),
        roles=tuple(roles),
    )


def _count(
    catalog: Catalog,
    canonical: Path,
    training: pd.DataFrame,
    outcome: np.ndarray,
    part: np.ndarray,
    states: States,
) -> Counts:
    """Count what the training rows' journeys hold, by part and outcome."""
    counts = Counts.empty(states, catalog.params.buyer_profile.folds)
    lead = training["lead_id"].astype(object)
    rows_of_lead = lead.map(lead.value_counts()).to_numpy()
    for batch, rows in snapshot_batches(canonical, training):
        journeys = journeys_of(batch.tables, batch.lead_ids)
        tables = catalog.matcher.compile(journeys.vocabulary)
        looks = snapshots_of(batch.lead_ids, training.iloc[rows])
        chosen = (looks.lead_index, looks.snapshot_at, outcome[rows], rows_of_lead[rows], part[rows])
        counts.add(journeys, tables, chosen, catalog.observation_days)
    return counts
