"""Featuretools: an entity set with cutoff times, a feature matrix per training window, native primitives under `where` clauses.

What the secondary time index nulls before it was recorded are the selectors' flags, so a touchpoint recorded late counts
nowhere. Recency and decay are written as `Max`, `Min` and `Sum` of prepared numbers, which pandas computes natively; primitives
that take the calculation time would call Python once per lead and moment.
"""

from pathlib import Path
from typing import NamedTuple

import featuretools as ft
import numpy as np
import pandas as pd
from featuretools.primitives import Count, Max, Min, NumUnique, Sum

from bench.peers.definition import DAY_US, FEATURES, HALF_LIVES, LATEST_OF, SELECTORS, WINDOWS, Feature, Selector

__all__ = ["compute", "end_to_end", "load", "prepare"]


class Loaded(NamedTuple):
    """The entity set, cutoff times, and the moment that decay is counted from."""

    entities: ft.EntitySet
    cutoffs: pd.DataFrame
    newest: pd.Timestamp


def prepare(_folder: Path) -> None:
    """Nothing to do."""


def _flag(table: pd.DataFrame, selector: Selector) -> pd.Series:
    mask = pd.Series(True, index=table.index)
    for field, values in (("kind", selector.kinds), ("channel", selector.channels)):
        if values:
            mask &= table[field].isin(values)
    if selector.asset_prefix:
        mask &= table["asset"].str.startswith(selector.asset_prefix, na=False)
    return mask


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files and build the entity set."""
    table, chosen = pd.read_parquet(touchpoints), pd.read_parquet(snapshots)
    occurred = table["occurred_at"].dt.tz_localize(None)
    recorded = table["recorded_at"].dt.tz_localize(None).fillna(occurred)
    newest = chosen["snapshot_at"].dt.tz_localize(None).max()
    age = (newest - occurred) / pd.Timedelta(days=1)
    flags = {f"is_{name}": _flag(table, selector) for name, selector in SELECTORS.items()}
    prepared = pd.DataFrame(
        {
            "touchpoint": np.arange(len(table)),
            "lead_id": table["lead_id"],
            "occurred_at": occurred,
            "known_at": np.maximum(occurred, recorded),
            "moment": occurred.astype("datetime64[us]").astype("int64").astype("float64"),
            "value": table["value"].fillna(0.0),
            "day": occurred.dt.floor("D").dt.strftime("%Y-%m-%d"),
            "channel": table["channel"],
            "asset": table["asset"],
            **{f"grown_{days}": np.exp2(-age / days) for days in HALF_LIVES},
            **flags,
        }
    )
    entities = ft.EntitySet("journeys")
    entities.add_dataframe(
        dataframe_name="touchpoints",
        dataframe=prepared,
        index="touchpoint",
        time_index="occurred_at",
        secondary_time_index={"known_at": list(flags)},
        logical_types={
            **dict.fromkeys(("lead_id", "day", "channel", "asset"), "Categorical"),
            **dict.fromkeys(flags, "BooleanNullable"),
        },
    )
    entities.add_dataframe(
        dataframe_name="leads",
        dataframe=pd.DataFrame({"lead_id": chosen["lead_id"].unique()}),
        index="lead_id",
        logical_types={"lead_id": "Categorical"},
    )
    entities.add_relationship("leads", "lead_id", "touchpoints", "lead_id")
    cutoffs = pd.DataFrame({"lead_id": chosen["lead_id"], "time": chosen["snapshot_at"].dt.tz_localize(None)})
    return Loaded(entities, cutoffs, newest)


def _of(entities: ft.EntitySet, feature: Feature) -> ft.FeatureBase:
    """Write one column as a Featuretools feature."""
    column, primitive = {
        "count": ("touchpoint", Count),
        "sum_value": ("value", Sum),
        "decayed_count": (f"grown_{feature.days}", Sum),
        "days_since_last": ("moment", Max),
        "days_since_first": ("moment", Min),
    }.get(feature.operation) or (LATEST_OF[feature.operation], NumUnique)
    touchpoints = entities["touchpoints"]
    picked = ft.Feature(touchpoints.ww[f"is_{feature.selector}"]) == True  # noqa: E712
    made = ft.Feature(touchpoints.ww[column], parent_dataframe_name="leads", primitive=primitive, where=picked)
    return made.rename(feature.name)


def _window(feature: Feature) -> int:
    """Tell the training window: recency and decay look at all that is seen."""
    return WINDOWS[-1] if feature.operation == "decayed_count" else feature.days or WINDOWS[-1]


def compute(loaded: Loaded) -> pd.DataFrame:
    """Compute one feature matrix per window, and put them together."""
    entities, cutoffs, newest = loaded
    parts = []
    for days in WINDOWS:
        mine = [f for f in FEATURES if _window(f) == days]
        matrix = ft.calculate_feature_matrix(
            [_of(entities, f) for f in mine],
            entityset=entities,
            cutoff_time=cutoffs,
            training_window=f"{days} days",
            include_cutoff_time=False,
            cutoff_time_in_index=True,
        )
        parts.append(matrix[[f.name for f in mine]].sort_index())
    result = pd.concat(parts, axis=1).astype("float64")
    at = result.index.get_level_values("time")
    moment = at.to_numpy(dtype="datetime64[us]").astype("int64")
    shrunk = (newest - at) / pd.Timedelta(days=1)
    for f in FEATURES:
        if f.operation.startswith("days_since"):
            result[f.name] = (moment - result[f.name]) / DAY_US
        else:
            result[f.name] = result[f.name].fillna(0.0)
            if f.operation == "decayed_count":
                result[f.name] *= np.exp2(shrunk.to_numpy() / f.days)
    keys = result.index.to_frame(index=False).astype({"lead_id": str})
    keys = keys.rename(columns={"time": "snapshot_at"})
    keys["snapshot_at"] = keys["snapshot_at"].dt.tz_localize("UTC").dt.as_unit("us")
    return pd.concat([keys, result[[f.name for f in FEATURES]].reset_index(drop=True).astype("float32")], axis=1)


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    compute(load(touchpoints, snapshots)).to_parquet(out, index=False)
