"""Polars: a lazy join of snapshots and touchpoints, one group-by whose aggregates are sums over masks, streamed.

Distinct counts come from a first group-by per value (how long ago was its latest touchpoint?), instead of
``filter(...).n_unique()`` once per window.
"""

import math
from pathlib import Path
from typing import NamedTuple

import polars as pl

from bench.peers.definition import DAY_US, FEATURES, HALF_LIVES, LATEST_OF, OBSERVATION_DAYS, SELECTORS, Selector

__all__ = ["compute", "end_to_end", "load", "prepare"]

CHUNK_ROWS = 130_000
"""Snapshots at a time: joined with their touchpoints, millions of them would fit neither in memory nor in a cache."""


class Loaded(NamedTuple):
    """Touchpoints and snapshots, sorted by lead, text as categories; snapshots with their number as `row`."""

    touchpoints: pl.DataFrame
    snapshots: pl.DataFrame


def prepare(_folder: Path) -> None:
    """Nothing to do."""


def _encoded(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.with_columns(pl.col(pl.String).cast(pl.Categorical))


def _rule(selector: Selector) -> pl.Expr:
    parts = [pl.lit(True)]
    if selector.kinds:
        parts.append(pl.col("kind").is_in(selector.kinds))
    if selector.channels:
        parts.append(pl.col("channel").is_in(selector.channels))
    if selector.asset_prefix:
        parts.append(pl.col("asset").cat.starts_with(selector.asset_prefix))
    # a missing value never fits
    return pl.all_horizontal(parts).fill_null(False)


def _known(touchpoints: pl.LazyFrame) -> pl.LazyFrame:
    """Reduce touchpoints to what aggregates need, once, before the join repeats them."""
    at = pl.col("occurred_at").dt.epoch("us")
    return touchpoints.select(
        "lead_id",
        at.alias("at"),
        pl.max_horizontal(at, pl.col("recorded_at").dt.epoch("us")).alias("known_at"),
        (at // DAY_US).cast(pl.Int32).alias("day"),
        pl.col("channel").to_physical(),
        pl.col("asset").to_physical(),
        pl.col("value").fill_null(0.0),
        *[_rule(selector).alias(f"is_{name}") for name, selector in SELECTORS.items()],
    )


def _seen(known: pl.LazyFrame, snapshots: pl.LazyFrame) -> pl.LazyFrame:
    """Pair every snapshot with the touchpoints that it sees."""
    age = pl.col("moment") - pl.col("at")
    return (
        snapshots.select("lead_id", "row", pl.col("snapshot_at").dt.epoch("us").alias("moment"))
        .join(known, on="lead_id")
        .filter(pl.col("known_at") < pl.col("moment"), age <= OBSERVATION_DAYS * DAY_US)
        .with_columns(age.alias("age"))
        .drop("lead_id", "moment", "at", "known_at")
    )


def _plain(operation: str, selector: str, days: int) -> pl.Expr:
    mask = pl.col(f"is_{selector}")
    if operation in ("count", "sum_value"):
        inside = mask & (pl.col("age") <= days * DAY_US)
        # when/then streams; filter inside an aggregate takes nearly twice as long
        return inside.sum() if operation == "count" else pl.when(inside).then("value").otherwise(0.0).sum()
    if operation == "decayed_count":
        return pl.when(mask).then(f"weight_{days}").otherwise(0.0).sum()
    age = pl.when(mask).then("age")
    return (age.min() if operation == "days_since_last" else age.max()) / DAY_US


def _distinct(seen: pl.LazyFrame, operation: str) -> pl.LazyFrame:
    field = LATEST_OF[operation]
    mine = [feature for feature in FEATURES if feature.operation == operation]
    selectors = dict.fromkeys(feature.selector for feature in mine)
    latest = [pl.when(f"is_{name}").then("age").min().alias(f"latest_{name}") for name in selectors]
    counts = [(pl.col(f"latest_{f.selector}") <= f.days * DAY_US).sum().cast(pl.Float32).alias(f.name) for f in mine]
    return seen.filter(pl.col(field).is_not_null()).group_by("row", field).agg(latest).group_by("row").agg(counts)


def _features(known: pl.LazyFrame, snapshots: pl.LazyFrame) -> pl.LazyFrame:
    """Describe the whole computation; `snapshots` has the columns lead_id, snapshot_at, row."""
    seen = _seen(known, snapshots)
    weights = [(pl.col("age") * (-math.log(2) / (days * DAY_US))).exp().alias(f"weight_{days}") for days in HALF_LIVES]
    plain = [
        _plain(f.operation, f.selector, f.days).cast(pl.Float32).alias(f.name)
        for f in FEATURES
        if f.operation not in LATEST_OF
    ]
    result = snapshots.join(seen.with_columns(weights).group_by("row").agg(plain), on="row", how="left")
    for operation in LATEST_OF:
        result = result.join(_distinct(seen, operation), on="row", how="left")
    zeros = [
        pl.col(f.name) if f.operation.startswith("days_since") else pl.col(f.name).fill_null(0.0) for f in FEATURES
    ]
    return result.select("lead_id", "snapshot_at", *zeros)


def _parts(snapshots: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut sorted snapshots into ranges of leads."""
    parts = max(1, round(len(snapshots) / CHUNK_ROWS))
    lead = pl.col("lead_id").rle_id()
    numbered = snapshots.with_columns(lead.alias("part"))
    leads = numbered["part"][-1] + 1
    return numbered.with_columns(pl.col("part") * parts // leads).partition_by(
        "part", maintain_order=True, include_key=False
    )


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files, encode text and sort by lead, which makes the join's and the groups' memory local."""
    chosen = _encoded(pl.scan_parquet(snapshots)).sort("lead_id").with_row_index("row")
    return Loaded(_encoded(pl.scan_parquet(touchpoints)).sort("lead_id").collect(), chosen.collect())


def compute(loaded: Loaded) -> pl.DataFrame:
    """Compute all features, by ranges of leads where there are many snapshots."""
    known = _known(loaded.touchpoints.lazy())
    parts = _parts(loaded.snapshots)
    if len(parts) == 1:
        return _features(known, loaded.snapshots.lazy()).collect(engine="streaming")
    reduced = known.collect().lazy()
    return pl.concat([_part(reduced, part).collect(engine="streaming") for part in parts])


def _part(known: pl.LazyFrame, snapshots: pl.DataFrame) -> pl.LazyFrame:
    mine = snapshots["lead_id"].unique().to_frame().lazy()
    return _features(known.join(mine, on="lead_id", how="semi"), snapshots.lazy())


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    compute(load(touchpoints, snapshots)).with_columns(pl.col("lead_id").cast(pl.String)).write_parquet(
        out, compression="snappy"
    )
