"""A points table replayed over whole journeys: how many points each lead has at its best, for ever and until a moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.params import FeaturesParams
from features.selectors import Selectors
from features.timeline import DAY_US
from features.vocabulary import CODED_FIELDS
from models.params import PointsParams
from pipeline.matrix.account_batches import snapshot_batches
from pipeline.population.micros import micros

__all__ = ["MILLI", "Replay", "highest_points", "replay_points"]

MILLI = 1000
"""Points are whole thousandths, so that sums do not depend on their order."""

FIELDS = (*CODED_FIELDS, "by")


class Replay(NamedTuple):
    """The most points.

    Attributes
    ----------
    ever : ndarray of float64 [leads]
        At any moment before the export; NaN: no touchpoint of the lead has points.
    until : ndarray of float64 [looks]
        At any moment before the look; NaN likewise.
    lead : ndarray of int64 [looks]
        Place of each look's lead among the leads.
    """

    ever: np.ndarray
    until: np.ndarray
    lead: np.ndarray


def replay_points(
    canonical: Path, lead_ids: pd.Series, looks: pd.DataFrame, points: PointsParams, features: FeaturesParams
) -> Replay:
    """Replay a table.

    Points change upwards only when a touchpoint becomes known, so only these moments are looked at: just after a touchpoint is
    recorded, what occurred within the observation and is known by then counts, less of it by the steps of decay.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    lead_ids : Series of str
        All leads.
    looks : DataFrame
        lead_id, snapshot_at; of these leads.
    points : PointsParams
        The table; its rules are selectors.
    features : FeaturesParams
        Selectors and observation.
    """
    ever, until = np.full(len(lead_ids), np.nan), np.full(len(looks), np.nan)
    position = pd.Index(lead_ids.astype(object))
    # Every lead is looked at once, so that leads without a hand-over are read too
    never = pd.Timestamp.max.floor("us").tz_localize("UTC")
    asked = pd.concat(
        [
            looks[["lead_id", "snapshot_at"]],
            pd.DataFrame({"lead_id": lead_ids.to_numpy(), "snapshot_at": never}),
        ],
        ignore_index=True,
    )
    asked["snapshot_at"] = asked["snapshot_at"].astype("datetime64[us, UTC]")
    selectors = Selectors({name: features.selectors[name] for name in points.interactions})
    windows = points.windows(features.observation_days)
    for batch, rows in snapshot_batches(canonical, asked):
        if "touchpoints" not in batch.tables:
            break
        code, at = position.get_indexer(pd.Index(batch.lead_ids, dtype=object)), asked.iloc[rows]
        touchpoints, worth = _with_points(batch.tables["touchpoints"], selectors, list(points.interactions.values()))
        lead = pd.Index(batch.lead_ids).get_indexer(touchpoints["lead_id"].to_pandas())
        occurred = touchpoints["occurred_at"].cast(pa.int64()).to_numpy()
        known = np.maximum(
            occurred, pc.coalesce(touchpoints["recorded_at"], touchpoints["occurred_at"]).cast(pa.int64()).to_numpy()
        )
        own, moment, total = highest_points(lead, occurred, known, worth, windows)
        best = np.full(len(batch.lead_ids), np.nan)
        if len(own):
            last = np.flatnonzero(np.append(own[1:] != own[:-1], True))
            best[own[last]] = total[last]
        ever[code] = best
        asked_lead = pd.Index(batch.lead_ids).get_indexer(pd.Index(at["lead_id"]))
        found = _before(own, moment, total, asked_lead, micros(at["snapshot_at"]))
        is_look = rows < len(looks)
        until[rows[is_look]] = found[is_look]
    return Replay(ever, until, position.get_indexer(pd.Index(looks["lead_id"].astype(object))))


def highest_points(
    lead: np.ndarray,
    occurred: np.ndarray,
    known: np.ndarray,
    worth: np.ndarray,
    windows: Sequence[tuple[int, float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow the points of each lead, and keep the highest so far.

    Parameters
    ----------
    lead : ndarray of int64 [touchpoints]
        0-based, in any order.
    occurred, known : ndarray of int64
        UTC microseconds; known is not before occurred.
    worth : ndarray of int64
        Thousandths of points.
    windows : sequence of (days, share)
        As `PointsParams.windows` gives them.

    Returns
    -------
    lead, moment : ndarray of int64
        Ascending; the moment at which a touchpoint became known.
    highest : ndarray of float64
        Points at their highest until just after that moment.

    Examples
    --------
    >>> day = DAY_US
    >>> at = np.array([0, 3 * day, 12 * day])
    >>> highest_points(np.zeros(3, int), at, at, np.array([1000, 2000, 2000]), [(10, 1.0)])[2].tolist()
    [1.0, 3.0, 4.0]
    """
    order = np.lexsort((known, lead))
    lead, occurred, known, worth = lead[order], occurred[order], known[order], worth[order]
    step = len(lead) + 1

    def key(at: np.ndarray, among: np.ndarray) -> np.ndarray:
        # How many of the moments are not after this one: leads and moments in one integer that sorts like the pair
        return lead * step + np.searchsorted(among, at, side="right")

    moments = _distinct(known)
    here = key(known, moments)
    last = np.searchsorted(here, here, side="right")
    moments = _distinct(occurred)
    age = key(occurred, moments)
    by_age = np.argsort(age, kind="stable")
    age = age[by_age]
    total = np.zeros(len(lead))
    for days, share in windows:
        span = days * DAY_US
        # What becomes known later than a whole window after it occurred never counts in it
        counted = np.where(known - occurred < span, worth, 0)
        gained = np.concatenate(([0], np.cumsum(counted)))[last]
        lapsed = np.concatenate(([0], np.cumsum(counted[by_age])))
        total += share * (gained - lapsed[np.searchsorted(age, key(known - span, moments), side="right")])
    total /= MILLI
    return lead, known, _running_maximum(lead, total)


def _distinct(values: np.ndarray) -> np.ndarray:
    """Give the distinct values, ascending; sorting is several times faster here than numpy's hashing."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.append(True, ordered[1:] != ordered[:-1])]) if len(ordered) else ordered


def _running_maximum(lead: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give the highest value so far within each lead; rows stand by lead."""
    if not len(values):
        return values
    ranks = _distinct(values)
    offset = lead * len(ranks)
    return np.asarray(ranks[np.maximum.accumulate(np.searchsorted(ranks, values) + offset) - offset])


def _before(lead: np.ndarray, moment: np.ndarray, highest: np.ndarray, asked: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Give the highest value before each asked moment; NaN: there is none."""
    if not len(lead):
        return np.full(len(asked), np.nan)
    moments = _distinct(moment)
    step = len(moments) + 1
    keys = lead * step + np.searchsorted(moments, moment)
    place = np.searchsorted(keys, asked * step + np.searchsorted(moments, at), side="left") - 1
    is_own = (place >= 0) & (lead[np.maximum(place, 0)] == asked)
    return np.where(is_own, highest[np.maximum(place, 0)], np.nan)


def _with_points(table: pa.Table, selectors: Selectors, points: Sequence[float]) -> tuple[pa.Table, np.ndarray]:
    """Keep the touchpoints that have points, and give these in thousandths."""
    columns = {
        name: table[name] if name in table.column_names else pa.nulls(len(table), pa.string()) for name in FIELDS
    }
    code, size = np.zeros(len(table), dtype=np.int64), 1
    values = []
    for column in columns.values():
        encoded = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.dictionary_encode()
        encoded = encoded.unify_dictionaries().combine_chunks()
        names = [] if isinstance(encoded, pa.ChunkedArray) else encoded.dictionary.to_pylist()
        indices = (
            np.zeros(0, np.int64)
            if isinstance(encoded, pa.ChunkedArray)
            else encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        values.append([*names, None])
        code = code * (len(names) + 1) + indices
        size *= len(names) + 1
    seen, place = np.unique(code, return_inverse=True)
    by_rule = dict(zip(selectors.names, (round(value * MILLI) for value in points), strict=True))
    worth = np.zeros(len(seen), dtype=np.int64)
    for row, number in enumerate(seen.tolist()):
        of_row: list[str | None] = []
        for names in reversed(values):
            number, which = divmod(number, len(names))
            of_row.append(names[which])
        *texts, by = reversed(of_row)
        picked = selectors.select(by=by or "lead", **dict(zip(CODED_FIELDS, texts, strict=True)))
        worth[row] = sum(by_rule[name] for name in picked)
    result = worth[place]
    has = result != 0
    if "recorded_at" not in table.column_names:
        table = table.append_column("recorded_at", table["occurred_at"])
    return table.select(["lead_id", "occurred_at", "recorded_at"]).filter(pa.array(has)), result[has]
