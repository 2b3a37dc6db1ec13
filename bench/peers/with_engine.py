"""The project's engine: journeys built once from Arrow, then one compiled fold."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.peers.definition import FEATURES, HALF_LIVES, KEYS, OBSERVATION_DAYS, SELECTORS, WINDOWS, Selector
from features.catalog import Catalog, build_catalog
from features.compute import Snapshots, compute_features, warm_up
from features.journeys import Journeys
from features.params import FeaturesParams, SelectorParams

__all__ = ["catalog", "compute", "end_to_end", "load", "prepare"]

BLOCK_ROWS = 130_000
"""Snapshots of one row group."""


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
    keys = pq.read_table(snapshots, read_dictionary=["lead_id"]).unify_dictionaries().combine_chunks()
    ids = keys["lead_id"].chunk(0)
    journeys = Journeys.from_arrow(table, None, None, ids.dictionary.to_pylist(), unknown_leads="ignore")
    lead = ids.indices.to_numpy()
    order = np.argsort(lead, kind="stable")
    moments = keys["snapshot_at"].cast(pa.int64()).to_numpy()
    return Loaded(journeys, Snapshots(lead[order], moments[order]), keys.take(pa.array(order)))


def compute(loaded: Loaded) -> np.ndarray:
    """Compute the matrix, one row per snapshot."""
    return compute_features(loaded.journeys, loaded.snapshots, catalog())


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features: while one block of leads is written, the next is computed."""
    loaded = load(touchpoints, snapshots)
    every, at = loaded.snapshots, range(0, len(loaded.keys), BLOCK_ROWS)
    with ThreadPoolExecutor(1) as pool, pq.ParquetWriter(out, schema(), use_dictionary=list(KEYS)) as writer:
        written = pool.submit(int)
        for begin in at:
            block = slice(begin, begin + BLOCK_ROWS)
            chosen = Snapshots(every.lead_index[block], every.snapshot_at[block])
            matrix = compute_features(loaded.journeys, chosen, catalog())
            written.result()
            written = pool.submit(_write, writer, loaded.keys.slice(begin, BLOCK_ROWS), matrix)
        written.result()


def schema() -> pa.Schema:
    """Give the columns of a result."""
    moment = pa.timestamp("us", tz="UTC")
    columns = [pa.field(name, pa.float32()) for name in catalog().names]
    return pa.schema([pa.field("lead_id", pa.string()), pa.field("snapshot_at", moment), *columns])


def _write(writer: pq.ParquetWriter, keys: pa.Table, matrix: np.ndarray) -> None:
    columns = [pa.array(column) for column in np.ascontiguousarray(matrix.T)]
    ids, moments = keys["lead_id"].cast(pa.string()), keys["snapshot_at"].cast(schema().field("snapshot_at").type)
    writer.write_table(pa.Table.from_arrays([ids, moments, *columns], schema=schema()))
