"""pandas: a merge of snapshots and touchpoints, then group-bys over masked rows; nothing row by row.

Text is encoded and touchpoints are sorted by lead, newest first, when they are loaded. So the latest touchpoint of a value
comes first, and distinct counts are group-bys over what is no duplicate, instead of `nunique` once per window.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.peers.definition import DAY_US, FEATURES, HALF_LIVES, LATEST_OF, OBSERVATION_DAYS, SELECTORS, Selector

__all__ = ["compute", "end_to_end", "load", "prepare"]

CHUNK_ROWS = 100_000
"""Snapshots at a time: joined with their touchpoints, millions of them would not fit in memory."""


class Loaded(NamedTuple):
    """Touchpoints and snapshots, sorted by lead; leads, days and times as integers, text as categories."""

    touchpoints: pd.DataFrame
    snapshots: pd.DataFrame


def prepare(_folder: Path) -> None:
    """Nothing to do."""


def load(touchpoints: Path, snapshots: Path) -> Loaded:
    """Read both files, encode text, sort by lead and time."""
    chosen = pd.read_parquet(snapshots)
    lead, ids = pd.factorize(chosen["lead_id"], sort=True)
    chosen = chosen.assign(lead=lead, moment=_micros(chosen["snapshot_at"]))
    chosen = chosen.sort_values("lead", kind="stable", ignore_index=True)
    table = pd.read_parquet(touchpoints)
    occurred = _micros(table["occurred_at"])
    known = pd.DataFrame(
        {
            "lead": pd.Index(ids).get_indexer(table["lead_id"]),
            "at": occurred,
            "known_at": np.maximum(occurred, _micros(table["recorded_at"].fillna(table["occurred_at"]))),
            "day": occurred // DAY_US,
            "value": table["value"].fillna(0.0),
            **{field: table[field].astype("category") for field in ("kind", "channel", "asset")},
        }
    )
    return Loaded(known.sort_values(["lead", "at"], ascending=[True, False], ignore_index=True), chosen)


def _micros(moments: pd.Series) -> np.ndarray:
    return moments.dt.as_unit("us").astype("int64").to_numpy()


def _mask(touchpoints: pd.DataFrame, selector: Selector) -> np.ndarray:
    mask = np.ones(len(touchpoints), dtype=bool)
    rules = [("kind", selector.kinds), ("channel", selector.channels)]
    if selector.asset_prefix:
        known = touchpoints["asset"].cat.categories
        rules.append(("asset", tuple(known[known.str.startswith(selector.asset_prefix)])))
    for field, values in rules:
        if values:
            mask &= touchpoints[field].isin(values).to_numpy()
    return mask


def compute(loaded: Loaded) -> pd.DataFrame:
    """Compute all features, by ranges of leads where there are many snapshots."""
    touchpoints, snapshots = loaded
    known = touchpoints[["lead", "at", "known_at", "day", "value"]].assign(
        channel=touchpoints["channel"].cat.codes,
        asset=touchpoints["asset"].cat.codes,
        **{f"is_{name}": _mask(touchpoints, selector) for name, selector in SELECTORS.items()},
    )
    lead = snapshots["lead"].to_numpy()
    parts = max(1, round(len(snapshots) / CHUNK_ROWS))
    bounds = np.linspace(0, lead[-1] + 1, parts + 1).astype(int)
    rows = np.searchsorted(lead, bounds)
    places = np.searchsorted(known["lead"].to_numpy(), bounds)
    computed = [
        _features(known.iloc[places[i] : places[i + 1]], snapshots.iloc[rows[i] : rows[i + 1]]) for i in range(parts)
    ]
    return pd.concat(computed, ignore_index=True)


def _features(known: pd.DataFrame, snapshots: pd.DataFrame) -> pd.DataFrame:
    rows = pd.RangeIndex(len(snapshots))
    asked = pd.DataFrame({"lead": snapshots["lead"].to_numpy(), "moment": snapshots["moment"].to_numpy(), "row": rows})
    seen = asked.merge(known, on="lead")
    age = seen["moment"] - seen["at"]
    visible = (seen["known_at"] < seen["moment"]) & (age <= OBSERVATION_DAYS * DAY_US)
    seen = seen.assign(age=age)[visible].drop(columns=["lead", "moment", "at", "known_at"])
    for days in HALF_LIVES:
        seen[f"weight_{days}"] = np.exp(seen["age"].to_numpy() * (-math.log(2) / (days * DAY_US)))
    columns = {}
    for name, selector in SELECTORS.items():
        picked = seen if name == "all" else seen[seen[f"is_{name}"]]
        for feature, values in _of_selector(picked, name, selector).items():
            columns[feature] = values.reindex(rows).astype("float32")
    result = pd.DataFrame({f.name: columns[f.name] for f in FEATURES})
    zeros = [f.name for f in FEATURES if not f.operation.startswith("days_since")]
    result[zeros] = result[zeros].fillna(0.0)
    keys = snapshots[["lead_id", "snapshot_at"]].reset_index(drop=True)
    return pd.concat([keys, result], axis=1)


def _of_selector(picked: pd.DataFrame, name: str, selector: Selector) -> dict[str, pd.Series]:
    found = {}
    groups = picked.groupby("row", sort=False)
    weights = groups[[f"weight_{days}" for days in HALF_LIVES]].sum()
    once = {"days_since_last": groups["age"].min() / DAY_US, "days_since_first": groups["age"].max() / DAY_US}
    values = {field: _latest(picked, field) for op, field in LATEST_OF.items() if op in selector.operations}
    within = {}
    for feature in FEATURES:
        if feature.selector != name:
            continue
        operation, days = feature.operation, feature.days
        if operation == "decayed_count":
            found[feature.name] = weights[f"weight_{days}"]
        elif operation in once:
            found[feature.name] = once[operation]
        elif operation in LATEST_OF:
            latest = values[LATEST_OF[operation]]
            found[feature.name] = latest[latest["age"] <= days * DAY_US].groupby("row", sort=False).size()
        else:
            if days not in within:
                within[days] = picked[picked["age"] <= days * DAY_US].groupby("row", sort=False)
            found[feature.name] = within[days].size() if operation == "count" else within[days]["value"].sum()
    return found


def _latest(picked: pd.DataFrame, field: str) -> pd.DataFrame:
    """Keep each snapshot's latest touchpoint of every value; rows are sorted by time, newest first."""
    values = picked.loc[picked[field] >= 0, ["row", "age", field]] if field != "day" else picked[["row", "age", field]]
    # one integer key instead of two columns: hashing is most of the work
    key = values["row"].to_numpy(dtype="int64") * 1_000_000 + values[field].to_numpy(dtype="int64")
    return values.loc[~pd.Series(key, index=values.index).duplicated(), ["row", "age"]]


def end_to_end(touchpoints: Path, snapshots: Path, out: Path) -> None:
    """Turn unsorted Parquet into a Parquet of features."""
    compute(load(touchpoints, snapshots)).to_parquet(out, index=False)
