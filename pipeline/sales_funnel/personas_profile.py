"""What is known of a lead until a moment, as blocks of columns for clustering: who it is, what it reads, where, in which order.

How much a lead did is left out on purpose: plain counts split customers into busy and idle ones, whoever they are.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.sales_funnel.journey_paths import JourneyPaths, Visits

__all__ = ["BehaviourCounts", "Block", "Profile", "attribute_codes", "behaviour_counts", "topics_of"]

Block = Literal["who", "content", "channels", "order"]
"""Attributes; shares of contents; shares of channels; the mean place of each content."""

SMOOTHING = 6.0
"""Touchpoints' worth of the average customer, added to each: a short journey says little."""
RARE = 0.03
"""Attribute values of fewer customers share a column."""
RARE_CHANNEL = 0.01
"""Channels of a smaller share of the touchpoints have no column."""
MANY = 0.5
"""A category whose rare values cover more than this share of the customers is free text or an id, and says nothing."""
BANDS = 4
LEAST_USED = 0.002
"""Share of all touchpoints from which a content has columns."""
ONE_CHANNEL = 0.9
"""A content of which more touchpoints come over one channel tells neither apart: who gets mails opens some."""


@dataclass(frozen=True, eq=False)
class BehaviourCounts:
    """Per look, what was done until its moment.

    Attributes
    ----------
    contents, channels : ndarray of float64 [looks, contents], [looks, channels]
        Touchpoints of each.
    places : ndarray of float64 [looks, contents]
        Sum of the places of each content's touchpoints in the journey, from -1 (the first touchpoint) to 1 (the last).
    """

    contents: np.ndarray
    channels: np.ndarray
    places: np.ndarray

    def take(self, rows: np.ndarray) -> "BehaviourCounts":
        """Pick looks by position or mask."""
        return BehaviourCounts(self.contents[rows], self.channels[rows], self.places[rows])


def behaviour_counts(
    paths: JourneyPaths, visits: Visits, looks: int, topics: np.ndarray | None = None
) -> BehaviourCounts:
    """Count what looks see.

    Parameters
    ----------
    paths : JourneyPaths
    visits : Visits
        Of `looks` looks.
    looks : int
    topics : ndarray of bool [contents], optional
        Count channels of these contents alone.
    """
    content, channel = paths.content[visits.row].astype(np.int64), paths.channel[visits.row].astype(np.int64)
    shape, places = (looks, len(paths.contents)), _places(visits.look, looks)
    cell = visits.look * shape[1] + content
    known = channel >= 0
    if topics is not None:
        known &= topics[content]
    return BehaviourCounts(
        np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64),
        np.bincount(
            visits.look[known] * len(paths.channels) + channel[known], minlength=looks * len(paths.channels)
        ).reshape(looks, len(paths.channels)).astype(np.float64),
        np.bincount(cell, weights=places, minlength=shape[0] * shape[1]).reshape(shape),
    )  # fmt: skip


def _places(look: np.ndarray, looks: int) -> np.ndarray:
    """Place each touchpoint in its journey, from -1 to 1; the only one of a journey stands at 0."""
    size = np.bincount(look, minlength=looks)
    first = np.cumsum(size) - size
    rank = np.arange(len(look)) - first[look]
    last = size[look] - 1
    return np.asarray(np.where(last > 0, 2.0 * rank / np.maximum(last, 1) - 1.0, 0.0))


class Profile:
    """How attributes and behaviour become columns; fitted on customers, applied to everybody.

    Parameters
    ----------
    attributes : DataFrame
        One column per attribute, of the customers.
    counts : BehaviourCounts
        Of the customers, channels of topics alone.
    topics : ndarray of bool [contents]
        See `topics_of`.

    Attributes
    ----------
    values : dict of str to list
        The values of each attribute that have a column, numbers as the edges of their bands.
    """

    def __init__(self, attributes: pd.DataFrame, counts: BehaviourCounts, topics: np.ndarray) -> None:
        self.values: dict[str, list[Any]] = {}
        for name in attributes:
            kept = _columns_of(attributes[name])
            if kept is not None:
                self.values[str(name)] = kept
        self._topics = topics
        self._contents = _usual(counts.contents[:, topics])
        usual = _usual(counts.channels)
        self._over = usual >= RARE_CHANNEL
        self._channels = usual[self._over]
        frequency = self._indicators(attributes).mean(axis=0)
        self._frequent = frequency >= RARE
        self._frequency = frequency[self._frequent]

    def blocks(self, attributes: pd.DataFrame, counts: BehaviourCounts) -> dict[Block, np.ndarray]:
        """Give the blocks by name; one without columns is left out.

        Who somebody is: an indicator per value, divided by the root of its frequency (multiple correspondence analysis). Shares
        are square roots of smoothed ones, so that their noise is alike for frequent and rare contents (Hellinger).

        Returns
        -------
        dict of str to ndarray of float64 [rows, columns of the block]
        """
        who = (self._indicators(attributes)[:, self._frequent] - self._frequency) / np.sqrt(self._frequency)
        contents, places = counts.contents[:, self._topics], counts.places[:, self._topics]
        channels = counts.channels[:, self._over]
        blocks: dict[Block, np.ndarray] = {
            "who": who,
            "content": _shares(contents, self._contents),
            "channels": _shares(channels, self._channels),
            "order": places / (contents + 1.0),
        }
        return {name: block for name, block in blocks.items() if block.shape[1]}

    def _indicators(self, attributes: pd.DataFrame) -> np.ndarray:
        columns = [np.zeros((len(attributes), 0))]
        for name, kept in self.values.items():
            codes = attribute_codes(attributes[name], kept)
            columns.append(np.asarray(codes[:, None] == np.arange(-1, len(kept) + 1)[None, :], dtype=np.float64))
        return np.hstack(columns)


def topics_of(paths: JourneyPaths, rows: np.ndarray, attributes: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Choose what says something of its own among the customers.

    A content that comes over one channel alone, such as an opened mail, tells of neither. An attribute that names
    campaigns or channels says how a lead came, which its journey says, not who it is.

    Parameters
    ----------
    paths : JourneyPaths
    rows : ndarray of int64
        The customers' touchpoints.
    attributes : DataFrame
        Of the customers.

    Returns
    -------
    topics : ndarray of bool [contents]
        All that are used where none would be left.
    attributes : list of str
        Names, in their order.
    """
    shape = (len(paths.contents), len(paths.channels) + 1)
    cell = paths.content[rows].astype(np.int64) * shape[1] + (paths.channel[rows].astype(np.int64) + 1)
    together = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = together.sum(axis=1)
    used = total >= max(LEAST_USED * total.sum(), 1)
    single = together[:, 1:].max(axis=1, initial=0) > ONE_CHANNEL * total
    topics = used & ~single
    names = set(paths.campaigns) | set(paths.channels)
    kept = []
    for name in attributes:
        values = attributes[name].dropna().unique().tolist()
        if not values or np.mean([value in names for value in values]) < 0.5:
            kept.append(str(name))
    return (topics if topics.any() else used), kept


def attribute_codes(column: pd.Series, kept: list[Any]) -> np.ndarray:
    """Code an attribute's values: 0 to n - 1 for `kept` (bands of numbers: 0 to n), n for others, -1 for missing."""
    missing = column.isna().to_numpy()
    if kept and isinstance(kept[0], float):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), -1, np.searchsorted(np.array(kept), numbers, side="right"))
    index = pd.Index(kept, dtype=object).get_indexer(pd.Index(column.astype(object)))
    return np.where(missing, -1, np.where(index < 0, len(kept), index))


def _columns_of(column: pd.Series) -> list[Any] | None:
    """Choose an attribute's columns; None: it says nothing of most customers, or the same of nearly all."""
    present = column.dropna()
    if len(present) < max(RARE * len(column), 1):
        return None
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        edges = np.unique(np.quantile(present.to_numpy(dtype=np.float64), np.arange(1, BANDS) / BANDS))
        return [float(edge) for edge in edges] if len(np.unique(present)) > 1 else None
    shares = present.astype(object).value_counts(sort=False) / len(column)
    frequent = shares[shares >= RARE]
    if frequent.sum() < (1.0 - MANY) * len(present) / len(column):
        return None
    kept = sorted(frequent.index, key=str)
    alike = len(kept) == 1 and frequent.iloc[0] > 1.0 - RARE
    return None if alike or not kept else kept


def _usual(counts: np.ndarray) -> np.ndarray:
    """Give the average customer's shares: each customer counts once, however busy."""
    total = counts.sum(axis=1, keepdims=True)
    some = total[:, 0] > 0
    if not some.any():
        return np.full(counts.shape[1], 1.0 / max(counts.shape[1], 1))
    return np.asarray((counts[some] / total[some]).mean(axis=0))


def _shares(counts: np.ndarray, usual: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt((counts + SMOOTHING * usual) / (total + SMOOTHING)))
