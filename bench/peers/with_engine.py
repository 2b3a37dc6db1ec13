"""The project's engine: journeys built once from Arrow, then one compiled fold."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.peers.data import END, draw_touchpoints
from bench.peers.definition import FEATURES, HALF_LIVES, OBSERVATION_DAYS, SELECTORS, WINDOWS, Selector
from features.catalog import Catalog, build_catalog
from features.compute import Snapshots, compute_features, warm_up
from features.journeys import Journeys
from features.params import FeaturesParams, SelectorParams
from pipeline.matrix.local_file import features_from_parquet

__all__ = ["catalog", "compute", "end_to_end", "load", "prepare"]


class Loaded(NamedTuple):
    """Journeys, and the snapshots by the position of their lead."""

    journeys: Journeys
    snapshots: Snapshots


@cache
def catalog() -> Catalog:
    """Translate the definition into the engine's parameters."""
    params = FeaturesParams(
        observation_days=OBSERVATION_DAYS,
        windows_days=tuple(days for days in WINDOWS if days != OBSERVATION_DAYS),
        half_lives_days=HALF_LIVES,
        groups=("engagement",),
        selectors={name: _rule(selector) for name, selector in SELECTORS.items()},
    )
    built = build_catalog(params, [])
    if set(built.names) != {feature.name for feature in FEATURES}:
        raise ValueError(f"features differ: {sorted(set(built.names) ^ {feature.name for feature in FEATURES})}")
    return built


def _rule(selector: Selector) -> SelectorParams:
    return SelectorParams(
        kind=selector.kinds or None,
        channel=selector.channels or None,
        asset=(f"{selector.asset_prefix}*",) if selector.asset_prefix else None,
        operations=selector.operations,
    )


def prepare(_folder: Path) -> None:
    """Load the compiled kernels, which a service or a stage does once."""
    warm_up()
    some = draw_touchpoints(100, 5_000)
    journeys = Journeys.from_arrow(some, None, None, pc.unique(some["lead_id"]).to_pylist())
    compute_features(journeys, Snapshots(np.array([0]), np.array([END])), catalog())


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files and build journeys: text encoded, sorted by lead and time."""
    table = pq.read_table(touchpoints, read_dictionary=["lead_id", "kind", "channel", "asset"])
    keys = pq.read_table(snapshots, read_dictionary=["lead_id"]).unify_dictionaries().combine_chunks()
    ids = keys["lead_id"].chunk(0)
    journeys = Journeys.from_arrow(table, None, None, ids.dictionary.to_pylist(), unknown_leads="ignore")
    lead = ids.indices.to_numpy()
    order = np.argsort(lead, kind="stable")
    moments = keys["snapshot_at"].cast(pa.int64()).to_numpy()
    return Loaded(journeys, Snapshots(lead[order], moments[order]))


def compute(loaded: Loaded) -> np.ndarray:
    """Compute the matrix, one row per snapshot."""
    return compute_features(loaded.journeys, loaded.snapshots, catalog())


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    features_from_parquet(touchpoints, snapshots, out, catalog())
