"""The project's engine: journeys built once from Arrow, then one compiled fold."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.peers.definition import FEATURES, HALF_LIVES, OBSERVATION_DAYS, SELECTORS, WINDOWS, Selector
from features.catalog import Catalog, build_catalog
from features.compute import Snapshots, compute_features, warm_up
from features.journeys import Journeys
from features.params import FeaturesParams, SelectorParams

__all__ = ["compute", "end_to_end", "load", "prepare", "to_arrow"]


class Loaded(NamedTuple):
    """Journeys, the snapshots by position, and the snapshots' keys as they were read."""

    journeys: Journeys
    snapshots: Snapshots
    keys: pa.Table


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
    """Load the compiled kernel, which a service or a stage does once."""
    catalog()
    warm_up()


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files and build journeys: text encoded, sorted by lead and time."""
    table = pq.read_table(touchpoints, read_dictionary=["lead_id", "kind", "channel", "asset"])
    keys = pq.read_table(snapshots, read_dictionary=["lead_id"])
    ids = pc.unique(keys["lead_id"].unify_dictionaries().combine_chunks()).dictionary_decode()
    journeys = Journeys.from_arrow(table, None, None, ids.to_pylist(), unknown_leads="ignore")
    lead = pc.index_in(keys["lead_id"].cast(pa.string()), value_set=ids).to_numpy()
    return Loaded(journeys, Snapshots(lead, keys["snapshot_at"].cast(pa.int64()).to_numpy()), keys)


def compute(loaded: Loaded) -> np.ndarray:
    """Compute the matrix, one row per snapshot."""
    return compute_features(loaded.journeys, loaded.snapshots, catalog())


def to_arrow(loaded: Loaded, matrix: np.ndarray) -> pa.Table:
    """Put keys and columns together."""
    return _table(loaded.keys, catalog().names, matrix)


def _table(keys: pa.Table, names: Sequence[str], matrix: np.ndarray) -> pa.Table:
    columns = {name: pa.array(np.ascontiguousarray(matrix[:, column])) for column, name in enumerate(names)}
    return pa.table({"lead_id": keys["lead_id"], "snapshot_at": keys["snapshot_at"], **columns})


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    loaded = load(touchpoints, snapshots)
    pq.write_table(to_arrow(loaded, compute(loaded)), out)
